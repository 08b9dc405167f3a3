//! `pin!`: variables pinned to the stack.

/// Pins variables where they are: afterwards each name stands for a
/// [`Pin<&mut T>`](std::pin::Pin) to what it held.
///
/// A future that is polled more than once, by a [`select!`](crate::select!) in a loop for instance, must be
/// pinned first. [`Box::pin`] does it with an allocation, this macro without.
///
/// ```text
/// pin!(future, another);
/// pin! { let future = make(); let another = make_another(); }
/// ```
///
/// It takes names, not expressions: `pin!(make())` is [`std::pin::pin!`]'s form, which gives the pinned
/// reference as a value.
///
/// # Cancel safety
/// A pinned future lives to the end of its block, however often `&mut future` was dropped before it was
/// ready: it loses nothing. That is how a future that is not cancel safe goes through several `select!`s:
///
/// ```
/// use std::time::Duration;
/// use filch::time::sleep;
///
/// # #[filch::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let transfer = async {
///     sleep(Duration::from_secs(1)).await;
///     sleep(Duration::from_secs(1)).await;
///     "done"
/// };
/// filch::pin!(transfer);
/// let mut ticks = 0;
/// let outcome = loop {
///     filch::select! {
///         outcome = &mut transfer => break outcome, // goes on where it was, not from the start
///         _ = sleep(Duration::from_millis(900)) => ticks += 1,
///     }
/// };
/// assert_eq!((outcome, ticks), ("done", 2));
/// # }
/// ```
///
/// # Cost
/// None: a pointer on the stack.
///
/// # Examples
/// ```
/// # #[filch::main(flavor = "current_thread")]
/// # async fn main() {
/// filch::pin! {
///     let one = async { 1 };
///     let two = async { 2 };
/// }
/// assert_eq!((&mut one).await + two.await, 3);
/// # }
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),+ $(,)?) => {
        $(
            #[allow(unused_mut)]
            let mut $name = $crate::macros::support::pin!($name);
        )+
    };
    ($(let $name:ident = $value:expr;)+) => {
        $(
            #[allow(unused_mut)]
            let mut $name = $crate::macros::support::pin!($value);
        )+
    };
    ($value:expr $(,)?) => {
        $crate::macros::support::error!(
            "`pin!` takes the names of variables: use `std::pin::pin!` for an expression, \
             or `pin! { let name = ..; }`";
            $value
        )
    };
}
