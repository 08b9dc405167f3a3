//! The action that a signal had before is back when the last listener is gone. Each test is a process that the
//! signal may end.

#![cfg(target_os = "linux")]

use std::ffi::c_int;
use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};

use filch::runtime::{Builder, Runtime};
use filch::signal::ctrl_c;
use filch::signal::unix::{SignalKind, signal};
use filch_tests::process::{Holdings, child, is_child};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// To this thread: what the signal does has been done when this returns.
fn raise(signum: c_int) {
    // SAFETY: raise(3) has no preconditions. If it ends the process, that is what is tested.
    assert_eq!(unsafe { libc::raise(signum) }, 0);
}

/// Runs the test in a process of its own, which the signal is to end.
#[track_caller]
fn ends_by(name: &str, signum: c_int, test: impl FnOnce()) {
    if is_child(name) {
        // Whoever started the tests may ignore it, as a shell does for its jobs in the background.
        // SAFETY: the default action runs no code of ours.
        unsafe { libc::signal(signum, libc::SIG_DFL) };
        test();
        panic!("still here");
    }
    let ended = child(name, &[]);
    assert_eq!(ended.status.signal(), Some(signum), "{ended:?}");
}

/// Runs the test in a process of its own, which lives on and has what it had.
#[track_caller]
fn survives(name: &str, test: impl FnOnce()) {
    if is_child(name) {
        let before = Holdings::now();
        test();
        return before.wait_until_back();
    }
    let ended = child(name, &[]);
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn second_ctrl_c_ends_the_process() {
    ends_by("second_ctrl_c_ends_the_process", libc::SIGINT, || {
        runtime().block_on(async {
            let mut interrupted = pin!(ctrl_c());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(interrupted.as_mut().poll(&mut cx).is_pending());
            raise(libc::SIGINT);
            interrupted.await.unwrap();
            // While the program tidies up, and its runtime runs.
            raise(libc::SIGINT);
        });
    });
}

#[test]
fn given_up_ctrl_c_leaves_the_next_one_to_end_the_process() {
    ends_by("given_up_ctrl_c_leaves_the_next_one_to_end_the_process", libc::SIGINT, || {
        runtime().block_on(async {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(pin!(ctrl_c()).poll(&mut cx).is_pending());
        });
        raise(libc::SIGINT);
    });
}

#[test]
fn real_time_signal_ends_the_process_again() {
    let signum = libc::SIGRTMIN() + 3;
    ends_by("real_time_signal_ends_the_process_again", signum, || {
        runtime().block_on(async {
            let mut listener = signal(SignalKind::from_raw(signum)).unwrap();
            raise(signum);
            listener.recv().await;
        });
        raise(signum);
    });
}

#[test]
fn one_kind_says_nothing_of_another() {
    ends_by("one_kind_says_nothing_of_another", libc::SIGTERM, || {
        let runtime = runtime();
        let _entered = runtime.enter();
        let _hangups = signal(SignalKind::hangup()).unwrap();
        drop(signal(SignalKind::terminate()).unwrap());
        raise(libc::SIGHUP);
        raise(libc::SIGTERM);
    });
}

static CALLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: c_int) {
    CALLED.fetch_add(1, SeqCst);
}

/// Installs an action as other code would, without any registry.
fn install(signum: c_int, action: libc::sighandler_t) {
    // SAFETY: all zeroes is a valid `sigaction`; the action is a handler that only counts, or ignoring.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = action;
    // SAFETY: the structure lives through the call, and a null pointer asks for no earlier one.
    assert_eq!(unsafe { libc::sigaction(signum, &new, std::ptr::null_mut()) }, 0);
}

#[test]
fn earlier_handler_is_called_meanwhile_and_afterwards() {
    survives("earlier_handler_is_called_meanwhile_and_afterwards", || {
        install(libc::SIGTERM, count as *const () as libc::sighandler_t);
        runtime().block_on(async {
            for listening in 1..=2 {
                let mut listener = signal(SignalKind::terminate()).unwrap();
                raise(libc::SIGTERM);
                listener.recv().await;
                drop(listener);
                raise(libc::SIGTERM);
                assert_eq!(CALLED.load(SeqCst), 2 * listening);
            }
        });
        raise(libc::SIGTERM);
        assert_eq!(CALLED.load(SeqCst), 5);
    });
}

#[test]
fn ignored_signal_is_ignored_again() {
    survives("ignored_signal_is_ignored_again", || {
        install(libc::SIGINT, libc::SIG_IGN);
        runtime().block_on(async {
            let mut listener = signal(SignalKind::interrupt()).unwrap();
            raise(libc::SIGINT);
            listener.recv().await;
        });
        raise(libc::SIGINT);
        raise(libc::SIGINT);
    });
}

#[test]
fn signals_that_do_nothing_by_default_do_nothing_again() {
    survives("signals_that_do_nothing_by_default_do_nothing_again", || {
        for signum in [libc::SIGWINCH, libc::SIGURG, libc::SIGCHLD, libc::SIGCONT] {
            runtime().block_on(async {
                let mut listener = signal(SignalKind::from_raw(signum)).unwrap();
                raise(signum);
                listener.recv().await;
            });
            raise(signum);
        }
    });
}

#[test]
fn terminals_stop_stops_the_process_again() {
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

    let name = "terminals_stop_stops_the_process_again";
    if is_child(name) {
        let runtime = runtime();
        let _entered = runtime.enter();
        drop(signal(SignalKind::from_raw(libc::SIGTSTP)).unwrap());
        raise(libc::SIGTSTP);
        // Goes on here, after it was stopped.
        return;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--test-threads=1"]).env("FILCH_TESTS_CHILD", name);
    // A terminal's stop does nothing in a group that no shell looks after.
    let mut stopped = command.spawn().unwrap();
    let pid = Pid::from_child(&stopped);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let status = waitid(WaitId::Pid(pid), options).unwrap().unwrap();
    assert_eq!(status.stopping_signal(), Some(libc::SIGSTOP), "{status:?}");
    kill_process(pid, Signal::CONT).unwrap();
    assert!(stopped.wait().unwrap().success());
}
