//! The page of the book that the cases make.

use std::fmt::Write;

use super::{Case, Promise};

const HEAD: &str = "\
# Cancel safety

A future may be dropped before it completes: by `timeout`, by a `select!` whose other branch was faster, by `abort`. It is
*cancel safe* if nothing is lost by that: no message, permit, byte, tick or notification, no lock left locked, nobody behind it
left waiting. What a dropped future gives up in any case is its place in a queue.

Made by `FILCH_REWRITE_DOCS=1 cargo test -p filch-tests --test cancel_safety`; the same test, without the variable, holds each line
to the truth. It drops the future after each number of polls, with everything that can happen to it before, between and after
them, and then counts what is left. A future that promises nothing is held to that, too: some order of polls and events must
lose what the line says.
";

/// The page, one table for each module.
pub fn page(cases: &[Case]) -> String {
    let mut page = String::from(HEAD);
    let mut modules: Vec<&str> = Vec::new();
    for case in cases {
        let module = module(case);
        if !modules.contains(&module) {
            modules.push(module);
        }
    }
    for wanted in modules {
        let _ =
            write!(page, "\n## {wanted}\n\n| future | | if it is dropped |\n| --- | --- | --- |\n");
        for case in cases.iter().filter(|case| module(case) == wanted) {
            let (word, what) = match case.promise {
                Promise::Safe(what) => ("safe", what),
                Promise::Loses(what) => ("**loses**", what),
            };
            let name = case.name.strip_prefix(wanted).unwrap_or(case.name);
            let name = name.trim_start_matches("::");
            let _ = writeln!(page, "| `{name}` | {word} | {what} |");
        }
    }
    page
}

fn module(case: &Case) -> &'static str {
    case.name.split("::").next().unwrap_or(case.name)
}
