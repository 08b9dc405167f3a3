//! `Child`: a process that was started.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::process::{ExitStatus, Output};

use super::running::{Running, Ticket, abandon};
use super::stdio::{ChildStderr, ChildStdin, ChildStdout};
use crate::io::{AsyncRead, AsyncReadExt};

/// A child process, from [`Command::spawn`](super::Command::spawn).
///
/// Dropping it leaves the child running, unless [`kill_on_drop`](super::Command::kill_on_drop) was set.
/// Either way the system's entry of it is cleared away when it has ended: it never stays a zombie.
///
/// On Linux it costs a descriptor and a registration with the runtime's I/O driver, until the status is
/// taken, and one of each for each pipe.
pub struct Child {
    // First, so that a kill comes before the pipes are closed. No `Drop` here: the pipes may be moved out.
    running: Running,
    /// The writing end of its standard input, if [`Stdio::piped`](std::process::Stdio::piped) was given.
    ///
    /// `child.stdin.take()` leaves the rest of the child usable.
    pub stdin: Option<ChildStdin>,
    /// The reading end of its standard output, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The reading end of its standard error, if that is a pipe.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    /// Takes over what std has started. If that fails, the child is ended.
    #[track_caller]
    pub(super) fn adopt(
        mut child: std::process::Child,
        ticket: Ticket,
        kill_on_drop: bool,
    ) -> io::Result<Child> {
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut running = match Running::begin(&child, ticket) {
            Ok(running) => running,
            Err(error) => {
                abandon(child);
                return Err(error);
            }
        };
        // Ended by the drop, should one of the pipes fail.
        running.kill_on_drop = true;
        let mut taken = Child {
            running,
            stdin: pipes.0.map(ChildStdin::from_std).transpose()?,
            stdout: pipes.1.map(ChildStdout::from_std).transpose()?,
            stderr: pipes.2.map(ChildStderr::from_std).transpose()?,
        };
        taken.running.kill_on_drop = kill_on_drop;
        Ok(taken)
    }

    /// The number that the system gave it; `None` once its status has been taken: the number may be
    /// another process's by then.
    pub fn id(&self) -> Option<u32> {
        self.running.id()
    }

    /// Ends the child by `SIGKILL`, and does not wait for that.
    ///
    /// On Linux the signal goes through the child's pidfd: it cannot reach another process that has got
    /// the same number. A child whose status has been taken is left alone, successfully.
    ///
    /// # Errors
    /// The system's: `PermissionDenied` for a child that runs as somebody else.
    pub fn start_kill(&mut self) -> io::Result<()> {
        self.running.kill()
    }

    /// Ends the child by `SIGKILL`, and waits until it is gone.
    ///
    /// std's method of this name does not wait: that is [`start_kill`](Child::start_kill).
    ///
    /// # Errors
    /// As [`start_kill`](Child::start_kill) and [`wait`](Child::wait).
    /// # Cancel safety
    /// The signal is sent by the first poll; the status is kept for the next call.
    ///
    /// # Examples
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use filch::process::Command;
    /// use filch::time::timeout;
    ///
    /// # async fn run() -> std::io::Result<()> {
    /// let mut child = Command::new("make").spawn()?;
    /// match timeout(Duration::from_secs(60), child.wait()).await {
    ///     Ok(status) => println!("{}", status?),
    ///     Err(_) => child.kill().await?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await?;
        Ok(())
    }

    /// Waits until the child has ended. Later calls give the same status.
    ///
    /// Closes [`stdin`](Child::stdin) first, so that a child that reads to the end of its input comes to
    /// it; take the field out to keep the pipe open. Pipes that nobody reads hold up a child that writes
    /// much: see [`wait_with_output`](Child::wait_with_output).
    ///
    /// It works in any runtime and in none, also after the one in which the child was started is gone.
    ///
    /// # Errors
    /// The system's: `ECHILD` if the status went elsewhere, because other code of this process waits for
    /// any child, or `SIGCHLD` is ignored.
    /// # Cancel safety
    /// The status is kept for the next call.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        poll_fn(|cx| self.running.poll_wait(cx)).await
    }

    /// The status, if the child has ended. Neither blocks nor closes `stdin`, and wakes nobody later.
    ///
    /// # Errors
    /// As [`wait`](Child::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.running.try_wait()
    }

    /// Waits until the child has ended, and reads meanwhile what it writes to the pipes `stdout` and
    /// `stderr`. What is no pipe, or was taken out, counts as empty.
    ///
    /// Closes `stdin` first. It ends when the child has ended *and* both pipes are closed: a process that
    /// the child left behind may hold them open.
    ///
    /// # Errors
    /// As [`wait`](Child::wait); that of reading.
    /// # Cancel safety
    /// What was read is lost, and the child is dropped.
    ///
    /// # Examples
    /// ```
    /// use std::process::Stdio;
    ///
    /// use filch::process::Command;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
    /// let output = child.wait_with_output().await?;
    /// assert_eq!(output.stdout, b"hello\n");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let (status, stdout, stderr) =
            crate::try_join!(self.wait(), read_all(stdout), read_all(stderr))?;
        Ok(Output { status, stdout, stderr })
    }
}

async fn read_all(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("status", &self.running.status())
            .field("kill_on_drop", &self.running.kill_on_drop)
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish()
    }
}
