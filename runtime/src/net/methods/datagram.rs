//! Sockets of datagrams: sending to the peer, receiving, in the `async`, `poll_` and `try_` form.

/// `send`, `recv`, `recv_from`, and their kin.
///
/// The four functions make the system call. They are given the source's socket and memory to fill:
/// `$recv` and `$recv_from` a slice of bytes, `$receive` and `$receive_from` what need not be
/// initialised.
macro_rules! datagram_methods {
    ($ty:ident, $addr:ty, $recv:path, $recv_from:path, $receive:path, $receive_from:path) => {
        impl $ty {
            /// Sends to the peer that it is connected to; how many bytes, which is all of them.
            ///
            /// # Errors
            /// The system's: no peer, too long, `ConnectionRefused` if nobody is there, which may be the
            /// answer to an earlier datagram.
            /// # Cancel safety
            /// The datagram is sent or it is not.
            pub async fn send(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.async_io(crate::io::Interest::WRITABLE, || self.source.send(buf)).await
            }

            /// As [`send`](Self::send).
            ///
            /// # Errors
            /// As [`send`](Self::send).
            pub fn poll_send(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let direction = filch_io_driver::Direction::Write;
                self.source.poll_io(cx, direction, |socket| socket.send(buf))
            }

            /// As [`send`](Self::send), if that does not block.
            ///
            /// # Errors
            /// `WouldBlock` if there is no room; as [`send`](Self::send).
            pub fn try_send(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.try_io(crate::io::Interest::WRITABLE, || self.source.send(buf))
            }

            /// Receives a datagram from the peer that it is connected to, or from anybody; how many bytes.
            ///
            /// # Errors
            /// The system's: an answer to an earlier datagram (`ConnectionRefused`); the runtime has shut
            /// down.
            /// # Cancel safety
            /// No datagram is lost.
            pub async fn recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.async_io(crate::io::Interest::READABLE, || $recv(&self.source, buf)).await
            }

            /// As [`recv`](Self::recv), behind what `buf` holds.
            ///
            /// # Errors
            /// As [`recv`](Self::recv).
            pub fn poll_recv(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.source.poll_receive(cx, buf, $receive)
            }

            /// As [`recv`](Self::recv), if that does not block.
            ///
            /// # Errors
            /// `WouldBlock` if there is none; as [`recv`](Self::recv).
            pub fn try_recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.try_io(crate::io::Interest::READABLE, || $recv(&self.source, buf))
            }

            /// As [`try_recv`](Self::try_recv), behind what `buf` holds, which grows by what was received.
            ///
            /// # Errors
            /// As [`try_recv`](Self::try_recv).
            pub fn try_recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                self.source.try_receive(buf, $receive).map(|(n, ())| n)
            }

            /// As [`recv`](Self::recv), behind what `buf` holds, which grows by what was received.
            ///
            /// # Errors
            /// As [`recv`](Self::recv).
            /// # Cancel safety
            /// No datagram is lost.
            pub async fn recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> std::io::Result<usize> {
                loop {
                    self.readable().await?;
                    match self.try_recv_buf(buf) {
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                        result => return result,
                    }
                }
            }

            /// Receives a datagram; how many bytes, and from whom.
            ///
            /// # Errors
            /// As [`recv`](Self::recv).
            /// # Cancel safety
            /// No datagram is lost.
            pub async fn recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $addr)> {
                self.async_io(crate::io::Interest::READABLE, || $recv_from(&self.source, buf)).await
            }

            /// As [`recv_from`](Self::recv_from), behind what `buf` holds.
            ///
            /// # Errors
            /// As [`recv`](Self::recv).
            pub fn poll_recv_from(
                &self,
                cx: &mut std::task::Context<'_>,
                buf: &mut crate::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<$addr>> {
                self.source.poll_receive(cx, buf, $receive_from)
            }

            /// As [`recv_from`](Self::recv_from), if that does not block.
            ///
            /// # Errors
            /// `WouldBlock` if there is none; as [`recv`](Self::recv).
            pub fn try_recv_from(&self, buf: &mut [u8]) -> std::io::Result<(usize, $addr)> {
                self.try_io(crate::io::Interest::READABLE, || $recv_from(&self.source, buf))
            }

            /// As [`try_recv_from`](Self::try_recv_from), behind what `buf` holds, which grows by what was
            /// received.
            ///
            /// # Errors
            /// As [`try_recv_from`](Self::try_recv_from).
            pub fn try_recv_buf_from<B: bytes::BufMut>(
                &self,
                buf: &mut B,
            ) -> std::io::Result<(usize, $addr)> {
                self.source.try_receive(buf, $receive_from)
            }

            /// As [`recv_from`](Self::recv_from), behind what `buf` holds, which grows by what was
            /// received.
            ///
            /// # Errors
            /// As [`recv`](Self::recv).
            /// # Cancel safety
            /// No datagram is lost.
            pub async fn recv_buf_from<B: bytes::BufMut>(
                &self,
                buf: &mut B,
            ) -> std::io::Result<(usize, $addr)> {
                loop {
                    self.readable().await?;
                    match self.try_recv_buf_from(buf) {
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                        result => return result,
                    }
                }
            }
        }

        crate::net::methods::ready_method!($ty);
        crate::net::methods::readable_methods!($ty, poll_recv_ready);
        crate::net::methods::writable_methods!($ty, poll_send_ready);
        crate::net::methods::io_methods!($ty);
        crate::net::methods::take_error_method!($ty);
    };
}

pub(in crate::net) use datagram_methods;
