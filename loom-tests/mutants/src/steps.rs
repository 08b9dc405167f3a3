//! Each named step of a protocol, left out or done in the wrong order, in a copy of the sources.

mod scheduler;
mod sources;
mod sync;
mod task;

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Result;
use crate::models::{Models, Verdict};
use crate::report::Outcome;
use crate::workspace::Workspace;

/// An edit of one place.
pub(crate) struct Step {
    /// The step as the protocol's page calls it, and what is done to it.
    pub(crate) name: &'static str,
    /// Below the workspace's root.
    pub(crate) file: &'static str,
    /// This, which is there once.
    pub(crate) from: &'static str,
    /// Becomes this.
    pub(crate) to: &'static str,
    /// The files of models that should notice.
    pub(crate) models: &'static [&'static str],
}

fn all() -> impl Iterator<Item = &'static Step> {
    [scheduler::STEPS, task::STEPS, sources::STEPS, sync::STEPS].into_iter().flatten()
}

/// A mutated model may go round in circles.
const LIMIT: Duration = Duration::from_secs(240);

/// Sees to it that every edit still has its place in the sources.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    for step in all() {
        let places = workspace.read(step.file)?.matches(step.from).count();
        if places != 1 {
            let (name, file) = (step.name, step.file);
            return Err(format!("step {name}: its text is in {file} {places} times").into());
        }
    }
    Ok(())
}

pub(crate) fn run(workspace: &Workspace, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Outcome>> {
    let steps: Vec<_> = all().filter(|step| is_wanted(step.name)).collect();
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    check(workspace)?;
    let copy = workspace.copy()?;
    let style = ProgressStyle::with_template("steps {bar:30} {pos}/{len}, {eta} left: {msg}")?;
    let bar = ProgressBar::new(steps.len() as u64).with_style(style);
    let mut outcomes = Vec::new();
    for step in steps {
        bar.set_message(step.name);
        let source = copy.read(step.file)?;
        copy.write(step.file, &source.replace(step.from, step.to))?;
        let outcome = try_to_kill(&copy, step);
        copy.write(step.file, &source)?;
        outcomes.push(outcome?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(outcomes)
}

fn try_to_kill(workspace: &Workspace, step: &Step) -> Result<Outcome> {
    let models = Models::build_files(workspace, step.models)
        .map_err(|error| format!("step {}: {error}", step.name))?;
    let list = models.list(workspace)?;
    for model in &list {
        let killer = match models.run(workspace, model, &[], LIMIT)? {
            Verdict::Held | Verdict::ExpectedToPanic => continue,
            Verdict::Failed => model.to_string(),
            Verdict::Hung => format!("{model}, which did not end"),
        };
        return Ok(Outcome::killed(step.name, killer));
    }
    Ok(Outcome::survived(step.name, list.len()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_step_has_its_place_and_a_name_of_its_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        check(&Workspace::at(&root).unwrap()).unwrap();
        let mut names = HashSet::new();
        for step in all() {
            assert!(names.insert(step.name), "twice: {}", step.name);
            assert_ne!(step.from, step.to, "{}", step.name);
            assert!(!step.models.is_empty(), "{}", step.name);
        }
    }
}
