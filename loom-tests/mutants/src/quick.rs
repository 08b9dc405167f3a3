//! A fixed few orderings, each against the model that kills it: what CI runs.

use crate::Result;
use crate::models::{Model, Models, Verdict};
use crate::orderings::{LIMIT, reached};
use crate::places::{Place, mutants};
use crate::workspace::Workspace;

/// Mutants by name, and their killers. From docs/mutants.md: one for each protocol, and quick ones.
const QUICK: &[(&str, &str, &str)] = &[];

/// `Ok(false)` if one survives.
pub(crate) fn run(
    workspace: &Workspace,
    models: &Models,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<bool> {
    let mut all_killed = true;
    for (name, file, test) in QUICK.iter().filter(|(name, ..)| is_wanted(name)) {
        let model = Model { file: (*file).to_owned(), test: (*test).to_owned() };
        let (_, places) = reached(workspace, models, &model)?
            .ok_or_else(|| format!("{model} is one that must fail"))?;
        let places = places.iter().map(|text| Place::parse(text)).collect::<Result<Vec<_>>>()?;
        let mutants = mutants(workspace, places)?;
        let mutant = mutants
            .iter()
            .find(|mutant| mutant.name == *name)
            .ok_or_else(|| format!("{model} does not reach: {name}"))?;
        let environment = [("FILCH_MUTANT", mutant.change.as_str())];
        let is_killed = models.run(workspace, &model, &environment, LIMIT)? != Verdict::Held;
        println!("{} by {model}: {name}", if is_killed { "killed" } else { "SURVIVED" });
        all_killed &= is_killed;
    }
    Ok(all_killed)
}
