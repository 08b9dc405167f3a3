//! A thread that ends the process when a round takes too long, or too much memory, and says all that is known.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::abort;
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use filch_tests::process::threads;

use crate::books::{Books, lock};

/// A round takes some hundred milliseconds, on a machine that is busy a second or two.
pub const ROUND: Duration = Duration::from_secs(60);
/// For a child process: its parent's round waits for it, and has something to add.
pub const CHILD: Duration = Duration::from_secs(40);
/// A round needs some tens of megabytes.
const MEMORY: usize = 2 << 30;
const LOOK_EVERY: Duration = Duration::from_millis(100);

struct Round {
    name: String,
    script: String,
    began: Instant,
    books: Weak<Books>,
}

static CURRENT: Mutex<Option<Round>> = Mutex::new(None);
static NEVER: Condvar = Condvar::new();

/// Starts the thread, which lives as long as the process. A round may take as long as `limit`.
pub fn start(limit: Duration) {
    // Opened once: there may be no descriptor left.
    let memory = File::open("/proc/self/statm").expect("/proc/self/statm");
    let watch = move || {
        let mut round = lock(&CURRENT);
        loop {
            if let Some(round) = &*round {
                let (elapsed, resident) = (round.began.elapsed(), resident_bytes(&memory));
                if elapsed > limit {
                    give_up(round, &format!("took longer than {limit:?}"));
                } else if resident > MEMORY {
                    give_up(round, &format!("has {resident} bytes in memory"));
                }
            }
            round = match NEVER.wait_timeout(round, LOOK_EVERY) {
                Ok((round, _)) => round,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    };
    thread::Builder::new().name("chaos-watchdog".to_owned()).spawn(watch).expect("a thread");
}

/// How many bytes of this process are in memory.
fn resident_bytes(statm: &File) -> usize {
    let mut text = [0; 128];
    let length = statm.read_at(&mut text, 0).expect("read /proc/self/statm");
    let text = String::from_utf8_lossy(&text[..length]);
    let pages: usize = text.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * rustix::param::page_size()
}

/// A round begins.
pub fn begin(name: String, script: String, books: &Arc<Books>) {
    let books = Arc::downgrade(books);
    *lock(&CURRENT) = Some(Round { name, script, began: Instant::now(), books });
}

/// It has ended.
pub fn end() {
    *lock(&CURRENT) = None;
}

fn give_up(round: &Round, why: &str) -> ! {
    eprintln!("\nchaos: {} {why}\n{}", round.name, round.script);
    for (tid, name) in threads() {
        let read = |file| std::fs::read_to_string(format!("/proc/self/task/{tid}/{file}"));
        let waits_in = read("wchan").unwrap_or_default();
        let state = read("stat").unwrap_or_default();
        let state = state.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?');
        eprintln!("thread {tid} {name:?}: state {state}, in {waits_in:?}");
    }
    match round.books.upgrade() {
        Some(books) => eprintln!("{}", books.describe()),
        None => eprintln!("the books are gone"),
    }
    abort();
}
