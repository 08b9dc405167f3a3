//! Short workloads: what the monitor costs filch, and what a ping-pong costs on each runtime.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use filch_benches::stats::Spread;

use crate::gate::{Gate, yield_now};
use crate::rows::Figures;
use crate::rt::{Filch, Program, Rt};

/// How long one turn of one workload should take: five of the monitor's ticks.
const TURN: Duration = Duration::from_millis(50);

/// What runs so many times, and says how long that took.
type Workload<R> = fn(R, u64) -> io::Result<Duration>;

/// Filch with the monitor and without it, in the same process, in turns; the ratio of throughputs. And a
/// control: without it against without it.
///
/// Where the system puts the threads, and which worker got which tasks, makes one turn twice as long as the
/// next, with the monitor and without it. So neither the best turns nor the median say anything: it is the
/// mean that is compared, over many turns, without the longest and the shortest tenth. What the control is off
/// from 1 is still the machine's.
pub(crate) fn on_against_off(workers: u8, pairs: u32) -> io::Result<Figures> {
    let off = || Filch::with_monitor(workers, false);
    let [on, off, control] = [Filch::with_monitor(workers, true)?, off()?, off()?];
    let workloads: [([&'static str; 2], Workload<Filch>); 4] = [
        (["ping-pong, on/off", "ping-pong, off/off"], ping_pong),
        (["yield, on/off", "yield, off/off"], yields),
        (["spawn and join, on/off", "spawn and join, off/off"], spawn_and_join),
        (["echo, on/off", "echo, off/off"], echo),
    ];
    let mut figures = Vec::new();
    for (names, workload) in workloads {
        let times = calibrate(on, workload)?;
        let mut turns = [(on, Vec::new()), (off, Vec::new()), (control, Vec::new())];
        for _ in 0..pairs {
            // Who goes first changes from turn to turn.
            turns.rotate_left(1);
            for (runtime, seconds) in &mut turns {
                seconds.push(workload(*runtime, times)?.as_secs_f64());
            }
        }
        turns.rotate_right(pairs as usize % 3);
        let [on, off, control] = turns.map(|(_, seconds)| trimmed_mean(seconds));
        // Twice the throughput is half of the time.
        figures.extend([(names[0], off / on), (names[1], off / control)]);
    }
    Ok(figures)
}

/// The mean without the longest and the shortest tenth.
fn trimmed_mean(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let cut = seconds.len() / 10;
    let middle = &seconds[cut..seconds.len() - cut];
    middle.iter().sum::<f64>() / middle.len() as f64
}

/// Two tasks that wake each other, and nothing else to do.
pub(crate) struct PingPong;

impl Program for PingPong {
    type Output = Figures;

    fn run<R: Rt>(self, runtime: R) -> io::Result<Figures> {
        let times = calibrate(runtime, ping_pong)?;
        let turns = (0..9)
            .map(|_| Ok(ping_pong(runtime, times)?.as_nanos() as f64 / times as f64))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(vec![("ping-pong, ns a round trip", Spread::of(&turns).median)])
    }
}

/// How many times fill a turn. Warms up on the way.
fn calibrate<R: Rt>(runtime: R, workload: Workload<R>) -> io::Result<u64> {
    let mut times = 64;
    loop {
        let took = workload(runtime, times)?;
        if took * 2 >= TURN {
            return Ok((times as f64 * TURN.as_secs_f64() / took.as_secs_f64()) as u64);
        }
        times *= 2;
    }
}

/// Runs a task and waits, as a thread, until it says that it is done.
fn time_until_done<R: Rt, F>(
    runtime: R,
    task: impl FnOnce(mpsc::Sender<Duration>) -> F,
) -> io::Result<Duration>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (tell, done) = mpsc::channel();
    runtime.spawn_io(task(tell));
    done.recv().map_err(|_| io::Error::other("a task was dropped"))
}

fn ping_pong<R: Rt>(runtime: R, times: u64) -> io::Result<Duration> {
    time_until_done(runtime, |tell| async move {
        let gates = Arc::new([Gate::default(), Gate::default()]);
        let theirs = gates.clone();
        let start = Instant::now();
        runtime.spawn(async move {
            for _ in 0..times {
                theirs[0].pass().await;
                theirs[1].open();
            }
        });
        for _ in 0..times {
            gates[0].open();
            gates[1].pass().await;
        }
        let _ = tell.send(start.elapsed());
    })
}

fn yields<R: Rt>(runtime: R, times: u64) -> io::Result<Duration> {
    const TASKS: u64 = 16;
    let (tell, done) = mpsc::channel::<()>();
    let start = Instant::now();
    for _ in 0..TASKS {
        let tell = tell.clone();
        runtime.spawn(async move {
            for _ in 0..times / TASKS {
                yield_now().await;
            }
            drop(tell);
        });
    }
    drop(tell);
    // Ends when the last task has dropped its end.
    let _ = done.recv();
    Ok(start.elapsed())
}

/// In batches, as a server that answers one request by asking several others.
fn spawn_and_join<R: Rt>(runtime: R, times: u64) -> io::Result<Duration> {
    const BATCH: u64 = 32;
    time_until_done(runtime, |tell| async move {
        let start = Instant::now();
        for _ in 0..times / BATCH {
            let joined = Arc::new((AtomicU64::new(0), Gate::default()));
            for _ in 0..BATCH {
                let joined = joined.clone();
                runtime.spawn(async move {
                    // ordering: AcqRel, so that the last one has seen the others; the gate publishes.
                    if joined.0.fetch_add(1, Ordering::AcqRel) + 1 == BATCH {
                        joined.1.open();
                    }
                });
            }
            joined.1.pass().await;
        }
        let _ = tell.send(start.elapsed());
    })
}

/// One connection; the client is a thread of its own.
fn echo<R: Rt>(runtime: R, times: u64) -> io::Result<Duration> {
    let (tell, address) = mpsc::channel();
    runtime.spawn_io(async move {
        // An error ends the connection, which the client sees.
        let _ = answer::<R>(&tell).await;
    });
    let address = address.recv().map_err(|_| io::Error::other("nobody listens"))?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut byte = [7];
    let start = Instant::now();
    for _ in 0..times {
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
    }
    Ok(start.elapsed())
}

async fn answer<R: Rt>(tell: &mpsc::Sender<std::net::SocketAddr>) -> io::Result<()> {
    let (mut listener, address) = R::listen().await?;
    let _ = tell.send(address);
    let mut stream = R::open(R::accept(&mut listener).await?)?;
    let mut buffer = [0; 64];
    loop {
        match R::read(&mut stream, &mut buffer).await? {
            0 => return Ok(()),
            read => R::write_all(&mut stream, &buffer[..read]).await?,
        }
    }
}
