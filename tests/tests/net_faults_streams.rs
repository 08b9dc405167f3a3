//! Connections that break, or end in one direction, over TCP and over Unix sockets: resets at every stage,
//! half-closed connections, a reader that is slow. Afterwards nothing is left behind.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::task::Poll;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch_tests::on_each_transport;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::each_runtime;
use filch_tests::transport::Transport;

/// More than the buffers of both sides of a connection hold.
const TOO_MUCH: usize = 32 << 20;

on_each_transport!(
    reset_while_reading,
    reset_while_both_halves_wait,
    reset_while_writing,
    reset_before_accept,
    half_closed_by_the_client,
    half_closed_by_the_server,
    slow_reader_gets_every_byte,
    reader_that_never_reads_holds_the_writer,
);

#[test]
fn nothing_is_left_behind() {
    let warm_up = half_closed_by_the_server::<filch_tests::transport::Tcp>;
    leave_nothing_behind("nothing_is_left_behind", warm_up, ON_EACH_TRANSPORT);
}

/// Checks that a future is not ready yet. Its waker is then registered.
async fn assert_pending<F: Future + Unpin>(future: &mut F) {
    let is_pending = poll_fn(|cx| Poll::Ready(pin!(&mut *future).poll(cx).is_pending())).await;
    assert!(is_pending);
}

/// Checks that a listener still serves.
async fn assert_serves<T: Transport>(listener: &T::Listener) {
    let mut client = T::connect(listener).await.unwrap();
    let mut server = T::accept(listener).await.unwrap();
    server.write_all(b"served").await.unwrap();
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"served");
}

/// Bytes of which no two blocks of the same length are the same, if that is not a multiple of 251.
fn bytes(len: usize) -> Vec<u8> {
    let mut bytes = (0..251).collect::<Vec<u8>>().repeat(len / 251 + 1);
    bytes.truncate(len);
    bytes
}

fn reset_while_reading<T: Transport>() {
    each_runtime(|| async {
        let (client, mut server) = T::pair().await;
        server.write_all(b"unread").await.unwrap();
        T::readable(&client).await.unwrap();
        let mut buf = [0; 8];
        {
            let mut read = pin!(server.read(&mut buf));
            assert_pending(&mut read).await;
            T::reset(client);
            assert_eq!(read.await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        // Told once; what is left is a stream at its end that cannot be written to.
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
        assert_eq!(server.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

/// What the system may say of a connection that was reset.
fn is_broken(error: &io::Error) -> bool {
    [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind())
}

fn reset_while_both_halves_wait<T: Transport>() {
    each_runtime(|| async {
        let (client, server) = T::pair().await;
        let (mut reader, mut writer) = T::split(server);
        let reading = filch::spawn(async move { reader.read(&mut [0; 8]).await });
        let writing = filch::spawn(async move { writer.write_all(&vec![0; TOO_MUCH]).await });
        T::readable(&client).await.unwrap();
        T::reset(client);
        // Both are woken. The error is the socket's, and goes to whoever asks first.
        let write = writing.await.unwrap().unwrap_err();
        assert!(is_broken(&write), "{write:?}");
        match reading.await.unwrap() {
            Err(read) => assert_eq!(read.kind(), ErrorKind::ConnectionReset),
            Ok(0) => assert_eq!(write.kind(), ErrorKind::ConnectionReset),
            Ok(n) => panic!("{n} bytes from nobody"),
        }
    });
}

fn reset_while_writing<T: Transport>() {
    each_runtime(|| async {
        let (client, mut server) = T::pair().await;
        let data = vec![0; TOO_MUCH];
        {
            let mut write = pin!(server.write_all(&data));
            assert_pending(&mut write).await;
            T::reset(client);
            let error = write.await.unwrap_err();
            assert!(is_broken(&error), "{error:?}");
        }
        assert_eq!(server.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // The reader may be told of the reset, if the writer was not; then the stream is at its end.
        if let Err(error) = server.read(&mut [0; 8]).await {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

fn reset_before_accept<T: Transport>() {
    each_runtime(|| async {
        let listener = T::listen().await;
        for _ in 0..3 {
            T::reset(T::connect(&listener).await.unwrap());
        }
        let mut good = T::connect(&listener).await.unwrap();
        good.write_u8(7).await.unwrap();
        // The system may hand the dead ones out, or drop them, or tell of them by an error.
        loop {
            match T::accept(&listener).await {
                Ok(mut stream) => match stream.read_u8().await {
                    Ok(byte) => {
                        assert_eq!(byte, 7);
                        break;
                    }
                    Err(error) => assert!(
                        [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof]
                            .contains(&error.kind()),
                        "{error:?}"
                    ),
                },
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionAborted),
            }
        }
        assert_serves::<T>(&listener).await;
    });
}

fn half_closed_by_the_client<T: Transport>() {
    each_runtime(|| async {
        let (mut client, mut server) = T::pair().await;
        let mut request = Vec::new();
        {
            let mut reading = pin!(server.read_to_end(&mut request));
            client.write_all(b"the request").await.unwrap();
            assert_pending(&mut reading).await;
            client.shutdown().await.unwrap();
            assert_eq!(reading.await.unwrap(), 11);
        }
        assert_eq!(request, b"the request");
        assert_eq!(client.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        // The other direction is as it was, for more than the buffers hold.
        let answer = filch::spawn(async move {
            server.write_all(&bytes(16 << 20)).await.unwrap();
        });
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        answer.await.unwrap();
        assert!(received == bytes(16 << 20));
    });
}

fn half_closed_by_the_server<T: Transport>() {
    each_runtime(|| async {
        let (mut client, mut server) = T::pair().await;
        let mut rest = Vec::new();
        {
            let mut reading = pin!(client.read_to_end(&mut rest));
            assert_pending(&mut reading).await;
            server.write_all(b"go away").await.unwrap();
            server.shutdown().await.unwrap();
            assert_eq!(reading.await.unwrap(), 7);
        }
        assert_eq!(rest, b"go away");
        for round in 0..3u8 {
            client.write_all(&[round]).await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), round);
        }
        // Both directions closed, one after the other: an end, and not an error.
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

fn slow_reader_gets_every_byte<T: Transport>() {
    const LEN: usize = 8 << 20;
    each_runtime(|| async {
        let (mut client, server) = T::pair().await;
        let (_reader, mut writer) = T::split(server);
        let writing = filch::spawn(async move {
            writer.write_all(&bytes(LEN)).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        // Little bites at first, and others run between them, so that the buffers stay full.
        let (mut place, mut bite) = (0, 1);
        let (data, mut buf) = (bytes(LEN), vec![0; 1 << 20]);
        loop {
            let n = client.read(&mut buf[..bite]).await.unwrap();
            if n == 0 {
                break;
            }
            assert!(buf[..n] == data[place..place + n], "at {place}");
            place += n;
            bite = (bite * 2).min(buf.len());
            filch::task::yield_now().await;
        }
        assert_eq!(place, LEN);
        writing.await.unwrap();
    });
}

fn reader_that_never_reads_holds_the_writer<T: Transport>() {
    each_runtime(|| async {
        let (client, mut server) = T::pair().await;
        let data = bytes(TOO_MUCH);
        let mut write = pin!(server.write_all(&data));
        for _ in 0..100 {
            assert_pending(&mut write).await;
            filch::task::yield_now().await;
        }
        // The reader, too, goes by what is there.
        let mut buf = vec![0; 1 << 20];
        let mut place = 0;
        T::readable(&client).await.unwrap();
        let end = loop {
            match T::try_read(&client, &mut buf) {
                Ok(n) => {
                    assert!(buf[..n] == data[place..place + n], "at {place}");
                    place += n;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(end.kind(), ErrorKind::WouldBlock);
        assert!(place > 0 && place < TOO_MUCH);
        assert_pending(&mut write).await;
        drop(client);
        assert!(is_broken(&write.await.unwrap_err()));
    });
}
