//! Which signal.

use std::ffi::c_int;

/// A kind of signal to listen for.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub struct SignalKind(c_int);

impl SignalKind {
    /// Any signal, by the operating system's number.
    ///
    /// Numbers that are none, or that must not be caught, are refused by
    /// [`signal`](crate::signal::unix::signal).
    ///
    /// # Examples
    /// ```
    /// use filch::signal::unix::SignalKind;
    ///
    /// let kind = SignalKind::from_raw(SignalKind::quit().as_raw_value());
    /// assert_eq!(kind, SignalKind::quit());
    /// ```
    pub const fn from_raw(signum: c_int) -> Self {
        SignalKind(signum)
    }

    /// The operating system's number.
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// `SIGALRM`: a timer of the system has gone off. Default: the process ends.
    pub const fn alarm() -> Self {
        SignalKind(libc::SIGALRM)
    }

    /// `SIGCHLD`: the status of a child process has changed. Default: ignored.
    pub const fn child() -> Self {
        SignalKind(libc::SIGCHLD)
    }

    /// `SIGHUP`: the terminal is gone; for daemons by custom: read the configuration again. Default: the
    /// process ends.
    pub const fn hangup() -> Self {
        SignalKind(libc::SIGHUP)
    }

    /// `SIGINFO`: the terminal's user asks for a status. Default: ignored.
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    pub const fn info() -> Self {
        SignalKind(libc::SIGINFO)
    }

    /// `SIGINT`: Ctrl-C. Default: the process ends.
    pub const fn interrupt() -> Self {
        SignalKind(libc::SIGINT)
    }

    /// `SIGIO`: I/O is possible on a descriptor that was set up for it. Default: on Linux the process
    /// ends, elsewhere ignored.
    pub const fn io() -> Self {
        SignalKind(libc::SIGIO)
    }

    /// `SIGPIPE`: something was written to a pipe or socket that nobody reads. Default: the process ends;
    /// but Rust programs ignore it from their start on, unless told otherwise.
    pub const fn pipe() -> Self {
        SignalKind(libc::SIGPIPE)
    }

    /// `SIGQUIT`: Ctrl-\\. Default: the process ends with a core dump.
    pub const fn quit() -> Self {
        SignalKind(libc::SIGQUIT)
    }

    /// `SIGTERM`: the process is asked to end. Default: it does.
    pub const fn terminate() -> Self {
        SignalKind(libc::SIGTERM)
    }

    /// `SIGUSR1`: what the program makes of it. Default: the process ends.
    pub const fn user_defined1() -> Self {
        SignalKind(libc::SIGUSR1)
    }

    /// `SIGUSR2`: what the program makes of it. Default: the process ends.
    pub const fn user_defined2() -> Self {
        SignalKind(libc::SIGUSR2)
    }

    /// `SIGWINCH`: the terminal's window has another size. Default: ignored.
    pub const fn window_change() -> Self {
        SignalKind(libc::SIGWINCH)
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> Self {
        Self::from_raw(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> Self {
        kind.as_raw_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_converts_both_ways() {
        for kind in [SignalKind::interrupt(), SignalKind::child(), SignalKind::from_raw(34)] {
            assert_eq!(SignalKind::from(c_int::from(kind)), kind);
        }
    }
}
