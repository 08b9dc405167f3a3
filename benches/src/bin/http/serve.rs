//! The service, on filch and on tokio: the two functions differ in nothing but the runtime's name.
//!
//! Neither sets a timeout or handles a stop, so that both measure the way of a request alone.

use std::convert::Infallible;
use std::io::{self, Read};
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::measured::Runtime;

/// The body of every answer.
pub(crate) const BODY: &str = "Hello, world!";

/// Serves until standard input ends, so that no server outlives the program that started it.
pub(crate) fn run(runtime: Runtime, workers: usize, port: u16) -> io::Result<Infallible> {
    std::thread::Builder::new().name("watch-stdin".into()).spawn(|| {
        // Whatever comes or fails: the other side is gone.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    })?;
    match runtime {
        Runtime::Filch => on_filch(workers, port),
        Runtime::Tokio => on_tokio(workers, port),
    }
}

fn on_filch(workers: usize, port: u16) -> io::Result<Infallible> {
    let runtime =
        filch::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(async {
        // Spawned, so that the accept loop runs on a worker and not on this thread.
        let accepting = filch::spawn(async move {
            let listener = filch::net::TcpListener::bind(("127.0.0.1", port)).await?;
            announce(listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                filch::spawn(async move {
                    let io = filch::hyper::Io::new(stream);
                    // A client that goes away is the client's business; wrk counts its errors.
                    let _ = http1::Builder::new().serve_connection(io, service_fn(hello)).await;
                });
            }
        });
        accepting.await.map_err(io::Error::other)?
    })
}

fn on_tokio(workers: usize, port: u16) -> io::Result<Infallible> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(async {
        // Spawned, so that the accept loop runs on a worker and not on this thread.
        let accepting = tokio::spawn(async move {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
            announce(listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(async move {
                    let io = hyper_util::rt::TokioIo::new(stream);
                    // A client that goes away is the client's business; wrk counts its errors.
                    let _ = http1::Builder::new().serve_connection(io, service_fn(hello)).await;
                });
            }
        });
        accepting.await.map_err(io::Error::other)?
    })
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(BODY.as_bytes()))))
}

/// The one line on standard output; the program that started this one waits for it.
fn announce(address: SocketAddr) {
    println!("{address}");
}
