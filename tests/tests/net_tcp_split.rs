//! TCP, the halves: reading and writing at once, and putting them together again.

mod net_support;

use std::future::poll_fn;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::task::Poll;

use filch::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use filch::net::TcpStream;
use filch::net::tcp::ReuniteError;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;
use net_support::pair;

#[test]
fn owned_halves_in_two_tasks_and_together_again() {
    each_runtime(|| async {
        let (client, mut server) = pair().await;
        let (mut reader, mut writer) = client.into_split();
        assert!(writer.is_write_vectored());
        let writing = filch::spawn(async move {
            writer.write_all(b"ping").await.unwrap();
            writer
        });
        let mut buf = [0; 4];
        server.read_exact(&mut buf).await.unwrap();
        server.write_all(b"pong").await.unwrap();
        reader.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"pong");
        let writer = writing.await.unwrap();
        assert_eq!(reader.local_addr().unwrap(), writer.local_addr().unwrap());
        let mut client = reader.reunite(writer).unwrap();
        client.write_all(b"still").await.unwrap();
        let mut buf = [0; 5];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"still");
    });
}

#[test]
fn halves_of_two_streams_do_not_reunite() {
    each_runtime(|| async {
        let (a, b) = pair().await;
        let (a_reader, a_writer) = a.into_split();
        let (b_reader, b_writer) = b.into_split();
        let ReuniteError(a_reader, b_writer) = a_reader.reunite(b_writer).unwrap_err();
        let error = a_writer.reunite(b_reader).unwrap_err();
        assert_eq!(error.to_string(), "tried to reunite halves that are not from the same socket");
        let ReuniteError(b_reader, a_writer) = error;
        b_writer.reunite(b_reader).unwrap();
        a_reader.reunite(a_writer).unwrap();
    });
}

#[test]
fn dropped_write_half_ends_the_writing_and_a_forgotten_one_does_not() {
    each_runtime(|| async {
        let (client, mut server) = pair().await;
        let (mut reader, writer) = client.into_split();
        drop(writer);
        assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
        server.write_all(b"x").await.unwrap();
        assert_eq!(reader.read_u8().await.unwrap(), b'x');

        let (client, server) = pair().await;
        let (reader, writer) = client.into_split();
        writer.forget();
        let mut server = server;
        let mut read = pin!(server.read_u8());
        let pending = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending())).await;
        assert!(pending, "ended by forget");
        drop(reader);
        assert_eq!(read.await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn borrowed_halves_read_and_write_at_once() {
    each_runtime(|| async {
        let (mut client, mut server) = pair().await;
        {
            let (mut reader, writer) = client.split();
            let (mut peer_reader, mut peer_writer) = server.split();
            assert!(writer.is_write_vectored());
            writer.writable().await.unwrap();
            assert_eq!(writer.try_write(b"abc").unwrap(), 3);
            peer_reader.readable().await.unwrap();
            let mut buf = [0; 3];
            peer_reader.read_exact(&mut buf).await.unwrap();
            peer_writer.write_all(&buf).await.unwrap();
            peer_writer.shutdown().await.unwrap();
            let mut text = String::new();
            reader.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "abc");
            assert_eq!(reader.peer_addr().unwrap(), writer.peer_addr().unwrap());
            assert!(reader.ready(Interest::READABLE).await.unwrap().is_read_closed());
            let stream: &TcpStream = reader.as_ref();
            assert_eq!(stream.as_raw_fd(), writer.as_ref().as_raw_fd());
        }
        drop(client);
    });
}

#[test]
fn reader_and_writer_tasks_wake_each_on_its_own() {
    each_runtime(|| async {
        let (client, server) = pair().await;
        // One task waits to read, another one in vain to write more than the buffers hold.
        let (mut reader, mut writer) = client.into_split();
        let writing = filch::spawn(async move {
            writer.write_all(&vec![1; 8 << 20]).await.unwrap();
        });
        let reading = filch::spawn(async move { reader.read_u8().await.unwrap() });
        let (mut peer_reader, mut peer_writer) = server.into_split();
        peer_writer.write_all(&[9]).await.unwrap();
        assert_eq!(reading.await.unwrap(), 9);
        let mut received = vec![0; 8 << 20];
        peer_reader.read_exact(&mut received).await.unwrap();
        writing.await.unwrap();
    });
}

/// Every test of this file.
const TESTS: [fn(); 5] = [
    owned_halves_in_two_tasks_and_together_again,
    halves_of_two_streams_do_not_reunite,
    dropped_write_half_ends_the_writing_and_a_forgotten_one_does_not,
    borrowed_halves_read_and_write_at_once,
    reader_and_writer_tasks_wake_each_on_its_own,
];

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind(
        "nothing_is_left_behind",
        owned_halves_in_two_tasks_and_together_again,
        &TESTS,
    );
}
