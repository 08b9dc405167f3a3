//! What came of the mutants: on the terminal, and in docs/mutants.md.

use std::fmt::Write;

use crate::Result;
use crate::survivors;
use crate::workspace::Workspace;

/// Of all mutants so many must be killed.
const WANTED: f64 = 0.95;

/// What came of a mutant.
pub(crate) struct Outcome {
    name: String,
    fate: Fate,
}

enum Fate {
    /// By this model.
    Killed(String),
    /// So many models reach it and hold.
    Survived(usize),
}

impl Outcome {
    pub(crate) fn killed(name: &str, by: String) -> Outcome {
        Outcome { name: name.to_owned(), fate: Fate::Killed(by) }
    }

    pub(crate) fn survived(name: &str, models: usize) -> Outcome {
        Outcome { name: name.to_owned(), fate: Fate::Survived(models) }
    }

    fn is_killed(&self) -> bool {
        matches!(self.fate, Fate::Killed(_))
    }
}

/// Prints the survivors and the count; `false` if one has no reason, or if they are too many.
pub(crate) fn print(outcomes: &[Outcome]) -> bool {
    let mut holds = true;
    for outcome in outcomes {
        if let Fate::Survived(models) = outcome.fate {
            let reason = survivors::reason(&outcome.name);
            holds &= reason.is_some();
            println!("survived {models} models: {}", outcome.name);
            println!("    {}", reason.unwrap_or("NO REASON IS GIVEN in survivors.rs"));
        } else if survivors::reason(&outcome.name).is_some() {
            println!("killed, though survivors.rs has a reason for it: {}", outcome.name);
            holds = false;
        }
    }
    println!("{}", summary(outcomes));
    holds && rate(outcomes) >= WANTED
}

fn rate(outcomes: &[Outcome]) -> f64 {
    let killed = outcomes.iter().filter(|outcome| outcome.is_killed()).count();
    killed as f64 / outcomes.len().max(1) as f64
}

fn summary(outcomes: &[Outcome]) -> String {
    let killed = outcomes.iter().filter(|outcome| outcome.is_killed()).count();
    format!("{killed} of {} mutants killed: {:.1} %", outcomes.len(), 100.0 * rate(outcomes))
}

/// Writes the table.
pub(crate) fn write(workspace: &Workspace, outcomes: &[Outcome]) -> Result<()> {
    let mut page = String::from(HEAD);
    writeln!(page, "{}.\n", summary(outcomes))?;
    page.push_str("## Survivors\n\n| mutant | why it is no fault |\n| --- | --- |\n");
    for outcome in outcomes.iter().filter(|outcome| !outcome.is_killed()) {
        let reason = survivors::reason(&outcome.name).unwrap_or("no reason is known");
        writeln!(page, "| {} | {reason} |", outcome.name)?;
    }
    page.push_str("\n## Killed\n\n| mutant | by |\n| --- | --- |\n");
    for outcome in outcomes {
        if let Fate::Killed(by) = &outcome.fate {
            writeln!(page, "| {} | {by} |", outcome.name)?;
        }
    }
    workspace.write("docs/mutants.md", &page)
}

const HEAD: &str = "\
# Mutants

Does a model notice when a step of a protocol is left out, or an ordering is weaker than the code says? Each
mutant is filch with one such change; the loom models run until one of them fails. This page is written by

```text
cargo run --release -p filch-mutants --
```

which takes about an hour on two cores; `orderings`, `steps`, `--only TEXT` do a part of it, and `quick` the fixed
few that CI runs. An ordering is weakened one step: AcqRel to Acquire and to Release, those two to Relaxed, a SeqCst
fence to AcqRel and to nothing. An operation is named by its file, function and method. Orderings that are
Relaxed already, and those of code that loom does not see (the poller, signals, statistics), have no mutants. Places that no
model reaches have none either, so docs/memory-ordering.md is the longer list.

";
