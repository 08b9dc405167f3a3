//! HTTP by hyper, client and server, on filch's executor, timer and `TcpStream`s as they are.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use filch::hyper::{Executor, Io, Timer};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::TcpStream;
use filch::task::{JoinHandle, JoinSet};
use filch_interop_tests::{check_leaks, listen, on_each, pair, payload};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, client, server};

const TESTS: [fn(); 5] = [
    http1_keeps_its_connection,
    http2_has_many_streams_at_once,
    http1_serves_many_connections_at_once,
    an_upgraded_connection_is_a_stream_again,
    slow_headers_are_timed_out_by_filchs_timer,
];

/// Sends the body back, and says which path was asked for.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let response = Response::builder().header("path", path);
    Ok(response.body(Full::new(body)).unwrap())
}

fn request(i: usize, len: usize) -> Request<Full<Bytes>> {
    let request = Request::post(format!("http://localhost/{i}"));
    request.body(Full::new(payload(i, len).into())).unwrap()
}

async fn check(i: usize, len: usize, response: Response<Incoming>) {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["path"], format!("/{i}"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body == payload(i, len), "{i}: {} bytes", body.len());
}

/// Runs a connection beside whoever uses it; it must end well.
fn run<F, E>(connection: F) -> JoinHandle<()>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Debug,
{
    filch::spawn(async move { connection.await.unwrap() })
}

#[test]
fn http1_keeps_its_connection() {
    on_each(|| async {
        let (near, far) = pair().await;
        let mut server = server::conn::http1::Builder::new();
        let server = run(server.timer(Timer::new()).serve_connection(far, service_fn(echo)));
        let (mut client, connection) = client::conn::http1::handshake(near).await.unwrap();
        let connection = run(connection);
        for i in 0..10 {
            let len = i * 50_000;
            client.ready().await.unwrap();
            check(i, len, client.send_request(request(i, len)).await.unwrap()).await;
        }
        drop(client);
        connection.await.unwrap();
        server.await.unwrap();
    });
}

#[test]
fn http1_serves_many_connections_at_once() {
    const CONNECTIONS: usize = 12;
    on_each(|| async {
        let (listener, addr) = listen().await;
        let mut clients = JoinSet::new();
        for i in 0..CONNECTIONS {
            clients.spawn(async move {
                let stream = TcpStream::connect(addr).await.unwrap();
                let (mut client, connection) =
                    client::conn::http1::handshake(stream).await.unwrap();
                let connection = run(connection);
                check(i, 100_000, client.send_request(request(i, 100_000)).await.unwrap()).await;
                drop(client);
                connection.await.unwrap();
            });
        }
        let mut servers = Vec::new();
        for _ in 0..CONNECTIONS {
            let (stream, _) = listener.accept().await.unwrap();
            let server = server::conn::http1::Builder::new();
            servers.push(run(server.serve_connection(stream, service_fn(echo))));
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
        for server in servers {
            server.await.unwrap();
        }
    });
}

#[test]
fn http2_has_many_streams_at_once() {
    const STREAMS: usize = 32;
    // All together more than the connection's flow-control window.
    const LEN: usize = 40_000;
    on_each(|| async {
        let (near, far) = pair().await;
        // Nobody is answered before all have asked.
        let barrier = std::sync::Arc::new(filch::sync::Barrier::new(STREAMS));
        let service = service_fn(move |request| {
            let barrier = barrier.clone();
            async move {
                barrier.wait().await;
                echo(request).await
            }
        });
        let mut server = server::conn::http2::Builder::new(Executor::new());
        let server = run(server.timer(Timer::new()).serve_connection(far, service));
        let mut client = client::conn::http2::Builder::new(Executor::new());
        let (client, connection) = client.timer(Timer::new()).handshake(near).await.unwrap();
        let connection = run(connection);
        let mut streams = JoinSet::new();
        for i in 0..STREAMS {
            let mut client = client.clone();
            streams.spawn(async move {
                check(i, LEN, client.send_request(request(i, LEN)).await.unwrap()).await;
            });
        }
        while let Some(stream) = streams.join_next().await {
            stream.unwrap();
        }
        drop(client);
        connection.await.unwrap();
        server.await.unwrap();
    });
}

#[test]
fn an_upgraded_connection_is_a_stream_again() {
    on_each(|| async {
        let (near, far) = pair().await;
        let service = service_fn(|mut request: Request<Incoming>| async move {
            filch::spawn(async move {
                let upgraded = hyper::upgrade::on(&mut request).await.unwrap();
                let (mut reader, mut writer) = filch::io::split(Io::new(upgraded));
                filch::io::copy(&mut reader, &mut writer).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
            let response = response.header(CONNECTION, "upgrade").header(UPGRADE, "echo");
            Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap())
        });
        let server = server::conn::http1::Builder::new();
        let server = run(server.serve_connection(far, service).with_upgrades());
        let (mut client, connection) = client::conn::http1::handshake(near).await.unwrap();
        let connection = run(connection.with_upgrades());
        let request = Request::get("/").header(CONNECTION, "upgrade").header(UPGRADE, "echo");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let upgraded = hyper::upgrade::on(response).await.unwrap();
        let (mut reader, mut writer) = filch::io::split(Io::new(upgraded));
        let writing = filch::spawn(async move {
            writer.write_all(&payload(1, 500_000)).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        let mut echoed = Vec::new();
        reader.read_to_end(&mut echoed).await.unwrap();
        assert!(echoed == payload(1, 500_000), "{} bytes", echoed.len());
        writing.await.unwrap();
        connection.await.unwrap();
        server.await.unwrap();
    });
}

#[test]
fn slow_headers_are_timed_out_by_filchs_timer() {
    on_each(|| async {
        let (mut near, far) = pair().await;
        let mut server = server::conn::http1::Builder::new();
        server.timer(Timer::new()).header_read_timeout(Duration::from_millis(5));
        let server = filch::spawn(server.serve_connection(far, service_fn(echo)));
        near.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
        assert!(server.await.unwrap().unwrap_err().is_timeout());
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
    });
}

#[test]
fn nothing_is_left_behind() {
    check_leaks(&TESTS);
}
