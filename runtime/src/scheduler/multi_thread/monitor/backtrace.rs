//! Where another thread is: its backtrace, taken by a signal.
//!
//! Callers: `report`, on the monitor's thread, if `FILCH_DEBUG` is set.
//!
//! SIGURG is sent to the one thread. Its handler writes down the return addresses, nothing else; the asking
//! thread turns them into names. SIGURG is ignored by default, and few programs use it; their handlers run
//! too. Its handler restarts system calls, but a call that the system never restarts (a sleep, a poll) may
//! end with EINTR in the program: a reason why this is for debugging only.
//!
//! One request at a time, under a lock; its state:
//!
//! ```text
//! from     to       who, when
//! IDLE     WANTED   asking thread: the thread's number is there
//! WANTED   TAKING   the handler, on that thread
//! TAKING   DONE     the handler: the addresses are there
//! WANTED   IDLE     asking thread: the signal did not come in time
//! DONE     IDLE     asking thread: the addresses are read
//! ```

use std::ffi::c_void;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::{AtomicU64, AtomicUsize};
use filch_primitives::lock::Mutex;
use rustix::thread::{Pid, gettid};

const IDLE: usize = 0;
const WANTED: usize = 1;
const TAKING: usize = 2;
const DONE: usize = 3;

/// So many addresses are kept: the innermost ones.
const DEPTH: usize = 64;

/// How long the other thread has to take the signal.
const PATIENCE: Duration = Duration::from_millis(200);

static STATE: AtomicUsize = AtomicUsize::new(IDLE);
static THREAD: AtomicU64 = AtomicU64::new(0);
static ADDRESSES: [AtomicUsize; DEPTH] = [const { AtomicUsize::new(0) }; DEPTH];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// One request at a time, of all runtimes.
static ASKING: Mutex<()> = Mutex::new(());

/// Whether the environment asks for it: `FILCH_DEBUG` is set, and neither empty nor `0`.
pub(in super::super) fn is_wanted() -> bool {
    std::env::var_os("FILCH_DEBUG").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The handler. Async-signal-safe: atomics, and the unwinder, which reads the stack and the tables of the
/// loaded objects.
fn take() {
    // ordering: Relaxed; the exchange below orders it.
    if THREAD.load(Ordering::Relaxed) != number(gettid()) {
        return;
    }
    // ordering: Acquire, to see the number that goes with the request; a request for another thread has
    // another one.
    if STATE.compare_exchange(WANTED, TAKING, Ordering::Acquire, Ordering::Relaxed).is_err() {
        return;
    }
    let mut count = 0;
    // SAFETY: the function's own lock is not taken, as a handler must not. What that lock protects is the
    // symbol cache of some systems, which is not used here: addresses only.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            // ordering: Relaxed; DONE publishes them.
            ADDRESSES[count].store(frame.ip() as usize, Ordering::Relaxed);
            count += 1;
            count < DEPTH
        });
    }
    // ordering: Relaxed, as above.
    COUNT.store(count, Ordering::Relaxed);
    // ordering: Release; pairs with the load in `of_thread`.
    STATE.store(DONE, Ordering::Release);
}

fn number(thread: Pid) -> u64 {
    thread.as_raw_nonzero().get().unsigned_abs().into()
}

/// Where the thread is now, innermost call first, down to the worker's loop; none if it does not take the
/// signal, or the handler can't be installed.
pub(in super::super) fn of_thread(thread: Pid) -> Option<String> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let _asking = ASKING.lock();
    // SAFETY: `take` is async-signal-safe.
    let installed = *INSTALLED
        .get_or_init(|| unsafe { signal_hook_registry::register(libc::SIGURG, take).is_ok() });
    if !installed {
        return None;
    }
    // ordering: Relaxed; the store below publishes it.
    THREAD.store(number(thread), Ordering::Relaxed);
    // ordering: Release; pairs with the exchange in `take`.
    STATE.store(WANTED, Ordering::Release);
    // SAFETY: plain numbers. A thread that has ended meanwhile gives ESRCH.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::c_long::from(rustix::process::getpid().as_raw_nonzero().get()),
            libc::c_long::from(thread.as_raw_nonzero().get()),
            libc::c_long::from(libc::SIGURG),
        )
    };
    let start = Instant::now();
    // ordering: Acquire; pairs with the store in `take`.
    while STATE.load(Ordering::Acquire) != DONE {
        if sent != 0 || start.elapsed() > PATIENCE {
            // ordering: Relaxed; nothing was told. A handler that has begun is waited for.
            let given_up =
                STATE.compare_exchange(WANTED, IDLE, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            if given_up {
                return None;
            }
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    // ordering: Relaxed, both; seen by the Acquire above.
    let count = COUNT.load(Ordering::Relaxed);
    let addresses: Vec<usize> =
        ADDRESSES[..count].iter().map(|address| address.load(Ordering::Relaxed)).collect();
    // ordering: Relaxed; the next request's store publishes.
    STATE.store(IDLE, Ordering::Relaxed);
    Some(render(&addresses))
}

/// One call.
struct Call {
    name: String,
    place: Option<String>,
}

/// Turns addresses into lines. Leaves out the handler's own calls, and what is under the worker's loop.
fn render(addresses: &[usize]) -> String {
    let mut calls: Vec<Call> = Vec::new();
    for &address in addresses {
        // A return address is behind its call; the call's line is wanted.
        let at = address.saturating_sub(1) as *mut c_void;
        backtrace::resolve(at, |symbol| {
            calls.push(Call {
                name: symbol.name().map_or_else(|| "?".to_owned(), |name| format!("{name:#}")),
                place: symbol.filename().map(|file| {
                    format!("{}:{}", file.display(), symbol.lineno().unwrap_or_default())
                }),
            });
        });
    }
    let interrupted = calls.iter().rposition(|call| is_handlers(&call.name)).map_or(0, |at| at + 1);
    let mut text = String::new();
    for (number, call) in calls[interrupted..].iter().enumerate() {
        if call.name.ends_with("multi_thread::worker::drive") {
            break;
        }
        let _ = write!(text, "\n{number:4}: {}", call.name);
        if let Some(place) = &call.place {
            let _ = write!(text, "\n           at {place}");
        }
    }
    text
}

/// Whether a call is between the interrupted one and `take`.
fn is_handlers(name: &str) -> bool {
    name.contains("__restore_rt") || name.starts_with("signal_hook_registry::")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[inline(never)]
    fn waits_here(told: &mpsc::Sender<Pid>, until: &mpsc::Receiver<()>) {
        told.send(gettid()).unwrap();
        let _ = std::hint::black_box(until.recv());
    }

    #[test]
    fn thread_that_waits_is_shown_where_it_waits() {
        let (told, thread) = mpsc::channel();
        let (end, until) = mpsc::channel();
        let other = std::thread::spawn(move || waits_here(&told, &until));
        let id = thread.recv().unwrap();
        for _ in 0..3 {
            let text = of_thread(id).unwrap();
            assert!(text.contains("waits_here"), "{text}");
            assert!(!text.contains("signal_hook_registry"), "{text}");
        }
        drop(end);
        other.join().unwrap();
        assert_eq!(of_thread(id), None, "it has ended");
    }
}
