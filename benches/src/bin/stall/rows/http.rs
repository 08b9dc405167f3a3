//! One request in a hundred blocks its worker for 50 ms: how late are the others?
//!
//! An open loop: every request has a time at which it is due, whatever became of those before, and its
//! latency counts from then. Client and server are different processes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{MILLISECOND, now, sleep_until, to_ms};
use crate::rows::Figures;
use crate::rows::serve::{ANSWER, GET, GET_SLOW};
use crate::rt::Runtime;
use filch_benches::stats::percentile;

/// Requests a second.
const RATE: u64 = 2_000;

/// Connections, each with a thread: that many requests may be under way.
const CONNECTIONS: usize = 64;

/// An answer that takes longer is none.
const LIMIT: Duration = Duration::from_secs(10);

/// One answer.
struct Answered {
    is_slow: bool,
    latency: u64,
}

/// Starts a server on that runtime, and asks it for so long.
pub(crate) fn measure(runtime: Runtime, workers: u8, lasts: Duration) -> io::Result<Figures> {
    let server = Server::start(runtime, workers)?;
    let connect = || {
        let stream = TcpStream::connect(server.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(stream)
    };
    let streams = (0..CONNECTIONS).map(|_| connect()).collect::<io::Result<Vec<_>>>()?;
    let requests = lasts.as_millis() as u64 * RATE / 1_000;
    let next = Arc::new(AtomicU64::new(0));
    let start = now() + 100 * MILLISECOND;
    let clients: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            let next = next.clone();
            std::thread::spawn(move || ask(stream, &next, start, requests))
        })
        .collect();
    let mut answered = Vec::with_capacity(requests as usize);
    for client in clients {
        answered.extend(client.join().map_err(|_| io::Error::other("a client panicked"))??);
    }
    let mut others: Vec<u64> =
        answered.iter().filter(|one| !one.is_slow).map(|one| one.latency).collect();
    others.sort_unstable();
    Ok(vec![
        ("others: p50, ms", to_ms(percentile(&others, 50.0))),
        ("others: p99, ms", to_ms(percentile(&others, 99.0))),
        ("others: max, ms", to_ms(percentile(&others, 100.0))),
        ("slow requests", (answered.len() - others.len()) as f64),
    ])
}

/// Takes one request after the other, and waits until it is due. Its connection is warm after the first.
fn ask(
    mut stream: TcpStream,
    next: &AtomicU64,
    start: u64,
    requests: u64,
) -> io::Result<Vec<Answered>> {
    exchange(&mut stream, GET)?;
    let mut answered = Vec::new();
    loop {
        // ordering: Relaxed, a count: each number is taken once.
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= requests {
            return Ok(answered);
        }
        let due = start + number * (1_000 * MILLISECOND / RATE);
        sleep_until(due);
        let is_slow = is_slow(number);
        exchange(&mut stream, if is_slow { GET_SLOW } else { GET })?;
        answered.push(Answered { is_slow, latency: now().saturating_sub(due) });
    }
}

fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<()> {
    stream.write_all(request)?;
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer)?;
    if answer == ANSWER { Ok(()) } else { Err(io::Error::other("a wrong answer")) }
}

/// One number in a hundred, without a pattern and the same ones in each run (splitmix64): at times two
/// slow requests come close to each other, as they do in life.
fn is_slow(number: u64) -> bool {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) % 100 == 0
}

/// A fresh process that serves; killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts one on a free port and waits until it listens.
    fn start(runtime: Runtime, workers: u8) -> io::Result<Server> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", runtime.name(), "--workers", &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output is piped");
        let read = BufReader::new(stdout).read_line(&mut line);
        // From here on an early return kills the child.
        let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        read?;
        server.address = line
            .trim()
            .parse()
            .map_err(|_| io::Error::other(format!("the server printed no address: {line:?}")))?;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_in_a_hundred_is_slow() {
        let slow = (0..100_000).filter(|&number| is_slow(number)).count();
        assert!((900..1_100).contains(&slow), "{slow}");
    }
}
