//! What the sockets and pipes have in common, written once.
//!
//! Callers: `tcp`, `udp`, `unix`. Each type there is one of its own, by the rule that no public type is an
//! alias or an instance of another one's; so its methods must be its own, too, and these macros write
//! them. All of them are about a type with a field `source: Source<_>`, but for those of the halves.
//!
//! | file | macros |
//! | --- | --- |
//! | here | descriptors, `Debug`, to and from std's type |
//! | `readiness.rs` | `ready`, `readable`, `writable`, `poll_*_ready`, `try_io`, `async_io` |
//! | `listener.rs` | `accept`, `poll_accept` |
//! | `stream.rs` | `try_read*`, `try_write*`, `AsyncRead`, `AsyncWrite` |
//! | `halves.rs`, `halves_owned.rs` | the halves of a stream |
//! | `datagram.rs` | `send`, `recv` and `recv_from` in their forms |

mod datagram;
mod halves;
mod halves_owned;
mod listener;
mod readiness;
mod stream;

pub(in crate::net) use datagram::datagram_methods;
pub(in crate::net) use halves::{
    borrowed_halves, half_methods, read_half_methods, write_half_methods,
};
pub(in crate::net) use halves_owned::owned_halves;
pub(in crate::net) use listener::listener_methods;
pub(in crate::net) use readiness::{io_methods, readable_methods, ready_method, writable_methods};
pub(in crate::net) use stream::{
    read_methods, read_trait, stream_methods, write_methods, write_trait,
};

/// The descriptor, and `Debug`.
macro_rules! fd_traits {
    ($ty:ident) => {
        impl std::os::fd::AsFd for $ty {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.source.as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $ty {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.source.as_raw_fd()
            }
        }

        impl std::fmt::Debug for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.source, f)
            }
        }
    };
}

/// The descriptor, `Debug`, and the way from and to std's type.
macro_rules! socket_traits {
    ($ty:ident, $std:ty) => {
        impl $ty {
            /// Takes over a socket of std's. It is made non-blocking.
            ///
            /// # Errors
            /// The system's, if it cannot be registered.
            /// # Panics
            /// Outside of a runtime, or if I/O is not enabled there.
            #[track_caller]
            pub fn from_std(socket: $std) -> std::io::Result<Self> {
                Ok(Self { source: crate::net::source::Source::from_foreign(socket)? })
            }

            #[doc = concat!(
                "As std's socket, no longer registered and still non-blocking: call [`set_nonblocking`](",
                stringify!($std),
                "::set_nonblocking) if it is to block.",
            )]
            ///
            /// # Errors
            /// The system's, if it cannot be deregistered.
            pub fn into_std(self) -> std::io::Result<$std> {
                self.source.into_inner()
            }
        }

        impl TryFrom<$std> for $ty {
            type Error = std::io::Error;

            /// As `from_std`.
            #[track_caller]
            fn try_from(socket: $std) -> std::io::Result<Self> {
                Self::from_std(socket)
            }
        }

        crate::net::methods::fd_traits!($ty);
    };
}

/// Asking for `SO_ERROR`.
macro_rules! take_error_method {
    ($ty:ident) => {
        impl $ty {
            /// Takes the error that waits at the socket (`SO_ERROR`), if there is one.
            ///
            /// # Errors
            /// The system's, if the asking fails.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.source.take_error()
            }
        }
    };
}

pub(in crate::net) use {fd_traits, socket_traits, take_error_method};
