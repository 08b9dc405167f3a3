//! `Receiver`: the end of a pipe that is read.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;

use rustix::fs::OFlags;

use crate::io::Interest;
use crate::net::methods::{read_methods, read_trait, readable_methods};
use crate::net::source::{Received, Source};

/// The end of a pipe that is read, from [`pipe`](super::pipe()), from [`OpenOptions`](super::OpenOptions) or
/// from a descriptor.
///
/// The end of the stream is there when all ends for writing are closed. For a pipe with a name it is also
/// there before the first one is opened, and over when one is opened again: a receiver that was opened
/// with [`read_write`](super::OpenOptions::read_write) does not see it.
///
/// # Examples
/// What all the clients write, one after the other:
/// ```no_run
/// use filch::io::{AsyncBufReadExt, BufReader};
/// use filch::net::unix::pipe;
///
/// # async fn commands() -> std::io::Result<()> {
/// let receiver = pipe::OpenOptions::new().read_write(true).open_receiver("/run/app.fifo")?;
/// let mut lines = BufReader::new(receiver).lines();
/// while let Some(command) = lines.next_line().await? {
///     println!("{command}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Receiver {
    source: Source<File>,
}

super::end_methods!(Receiver, Interest::READABLE, OFlags::RDONLY);
readable_methods!(Receiver, poll_read_ready);
read_methods!(Receiver, receive);
read_trait!(Receiver, |receiver| receiver);

/// Reads. That it was short does not mean that nothing is left: the writer may have asked for packets,
/// of which a read takes no more than one.
fn receive(file: &File, room: &mut [MaybeUninit<u8>]) -> io::Result<Received<()>> {
    let (read, _) = rustix::io::read(file, room)?;
    Ok(Received::other(read.len(), ()))
}
