//! Two tasks that say how well a runtime serves timers and sockets, millisecond by millisecond.
//!
//! Both are open loops: what is due while the runtime stands still is counted late, each millisecond of
//! it, and not left out because nobody asked. A second of standstill is a thousand late samples.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use filch_benches::stats::percentile;

use crate::clock::{MILLISECOND, now, sleep_until};
use crate::rt::Rt;

/// Longer than any stall that is measured; after it a probe counts as hung.
const HUNG: u64 = 10_000 * MILLISECOND;

/// Something that was due, and how much later it was done.
#[derive(Clone, Copy, Debug)]
struct Sample {
    due: u64,
    late: u64,
}

/// The samples of one probe, in the order of their due times.
#[derive(Clone, Default)]
pub(crate) struct Samples(Arc<Mutex<Vec<Sample>>>);

impl Samples {
    fn push(&self, due: u64, done: u64) {
        self.lock().push(Sample { due, late: done.saturating_sub(due) });
    }

    /// Waits until something that was due at `time` or later is done.
    fn wait_beyond(&self, time: u64) -> io::Result<()> {
        let give_up = now() + HUNG;
        while self.lock().last().is_none_or(|last| last.due < time) {
            if now() > give_up {
                return Err(io::Error::other("a probe hangs"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// How late everything was that was due between the two, shortest first.
    pub(crate) fn between(&self, start: u64, end: u64) -> io::Result<Vec<u64>> {
        self.wait_beyond(end)?;
        let mut late: Vec<u64> = self
            .lock()
            .iter()
            .filter(|sample| (start..end).contains(&sample.due))
            .map(|sample| sample.late)
            .collect();
        if late.is_empty() {
            return Err(io::Error::other("no samples between start and end"));
        }
        late.sort_unstable();
        Ok(late)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Sample>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

/// Both probes, running until the process ends.
pub(crate) struct Probes {
    pub(crate) timers: Samples,
    pub(crate) sockets: Samples,
}

impl Probes {
    /// Starts them, and waits until both are in their stride.
    pub(crate) fn start<R: Rt>(runtime: R) -> io::Result<Probes> {
        let probes = Probes { timers: Samples::default(), sockets: Samples::default() };
        runtime.spawn_io(keep_time::<R>(probes.timers.clone()));
        let (tell, address) = mpsc::channel();
        let samples = probes.sockets.clone();
        runtime.spawn_io(async move {
            // An error ends the probe, and `wait_beyond` tells.
            let _ = keep_reading::<R>(samples, tell).await;
        });
        let address = address
            .recv_timeout(Duration::from_nanos(HUNG))
            .map_err(|_| io::Error::other("the socket's probe did not start"))?;
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        std::thread::Builder::new().name("sender".into()).spawn(move || keep_sending(stream))?;
        let warm = now() + 100 * MILLISECOND;
        probes.timers.wait_beyond(warm)?;
        probes.sockets.wait_beyond(warm)?;
        Ok(probes)
    }
}

/// Sleeps until the next whole millisecond of its plan, again and again.
async fn keep_time<R: Rt>(samples: Samples) {
    let mut due = now() + MILLISECOND;
    loop {
        let left = due.saturating_sub(now());
        R::sleep(Duration::from_nanos(left)).await;
        let done = now();
        while due <= done {
            samples.push(due, done);
            due += MILLISECOND;
        }
    }
}

/// Reads the times at which the sender wrote them.
async fn keep_reading<R: Rt>(samples: Samples, tell: mpsc::Sender<SocketAddr>) -> io::Result<()> {
    let (mut listener, address) = R::listen().await?;
    let _ = tell.send(address);
    let mut stream = R::open(R::accept(&mut listener).await?)?;
    let mut buffer = [0; 8 * 1024];
    let mut filled = 0;
    loop {
        let read = R::read(&mut stream, &mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        let done = now();
        filled += read;
        let times = buffer[..filled].chunks_exact(8);
        let kept = times.remainder().len();
        for time in times {
            let sent = u64::from_le_bytes(time.try_into().expect("eight bytes"));
            samples.push(sent, done);
        }
        buffer.copy_within(filled - kept..filled, 0);
        filled = kept;
    }
}

/// Writes the time once a millisecond, from a thread that is none of the runtime's.
fn keep_sending(mut stream: TcpStream) {
    let mut due = now();
    loop {
        due += MILLISECOND;
        sleep_until(due);
        if stream.write_all(&now().to_le_bytes()).is_err() {
            return;
        }
    }
}

/// The 99th percentile and the largest, in milliseconds.
pub(crate) fn p99_and_max(late: &[u64]) -> (f64, f64) {
    let ms = crate::clock::to_ms;
    (ms(percentile(late, 99.0)), ms(percentile(late, 100.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_due_in_between_counts() {
        let samples = Samples::default();
        for (due, done) in [(10, 11), (20, 50), (30, 50), (40, 50), (50, 51)] {
            samples.push(due, done);
        }
        assert_eq!(samples.between(20, 50).unwrap(), [10, 20, 30]);
        assert!(samples.between(11, 19).is_err());
    }

    #[test]
    fn the_largest_is_the_hundredth_percentile() {
        let late: Vec<u64> = (1..=200).map(|ms| ms * MILLISECOND).collect();
        assert_eq!(p99_and_max(&late), (198.0, 200.0));
    }
}
