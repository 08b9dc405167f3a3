//! Models of the I/O driver's readiness protocol, docs/io-driver.md, steps R2 to R8.
//!
//! The "socket" is a counter of bytes sent, written and read with Relaxed: only the readiness word
//! orders it, as only the word orders a system call against the event that announced the data.
#![cfg(filch_loom)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize as Plain, Ordering as PlainOrdering};
use std::task::{Context, Poll, Wake, Waker};

use filch_io_driver::internals::Readiness;
use filch_io_driver::{Direction, Ready, ReadyEvent};
use filch_primitives::atomic::{AtomicUsize, Ordering};
use filch_primitives::park::{Parker, Unparker};
use loom::sync::Arc;
use loom::thread;

/// One registration and its socket.
struct Source {
    readiness: Readiness,
    generation: u32,
    sent: AtomicUsize,
}

impl Source {
    fn new() -> Arc<Self> {
        let readiness = Readiness::new();
        let generation = readiness.open();
        Arc::new(Source { readiness, generation, sent: AtomicUsize::new(0) })
    }

    /// The peer sends a byte, and a driver's thread dispatches its event.
    fn send(&self, total: usize) {
        self.sent.store(total, Ordering::Relaxed);
        assert!(self.readiness.set_ready(self.generation, Ready::READABLE));
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    fn check(&self) -> Option<ReadyEvent> {
        match self.readiness.check(Ready::READABLE) {
            Poll::Ready(event) => Some(event.unwrap()),
            Poll::Pending => None,
        }
    }

    /// Reads until it has `total`, clearing where a read would block.
    fn poll_until(&self, cx: &mut Context<'_>, total: usize) -> Poll<()> {
        loop {
            match self.readiness.poll_ready(cx, Direction::Read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(event) => {
                    let event = event.unwrap();
                    if self.sent() >= total {
                        return Poll::Ready(());
                    }
                    self.readiness.clear(event);
                }
            }
        }
    }
}

/// A waker that counts. The count is read after the threads are joined.
#[derive(Default)]
struct Count(Plain);

impl Count {
    fn new() -> (std::sync::Arc<Count>, Waker) {
        let count = std::sync::Arc::new(Count::default());
        (count.clone(), count.into())
    }

    fn get(&self) -> usize {
        self.0.load(PlainOrdering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, PlainOrdering::SeqCst);
    }
}

struct Unpark(Unparker);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

/// A lost wake-up is a deadlock here, which loom reports.
fn block_on<F: Future>(future: F) -> F::Output {
    let parker = Parker::new();
    let waker = Waker::from(std::sync::Arc::new(Unpark(parker.unparker())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        parker.park();
    }
}

/// R3 against R6: a clear never takes away the news of an event that its reader has not seen (I2),
/// and who sees an event's bits sees the event's data (the orderings at R3 and R4).
#[test]
fn event_races_clear() {
    loom::model(|| {
        let source = Source::new();
        source.send(1);
        let driver = {
            let source = source.clone();
            thread::spawn(move || source.send(2))
        };
        let mut read = 0;
        while let Some(event) = source.check() {
            match source.sent() {
                same if same == read => source.readiness.clear(event),
                more => read = more,
            }
        }
        driver.join().unwrap();
        if source.check().is_none() {
            assert_eq!(read, 2, "the second event was eaten");
        }
    });
}

/// The model above can fail: a reader that asks for the tick after it found nothing, and not before
/// its read, clears events that it has not seen.
#[test]
#[should_panic(expected = "the second event was eaten")]
fn event_races_clear_with_a_late_tick() {
    loom::model(|| {
        let source = Source::new();
        source.send(1);
        let driver = {
            let source = source.clone();
            thread::spawn(move || source.send(2))
        };
        let mut read = 0;
        while source.check().is_some() {
            match source.sent() {
                same if same == read => {
                    if let Some(late) = source.check() {
                        source.readiness.clear(late);
                    }
                }
                more => read = more,
            }
        }
        driver.join().unwrap();
        if source.check().is_none() {
            assert_eq!(read, 2, "the second event was eaten");
        }
    });
}

/// R3 against R5: an event during the registration of a waker is seen by the poll or wakes it (I1).
#[test]
fn event_races_poll() {
    loom::model(|| {
        let source = Source::new();
        let driver = {
            let source = source.clone();
            thread::spawn(move || source.send(1))
        };
        block_on(poll_fn(|cx| source.poll_until(cx, 1)));
        driver.join().unwrap();
    });
}

/// The whole loop: poll, read, clear, wait, against two threads that dispatch events of one source.
#[test]
fn two_drivers_and_a_reader_that_clears() {
    loom::model(|| {
        let source = Source::new();
        let other = {
            let source = source.clone();
            thread::spawn(move || {
                assert!(source.readiness.set_ready(source.generation, Ready::WRITABLE));
            })
        };
        let driver = {
            let source = source.clone();
            thread::spawn(move || source.send(1))
        };
        block_on(poll_fn(|cx| source.poll_until(cx, 1)));
        driver.join().unwrap();
        other.join().unwrap();
        let both = Ready::READABLE | Ready::WRITABLE;
        assert_eq!(source.readiness.current(), both, "one event overwrote the other");
    });
}

/// R7 against R3: an event on its way when the registration ends, and its slot begins another one,
/// changes nothing for that one (I3). The waiter is woken whoever comes first (I4).
#[test]
fn deregister_races_event() {
    loom::model(|| {
        let source = Source::new();
        let (count, waker) = Count::new();
        let mut cx = Context::from_waker(&waker);
        assert!(source.readiness.poll_ready(&mut cx, Direction::Read).is_pending());
        let driver = {
            let source = source.clone();
            thread::spawn(move || {
                source.readiness.set_ready(source.generation, Ready::ALL);
            })
        };
        source.readiness.close();
        assert!(count.get() >= 1, "nobody woke the waiter");
        let next = source.readiness.open();
        assert_ne!(next, source.generation);
        driver.join().unwrap();
        assert!(source.readiness.current().is_empty(), "an event of the past counted");
        assert!(source.readiness.set_ready(next, Ready::READABLE));
    });
}

/// R7 against R5: a poll during the end of the registration gets an error or is woken to get it.
#[test]
fn deregister_races_poll() {
    loom::model(|| {
        let source = Source::new();
        let closer = {
            let source = source.clone();
            thread::spawn(move || source.readiness.close())
        };
        block_on(poll_fn(|cx| source.readiness.poll_ready(cx, Direction::Write)))
            .expect_err("never ready");
        closer.join().unwrap();
    });
}

/// R8 against R5, for a poll and for a queued waiter.
#[test]
fn shutdown_races_poll_and_wait() {
    loom::model(|| {
        let source = Source::new();
        let waiter = {
            let source = source.clone();
            thread::spawn(move || block_on(source.readiness.wait(Ready::READABLE)).unwrap_err())
        };
        let closer = {
            let source = source.clone();
            thread::spawn(move || source.readiness.shut_down())
        };
        block_on(poll_fn(|cx| source.readiness.poll_ready(cx, Direction::Read)))
            .expect_err("never ready");
        waiter.join().unwrap();
        closer.join().unwrap();
    });
}

/// R3 against R5 for the list: each of two waiters sees the event or is woken by it.
#[test]
fn event_races_two_waiters() {
    loom::model(|| {
        let source = Source::new();
        let waiter = {
            let source = source.clone();
            thread::spawn(move || {
                block_on(source.readiness.wait(Ready::READABLE)).unwrap();
                assert_eq!(source.sent(), 1, "ready, and the data not there");
            })
        };
        let driver = {
            let source = source.clone();
            thread::spawn(move || source.send(1))
        };
        block_on(source.readiness.wait(Ready::READABLE)).unwrap();
        assert_eq!(source.sent(), 1, "ready, and the data not there");
        driver.join().unwrap();
        waiter.join().unwrap();
    });
}

/// A waiter that goes away while the event walks the list: its node is left alone once it is gone
/// (W3), and its neighbour is woken all the same.
#[test]
fn event_races_cancelled_wait() {
    loom::model(|| {
        let source = Source::new();
        let (count, waker) = Count::new();
        let mut stays = Box::pin(source.readiness.wait(Ready::READABLE));
        let mut goes = Box::pin(source.readiness.wait(Ready::READABLE));
        let mut cx = Context::from_waker(&waker);
        assert!(goes.as_mut().poll(&mut cx).is_pending());
        assert!(stays.as_mut().poll(&mut cx).is_pending());
        let driver = {
            let source = source.clone();
            thread::spawn(move || source.send(1))
        };
        drop(goes);
        driver.join().unwrap();
        assert!((1..=2).contains(&count.get()), "{} wakes", count.get());
        assert!(stays.as_mut().poll(&mut cx).is_ready());
    });
}
