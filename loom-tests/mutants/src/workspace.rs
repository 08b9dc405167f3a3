//! The workspace, the copy of it in which steps are edited, and cargo.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// A checkout of filch.
pub(crate) struct Workspace {
    root: PathBuf,
    /// Where cargo puts what it builds for loom, below the root that it was first made for.
    target: PathBuf,
}

impl Workspace {
    pub(crate) fn at(root: &Path) -> Result<Workspace> {
        let root = root.canonicalize()?;
        if !root.join("loom-tests/Cargo.toml").is_file() {
            return Err(format!("{} is not filch's workspace", root.display()).into());
        }
        let target = root.join("target/loom");
        Ok(Workspace { root, target })
    }

    /// A copy whose sources may be edited, with a target folder of its own.
    pub(crate) fn copy(&self) -> Result<Workspace> {
        let root = self.root.join("target/mutants/workspace");
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        copy(&self.root, &root)?;
        Ok(Workspace { root, target: self.root.join("target/mutants/target") })
    }

    pub(crate) fn read(&self, file: &str) -> Result<String> {
        let path = self.root.join(file);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.root.join(file);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Where a file can lie that is of no interest later.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join("mutants");
        fs::create_dir_all(&folder)?;
        Ok(folder.join(name))
    }

    /// `cargo test --no-run` of the loom models, as the documented command does it.
    pub(crate) fn build_models(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(&self.root)
            .env("RUSTFLAGS", "--cfg filch_loom")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .args(["test", "--release", "--no-run", "-p", "filch-loom-tests"])
            .args(["--message-format", "json-render-diagnostics", "--target-dir"])
            .arg(&self.target);
        cargo
    }

    /// Runs a program in the folder that cargo runs tests in.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root.join("loom-tests")).env("LOOM_MAX_PREEMPTIONS", "2");
        command
    }
}

/// Copies sources: neither what was built nor what git keeps.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, to) = (entry.file_name(), to.join(entry.file_name()));
        if name == ".git" || name.as_encoded_bytes().starts_with(b"target") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
