//! `select!`: the first of several futures whose output fits its pattern.
//!
//! `select!` sorts out `biased;` and hands over to `__select!`, which takes one branch a step, gives it a
//! name and a number, and then expands all of them to
//!
//! ```text
//! let output = {
//!     preconditions -> a mask of disabled branches
//!     futures -> one tuple, on the stack, never moved again
//!     poll_fn: budget, then the branches from the first or from a random one, until one fits
//! };                                      // every future is dropped here
//! match output { pattern => handler, .. } // in the caller's own control flow
//! ```
//!
//! Invariants
//! S1  Every precondition is evaluated once, before the first future is made.
//! S2  A branch that was ready is never polled again: its bit in the mask is set first.
//! S3  The losers are dropped before the handler runs, and before `select!` returns on any path.
//! S4  An output leaves the loop only if its pattern fits, so the `match` behind it cannot fail.

/// Waits for several futures at once, and runs the handler of the first that is ready. The others are
/// dropped, which cancels them.
///
/// ```text
/// <pattern> = <future> (, if <condition>)? => <handler>,
/// ```
///
/// Up to 64 branches like this one, and at the end perhaps `else => <handler>`. The comma behind a handler
/// in braces may be left out. In front of the first branch may stand `biased;`.
///
/// 1. The conditions are evaluated, each once. A branch whose condition is false is *disabled*.
/// 2. The futures are made, in their order, those of disabled branches too; these are never polled.
/// 3. Whenever the task is woken the enabled branches are polled, on this task, one after the other.
/// 4. When one is ready its output is held against its pattern. If it fits, all futures are dropped, and
///    the handler runs, with the pattern's variables; its value is that of `select!`. If not, the branch
///    is disabled, and the others go on.
/// 5. When every branch is disabled, `else` runs.
///
/// Futures may borrow, also mutably and the same variable that a handler of another branch uses: they are
/// gone when a handler runs. Handlers may `.await`, `return`, `break`, `continue` and use `?`: they stand in
/// the function around `select!`. So may conditions and the expressions that make futures.
///
/// The branches take turns on one thread. For work that should run in parallel, spawn it and select over
/// the join handles.
///
/// # Order
/// Each time, polling begins at a branch drawn at random and goes round from there, so in a loop no branch
/// that is ready is passed over for ever. With `biased;` it begins at the top, which costs no random number
/// and is up to you: a branch that is always ready starves those below it, so put a shutdown signal above a
/// busy channel.
///
/// # Panics
/// If every branch is disabled and there is no `else`. In the caller's line.
///
/// # Cancel safety
/// The losers are dropped wherever they are. Whether that loses something depends on them: look for this
/// heading at what you call. `recv` of a channel, `accept`, `read`, `changed` and `tick` lose nothing, since
/// a value is either returned or still there. `read_exact`, `read_line` and `write_all` may have moved a part
/// of the bytes already. `lock` and `acquire` lose their place in the queue.
///
/// In a loop that matters most: what was made in the branch starts from the beginning at every round. Make
/// such a future once, outside, [`pin!`](crate::pin!) it, and select over `&mut future`:
///
/// ```
/// use filch::io::AsyncReadExt;
/// use filch::sync::mpsc;
///
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut file: &[u8] = b"head and body";
/// let (progress, mut progressed) = mpsc::channel(1);
/// # drop(progress.try_send(10));
///
/// let mut head = [0; 4];
/// let reading = file.read_exact(&mut head); // not cancel safe: bytes that were read would be gone
/// filch::pin!(reading);
/// loop {
///     filch::select! {
///         read = &mut reading => { read?; break }
///         Some(percent) = progressed.recv() => println!("{percent} %"), // cancel safe: made anew each time
///     }
/// }
/// assert_eq!(&head, b"head");
/// # drop(progress);
/// # Ok(())
/// # }
/// ```
///
/// `select!` itself is part of the future around it: when that is dropped, all of its branches are.
///
/// # Cost
/// No allocation: the futures live in the future around it. One random number for each poll of it. Each poll
/// looks whether the task has budget left (see [`coop`](crate::task::coop)) and spends none itself.
///
/// # Examples
/// A worker that ends when told to, or when nobody can send any more:
///
/// ```
/// use filch::sync::{mpsc, oneshot};
///
/// async fn work(mut jobs: mpsc::Receiver<u32>, mut stop: oneshot::Receiver<()>) -> u32 {
///     let mut sum = 0;
///     loop {
///         filch::select! {
///             biased;
///             _ = &mut stop => return sum,
///             job = jobs.recv() => match job {
///                 Some(job) => sum += job,
///                 None => return sum,
///             },
///         }
///     }
/// }
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// let (jobs, queue) = mpsc::channel(8);
/// let (stop, stopped) = oneshot::channel();
/// let worker = filch::spawn(work(queue, stopped));
/// jobs.send(2).await.unwrap();
/// jobs.send(3).await.unwrap();
/// drop(jobs);
/// assert_eq!(worker.await.unwrap(), 5);
/// # drop(stop);
/// # }
/// ```
///
/// Two channels until both are closed: a pattern that does not fit disables its branch.
///
/// ```
/// # use filch::sync::mpsc;
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// # let (left, mut lefts) = mpsc::unbounded_channel();
/// # let (right, mut rights) = mpsc::unbounded_channel();
/// # left.send(1).unwrap();
/// # right.send(2).unwrap();
/// # drop((left, right));
/// let mut all = Vec::new();
/// loop {
///     filch::select! {
///         Some(number) = lefts.recv() => all.push(number),
///         Some(number) = rights.recv() => all.push(number),
///         else => break,
///     }
/// }
/// all.sort();
/// assert_eq!(all, [1, 2]);
/// # }
/// ```
///
/// A condition keeps a future that is over from being polled again:
///
/// ```
/// use std::time::Duration;
/// use filch::time::sleep;
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let (short, long) = (sleep(Duration::from_millis(5)), sleep(Duration::from_millis(50)));
/// filch::pin!(short, long);
/// let mut rounds = 0;
/// while !long.is_elapsed() {
///     filch::select! {
///         _ = &mut short, if !short.is_elapsed() => rounds += 1,
///         _ = &mut long => rounds += 1,
///     }
/// }
/// assert_eq!(rounds, 2);
/// # }
/// ```
#[macro_export]
macro_rules! select {
    (biased; $($branches:tt)*) => {
        $crate::__select!(@ [first] $($branches)*)
    };
    ($($branches:tt)*) => {
        $crate::__select!(@ [random] $($branches)*)
    };
}

/// The steps of [`select!`]: `@` begins, `+` takes a branch, `=` expands.
///
/// The first group says where polling begins, the second holds the names and numbers that are left, the
/// third the branches taken. A branch's handler is matched as a block first, so that a block ends the
/// branch without a comma.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (@ [$start:ident]) => {
        $crate::macros::support::error!("`select!` needs at least one branch";)
    };
    (@ [$start:ident] $($branches:tt)+) => {
        $crate::__select!(
            + [$start] [
                (_0 0) (_1 1) (_2 2) (_3 3) (_4 4) (_5 5) (_6 6) (_7 7) (_8 8) (_9 9)
                (_10 10) (_11 11) (_12 12) (_13 13) (_14 14) (_15 15) (_16 16) (_17 17) (_18 18)
                (_19 19) (_20 20) (_21 21) (_22 22) (_23 23) (_24 24) (_25 25) (_26 26) (_27 27)
                (_28 28) (_29 29) (_30 30) (_31 31) (_32 32) (_33 33) (_34 34) (_35 35) (_36 36)
                (_37 37) (_38 38) (_39 39) (_40 40) (_41 41) (_42 42) (_43 43) (_44 44) (_45 45)
                (_46 46) (_47 47) (_48 48) (_49 49) (_50 50) (_51 51) (_52 52) (_53 53) (_54 54)
                (_55 55) (_56 56) (_57 57) (_58 58) (_59 59) (_60 60) (_61 61) (_62 62) (_63 63)
            ] []
            $($branches)+
        )
    };

    // The end, with and without `else`.
    (+ [$start:ident] [$($names:tt)*] [$($branches:tt)*]) => {
        $crate::__select!(
            = [$start]
            [$crate::macros::support::panic!(
                "all branches of `select!` are disabled, and there is no `else` branch"
            )]
            $($branches)*
        )
    };
    (+ [$start:ident] [$($names:tt)*] [$($branches:tt)*] else => $else:expr $(,)?) => {
        $crate::__select!(= [$start] [$else] $($branches)*)
    };

    // `else` where it must not stand; a pattern cannot begin with it.
    (+ [$start:ident] [$($names:tt)*] [$($branches:tt)*] else $($rest:tt)*) => {
        $crate::macros::support::select_error!(else $($rest)*)
    };

    // No name is left for one more branch.
    (+ [$start:ident] [] [$($branches:tt)*] $one_more:tt $($rest:tt)*) => {
        $crate::macros::support::error!("`select!` takes at most 64 branches"; $one_more)
    };

    // One branch.
    (
        + [$start:ident] [$name:tt $($names:tt)*] [$($branches:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block, $($rest:tt)*
    ) => {
        $crate::__select!(
            + [$start] [$($names)*]
            [$($branches)* { $name [$pattern] [$future] [$($condition)?] [$handler] }]
            $($rest)*
        )
    };
    (
        + [$start:ident] [$name:tt $($names:tt)*] [$($branches:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block $($rest:tt)*
    ) => {
        $crate::__select!(
            + [$start] [$($names)*]
            [$($branches)* { $name [$pattern] [$future] [$($condition)?] [$handler] }]
            $($rest)*
        )
    };
    (
        + [$start:ident] [$name:tt $($names:tt)*] [$($branches:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr, $($rest:tt)*
    ) => {
        $crate::__select!(
            + [$start] [$($names)*]
            [$($branches)* { $name [$pattern] [$future] [$($condition)?] [$handler] }]
            $($rest)*
        )
    };
    (
        + [$start:ident] [$name:tt $($names:tt)*] [$($branches:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr
    ) => {
        $crate::__select!(
            + [$start] [$($names)*]
            [$($branches)* { $name [$pattern] [$future] [$($condition)?] [$handler] }]
        )
    };

    // No branch.
    (+ [$start:ident] [$($names:tt)*] [$($branches:tt)*] $($rest:tt)+) => {
        $crate::macros::support::select_error!($($rest)+)
    };

    // Only `else`.
    (= [$start:ident] [$else:expr]) => {
        $else
    };
    (
        = [$start:ident] [$else:expr]
        $({
            ($name:ident $index:tt)
            [$pattern:pat] [$future:expr] [$($condition:expr)?] [$handler:expr]
        })+
    ) => {{
        #[allow(non_camel_case_types, dead_code)]
        enum __FilchSelected<$($name),+> {
            $($name($name),)+
            Disabled,
        }

        #[allow(unused_mut)] // for patterns with `ref mut`
        let mut output = {
            #[allow(unused_mut)]
            let mut disabled = 0u64;
            $($(
                let condition: bool = $condition;
                if !condition {
                    disabled |= 1 << $index;
                }
            )?)+

            // Variables, so that temporaries which the expressions borrow live as long as the futures;
            // one for each branch, since what is moved out of a tuple would keep its place in the
            // future around.
            $(let $name = $future;)+
            let mut futures = ($($crate::macros::support::IntoFuture::into_future($name),)+);
            // What the closure captures is a part of the future around: one pointer, not one for each
            // branch, and the mask.
            let futures = &mut futures;

            let output = $crate::macros::support::poll_fn(move |cx| {
                let futures = &mut *futures;
                if $crate::macros::support::poll_budget(cx).is_pending() {
                    return $crate::macros::support::Pending;
                }
                let branches = [$($index as u32),+].len() as u32;
                let start = $crate::__select!(start [$start] branches);
                let mut is_pending = false;
                for offset in 0..branches {
                    #[allow(clippy::modulo_one)]
                    match (start + offset) % branches {
                        $($index => {
                            if disabled & (1 << $index) != 0 {
                                continue;
                            }
                            // SAFETY: the tuple is a variable that nothing but this closure can name. It
                            // is not moved between the first poll and its end.
                            let future = unsafe {
                                $crate::macros::support::Pin::new_unchecked(&mut futures.$index)
                            };
                            #[allow(unused_mut)]
                            let mut output =
                                match $crate::macros::support::Future::poll(future, cx) {
                                    $crate::macros::support::Ready(output) => output,
                                    $crate::macros::support::Pending => {
                                        is_pending = true;
                                        continue;
                                    }
                                };
                            disabled |= 1 << $index;
                            let mut matched = false;
                            #[allow(unused, unreachable_patterns, clippy::all, clippy::pedantic)]
                            match output {
                                $pattern if $crate::macros::support::note_match(&mut matched) => {
                                    $crate::macros::support::unreachable!()
                                }
                                _ => {}
                            }
                            if matched {
                                return $crate::macros::support::Ready(
                                    __FilchSelected::$name(output),
                                );
                            }
                        })+
                        _ => $crate::macros::support::unreachable!(),
                    }
                }
                if is_pending {
                    $crate::macros::support::Pending
                } else {
                    $crate::macros::support::Ready(__FilchSelected::Disabled)
                }
            })
            .await;
            output
        };

        match output {
            $(__FilchSelected::$name($pattern) => $handler,)+
            __FilchSelected::Disabled => $else,
            #[allow(unreachable_patterns)]
            _ => $crate::macros::support::unreachable!("the pattern fitted a moment ago"),
        }
    }};

    (start [first] $branches:ident) => {
        0
    };
    (start [random] $branches:ident) => {
        $crate::macros::support::random_branch($branches)
    };
}
