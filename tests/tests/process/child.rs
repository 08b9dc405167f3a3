//! Waiting, killing, statuses.

use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use filch::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use filch::process::Child;
use filch::time::timeout;
use filch_tests::count::poll_once;
use filch_tests::process::children;
use filch_tests::runtimes::{Kind, block_on_elsewhere};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, WaitOptions, waitid, waitpid};

use crate::{cat, pid, runtime, send, sh};

#[test]
pub fn status_is_that_of_the_child() {
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            for code in [0, 1, 42, 255] {
                let status = sh(&format!("exit {code}")).status().await.unwrap();
                assert_eq!((status.code(), status.signal()), (Some(code), None));
            }
            for signal in [Signal::TERM, Signal::KILL, Signal::USR1] {
                let signal = signal.as_raw();
                let status = sh(&format!("kill -{signal} $$")).status().await.unwrap();
                assert_eq!((status.code(), status.signal()), (None, Some(signal)));
            }
        });
    }
}

#[test]
pub fn status_is_kept_and_the_number_is_not() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        let id = child.id().unwrap();
        assert!(children().iter().any(|(child, _)| *child == id));
        assert_eq!(child.try_wait().unwrap(), None);
        assert!(format!("{child:?}").contains(&id.to_string()));
        let status = child.wait().await.unwrap();
        assert_eq!(child.wait().await.unwrap(), status);
        assert_eq!(child.try_wait().unwrap(), Some(status));
        assert_eq!(child.id(), None);
        // Reaped.
        assert!(children().iter().all(|(child, _)| *child != id));
    });
}

#[test]
pub fn asking_finds_the_end_without_a_wait() {
    runtime().block_on(async {
        let mut child = sh("exit 3").spawn().unwrap();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => filch::task::yield_now().await,
            }
        };
        assert_eq!(status.code(), Some(3));
        assert_eq!(child.wait().await.unwrap(), status);
    });
}

#[test]
pub fn wait_closes_the_input_and_asking_does_not() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        assert!(child.stdin.is_some());
        assert!(child.wait().await.unwrap().success());
        assert!(child.stdin.is_none());

        let mut child = cat().spawn().unwrap();
        let input = child.stdin.take();
        assert!(poll_once(&mut pin!(child.wait())).is_pending());
        drop(input);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
pub fn dropped_wait_keeps_the_status() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        let input = child.stdin.take();
        for _ in 0..3 {
            assert!(poll_once(&mut pin!(child.wait())).is_pending());
        }
        assert!(timeout(Duration::from_millis(1), child.wait()).await.is_err());
        drop(input);
        // It has ended by then, and nobody waits.
        let id = WaitId::Pid(pid(child.id().unwrap()));
        waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
pub fn kill_ends_and_reaps_a_child_that_ignores_sigterm() {
    runtime().block_on(async {
        let mut child = sh("trap '' TERM; echo ready; while :; do read line; echo \"$line\"; done");
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "ready");

        let id = child.id().unwrap();
        send(id, Signal::TERM);
        input.write_all(b"still here\n").await.unwrap();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "still here");
        assert_eq!(child.try_wait().unwrap(), None);

        child.kill().await.unwrap();
        assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(Signal::KILL.as_raw()));
        assert!(children().iter().all(|(child, _)| *child != id));
    });
}

#[test]
pub fn killing_what_has_ended_is_no_error() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        let status = child.wait().await.unwrap();
        child.start_kill().unwrap();
        child.kill().await.unwrap();
        assert_eq!(child.wait().await.unwrap(), status);

        // Ended, and not known to have.
        let mut child = sh("exit 7").spawn().unwrap();
        let id = WaitId::Pid(pid(child.id().unwrap()));
        let _ = waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        child.kill().await.unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
    });
}

#[test]
pub fn kill_twice_is_as_once() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        child.start_kill().unwrap();
        child.start_kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(Signal::KILL.as_raw()));
    });
}

#[test]
pub fn stopped_child_has_not_ended() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        let id = child.id().unwrap();
        send(id, Signal::STOP);
        while !children().contains(&(id, 'T')) {
            filch::task::yield_now().await;
        }
        assert!(timeout(Duration::from_millis(10), child.wait()).await.is_err());
        send(id, Signal::CONT);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
pub fn large_outputs_of_both_pipes_are_read_at_once() {
    const BYTES: usize = 3_000_000;
    let script = format!("head -c {BYTES} /dev/zero; head -c {BYTES} /dev/zero >&2; exit 9");
    // The other way round, and both at once.
    let other = format!("head -c {BYTES} /dev/zero >&2; head -c {BYTES} /dev/zero; exit 9");
    let both = format!("head -c {BYTES} /dev/zero & head -c {BYTES} /dev/zero >&2; wait; exit 9");
    for script in [script, other, both] {
        for kind in Kind::ALL {
            let output = kind.runtime().block_on(async { sh(&script).output().await }).unwrap();
            assert_eq!(output.status.code(), Some(9));
            assert_eq!(output.stdout, vec![0; BYTES]);
            assert_eq!(output.stderr, vec![0; BYTES]);
        }
    }
}

#[test]
pub fn output_of_pipes_that_are_none_is_empty() {
    runtime().block_on(async {
        let mut child = sh("cat; echo out");
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"in ").await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert_eq!((output.stdout, output.stderr), (b"in out\n".to_vec(), Vec::new()));

        let mut child = sh("echo out").stdout(Stdio::piped()).spawn().unwrap();
        let mut taken = child.stdout.take().unwrap();
        assert_eq!(child.wait_with_output().await.unwrap().stdout, b"");
        let mut text = String::new();
        taken.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "out\n");
    });
}

#[test]
pub fn child_outlives_its_runtime_and_is_awaited_elsewhere() {
    let spawned = || -> Child { runtime().block_on(async { cat().spawn().unwrap() }) };
    // In another runtime, with the input open at first.
    let mut child = spawned();
    let input = child.stdin.take();
    let other = runtime();
    other.block_on(async {
        assert!(poll_once(&mut pin!(child.wait())).is_pending());
        drop(input);
        assert!(child.wait().await.unwrap().success());
    });
    // In none; the wait has begun before.
    let mut child = spawned();
    assert!(block_on_elsewhere(child.wait()).unwrap().success());
    // Neither is asked, nor killed, by another way.
    let mut child = spawned();
    assert_eq!(child.try_wait().unwrap(), None);
    block_on_elsewhere(child.kill()).unwrap();
    assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(Signal::KILL.as_raw()));
}

#[test]
pub fn waiting_task_of_a_runtime_that_goes_is_told_by_another() {
    let first = runtime();
    let mut child = first.block_on(async { cat().spawn().unwrap() });
    let input = child.stdin.take();
    let second = Kind::OneWorker.runtime();
    let waiting = second.spawn(async move { child.wait().await.unwrap() });
    drop(first);
    drop(input);
    assert!(second.block_on(waiting).unwrap().success());
}

#[test]
pub fn status_that_went_elsewhere_is_an_error() {
    runtime().block_on(async {
        let mut child = sh("exit 1").spawn().unwrap();
        let id = pid(child.id().unwrap());
        // Without a pidfd the reaper may be faster.
        let was_taken = waitpid(Some(id), WaitOptions::empty()).is_ok();
        for _ in 0..2 {
            let result = child.wait().await.map_err(|error| error.raw_os_error());
            match was_taken {
                true => assert_eq!(result, Err(Some(Errno::CHILD.raw_os_error()))),
                false => assert_eq!(result.unwrap().code(), Some(1)),
            }
        }
    });
}
