//! The models: test binaries, the tests in them, and how one runs.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::workspace::Workspace;

/// A file of models, built.
struct Binary {
    name: String,
    path: PathBuf,
}

/// Every file of models, built.
pub(crate) struct Models(Vec<Binary>);

/// One test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Model {
    /// The file that it is in, without its ending.
    pub(crate) file: String,
    /// The function.
    pub(crate) test: String,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.file, self.test)
    }
}

/// What a run showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It held.
    Held,
    /// It failed: a mutant is killed.
    Failed,
    /// It did not end in time, which kills a mutant, too.
    Hung,
    /// It is one of those that must fail, and says nothing about a mutant.
    ExpectedToPanic,
}

impl Models {
    /// Builds all of them.
    pub(crate) fn build(workspace: &Workspace) -> Result<Models> {
        Self::build_files(workspace, &[])
    }

    /// Builds the files of these names, or all.
    pub(crate) fn build_files(workspace: &Workspace, names: &[&str]) -> Result<Models> {
        let mut cargo = workspace.build_models();
        if names.is_empty() {
            cargo.arg("--tests");
        }
        for name in names {
            cargo.args(["--test", name]);
        }
        let output = cargo.stderr(Stdio::piped()).output()?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the models do not compile:\n{errors}").into());
        }
        let mut binaries = Vec::new();
        for line in String::from_utf8(output.stdout)?.lines() {
            let message: serde_json::Value = serde_json::from_str(line)?;
            let is_test =
                message["profile"]["test"] == true && message["target"]["kind"][0] == "test";
            if let (true, Some(path)) = (is_test, message["executable"].as_str()) {
                let name = message["target"]["name"].as_str().unwrap_or_default().to_owned();
                binaries.push(Binary { name, path: path.into() });
            }
        }
        binaries.sort_by(|a, b| a.name.cmp(&b.name));
        if binaries.is_empty() { Err("there are no models".into()) } else { Ok(Models(binaries)) }
    }

    /// Every test.
    pub(crate) fn list(&self, workspace: &Workspace) -> Result<Vec<Model>> {
        let mut models = Vec::new();
        for Binary { name, path } in &self.0 {
            let output = workspace.command(path).args(["--list", "--format", "terse"]).output()?;
            for line in String::from_utf8(output.stdout)?.lines() {
                if let Some(test) = line.strip_suffix(": test") {
                    models.push(Model { file: name.clone(), test: test.to_owned() });
                }
            }
        }
        Ok(models)
    }

    /// Runs one test in a process of its own, with this in its environment.
    pub(crate) fn run(
        &self,
        workspace: &Workspace,
        model: &Model,
        environment: &[(&str, &str)],
        limit: Duration,
    ) -> Result<Verdict> {
        let binary = self.0.iter().find(|binary| binary.name == model.file);
        let path = &binary.ok_or_else(|| format!("no model {model}"))?.path;
        let mut child = workspace
            .command(path)
            .args(["--exact", &model.test, "--test-threads", "1"])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        // A model prints some lines; a pipe holds them all until it has ended.
        let Some(status) = wait(&mut child, limit)? else { return Ok(Verdict::Hung) };
        let mut printed = String::new();
        if let Some(mut output) = child.stdout.take() {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes)?;
            printed = String::from_utf8_lossy(&bytes).into_owned();
        }
        if !printed.contains("running 1 test") {
            return Err(format!("no model {model}").into());
        }
        Ok(if printed.contains(" - should panic ") {
            Verdict::ExpectedToPanic
        } else if status.success() {
            Verdict::Held
        } else {
            Verdict::Failed
        })
    }
}

/// Waits so long at most, and then kills it: `None`.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
