//! One task or job: what happens to it, and whether its join handle says the same.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::task::{Context, Poll};

use filch::task::{AbortHandle, JoinError, JoinHandle};
use filch_tests::panics::PanicOnDrop;

use crate::books::{Account, Books, Entry};

const ALIVE: u8 = 0;
const FINISHED: u8 = 1;
const PANICKED: u8 = 2;
const CANCELLED: u8 = 3;

/// What is known of a task, on both sides of its join handle.
#[derive(Debug)]
pub struct Life {
    books: Arc<Books>,
    number: u64,
    end: AtomicU8,
    /// The future, or the closure, is gone.
    gone: AtomicBool,
    in_poll: AtomicBool,
}

impl Life {
    fn ends(&self, end: u8) {
        if self.end.compare_exchange(ALIVE, end, SeqCst, SeqCst).is_err() {
            self.books.fault(format!("task {} ended twice", self.number));
        } else if end == PANICKED {
            self.books.panics.happened.fetch_add(1, SeqCst);
        }
    }

    fn is_gone(&self) {
        if self.gone.swap(true, SeqCst) {
            self.books.fault(format!("task {} was dropped twice", self.number));
        }
    }
}

/// A future whose life is in the books.
#[derive(Debug)]
pub struct Tracked<F> {
    life: Arc<Life>,
    inner: Pin<Box<F>>,
    /// A destructor that panics: the task's outcome is then that panic, whatever else it did.
    bomb: Option<PanicOnDrop>,
    _entry: Entry,
}

impl<F: Future> Tracked<F> {
    #[track_caller]
    pub fn new(books: &Arc<Books>, inner: F) -> Tracked<F> {
        let entry = books.open(Account::Future);
        let life = life(books, &entry);
        Tracked { life, inner: Box::pin(inner), bomb: None, _entry: entry }
    }

    /// Its destructor panics.
    pub fn panics_on_drop(mut self) -> Self {
        self.bomb = Some(PanicOnDrop("a destructor of chaos"));
        self
    }

    pub fn life(&self) -> Arc<Life> {
        self.life.clone()
    }
}

fn life(books: &Arc<Books>, entry: &Entry) -> Arc<Life> {
    Arc::new(Life {
        books: books.clone(),
        number: entry.number(),
        end: AtomicU8::new(ALIVE),
        gone: AtomicBool::new(false),
        in_poll: AtomicBool::new(false),
    })
}

/// Around one poll.
struct Polling<'a>(&'a Life, bool);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.in_poll.store(false, SeqCst);
        if !self.1 {
            self.0.ends(PANICKED);
        }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        let life = self.life.clone();
        if life.in_poll.swap(true, SeqCst) {
            life.books.fault(format!("task {} is polled twice at once", life.number));
        }
        if life.end.load(SeqCst) != ALIVE {
            life.books.fault(format!("task {} is polled after its end", life.number));
        }
        let mut polling = Polling(&life, false);
        let polled = self.inner.as_mut().poll(cx);
        polling.1 = true;
        drop(polling);
        polled.map(|_| {
            if self.bomb.is_none() {
                life.ends(FINISHED);
            }
            life.number
        })
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        if self.life.end.load(SeqCst) == ALIVE {
            self.life.ends(if self.bomb.is_some() { PANICKED } else { CANCELLED });
        }
        self.life.is_gone();
    }
}

/// A closure's life, moved into it.
#[derive(Debug)]
pub struct JobLife {
    life: Arc<Life>,
    began: bool,
    _entry: Entry,
}

impl JobLife {
    #[track_caller]
    pub fn new(books: &Arc<Books>) -> (JobLife, Arc<Life>) {
        let entry = books.open(Account::Job);
        let life = life(books, &entry);
        (JobLife { life: life.clone(), began: false, _entry: entry }, life)
    }

    /// Runs the body. A panic comes out.
    pub fn run(mut self, body: impl FnOnce()) -> u64 {
        self.began = true;
        body();
        self.life.ends(FINISHED);
        self.life.number
    }
}

impl Drop for JobLife {
    fn drop(&mut self) {
        if self.life.end.load(SeqCst) == ALIVE {
            self.life.ends(if self.began { PANICKED } else { CANCELLED });
        }
        self.life.is_gone();
    }
}

/// A task or job that was spawned.
#[derive(Debug)]
pub struct Spawned {
    handle: JoinHandle<u64>,
    life: Arc<Life>,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Finished,
    Panicked,
    Cancelled,
}

impl Spawned {
    pub fn new(handle: JoinHandle<u64>, life: Arc<Life>) -> Spawned {
        Spawned { handle, life }
    }

    pub fn abort(&self) {
        self.handle.abort();
    }

    pub fn abort_handle(&self) -> AbortHandle {
        self.handle.abort_handle()
    }

    /// Cancels it when the handle is dropped.
    pub fn abort_on_drop(self) -> Tied {
        Tied { _handle: self.handle.abort_on_drop() }
    }

    /// Waits for its end, and checks that what the join handle says is what happened (B2).
    pub async fn join(self) -> Ended {
        let Spawned { handle, life } = self;
        let joined = handle.await;
        check(&life, joined)
    }
}

/// A task that ends with its owner, at the latest.
#[derive(Debug)]
pub struct Tied {
    _handle: filch::task::AbortOnDropHandle<u64>,
}

/// See [`Spawned::join`].
pub fn check(life: &Life, joined: Result<u64, JoinError>) -> Ended {
    if !life.gone.load(SeqCst) {
        life.books.fault(format!("task {} was joined before its future was dropped", life.number));
    }
    let happened = life.end.load(SeqCst);
    let (said, ended) = match &joined {
        Ok(number) if *number != life.number => {
            life.books.fault(format!("task {} has the output of task {number}", life.number));
            (FINISHED, Ended::Finished)
        }
        Ok(_) => (FINISHED, Ended::Finished),
        Err(error) if error.is_panic() => (PANICKED, Ended::Panicked),
        Err(_) => (CANCELLED, Ended::Cancelled),
    };
    if ended == Ended::Panicked {
        life.books.panics.joined.fetch_add(1, SeqCst);
    }
    if said != happened {
        let number = life.number;
        life.books.fault(format!("task {number} ended as {happened}, its handle says {joined:?}"));
    }
    ended
}
