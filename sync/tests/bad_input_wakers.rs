//! Wakers that call back into the primitive that wakes, drops or clones them, and wakers that panic: no
//! deadlock, no lost wake, and the primitive stays usable.

mod common;
#[path = "common/subjects.rs"]
mod subjects;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use common::spawn;
use subjects::{BoxFuture, Subject, subjects};

/// Which of a waker's functions calls back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum On {
    Clone,
    Wake,
    Drop,
}

const ALL: [On; 3] = [On::Clone, On::Wake, On::Drop];

/// What a waker does in one of its functions.
struct Hooks {
    on: On,
    call: Box<dyn Fn() + Send + Sync>,
    calls: AtomicUsize,
}

impl Hooks {
    fn run(&self, on: On) {
        if self.on == on {
            self.calls.fetch_add(1, Ordering::SeqCst);
            (self.call)();
        }
    }
}

const VTABLE: RawWakerVTable = RawWakerVTable::new(clone_raw, wake_raw, wake_by_ref_raw, drop_raw);

fn clone_raw(data: *const ()) -> RawWaker {
    // SAFETY: from `Arc::into_raw`; the waker that is cloned holds a reference and lives.
    unsafe { &*data.cast::<Hooks>() }.run(On::Clone);
    // SAFETY: as above.
    unsafe { Arc::increment_strong_count(data.cast::<Hooks>()) };
    RawWaker::new(data, &VTABLE)
}

fn wake_raw(data: *const ()) {
    // SAFETY: from `Arc::into_raw`; the waker's reference is ours now.
    unsafe { Arc::from_raw(data.cast::<Hooks>()) }.run(On::Wake);
}

fn wake_by_ref_raw(data: *const ()) {
    // SAFETY: from `Arc::into_raw`; the waker holds a reference and lives.
    unsafe { &*data.cast::<Hooks>() }.run(On::Wake);
}

fn drop_raw(data: *const ()) {
    // SAFETY: from `Arc::into_raw`; the waker's reference is ours now.
    unsafe { Arc::from_raw(data.cast::<Hooks>()) }.run(On::Drop);
}

/// A waker whose function `on` runs `call`. Made by hand: `Wake` has no say in cloning and dropping.
fn waker(on: On, call: impl Fn() + Send + Sync + 'static) -> (Waker, Arc<Hooks>) {
    let hooks = Arc::new(Hooks { on, call: Box::new(call), calls: AtomicUsize::new(0) });
    let raw = RawWaker::new(Arc::into_raw(hooks.clone()).cast(), &VTABLE);
    // SAFETY: the functions above keep a waker's contract: one reference each, counted by the Arc.
    (unsafe { Waker::from_raw(raw) }, hooks)
}

fn poll(future: &mut BoxFuture, waker: &Waker) -> Poll<()> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// A wait that begins now ends: at once, or when it is completed.
fn assert_usable(subject: &Subject) {
    let mut future = spawn((subject.wait)());
    if future.is_pending() {
        (subject.complete)();
        assert_eq!(future.wakes(), 1, "{}", subject.name);
        future.ready();
    }
}

#[test]
fn wakers_that_call_back() {
    for on in ALL {
        for completes in [true, false] {
            for subject in subjects() {
                let name = subject.name;
                let touch = subject.touch.clone();
                let (waker, hooks) = waker(on, move || touch());
                let mut future = (subject.wait)();
                assert!(poll(&mut future, &waker).is_pending(), "{name} {on:?}");
                assert!(poll(&mut future, Waker::noop()).is_pending(), "{name} {on:?}");
                assert!(poll(&mut future, &waker).is_pending(), "{name} {on:?}");
                if completes {
                    (subject.complete)();
                    assert!(poll(&mut future, &waker).is_ready(), "{name} {on:?}");
                }
                drop(future);
                drop(waker);
                let was_called = hooks.calls.load(Ordering::SeqCst) > 0;
                assert_eq!(was_called, on != On::Wake || completes, "{name} {on:?}");
                assert_usable(&subject);
            }
        }
    }
}

#[test]
fn wakers_that_drop_the_future_that_they_wake() {
    for subject in subjects() {
        let slot = Arc::new(std::sync::Mutex::new(None::<SendFuture>));
        let taken = slot.clone();
        let (waker, hooks) = waker(On::Wake, move || {
            // Taken out first: dropping it must not find the test's own lock held.
            let future = taken.lock().unwrap().take();
            drop(future);
        });
        let mut future = (subject.wait)();
        assert!(poll(&mut future, &waker).is_pending());
        *slot.lock().unwrap() = Some(SendFuture { _future: future });
        (subject.complete)();
        assert_eq!(hooks.calls.load(Ordering::SeqCst), 1, "{}", subject.name);
        assert!(slot.lock().unwrap().is_none(), "{}", subject.name);
        assert_usable(&subject);
    }
}

/// A future in a waker of the thread that polls it.
struct SendFuture {
    _future: BoxFuture,
}

// SAFETY: everything in these tests happens on one thread; the bound is the waker's.
unsafe impl Send for SendFuture {}

#[test]
fn wakers_that_panic() {
    for on in ALL {
        for subject in subjects() {
            let name = subject.name;
            let armed = Arc::new(AtomicBool::new(true));
            let panics = armed.clone();
            let (waker, hooks) = waker(on, move || {
                assert!(!panics.load(Ordering::SeqCst), "this waker panics");
            });
            let mut panicked = 0;
            let mut attempt = |step: &mut dyn FnMut()| {
                panicked += usize::from(catch_unwind(AssertUnwindSafe(step)).is_err());
            };
            let mut future = Some((subject.wait)());
            attempt(&mut || assert!(poll(future.as_mut().unwrap(), &waker).is_pending()));
            match on {
                // It did not come to waiting.
                On::Clone => {}
                On::Wake => attempt(&mut || (subject.complete)()),
                On::Drop => {
                    attempt(&mut || {
                        assert!(poll(future.as_mut().unwrap(), Waker::noop()).is_pending())
                    });
                }
            }
            attempt(&mut || drop(future.take()));
            armed.store(false, Ordering::SeqCst);
            drop(waker);
            assert_eq!(panicked, 1, "{name} {on:?}");
            assert!(hooks.calls.load(Ordering::SeqCst) >= 1);
            assert_usable(&subject);
        }
    }
}

/// What the wait was for is not lost with the wake that panicked.
#[test]
fn a_wait_whose_waker_has_panicked_is_complete() {
    for subject in subjects() {
        let (waker, _hooks) = waker(On::Wake, || panic!("this waker panics"));
        let mut future = (subject.wait)();
        assert!(poll(&mut future, &waker).is_pending());
        let completed = catch_unwind(AssertUnwindSafe(|| (subject.complete)()));
        assert!(completed.is_err(), "{}: the one who wakes gets the panic", subject.name);
        assert!(poll(&mut future, Waker::noop()).is_ready(), "{}", subject.name);
        drop(future);
        assert_usable(&subject);
    }
}

/// A waker that panics inside of an unwinding must not abort the process: its panic is dropped.
#[test]
fn wakers_that_panic_during_an_unwinding() {
    struct CompletesOnDrop(Subject);
    impl Drop for CompletesOnDrop {
        fn drop(&mut self) {
            (self.0.complete)();
        }
    }
    for subject in subjects() {
        let name = subject.name;
        let (waker, hooks) = waker(On::Wake, || panic!("this waker panics"));
        let mut future = (subject.wait)();
        assert!(poll(&mut future, &waker).is_pending());
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _completes = CompletesOnDrop(subject);
            panic!("the first panic");
        }));
        assert_eq!(*unwound.unwrap_err().downcast::<&str>().unwrap(), "the first panic", "{name}");
        assert_eq!(hooks.calls.load(Ordering::SeqCst), 1, "{name}");
        assert!(poll(&mut future, Waker::noop()).is_ready(), "{name}");
    }
}
