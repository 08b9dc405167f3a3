//! Time as the measurements note it: nanoseconds since this process first asked.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) const MILLISECOND: u64 = 1_000_000;

/// The instant from which nanoseconds are counted.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Nanoseconds since the start.
pub(crate) fn now() -> u64 {
    start().elapsed().as_nanos() as u64
}

/// Keeps the thread busy for so long.
pub(crate) fn spin(duration: Duration) {
    let end = Instant::now() + duration;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// Sleeps, as a thread, until `due`; not at all if that has passed.
pub(crate) fn sleep_until(due: u64) {
    if let Some(left) = due.checked_sub(now()) {
        std::thread::sleep(Duration::from_nanos(left));
    }
}

pub(crate) fn to_ms(nanos: u64) -> f64 {
    nanos as f64 / MILLISECOND as f64
}
