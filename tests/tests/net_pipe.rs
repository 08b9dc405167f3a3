//! Pipes: without a name, with one, and taken over from descriptors.

use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::pin::pin;
use std::task::Poll;

use filch::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use filch::net::unix::pipe::{self, Receiver, Sender, pipe};
use filch_tests::folder::Folder;
use filch_tests::panics::caught;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;
use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_getfl, mknodat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

const TESTS: [fn(); 11] = [
    what_is_written_is_read_until_the_end,
    full_pipe_holds_the_writer,
    nobody_reads,
    reader_that_goes_wakes_the_writer,
    packets_are_read_one_after_the_other,
    readiness_by_hand,
    pipe_with_a_name,
    pipe_with_a_name_open_for_both,
    files_that_are_no_pipes,
    ends_for_the_other_direction,
    descriptors_there_and_back,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", nobody_reads, &TESTS);
}

/// A pipe with a name.
fn fifo() -> (Folder, PathBuf) {
    let folder = Folder::new("pipe");
    let path = folder.join("fifo");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    (folder, path)
}

fn is_nonblocking(fd: impl AsFd) -> bool {
    fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
}

#[test]
fn what_is_written_is_read_until_the_end() {
    each_runtime(|| async {
        let (mut sender, mut receiver) = pipe().unwrap();
        let reading = filch::spawn(async move {
            let mut all = Vec::new();
            receiver.read_to_end(&mut all).await.unwrap();
            all
        });
        let data: Vec<u8> = (0..1 << 20).map(|place| (place % 251) as u8).collect();
        sender.write_all(&data).await.unwrap();
        // Nothing is buffered, and only dropping is an end.
        sender.flush().await.unwrap();
        sender.shutdown().await.unwrap();
        sender.write_all(b"after shutdown").await.unwrap();
        drop(sender);
        let all = reading.await.unwrap();
        assert!(all[..data.len()] == data && all[data.len()..] == *b"after shutdown");
    });
}

#[test]
fn full_pipe_holds_the_writer() {
    each_runtime(|| async {
        let (mut sender, mut receiver) = pipe().unwrap();
        let data = vec![3; 1 << 20];
        let mut writing = pin!(sender.write_all(&data));
        let first = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await;
        assert!(first.is_pending());
        let mut received = vec![0; 1 << 20];
        let (written, read) = filch::join!(writing, receiver.read_exact(&mut received));
        written.unwrap();
        read.unwrap();
        assert_eq!(received, data);
    });
}

#[test]
fn nobody_reads() {
    each_runtime(|| async {
        let (mut sender, receiver) = pipe().unwrap();
        drop(receiver);
        assert_eq!(sender.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let ready = sender.ready(Interest::WRITABLE).await.unwrap();
        assert!(ready.is_writable() || ready.is_write_closed(), "{ready:?}");
        assert_eq!(sender.try_write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn reader_that_goes_wakes_the_writer() {
    each_runtime(|| async {
        let (mut sender, receiver) = pipe().unwrap();
        let writing = filch::spawn(async move { sender.write_all(&vec![0; 1 << 20]).await });
        receiver.readable().await.unwrap();
        drop(receiver);
        let error = writing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn packets_are_read_one_after_the_other() {
    each_runtime(|| async {
        // A read takes one packet, and is short though there are more.
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT).unwrap();
        let mut receiver = Receiver::from_owned_fd(reader).unwrap();
        let mut sender = Sender::from_owned_fd(writer).unwrap();
        for byte in 0..5 {
            sender.write_all(&[byte; 3]).await.unwrap();
        }
        for byte in 0..5 {
            let mut buf = [0; 64];
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 3);
            assert_eq!(buf[..3], [byte; 3]);
        }
    });
}

#[test]
fn readiness_by_hand() {
    each_runtime(|| async {
        let (mut sender, receiver) = pipe().unwrap();
        assert!(sender.is_write_vectored());
        let mut buf = [0; 8];
        assert_eq!(receiver.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        poll_fn(|cx| sender.poll_write_ready(cx)).await.unwrap();
        assert_eq!(sender.try_write(b"ab").unwrap(), 2);
        let n = sender.try_write_vectored(&[IoSlice::new(b"c"), IoSlice::new(b"def")]);
        assert_eq!(n.unwrap(), 4);
        assert_eq!(sender.write_vectored(&[IoSlice::new(b"ghi")]).await.unwrap(), 3);
        poll_fn(|cx| receiver.poll_read_ready(cx)).await.unwrap();
        assert_eq!(receiver.try_read(&mut buf[..2]).unwrap(), 2);
        let mut bytes = Vec::with_capacity(2);
        assert_eq!(receiver.try_read_buf(&mut bytes).unwrap(), 2);
        let (mut a, mut b) = ([0; 2], [0; 2]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(receiver.try_read_vectored(&mut bufs).unwrap(), 4);
        assert_eq!((&buf[..2], &bytes[..], &a, &b), (&b"ab"[..], &b"cd"[..], b"ef", b"gh"));
        let read = || {
            receiver.try_io(|| rustix::io::read(&receiver, &mut [0; 8]).map_err(io::Error::from))
        };
        assert_eq!(read().unwrap(), 1);
        assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
        let pending = poll_fn(|cx| Poll::Ready(receiver.poll_read_ready(cx).is_pending())).await;
        assert!(pending, "WouldBlock did not clear");
        assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);

        sender.writable().await.unwrap();
        let write =
            || sender.try_io(|| rustix::io::write(&sender, &[0; 4096]).map_err(io::Error::from));
        while write().is_ok() {}
        let pending = poll_fn(|cx| Poll::Ready(sender.poll_write_ready(cx).is_pending())).await;
        assert!(pending, "WouldBlock did not clear");
        drop(sender);
        assert!(receiver.ready(Interest::READABLE).await.unwrap().is_readable());
    });
}

#[test]
fn pipe_with_a_name() {
    each_runtime(|| async {
        let (_folder, path) = fifo();
        let nobody = pipe::OpenOptions::new().open_sender(&path).unwrap_err();
        assert_eq!(nobody.raw_os_error(), Some(Errno::NXIO.raw_os_error()));
        let mut receiver = pipe::OpenOptions::new().open_receiver(&path).unwrap();
        for round in 0..3u8 {
            let mut sender = pipe::OpenOptions::new().unchecked(true).open_sender(&path).unwrap();
            sender.write_all(&[round; 5]).await.unwrap();
            drop(sender);
            let mut all = Vec::new();
            receiver.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, [round; 5]);
        }
        let missing = pipe::OpenOptions::new().open_receiver(path.with_extension("not"));
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
        let nul = pipe::OpenOptions::new().open_receiver("a\0b");
        assert_eq!(nul.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn pipe_with_a_name_open_for_both() {
    each_runtime(|| async {
        let (_folder, path) = fifo();
        let mut options = pipe::OpenOptions::new();
        options.read_write(true);
        // A sender where nobody reads, and a receiver that sees no end.
        let mut sender = options.open_sender(&path).unwrap();
        sender.write_all(b"early").await.unwrap();
        let mut receiver = options.open_receiver(&path).unwrap();
        let mut buf = [0; 5];
        receiver.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"early");
        drop(sender);
        let mut reading = pin!(receiver.read_u8());
        let first = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await;
        assert!(first.is_pending(), "{first:?}");
        pipe::OpenOptions::new().open_sender(&path).unwrap().write_all(b"!").await.unwrap();
        assert_eq!(reading.await.unwrap(), b'!');
    });
}

#[test]
fn files_that_are_no_pipes() {
    each_runtime(|| async {
        let folder = Folder::new("pipe");
        let path = folder.join("regular");
        std::fs::write(&path, b"text").unwrap();
        let options = pipe::OpenOptions::new();
        let results = [
            options.open_receiver(&path).map(drop),
            options.open_sender(&path).map(drop),
            Receiver::from_file(File::open(&path).unwrap()).map(drop),
            Sender::from_file(File::create(&path).unwrap()).map(drop),
        ];
        for result in results {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        // Who says that nothing is to be checked gets the poller's opinion.
        let unchecked = Receiver::from_file_unchecked(File::open(&path).unwrap());
        let error = unchecked.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::PERM.raw_os_error()));
    });
}

#[test]
fn ends_for_the_other_direction() {
    each_runtime(|| async {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let error = Sender::from_owned_fd(reader.try_clone().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = Receiver::from_owned_fd(writer.try_clone().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!is_nonblocking(&reader), "changed though it was refused");
        // An end that is open for both serves for either.
        let (_folder, path) = fifo();
        let both = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
            options.open(&path).unwrap()
        };
        let mut sender = Sender::from_file(both()).unwrap();
        let mut receiver = Receiver::from_file(both()).unwrap();
        sender.write_u8(9).await.unwrap();
        assert_eq!(receiver.read_u8().await.unwrap(), 9);
    });
}

#[test]
fn descriptors_there_and_back() {
    each_runtime(|| async {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let raw = (reader.as_raw_fd(), writer.as_raw_fd());
        let receiver = Receiver::from_owned_fd(reader).unwrap();
        let sender = Sender::from_file(File::from(writer)).unwrap();
        assert_eq!((receiver.as_raw_fd(), sender.as_raw_fd()), raw);
        assert!(is_nonblocking(&receiver) && is_nonblocking(&sender));

        let reader: OwnedFd = receiver.into_nonblocking_fd().unwrap();
        assert!(is_nonblocking(&reader));
        let error = rustix::io::read(&reader, &mut [0; 1]).unwrap_err();
        assert_eq!(error, Errno::AGAIN);
        // It is not registered: so it can be, again.
        let mut receiver = Receiver::from_owned_fd_unchecked(reader).unwrap();
        let mut sender =
            Sender::from_owned_fd_unchecked(sender.into_nonblocking_fd().unwrap()).unwrap();
        sender.write_u8(1).await.unwrap();
        assert_eq!(receiver.read_u8().await.unwrap(), 1);

        let writer = sender.into_blocking_fd().unwrap();
        let reader = receiver.into_blocking_fd().unwrap();
        assert!(!is_nonblocking(&writer) && !is_nonblocking(&reader));
        rustix::io::write(&writer, b"std").unwrap();
        drop(writer);
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(text, "std");
    });
}

#[test]
fn outside_of_a_runtime_the_callers_line_panics() {
    let (_folder, path) = fifo();
    let panics = [
        caught(pipe),
        caught(|| pipe::OpenOptions::new().open_receiver(&path)),
        caught(|| Sender::from_owned_fd(pipe_with(PipeFlags::CLOEXEC).unwrap().1)),
    ];
    for panic in &panics {
        assert!(panic.message.contains("there is no reactor running"), "{panic:?}");
    }
    for panic in &panics[1..] {
        assert!(panic.file.ends_with("net_pipe.rs"), "{panic:?}");
    }
}
