//! Signals: heard by every listener, coalesced, never lost; and the default reaction afterwards.
//!
//! The tests of one binary share a process: each has signals of its own, and those that end a process
//! run in a child.

#![cfg(unix)]

use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{Command, ExitStatus};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use filch::runtime::{Builder, Runtime};
use filch::signal::ctrl_c;
use filch::signal::unix::{Signal, SignalKind, signal};
use filch_tests::process::leave_nothing_behind;
use rustix::process::{Signal as Number, getpid, kill_process};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn send(number: Number) {
    kill_process(getpid(), number).unwrap();
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn listen(runtime: &Runtime, kind: SignalKind) -> Signal {
    let _entered = runtime.enter();
    signal(kind).unwrap()
}

#[test]
fn signal_wakes_the_task_that_waits() {
    runtime().block_on(async {
        let mut listener = signal(SignalKind::user_defined1()).unwrap();
        for _ in 0..3 {
            let mut heard = pin!(listener.recv());
            assert!(poll_once(heard.as_mut()).is_pending());
            send(Number::USR1);
            assert_eq!(heard.await, Some(()));
        }
    });
}

#[test]
fn signal_before_recv_is_kept_and_several_are_one() {
    runtime().block_on(async {
        let mut listener = signal(SignalKind::hangup()).unwrap();
        // Another one, to know when the last signal has been handled.
        let mut handled = signal(SignalKind::hangup()).unwrap();
        for _ in 0..5 {
            send(Number::HUP);
            handled.recv().await;
        }
        assert_eq!(listener.recv().await, Some(()));
        assert!(poll_once(listener.recv()).is_pending());
    });
}

#[test]
fn dropped_recv_loses_no_signal() {
    runtime().block_on(async {
        let mut listener = signal(SignalKind::quit()).unwrap();
        assert!(poll_once(listener.recv()).is_pending());
        send(Number::QUIT);
        assert_eq!(listener.recv().await, Some(()));
    });
}

#[test]
fn every_runtime_hears_and_one_listener_less_does_not_matter() {
    let (first, second) = (runtime(), runtime());
    let mut a = listen(&first, SignalKind::user_defined2());
    let mut b = listen(&second, SignalKind::user_defined2());
    let also_first = listen(&first, SignalKind::user_defined2());
    send(Number::USR2);
    assert_eq!(first.block_on(a.recv()), Some(()));
    assert_eq!(second.block_on(b.recv()), Some(()));
    drop(also_first);
    drop(a);
    drop(first);
    send(Number::USR2);
    assert_eq!(second.block_on(b.recv()), Some(()));
}

#[test]
fn task_on_a_worker_hears() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (ready, listening) = filch::sync::oneshot::channel();
        let heard = filch::spawn(async move {
            let mut listener = signal(SignalKind::pipe()).unwrap();
            ready.send(()).unwrap();
            listener.recv().await
        });
        listening.await.unwrap();
        send(Number::PIPE);
        assert_eq!(heard.await.unwrap(), Some(()));
    });
}

#[test]
fn listener_that_outlives_its_runtime_moves_to_the_next() {
    let first = runtime();
    let mut listener = listen(&first, SignalKind::alarm());
    assert!(first.block_on(async { poll_once(listener.recv()) }).is_pending());
    drop(first);
    // Nobody can wake it here; but it neither ends nor panics.
    assert!(poll_once(listener.recv()).is_pending());
    send(Number::ALARM);
    assert_eq!(runtime().block_on(listener.recv()), Some(()));
    send(Number::ALARM);
    assert_eq!(runtime().block_on(listener.recv()), Some(()));
}

#[test]
fn ctrl_c_completes_at_the_interrupt() {
    runtime().block_on(async {
        let mut interrupted = pin!(ctrl_c());
        assert!(poll_once(interrupted.as_mut()).is_pending());
        send(Number::INT);
        interrupted.await.unwrap();
    });
}

#[test]
fn signals_that_cannot_be_caught_are_errors() {
    runtime().block_on(async {
        for number in [Number::KILL, Number::STOP, Number::SEGV, Number::ILL, Number::FPE] {
            let error = signal(SignalKind::from_raw(number.as_raw())).unwrap_err();
            assert!(error.to_string().contains("refusing"), "{error}");
        }
        for number in [-1, 0, 100, i32::MAX] {
            assert!(signal(SignalKind::from_raw(number)).is_err(), "{number}");
        }
    });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn listening_outside_of_a_runtime_panics() {
    let _ = signal(SignalKind::window_change());
}

#[test]
#[should_panic(expected = "enable_io")]
fn listening_without_io_panics() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let _ = signal(SignalKind::window_change());
}

const CHILD: &str = "FILCH_SIGNAL_TEST_CHILD";

/// Runs the test of that name alone, as a child, with `CHILD` in its environment.
fn run_child(test: &str, shell: Option<&str>) -> ExitStatus {
    let program = std::env::current_exe().unwrap();
    let mut command = match shell {
        None => Command::new(program),
        Some(script) => {
            let mut command = Command::new("sh");
            command.arg("-c").arg(format!("{script}; exec \"$0\" \"$@\"")).arg(program);
            command
        }
    };
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1").status().unwrap()
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The process is expected to end here. The time is a limit for the failure.
fn await_the_end() -> ! {
    std::thread::sleep(Duration::from_secs(20));
    std::process::exit(3)
}

#[test]
fn default_reaction_is_back_after_the_last_listener() {
    if !is_child() {
        let status = run_child("default_reaction_is_back_after_the_last_listener", None);
        assert_eq!(status.signal(), Some(Number::TERM.as_raw()), "{status}");
        return;
    }
    runtime().block_on(async {
        let mut listener = signal(SignalKind::terminate()).unwrap();
        let other = signal(SignalKind::terminate()).unwrap();
        send(Number::TERM);
        listener.recv().await;
        drop(other);
        send(Number::TERM);
        listener.recv().await;
        println!("heard twice, not ended");
    });
    send(Number::TERM);
    await_the_end();
}

#[test]
fn listening_again_takes_the_default_reaction_away_again() {
    if !is_child() {
        let status = run_child("listening_again_takes_the_default_reaction_away_again", None);
        assert_eq!(status.code(), Some(0), "{status}");
        return;
    }
    runtime().block_on(async {
        drop(signal(SignalKind::terminate()).unwrap());
        let mut listener = signal(SignalKind::terminate()).unwrap();
        send(Number::TERM);
        listener.recv().await;
    });
}

#[test]
fn ignored_signal_is_ignored_again_after_the_last_listener() {
    if !is_child() {
        let name = "ignored_signal_is_ignored_again_after_the_last_listener";
        let status = run_child(name, Some("trap '' TERM"));
        assert_eq!(status.code(), Some(0), "{status}");
        return;
    }
    runtime().block_on(async {
        let mut listener = signal(SignalKind::terminate()).unwrap();
        send(Number::TERM);
        listener.recv().await;
        drop(listener);
        send(Number::TERM);
        // Two round trips of a later signal: the one above has been delivered then.
        let mut later = signal(SignalKind::window_change()).unwrap();
        for _ in 0..2 {
            send(Number::WINCH);
            later.recv().await;
        }
    });
}

/// Every test of this file that is no child.
const TESTS: [fn(); 7] = [
    signal_wakes_the_task_that_waits,
    signal_before_recv_is_kept_and_several_are_one,
    dropped_recv_loses_no_signal,
    every_runtime_hears_and_one_listener_less_does_not_matter,
    task_on_a_worker_hears,
    listener_that_outlives_its_runtime_moves_to_the_next,
    ctrl_c_completes_at_the_interrupt,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", signal_wakes_the_task_that_waits, &TESTS);
}
