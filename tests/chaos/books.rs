//! The books of one round: what was begun, what ended, and what does not add up.
//!
//! Callers: the operations open entries and report faults; the driver asks for the balance when all of the
//! round's runtimes are gone.
//!
//! Invariants, at the end of a round
//! B1  Every entry that was opened was closed, once: futures, jobs, messages, children, runtimes.
//! B2  What a join handle said is what happened to its task. Every panic of a task was given to whoever joined
//!     it, or reported, and not both.
//! B3  A connection that nobody cut has carried every byte, both ways. What a cut one carried is the beginning
//!     of what was sent (checked by the receiver, byte for byte, in `ops/wire.rs`).

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ops::wire::Wire;

/// What an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// A future that was spawned: open until it is dropped.
    Future,
    /// A closure for one of the pools: open until it has run or was dropped.
    Job,
    /// A value in a channel: open until it is dropped.
    Message,
    /// A child process: open until it was waited for.
    Child,
    /// A runtime: open until its shutdown has returned.
    Runtime,
}

/// An open entry. Dropping it closes it.
#[derive(Debug)]
pub struct Entry {
    books: Arc<Books>,
    number: u64,
    account: Account,
}

impl Entry {
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.books.close(self.account, self.number);
    }
}

/// Enough that threads seldom meet at one.
const SHARDS: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub struct Books {
    numbers: AtomicU64,
    open: [Mutex<HashMap<u64, (Account, &'static Location<'static>)>>; SHARDS],
    turnover: Mutex<BTreeMap<Account, u64>>,
    wires: Mutex<HashMap<u64, Arc<Wire>>>,
    faults: Mutex<Vec<String>>,
    pub panics: Panics,
    /// The round's steps in the order in which they began, and where they are.
    steps: Mutex<Vec<(String, &'static str)>>,
    /// Threads of operations hold it for a while, inside of polls.
    pub contended: Mutex<u64>,
    pub stuck_reports: AtomicU64,
}

/// B2, for panics.
#[derive(Debug, Default)]
pub struct Panics {
    /// Tasks and jobs whose body or destructor panicked.
    pub happened: AtomicU64,
    /// Given to whoever joined.
    pub joined: AtomicU64,
    /// Given to the runtime's function for panics that nobody awaits.
    pub reported: AtomicU64,
}

/// Locks what may have been locked by a thread that panicked on purpose.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Books {
    /// Opens an entry.
    #[track_caller]
    pub fn open(self: &Arc<Self>, account: Account) -> Entry {
        let number = self.numbers.fetch_add(1, SeqCst);
        let previous = lock(&self.open[number as usize % SHARDS])
            .insert(number, (account, Location::caller()));
        assert!(previous.is_none(), "numbers are unique");
        Entry { books: self.clone(), number, account }
    }

    fn close(&self, account: Account, number: u64) {
        match lock(&self.open[number as usize % SHARDS]).remove(&number) {
            Some((opened_as, _)) if opened_as == account => {}
            other => self
                .fault(format!("{account:?} {number} closed, which is {other:?}: dropped twice?")),
        }
        *lock(&self.turnover).entry(account).or_default() += 1;
    }

    /// Something that must not be. The round fails; it goes on, so that everything is cleared away.
    pub fn fault(&self, text: String) {
        eprintln!("chaos: FAULT: {text}");
        lock(&self.faults).push(text);
    }

    /// A number that no other connection of this round has.
    pub fn add_wire(&self, wire: impl FnOnce(u64) -> Wire) -> Arc<Wire> {
        let number = self.numbers.fetch_add(1, SeqCst);
        let wire = Arc::new(wire(number));
        lock(&self.wires).insert(number, wire.clone());
        wire
    }

    pub fn wire(&self, number: u64) -> Option<Arc<Wire>> {
        lock(&self.wires).get(&number).cloned()
    }

    /// A step begins, and is under way until the guard is dropped.
    pub fn begin_step(self: &Arc<Self>, text: String) -> UnderWay {
        let mut steps = lock(&self.steps);
        steps.push((text, "UNDER WAY"));
        UnderWay { books: self.clone(), number: steps.len() - 1, at_drop: "aborted" }
    }

    /// How many entries are open.
    pub fn open_entries(&self) -> usize {
        self.open.iter().map(|shard| lock(shard).len()).sum()
    }

    /// All that does not add up, when everything is over.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = lock(&self.faults).clone();
        for shard in &self.open {
            for (number, (account, opened_at)) in &*lock(shard) {
                faults.push(format!("{account:?} {number}, opened at {opened_at}, is still open"));
            }
        }
        let Panics { happened, joined, reported } = &self.panics;
        let (happened, joined, reported) =
            (happened.load(SeqCst), joined.load(SeqCst), reported.load(SeqCst));
        if happened != joined + reported {
            faults.push(format!("{happened} tasks panicked: {joined} joined, {reported} reported"));
        }
        faults.extend(lock(&self.wires).values().filter_map(|wire| wire.fault()));
        faults
    }

    /// How many entries were closed.
    pub fn turnover(&self) -> BTreeMap<Account, u64> {
        lock(&self.turnover).clone()
    }

    /// Everything that is known, for the one who looks for the cause.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "closed: {:?}; panics: {:?}", self.turnover(), self.panics);
        for (step, state) in &*lock(&self.steps) {
            let _ = writeln!(text, "{state}: {step}");
        }
        for wire in lock(&self.wires).values().filter(|wire| wire.is_open()) {
            let _ = writeln!(text, "connection: {wire:?}");
        }
        for fault in self.faults() {
            let _ = writeln!(text, "unbalanced: {fault}");
        }
        text
    }
}

/// A step that has begun.
#[derive(Debug)]
pub struct UnderWay {
    books: Arc<Books>,
    number: usize,
    at_drop: &'static str,
}

impl UnderWay {
    pub fn end(mut self) {
        self.at_drop = "over";
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.books.steps)[self.number].1 = self.at_drop;
    }
}

/// What a run has done, by name, over all rounds.
static TALLY: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

/// Panics that no operation made on purpose.
static UNEXPECTED: AtomicBool = AtomicBool::new(false);

/// Notes that something happened.
pub fn tally(what: &'static str) {
    *lock(&TALLY).entry(what).or_default() += 1;
}

/// All that happened so far.
pub fn tallied() -> BTreeMap<&'static str, u64> {
    lock(&TALLY).clone()
}

/// Has unexpected panics, wherever they are caught, fail the run.
pub fn watch_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        UNEXPECTED.store(true, SeqCst);
        before(info);
    }));
    // On top of ours: what an operation panics with on purpose does not come through.
    filch_tests::panics::install_hook();
}

pub fn was_unexpected_panic() -> bool {
    UNEXPECTED.load(SeqCst)
}
