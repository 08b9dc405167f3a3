//! The orders of polls and events.

use std::fmt;

/// One step before the drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The future is polled, woken or not.
    Poll,
    /// The next event happens.
    Event,
}

/// Steps, and then the drop.
#[derive(Clone, Debug)]
pub(super) struct Script(Vec<Step>);

impl Script {
    pub(super) fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.0.iter().copied()
    }
}

/// All scripts of up to `events` events and two polls more than that: one poll for each event, one before
/// them, and one for nothing.
pub(super) fn all(events: usize) -> Vec<Script> {
    fn extend(steps: &mut Vec<Step>, polls: usize, events: usize, all: &mut Vec<Script>) {
        all.push(Script(steps.clone()));
        for (step, polls_left, events_left) in [
            (Step::Poll, polls.checked_sub(1), Some(events)),
            (Step::Event, Some(polls), events.checked_sub(1)),
        ] {
            if let (Some(polls), Some(events)) = (polls_left, events_left) {
                steps.push(step);
                extend(steps, polls, events, all);
                steps.pop();
            }
        }
    }
    let mut all = Vec::new();
    extend(&mut Vec::new(), events + 2, events, &mut all);
    // The short ones first: they tell most, if something is lost.
    all.sort_by_key(|script| script.0.len());
    all
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut event = 0;
        for step in self.steps() {
            match step {
                Step::Poll => f.write_str("poll, ")?,
                Step::Event => {
                    event += 1;
                    write!(f, "event {event}, ")?;
                }
            }
        }
        f.write_str("drop")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_orders_are_there_once() {
        let scripts: Vec<String> = all(1).iter().map(Script::to_string).collect();
        // Up to three polls, and the event nowhere or in one of the places between them.
        assert_eq!(scripts.len(), 4 + (1 + 2 + 3 + 4));
        assert!(scripts.contains(&"drop".into()));
        assert!(scripts.contains(&"poll, event 1, drop".into()));
        assert!(scripts.contains(&"poll, poll, event 1, poll, drop".into()));
        let mut distinct = scripts.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), scripts.len());
    }
}
