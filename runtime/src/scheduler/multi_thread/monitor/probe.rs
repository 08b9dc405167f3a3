//! What a thread does: sleeps in the kernel, computes, or waits for a core.
//!
//! Callers: `monitor`, for a worker that seems to be stuck. Where there are more threads than cores, one
//! that waits for its turn looks stuck too, and another thread would not help it.

use std::time::Duration;

/// One look at a thread.
#[cfg_attr(
    not(all(target_os = "linux", not(filch_loom))),
    expect(dead_code, reason = "other systems do not say")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// It sleeps in the kernel: the poll blocks.
    Asleep,
    /// It runs, or waits for a core; so much processor time it has used in its life.
    Runnable(Duration),
    /// The system does not say.
    Unknown,
}

/// A thread, as the system knows it.
#[cfg(all(target_os = "linux", not(filch_loom)))]
pub(in super::super) type ThreadId = rustix::thread::Pid;
#[cfg(not(all(target_os = "linux", not(filch_loom))))]
pub(in super::super) type ThreadId = ();

/// Looks at a thread. Four system calls on Linux.
#[cfg(all(target_os = "linux", not(filch_loom)))]
pub(super) fn probe(thread: ThreadId) -> Probe {
    match state(thread) {
        // Running or runnable; what has ended meanwhile is not stuck.
        Some(b'R') => used(thread).map_or(Probe::Unknown, Probe::Runnable),
        Some(_) => Probe::Asleep,
        None => Probe::Unknown,
    }
}

#[cfg(not(all(target_os = "linux", not(filch_loom))))]
pub(super) fn probe(_: ThreadId) -> Probe {
    Probe::Unknown
}

/// The letter for a thread's state, from proc(5).
#[cfg(all(target_os = "linux", not(filch_loom)))]
fn state(thread: ThreadId) -> Option<u8> {
    let number = thread.as_raw_nonzero();
    let stat = std::fs::read(format!("/proc/self/task/{number}/stat")).ok()?;
    // The name is in brackets, and may hold any byte; the state follows the last one.
    let name_ends = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(name_ends + 2).copied()
}

/// How much processor time a thread has used.
#[cfg(all(target_os = "linux", not(filch_loom)))]
fn used(thread: ThreadId) -> Option<Duration> {
    // The clock of a thread's processor time, as pthread_getcpuclockid(3) makes its number: the thread's
    // number inverted, and the kernel's flags for "one thread" and "scheduled time".
    let clock: libc::clockid_t = (!thread.as_raw_nonzero().get() << 3) | 0b110;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of that type on this stack. A thread that is gone gives an error.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(all(test, target_os = "linux", not(filch_loom)))]
mod tests {
    use super::*;
    use rustix::thread::gettid;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};

    #[test]
    fn thread_that_blocks_is_asleep_and_one_that_computes_uses_time() {
        let (told, thread) = mpsc::channel();
        let (end, until) = mpsc::channel::<()>();
        let spins = Arc::new(AtomicBool::new(true));
        let spinning = spins.clone();
        let other = std::thread::spawn(move || {
            told.send(gettid()).unwrap();
            while spinning.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            let _ = until.recv();
        });
        let id = thread.recv().unwrap();
        let Probe::Runnable(first) = probe(id) else { panic!("{:?}", probe(id)) };
        loop {
            let Probe::Runnable(now) = probe(id) else { panic!("{:?}", probe(id)) };
            if now > first + Duration::from_millis(2) {
                break;
            }
        }
        spins.store(false, Ordering::Relaxed);
        while probe(id) != Probe::Asleep {
            std::thread::yield_now();
        }
        drop(end);
        other.join().unwrap();
        assert_eq!(probe(id), Probe::Unknown, "it has ended");
    }
}
