//! `join!` and `try_join!`: order, results, what is dropped when.
#![forbid(unsafe_code)]
#![deny(unused)]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::rc::Rc;
use std::task::Poll;

use filch as tokio;
use filch::sync::oneshot;
use filch::task::coop::consume_budget;
use filch::task::yield_now;
use filch_tests::count::{Count, OnDrop, poll_once};
use filch_tests::panics::{caught, expected};
use filch_tests::runtimes::block_on_elsewhere;

async fn never(guard: OnDrop) {
    let _guard = guard;
    pending::<()>().await;
}

/// A future that writes `name` at each poll, and is ready at poll number `polls`.
fn logged(log: &RefCell<String>, name: char, mut polls: u32) -> impl Future<Output = char> {
    poll_fn(move |_| {
        log.borrow_mut().push(name);
        polls -= 1;
        if polls == 0 { Poll::Ready(name) } else { Poll::Pending }
    })
}

#[filch::test]
async fn all_outputs_come_in_the_order_of_the_branches() {
    let (sender, receiver) = oneshot::channel();
    let (text, number, ()) = tokio::join!(
        async { receiver.await.unwrap() },
        async {
            yield_now().await;
            5
        },
        async { sender.send("text").unwrap() },
    );
    assert_eq!((text, number), ("text", 5));
}

#[filch::test]
async fn no_branch_one_branch_and_trailing_commas() {
    let () = filch::join!();
    let () = filch::join!(biased;);
    assert_eq!(filch::join!(ready(1)), (1,));
    assert_eq!(filch::join!(biased; ready(1), ready(2),), (1, 2));
    assert_eq!(filch::join!(ready(1), ready(2), ready(3), ready(4), ready(5)), (1, 2, 3, 4, 5));
    assert_eq!(filch::try_join!() as Result<(), String>, Ok(()));
    assert_eq!(filch::try_join!(biased;) as Result<(), String>, Ok(()));
    assert_eq!(filch::try_join!(ready(Ok::<_, ()>(1)),), Ok((1,)));
}

#[filch::test]
async fn any_number_of_branches_up_to_128() {
    macro_rules! joined {
        ($join:ident $($number:literal)+) => { filch::$join!($(branch($number)),+) };
    }
    async fn branch(number: u32) -> u32 {
        if number % 3 == 0 {
            yield_now().await;
        }
        number
    }
    let all = joined!(join
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33
        34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
        65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95
        96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119
        120 121 122 123 124 125 126 127
    );
    assert_eq!((all.0, all.1, all.63, all.64, all.126, all.127), (0, 1, 63, 64, 126, 127));
}

#[test]
fn the_first_to_be_polled_is_another_one_each_time() {
    let log = RefCell::new(String::new());
    {
        let three = async {
            filch::join!(logged(&log, 'a', 9), logged(&log, 'b', 9), logged(&log, 'c', 9))
        };
        filch::pin!(three);
        for _ in 0..4 {
            assert!(poll_once(&mut three).is_pending());
            log.borrow_mut().push(' ');
        }
    }
    assert_eq!(log.into_inner(), "abc bca cab abc ");
}

#[test]
fn biased_polls_from_the_top_and_a_ready_branch_is_polled_no_more() {
    let log = RefCell::new(String::new());
    {
        let three = async {
            filch::join!(biased; logged(&log, 'a', 3), logged(&log, 'b', 1), logged(&log, 'c', 2))
        };
        filch::pin!(three);
        for _ in 0..2 {
            assert!(poll_once(&mut three).is_pending());
            log.borrow_mut().push(' ');
        }
        assert_eq!(poll_once(&mut three), Poll::Ready(('a', 'b', 'c')));
    }
    assert_eq!(log.into_inner(), "abc ac a");
}

#[test]
fn try_join_rotates_too_and_can_be_biased() {
    let log = RefCell::new(String::new());
    {
        let ok = |name, polls| {
            let future = logged(&log, name, polls);
            async move { Ok::<_, ()>(future.await) }
        };
        let rotating = async { filch::try_join!(ok('a', 3), ok('b', 3)) };
        let biased = async { filch::try_join!(biased; ok('c', 2), ok('d', 3)) };
        filch::pin!(rotating, biased);
        for _ in 0..2 {
            assert!(poll_once(&mut rotating).is_pending());
            assert!(poll_once(&mut biased).is_pending());
            log.borrow_mut().push(' ');
        }
        assert_eq!(poll_once(&mut rotating), Poll::Ready(Ok(('a', 'b'))));
        assert_eq!(poll_once(&mut biased), Poll::Ready(Ok(('c', 'd'))));
    }
    assert_eq!(log.into_inner(), "abcd bacd abd");
}

#[filch::test]
async fn a_branch_that_spends_the_budget_does_not_starve_the_next() {
    // The body of a test has a budget for each poll, as a task has.
    let is_over = Cell::new(false);
    filch::join!(
        async {
            while !is_over.get() {
                consume_budget().await;
            }
        },
        async {
            consume_budget().await;
            is_over.set(true);
        },
    );
}

#[filch::test]
async fn a_future_is_dropped_when_it_is_ready_not_when_all_are() {
    let dropped = Count::new();
    let guard = dropped.on_drop();
    let seen = dropped.clone();
    filch::join!(
        biased;
        async move {
            let _guard = guard;
        },
        async move {
            yield_now().await;
            assert_eq!(seen.get(), 1);
        },
    );
}

#[filch::test]
async fn dropping_it_drops_futures_and_outputs() {
    let (futures, outputs) = (Count::new(), Count::new());
    {
        let both = async { filch::join!(ready(outputs.on_drop()), never(futures.on_drop())) };
        filch::pin!(both);
        assert!(poll_once(&mut both).is_pending());
        assert_eq!((futures.get(), outputs.get()), (0, 0));
    }
    assert_eq!((futures.get(), outputs.get()), (1, 1));
}

#[test]
fn a_panicking_branch_panics_and_the_others_are_dropped() {
    let dropped = Count::new();
    let panic = caught(|| {
        block_on_elsewhere(async {
            filch::join!(
                ready(dropped.on_drop()),
                async { expected("in a branch") },
                never(dropped.on_drop()),
            )
        })
    });
    assert_eq!(panic.message, "expected: in a branch");
    assert_eq!(dropped.get(), 2);
}

#[filch::test]
async fn the_first_error_is_returned_and_the_others_are_dropped() {
    let dropped = Count::new();
    let guard = dropped.on_drop();
    let result = filch::try_join!(
        async {
            never(dropped.on_drop()).await;
            Ok(())
        },
        async {
            yield_now().await;
            Err::<(), _>("failed")
        },
        async move { Ok(guard) },
    );
    assert_eq!(result.map(drop), Err("failed"));
    assert_eq!(dropped.get(), 2);
}

#[filch::test]
async fn of_two_errors_the_one_polled_first_counts() {
    let result = filch::try_join!(
        biased;
        async { Ok::<(), _>(()) },
        async { Err::<(), _>(1) },
        async { Err::<(), _>(2) },
    );
    assert_eq!(result, Err(1));
}

#[filch::test]
async fn a_branch_behind_the_error_is_not_polled() {
    let was_polled = Cell::new(false);
    let result = filch::try_join!(biased; async { Err::<(), _>(1) }, async {
        was_polled.set(true);
        Ok::<(), u8>(())
    });
    assert_eq!((result, was_polled.get()), (Err(1), false));
}

#[filch::test]
async fn branches_borrow_and_need_not_be_send() {
    let list = RefCell::new(vec![1]);
    let shared = Rc::new(2);
    let (length, two) = filch::join!(
        async {
            yield_now().await;
            list.borrow().len()
        },
        async {
            list.borrow_mut().push(*shared);
            *shared
        },
    );
    assert_eq!((length, two), (2, 2));
    assert_eq!(list.into_inner(), [1, 2]);
}

#[filch::test]
async fn question_mark_and_return_mean_the_function_around() {
    async fn sum(left: &str, right: &str) -> Result<u32, std::num::ParseIntError> {
        let (left, right) =
            filch::try_join!(ready(left.parse::<u32>()), ready(right.parse::<u32>()))?;
        let (left, right) =
            filch::join!(ready(left), ready(if right == 0 { return Ok(0) } else { right }));
        Ok(left + right)
    }
    assert_eq!(sum("1", "2").await, Ok(3));
    assert_eq!(sum("1", "0").await, Ok(0));
    assert!(sum("1", "x").await.is_err());
}

#[filch::test]
async fn each_future_is_held_once() {
    async fn large() -> Result<u8, ()> {
        let bytes = [1u8; 4096];
        yield_now().await;
        Ok(bytes[4095])
    }
    // For each branch whether it is done; a pointer to them, the next to begin with, the state, rounding.
    let most = 2 * (size_of_val(&large()) + 8) + 32;
    let both = size_of_val(&async { filch::join!(large(), large()) });
    let tried = size_of_val(&async { filch::try_join!(large(), large()) });
    assert!(both <= most && tried <= most, "{both}, {tried} for at most {most}");
}

#[test]
fn the_future_is_send_if_its_branches_are() {
    fn assert_send<F: Future + Send>(future: F) -> F {
        future
    }
    let joined = assert_send(async { filch::join!(yield_now(), ready(1)) });
    assert_eq!(block_on_elsewhere(joined), ((), 1));
    let tried = assert_send(async { filch::try_join!(ready(Err::<u8, u8>(1)), ready(Ok(1))) });
    assert_eq!(block_on_elsewhere(tried), Err(1));
}
