//! A fixed few orderings, each against the file of models that kills it: what CI runs.

use std::collections::BTreeMap;

use crate::Result;
use crate::models::{Model, Models, Verdict};
use crate::orderings::{LIMIT, reached};
use crate::places::{Place, mutants};
use crate::workspace::Workspace;

/// Mutants by name, and the files of their killers. One or two for each protocol, from files that are quick.
const QUICK: &[(&str, &str)] = &[
    ("runtime/src/scheduler/multi_thread/lifo.rs put: store, Release -> Relaxed", "lifo"),
    ("runtime/src/scheduler/multi_thread/lifo.rs take: swap, Acquire -> Relaxed", "lifo"),
    ("io-driver/src/readiness/word.rs load: load, Acquire -> Relaxed", "readiness"),
    ("sync/src/oneshot/inner.rs load: load, Acquire -> Relaxed", "oneshot"),
    ("sync/src/oneshot/inner.rs set: fetch_or, AcqRel -> Acquire", "oneshot"),
    ("sync/src/oneshot/inner.rs set: fetch_or, AcqRel -> Release", "oneshot"),
    (
        "sync/src/notify/mod.rs leave_permit: compare_exchange_weak (success), Release -> Relaxed",
        "notify",
    ),
    (
        "sync/src/semaphore/raw.rs put_back: compare_exchange_weak (success), Release -> Relaxed",
        "semaphore",
    ),
    ("sync/src/semaphore/raw.rs grant_front: store, Release -> Relaxed", "semaphore"),
];

/// `Ok(false)` if one survives.
pub(crate) fn run(
    workspace: &Workspace,
    models: &Models,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<bool> {
    let mut files = BTreeMap::<&str, Vec<&str>>::new();
    for (name, file) in QUICK.iter().filter(|(name, _)| is_wanted(name)) {
        files.entry(file).or_default().push(name);
    }
    let list = models.list(workspace)?;
    let mut all_killed = true;
    for (file, names) in files {
        // What each model of the file reaches.
        let mut reach = Vec::<(&Model, Vec<String>)>::new();
        for model in list.iter().filter(|model| model.file == file) {
            if let Some((_, places)) = reached(workspace, models, model)? {
                reach.push((model, places));
            }
        }
        let mut places: Vec<_> = reach.iter().flat_map(|(_, places)| places).collect();
        places.sort();
        places.dedup();
        let places =
            places.into_iter().map(|text| Place::parse(text)).collect::<Result<Vec<_>>>()?;
        let mutants = mutants(workspace, places)?;
        for name in names {
            let mutant = mutants
                .iter()
                .find(|mutant| mutant.name == name)
                .ok_or_else(|| format!("no model of {file} reaches: {name}"))?;
            let environment = [("FILCH_MUTANT", mutant.change.as_str())];
            let mut killer = None;
            for (model, places) in &reach {
                let is_killed = places.contains(&mutant.place)
                    && models.run(workspace, model, &environment, LIMIT)? != Verdict::Held;
                if is_killed {
                    killer = Some(model);
                    break;
                }
            }
            match killer {
                Some(model) => println!("killed by {model}: {name}"),
                None => println!("SURVIVED {file}: {name}"),
            }
            all_killed &= killer.is_some();
        }
    }
    Ok(all_killed)
}
