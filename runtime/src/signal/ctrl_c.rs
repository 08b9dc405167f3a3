//! The interrupt from the terminal.

use std::io;

use super::unix::{SignalKind, signal};

/// Waits for the next Ctrl-C: on Unix, for `SIGINT`.
///
/// It listens from its first poll on, and stops when it completes or is dropped. Then, if nobody else
/// listens, the next Ctrl-C ends the process as it does by default: a program that shuts down
/// gracefully after the first one is ended by an impatient second. A program that waits for Ctrl-C
/// repeatedly, or in one branch of a `select!` in a loop, keeps one
/// [`Signal`](super::unix::Signal) of kind [`interrupt`](SignalKind::interrupt) instead, so that it
/// listens without a gap.
///
/// # Errors
/// The operating system's, if the handler or its descriptors cannot be set up; see
/// [`signal`](super::unix::signal).
///
/// # Panics
/// At the first poll, outside of a runtime with I/O
/// ([`enable_io`](crate::runtime::Builder::enable_io)).
///
/// # Cancel safety
/// Dropping it loses a signal that came since the last poll.
///
/// # Examples
/// ```no_run
/// # filch::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// println!("waiting for Ctrl-C");
/// filch::signal::ctrl_c().await?;
/// println!("stopping");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    interrupts.recv().await;
    Ok(())
}
