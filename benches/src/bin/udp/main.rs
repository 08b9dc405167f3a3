//! Datagrams on loopback: one by one, many a system call, and joined.
//!
//! ```text
//! cargo run --release -p filch-benches --bin udp             seven rounds
//! cargo run --release -p filch-benches --bin udp -- --quick  a smoke test
//! ```
//!
//! One thread sends 48 datagrams and then receives them, again and again, so that none is lost and both
//! ends are paid for. The three ways take turns within each round:
//! - `udp/one_by_one`: `send_to`, `recv_from`;
//! - `udp/many`: `send_batch`, `recv_batch`, one message a datagram (`sendmmsg`, `recvmmsg`);
//! - `udp/joined`: the same, where datagrams travel as one message (`UDP_SEGMENT`, `UDP_GRO`).
//!
//! Printed are medians over the rounds, in packets a second, and their ratio to one by one, round by
//! round. It exits with 1 if `joined` is not three times as fast.
//!
//! A regression here means: a system call, a copy or an allocation a datagram where there was one a batch.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use filch::net::UdpSocket;
use filch::net::udp::{RecvBatch, SendBatch};
use filch::runtime::Builder;
use filch_benches::progress;
use filch_benches::stats::Spread;

/// Datagrams that are under way at once: they fit into the socket's buffer, and into one joined message.
const AT_ONCE: usize = 48;

/// How much faster the joined ones must be.
const FASTER: f64 = 3.0;

#[derive(Parser)]
#[command(about = "Datagrams on loopback: one by one, many a system call, and joined")]
struct Plan {
    /// A smoke test: one round of few packets; the figures mean nothing and fail nothing.
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Rounds.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Packets of a measurement.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    packets: u32,
    /// Bytes of a packet.
    #[arg(long, default_value_t = 1_200, value_parser = clap::value_parser!(u16).range(8..=1_300))]
    payload: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    OneByOne,
    Many,
    Joined,
}

impl Way {
    const ALL: [Way; 3] = [Way::OneByOne, Way::Many, Way::Joined];

    fn name(self) -> &'static str {
        match self {
            Way::OneByOne => "udp/one_by_one",
            Way::Many => "udp/many",
            Way::Joined => "udp/joined",
        }
    }
}

fn main() -> ExitCode {
    let plan = Plan::parse();
    match measure(&plan) {
        Ok(figures) => report(&figures, plan.quick),
        Err(error) => {
            eprintln!("udp: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Packets a second: of each way, a figure for each round.
fn measure(plan: &Plan) -> io::Result<[Vec<f64>; 3]> {
    let (rounds, packets) = if plan.quick { (1, 5_000) } else { (plan.rounds, plan.packets) };
    let batches = packets as usize / AT_ONCE;
    let mut figures = [const { Vec::new() }; 3];
    let bar = progress(u64::from(rounds) * 3, 14);
    for round in 0..rounds {
        for turn in 0..3 {
            // Who begins changes from round to round.
            let at = (turn + round as usize) % 3;
            bar.set_message(Way::ALL[at].name());
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let start = Instant::now();
            runtime.block_on(pass(Way::ALL[at], batches, usize::from(plan.payload)))?;
            figures[at].push((batches * AT_ONCE) as f64 / start.elapsed().as_secs_f64());
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(figures)
}

/// Sends and receives so many batches.
async fn pass(way: Way, batches: usize, payload: usize) -> io::Result<()> {
    let near = UdpSocket::bind("127.0.0.1:0").await?;
    let far = UdpSocket::bind("127.0.0.1:0").await?;
    let to = far.local_addr()?;
    let payload = vec![7; payload];
    if way == Way::OneByOne {
        return one_by_one(&near, &far, to, batches, &payload).await;
    }
    let mut outgoing = match way {
        Way::Joined => SendBatch::new(),
        _ => SendBatch::without_offload(),
    };
    let message_bytes = if way == Way::Joined { 64 * 1024 } else { 1_500 };
    far.set_gro(way == Way::Joined)?;
    let mut incoming = RecvBatch::new(32, message_bytes);
    for _ in 0..batches {
        for _ in 0..AT_ONCE {
            outgoing.push_to(&payload, to);
        }
        near.send_batch(&mut outgoing).await?;
        let mut received = 0;
        while received < AT_ONCE {
            for datagram in in_time(far.recv_batch(&mut incoming)).await? {
                compare(datagram.payload, &payload)?;
                received += 1;
            }
        }
    }
    Ok(())
}

async fn one_by_one(
    near: &UdpSocket,
    far: &UdpSocket,
    to: SocketAddr,
    batches: usize,
    payload: &[u8],
) -> io::Result<()> {
    let mut buffer = [0; 1_500];
    for _ in 0..batches {
        for _ in 0..AT_ONCE {
            near.send_to(payload, to).await?;
        }
        for _ in 0..AT_ONCE {
            let (len, _) = in_time(far.recv_from(&mut buffer)).await?;
            compare(&buffer[..len], payload)?;
        }
    }
    Ok(())
}

/// A packet that was lost must not hang the program.
async fn in_time<T>(receive: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    filch::time::timeout(std::time::Duration::from_secs(10), receive).await?
}

fn compare(received: &[u8], sent: &[u8]) -> io::Result<()> {
    if received.len() == sent.len() && received[0] == sent[0] {
        return Ok(());
    }
    Err(io::Error::other(format!("{} bytes came of {}", received.len(), sent.len())))
}

fn report(figures: &[Vec<f64>; 3], quick: bool) -> ExitCode {
    println!("{:<16} {:>40} {:>32}", "", "thousand packets/s", "to one by one");
    for (way, rounds) in Way::ALL.iter().zip(figures) {
        let thousands: Vec<f64> = rounds.iter().map(|packets| packets / 1e3).collect();
        let ratio = Spread::of_ratios(rounds, &figures[0]);
        println!("{:<16} {:>40.0} {:>32.2}", way.name(), Spread::of(&thousands), ratio);
    }
    let faster = Spread::of_ratios(&figures[2], &figures[0]).median;
    if quick || faster >= FASTER {
        return ExitCode::SUCCESS;
    }
    println!("joined is {faster:.2} times as fast, and should be {FASTER}");
    ExitCode::FAILURE
}
