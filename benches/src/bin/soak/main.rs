//! An echo and a proxy under many connections that come, talk and go: nothing lost, nothing held.
//!
//! ```text
//! cargo run --release -p filch-benches --bin soak -- echo     10,000 connections for 60 s
//! cargo run --release -p filch-benches --bin soak -- proxy    the same through a proxy
//! cargo run --release -p filch-benches --bin soak -- echo --connections 200 --seconds 2
//! ```
//!
//! The servers are built on `net::serve`, each in a process of its own: as many as the limit of open files
//! asks for. Every client sends bytes of which each is known from its place, compares what comes back,
//! pauses, and after some twenty chunks ends and comes again. Most close their half and read to the end,
//! so that a byte that is missing is seen; one in five is gone with bytes on their way, half of them by a
//! reset.
//!
//! It exits with 1 if a byte was lost, doubled or out of order, if a connection failed that was not broken
//! off on purpose, or if a server's memory is not back to within 10 % of what it was at the start, or its
//! descriptors not all back. The start is after a warm-up, when as many connections have been open at once and have
//! talked for a sixth of the time: what is made for the first time stays, such as the driver's slots. Both times the allocator is asked to give
//! back what is free (`malloc_trim`): glibc keeps it otherwise, and it is memory in use that must not
//! grow. `fresh` is what the server held before its first connection, `most` is with what the allocator
//! keeps.
//!
//! A failure here means: a lost wake-up, a readiness that was cleared too much, a buffer that was used
//! twice, or a task, timer or registration that outlives its connection.

mod bytes;
mod client;
mod process;
mod server;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Parser, Subcommand};
use filch::runtime::{Builder, Runtime};
use filch::sync::Barrier;
use filch::task::JoinSet;
use filch::time::Instant;
use filch_benches::progress;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::client::{Client, Tally};
use crate::process::{Held, Process};
use crate::server::Server;

/// Descriptors that a process needs beside its connections.
const SPARE: u64 = 100;

#[derive(Parser)]
#[command(about = "An echo and a proxy under many connections that come, talk and go")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Clients of an echo.
    Echo(Load),
    /// Clients of a proxy before an echo.
    Proxy(Load),
    /// One of the servers, until standard input ends; prints its port.
    Serve {
        #[command(subcommand)]
        server: Server,
    },
}

#[derive(Clone, Copy, clap::Args)]
struct Load {
    /// Connections at once.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    connections: u64,
    /// How long new ones come.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    Echo,
    Proxy,
}

fn main() -> ExitCode {
    let result = raise_limit().and_then(|limit| match Cli::parse().command {
        Task::Serve { server } => server::run(server).map(|()| true),
        Task::Echo(load) => soak(Scene::Echo, load, limit),
        Task::Proxy(load) => soak(Scene::Proxy, load, limit),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Raises the soft limit of open files to the hard one, here and in the processes that come; what it is now.
fn raise_limit() -> io::Result<u64> {
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits })?;
    Ok(limits.maximum.unwrap_or(u64::MAX))
}

/// How many processes it takes for so many connections of so many descriptors each.
fn processes(connections: u64, descriptors: u64, limit: u64) -> u64 {
    (connections * descriptors).div_ceil(limit.saturating_sub(SPARE).max(1))
}

/// The servers: those that the clients connect to first.
fn start(scene: Scene, connections: u64, limit: u64) -> io::Result<(usize, Vec<Process>)> {
    let echoes = (0..processes(connections, 1, limit)).map(|_| Process::start(Server::Echo));
    let echoes = echoes.collect::<io::Result<Vec<_>>>()?;
    if scene == Scene::Echo {
        return Ok((echoes.len(), echoes));
    }
    let fronts = processes(connections, 2, limit).max(echoes.len() as u64) as usize;
    let mut servers = Vec::new();
    for front in 0..fronts {
        let upstream = echoes[front % echoes.len()].port;
        servers.push(Process::start(Server::Proxy { upstream })?);
    }
    servers.extend(echoes);
    Ok((fronts, servers))
}

/// Whether everything held.
fn soak(scene: Scene, load: Load, limit: u64) -> io::Result<bool> {
    if load.connections + SPARE > limit {
        return Err(io::Error::other(format!(
            "{} connections need more than the {limit} files that may be open",
            load.connections
        )));
    }
    let (fronts, mut servers) = start(scene, load.connections, limit)?;
    let ports: Vec<u16> = servers[..fronts].iter().map(|server| server.port).collect();
    let runtime = Builder::new_multi_thread().enable_all().build()?;

    let fresh = held(&servers)?;
    let mut faults = touch(&runtime, load.connections, &ports);
    let warm_up = Load { seconds: load.seconds.div_ceil(6), ..load };
    faults.extend(talk(&runtime, warm_up, &ports).1);
    let mut start = Vec::new();
    for (server, fresh) in servers.iter_mut().zip(&fresh) {
        start.push(server.idle(fresh.descriptors)?);
    }
    let (tally, more, most) = loaded(&runtime, load, &ports, &servers)?;
    faults.extend(more);
    let mut end = Vec::new();
    for (server, start) in servers.iter_mut().zip(&start) {
        end.push(server.settled(start)?);
    }

    println!(
        "{} connections in {} s, {} at once, {} broken off; {:.1} MB compared, {} faults",
        tally.connections.load(Ordering::Relaxed),
        load.seconds,
        tally.most_open.load(Ordering::Relaxed),
        tally.broken_off.load(Ordering::Relaxed),
        tally.bytes.load(Ordering::Relaxed) as f64 / 1e6,
        faults.len()
    );
    faults.iter().take(10).for_each(|fault| println!("  {fault}"));
    println!("server    resident KiB: fresh    start     most      end    descriptors: start  end");
    let mut all_back = true;
    for (at, server) in servers.iter().enumerate() {
        let (start, end) = (start[at], end[at]);
        println!(
            "{:<8} {:>20} {:>8} {:>8} {:>8} {:>21} {:>4}",
            server.name,
            fresh[at].resident_kib,
            start.resident_kib,
            most[at],
            end.resident_kib,
            start.descriptors,
            end.descriptors
        );
        all_back &= end.is_back(&start) && start.descriptors == fresh[at].descriptors;
    }
    if !all_back {
        println!("not everything was given back");
    }
    for server in servers {
        let name = server.name;
        println!("{name}: {}", server.ended()?);
    }
    Ok(all_back && faults.is_empty())
}

fn held(servers: &[Process]) -> io::Result<Vec<Held>> {
    servers.iter().map(Process::held).collect()
}

/// The load itself; also the most memory that each server had, in KiB.
fn loaded(
    runtime: &Runtime,
    load: Load,
    ports: &[u16],
    servers: &[Process],
) -> io::Result<(Arc<Tally>, Vec<String>, Vec<u64>)> {
    std::thread::scope(|scope| {
        let running = scope.spawn(|| talk(runtime, load, ports));
        let mut most = vec![0; servers.len()];
        while !running.is_finished() {
            for (most, held) in most.iter_mut().zip(held(servers)?) {
                *most = held.resident_kib.max(*most);
            }
            // What the kernel knows can only be asked for again and again.
            std::thread::sleep(Duration::from_millis(100));
        }
        let (tally, faults) = running.join().expect("it does not panic");
        Ok((tally, faults, most))
    })
}

/// Opens as many connections as there will be, all at once, and lets each talk a moment; what went wrong.
fn touch(runtime: &Runtime, connections: u64, ports: &[u16]) -> Vec<String> {
    let all_are_open = Arc::new(Barrier::new(connections as usize));
    run(runtime, "warming up", connections, |number| {
        client::touch(number, ports[number as usize % ports.len()], all_are_open.clone())
    })
}

/// Clients until the end of the time; what they came to, and what went wrong.
fn talk(runtime: &Runtime, load: Load, ports: &[u16]) -> (Arc<Tally>, Vec<String>) {
    let tally = Arc::new(Tally::default());
    let end = Instant::now() + Duration::from_secs(load.seconds);
    let faults = run(runtime, "under load", load.connections, |number| {
        let client = Client {
            number,
            port: ports[number as usize % ports.len()],
            end,
            // A life of twenty pauses takes a third of the time.
            pause: Duration::from_secs(load.seconds) / 30,
            tally: tally.clone(),
        };
        client.run()
    });
    (tally, faults)
}

/// Runs a task for each number; what went wrong.
fn run<F>(runtime: &Runtime, what: &'static str, count: u64, task: impl Fn(u64) -> F) -> Vec<String>
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let bar = progress(count, 12);
    bar.set_message(what);
    let mut faults = Vec::new();
    runtime.block_on(async {
        let mut tasks: JoinSet<_> = (0..count).map(task).collect();
        while let Some(ended) = tasks.join_next().await {
            bar.inc(1);
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => faults.push(fault),
                Err(error) => faults.push(error.to_string()),
            }
        }
    });
    bar.finish_and_clear();
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_as_many_as_the_limit_asks_for() {
        assert_eq!(processes(10_000, 1, 20_000), 1);
        assert_eq!(processes(10_000, 2, 20_000), 2);
        assert_eq!(processes(10_000, 1, 1_024), 11);
        assert_eq!(processes(1, 1, 50), 1);
    }

    #[test]
    fn memory_may_grow_by_a_tenth_and_descriptors_by_none() {
        let start = Held { resident_kib: 1000, descriptors: 10 };
        for (resident_kib, descriptors, is_back) in
            [(900, 10, true), (1100, 10, true), (1101, 10, false), (1000, 11, false)]
        {
            assert_eq!(Held { resident_kib, descriptors }.is_back(&start), is_back);
        }
    }
}
