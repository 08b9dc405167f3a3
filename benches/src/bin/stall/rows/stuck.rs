//! One worker spins; meanwhile timers, sockets and queued tasks must be served by the other.
//!
//! Where the spinning task comes from makes a difference: a worker that its own timer or socket woke
//! comes straight from the driver. So does what else there is to do: whoever spawns wakes the other
//! worker. Hence two spins, one beside timers and sockets alone, and one beside queued tasks.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::clock::{MILLISECOND, now, sleep_until, spin};
use crate::probe::{Probes, p99_and_max};
use crate::rows::{Figures, Wakes};
use crate::rt::{Program, Rt};

/// Tasks that are spawned before the worker is stuck, by the task that sticks.
const TASKS_INSIDE: u64 = 500;

/// Tasks that are spawned from outside while the worker is stuck.
const TASKS_OUTSIDE: u64 = 500;

pub(crate) struct Stuck {
    pub(crate) woken_by: Wakes,
    pub(crate) lasts: Duration,
}

impl Program for Stuck {
    type Output = Figures;

    fn run<R: Rt>(self, runtime: R) -> io::Result<Figures> {
        let probes = Probes::start(runtime)?;
        let (start, end) = self.spin_alone(runtime)?;
        let (timer_p99, timer_max) = p99_and_max(&probes.timers.between(start, end)?);
        let (socket_p99, socket_max) = p99_and_max(&probes.sockets.between(start, end)?);
        let ran = self.spin_beside_tasks(runtime)?;
        Ok(vec![
            ("timer p99, ms", timer_p99),
            ("timer max, ms", timer_max),
            ("socket p99, ms", socket_p99),
            ("socket max, ms", socket_max),
            ("queued tasks run, of 1000", ran as f64),
        ])
    }
}

impl Stuck {
    /// Spins once. Says when that began and ended.
    fn spin_alone<R: Rt>(&self, runtime: R) -> io::Result<(u64, u64)> {
        let (tell, ended) = mpsc::channel();
        let lasts = self.lasts;
        start_from::<R>(runtime, self.woken_by, move || {
            let start = now();
            spin(lasts);
            let _ = tell.send((start, now()));
        })?;
        ended.recv_timeout(self.limit()).map_err(did_not_run)
    }

    /// Spins once, with tasks that were spawned from within before and others that are from outside
    /// meanwhile. Says how many had run when the worker was free again.
    fn spin_beside_tasks<R: Rt>(&self, runtime: R) -> io::Result<u64> {
        let ran = Arc::new(AtomicU64::new(0));
        let (tell_start, started) = mpsc::channel();
        let (tell_end, ended) = mpsc::channel();
        let (theirs, lasts) = (ran.clone(), self.lasts);
        start_from::<R>(runtime, self.woken_by, move || {
            for _ in 0..TASKS_INSIDE {
                count_one(runtime, &theirs);
            }
            let _ = tell_start.send(());
            spin(lasts);
            // ordering: Relaxed, a count; what ran on another thread just now may be missed.
            let _ = tell_end.send(theirs.load(Ordering::Relaxed));
        })?;
        started.recv_timeout(self.limit()).map_err(did_not_run)?;
        // The last is spawned when three quarters are over, so that each has time to run.
        let begin = now();
        let pause = self.lasts.as_nanos() as u64 * 3 / 4 / TASKS_OUTSIDE;
        for number in 0..TASKS_OUTSIDE {
            sleep_until(begin + number * pause);
            count_one(runtime, &ran);
        }
        ended.recv_timeout(self.limit()).map_err(did_not_run)
    }

    fn limit(&self) -> Duration {
        self.lasts + Duration::from_secs(10)
    }
}

fn did_not_run(_: mpsc::RecvTimeoutError) -> io::Error {
    io::Error::other("the spinning task did not run")
}

fn count_one<R: Rt>(runtime: R, ran: &Arc<AtomicU64>) {
    let ran = ran.clone();
    runtime.spawn(async move {
        // ordering: Relaxed, a count.
        ran.fetch_add(1, Ordering::Relaxed);
    });
}

/// Runs `work` in a task that was made runnable in the given way.
pub(crate) fn start_from<R: Rt>(
    runtime: R,
    woken_by: Wakes,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    match woken_by {
        Wakes::Outside => runtime.spawn(async move { work() }),
        Wakes::Timer => runtime.spawn_io(async move {
            R::sleep(Duration::from_millis(1)).await;
            work();
        }),
        Wakes::Socket => {
            let (tell, address) = mpsc::channel();
            runtime.spawn_io(async move {
                // An error leaves the work undone, and its caller waits in vain and says so.
                let Ok((mut listener, address)) = R::listen().await else { return };
                let _ = tell.send(address);
                let Ok(accepted) = R::accept(&mut listener).await else { return };
                let Ok(mut stream) = R::open(accepted) else { return };
                if let Ok(1) = R::read(&mut stream, &mut [0]).await {
                    work();
                }
            });
            let address = address
                .recv_timeout(Duration::from_secs(10))
                .map_err(|_| io::Error::other("the spinning task's socket is not there"))?;
            let mut stream = TcpStream::connect(address)?;
            // The task is back in the driver by then, so that the byte alone wakes it.
            sleep_until(now() + MILLISECOND);
            stream.write_all(&[1])?;
        }
    }
    Ok(())
}
