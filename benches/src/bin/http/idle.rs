//! The latency of one client's requests beside many idle keep-alive connections.

use std::io;
use std::time::{Duration, Instant};

use filch_benches::progress;
use filch_benches::stats::percentile;

use crate::measured::{Pairs, Runtime, head};
use crate::server::{Connection, Server};
use crate::{Plan, raise_descriptor_limit};

/// The first requests are not counted: caches, allocator and branch predictors settle.
const WARM_UP: usize = 200;

/// Runs the part and prints its table; `Ok(false)` if a request to filch failed.
pub(crate) fn compare(plan: &Plan) -> io::Result<bool> {
    let idle = plan.idle_connections;
    raise_descriptor_limit(idle + 64)?;
    println!(
        "\none client beside {idle} idle connections, {} workers, {} rounds of {} s; us",
        plan.workers, plan.rounds, plan.seconds
    );
    let [mut p50, mut p99, mut p999] = [const { Pairs { filch: vec![], tokio: vec![] } }; 3];
    let mut failures = Vec::new();
    let mut passed = true;
    let bar = progress(u64::from(plan.rounds) * 2, 24);
    for round in 0..plan.rounds {
        for runtime in Runtime::in_turn(round) {
            bar.set_message(format!("{runtime}, idle"));
            match measure(runtime, plan) {
                Ok(latencies) => {
                    for (pairs, percent) in [(&mut p50, 50.0), (&mut p99, 99.0), (&mut p999, 99.9)]
                    {
                        let latency = percentile(&latencies, percent);
                        pairs.push(runtime, latency.as_secs_f64() * 1e6);
                    }
                }
                Err(error) => {
                    passed &= runtime != Runtime::Filch;
                    failures.push(format!("{runtime}: {error}"));
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if failures.is_empty() {
        println!("{}", head());
        for (pairs, what) in [(&p50, "p50"), (&p99, "p99"), (&p999, "p99.9")] {
            println!("{}", pairs.line(what, 1));
        }
        let ratio = p99.ratio().median;
        let verdict = if ratio < 2.0 { "held" } else { "missed" };
        println!("goal: p99 under 2x tokio's: {verdict} ({ratio:.2})");
    }
    for failure in &failures {
        println!("FAILED  {failure}");
    }
    Ok(passed)
}

/// The latencies of one round, sorted.
fn measure(runtime: Runtime, plan: &Plan) -> io::Result<Vec<Duration>> {
    let server = Server::start(runtime, plan.workers)?;
    let mut idle = Vec::with_capacity(plan.idle_connections as usize);
    for _ in 0..plan.idle_connections {
        let mut connection = Connection::open(server.address)?;
        connection.request()?; // after it the connection is kept alive, idle
        idle.push(connection);
    }
    let mut client = Connection::open(server.address)?;
    for _ in 0..WARM_UP {
        client.request()?;
    }
    let mut latencies = Vec::with_capacity(1 << 20);
    let mut now = Instant::now();
    let end = now + plan.load();
    while now < end {
        client.request()?;
        let done = Instant::now();
        latencies.push(done - now);
        now = done;
    }
    // Still alive, each of them: an idle connection that was cut would have made room.
    for connection in &mut idle {
        connection.request()?;
    }
    latencies.sort_unstable();
    Ok(latencies)
}
