//! `Sender`: the end of a pipe that is written.

use std::fs::File;

use rustix::fs::OFlags;

use crate::io::Interest;
use crate::net::methods::{writable_methods, write_methods, write_trait};
use crate::net::source::Source;

/// The end of a pipe that is written, from [`pipe`](super::pipe()), from
/// [`OpenOptions`](super::OpenOptions) or from a descriptor.
///
/// Dropping it closes it. `shutdown` does nothing: a pipe knows no other end of the writing than closing.
/// Writing to a pipe that nobody will read gives `BrokenPipe`.
///
/// # Examples
/// ```no_run
/// use filch::io::AsyncWriteExt;
/// use filch::net::unix::pipe;
///
/// # async fn tell() -> std::io::Result<()> {
/// let mut sender = pipe::OpenOptions::new().open_sender("/run/app.fifo")?;
/// sender.write_all(b"reload\n").await?;
/// # Ok(())
/// # }
/// ```
pub struct Sender {
    source: Source<File>,
}

super::end_methods!(Sender, Interest::WRITABLE, OFlags::WRONLY);
writable_methods!(Sender, poll_write_ready);
write_methods!(Sender);
write_trait!(Sender, |sender| sender, {
    let _ = sender;
    Ok(())
});
