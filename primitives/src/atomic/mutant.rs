//! One weakened ordering: what the mutation program changes between two runs of the same models.
//!
//! Every operation of [`model`](super::model) asks here, with the place of its caller. With `FILCH_MUTANT`
//! in the environment the operation at that place is done with a weaker ordering than its source says;
//! a model that holds nevertheless proves nothing about it. With `FILCH_MUTANT_SITES` each place that was
//! reached is appended to that file, so that only models which reach a place are run for it. The program
//! is `loom-tests/mutants`; docs/mutants.md says what came of it.
//!
//! A place is `FILE:LINE:COLUMN PART ORDERING`; of an operation with two orderings the part is `success` or
//! `failure`, else `order`; of a fence it is `fence`. A mutant is a place and, behind `->`, the ordering that it
//! gets. A fence that gets `Relaxed` is left out.

use std::collections::HashSet;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;
use std::sync::{LazyLock, Mutex};

use super::Ordering;

/// Which of an operation's orderings is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// The only one.
    Order,
    /// A compare-exchange's, when it exchanges.
    Success,
    /// A compare-exchange's, when it does not.
    Failure,
    /// A fence's.
    Fence,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Order => "order",
            Part::Success => "success",
            Part::Failure => "failure",
            Part::Fence => "fence",
        })
    }
}

/// The place to weaken, and the ordering it gets.
static MUTANT: LazyLock<Option<(String, Ordering)>> = LazyLock::new(|| {
    let mutant = std::env::var("FILCH_MUTANT").ok()?;
    let (place, ordering) = mutant
        .split_once("->")
        .unwrap_or_else(|| panic!("FILCH_MUTANT without an arrow: {mutant}"));
    let ordering = match ordering {
        "Relaxed" => Ordering::Relaxed,
        "Acquire" => Ordering::Acquire,
        "Release" => Ordering::Release,
        "AcqRel" => Ordering::AcqRel,
        _ => panic!("FILCH_MUTANT with an ordering that is none: {mutant}"),
    };
    Some((place.to_owned(), ordering))
});

/// Where to note the places that were reached, and which were noted.
static SITES: LazyLock<Option<(String, Mutex<HashSet<String>>)>> =
    LazyLock::new(|| Some((std::env::var("FILCH_MUTANT_SITES").ok()?, Mutex::default())));

/// The ordering to use at `caller`, where the source says `ordering`.
pub(super) fn ordering(
    caller: &'static Location<'static>,
    part: Part,
    ordering: Ordering,
) -> Ordering {
    if MUTANT.is_none() && SITES.is_none() {
        return ordering;
    }
    let place = format!("{caller} {part} {ordering:?}");
    if let Some((file, noted)) = &*SITES {
        note(file, noted, &place);
    }
    match &*MUTANT {
        Some((mutated, weaker)) if *mutated == place => *weaker,
        _ => ordering,
    }
}

fn note(file: &str, noted: &Mutex<HashSet<String>>, place: &str) {
    let mut noted = noted.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !noted.insert(place.to_owned()) {
        return;
    }
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(format!("{place}\n").as_bytes()));
    if let Err(error) = written {
        panic!("FILCH_MUTANT_SITES: {file}: {error}");
    }
}
