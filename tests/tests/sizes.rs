//! Sizes of handles and of timers on 64-bit targets: growth is a decision, made here.
#![cfg(target_pointer_width = "64")]

use std::future::Ready;
use std::mem::{size_of, size_of_val};

use filch::net::unix::pipe;
use filch::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use filch::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use filch::runtime::{Builder, Handle};
use filch::sync::{TaskTracker, TaskTrackerToken};
use filch::task::{
    AbortHandle, AbortOnDropHandle, Id, JoinError, JoinHandle, JoinMap, JoinSet, LocalSet, Scope,
    ScopedJoinHandle, TaskGroup,
};
use filch::time::{Duration, Instant, Interval, Sleep, Timeout, interval, sleep};

const WORD: usize = size_of::<usize>();

#[test]
fn handles() {
    let words = [
        ("JoinHandle", size_of::<JoinHandle<u64>>(), 2),
        ("AbortHandle", size_of::<AbortHandle>(), 1),
        ("JoinError", size_of::<JoinError>(), 1),
        ("Id", size_of::<Id>(), 1),
        ("Handle", size_of::<Handle>(), 2),
    ];
    let other: Vec<_> = words.iter().filter(|(_, size, words)| *size != words * WORD).collect();
    assert!(other.is_empty(), "bytes, words expected: {other:?}");
}

#[test]
fn sets_and_scopes() {
    let words = [
        ("AbortOnDropHandle", size_of::<AbortOnDropHandle<u64>>(), 2),
        ("JoinSet", size_of::<JoinSet<u64>>(), 11),
        ("JoinMap", size_of::<JoinMap<u64, u64>>(), 18),
        ("LocalSet", size_of::<LocalSet>(), 1),
        ("Scope", size_of::<Scope<()>>(), 1),
        ("ScopedJoinHandle", size_of::<ScopedJoinHandle<u64>>(), 6),
        ("TaskGroup", size_of::<TaskGroup<()>>(), 2),
        ("TaskTracker", size_of::<TaskTracker>(), 1),
        ("TaskTrackerToken", size_of::<TaskTrackerToken>(), 2),
    ];
    let other: Vec<_> = words.iter().filter(|(_, size, words)| *size != words * WORD).collect();
    assert!(other.is_empty(), "bytes, words expected: {other:?}");
}

#[test]
fn files() {
    use filch::fs::{DirEntry, File, ReadDir};
    let words = [
        ("File", size_of::<File>(), 17),
        ("ReadDir", size_of::<ReadDir>(), 7),
        ("DirEntry", size_of::<DirEntry>(), 2),
    ];
    let other: Vec<_> = words.iter().filter(|(_, size, words)| *size != words * WORD).collect();
    assert!(other.is_empty(), "bytes, words expected: {other:?}");
}

#[test]
fn sockets() {
    let words = [
        ("TcpStream", size_of::<TcpStream>(), 4),
        ("TcpListener", size_of::<TcpListener>(), 4),
        ("UdpSocket", size_of::<UdpSocket>(), 4),
        ("UnixStream", size_of::<UnixStream>(), 4),
        ("UnixListener", size_of::<UnixListener>(), 4),
        ("UnixDatagram", size_of::<UnixDatagram>(), 4),
        ("pipe::Sender", size_of::<pipe::Sender>(), 4),
        ("pipe::Receiver", size_of::<pipe::Receiver>(), 4),
    ];
    let other: Vec<_> = words.iter().filter(|(_, size, words)| *size != words * WORD).collect();
    assert!(other.is_empty(), "bytes, words expected: {other:?}");
}

#[test]
fn children() {
    let words = [
        ("Child", size_of::<Child>(), 18),
        ("ChildStdin", size_of::<ChildStdin>(), 4),
        ("ChildStdout", size_of::<ChildStdout>(), 4),
        ("ChildStderr", size_of::<ChildStderr>(), 4),
    ];
    let other: Vec<_> = words.iter().filter(|(_, size, words)| *size != words * WORD).collect();
    assert!(other.is_empty(), "bytes, words expected: {other:?}");
}

#[test]
fn timers() {
    assert_eq!(size_of::<Sleep>(), 11 * WORD);
    assert_eq!(size_of::<Timeout<Ready<u64>>>(), 13 * WORD);
    assert_eq!(size_of::<Interval>(), 4 * WORD);
    assert_eq!(size_of::<Instant>(), size_of::<std::time::Instant>());
    assert_eq!(size_of::<filch::time::error::Elapsed>(), 0);
    Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
        // A tolerance takes no memory.
        let sleep = sleep(Duration::ZERO).tolerance(Duration::from_secs(1));
        assert_eq!(size_of_val(&sleep), size_of::<Sleep>());
        // An interval's timer is on the heap; the future of a tick borrows it.
        assert!(size_of_val(&interval(Duration::from_secs(1)).tick()) <= 3 * WORD);
    });
}
