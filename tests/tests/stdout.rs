//! Standard output and error, in child processes: the order, what flushing means, a reader that is slow,
//! gone or was never there, a full disk.

#![cfg(target_os = "linux")]

use std::fs::OpenOptions;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use filch::io::{AsyncWrite, AsyncWriteExt, stderr, stdout};
use filch::time::{Duration, sleep};
use filch_tests::process::{
    child_command, descriptors, end, is_child, threads, wait_until_no_thread_is_named,
};
use filch_tests::runtimes::Kind;
use filch_tests::signals::Storm;

/// More than a pipe holds.
const MUCH: usize = 1 << 20;

/// The kind of runtime that the parent asks for.
fn kind() -> Kind {
    let name = std::env::var("KIND").unwrap();
    Kind::ALL.into_iter().find(|kind| format!("{kind:?}") == name).unwrap()
}

/// Runs the test `name` as a child on each kind of runtime.
fn on_each(name: &str) {
    for kind in Kind::ALL {
        let kind = format!("{kind:?}");
        let child = child_command(name, &[("KIND", &kind)]).spawn().unwrap();
        let ended = end(child);
        assert!(ended.status.success(), "{kind}: {ended:?}");
    }
}

/// Puts something else in the place of standard output. Not before the child runs: the test harness writes
/// to it, too.
fn replace_stdout(with: impl AsFd) {
    std::io::stdout().flush().unwrap();
    rustix::stdio::dup2_stdout(with).unwrap();
}

/// Ends a child whose standard output is not one that the test harness could write its verdict to.
fn passed() -> ! {
    // Without what std has in its buffer.
    // SAFETY: it ends the process at once.
    unsafe { libc::_exit(0) }
}

#[test]
fn the_order_is_kept_also_with_println() {
    const NAME: &str = "the_order_is_kept_also_with_println";
    if !is_child(NAME) {
        for kind in Kind::ALL {
            let kind = format!("{kind:?}");
            let child = child_command(NAME, &[("KIND", &kind)]).spawn().unwrap();
            let ended = end(child);
            assert!(ended.status.success(), "{ended:?}");
            let mut expected = String::new();
            for i in 0..200 {
                expected += &format!("{i} by filch\n{i} by std\n{i} vectored\n");
            }
            expected += &"x".repeat(MUCH);
            expected += "the end";
            let (_, after) = ended.output.split_once("BEGIN\n").unwrap();
            assert!(after.starts_with(&expected), "{kind}");
        }
        return;
    }
    println!("BEGIN");
    kind().runtime().block_on(async {
        let written = filch::spawn(async {
            let mut out = stdout();
            assert!(out.is_write_vectored());
            assert_eq!(out.as_raw_fd(), 1);
            for i in 0..200 {
                out.write_all(format!("{i} by filch\n").as_bytes()).await.unwrap();
                out.flush().await.unwrap();
                println!("{i} by std");
                let number = i.to_string();
                let pieces = [IoSlice::new(number.as_bytes()), IoSlice::new(b" vectored\n")];
                assert_eq!(out.write_vectored(&pieces).await.unwrap(), number.len() + 10);
                out.flush().await.unwrap();
            }
            assert_eq!(out.write(b"").await.unwrap(), 0);
            out.write_all(&vec![b'x'; MUCH]).await.unwrap();
            out.write_all(b"the ").await.unwrap();
            out.write_all(b"end").await.unwrap();
            out.shutdown().await.unwrap();
        });
        written.await.unwrap();
    });
}

#[test]
fn a_reader_that_is_slow_blocks_no_worker() {
    const NAME: &str = "a_reader_that_is_slow_blocks_no_worker";
    if !is_child(NAME) {
        for kind in [Kind::CurrentThread, Kind::OneWorker] {
            let kind = format!("{kind:?}");
            let mut child = child_command(NAME, &[("KIND", &kind)]).spawn().unwrap();
            // Nothing is read until the child says that its runtime goes on.
            let mut stderr = child.stderr.take().unwrap();
            let mut said = [0; 6];
            stderr.read_exact(&mut said).unwrap();
            assert_eq!(&said, b"alive.");
            let ended = end(child);
            assert!(ended.status.success(), "{ended:?}");
            assert!(ended.output.contains(&"y".repeat(MUCH)), "{kind}: {}", ended.output.len());
        }
        return;
    }
    kind().runtime().block_on(async {
        filch::spawn(async {
            let full = filch::spawn(async {
                let mut out = stdout();
                out.write_all(&vec![b'y'; MUCH]).await.unwrap();
                out.flush().await.unwrap();
            });
            // Timers fire and tasks run while the pipe is full.
            for _ in 0..3 {
                sleep(Duration::from_millis(1)).await;
            }
            assert!(!full.is_finished());
            let mut err = stderr();
            err.write_all(b"alive.").await.unwrap();
            err.flush().await.unwrap();
            full.await.unwrap();
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_reader_that_is_gone_is_an_error_of_each_write() {
    const NAME: &str = "a_reader_that_is_gone_is_an_error_of_each_write";
    if !is_child(NAME) {
        return on_each(NAME);
    }
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(reader);
    replace_stdout(writer);
    kind().runtime().block_on(async {
        let mut out = stdout();
        for _ in 0..3 {
            // Taken; the error is the next operation's, once.
            out.write_all(b"nobody\n").await.unwrap();
            assert_eq!(out.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            out.flush().await.unwrap();
        }
        out.write_all(b"nobody\n").await.unwrap();
        assert_eq!(out.write(b"nobody\n").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
    passed();
}

#[test]
fn a_full_disk_is_an_error() {
    const NAME: &str = "a_full_disk_is_an_error";
    if !is_child(NAME) {
        return on_each(NAME);
    }
    replace_stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    kind().runtime().block_on(async {
        let mut out = stdout();
        out.write_all(b"does not fit\n").await.unwrap();
        assert_eq!(out.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        // And the runtime goes on, with the other one.
        let mut err = stderr();
        assert_eq!(err.as_raw_fd(), 2);
        err.write_all(b"fits\n").await.unwrap();
        err.shutdown().await.unwrap();
    });
    passed();
}

#[test]
fn closed_standard_output_swallows_as_stds_does() {
    const NAME: &str = "closed_standard_output_swallows_as_stds_does";
    if !is_child(NAME) {
        return on_each(NAME);
    }
    kind().runtime().block_on(async {
        // SAFETY: nobody else in this process writes to it from here on.
        assert_eq!(unsafe { libc::close(1) }, 0);
        let mut out = stdout();
        out.write_all(b"to nowhere\n").await.unwrap();
        out.flush().await.unwrap();
    });
    passed();
}

#[test]
fn a_signal_storm_loses_no_byte() {
    const NAME: &str = "a_signal_storm_loses_no_byte";
    if !is_child(NAME) {
        for kind in Kind::ALL {
            let kind = format!("{kind:?}");
            let ended = end(child_command(NAME, &[("KIND", &kind)]).spawn().unwrap());
            assert!(ended.status.success(), "{ended:?}");
            assert!(ended.output.contains(&"z".repeat(MUCH)), "{kind}: {}", ended.output.len());
        }
        return;
    }
    let storm = Storm::begin();
    let runtime = kind().runtime();
    runtime.block_on(async {
        let mut out = stdout();
        out.write_all(&vec![b'z'; MUCH]).await.unwrap();
        out.flush().await.unwrap();
    });
    drop(runtime);
    while storm.heard() == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn nothing_is_left_behind() {
    const NAME: &str = "nothing_is_left_behind";
    if !is_child(NAME) {
        return on_each(NAME);
    }
    let writes = || {
        kind().runtime().block_on(async {
            for _ in 0..10 {
                stdout().write_all(b"and gone").await.unwrap();
                let mut err = stderr();
                err.write_all(b".").await.unwrap();
                err.flush().await.unwrap();
            }
        });
        wait_until_no_thread_is_named("filch-");
    };
    writes();
    let before = (descriptors(), threads().len());
    writes();
    assert_eq!((descriptors(), threads().len()), before, "{:?}", threads());
}
