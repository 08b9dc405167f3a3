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
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use filch::net::{TcpListener, TcpStream};
use filch_examples::accept::{Backoff, accept};
use filch_examples::listen::bind_from_env;
use filch_examples::race::{First, race};
use filch_examples::shutdown::Shutdown;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;

use crate::routes::Routes;

/// How long requests in flight may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

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

    let shutdown = Shutdown::new();
    let routes = Routes { panic: false };
    let served = race(filch::signal::ctrl_c(), serve(&listener, routes, &shutdown)).await;
    drop(listener); // from here on connections are refused
    let failed = match served {
        First::Left(Ok(())) => None,
        First::Left(Err(error)) | First::Right(Err(error)) => Some(error),
        First::Right(Ok(never)) => match never {},
    };

    shutdown.request();
    let finish = async {
        // Polled after `ctrl_c` below has taken hold of the signal: who reads this may send another.
        println!("stopping");
        shutdown.drained(GRACE).await
    };
    match race(filch::signal::ctrl_c(), finish).await {
        First::Left(_) => {
            println!("cut {} connections", shutdown.open());
            return ExitCode::from(130); // what a shell reports for an interrupted program
        }
        First::Right(Ok(())) => println!("all requests are answered"),
        First::Right(Err(open)) => println!("cut {open} connections after {} s", GRACE.as_secs()),
    }
    match failed {
        None => ExitCode::SUCCESS,
        Some(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Accepts connections for good; returns only what no waiting can mend.
async fn serve(
    listener: &TcpListener,
    routes: Routes,
    shutdown: &Shutdown,
) -> io::Result<Infallible> {
    let mut backoff = Backoff::new();
    loop {
        let (stream, peer) = accept(listener, &mut backoff).await?;
        let shutdown = shutdown.clone();
        let guard = shutdown.guard();
        filch::spawn(async move {
            let _guard = guard;
            if let Err(error) = connection(stream, routes, &shutdown).await {
                // A client that goes away in the middle is daily life.
                if !error.is_incomplete_message() && !is_hang_up(&error) {
                    eprintln!("{peer}: {error}");
                }
            }
        });
    }
}

/// Serves one connection until its end, or after a request to stop until its current answer is out.
async fn connection(stream: TcpStream, routes: Routes, stop: &Shutdown) -> hyper::Result<()> {
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
    match race(connection.as_mut(), stop.requested()).await {
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
