//! `try_join!`: all of several futures, or the first error.
//!
//! The numbering of branches is `join!`'s, and its rules hold (`join.rs`, J1 and J2).

/// Waits for several futures at once: `Ok` with all of their values as a tuple, or `Err` with the first
/// error.
///
/// Each future gives a `Result`, all with the same error type. As soon as one of them gives an error, the
/// others are dropped, which cancels them, and the error is returned. Two that fail in the same poll: the one
/// polled first counts.
///
/// The futures are polled on this task, in turns, on one thread. For work that should run in parallel,
/// spawn it and join the handles. Any number of futures up to 128, also none.
///
/// # Order
/// As that of [`join!`](crate::join!), with `biased;` too.
///
/// # Cancel safety
/// An error drops the other futures wherever they are, and the values of those that were ready. Dropping the
/// future around `try_join!` does the same. So a branch that must not stop halfway is spawned, and its handle
/// is joined; the task goes on without its handle:
///
/// ```
/// use filch::sync::oneshot;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let (written, on_disk) = oneshot::channel();
/// let write = filch::spawn(async move {
///     filch::task::yield_now().await;
///     written.send("everything").unwrap();
/// });
/// let result = filch::try_join!(
///     async { write.await.map_err(|_| "the writer panicked") },
///     async { Err::<(), _>("no connection") },
/// );
/// assert_eq!(result, Err("no connection"));
/// assert_eq!(on_disk.await, Ok("everything"));
/// # }
/// ```
///
/// # Cost
/// As [`join!`](crate::join!), and a look at each output when it is there.
///
/// # Examples
/// ```
/// async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     text.parse()
/// }
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let both = filch::try_join!(parse("6"), parse("7"));
/// assert_eq!(both, Ok((6, 7)));
///
/// let both = filch::try_join!(parse("6"), parse("seven"));
/// assert!(both.is_err());
/// # }
/// ```
#[macro_export]
macro_rules! try_join {
    (biased; $($future:expr),* $(,)?) => {
        $crate::__join_branches!(__try_join [first] $($future,)*)
    };
    ($($future:expr),* $(,)?) => {
        $crate::__join_branches!(__try_join [next] $($future,)*)
    };
}

/// What [`try_join!`] expands to.
#[doc(hidden)]
#[macro_export]
macro_rules! __try_join {
    ([$start:ident]) => {
        $crate::macros::support::poll_fn(|_| {
            $crate::macros::support::Ready($crate::macros::support::Ok(()))
        })
        .await
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
                        let mut future = unsafe {
                            $crate::macros::support::Pin::new_unchecked(&mut futures.$number)
                        };
                        if $crate::macros::support::Future::poll(future.as_mut(), cx).is_pending() {
                            is_pending = true;
                        } else if let $crate::macros::support::Some(error) = future.take_error() {
                            return $crate::macros::support::Ready(
                                $crate::macros::support::Err(error),
                            );
                        }
                    })+
                    _ => $crate::macros::support::unreachable!(),
                }
            }
            $crate::__join_start!(after [$start] start branches);
            if is_pending {
                return $crate::macros::support::Pending;
            }
            $crate::macros::support::Ready($crate::macros::support::Ok(($(
                // SAFETY: as above.
                unsafe { $crate::macros::support::Pin::new_unchecked(&mut futures.$number) }
                    .take_value(),
            )+)))
        })
        .await;
        output
    }};
}
