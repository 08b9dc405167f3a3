//! Children that nobody waits for: each test runs alone in a process and looks for zombies.

use std::time::{Duration, Instant};

use filch::process::Child;
use filch::time::timeout;
use filch_tests::PATIENCE;
use filch_tests::process::{alone_and_clean, children, threads_named};
use filch_tests::runtimes::{End, Kind};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::{cat, pid, runtime, sh};

/// Waits until this process has no child, not even a zombie.
#[track_caller]
fn wait_until_childless() {
    let start = Instant::now();
    while !children().is_empty() {
        assert!(start.elapsed() < PATIENCE, "{:?}", children());
        std::thread::yield_now();
    }
}

/// Waits until the child has ended, and leaves its status.
fn wait_for_zombie(child: &Child) {
    let id = WaitId::Pid(pid(child.id().unwrap()));
    // Without a pidfd it may have been reaped already.
    let _ = waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
}

#[test]
fn dropped_child_runs_on_and_is_reaped_when_it_ends() {
    alone_and_clean("orphans::dropped_child_runs_on_and_is_reaped_when_it_ends", || {
        for kind in Kind::ALL {
            // The runtime lives, and does not run.
            let runtime = kind.runtime();
            let mut child = runtime.block_on(async { cat().spawn().unwrap() });
            let (id, input) = (child.id().unwrap(), child.stdin.take());
            drop(child);
            assert!(matches!(children()[..], [(child, state)] if child == id && state != 'Z'));
            drop(input);
            wait_until_childless();
        }
    });
}

#[test]
fn child_that_has_ended_is_reaped_by_the_drop() {
    alone_and_clean("orphans::child_that_has_ended_is_reaped_by_the_drop", || {
        let runtime = runtime();
        let child = runtime.block_on(async { sh("exit 1").spawn().unwrap() });
        wait_for_zombie(&child);
        drop(child);
        if std::env::var_os("FILCH_PIDFD").is_none() {
            assert_eq!(children(), []);
            assert_eq!(threads_named("filch-reaper"), 0);
        }
    });
}

#[test]
fn kill_on_drop_kills_and_reaps() {
    alone_and_clean("orphans::kill_on_drop_kills_and_reaps", || {
        for kind in Kind::ALL {
            let runtime = kind.runtime();
            runtime.block_on(async {
                let mut command = sh("trap '' TERM; exec sleep 1000");
                drop(command.kill_on_drop(true).spawn().unwrap());
                wait_until_childless();
                // A wait that is given up, in every form.
                let limit = Duration::from_millis(1);
                assert!(timeout(limit, command.status()).await.is_err());
                assert!(timeout(limit, command.output()).await.is_err());
                let child = command.spawn().unwrap();
                assert!(timeout(limit, child.wait_with_output()).await.is_err());
                wait_until_childless();
            });
        }
    });
}

#[test]
fn kill_on_drop_of_a_child_that_was_awaited_does_nothing() {
    alone_and_clean("orphans::kill_on_drop_of_a_child_that_was_awaited_does_nothing", || {
        runtime().block_on(async {
            let mut child = sh("exit 4").kill_on_drop(true).spawn().unwrap();
            assert_eq!(child.wait().await.unwrap().code(), Some(4));
            drop(child);
        });
        assert_eq!(children(), []);
    });
}

#[test]
fn runtime_that_ends_leaves_its_children_running() {
    alone_and_clean("orphans::runtime_that_ends_leaves_its_children_running", || {
        for kind in Kind::ALL {
            for end in End::ALL {
                let runtime = kind.runtime();
                let (started, inputs) = filch::sync::oneshot::channel();
                runtime.spawn(async move {
                    let mut kept = cat().spawn().unwrap();
                    let mut waiting = cat().spawn().unwrap();
                    let inputs = [kept.stdin.take(), waiting.stdin.take()];
                    started.send(inputs).unwrap();
                    waiting.wait().await.unwrap();
                    drop(kept);
                });
                let inputs = runtime.block_on(inputs).unwrap();
                match end {
                    // It would report a task that did not end.
                    End::Grace => drop(runtime.shutdown(Duration::ZERO)),
                    _ => end.end(runtime),
                }
                let running = children();
                assert_eq!(running.len(), 2, "{kind:?}, {end:?}: {running:?}");
                assert!(running.iter().all(|(_, state)| *state != 'Z'), "{running:?}");
                drop(inputs);
                wait_until_childless();
            }
        }
    });
}

#[test]
fn runtime_that_ends_kills_the_children_of_its_tasks_on_demand() {
    alone_and_clean("orphans::runtime_that_ends_kills_the_children_of_its_tasks_on_demand", || {
        let runtime = Kind::Workers.runtime();
        let (started, mut children) = filch::sync::mpsc::unbounded_channel();
        for _ in 0..20 {
            let started = started.clone();
            runtime.spawn(async move {
                let mut child = sh("exec sleep 1000").kill_on_drop(true).spawn().unwrap();
                started.send(()).unwrap();
                child.wait().await
            });
        }
        for _ in 0..20 {
            runtime.block_on(children.recv()).unwrap();
        }
        drop(runtime);
        wait_until_childless();
    });
}

#[test]
fn hundreds_of_orphans_are_reaped_by_one_thread() {
    alone_and_clean("orphans::hundreds_of_orphans_are_reaped_by_one_thread", || {
        let runtime = runtime();
        let inputs: Vec<_> = (0..200)
            .map(|_| {
                let _entered = runtime.enter();
                cat().spawn().unwrap().stdin.take()
            })
            .collect();
        assert_eq!(threads_named("filch-reaper"), 1);
        assert_eq!(children().len(), 200);
        drop(inputs);
        wait_until_childless();
    });
}

#[test]
fn forked_process_leaves_its_parents_children_alone() {
    alone_and_clean("orphans::forked_process_leaves_its_parents_children_alone", || {
        let runtime = runtime();
        let mut orphan = runtime.block_on(async { cat().spawn().unwrap() });
        let input = orphan.stdin.take();
        drop(orphan);
        // SAFETY: the forked process has a copy of this thread; the others wait. It leaves by `_exit`.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            let status = crate::runtime().block_on(async {
                drop(sh("exec sleep 1000").kill_on_drop(true).spawn());
                sh("exit 5").status().await
            });
            let code = status.ok().and_then(|status| status.code()).unwrap_or(99);
            // SAFETY: ends the process.
            unsafe { libc::_exit(code) }
        }
        let mut status = 0;
        // SAFETY: `status` is there for the call to write to; the child is ours.
        assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
        assert_eq!(libc::WEXITSTATUS(status), 5);
        assert_eq!(children().len(), 1);
        drop(input);
        wait_until_childless();
    });
}
