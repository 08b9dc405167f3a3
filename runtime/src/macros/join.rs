//! `join!`: all of several futures, and the part that `try_join!` shares.
//!
//! `__join_branches!` numbers the futures, four a step, and hands them to the macro that asked for it
//! (`__join!` or `__try_join!`), which polls them in one place on the stack.
//!
//! Invariants
//! J1  Every future that is not ready is polled at each poll of the whole.
//! J2  Without `biased;` the first to be polled is another one each time, so that a future that spends the
//!     task's budget does not starve those behind it.

/// Waits for several futures at once, and gives all of their outputs as a tuple.
///
/// The futures are polled on this task, in turns, on one thread. For work that should run in parallel,
/// spawn it and join the handles. Any number of futures up to 128, also none; anything that
/// [`IntoFuture`](std::future::IntoFuture) takes.
///
/// # Order
/// Whenever the task is woken, every future that is not ready is polled. The first one to be polled is the
/// one after last time's; with `biased;` in front it is always the one at the top.
///
/// # Cancel safety
/// `join!` is part of the future around it: when that is dropped, all of its branches are dropped, and with
/// them the outputs of those that were ready already. To keep these, join inside of a task of its own, or
/// collect from a [`pin!`](crate::pin!)ned `join!`:
///
/// ```
/// use std::time::Duration;
/// use filch::time::{sleep, timeout};
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let both = async {
///     filch::join!(
///         async { "fast" },
///         async { sleep(Duration::from_secs(2)).await; "slow" },
///     )
/// };
/// filch::pin!(both);
/// // The time is over, and nothing is lost: `both` keeps what it has.
/// assert!(timeout(Duration::from_secs(1), &mut both).await.is_err());
/// assert_eq!(both.await, ("fast", "slow"));
/// # }
/// ```
///
/// # Cost
/// No allocation: futures and outputs live in the future around it. A wake for one branch polls all that are
/// not ready; for many futures [`JoinSet`](crate::task::JoinSet) polls only those that were woken.
///
/// # Examples
/// ```
/// async fn price() -> u32 {
///     19
/// }
///
/// async fn stock() -> u32 {
///     3
/// }
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let (price, stock) = filch::join!(price(), stock());
/// assert_eq!(price * stock, 57);
/// # }
/// ```
#[macro_export]
macro_rules! join {
    (biased; $($future:expr),* $(,)?) => {
        $crate::__join_branches!(__join [first] $($future,)*)
    };
    ($($future:expr),* $(,)?) => {
        $crate::__join_branches!(__join [next] $($future,)*)
    };
}

/// Numbers futures: the groups hold the numbers that are left and the futures that have one.
#[doc(hidden)]
#[macro_export]
macro_rules! __join_branches {
    (@ $then:ident [$start:ident] [$($numbers:tt)*] [$($done:tt)*]) => {
        $crate::$then!([$start] $($done)*)
    };
    (
        @ $then:ident [$start:ident] [$n0:tt $n1:tt $n2:tt $n3:tt $($numbers:tt)*] [$($done:tt)*]
        $f0:expr, $f1:expr, $f2:expr, $f3:expr, $($rest:tt)*
    ) => {
        $crate::__join_branches!(
            @ $then [$start] [$($numbers)*]
            [$($done)* { $n0 $f0 } { $n1 $f1 } { $n2 $f2 } { $n3 $f3 }] $($rest)*
        )
    };
    (
        @ $then:ident [$start:ident] [$number:tt $($numbers:tt)*] [$($done:tt)*]
        $future:expr, $($rest:tt)*
    ) => {
        $crate::__join_branches!(
            @ $then [$start] [$($numbers)*] [$($done)* { $number $future }] $($rest)*
        )
    };
    (@ $then:ident [$start:ident] [] [$($done:tt)*] $one_more:expr, $($rest:tt)*) => {
        $crate::macros::support::error!("at most 128 futures can be joined like this"; $one_more)
    };
    ($then:ident [$start:ident] $($futures:tt)*) => {
        $crate::__join_branches!(
            @ $then [$start] [
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
                31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58
                59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86
                87 88 89 90 91 92 93 94 95 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110
                111 112 113 114 115 116 117 118 119 120 121 122 123 124 125 126 127
            ] []
            $($futures)*
        )
    };
}

/// What [`join!`] expands to.
#[doc(hidden)]
#[macro_export]
macro_rules! __join {
    ([$start:ident]) => {
        $crate::macros::support::poll_fn(|_| $crate::macros::support::Ready(())).await
    };
    ([$start:ident] $({ $number:tt $future:expr })+) => {{
        let mut futures = ($($crate::macros::support::maybe_done($future),)+);
        // One pointer is captured, not one for each branch.
        let futures = &mut futures;
        $crate::__join_start!(outside [$start] start);
        let output = $crate::macros::support::poll_fn(move |cx| {
            let futures = &mut *futures;
            let branches = [$($number as u32),+].len() as u32;
            $crate::__join_start!(inside [$start] start);
            let mut is_pending = false;
            for offset in 0..branches {
                #[allow(clippy::modulo_one)]
                match (start + offset) % branches {
                    $($number => {
                        // SAFETY: the tuple is a variable that nothing but this closure can name. It is
                        // not moved between the first poll and its end.
                        let future = unsafe {
                            $crate::macros::support::Pin::new_unchecked(&mut futures.$number)
                        };
                        is_pending |= $crate::macros::support::Future::poll(future, cx).is_pending();
                    })+
                    _ => $crate::macros::support::unreachable!(),
                }
            }
            $crate::__join_start!(after [$start] start branches);
            if is_pending {
                return $crate::macros::support::Pending;
            }
            $crate::macros::support::Ready(($(
                // SAFETY: as above.
                unsafe { $crate::macros::support::Pin::new_unchecked(&mut futures.$number) }
                    .take_output(),
            )+))
        })
        .await;
        output
    }};
}

/// The branch that is polled first: a variable outside of the closure, which moves on after each poll; or,
/// with `biased;`, a constant inside.
#[doc(hidden)]
#[macro_export]
macro_rules! __join_start {
    (outside [next] $start:ident) => {
        let mut $start = 0u32;
    };
    (inside [first] $start:ident) => {
        let $start = 0u32;
    };
    (after [next] $start:ident $branches:ident) => {
        $start = ($start + 1) % $branches;
    };
    ($when:ident [$kind:ident] $($name:ident)+) => {};
}
