//! Which futures are public, read from the source.
//!
//! A plain look at the lines, which knows how this project writes its code: an `impl` begins in the first
//! column, a method has four spaces before it, a public type is `pub struct` in the file that implements
//! `Future` for it. A macro whose name ends in `_methods`, `_method` or `_halves` writes methods: where it
//! is called its text is looked at, with the arguments in it. What the look misses it misses silently;
//! what it finds has to have a case.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Modules of `runtime/src` whose types have the module's name in their path.
const RUNTIME_MODULES: [&str; 9] =
    ["fs", "io", "net", "process", "runtime", "signal", "stream", "task", "time"];
/// Modules of `sync/src` that are public.
const SYNC_MODULES: [&str; 4] = ["broadcast", "mpsc", "oneshot", "watch"];

/// Folders whose types have a longer path, and that path; types that are exported further out are not.
const INNER_MODULES: [(&str, &str); 2] =
    [("net/unix", "net::unix"), ("net/unix/pipe", "net::unix::pipe")];

/// Macros that write methods: their parameters, and their text.
type Macros = BTreeMap<String, (Vec<String>, String)>;

/// The path of each public `async fn`, of each public type that is a future, and of each method of the
/// extension traits of `io`: `module::Type::method`, without the crate and without inner modules.
pub fn public_futures() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut found = Vec::new();
    let mut macros = Macros::new();
    collect_macros(&root.join("runtime/src"), &mut macros);
    let mut scan_dir = |path: &Path, module: &str| scan_dir(path, module, &macros, &mut found);
    for module in SYNC_MODULES {
        scan_dir(&root.join("sync/src").join(module), &format!("sync::{module}"));
    }
    for entry in entries(&root.join("sync/src")) {
        let is_module = SYNC_MODULES.iter().any(|module| entry.ends_with(module));
        if !is_module {
            scan_dir(&entry, "sync");
        }
    }
    for module in RUNTIME_MODULES {
        let dir = root.join("runtime/src").join(module);
        if dir.exists() {
            scan_dir(&dir, module);
        }
    }
    for name in &mut found {
        *name = name.replace("net::unix::Unix", "net::Unix");
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
fn scan_dir(path: &Path, module: &str, macros: &Macros, found: &mut Vec<String>) {
    if path.is_dir() {
        let inner = INNER_MODULES.iter().find(|(folder, _)| path.ends_with(folder));
        let module = inner.map_or(module, |(_, module)| module);
        for entry in entries(path) {
            scan_dir(&entry, module, macros, found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        let source = fs::read_to_string(path).expect("a source file");
        scan(&source, module, macros, found);
    }
}

/// As [`scan_dir`], for the definitions of macros that write methods.
fn collect_macros(path: &Path, macros: &mut Macros) {
    if path.is_dir() {
        for entry in entries(path) {
            collect_macros(&entry, macros);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        read_macros(&fs::read_to_string(path).expect("a source file"), macros);
    }
}

/// `macro_rules!` and its last brace are in the first column, its only pattern on the next line.
fn read_macros(source: &str, macros: &mut Macros) {
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("macro_rules! ") else { continue };
        let name = identifier(rest);
        if !["_methods", "_method", "_halves"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let pattern = lines.next().unwrap_or_default();
        let parameters = pattern.split('$').skip(1).map(identifier).collect();
        let body = lines.by_ref().take_while(|line| *line != "}");
        // Two levels are the macro's.
        let body: Vec<&str> =
            body.map(|line| line.strip_prefix("        ").unwrap_or("")).collect();
        macros.insert(name, (parameters, body.join("\n")));
    }
}

/// What the call of a macro stands for, if the line is one.
fn expand(line: &str, macros: &Macros) -> Option<String> {
    let (path, arguments) = line.trim_start().strip_suffix(");")?.split_once("!(")?;
    let (parameters, body) = macros.get(path.rsplit("::").next()?)?;
    let arguments = arguments.replace("=>", ",");
    let mut text = body.clone();
    for (parameter, argument) in parameters.iter().zip(arguments.split(',')) {
        text = text.replace(&format!("${parameter}"), argument.trim());
    }
    Some(text)
}

fn scan(source: &str, module: &str, macros: &Macros, found: &mut Vec<String>) {
    // The type or the extension trait in whose block the line is.
    let mut owner = None;
    let mut is_extension = false;
    for line in source.lines() {
        if line == "mod tests {" {
            break;
        }
        if let Some(text) = expand(line, macros) {
            scan(&text, module, macros, found);
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
        scan(source, "time", &Macros::new(), &mut found);
        assert_eq!(
            found,
            ["time::Sleep", "time::Sleep::nap", "time::Sleep::rest", "time::advance"]
        );
    }

    #[test]
    fn macros_that_write_methods_are_looked_through() {
        let source = "\
macro_rules! nap_methods {
    ($ty:ident => $other:ty) => {
        impl $ty {
            pub async fn nap(&self) {
        }
        crate::a::rest_methods!($other, 1);
    };
}
macro_rules! rest_methods {
    ($ty:ty, $n:expr) => {
        impl $ty {
            pub async fn rest(&self) {
        }
    };
}
nap_methods!(Sleep => Half<'_>);
";
        let (mut macros, mut found) = (Macros::new(), Vec::new());
        read_macros(source, &mut macros);
        scan(source, "time", &macros, &mut found);
        assert_eq!(found, ["time::Sleep::nap", "time::Half::rest"]);
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
            "net::UnixStream::readable",
            "net::unix::OwnedWriteHalf::writable",
            "net::unix::pipe::Receiver::ready",
            "signal::ctrl_c",
        ] {
            assert!(found.iter().any(|found| found == name), "{name} is not in {found:#?}");
        }
    }
}
