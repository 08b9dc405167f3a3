//! Taking a child's exit status, which is what makes a zombie go.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, waitid};

/// The status of a child that has ended, once; `None` if it runs. Never blocks.
///
/// # Errors
/// `ECHILD`: no such child of this process. Somebody else has taken the status, or nobody can: `SIGCHLD` is
/// ignored.
pub(super) fn reap(id: WaitId<'_>) -> Result<Option<ExitStatus>, Errno> {
    // Does not wait, so no signal interrupts it.
    let status = waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOHANG)?;
    Ok(status.as_ref().map(exit_status))
}

/// In the form in which wait(2) gives it, and std takes it.
fn exit_status(status: &WaitIdStatus) -> ExitStatus {
    const CORE_DUMPED: i32 = 0x80;
    let raw = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) if status.dumped() => signal | CORE_DUMPED,
        (None, Some(signal)) => signal,
        (None, None) => unreachable!("asked for ended children only: {status:?}"),
    };
    ExitStatus::from_raw(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::Pid;
    use std::process::Command;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    fn start(script: &str) -> Pid {
        Pid::from_child(&sh(script).spawn().unwrap())
    }

    fn reap_it(pid: Pid) -> ExitStatus {
        loop {
            match reap(WaitId::Pid(pid)).unwrap() {
                Some(status) => return status,
                None => std::thread::yield_now(),
            }
        }
    }

    #[test]
    fn status_is_what_std_makes_of_it() {
        for script in ["exit 0", "exit 1", "exit 255", "kill -TERM $$", "kill -KILL $$"] {
            assert_eq!(reap_it(start(script)), sh(script).status().unwrap(), "{script}");
        }
        // With or without a core, as the limits are.
        let aborts = "kill -ABRT $$";
        assert_eq!(reap_it(start(aborts)).signal(), sh(aborts).status().unwrap().signal());
    }

    #[test]
    fn status_is_taken_once() {
        let pid = start("exit 0");
        assert!(reap_it(pid).success());
        assert_eq!(reap(WaitId::Pid(pid)), Err(Errno::CHILD));
    }
}
