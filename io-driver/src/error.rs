//! The errors that are ours and not the operating system's.

use std::io;

/// What every operation on a source gives after [`Driver::shutdown`].
///
/// Of kind [`Other`](io::ErrorKind::Other); its text says that the runtime has shut down.
///
/// # Examples
/// ```
/// assert!(filch_io_driver::shutdown_error().to_string().contains("shut down"));
/// ```
///
/// [`Driver::shutdown`]: crate::Driver::shutdown
pub fn shutdown_error() -> io::Error {
    io::Error::other("the runtime that drives this source has shut down")
}

/// What a poll gives after `Registration::deregister`.
pub(crate) fn deregistered_error() -> io::Error {
    io::Error::other("the source is no longer registered with the I/O driver")
}
