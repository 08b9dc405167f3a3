//! `pin!`: both of its forms.
#![forbid(unsafe_code)]
#![deny(unused)]

use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;

use filch as tokio;
use filch::task::yield_now;
use filch_tests::count::{Count, poll_once};

async fn twice(number: u32) -> u32 {
    yield_now().await;
    number * 2
}

#[filch::test]
async fn names_stand_for_pinned_references_afterwards() {
    let one = twice(1);
    let two = twice(2);
    let three = twice(3);
    tokio::pin!(one, two);
    filch::pin!(three,);
    fn is_pinned(_: &Pin<&mut impl Future>) {}
    is_pinned(&one);
    assert_eq!((&mut one).await + two.await + three.as_mut().await, 12);
}

#[filch::test]
async fn let_statements_are_pinned_in_their_order() {
    filch::pin! {
        let number = twice(2);
        let both = async { number.await + 1 };
    }
    assert_eq!(both.await, 5);
    tokio::pin! { let single = twice(5); }
    assert_eq!(single.await, 10);
}

#[filch::test]
async fn a_pinned_future_may_be_polled_here_and_there() {
    let task = twice(4);
    filch::pin!(task);
    assert!(poll_once(&mut task).is_pending());
    fn by_reference(future: Pin<&mut impl Future<Output = u32>>) -> impl Future<Output = u32> {
        future
    }
    assert_eq!(by_reference(task.as_mut()).await, 8);
}

#[filch::test]
async fn a_pinned_value_lives_to_the_end_of_its_block() {
    let dropped = Count::new();
    {
        let guard = dropped.on_drop();
        let waiting = async move {
            let _guard = guard;
            yield_now().await;
            yield_now().await;
        };
        filch::pin!(waiting);
        assert!(poll_once(&mut waiting).is_pending());
        filch::select! {
            biased;
            _ = &mut waiting => unreachable!(),
            _ = std::future::ready(()) => {}
        }
        assert_eq!(dropped.get(), 0);
    }
    assert_eq!(dropped.get(), 1);
}

#[test]
fn what_may_not_move_does_not() {
    struct Fixed(u32, PhantomPinned);
    let fixed = Fixed(7, PhantomPinned);
    filch::pin!(fixed);
    assert_eq!(fixed.as_ref().0, 7);
    let _: PhantomPinned = fixed.1;
}
