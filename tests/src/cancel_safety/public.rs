//! Which futures are public, read from the source.
//!
//! A plain look at the lines, which knows how this project writes its code: an `impl` begins in the first
//! column, a method has four spaces before it, a public type is `pub struct` in the file that implements
//! `Future` for it. What it misses it misses silently; what it finds has to have a case.

use std::fs;
use std::path::Path;

/// Modules of `runtime/src` whose types have the module's name in their path.
const RUNTIME_MODULES: [&str; 9] =
    ["fs", "io", "net", "process", "runtime", "signal", "stream", "task", "time"];
/// Modules of `sync/src` that are public.
const SYNC_MODULES: [&str; 4] = ["broadcast", "mpsc", "oneshot", "watch"];

/// The path of each public `async fn`, of each public type that is a future, and of each method of the
/// extension traits of `io`: `module::Type::method`, without the crate and without inner modules.
pub fn public_futures() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut found = Vec::new();
    for module in SYNC_MODULES {
        scan_dir(&root.join("sync/src").join(module), &format!("sync::{module}"), &mut found);
    }
    for entry in entries(&root.join("sync/src")) {
        let is_module = SYNC_MODULES.iter().any(|module| entry.ends_with(module));
        if !is_module {
            scan_dir(&entry, "sync", &mut found);
        }
    }
    for module in RUNTIME_MODULES {
        let dir = root.join("runtime/src").join(module);
        if dir.exists() {
            scan_dir(&dir, module, &mut found);
        }
    }
    found.sort();
    found.dedup();
    found
}

fn entries(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    entries.map(|entry| entry.expect("a directory entry").path()).collect()
}

/// `path` is a file or a directory.
fn scan_dir(path: &Path, module: &str, found: &mut Vec<String>) {
    if path.is_dir() {
        for entry in entries(path) {
            scan_dir(&entry, module, found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        let source = fs::read_to_string(path).expect("a source file");
        scan(&source, module, found);
    }
}

fn scan(source: &str, module: &str, found: &mut Vec<String>) {
    // The type or the extension trait in whose block the line is.
    let mut owner = None;
    let mut is_extension = false;
    for line in source.lines() {
        if line == "mod tests {" {
            break;
        }
        if line.starts_with("impl") {
            owner = implementor(line);
            is_extension = false;
            if let Some(name) = owner.as_ref().filter(|_| line.contains("Future for ")) {
                let is_public = |line: &str| {
                    let rest = line.trim_start().strip_prefix("pub struct ");
                    rest.is_some_and(|rest| identifier(rest) == *name)
                };
                if source.lines().any(is_public) && module != "io" {
                    found.push(format!("{module}::{name}"));
                }
            }
        } else if let Some(rest) = line.strip_prefix("pub trait ") {
            let name = identifier(rest);
            is_extension = module == "io" && name.ends_with("Ext");
            owner = Some(name);
        } else if let Some(rest) = free_future(line) {
            found.push(format!("{module}::{}", identifier(rest)));
        } else if let (Some(rest), Some(owner)) =
            (line.strip_prefix("    ").and_then(free_future), &owner)
        {
            found.push(format!("{module}::{owner}::{}", identifier(rest)));
        } else if let (true, Some(rest), Some(owner)) =
            (is_extension, line.strip_prefix("    fn "), &owner)
        {
            found.push(format!("{module}::{owner}::{}", identifier(rest)));
        } else if let (true, Some(rest), Some(owner)) =
            (is_extension, line.strip_prefix("        "), &owner)
        {
            // A line of `number_readers!` or `number_writers!`.
            let name = identifier(rest);
            if rest[name.len()..].starts_with(", ") && rest.ends_with("_bytes;") {
                found.push(format!("{module}::{owner}::{name}"));
            }
        }
    }
}

/// What follows `pub async fn`, or `pub fn` if it returns `impl Future`.
fn free_future(line: &str) -> Option<&str> {
    let plain = line.strip_prefix("pub fn ").filter(|rest| rest.contains("-> impl Future"));
    line.strip_prefix("pub async fn ").or(plain)
}

/// The type of `impl<T> Trait for Type<T> {`.
fn implementor(line: &str) -> Option<String> {
    let mut depth = 0;
    // What stands outside of angle brackets.
    let bare: String = line
        .trim_start_matches("impl")
        .replace("->", "")
        .chars()
        .filter(|&c| {
            depth += i32::from(c == '<');
            let outside = depth == 0;
            depth -= i32::from(c == '>');
            outside
        })
        .collect();
    let name = bare.split(" for ").last()?.trim();
    let name = name.rsplit("::").next()?;
    Some(identifier(name)).filter(|name| !name.is_empty())
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implementors_are_found() {
        for (line, name) in [
            ("impl<T: Clone> Receiver<T> {", "Receiver"),
            ("impl<'a, R: AsyncRead + ?Sized> Future for Read<'a, R> {", "Read"),
            ("impl<F: Fn() -> u8> Future for crate::Of<F> {", "Of"),
            ("impl TcpListener {", "TcpListener"),
        ] {
            assert_eq!(implementor(line).as_deref(), Some(name), "{line}");
        }
    }

    #[test]
    fn a_file_is_read_as_it_is_written() {
        let source = "\
pub struct Sleep {
impl Future for Sleep {
impl Future for Hidden {
impl Sleep {
    pub async fn nap(&self) {
    async fn private(&self) {
    pub fn rest(self) -> impl Future<Output = ()> {
}
pub async fn advance(duration: Duration) {
mod tests {
pub async fn not_this() {
";
        let mut found = Vec::new();
        scan(source, "time", &mut found);
        assert_eq!(
            found,
            ["time::Sleep", "time::Sleep::nap", "time::Sleep::rest", "time::advance"]
        );
    }

    #[test]
    fn well_known_futures_are_found() {
        let found = public_futures();
        for name in [
            "sync::mpsc::Receiver::recv",
            "sync::Mutex::lock",
            "sync::Notified",
            "task::JoinHandle",
            "time::advance",
            "io::AsyncReadExt::read_u16_le",
            "net::TcpListener::accept",
            "signal::ctrl_c",
        ] {
            assert!(found.iter().any(|found| found == name), "{name} is not in {found:#?}");
        }
    }
}
