//! `select!`: which branch wins, and what happens to the others.
#![forbid(unsafe_code)]
#![deny(unused)]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::task::Poll;

use filch as tokio;
use filch::sync::{mpsc, oneshot};
use filch::task::coop::consume_budget;
use filch::task::{unconstrained, yield_now};
use filch_tests::count::{Count, OnDrop, count_polls, poll_once};
use filch_tests::panics::{caught, expected};
use filch_tests::runtimes::{Kind, block_on_elsewhere};

/// A future that holds `guard` and is never ready.
async fn never(guard: OnDrop) {
    let _guard = guard;
    pending::<()>().await;
}

/// A future that says when it is polled, and is ready then with `value`.
fn logged<'a, T: Copy + 'a>(
    log: &'a RefCell<Vec<T>>,
    value: T,
    is_ready: bool,
) -> impl Future<Output = T> + 'a {
    poll_fn(move |_| {
        log.borrow_mut().push(value);
        if is_ready { Poll::Ready(value) } else { Poll::Pending }
    })
}

#[filch::test]
async fn the_ready_branch_wins_and_losers_are_gone_before_its_handler_runs() {
    let dropped = Count::new();
    let value = tokio::select! {
        _ = never(dropped.on_drop()) => unreachable!(),
        value = ready(5) => {
            assert_eq!(dropped.get(), 2);
            value
        }
        _ = never(dropped.on_drop()) => unreachable!(),
    };
    assert_eq!((value, dropped.get()), (5, 2));
}

#[filch::test]
async fn branches_that_wait_are_polled_again_when_woken() {
    let (sender, receiver) = oneshot::channel();
    filch::spawn(async move {
        yield_now().await;
        sender.send("sent").unwrap();
    });
    let value = filch::select! {
        value = receiver => value.unwrap(),
        _ = pending::<()>() => unreachable!(),
    };
    assert_eq!(value, "sent");
}

#[filch::test]
async fn conditions_are_evaluated_once_each_and_before_any_future_is_made() {
    let log = RefCell::new(Vec::new());
    let note = |what: &'static str, result: bool| {
        log.borrow_mut().push(what);
        result
    };
    let make = |what: &'static str| {
        log.borrow_mut().push(what);
        // Ready at the second poll: conditions must not come again with it.
        let mut polls = 0;
        poll_fn(move |cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 2 { Poll::Ready(what) } else { Poll::Pending }
        })
    };
    let winner = filch::select! {
        _ = make("future 1"), if note("condition 1", false) => "future 1",
        winner = make("future 2"), if note("condition 2", true) => winner,
        _ = make("future 3"), if note("condition 3", false) => "future 3",
    };
    assert_eq!(winner, "future 2");
    assert_eq!(
        log.into_inner(),
        ["condition 1", "condition 2", "condition 3", "future 1", "future 2", "future 3"]
    );
}

#[filch::test]
async fn a_disabled_branch_is_made_and_dropped_but_never_polled() {
    let (polls, drops) = (Count::new(), Count::new());
    let disabled = count_polls(&polls, never(drops.on_drop()));
    filch::select! {
        _ = disabled, if false => unreachable!(),
        _ = yield_now() => assert_eq!(drops.get(), 1),
    }
    assert_eq!(polls.get(), 0);
}

#[filch::test]
async fn a_pattern_that_does_not_fit_disables_its_branch_for_this_call() {
    let polls = Count::new();
    let unfit = count_polls(&polls, ready(None::<u32>));
    let value = filch::select! {
        biased;
        Some(number) = unfit => number,
        number = async { yield_now().await; yield_now().await; 7 } => number,
    };
    assert_eq!((value, polls.get()), (7, 1));
}

#[filch::test]
async fn else_runs_when_no_pattern_fits() {
    let dropped = Count::new();
    let guard = dropped.on_drop();
    let value = filch::select! {
        Some(number) = async { let _guard = guard; None } => number,
        Ok(number) = async { yield_now().await; Err::<u32, _>(()) } => number,
        _ = ready(()), if false => 1,
        else => {
            assert_eq!(dropped.get(), 1);
            2
        }
    };
    assert_eq!(value, 2);
}

#[test]
fn nothing_enabled_and_no_else_panics_at_the_callers_line() {
    let by_condition = caught(|| {
        block_on_elsewhere(async {
            filch::select! { _ = ready(()), if false => {} }
        })
    });
    let line = line!() - 3;
    assert!(by_condition.message.contains("no `else` branch"), "{}", by_condition.message);
    assert!(by_condition.message.contains("all branches of `select!` are disabled"));
    assert_eq!((by_condition.file.as_str(), by_condition.line), (file!(), line));

    let by_pattern = caught(|| {
        block_on_elsewhere(async {
            filch::select! {
                Some(()) = ready(None) => {},
                Err(()) = async { yield_now().await; Ok::<(), ()>(()) } => {}
            }
        })
    });
    assert_eq!(by_pattern.message, by_condition.message);
    assert_eq!(by_pattern.line, line + 10);
}

#[filch::test]
async fn biased_polls_from_the_top_every_time() {
    for _ in 0..100 {
        let log = RefCell::new(Vec::new());
        let winner = filch::select! {
            biased;
            n = logged(&log, 1, false) => n,
            n = logged(&log, 2, false), if false => n,
            n = logged(&log, 3, true) => n,
            n = logged(&log, 4, true) => n,
        };
        assert_eq!((winner, log.into_inner()), (3, vec![1, 3]));
    }
}

/// 3,000 rounds of three branches: 1,000 each but for chance, whose standard deviation is 26.
fn assert_fair(wins: &[Cell<u32>; 3]) {
    for count in wins {
        assert!((700..1_300).contains(&count.get()), "{wins:?}");
    }
}

async fn three_ready_branches() {
    let wins = [const { Cell::new(0) }; 3];
    let win = |branch: usize| wins[branch].set(wins[branch].get() + 1);
    for _ in 0..3_000 {
        filch::select! {
            _ = ready(()) => win(0),
            _ = ready(()) => win(1),
            _ = ready(()) => win(2),
        }
    }
    assert_fair(&wins);
}

#[test]
fn each_ready_branch_wins_as_often_as_the_others() {
    for kind in Kind::ALL {
        kind.runtime().block_on(three_ready_branches());
    }
    block_on_elsewhere(three_ready_branches());
}

#[filch::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_are_as_fair_on_a_worker() {
    filch::spawn(async {
        let mut wins = [0; 2];
        for _ in 0..2_000 {
            filch::select! {
                _ = ready(()) => wins[0] += 1,
                _ = ready(()) => wins[1] += 1,
            }
        }
        // 1,000 each; the standard deviation is 22.
        assert!(wins.iter().all(|n| (700..1_300).contains(n)), "{wins:?}");
    })
    .await
    .unwrap();
}

#[filch::test]
async fn the_order_goes_round_from_a_random_start() {
    let mut seen = [0; 3];
    for _ in 0..300 {
        let log = RefCell::new(Vec::new());
        {
            let all = async {
                filch::select! {
                    n = logged(&log, 0, false) => n,
                    n = logged(&log, 1, false) => n,
                    n = logged(&log, 2, false) => n,
                }
            };
            filch::pin!(all);
            assert!(poll_once(&mut all).is_pending());
        }
        let log: Vec<usize> = log.into_inner();
        let start = log[0];
        assert_eq!(log, [start, (start + 1) % 3, (start + 2) % 3]);
        seen[start] += 1;
    }
    // 100 each; that one is never drawn has a chance of 10^-52.
    assert!(seen.iter().all(|&n| n > 0), "{seen:?}");
}

#[filch::test]
async fn one_of_two_busy_channels_does_not_starve_the_other() {
    let (left, mut lefts) = mpsc::unbounded_channel();
    let (right, mut rights) = mpsc::unbounded_channel();
    for number in 0..1_000 {
        left.send(number).unwrap();
        right.send(number).unwrap();
    }
    let mut counts = [0; 2];
    for _ in 0..1_000 {
        filch::select! {
            Some(_) = lefts.recv() => counts[0] += 1,
            Some(_) = rights.recv() => counts[1] += 1,
        }
    }
    assert!(counts.iter().all(|&n| n > 300), "{counts:?}");
}

#[filch::test(start_paused = true)]
async fn a_pinned_future_goes_on_through_the_rounds_of_a_loop() {
    let polls = Count::new();
    let (sender, mut receiver) = mpsc::channel(1);
    let long = count_polls(&polls, async {
        for number in 0..3 {
            sender.send(number).await.unwrap();
        }
        "ended"
    });
    filch::pin!(long);
    let mut received = Vec::new();
    let ended = loop {
        filch::select! {
            biased;
            Some(number) = receiver.recv() => received.push(number),
            ended = &mut long => break ended,
        }
    };
    assert_eq!(ended, "ended");
    while let Ok(number) = receiver.try_recv() {
        received.push(number);
    }
    assert_eq!(received, [0, 1, 2]);
    assert!(polls.get() >= 2);
}

#[test]
fn a_panicking_branch_panics_and_the_others_are_dropped() {
    let dropped = Count::new();
    let panic = caught(|| {
        block_on_elsewhere(async {
            filch::select! {
                biased;
                _ = never(dropped.on_drop()) => {},
                _ = async { expected("in a branch") } => {},
                _ = never(dropped.on_drop()) => {},
            }
        })
    });
    assert_eq!(panic.message, "expected: in a branch");
    assert_eq!(dropped.get(), 2);
}

#[filch::test]
async fn dropping_the_future_around_drops_every_branch() {
    let dropped = Count::new();
    {
        let both = async {
            filch::select! {
                _ = never(dropped.on_drop()) => {}
                _ = never(dropped.on_drop()) => {}
            }
        };
        filch::pin!(both);
        assert!(poll_once(&mut both).is_pending());
        assert_eq!(dropped.get(), 0);
    }
    assert_eq!(dropped.get(), 2);
}

#[filch::test]
async fn a_task_without_budget_yields_before_it_selects() {
    let greedy = async {
        for _ in 0..128 {
            consume_budget().await;
        }
        filch::select! { n = ready(1) => n }
    };
    let polls = Count::new();
    let task = filch::spawn(count_polls(&polls, greedy));
    assert_eq!((task.await.unwrap(), polls.get()), (1, 2));

    // It spends nothing itself, and asks for nothing where nothing is counted.
    let polls = Count::new();
    let task = filch::spawn(count_polls(&polls, async {
        for _ in 0..1_000 {
            filch::select! { _ = ready(()) => {} }
        }
        unconstrained(async {
            for _ in 0..1_000 {
                consume_budget().await;
                filch::select! { biased; _ = ready(()) => {} }
            }
        })
        .await;
    }));
    task.await.unwrap();
    assert_eq!(polls.get(), 1);
}

#[filch::test]
async fn each_future_is_held_once() {
    async fn large() -> u8 {
        let bytes = [1u8; 4096];
        yield_now().await;
        bytes[4095]
    }
    let three = async {
        filch::select! {
            n = large() => n,
            n = large() => n,
            n = large() => n,
        }
    };
    let (one, three_size) = (size_of_val(&large()), size_of_val(&three));
    // A pointer to the futures, the mask of disabled branches, the state, and their rounding.
    assert!(three_size <= 3 * one + 32, "{three_size} for three of {one}");
    assert_eq!(three.await, 1);
}

#[test]
fn the_future_is_send_if_its_branches_are() {
    fn assert_send<F: Future + Send>(future: F) -> F {
        future
    }
    let future = assert_send(async {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        filch::select! {
            _ = sender.send(1) => {}
            _ = receiver.recv() => {}
            _ = yield_now() => {}
        }
    });
    block_on_elsewhere(future);
}
