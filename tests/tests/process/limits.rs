//! A lack of descriptors: each test lowers the limit of a process of its own.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Stdio;

use filch_tests::process::{Holdings, alone_and_clean, children};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{cat, runtime, sh};

/// A lowered limit of descriptors. Dropping it brings it back.
struct Limit(Rlimit);

impl Limit {
    /// Only `room` more may be opened.
    fn lower(room: usize) -> Limit {
        let files: Vec<_> = (0..=room).map(|_| File::open("/dev/null").unwrap()).collect();
        let highest = files.iter().map(AsRawFd::as_raw_fd).max().unwrap();
        Limit::lower_to(highest.try_into().unwrap())
    }

    fn lower_to(limit: u64) -> Limit {
        let before = getrlimit(Resource::Nofile);
        let lowered = Rlimit { current: Some(limit), maximum: before.maximum };
        setrlimit(Resource::Nofile, lowered).unwrap();
        Limit(before)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let raised = Rlimit { current: self.0.current, maximum: self.0.maximum };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
}

#[test]
fn start_without_descriptors_fails_and_leaves_nothing() {
    alone_and_clean("limits::start_without_descriptors_fails_and_leaves_nothing", || {
        let runtime = runtime();
        runtime.block_on(async {
            let (mut failed, mut worked) = (0, 0);
            for room in 0..16 {
                let before = Holdings::now();
                let mut command = sh("cat; echo out; echo err >&2");
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                let limit = Limit::lower(room);
                let started = command.spawn();
                drop(limit);
                match started {
                    Ok(child) => {
                        worked += 1;
                        let output = child.wait_with_output().await.unwrap();
                        assert_eq!(output.stdout, b"out\n");
                    }
                    Err(error) => {
                        failed += 1;
                        let limit = Errno::MFILE.raw_os_error();
                        assert_eq!(error.raw_os_error(), Some(limit), "room for {room}");
                    }
                }
                before.wait_until_back();
            }
            assert!(failed > 3 && worked > 3, "{failed} failed, {worked} worked");
        });
    });
}

#[test]
fn child_that_cannot_be_watched_is_ended() {
    alone_and_clean("limits::child_that_cannot_be_watched_is_ended", || {
        let runtime = runtime();
        let _entered = runtime.enter();
        let before = Holdings::now();
        let mut limit = None;
        let started = sh("exec sleep 1000").spawn_with(|command| {
            let child = command.spawn()?;
            // As if others had taken the last ones.
            limit = Some(Limit::lower_to(3));
            Ok(child)
        });
        drop(limit);
        match started {
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()));
                assert_eq!(children(), []);
            }
            // Without pidfds nothing is opened after the start.
            Ok(mut child) => {
                assert!(std::env::var_os("FILCH_PIDFD").is_some());
                child.start_kill().unwrap();
                drop(child);
            }
        }
        before.wait_until_back();
    });
}

#[test]
fn pipe_that_cannot_be_watched_ends_the_child() {
    alone_and_clean("limits::pipe_that_cannot_be_watched_ends_the_child", || {
        let runtime = runtime();
        let _entered = runtime.enter();
        let before = Holdings::now();
        let error = sh("exec sleep 1000")
            .spawn_with(|command| {
                let mut child = command.spawn()?;
                // No poller takes a regular file.
                let file = File::open("/etc/passwd")?;
                child.stdout = Some(std::os::fd::OwnedFd::from(file).into());
                Ok(child)
            })
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::PERM.raw_os_error()));
        before.wait_until_back();
    });
}

#[test]
fn orphan_is_reaped_without_descriptors() {
    alone_and_clean("limits::orphan_is_reaped_without_descriptors", || {
        let runtime = runtime();
        let before = Holdings::now();
        // Room for none: nobody can poke the thread. And fewer than the thread waits for: it cannot even
        // wait.
        for room in [None, Some(0)] {
            let mut orphans: Vec<_> =
                runtime.block_on(async { (0..3).map(|_| cat().spawn().unwrap()).collect() });
            let inputs: Vec<_> = orphans.iter_mut().map(|child| child.stdin.take()).collect();
            let outputs: Vec<_> = orphans.iter_mut().map(|child| child.stdout.take()).collect();
            let limit = room.map_or_else(|| Limit::lower(0), |_| Limit::lower_to(1));
            drop(orphans);
            assert!(!is_childless());
            drop(inputs);
            drop(outputs);
            while !is_childless() {
                std::thread::yield_now();
            }
            drop(limit);
            before.wait_until_back();
        }
    });
}

/// Asks the kernel without a descriptor.
fn is_childless() -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::All, options).is_err_and(|error| error == Errno::CHILD)
}
