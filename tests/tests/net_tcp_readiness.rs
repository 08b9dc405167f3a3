//! TCP, readiness by hand: `ready`, the `try_` methods, peeking, vectored system calls.

mod net_support;

use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::pin::pin;
use std::task::Poll;

use filch::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;
use net_support::pair;

#[test]
fn closed_reader_shows_as_read_closed() {
    each_runtime(|| async {
        let (client, mut server) = pair().await;
        server.shutdown().await.unwrap();
        loop {
            let ready = client.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
            if ready.is_read_closed() {
                assert!(!ready.is_write_closed());
                break;
            }
            filch::task::yield_now().await;
        }
        assert_eq!(client.try_read(&mut [0; 1]).unwrap(), 0);
    });
}

#[test]
fn peek_leaves_the_bytes() {
    each_runtime(|| async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"abc").await.unwrap();
        let mut buf = [0; 8];
        for _ in 0..3 {
            assert_eq!(server.peek(&mut buf).await.unwrap(), 3);
        }
        let mut uninit = [std::mem::MaybeUninit::uninit(); 8];
        let mut read_buf = ReadBuf::uninit(&mut uninit);
        assert_eq!(poll_fn(|cx| server.poll_peek(cx, &mut read_buf)).await.unwrap(), 3);
        assert_eq!(read_buf.filled(), b"abc");
        let (mut reader, _writer) = server.split();
        assert_eq!(reader.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
    });
}

#[test]
fn try_methods_clear_readiness_when_they_would_block() {
    each_runtime(|| async {
        let (mut client, server) = pair().await;
        let mut buf = [0; 8];
        assert_eq!(server.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        client.write_all(b"abcdef").await.unwrap();
        server.readable().await.unwrap();
        assert_eq!(server.try_read(&mut buf[..2]).unwrap(), 2);
        let mut rest = Vec::with_capacity(16);
        assert_eq!(server.try_read_buf(&mut rest).unwrap(), 4);
        assert_eq!((&buf[..2], &rest[..]), (&b"ab"[..], &b"cdef"[..]));
        assert_eq!(server.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        let pending = poll_fn(|cx| Poll::Ready(server.poll_read_ready(cx).is_pending())).await;
        assert!(pending, "ready after it would have blocked");
        // And it comes back.
        client.write_all(b"!").await.unwrap();
        poll_fn(|cx| server.poll_read_ready(cx)).await.unwrap();
        assert_eq!(server.try_read(&mut buf).unwrap(), 1);
    });
}

#[test]
fn try_write_fills_the_buffer_and_becomes_writable_again() {
    each_runtime(|| async {
        let (client, mut server) = pair().await;
        client.writable().await.unwrap();
        let mut sent = 0;
        loop {
            match client.try_write(&[7; 65_536]) {
                Ok(n) => sent += n,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        let pending = poll_fn(|cx| Poll::Ready(client.poll_write_ready(cx).is_pending())).await;
        assert!(pending, "ready after it would have blocked");
        let reader = filch::spawn(async move {
            let mut received = vec![0; sent];
            server.read_exact(&mut received).await.unwrap();
            server
        });
        poll_fn(|cx| client.poll_write_ready(cx)).await.unwrap();
        assert!(client.try_write(b"x").is_ok());
        reader.await.unwrap();
    });
}

#[test]
fn try_io_clears_on_would_block_only() {
    each_runtime(|| async {
        let (client, server) = pair().await;
        let unready = server.try_io(Interest::READABLE, || -> io::Result<()> { panic!("called") });
        assert_eq!(unready.unwrap_err().kind(), ErrorKind::WouldBlock);
        client.writable().await.unwrap();
        client.try_write(b"x").unwrap();
        assert!(server.ready(Interest::READABLE).await.unwrap().is_readable());
        let failing =
            || server.try_io(Interest::READABLE, || Err::<(), _>(ErrorKind::Other.into()));
        for _ in 0..3 {
            assert_eq!(failing().unwrap_err().kind(), ErrorKind::Other);
        }
        let blocked = server
            .try_io(Interest::READABLE, || Err::<(), _>(io::Error::from(ErrorKind::WouldBlock)));
        assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(server.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn async_io_tries_again_after_would_block() {
    each_runtime(|| async {
        let (mut client, server) = pair().await;
        client.write_all(b"x").await.unwrap();
        server.readable().await.unwrap();
        let mut calls = 0;
        let read = server.async_io(Interest::READABLE, || {
            calls += 1;
            if calls == 1 {
                // Somebody else was faster.
                return Err(ErrorKind::WouldBlock.into());
            }
            rustix::io::read(&server, &mut [0; 8]).map_err(io::Error::from)
        });
        let mut read = pin!(read);
        poll_fn(|cx| {
            assert!(read.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        client.write_all(b"y").await.unwrap();
        assert_eq!(read.await.unwrap(), 2);
    });
}

#[test]
fn vectored_reads_and_writes() {
    each_runtime(|| async {
        let (mut client, server) = pair().await;
        assert!(client.is_write_vectored());
        // More buffers than one system call takes, to be written in turns.
        let bytes = [1u8, 2, 3];
        let mut left = 3 * 3_000;
        while left > 0 {
            let bufs: Vec<_> = (0..left / 3).map(|_| IoSlice::new(&bytes)).collect();
            let n = client.write_vectored(&bufs).await.unwrap();
            assert!(n > 0 && n % 3 == 0);
            left -= n;
        }
        let mut received = 0;
        while received < 3 * 3_000 {
            server.readable().await.unwrap();
            let (mut a, mut b) = ([0; 3], [0; 3]);
            let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
            match server.try_read_vectored(&mut bufs) {
                Ok(n) => received += n,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        server.writable().await.unwrap();
        let n = server.try_write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]).unwrap();
        assert_eq!(n, 3);
        let mut buf = [0; 3];
        client.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"abc");
    });
}

/// Every test of this file.
const TESTS: [fn(); 7] = [
    closed_reader_shows_as_read_closed,
    peek_leaves_the_bytes,
    try_methods_clear_readiness_when_they_would_block,
    try_write_fills_the_buffer_and_becomes_writable_again,
    try_io_clears_on_would_block_only,
    async_io_tries_again_after_would_block,
    vectored_reads_and_writes,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", closed_reader_shows_as_read_closed, &TESTS);
}
