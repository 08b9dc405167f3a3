//! Child processes.
//!
//! [`Command`] is std's, with its methods; what it starts is a [`Child`] whose end is awaited and whose
//! pipes are read and written without blocking a thread.
//!
//! On Linux the end of a child is told by its pidfd, a descriptor of this very child, through the
//! runtime's I/O driver. Where the kernel has no pidfds, and on other systems, `SIGCHLD` tells it. A child
//! that is dropped runs on, unless [`kill_on_drop`](Command::kill_on_drop) says otherwise; either way it is
//! reaped when it has ended and leaves no zombie, also when its runtime is gone. The page of the book about
//! it is `docs/process.md`.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `command.rs` | [`Command`] |
//! | `child.rs` | [`Child`] |
//! | `stdio.rs` | [`ChildStdin`], [`ChildStdout`], [`ChildStderr`] |
//! | `running.rs` | a child that has not been reaped, and who tells of its end |
//! | `ward.rs`, `reaper.rs` | children that nobody waits for, or that have no pidfd |
//! | `pidfd.rs`, `reap.rs` | the system calls |
//!
//! # Examples
//! ```
//! use std::process::Stdio;
//!
//! use filch::io::{AsyncReadExt, AsyncWriteExt};
//! use filch::process::Command;
//!
//! # #[filch::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mut child =
//!     Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//! let mut input = child.stdin.take().expect("piped");
//! let mut output = child.stdout.take().expect("piped");
//!
//! input.write_all(b"hello").await?;
//! drop(input);
//! let mut text = String::new();
//! output.read_to_string(&mut text).await?;
//!
//! assert!(child.wait().await?.success());
//! assert_eq!(text, "hello");
//! # Ok(())
//! # }
//! ```

mod child;
mod command;
#[cfg(target_os = "linux")]
mod pidfd;
mod reap;
mod reaper;
mod running;
mod stdio;
mod ward;

pub use child::Child;
pub use command::Command;
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};
