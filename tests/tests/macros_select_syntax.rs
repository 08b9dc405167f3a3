//! `select!`: what its grammar takes, and what the user's code in it may do.
#![forbid(unsafe_code)]
#![deny(unused)]

use std::future::{IntoFuture, Ready, pending, ready};

use filch::sync::mpsc;
use filch::task::yield_now;

#[filch::test]
async fn else_may_stand_alone_and_may_wait() {
    assert_eq!(filch::select! { else => 1 }, 1);
    assert_eq!(filch::select! { biased; else => async { 2 }.await, }, 2);
}

#[filch::test]
async fn sixty_four_branches_each_with_its_own_handler() {
    macro_rules! select_wanted {
        ($wanted:ident: $($number:literal)+) => {
            // The patterns and handlers differ by branch, so a mix-up would show.
            filch::select! {
                $(Some($number) = async { Some($number) }, if $wanted == $number => { $number + 1000 })+
            }
        };
    }
    for wanted in 0..64 {
        let got = select_wanted!(wanted:
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
            61 62 63
        );
        assert_eq!(got, wanted + 1000);
    }
}

#[filch::test]
async fn handlers_are_blocks_and_expressions_with_and_without_commas() {
    async fn pick(number: u32) -> u32 {
        let is = |n| number == n;
        filch::select! {
            n = ready(1), if is(n_of(1)) => { n }
            n = ready(2), if is(n_of(2)) => { n },
            n = ready(3), if is(n_of(3)) => n.min(3),
            n = ready(4), if is(n_of(4)) => match n { 4 => n, _ => 0 },
            n = ready(5), if is(n_of(5)) => if n == 5 { n } else { 0 },
            n = ready(6), if is(n_of(6)) => { let six = n - 1; six + 1 }
            (n, _) = ready((7, 0)), if is(n_of(7)) => { n }
            [n, ..] = ready([8, 0]), if is(n_of(8)) => n,
            n = async move { 9 }, if is(n_of(9)) => { let n = n + 1; n - 1 }
            else => number * 100
        }
    }
    fn n_of(n: u32) -> u32 {
        n
    }
    for number in 1..=9 {
        assert_eq!(pick(number).await, number);
    }
    assert_eq!(pick(10).await, 1_000);

    // Neither a comma nor a brace behind the last; and the value where an expression stands.
    assert_eq!(1 + filch::select! { n = ready(1) => n }, 2);
    let nothing: () = filch::select! { _ = ready(1) => () };
    nothing
}

#[derive(Debug, PartialEq)]
enum Event {
    Text(String),
    Pair { left: Box<u32>, right: Box<u32> },
    Number(u32),
}

#[filch::test]
async fn patterns_bind_by_move_by_reference_and_mutably() {
    const THREE: u32 = 3;
    let text = || ready(Event::Text("moved".to_owned()));
    let pair = || ready(Event::Pair { left: Box::new(1), right: Box::new(2) });

    let moved: String =
        filch::select! { Event::Text(text) = text() => text, else => unreachable!() };
    assert_eq!(moved, "moved");
    let length = filch::select! { Event::Text(ref text) = text() => text.len(), else => 0 };
    assert_eq!(length, 5);
    let changed = filch::select! {
        Event::Text(mut text) = text() => { text.push('!'); text }
        else => unreachable!(),
    };
    assert_eq!(changed, "moved!");
    let emptied = filch::select! {
        Event::Text(ref mut text) = text() => { text.clear(); text.is_empty() }
        else => false,
    };
    assert!(emptied);
    let sum = filch::select! { Event::Pair { left, right: r } = pair() => *left + *r, else => 0 };
    assert_eq!(sum, 3);
    let whole =
        filch::select! { whole @ Event::Number(2..=4 | 9) = ready(Event::Number(9)) => whole };
    assert_eq!(whole, Event::Number(9));
    let constant = filch::select! {
        Event::Number(THREE) = ready(Event::Number(4)) => "three",
        Event::Number(4) | Event::Text(_) = ready(Event::Number(4)) => "four",
    };
    assert_eq!(constant, "four");
    let copied = filch::select! { &number = ready(&5) => number };
    assert_eq!(copied, 5);
    let through_reference = filch::select! { Some(&number) = ready(Some(&6)) => number, else => 0 };
    assert_eq!(through_reference, 6);
    let matched = filch::select! { "yes" = ready("yes") => true, else => false };
    assert!(matched);
    filch::select! { None = ready(None::<String>) => {} else => unreachable!() }
}

#[filch::test]
async fn an_output_that_cannot_exist_is_a_branch_like_others() {
    let value = filch::select! {
        never = pending::<std::convert::Infallible>() => match never {},
        () = yield_now() => 5,
    };
    assert_eq!(value, 5);
}

#[filch::test]
async fn break_continue_and_return_mean_the_loop_and_function_around() {
    async fn sum_of_odd_until_ten(limit: u32) -> Option<u32> {
        let mut sum = 0;
        let mut number = 0;
        'outer: loop {
            loop {
                number += 1;
                filch::select! {
                    biased;
                    _ = ready(()), if number > limit => return None,
                    n = ready(number), if n_is_even(number) => {
                        let _even = n;
                        continue
                    }
                    n = ready(number), if number < 10 => sum += n,
                    else => break 'outer,
                }
                if number == 5 {
                    filch::select! { _ = ready(()) => break }
                }
            }
            assert_eq!(number, 5);
            while number < 100 {
                number += 1;
                filch::select! {
                    biased;
                    _ = ready(()), if n_is_even(number) => continue,
                    _ = ready(()), if number > 10 => break 'outer,
                    n = ready(number) => sum += n,
                }
            }
        }
        Some(sum)
    }
    fn n_is_even(number: u32) -> bool {
        number % 2 == 0
    }
    assert_eq!(sum_of_odd_until_ten(1_000).await, Some(25));
    assert_eq!(sum_of_odd_until_ten(3).await, None);
}

#[filch::test]
async fn question_mark_works_in_conditions_futures_and_handlers() {
    async fn three(texts: [&str; 3]) -> Result<u32, std::num::ParseIntError> {
        let parsed = filch::select! {
            number = ready(texts[1].parse::<u32>()?), if texts[0].parse::<u32>()? > 0 => {
                number + texts[2].parse::<u32>()?
            }
        };
        Ok(parsed)
    }
    assert_eq!(three(["1", "2", "3"]).await, Ok(5));
    for texts in [["x", "2", "3"], ["1", "x", "3"], ["1", "2", "x"]] {
        assert!(three(texts).await.is_err());
    }
}

#[filch::test]
async fn handlers_may_wait_and_use_what_the_futures_borrowed() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.send(1).await.unwrap();
    let mut list = vec![0];
    let add = |list: &mut Vec<u32>, n| list.push(n);
    filch::select! {
        Some(number) = receiver.recv() => {
            add(&mut list, number);
            yield_now().await;
            sender.send(2).await.unwrap();
            add(&mut list, receiver.recv().await.unwrap());
        }
        _ = async { list.push(99); pending::<()>().await }, if false => unreachable!(),
    }
    assert_eq!(list, [0, 1, 2]);
}

#[filch::test]
async fn selects_nest_in_futures_and_in_handlers() {
    let mut rounds = 0;
    let value = 'outer: loop {
        rounds += 1;
        filch::select! {
            inner = async {
                filch::select! {
                    _ = pending::<()>() => 0,
                    value = yield_now() => { let () = value; 1 }
                }
            } => {
                filch::select! {
                    _ = ready(()), if rounds == 3 => break 'outer inner + rounds,
                    _ = yield_now() => continue,
                }
            }
        }
    };
    assert_eq!((value, rounds), (4, 3));
}

struct Question(u32);

impl IntoFuture for Question {
    type Output = u32;
    type IntoFuture = Ready<u32>;
    fn into_future(self) -> Ready<u32> {
        ready(self.0)
    }
}

#[filch::test]
async fn a_branch_takes_what_can_become_a_future_and_borrows_of_temporaries() {
    assert_eq!(filch::select! { answer = Question(42) => answer }, 42);
    assert_eq!(filch::select! { answer = &mut Box::pin(async { 43 }) => answer }, 43);
    assert_eq!(filch::select! { answer = &mut ready(44) => answer }, 44);
}

/// Names of the user's that are those of the expansion, and no prelude.
#[allow(dead_code, non_camel_case_types)]
mod hygiene {
    #![no_implicit_prelude]

    use ::filch as tokio;
    use ::std::future::ready;

    struct Option;
    struct Result;
    struct Pin;
    struct Future;
    struct Poll;
    enum Ready {}
    enum Pending {}
    struct Output;
    mod core {}
    mod std {}
    mod filch {}
    mod macros {}
    fn poll_fn() {}

    pub async fn all() -> u32 {
        let output = 1;
        let futures = 2;
        let disabled = 3;
        let branches = 4;
        let start = 5;
        let matched = 6;
        let is_pending = false;
        let offset = 7;
        let sum = tokio::select! {
            cx = ready(output + futures), if !is_pending => cx + disabled + branches + start,
            _future = ready(matched + offset), if is_pending => 0,
        };
        let (one, two) = tokio::join!(ready(output), ready(futures));
        let three = match tokio::try_join!(biased; async { tokio_ok(disabled) }) {
            ::std::result::Result::Ok((three,)) => three,
            ::std::result::Result::Err(()) => 0,
        };
        let future = ready(start);
        tokio::pin!(future);
        tokio::pin! { let output = ready(branches); }
        sum + one + two + three + future.await + output.await
    }

    fn tokio_ok(value: u32) -> ::std::result::Result<u32, ()> {
        ::std::result::Result::Ok(value)
    }
}

#[filch::test]
async fn names_of_the_user_are_not_in_the_way() {
    assert_eq!(hygiene::all().await, 30);
}
