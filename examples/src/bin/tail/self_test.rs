//! Does to a file what happens to logs, and compares what the follower prints. Each step waits for the lines of
//! the step before.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use filch::fs::{self, File, OpenOptions};
use filch::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, duplex};
use filch::time::timeout;

use crate::follow::{Follower, start_of_last_lines};

/// How long a line may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many lines are added one by one.
const LINES: usize = 1_000;

#[filch::main]
pub async fn run() -> ExitCode {
    let folder = std::env::temp_dir().join(format!("filch-tail-{}", std::process::id()));
    let result = check(&folder).await;
    let _ = fs::remove_dir_all(&folder).await;
    match result {
        Ok(lines) => {
            println!("self-test passed: {lines} lines, cut off once, rotated twice");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("self-test failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the follower prints.
struct Output {
    lines: Lines<BufReader<DuplexStream>>,
    seen: usize,
}

impl Output {
    async fn expect(&mut self, expected: &str) -> io::Result<()> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.map_err(io::Error::from)??;
        self.seen += 1;
        if line.as_deref() == Some(expected) {
            return Ok(());
        }
        Err(io::Error::other(format!("expected {expected:?}, printed {line:?}")))
    }
}

async fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path).await?;
    file.write_all(text.as_bytes()).await?;
    file.flush().await
}

async fn check(folder: &Path) -> io::Result<usize> {
    fs::create_dir_all(folder).await?;
    let path = folder.join("log");
    last_lines(&path).await?;

    fs::write(&path, "too old\nold\nlast\n").await?;
    let (near, far) = duplex(4096);
    let mut output = Output { lines: BufReader::new(far).lines(), seen: 0 };
    let follower = filch::spawn(follow(path.clone(), near)).abort_on_drop();
    output.expect("old").await?;
    output.expect("last").await?;
    for n in 0..LINES {
        append(&path, &format!("line {n}\n")).await?;
        if n % 10 == 0 {
            // The others come in bursts.
            append(&path, "in two ").await?;
            append(&path, "parts\n").await?;
        }
    }
    for n in 0..LINES {
        output.expect(&format!("line {n}")).await?;
        if n % 10 == 0 {
            output.expect("in two parts").await?;
        }
    }
    // Cut off, and begun anew.
    fs::write(&path, "short\n").await?;
    output.expect("short").await?;
    // Renamed, with a last line under the new name, and replaced.
    let old = folder.join("log.1");
    let mut writer = OpenOptions::new().append(true).open(&path).await?;
    fs::rename(&path, &old).await?;
    writer.write_all(b"last of the old\n").await?;
    writer.flush().await?;
    output.expect("last of the old").await?;
    append(&path, "first of the new\n").await?;
    output.expect("first of the new").await?;
    // Replaced in one step, while it has lines that were not read yet.
    append(&path, "before\n").await?;
    output.expect("before").await?;
    let next = folder.join("next");
    fs::write(&next, "after\n").await?;
    fs::rename(&next, &path).await?;
    output.expect("after").await?;
    drop(follower);
    Ok(output.seen)
}

async fn follow(path: PathBuf, mut out: DuplexStream) -> io::Result<()> {
    Follower::new(&path, 2)?.run(&mut out).await
}

/// Beginnings of lines are found across chunks.
async fn last_lines(path: &Path) -> io::Result<()> {
    let long = "x".repeat(40_000);
    for (text, lines, expected) in [
        ("", 1, 0),
        ("a", 1, 0),
        ("a\nb", 1, 2),
        ("a\nb\n", 1, 2),
        ("a\nb\nc\n", 2, 2),
        ("a\nb\n", 9, 0),
        ("a\nb\n", 0, 4),
        (&format!("a\n{long}\nb\n"), 2, 2),
    ] {
        fs::write(path, text).await?;
        let start = start_of_last_lines(&mut File::open(path).await?, lines).await?;
        if start != expected {
            return Err(io::Error::other(format!(
                "{lines} lines begin at {start}, not {expected}"
            )));
        }
    }
    Ok(())
}
