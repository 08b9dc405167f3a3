//! `task_local!`: a value is seen inside of its scope and nowhere else, whatever thread polls, however the
//! future ends.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use filch::sync::Barrier;
use filch::task::{self, LocalSet};
use filch_tests::count::{Count, OnDrop};
use filch_tests::panics::{caught, expected};
use filch_tests::runtimes::Kind;

filch::task_local! {
    static NUMBER: u32;
    /// With an attribute, and visible outside.
    #[allow(dead_code)]
    pub static TEXT: String;
    pub(crate) static LIST: RefCell<Vec<u32>>;
    static GUARD: OnDrop;
    static SHARED: Rc<Cell<u32>>
}

filch::task_local! {}

filch::task_local! {
    static BIG: [u8; 4096];
}

mod elsewhere {
    filch::task_local!(pub(super) static HIDDEN: u8);
}

fn current<F: Future>(future: F) -> F::Output {
    Kind::CurrentThread.runtime().block_on(future)
}

fn number() -> Option<u32> {
    NUMBER.try_get().ok()
}

#[test]
fn a_value_is_seen_in_its_scope_only() {
    current(async {
        assert_eq!(number(), None);
        let output = NUMBER
            .scope(1, async {
                assert_eq!((NUMBER.get(), NUMBER.with(|n| *n + 1)), (1, 2));
                task::yield_now().await;
                NUMBER.get()
            })
            .await;
        assert_eq!((output, number()), (1, None));
    });
}

#[test]
fn scopes_nest_and_keys_do_not_mix() {
    current(NUMBER.scope(1, async {
        TEXT.scope("outer".to_owned(), async {
            NUMBER
                .scope(2, async {
                    task::yield_now().await;
                    assert_eq!((NUMBER.get(), TEXT.get()), (2, "outer".to_owned()));
                })
                .await;
            assert_eq!(NUMBER.get(), 1);
        })
        .await;
        assert!(TEXT.try_get().is_err());
        elsewhere::HIDDEN.scope(1, async { assert_eq!(elsewhere::HIDDEN.get(), 1) }).await;
    }));
}

#[test]
fn outside_of_a_scope_access_fails_at_the_callers_line() {
    let error = NUMBER.try_with(|_| ()).unwrap_err();
    assert_eq!(error, NUMBER.try_get().unwrap_err());
    assert_eq!((format!("{error}"), format!("{error:?}")), text_of_the_error());
    let _: &dyn std::error::Error = &error;
    for access in [|| NUMBER.with(|n| *n), || NUMBER.get()] {
        let caught = caught(access);
        assert!(caught.message.contains("without setting it first"), "{}", caught.message);
        assert_eq!((caught.file.as_str(), caught.line), (file!(), line!() - 3));
    }
}

fn text_of_the_error() -> (String, String) {
    ("task-local value not set".to_owned(), "AccessError".to_owned())
}

#[test]
fn sync_scopes_nest_also_while_the_value_is_borrowed() {
    let result = NUMBER.sync_scope(1, || {
        NUMBER.with(|outer| {
            let inner = NUMBER.sync_scope(2, || NUMBER.get());
            (*outer, inner, NUMBER.get())
        })
    });
    assert_eq!((result, number()), ((1, 2, 1), None));
}

#[test]
fn a_panic_leaves_the_scope() {
    caught(|| NUMBER.sync_scope(1, || expected("in a scope")));
    assert_eq!(number(), None);
    NUMBER.sync_scope(5, || {
        let mut scope = Box::pin(NUMBER.scope(6, async { expected("in a future") }));
        let mut cx = Context::from_waker(Waker::noop());
        caught(|| scope.as_mut().poll(&mut cx).is_ready());
        assert_eq!(number(), Some(5));
        drop(scope);
        assert_eq!(number(), Some(5));
    });
}

/// The value goes with the future from thread to thread.
#[test]
fn workers_keep_their_tasks_apart() {
    Kind::Workers.runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(64));
        let tasks: Vec<_> = (0..64)
            .map(|n| {
                let barrier = barrier.clone();
                filch::spawn(NUMBER.scope(n, async move {
                    barrier.wait().await;
                    for _ in 0..100 {
                        assert_eq!(NUMBER.get(), n);
                        task::yield_now().await;
                    }
                }))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(number(), None);
    });
}

#[test]
fn a_spawned_task_is_in_no_scope_unless_it_inherits() {
    for kind in Kind::ALL {
        kind.runtime().block_on(NUMBER.scope(3, async {
            assert_eq!(filch::spawn(async { number() }).await.unwrap(), None);
            assert_eq!(filch::spawn(NUMBER.inherit(async { number() })).await.unwrap(), Some(3));
            assert_eq!(task::spawn_blocking(number).await.unwrap(), None);
            assert_eq!(task::spawn_blocking(NUMBER.inherit_fn(number)).await.unwrap(), Some(3));
            let thread = std::thread::spawn(NUMBER.inherit_fn(number));
            assert_eq!(thread.join().unwrap(), Some(3));
        }));
    }
}

/// What is inherited is what was there when `inherit` was called: a value, or none.
#[test]
fn inheriting_takes_the_value_of_the_moment() {
    current(async {
        let (with, without) = NUMBER.sync_scope(1, || {
            (NUMBER.inherit(async { number() }), TEXT.inherit(async { TEXT.try_get().ok() }))
        });
        NUMBER.scope(2, async { assert_eq!(with.await, Some(1)) }).await;
        TEXT.scope("later".to_owned(), async { assert_eq!(without.await, None) }).await;
        let none = NUMBER.inherit_fn(number);
        assert_eq!(NUMBER.sync_scope(2, none), None);
        // Several keys, down several generations.
        let task = NUMBER.sync_scope(7, || {
            TEXT.sync_scope("x".to_owned(), || {
                filch::spawn(NUMBER.inherit(TEXT.inherit(async {
                    filch::spawn(TEXT.inherit(async { (number(), TEXT.get()) })).await.unwrap()
                })))
            })
        });
        assert_eq!(task.await.unwrap(), (None, "x".to_owned()));
    });
}

/// Its destructor sees the key's value.
struct Sees(Rc<Cell<Option<u32>>>);

impl Drop for Sees {
    fn drop(&mut self) {
        self.0.set(number());
    }
}

#[test]
fn the_future_is_dropped_in_its_scope() {
    let seen = Rc::new(Cell::new(None));
    let future = |ready: bool| {
        let sees = Sees(seen.clone());
        async move {
            let _sees = sees;
            if !ready {
                pending::<()>().await;
            }
        }
    };
    // Never polled; dropped when pending; complete.
    drop(NUMBER.scope(1, future(false)));
    assert_eq!(seen.take(), Some(1));
    let mut cx = Context::from_waker(Waker::noop());
    let mut scope = Box::pin(NUMBER.scope(2, future(false)));
    assert!(scope.as_mut().poll(&mut cx).is_pending());
    NUMBER.sync_scope(9, || drop(scope));
    assert_eq!(seen.take(), Some(2));
    let mut scope = Box::pin(NUMBER.scope(3, future(true)));
    assert!(scope.as_mut().poll(&mut cx).is_ready());
    assert_eq!(seen.take(), Some(3));
    drop(scope);
    assert_eq!((seen.take(), number()), (None, None));
}

#[test]
fn the_value_is_dropped_once_with_the_scope() {
    let count = Count::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut scope = Box::pin(GUARD.scope(count.on_drop(), async {}));
    assert!(scope.as_mut().poll(&mut cx).is_ready());
    assert_eq!(count.get(), 0);
    drop(scope);
    assert_eq!(count.get(), 1);
    drop(GUARD.scope(count.on_drop(), pending::<()>()));
    GUARD.sync_scope(count.on_drop(), || assert_eq!(count.get(), 2));
    assert_eq!(count.get(), 3);
}

#[test]
fn take_value_before_during_and_after() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut scope = pin!(LIST.scope(RefCell::default(), async {
        for n in 0..3 {
            if LIST.try_with(|list| list.borrow_mut().push(n)).is_err() {
                return n;
            }
            task::yield_now().await;
        }
        3
    }));
    assert!(scope.as_mut().poll(&mut cx).is_pending());
    assert_eq!(scope.as_mut().take_value().unwrap().into_inner(), [0]);
    assert!(scope.as_mut().take_value().is_none());
    assert_eq!(scope.as_mut().poll(&mut cx), Poll::Ready(1), "the value is gone");

    let mut scope = pin!(LIST.scope(RefCell::default(), async {
        LIST.with(|list| list.borrow_mut().push(5));
    }));
    assert!(scope.as_mut().poll(&mut cx).is_ready());
    assert_eq!(scope.as_mut().take_value().unwrap().into_inner(), [5]);
    let mut unpolled = pin!(NUMBER.scope(4, async {}));
    assert_eq!(unpolled.as_mut().take_value(), Some(4));
}

#[test]
fn polling_after_the_end_panics() {
    let mut scope = pin!(NUMBER.scope(1, async {}));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(scope.as_mut().poll(&mut cx).is_ready());
    let caught = caught(|| scope.as_mut().poll(&mut cx));
    assert!(caught.message.contains("polled after completion"), "{}", caught.message);
}

/// One future polls another by hand, in the middle of its own scope.
#[test]
fn polls_interleave() {
    let mut cx = Context::from_waker(Waker::noop());
    let step = || {
        Box::pin(poll_fn(|_| {
            let seen = NUMBER.get();
            if seen < 10 { Poll::<()>::Pending } else { Poll::Ready(()) }
        }))
    };
    let mut inner: Pin<Box<dyn Future<Output = ()>>> = Box::pin(NUMBER.scope(2, step()));
    let mut outer = Box::pin(NUMBER.scope(
        1,
        poll_fn(|cx| {
            assert_eq!(NUMBER.get(), 1);
            NUMBER.with(|n| {
                assert!(inner.as_mut().poll(cx).is_pending());
                assert_eq!((*n, NUMBER.get()), (1, 1));
            });
            Poll::Ready(())
        }),
    ));
    assert!(outer.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn values_that_are_not_send_and_large_ones() {
    let runtime = Kind::CurrentThread.runtime();
    LocalSet::new().block_on(&runtime, async {
        let shared = Rc::new(Cell::new(0));
        let task = SHARED.scope(shared.clone(), async { SHARED.with(|n| n.set(n.get() + 1)) });
        task::spawn_local(task).await.unwrap();
        assert_eq!(shared.get(), 1);
    });
    // The value lies in the future, once; entering the scope does not move it.
    let mut scope = pin!(BIG.scope(
        [7; 4096],
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(BIG.with(|big| big.as_ptr().addr()))
        })
    ));
    assert!(size_of_val(&*scope) < 4096 + 64);
    let range = {
        let start = (&raw const *scope).addr();
        start..start + size_of_val(&*scope)
    };
    let Poll::Ready(seen) = scope.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("ready at once")
    };
    assert!(range.contains(&seen));
}

#[test]
fn debug() {
    assert_eq!(format!("{NUMBER:?}"), "LocalKey { .. }");
    let scope = NUMBER.scope(5, async {});
    assert_eq!(format!("{scope:?}"), "TaskLocalFuture { value: Some(5), .. }");
}
