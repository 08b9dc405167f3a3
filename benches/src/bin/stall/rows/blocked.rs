//! Both workers block in a system call; spare workers must serve timers and sockets, and go away after.

use std::io;
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use crate::clock::{MILLISECOND, now, to_ms};
use crate::probe::{Probes, p99_and_max};
use crate::rows::Figures;
use crate::rt::{Program, Rt};
use crate::threads;

/// When the threads are still too many so long after, that is what is told.
const AT_LAST: u64 = 5_000 * MILLISECOND;

pub(crate) struct Blocked {
    pub(crate) workers: u8,
    pub(crate) lasts: Duration,
}

impl Program for Blocked {
    type Output = Figures;

    fn run<R: Rt>(self, runtime: R) -> io::Result<Figures> {
        let probes = Probes::start(runtime)?;
        // Nobody goes on before every worker is in the hands of one of them.
        let barrier = Arc::new(Barrier::new(self.workers.into()));
        let (tell, blocked) = mpsc::channel();
        for worker in 0..self.workers {
            let (barrier, tell, lasts) = (barrier.clone(), tell.clone(), self.lasts);
            runtime.spawn_at(worker, async move {
                barrier.wait();
                let start = now();
                std::thread::sleep(lasts);
                let _ = tell.send((start, now()));
            });
        }
        drop(tell);
        let (mut start, mut end) = (u64::MAX, 0);
        let mut most = 0;
        let mut left = self.workers;
        while left > 0 {
            most = most.max(threads::count(R::WORKER_NAMES)?);
            match blocked.recv_timeout(Duration::from_millis(5)) {
                Ok(span) => {
                    (start, end) = (start.min(span.0), end.max(span.1));
                    left -= 1;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("a blocking task was dropped"));
                }
            }
        }
        while threads::count(R::WORKER_NAMES)? > self.workers.into() && now() < end + AT_LAST {
            std::thread::sleep(Duration::from_millis(5));
        }
        let back = now() - end;
        let (_, timer) = p99_and_max(&probes.timers.between(start, end)?);
        let (_, socket) = p99_and_max(&probes.sockets.between(start, end)?);
        Ok(vec![
            ("timers: longest gap, ms", timer),
            ("sockets: longest gap, ms", socket),
            ("worker threads at most", most as f64),
            ("back to two threads, ms", to_ms(back)),
        ])
    }
}
