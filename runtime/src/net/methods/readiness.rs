//! Readiness: waiting for it, and doing something when it is there.

/// `ready`.
macro_rules! ready_method {
    ($ty:ident) => {
        impl $ty {
            /// Waits until it is ready for something of `interest`, and says what.
            ///
            /// It may be wrong: an operation may still say `WouldBlock`, and then takes the readiness away.
            /// Any number of tasks may wait.
            ///
            /// # Errors
            /// The runtime has shut down.
            /// # Cancel safety
            /// No readiness is lost: a later call finds it.
            pub async fn ready(
                &self,
                interest: crate::io::Interest,
            ) -> std::io::Result<crate::io::Ready> {
                self.source.ready(interest).await
            }
        }
    };
}

/// `readable`, and the poll of that name.
macro_rules! readable_methods {
    ($ty:ident, $poll_ready:ident) => {
        impl $ty {
            /// Waits until reading would not block, as [`ready`](Self::ready).
            ///
            /// # Errors
            /// As [`ready`](Self::ready).
            /// # Cancel safety
            /// As [`ready`](Self::ready).
            pub async fn readable(&self) -> std::io::Result<()> {
                self.ready(crate::io::Interest::READABLE).await.map(drop)
            }

            /// Polls for readiness to read. Of several tasks only the last one that polled for reading, by
            /// whichever method, is woken.
            ///
            /// # Errors
            /// As [`ready`](Self::ready).
            pub fn $poll_ready(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.source.poll_ready(cx, filch_io_driver::Direction::Read)
            }
        }
    };
}

/// `writable`, and the poll of that name.
macro_rules! writable_methods {
    ($ty:ident, $poll_ready:ident) => {
        impl $ty {
            /// Waits until writing would not block, as [`ready`](Self::ready).
            ///
            /// # Errors
            /// As [`ready`](Self::ready).
            /// # Cancel safety
            /// As [`ready`](Self::ready).
            pub async fn writable(&self) -> std::io::Result<()> {
                self.ready(crate::io::Interest::WRITABLE).await.map(drop)
            }

            /// Polls for readiness to write. Of several tasks only the last one that polled for writing, by
            /// whichever method, is woken.
            ///
            /// # Errors
            /// As [`ready`](Self::ready).
            pub fn $poll_ready(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.source.poll_ready(cx, filch_io_driver::Direction::Write)
            }
        }
    };
}

/// `try_io` and `async_io`.
macro_rules! io_methods {
    ($ty:ident) => {
        impl $ty {
            /// Calls `f`, which does something to the socket, if it is ready for something of `interest`.
            ///
            /// If `f` returns `WouldBlock` the readiness is taken away: `f` must return that only if the
            /// socket said so.
            ///
            /// # Errors
            /// `WouldBlock` if the socket is not ready; else that of `f`.
            pub fn try_io<R>(
                &self,
                interest: crate::io::Interest,
                f: impl FnOnce() -> std::io::Result<R>,
            ) -> std::io::Result<R> {
                self.source.registration().try_io(interest, f)
            }

            /// Calls `f` when the socket is ready for something of `interest`, until it returns something
            /// other than `WouldBlock`.
            ///
            /// # Errors
            /// That of `f`; the runtime has shut down.
            /// # Cancel safety
            /// `f` runs to its end or not at all.
            pub async fn async_io<R>(
                &self,
                interest: crate::io::Interest,
                f: impl FnMut() -> std::io::Result<R>,
            ) -> std::io::Result<R> {
                self.source.registration().async_io(interest, f).await
            }
        }
    };
}

pub(in crate::net) use {io_methods, readable_methods, ready_method, writable_methods};
