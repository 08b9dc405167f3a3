//! How the models are run: with loom, every execution up to a number of preemptions.

use filch_primitives::loom;

use crate::Count;

/// Explores `f` with at most two preemptions, unless `LOOM_MAX_PREEMPTIONS` says otherwise.
///
/// Prints how many executions that took; shown with `--nocapture`.
///
/// # Panics
/// If an execution does, and if there is only one: such a model would prove nothing.
pub fn model(f: impl Fn() + Send + Sync + 'static) {
    let builder = loom::model::Builder::new();
    let preemptions = builder.preemption_bound.unwrap_or(2);
    explore(builder, preemptions, f);
}

/// As [`model`], for one whose executions are too many for two preemptions: at most so many.
pub fn model_bounded(preemptions: usize, f: impl Fn() + Send + Sync + 'static) {
    let builder = loom::model::Builder::new();
    let preemptions = builder.preemption_bound.map_or(preemptions, |bound| bound.min(preemptions));
    explore(builder, preemptions, f);
}

fn explore(
    mut builder: loom::model::Builder,
    preemptions: usize,
    f: impl Fn() + Send + Sync + 'static,
) {
    builder.preemption_bound = Some(preemptions);
    // Whole runtimes take more steps than loom allows by default.
    builder.max_branches = builder.max_branches.max(10_000);
    let executions = Count::new();
    let counted = executions.clone();
    builder.check(move || {
        counted.add();
        f();
    });
    println!("{} executions with at most {preemptions} preemptions", executions.get());
    assert!(executions.get() > 1, "nothing was explored");
}
