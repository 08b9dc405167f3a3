//! `Command`: what to start, and how.

use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as StdCommand, ExitStatus, Output, Stdio};

use super::child::Child;
use super::running::Ticket;

/// Builds a child process. [`std::process::Command`] with asynchronous endings.
///
/// The setters are std's, of the same names; [`as_std_mut`](Command::as_std_mut) reaches what is not
/// repeated here. A command may be started several times.
///
/// # Cost
/// Starting a process blocks the thread for as long as the system takes to make it, which is some hundred
/// microseconds. On Linux filch adds two system calls that reserve a descriptor, one that opens the pidfd,
/// and one registration each for it and for each pipe.
///
/// # Examples
/// ```
/// use filch::process::Command;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let output = Command::new("echo").arg("hello").output().await?;
/// assert!(output.status.success());
/// assert_eq!(output.stdout, b"hello\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Command {
    std: StdCommand,
    kill_on_drop: bool,
}

impl Command {
    /// To start `program`, which is searched in `PATH` if it has no slash. No arguments, this process's
    /// environment, folder and standard streams.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        StdCommand::new(program).into()
    }

    /// As std's command.
    pub fn as_std(&self) -> &StdCommand {
        &self.std
    }

    /// As std's command, to set what is not repeated here.
    pub fn as_std_mut(&mut self) -> &mut StdCommand {
        &mut self.std
    }

    /// As std's command. [`kill_on_drop`](Command::kill_on_drop) is lost.
    pub fn into_std(self) -> StdCommand {
        self.std
    }

    /// Adds an argument, which is passed on as it is: no shell sees it.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds several arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of the child's environment.
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets several variables of the child's environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the child's environment.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Empties the child's environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// The folder that the child starts in. Whether a relative path of the program is seen from there is
    /// the system's choice: give an absolute one.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// The child's standard input. Default: this process's.
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdin(cfg);
        self
    }

    /// The child's standard output. Default: this process's; for [`output`](Command::output) always a
    /// pipe.
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdout(cfg);
        self
    }

    /// The child's standard error. Default: this process's; for [`output`](Command::output) always a
    /// pipe.
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stderr(cfg);
        self
    }

    /// Whether a [`Child`] that is dropped before its status was taken ends its process, by `SIGKILL`.
    /// Default: no.
    ///
    /// Processes that the child has started are not ended. A killed child is reaped in the background,
    /// when it is gone.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use filch::process::Command;
    /// use filch::time::timeout;
    ///
    /// # #[filch::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut command = Command::new("sleep");
    /// command.arg("60").kill_on_drop(true);
    /// let too_long = timeout(Duration::from_millis(1), command.status()).await;
    /// assert!(too_long.is_err());
    /// # }
    /// ```
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// What [`kill_on_drop`](Command::kill_on_drop) was set to.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// The child's user. If `setuid` fails in the child, starting it fails.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// The child's group. If `setgid` fails in the child, starting it fails.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// The child's `argv[0]`. Default: the program, as it was given.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// The child's process group: 0 for a new one, of the child's own number.
    ///
    /// A terminal's Ctrl-C goes to a whole group. In one of its own, a child is ended by its parent only,
    /// which then should: see the example `supervisor`.
    pub fn process_group(&mut self, pgroup: i32) -> &mut Command {
        self.std.process_group(pgroup);
        self
    }

    /// Has the child call `f` right before it becomes the program. An error of `f` is that of starting.
    /// Several such functions are called in their order.
    ///
    /// # Safety
    /// `f` runs in the child of a `fork` of a process with many threads:
    ///
    /// * It may only call what is async-signal-safe: no allocation, no locks, no use of this runtime.
    /// * It must not close or use descriptors, or memory shared with other processes, that the code which
    ///   owns them relies on.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller's promise.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Starts the child.
    ///
    /// # Errors
    /// * `NotFound`, `PermissionDenied`: the program; `InvalidInput`: a NUL byte in an argument or a path.
    /// * `WouldBlock`: the limit of processes; the system's for a lack of descriptors or memory.
    /// * The runtime has shut down.
    ///
    /// No error leaves a child behind. One that was started and then cannot be watched is ended by
    /// `SIGKILL`; all that can be had before the start is had before it, so that this is rare.
    /// # Panics
    /// Outside of a runtime, or if I/O is not enabled there.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with(StdCommand::spawn)
    }

    /// As [`spawn`](Command::spawn), where `with` starts std's command.
    ///
    /// # Errors
    /// As [`spawn`](Command::spawn); that of `with`.
    /// # Panics
    /// As [`spawn`](Command::spawn).
    #[track_caller]
    pub fn spawn_with(
        &mut self,
        with: impl FnOnce(&mut StdCommand) -> io::Result<std::process::Child>,
    ) -> io::Result<Child> {
        if crate::context::io_driver().is_shutdown() {
            return Err(filch_io_driver::shutdown_error());
        }
        let ticket = Ticket::get()?;
        let child = with(&mut self.std)?;
        Child::adopt(child, ticket, self.kill_on_drop)
    }

    /// Starts the child at once and waits until it has ended. Pipes, if there are any, are closed before
    /// that.
    ///
    /// # Errors
    /// As [`spawn`](Command::spawn) and [`Child::wait`], both when the future is polled.
    /// # Panics
    /// As [`spawn`](Command::spawn).
    /// # Cancel safety
    /// The child is dropped: it runs on, unless [`kill_on_drop`](Command::kill_on_drop) was set, and its
    /// status is lost.
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the child at once, and waits until it has ended and closed its standard output and error,
    /// which are read to their ends. These two are pipes, whatever was set before; standard input is as it
    /// was set.
    ///
    /// # Errors
    /// As [`spawn`](Command::spawn) and [`Child::wait_with_output`], both when the future is polled.
    /// # Panics
    /// As [`spawn`](Command::spawn).
    /// # Cancel safety
    /// As [`status`](Command::status), and what was read is lost.
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.spawn();
        async { child?.wait_with_output().await }
    }
}

impl From<StdCommand> for Command {
    fn from(std: StdCommand) -> Command {
        Command { std, kill_on_drop: false }
    }
}
