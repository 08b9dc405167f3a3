//! Cancel safety: drops a future at each of its polls, and asks what is gone.
//!
//! A [`Trial`] describes one future: the world that it works in, the future, what happens in that world
//! (a message arrives, a lock is released, the clock advances), and how to tell that nothing was lost.
//! It is run once for each *script*: each order of polls and events, up to the drop. A script
//!
//! ```text
//! poll, event 1, event 2, drop
//! ```
//!
//! makes the world and the future, polls, lets the first two events happen, and drops the future, woken
//! but not polled. What is left of the events happens after the drop. Then the check looks: at what the
//! future returned, if it completed, and at what the world still has. Polls of a future that was not
//! woken are among the scripts.
//!
//! The executor is a waker that counts. It holds every future to one rule more: one that returned
//! `Pending` and is ready at its next poll has been woken in between.
//!
//! A [`Case`] is a trial with a name and a [`Promise`]. A promise that nothing is lost is broken by one
//! script; one that something is lost, by none that loses it. So the page that is made of the cases
//! ([`page`]) says neither too much nor too little.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `env.rs` | where futures are polled: anywhere, or in a runtime with a paused clock or with sockets |
//! | `script.rs` | the orders of polls and events |
//! | `other.rs` | the other tasks in the world |
//! | `page.rs` | the page of the book |
//! | `public.rs` | the public futures, from the source |

mod env;
mod other;
mod page;
mod public;
mod script;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

pub use env::{Env, Place};
pub use other::Other;
pub use page::page;
pub use public::public_futures;
use script::{Script, Step};

/// What a future says about being dropped before it completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Nothing is lost. What happens, in a few words.
    Safe(&'static str),
    /// What is lost.
    Loses(&'static str),
}

/// A future that may borrow from the subject of its trial.
pub type LocalFuture<'a, O> = Pin<Box<dyn Future<Output = O> + 'a>>;

/// `Err` says what was lost. What must not happen even then, panics.
pub type Kept = Result<(), String>;

/// One future and its world. `S` is what the future borrows, `P` all the rest.
pub struct Trial<S, P, O, const N: usize> {
    /// Where it is polled.
    pub place: Place,
    /// Makes the world.
    pub world: fn(&Env) -> (S, P),
    /// Makes the future.
    pub future: for<'a> fn(&'a mut S) -> LocalFuture<'a, O>,
    /// What happens, in this order.
    pub events: [fn(&mut P, &Env); N],
    /// Looks for what was lost, after the future is gone and everything has happened.
    pub check: fn(S, P, Option<O>, &Env) -> Kept,
}

/// What the scripts of a trial came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many scripts there were.
    pub scripts: usize,
    /// In how many the future completed.
    pub completed: usize,
    /// In how many it was dropped after it had returned `Pending`.
    pub dropped_waiting: usize,
    /// In how many it was dropped after something had happened that its last poll had not seen.
    pub dropped_unseen: usize,
    /// What was lost, and by which script.
    pub losses: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.scripts += other.scripts;
        self.completed += other.completed;
        self.dropped_waiting += other.dropped_waiting;
        self.dropped_unseen += other.dropped_unseen;
        self.losses.extend(other.losses);
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Says what it was, if a check panics.
struct Blame<'a>(&'static str, &'a dyn fmt::Display);

impl Drop for Blame<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} was: {}", self.0, self.1);
        }
    }
}

impl<S, P, O, const N: usize> Trial<S, P, O, N> {
    /// Runs all scripts; up to the first loss, if nothing may be lost.
    ///
    /// # Errors
    /// If the future was not woken where it should have been: by which script.
    pub fn run(&self, promise: Promise) -> Result<Tally, String> {
        let env = Env::new(self.place);
        let mut tally = Tally::default();
        for script in script::all(N) {
            tally.scripts += 1;
            self.run_script(&script, &env, &mut tally)
                .map_err(|fault| format!("{fault}\n  script: {script}"))?;
            if matches!(promise, Promise::Safe(_)) && !tally.losses.is_empty() {
                break;
            }
        }
        Ok(tally)
    }

    fn run_script(&self, script: &Script, env: &Env, tally: &mut Tally) -> Result<(), String> {
        let _blame = Blame("the script", script);
        let (mut subject, mut peers) = env.enter(|| (self.world)(env));
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut events = self.events.iter();
        let mut output = None;
        {
            let mut future = env.enter(|| (self.future)(&mut subject));
            // How often it had been woken before the last poll, which returned `Pending`.
            let mut waits_since = None;
            let mut unseen = false;
            for step in script.steps() {
                match step {
                    Step::Poll => {
                        let before = wakes.get();
                        let poll =
                            env.enter(|| future.as_mut().poll(&mut Context::from_waker(&waker)));
                        unseen = false;
                        if let Poll::Ready(value) = poll {
                            if waits_since.is_some_and(|since| wakes.get() == since) {
                                return Err("it became ready and its task was not woken".into());
                            }
                            output = Some(value);
                            break;
                        }
                        waits_since = Some(before);
                    }
                    Step::Event => {
                        let event = events.next().expect("as many events as the script has");
                        env.happen(|| event(&mut peers, env));
                        unseen = true;
                    }
                }
            }
            env.enter(move || drop(future));
            if output.is_some() {
                tally.completed += 1;
            } else if waits_since.is_some() {
                tally.dropped_waiting += 1;
                tally.dropped_unseen += usize::from(unseen);
            }
        }
        for event in events {
            env.happen(|| event(&mut peers, env));
        }
        if let Err(lost) = env.enter(|| (self.check)(subject, peers, output, env)) {
            tally.losses.push(format!("{lost}\n  script: {script}"));
        }
        Ok(())
    }
}

/// A trial, whatever its types: runs it.
type BoxedTrial = Box<dyn Fn(Promise) -> Result<Tally, String>>;

/// A future with a name, what it promises, and the trial that holds it to that.
pub struct Case {
    /// Its path, without the crate.
    pub name: &'static str,
    /// What it promises.
    pub promise: Promise,
    /// Whether some script finds it waiting.
    waits: bool,
    trials: Vec<BoxedTrial>,
}

impl Case {
    /// The case of a future that waits for something.
    pub fn new<S: 'static, P: 'static, O: 'static, const N: usize>(
        name: &'static str,
        promise: Promise,
        trial: Trial<S, P, O, N>,
    ) -> Case {
        Case {
            name,
            promise,
            waits: true,
            trials: vec![Box::new(move |promise| trial.run(promise))],
        }
    }

    /// A further trial, in another world.
    pub fn also<S: 'static, P: 'static, O: 'static, const N: usize>(
        mut self,
        trial: Trial<S, P, O, N>,
    ) -> Case {
        self.trials.push(Box::new(move |promise| trial.run(promise)));
        self
    }

    /// For a future that is ready whenever it is polled, here or always.
    pub fn never_waits(mut self) -> Case {
        self.waits = false;
        self
    }

    /// Runs the trial.
    ///
    /// # Errors
    /// In what way the promise is broken, or that the trial shows nothing.
    pub fn verdict(&self) -> Result<Tally, String> {
        let _blame = Blame("the case", &self.name);
        let mut tally = Tally::default();
        for trial in &self.trials {
            tally.add(trial(self.promise)?);
        }
        if let (Promise::Safe(_), Some(loss)) = (self.promise, tally.losses.first()) {
            return Err(format!("lost: {loss}"));
        }
        if tally.completed == 0 {
            return Err("it never completed: the trial shows nothing".into());
        }
        if self.waits != (tally.dropped_waiting > 0) {
            return Err(format!(
                "waits: {}, dropped waiting: {}",
                self.waits, tally.dropped_waiting
            ));
        }
        match self.promise {
            Promise::Loses(what) if tally.losses.is_empty() => {
                Err(format!("no script loses {what}"))
            }
            _ => Ok(tally),
        }
    }
}

/// Kept, if both are the same.
///
/// # Errors
/// What they are, if not.
pub fn same<T: PartialEq + fmt::Debug>(found: T, expected: T) -> Kept {
    if found == expected { Ok(()) } else { Err(format!("{found:?} is left of {expected:?}")) }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use filch::sync::mpsc;

    use super::*;

    /// A case in which two messages come to a receiver, that does with them what `future` does.
    fn receiving(
        promise: Promise,
        future: for<'a> fn(&'a mut mpsc::Receiver<u8>) -> LocalFuture<'a, u8>,
    ) -> Case {
        Case::new(
            "some::Receiver::recv",
            promise,
            Trial {
                place: Place::Anywhere,
                world: |_| {
                    let (tx, rx) = mpsc::channel(2);
                    (rx, tx)
                },
                future,
                events: [|tx, _| tx.try_send(1).unwrap(), |tx, _| tx.try_send(2).unwrap()],
                check: |mut rx, _, out, _| {
                    let mut received: Vec<u8> = out.into_iter().collect();
                    received.extend(std::iter::from_fn(|| rx.try_recv().ok()));
                    same(received, vec![1, 2])
                },
            },
        )
    }

    /// Takes a message and waits once more before it returns it.
    fn careless(rx: &mut mpsc::Receiver<u8>) -> LocalFuture<'_, u8> {
        Box::pin(async {
            let message = rx.recv().await.unwrap();
            filch::task::yield_now().await;
            message
        })
    }

    fn careful(rx: &mut mpsc::Receiver<u8>) -> LocalFuture<'_, u8> {
        Box::pin(async { rx.recv().await.unwrap() })
    }

    /// Looks without asking to be woken.
    fn deaf(rx: &mut mpsc::Receiver<u8>) -> LocalFuture<'_, u8> {
        Box::pin(poll_fn(|_| rx.try_recv().map_or(Poll::Pending, Poll::Ready)))
    }

    #[test]
    fn a_lost_message_is_found_with_its_script() {
        let fault = receiving(Promise::Safe("nothing"), careless).verdict().unwrap_err();
        assert!(fault.contains("lost: [2] is left of [1, 2]"), "{fault}");
        assert!(fault.ends_with("script: event 1, poll, drop"), "{fault}");
        receiving(Promise::Safe("nothing"), careful).verdict().unwrap();
    }

    #[test]
    fn a_loss_that_does_not_happen_is_no_promise() {
        let fault = receiving(Promise::Loses("a message"), careful).verdict().unwrap_err();
        assert_eq!(fault, "no script loses a message");
        receiving(Promise::Loses("a message"), careless).verdict().unwrap();
    }

    #[test]
    fn a_lost_wake_up_is_found() {
        let fault = receiving(Promise::Safe("nothing"), deaf).verdict().unwrap_err();
        assert!(fault.contains("its task was not woken"), "{fault}");
    }

    #[test]
    fn a_trial_that_shows_nothing_is_a_fault() {
        let never = |_: &mut mpsc::Receiver<u8>| -> LocalFuture<'_, u8> {
            Box::pin(std::future::pending())
        };
        let fault = receiving(Promise::Safe("nothing"), never).verdict().unwrap_err();
        assert!(fault.contains("never completed"), "{fault}");
        let at_once = |_: &mut mpsc::Receiver<u8>| -> LocalFuture<'_, u8> { Box::pin(async { 0 }) };
        let fault = receiving(Promise::Loses("a message"), at_once).verdict().unwrap_err();
        assert!(fault.contains("dropped waiting: 0"), "{fault}");
    }

    #[test]
    fn another_task_that_was_not_woken_waits_in_vain() {
        let notify = Arc::new(filch::sync::Notify::new());
        let mut other = Other::new(notify.clone().notified_owned());
        assert!(other.poll_if_woken().is_none());
        notify.notify_one();
        other.finish().unwrap();
        let mut deaf = Other::new(poll_fn({
            let mut polls = 0;
            move |_| {
                polls += 1;
                if polls > 1 { Poll::Ready(()) } else { Poll::Pending }
            }
        }));
        assert!(deaf.poll_if_woken().is_none());
        assert_eq!(deaf.finish().unwrap_err(), "another task waits in vain");
    }

    #[test]
    fn the_page_has_a_table_for_each_module() {
        let cases = [receiving(Promise::Loses("a message"), careless)];
        let page = page(&cases);
        let (_, table) = page.split_once("\n## some\n").unwrap();
        assert_eq!(table.lines().nth(3), Some("| `Receiver::recv` | **loses** | a message |"));
    }
}
