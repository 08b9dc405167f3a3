//! The places that the models reach, and the mutants that can be made of one.

use std::collections::BTreeMap;

use crate::Result;
use crate::workspace::Workspace;

/// An ordering in the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// As `filch_primitives::atomic::mutant` writes it.
    pub(crate) text: String,
    file: String,
    line: usize,
    column: usize,
    part: String,
    ordering: String,
}

/// A place with a weaker ordering.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mutant {
    /// For people, and stable when lines move: file, function, operation, and what is changed.
    pub(crate) name: String,
    /// For `FILCH_MUTANT`.
    pub(crate) change: String,
    /// For `FILCH_MUTANT_SITES`.
    pub(crate) place: String,
}

impl Place {
    /// Reads `FILE:LINE:COLUMN PART ORDERING`.
    pub(crate) fn parse(text: &str) -> Result<Place> {
        let malformed = || format!("not a place: {text}");
        let mut words = text.split(' ');
        let (Some(location), Some(part), Some(ordering), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed().into());
        };
        let mut fields = location.rsplitn(3, ':');
        let (Some(column), Some(line), Some(file)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(malformed().into());
        };
        Ok(Place {
            text: text.to_owned(),
            file: file.to_owned(),
            line: line.parse()?,
            column: column.parse()?,
            part: part.to_owned(),
            ordering: ordering.to_owned(),
        })
    }

    /// Whether it is filch's own code, and neither a model's nor the model of crossbeam's queues.
    fn is_ours(&self) -> bool {
        ["primitives/", "runtime/", "io-driver/", "timer/", "sync/"]
            .iter()
            .any(|folder| self.file.starts_with(folder))
            && !self.file.starts_with("primitives/src/deque/")
    }

    /// What it can be weakened to, one step at a time.
    fn weaker(&self) -> &'static [&'static str] {
        match (self.part.as_str(), self.ordering.as_str()) {
            ("fence", "SeqCst") => &["AcqRel", "Relaxed"],
            (_, "SeqCst") => &["AcqRel"],
            (_, "AcqRel") => &["Acquire", "Release"],
            (_, "Acquire" | "Release") => &["Relaxed"],
            _ => &[],
        }
    }
}

/// Every mutant of these places, in the order of the source.
pub(crate) fn mutants(workspace: &Workspace, mut places: Vec<Place>) -> Result<Vec<Mutant>> {
    places.sort_by(|a, b| {
        (&a.file, a.line, a.column, &a.part).cmp(&(&b.file, b.line, b.column, &b.part))
    });
    let mut sources = BTreeMap::new();
    let mut names = BTreeMap::<String, usize>::new();
    let mut mutants = Vec::new();
    for place in places.iter().filter(|place| place.is_ours()) {
        if !sources.contains_key(&place.file) {
            sources.insert(place.file.clone(), workspace.read(&place.file)?);
        }
        let described = describe(&sources[&place.file], place);
        for weaker in place.weaker() {
            let mut name = format!("{described}, {} -> {weaker}", place.ordering);
            let times = names.entry(name.clone()).or_default();
            *times += 1;
            if *times > 1 {
                name = format!("{name} (number {times})");
            }
            let change = format!("{}->{weaker}", place.text);
            mutants.push(Mutant { name, change, place: place.text.clone() });
        }
    }
    Ok(mutants)
}

/// File, function, operation.
fn describe(source: &str, place: &Place) -> String {
    let lines: Vec<&str> = source.lines().take(place.line).collect();
    let operation: String = lines
        .last()
        .and_then(|line| line.get(place.column.saturating_sub(1)..))
        .unwrap_or_default()
        .trim_start_matches('.')
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let function = lines.iter().rev().find_map(|line| function(line)).unwrap_or("no function");
    let part = if matches!(place.part.as_str(), "success" | "failure") {
        format!(" ({})", place.part)
    } else {
        String::new()
    };
    format!("{} {function}: {operation}{part}", place.file)
}

/// The name of the function that begins on this line.
fn function(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with("//") {
        return None;
    }
    let (before, rest) = line.split_once("fn ")?;
    let is_qualifier = |word: &str| {
        word.is_empty()
            || word.starts_with("pub")
            || word.ends_with(')')
            || ["const", "unsafe", "async"].contains(&word)
    };
    let is_keyword = before.split(' ').all(is_qualifier);
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (is_keyword && end > 0).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_read_and_described() {
        let source =
            "impl A {\n    pub(crate) fn take(&self) {\n        self.word.swap(0, Acquire);\n";
        let place = Place::parse("sync/src/a.rs:3:19 order Acquire").unwrap();
        assert_eq!(describe(source, &place), "sync/src/a.rs take: swap");
        assert_eq!(place.weaker(), ["Relaxed"]);
        assert!(place.is_ours());
        assert!(!Place::parse("loom-tests/tests/a.rs:3:19 order Acquire").unwrap().is_ours());
    }

    #[test]
    fn malformed_places_are_refused() {
        for text in ["", "a.rs:1 order Acquire", "a.rs:x:1 order Acquire", "a.rs:1:1 order"] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn function_lines() {
        assert_eq!(function("    pub(in crate::task) unsafe fn wake(self) {"), Some("wake"));
        assert_eq!(function("fn park<T>(x: T)"), Some("park"));
        assert_eq!(function("    // a fn in(a) comment"), None);
        assert_eq!(function("    let f: impl Fn(u8) = 1;"), None);
    }
}
