//! A minimal HTTP/1.1 server with keep-alive, the same on every runtime. `GET /slow` blocks its worker.

use std::convert::Infallible;
use std::io::{self, Read};
use std::time::Duration;

use crate::rt::{Program, Rt};

/// How long a slow request blocks.
const SLOW: Duration = Duration::from_millis(50);

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
pub(crate) const GET_SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n";
pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, world!";

/// Serves until standard input ends, so that no server outlives the program that started it.
pub(crate) struct Serve;

impl Program for Serve {
    type Output = Infallible;

    fn run<R: Rt>(self, runtime: R) -> io::Result<Infallible> {
        runtime.spawn_io(async move {
            if let Err(error) = accept_all(runtime).await {
                eprintln!("error: {error}");
                std::process::exit(1);
            }
        });
        // Whatever comes or fails: the other side is gone.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    }
}

async fn accept_all<R: Rt>(runtime: R) -> io::Result<()> {
    let (mut listener, address) = R::listen().await?;
    // The one line on standard output; the program that started this one waits for it.
    println!("{address}");
    loop {
        let accepted = R::accept(&mut listener).await?;
        runtime.spawn_io(async move {
            // A client that goes away is the client's business.
            let _ = serve::<R>(accepted).await;
        });
    }
}

async fn serve<R: Rt>(accepted: R::Accepted) -> io::Result<()> {
    let mut stream = R::open(accepted)?;
    let mut buffer = [0; 1024];
    let mut filled = 0;
    loop {
        let Some(end) = end_of_head(&buffer[..filled]) else {
            if filled == buffer.len() {
                return Err(io::Error::other("a request's head is too long"));
            }
            match R::read(&mut stream, &mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
            continue;
        };
        if buffer.starts_with(b"GET /slow ") {
            std::thread::sleep(SLOW);
        }
        buffer.copy_within(end..filled, 0);
        filled -= end;
        R::write_all(&mut stream, ANSWER).await?;
    }
}

/// Where the first request's head ends, if all of it is there.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_an_empty_line() {
        assert_eq!(end_of_head(GET), Some(GET.len()));
        assert_eq!(end_of_head(&[GET, GET_SLOW].concat()), Some(GET.len()));
        assert_eq!(end_of_head(&GET[..GET.len() - 1]), None);
        assert_eq!(end_of_head(b""), None);
    }
}
