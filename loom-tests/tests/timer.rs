//! Models of the timers' protocol, docs/timer.md, steps T1 to T9.
//!
//! Time is an argument, or the paused clock: no model reads the system's. The wheel is small under loom
//! (two levels of four slots), and a batch of wakers holds two.
#![cfg(filch_loom)]

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize as Plain, Ordering as PlainOrdering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use filch_primitives::atomic::{AtomicBool, Ordering, fence};
use filch_primitives::cell::UnsafeCell;
use filch_primitives::park::{Parker, Unparker};
use filch_timer::{Clock, PollTimer, TimerEntry, Timers};
use loom::sync::Arc;
use loom::thread;

/// A tick of the wheel.
const TICK: Duration = Duration::from_nanos(1 << 15);

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

/// No waker but `ours` is left: none was leaked, none dropped twice.
fn assert_given_back(count: std::sync::Arc<Count>, ours: Waker) {
    drop(ours);
    assert_eq!(std::sync::Arc::strong_count(&count), 1);
}

/// Timers of one shard on a paused clock, and its time.
fn paused() -> (Arc<Timers>, Instant) {
    let timers = Timers::new(1, Clock::new(true));
    let now = timers.clock().now();
    (Arc::new(timers), now)
}

/// The same with the clock running, so that `next_expiry` goes without the lock.
fn running() -> (Arc<Timers>, Instant) {
    let (timers, now) = paused();
    timers.clock().resume().unwrap();
    (timers, now)
}

type Entry = Pin<Box<TimerEntry>>;

fn entry(deadline: Instant) -> Entry {
    Box::pin(TimerEntry::new(deadline))
}

fn poll(entry: &mut Entry, timers: &Timers, now: Instant, waker: &Waker) -> PollTimer {
    entry.as_mut().poll_at(timers, 0, now, &mut Context::from_waker(waker))
}

fn is_pending(poll: PollTimer) -> bool {
    matches!(poll, PollTimer::Pending { .. })
}

/// An entry that is armed.
fn armed(timers: &Timers, now: Instant, deadline: Instant, waker: &Waker) -> Entry {
    let mut entry = entry(deadline);
    assert!(is_pending(poll(&mut entry, timers, now, waker)));
    entry
}

/// T2 against T4: an entry is armed while others fire. It fires once, then or at the next look.
#[test]
fn arm_races_fire() {
    loom::model(|| {
        let (timers, now) = paused();
        let (count, waker) = Count::new();
        let first = armed(&timers, now, now + TICK, &waker);
        let arming = {
            let (timers, waker) = (timers.clone(), waker.clone());
            thread::spawn(move || armed(&timers, now, now + TICK, &waker))
        };
        let early = timers.fire_due(now + TICK);
        let second = arming.join().unwrap();
        assert!(early == 1 || early == 2);
        if early == 1 {
            assert!(timers.next_expiry().unwrap() <= now + TICK);
        }
        assert_eq!(early + timers.fire_due(now + TICK), 2);
        assert!(first.is_elapsed() && second.is_elapsed());
        assert_eq!(count.get(), 2);
        assert_given_back(count, waker);
    });
}

/// H1: `fire` raises the shard's next look while a later entry is armed: it isn't raised past that one.
#[test]
fn arm_races_raising_the_next_look() {
    loom::model(|| {
        let (timers, now) = running();
        let (count, waker) = Count::new();
        let first = armed(&timers, now, now + TICK, &waker);
        let arming = {
            let (timers, waker) = (timers.clone(), waker.clone());
            thread::spawn(move || armed(&timers, now, now + 7 * TICK, &waker))
        };
        assert_eq!(timers.fire_due(now + TICK), 1);
        let second = arming.join().unwrap();
        assert_eq!(timers.next_expiry(), Some(now + 7 * TICK));
        assert_eq!(timers.fire_due(now + 7 * TICK), 1);
        assert!(first.is_elapsed() && second.is_elapsed());
        assert_eq!(timers.next_expiry(), None);
        assert_given_back(count, waker);
    });
}

/// A driver as T3 asks for it: makes itself known, fence, looks at the timers, waits only if there is
/// nothing to wait for. Time has come for whatever it finds.
fn wait_and_fire(timers: &Timers, waiting: &AtomicBool, parker: &Parker, at: Instant) {
    while timers.fire_due(at) == 0 {
        waiting.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if timers.next_expiry().is_none() {
            parker.park();
        }
        waiting.store(false, Ordering::Relaxed);
    }
}

/// The other side: tells the one that waits, if the entry is its shard's earliest.
fn arm_and_tell(
    timers: &Timers,
    now: Instant,
    (waiting, unparker): (&AtomicBool, &Unparker),
    with_fence: bool,
) -> Entry {
    let mut entry = entry(now + 2 * TICK);
    let told = poll(&mut entry, timers, now, Waker::noop());
    if let PollTimer::Pending { became_earliest: Some(_) } = told {
        if with_fence {
            fence(Ordering::SeqCst);
        }
        if waiting.load(Ordering::Relaxed) {
            unparker.unpark();
        }
    }
    entry
}

fn arm_against_wait(with_fence: bool) {
    let (timers, now) = running();
    let waiting = Arc::new(AtomicBool::new(false));
    let parker = Parker::new();
    let unparker = parker.unparker();
    let arming = {
        let (timers, waiting) = (timers.clone(), waiting.clone());
        thread::spawn(move || arm_and_tell(&timers, now, (&waiting, &unparker), with_fence))
    };
    wait_and_fire(&timers, &waiting, &parker, now + 2 * TICK);
    assert!(arming.join().unwrap().is_elapsed());
}

/// T2, T3: a thread that goes to wait sees the timer, or the one that armed sees the thread.
#[test]
fn arm_races_wait() {
    loom::model(|| arm_against_wait(true));
}

/// The model above can fail: without the fence the thread waits for ever, which loom reports.
#[test]
#[should_panic(expected = "deadlock")]
fn arm_without_its_fence_is_not_seen() {
    loom::model(|| arm_against_wait(false));
}

/// T4, T3: a driver that fires, and so raises the next look, asks again before it waits.
#[test]
fn arm_races_fire_then_wait() {
    loom::model(|| {
        let (timers, now) = running();
        let waiting = Arc::new(AtomicBool::new(false));
        let parker = Parker::new();
        let unparker = parker.unparker();
        let first = armed(&timers, now, now + TICK, Waker::noop());
        let arming = {
            let (timers, waiting) = (timers.clone(), waiting.clone());
            thread::spawn(move || arm_and_tell(&timers, now, (&waiting, &unparker), true))
        };
        assert_eq!(timers.fire_due(now + TICK), 1);
        wait_and_fire(&timers, &waiting, &parker, now + 2 * TICK);
        assert!(first.is_elapsed() && arming.join().unwrap().is_elapsed());
    });
}

/// T5 against T4: either it is woken or it isn't; the wheel forgets it before its memory goes.
#[test]
fn drop_races_fire() {
    loom::model(|| {
        let (timers, now) = paused();
        let (count, waker) = Count::new();
        let entry = armed(&timers, now, now + TICK, &waker);
        let dropping = thread::spawn(move || drop(entry));
        let fired = timers.fire_due(now + TICK);
        dropping.join().unwrap();
        assert_eq!(count.get(), fired);
        assert!(timers.is_empty());
        assert_given_back(count, waker);
    });
}

/// L1, N1: neighbours in one slot are dropped by two threads while the third fires them.
#[test]
fn drops_of_neighbours_race_fire() {
    loom::model(|| {
        let (timers, now) = paused();
        let (count, waker) = Count::new();
        let [first, second, third] = [(); 3].map(|()| armed(&timers, now, now + TICK, &waker));
        let dropping = [first, third].map(|entry| thread::spawn(move || drop(entry)));
        let fired = timers.fire_due(now + TICK);
        for thread in dropping {
            thread.join().unwrap();
        }
        assert_eq!(count.get(), fired);
        assert!(second.is_elapsed() && timers.is_empty());
        assert_given_back(count, waker);
    });
}

/// T7 against T4: a reset that finds the entry armed has it woken at the new deadline and not before;
/// one that comes too late leaves it disarmed.
#[test]
fn reset_races_fire() {
    for (deadline, look) in [(TICK, TICK), (TICK / 2, TICK / 2)] {
        loom::model(move || {
            let (timers, now) = paused();
            let (count, waker) = Count::new();
            let mut entry = armed(&timers, now, now + deadline, &waker);
            let resetting = thread::spawn(move || {
                let told = entry.as_mut().reset(now + 6 * TICK);
                (entry, told)
            });
            let fired = timers.fire_due(now + look);
            let (mut entry, told) = resetting.join().unwrap();
            assert_eq!(count.get(), fired);
            assert!(!entry.is_elapsed());
            assert_eq!(entry.deadline(), now + 6 * TICK);
            match told {
                Some(at) => assert!(fired == 0 && at == now + 6 * TICK && entry.is_armed()),
                None => {
                    assert!(fired == 1 && !entry.is_armed());
                    assert!(is_pending(poll(&mut entry, &timers, now, &waker)));
                }
            }
            assert_eq!(timers.fire_due(now + 6 * TICK), 1);
            assert!(entry.is_elapsed());
            assert_given_back(count, waker);
        });
    }
}

/// T8 against T4: whichever waker is registered when it fires is woken, and a poll that returns
/// `Pending` has its own registered.
#[test]
fn poll_with_another_waker_races_fire() {
    loom::model(|| {
        let (timers, now) = paused();
        let (first, first_waker) = Count::new();
        let (second, second_waker) = Count::new();
        let mut entry = armed(&timers, now, now + TICK, &first_waker);
        let polling = {
            let (timers, waker) = (timers.clone(), second_waker.clone());
            thread::spawn(move || {
                let told = poll(&mut entry, &timers, now, &waker);
                (entry, told)
            })
        };
        assert_eq!(timers.fire_due(now + TICK), 1);
        let (entry, told) = polling.join().unwrap();
        assert!(entry.is_elapsed());
        match told {
            PollTimer::Elapsed => assert_eq!((first.get(), second.get()), (1, 0)),
            told => {
                assert!(is_pending(told));
                assert_eq!((first.get(), second.get()), (0, 1));
            }
        }
        assert_given_back(first, first_waker);
        assert_given_back(second, second_waker);
    });
}

/// T8 with the same waker takes no lock: it must not miss that the entry has fired, or be woken.
#[test]
fn poll_with_the_same_waker_races_fire() {
    loom::model(|| {
        let (timers, now) = paused();
        let (count, waker) = Count::new();
        let mut entry = armed(&timers, now, now + TICK, &waker);
        let polling = {
            let (timers, waker) = (timers.clone(), waker.clone());
            thread::spawn(move || {
                let _either = poll(&mut entry, &timers, now, &waker);
                entry
            })
        };
        assert_eq!(timers.fire_due(now + TICK), 1);
        assert!(polling.join().unwrap().is_elapsed());
        assert_eq!(count.get(), 1);
        assert_given_back(count, waker);
    });
}

/// T6, N4: who finds it fired reuses the node without the lock; the wheel must be through with it. The
/// deadline lies within a tick, so that the wheel reads it.
#[test]
fn reuse_after_firing_races_fire() {
    loom::model(|| {
        let (timers, now) = paused();
        let (count, waker) = Count::new();
        let mut entry = armed(&timers, now, now + TICK / 2, &waker);
        let owner = thread::spawn(move || {
            if entry.is_elapsed() {
                assert_eq!(entry.as_mut().reset(now + 2 * TICK), None);
            }
            entry
        });
        assert_eq!(timers.fire_due(now + TICK / 2), 1);
        drop(owner.join().unwrap());
        assert_eq!(count.get(), 1);
        assert_given_back(count, waker);
    });
}

/// T4 twice: each entry fires once, and more than a batch of them are all woken.
#[test]
fn two_threads_fire_each_entry_once() {
    loom::model(|| {
        let (timers, now) = paused();
        let (count, waker) = Count::new();
        let entries = [1, 1, 2].map(|n| armed(&timers, now, now + n * TICK, &waker));
        let other = {
            let timers = timers.clone();
            thread::spawn(move || timers.fire_due(now + 2 * TICK))
        };
        let ours = timers.fire_due(now + 2 * TICK);
        assert_eq!(ours + other.join().unwrap(), 3);
        assert_eq!(count.get(), 3);
        assert!(entries.iter().all(|entry| entry.is_elapsed()));
        assert_eq!(timers.next_expiry(), None);
        assert_given_back(count, waker);
    });
}

/// An entry is armed while the timers shut down: it is refused, or woken.
#[test]
fn shutdown_races_arm() {
    loom::model(|| {
        let (timers, now) = paused();
        let (count, waker) = Count::new();
        let arming = {
            let (timers, waker) = (timers.clone(), waker.clone());
            thread::spawn(move || {
                let mut entry = entry(now + TICK);
                let told = poll(&mut entry, &timers, now, &waker);
                (entry, told)
            })
        };
        timers.shutdown();
        let (mut entry, told) = arming.join().unwrap();
        assert_eq!(count.get(), usize::from(is_pending(told)));
        assert_eq!(poll(&mut entry, &timers, now, &waker), PollTimer::Shutdown);
        assert!(timers.is_empty());
        assert_given_back(count, waker);
    });
}

/// Firing, shutting down and dropping the same entries: each is woken once at most, none twice.
#[test]
fn shutdown_races_fire_and_drop() {
    loom::model(|| {
        let (timers, now) = paused();
        let (count, waker) = Count::new();
        let stays = armed(&timers, now, now + TICK, &waker);
        let goes = armed(&timers, now, now + TICK, &waker);
        let dropping = thread::spawn(move || drop(goes));
        let firing = {
            let timers = timers.clone();
            thread::spawn(move || timers.fire_due(now + TICK))
        };
        timers.shutdown();
        dropping.join().unwrap();
        firing.join().unwrap();
        assert!(count.get() == 1 || count.get() == 2);
        assert!(!stays.is_armed() && timers.is_empty());
        assert_given_back(count, waker);
    });
}

/// The clock's inhibitors: who finds none sees what the last one did before it allowed the advance.
#[test]
fn allowed_advance_shows_what_held_it_up() {
    struct Work(UnsafeCell<usize>);
    // SAFETY: written before the advance is allowed, read after; loom checks whether that is enough.
    unsafe impl Send for Work {}
    // SAFETY: as above.
    unsafe impl Sync for Work {}

    loom::model(|| {
        let clock = Clock::new(true);
        clock.inhibit_auto_advance();
        let work = Arc::new(Work(UnsafeCell::new(0)));
        let (theirs, done) = (clock.clone(), work.clone());
        let worker = thread::spawn(move || {
            // SAFETY: before the advance is allowed.
            done.0.with_mut(|value| unsafe { *value = 1 });
            theirs.allow_auto_advance();
        });
        if clock.can_auto_advance() {
            // SAFETY: after it was.
            assert_eq!(work.0.with(|value| unsafe { *value }), 1);
        }
        worker.join().unwrap();
    });
}
