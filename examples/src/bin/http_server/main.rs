//! An HTTP/1.1 server: hyper on filch.
//!
//! `cargo run --release -p filch-examples --bin http_server`, then `curl http://127.0.0.1:8080/`.
//! `PORT` in the environment overrides the port; 0 lets the system choose, and the address is
//! printed. Ctrl-C stops accepting, lets the requests in flight finish for up to 10 s and exits with
//! 0; a second Ctrl-C does not wait. `--self-test` starts it on a free port, requests every route
//! and checks the answers.
//!
//! Invariants
//! H1  A connection's trouble is its own: an error or a panic in it ends that connection only.
//! H2  After a request to stop, an idle connection is closed at once and a busy one after its answer.

mod routes;
mod self_test;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use filch::net::serve::{Connection, Handler, Serve};
use filch::net::{TcpListener, TcpStream, serve};
use filch_examples::listen::bind_from_env;
use filch_examples::race::{First, race};
use filch_examples::server::run_until_ctrl_c;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;

use crate::routes::Routes;

/// How long a client may take to send the head of a request, and so how long it may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => run(),
        ["--self-test"] => self_test::run(),
        _ => {
            eprintln!("usage: http_server [--self-test]\nPORT in the environment: default 8080");
            ExitCode::from(2)
        }
    }
}

#[filch::main]
async fn run() -> ExitCode {
    let (listener, address) = match bind_from_env(8080).await {
        Ok(bound) => bound,
        Err(code) => return code,
    };
    println!("listening on http://{address}");
    run_until_ctrl_c(server(listener, Routes { panic: false })).await
}

/// The server. A client that goes away in the middle is daily life; other troubles are told on standard error.
fn server(
    listener: TcpListener,
    routes: Routes,
) -> Serve<TcpListener, impl Handler<TcpStream, SocketAddr>> {
    let handler = move |stream, connection: Connection<SocketAddr>| async move {
        serve_one(stream, routes, &connection).await.inspect_err(|error| {
            if !error.is_incomplete_message() && !is_hang_up(error) {
                eprintln!("{}: {error}", connection.peer());
            }
        })
    };
    serve(listener, handler).name("http")
}

/// Serves one connection until its end, or after a request to stop until its current answer is out.
async fn serve_one(
    stream: TcpStream,
    routes: Routes,
    this: &Connection<SocketAddr>,
) -> hyper::Result<()> {
    // An answer is written in one piece; waiting for more to send would only delay it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| async move {
        Ok::<_, Infallible>(routes.answer(&request).await)
    });
    let connection = http1::Builder::new()
        .timer(filch::hyper::Timer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(filch::hyper::Io::new(stream), service);
    let mut connection = pin!(connection);
    match race(connection.as_mut(), this.stopping()).await {
        First::Left(result) => result,
        First::Right(()) => {
            connection.as_mut().graceful_shutdown(); // keeps H2
            connection.await
        }
    }
}

fn is_hang_up(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|e| e.downcast_ref::<io::Error>());
    source.is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::UnexpectedEof
        )
    })
}
