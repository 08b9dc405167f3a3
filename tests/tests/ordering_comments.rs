//! Every atomic operation of the runtime has a comment `// ordering:` that says what must be seen, with
//! which operation it pairs, and why weaker would not do.
//!
//! The comment stands on the line, or directly above the statement. One that says "both", "all", "each" or
//! "below" speaks for the rest of its function.

use std::fs;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 5] = ["primitives", "runtime", "io-driver", "timer", "sync"];

/// The seam hands through the orderings of others.
const NOT_OURS: [&str; 2] = ["atomic/model.rs", "atomic/mutant.rs"];

const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// Whether an ordering is an argument on this line: `(Ordering::Relaxed)`, `, AcqRel)`, `Acquire,`.
fn has_ordering(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ORDERINGS.iter().any(|ordering| {
        code.match_indices(ordering).any(|(at, _)| {
            let before = code[..at].trim_end_matches("Ordering::").trim_end();
            let after = code[at + ordering.len()..].trim_start();
            let opens = before.is_empty() || before.ends_with(['(', ',']);
            opens && (after.is_empty() || after.starts_with([')', ',']))
        })
    })
}

fn is_import(line: &str) -> bool {
    line.starts_with("use ") || line.starts_with("pub use ")
}

fn is_function(line: &str) -> bool {
    !line.starts_with("//") && (line.starts_with("fn ") || line.contains(" fn "))
}

/// The comment block that ends above line `end`, as one text.
fn comment_above(lines: &[&str], end: usize) -> String {
    let block = lines[..end].iter().rev().take_while(|line| line.starts_with("//"));
    let mut block: Vec<_> = block.copied().collect();
    block.reverse();
    block.join(" ")
}

/// Whether the operation on line `at` has its comment.
fn is_explained(lines: &[&str], at: usize) -> bool {
    if lines[at].contains("ordering:") {
        return true;
    }
    // Directly above the statement.
    let statement = lines[..at].iter().rposition(|line| {
        line.is_empty() || line.starts_with("//") || line.ends_with([';', '{', '}'])
    });
    if let Some(above) = statement {
        if lines[above].starts_with("//") && comment_above(lines, above + 1).contains("ordering:") {
            return true;
        }
    }
    // Further up in the function, one that speaks for several.
    let function = lines[..at].iter().rposition(|line| is_function(line)).unwrap_or(0);
    (function..at).any(|line| {
        let covers = |text: &str| {
            ["both", "all", "each", "below"]
                .iter()
                .any(|word| text.split(|c: char| !c.is_alphabetic()).any(|part| part == *word))
        };
        lines[line].split_once("ordering:").is_some_and(|(_, text)| covers(text))
    })
}

/// How many operations a file has, and those without a comment.
fn check(source: &str) -> (usize, Vec<usize>) {
    let lines: Vec<&str> = source
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test"))
        .map(str::trim)
        .collect();
    let operations: Vec<usize> = (0..lines.len())
        .filter(|&at| {
            !lines[at].starts_with("//") && !is_import(lines[at]) && has_ordering(lines[at])
        })
        .collect();
    let bare = operations.iter().copied().filter(|&at| !is_explained(&lines, at)).collect();
    (operations.len(), bare)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !path.ends_with("tests.rs")
        {
            found.push(path);
        }
    }
}

#[test]
fn every_atomic_operation_has_its_ordering_comment() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in FOLDERS {
        sources(&root.join(folder).join("src"), &mut files);
    }
    let (mut operations, mut bare) = (0, Vec::new());
    for file in files.iter().filter(|file| !NOT_OURS.iter().any(|name| file.ends_with(name))) {
        let (count, without) = check(&fs::read_to_string(file).unwrap());
        operations += count;
        bare.extend(without.into_iter().map(|line| format!("{}:{}", file.display(), line + 1)));
    }
    println!("{operations} lines with atomic operations");
    assert!(operations > 250, "the sources were not found: {operations}");
    assert!(bare.is_empty(), "without an ordering comment:\n{}", bare.join("\n"));
}

#[test]
fn operations_without_a_comment_are_found() {
    let with = "fn f() {\n    // ordering: Acquire, as g.\n    a.load(Ordering::Acquire);\n}\n";
    assert_eq!(check(with), (1, vec![]));
    let without = "fn f() {\n    a.load(Ordering::Acquire);\n}\n";
    assert_eq!(check(without), (1, vec![1]));
    let next_statement =
        "fn f() {\n    // ordering: Acquire.\n    a.load(Acquire);\n    b.load(Acquire);\n}\n";
    assert_eq!(check(next_statement), (2, vec![3]));
    let both = "fn f() {\n    // ordering: Acquire, both.\n    a.load(Acquire);\n    b.load(Acquire);\n}\n";
    assert_eq!(check(both), (2, vec![]));
    let other_function = "fn f() {\n    // ordering: both.\n    a.load(Acquire);\n}\nfn g() {\n    b.load(Acquire);\n}\n";
    assert_eq!(check(other_function), (2, vec![5]));
    let of_lines = "fn f() {\n    // ordering: AcqRel.\n    match a.swap(\n        1,\n        Ordering::AcqRel,\n    ) {}\n}\n";
    assert_eq!(check(of_lines), (1, vec![]));
    assert_eq!(check("enum E { A }\nfn f() { E::Release::Keep; }\n"), (0, vec![]));
}
