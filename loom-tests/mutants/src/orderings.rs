//! Every ordering that a model reaches, weakened in the built models.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::Result;
use crate::models::{Model, Models, Verdict};
use crate::places::{Mutant, Place, mutants};
use crate::report::Outcome;
use crate::workspace::Workspace;

/// For a model that has no time of its own yet.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);

/// A model as it ran without a mutant.
struct Measured {
    model: Model,
    took: Duration,
    places: Vec<String>,
}

pub(crate) fn run(
    workspace: &Workspace,
    jobs: usize,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Outcome>> {
    let models = Models::build(workspace)?;
    let list = models.list(workspace)?;
    let measured = in_parallel(jobs, "models", &list, |model| measure(workspace, &models, model))?;
    let measured: Vec<Measured> = measured.into_iter().flatten().collect();

    // Which models reach a place: the quickest first.
    let mut by_place = BTreeMap::<&str, Vec<&Measured>>::new();
    for measured in &measured {
        for place in &measured.places {
            by_place.entry(place).or_default().push(measured);
        }
    }
    for models in by_place.values_mut() {
        models.sort_by_key(|measured| measured.took);
    }
    let places = by_place.keys().map(|text| Place::parse(text)).collect::<Result<Vec<_>>>()?;
    let mut mutants = mutants(workspace, places)?;
    mutants.retain(|mutant| is_wanted(&mutant.name));
    in_parallel(jobs, "mutants", &mutants, |mutant| {
        try_to_kill(workspace, &models, mutant, &by_place[mutant.place.as_str()])
    })
}

/// Runs a model as it is, and notes the places that it reaches. `None` for one that must fail.
fn measure(workspace: &Workspace, models: &Models, model: &Model) -> Result<Option<Measured>> {
    let places = reached(workspace, models, model)?;
    Ok(places.map(|(took, places)| Measured { model: model.clone(), took, places }))
}

/// The places that a model reaches, and how long it took.
pub(crate) fn reached(
    workspace: &Workspace,
    models: &Models,
    model: &Model,
) -> Result<Option<(Duration, Vec<String>)>> {
    let file = workspace.scratch(&format!("{}.{}", model.file, model.test))?;
    std::fs::write(&file, "")?;
    let path = file.to_str().ok_or("the path of the workspace is not UTF-8")?;
    let start = Instant::now();
    match models.run(workspace, model, &[("FILCH_MUTANT_SITES", path)], LIMIT)? {
        Verdict::ExpectedToPanic => Ok(None),
        Verdict::Held => {
            let took = start.elapsed();
            let places = std::fs::read_to_string(&file)?.lines().map(str::to_owned).collect();
            Ok(Some((took, places)))
        }
        verdict => Err(format!("{model} fails without a mutant: {verdict:?}").into()),
    }
}

fn try_to_kill(
    workspace: &Workspace,
    models: &Models,
    mutant: &Mutant,
    reached_by: &[&Measured],
) -> Result<Outcome> {
    for measured in reached_by {
        let environment = [("FILCH_MUTANT", mutant.change.as_str())];
        // Far beyond its time: it goes round in circles.
        let limit = measured.took * 20 + Duration::from_secs(20);
        match models.run(workspace, &measured.model, &environment, limit)? {
            Verdict::Held | Verdict::ExpectedToPanic => (),
            Verdict::Failed => {
                return Ok(Outcome::killed(&mutant.name, measured.model.to_string()));
            }
            Verdict::Hung => {
                let killer = format!("{}, which did not end", measured.model);
                return Ok(Outcome::killed(&mutant.name, killer));
            }
        }
    }
    Ok(Outcome::survived(&mutant.name, reached_by.len()))
}

/// Does so many at a time, and returns the results in the order of the items.
fn in_parallel<T: Sync, R: Send>(
    jobs: usize,
    what: &'static str,
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len}, {eta} left")?;
    let bar = ProgressBar::new(items.len() as u64).with_style(style).with_prefix(what);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    // ordering: Relaxed. Uniqueness only.
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    // An error has to leave this thread as text.
                    let result = work(item).map_err(|error| error.to_string());
                    results.lock().expect("no panic").push((index, result));
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut results = results.into_inner().expect("no panic");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result.map_err(Into::into)).collect()
}
