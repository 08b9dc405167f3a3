//! Processes: a test in one of its own, and what this one uses.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

/// Tells a test that it is the child.
const CHILD: &str = "FILCH_TESTS_CHILD";

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, or the signal.
    pub status: ExitStatus,
    /// What it wrote to standard output and standard error.
    pub output: String,
}

/// Whether this process was started by [`child`] for the test `name`.
pub fn is_child(name: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|value| value == name)
}

/// Runs the test `name` of this binary again, alone in a new process, with further variables in its
/// environment; there [`is_child`] is true.
///
/// # Panics
/// If it takes longer than [`PATIENCE`](crate::PATIENCE).
pub fn child(name: &str, variables: &[(&str, &str)]) -> Ended {
    end(child_command(name, variables).spawn().expect("start the test binary"))
}

/// The command of [`child`], with no input and with its output in pipes, to be changed and started.
pub fn child_command(name: &str, variables: &[(&str, &str)]) -> Command {
    let this = std::env::current_exe().expect("the path of the test binary");
    let mut command = Command::new(this);
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command.env(CHILD, name).envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Reads what a child writes to the pipes that are left in it, until it ends.
///
/// # Panics
/// As [`child`].
pub fn end(mut child: Child) -> Ended {
    let outputs = [child.stdout.take().map(drain), child.stderr.take().map(drain)];
    let status = wait(&mut child);
    let output = outputs.into_iter().flatten();
    let output = output.map(|thread| thread.join().expect("reads to the end")).collect();
    Ended { status, output }
}

/// Runs `test`, the body of the test `name` of this binary, alone in a new process.
///
/// # Panics
/// If it fails there.
pub fn alone(name: &str, test: impl FnOnce()) {
    if is_child(name) {
        return test();
    }
    let ended = child(name, &[]);
    assert!(ended.status.success(), "{}", ended.output);
    // A wrong name runs nothing, successfully.
    assert!(ended.output.contains("1 passed"), "{}", ended.output);
}

/// As [`alone`], and checks that the test leaves nothing behind: the new process has as many descriptors and
/// threads as before, and no child, not even a zombie.
///
/// # Panics
/// If it fails there, or leaves something.
pub fn alone_and_clean(name: &str, test: impl FnOnce()) {
    alone(name, || {
        let before = Holdings::now();
        test();
        before.wait_until_back();
    });
}

/// What a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    descriptors: usize,
    threads: usize,
    children: usize,
}

impl Holdings {
    /// What this process has now.
    pub fn now() -> Holdings {
        Holdings {
            descriptors: descriptors(),
            threads: threads().len(),
            children: children().len(),
        }
    }

    /// Waits until this process has as much of everything.
    ///
    /// # Panics
    /// If that takes longer than [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn wait_until_back(self) {
        let start = Instant::now();
        // The end of a thread or of a process can only be asked for again and again.
        while Holdings::now() != self {
            assert!(
                start.elapsed() < crate::PATIENCE,
                "not {self:?} but {:?}: {:?}, {:?}",
                Holdings::now(),
                threads(),
                children()
            );
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// The children of this process, zombies included: number and state, as in `/proc/PID/stat`.
pub fn children() -> Vec<(u32, char)> {
    let this = std::process::id();
    entries("/proc")
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name is in parentheses, and may have any character.
            let mut fields = stat.rsplit_once(") ")?.1.split(' ');
            let state = fields.next()?.chars().next()?;
            (fields.next()?.parse() == Ok(this)).then_some((pid, state))
        })
        .collect()
}

/// Runs `tests` one after the other in the test `name` of this binary, alone in a new process, and checks
/// that they leave no descriptor, thread or child behind. `warm_up` runs before: what a process opens once and
/// keeps is not counted.
///
/// # Panics
/// If one fails there, or leaves something.
pub fn leave_nothing_behind(name: &str, warm_up: fn(), tests: &[fn()]) {
    alone(name, || {
        warm_up();
        wait_until_no_thread_is_named("filch-");
        let before = Holdings::now();
        for test in tests {
            test();
        }
        before.wait_until_back();
    });
}

fn drain(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("wait for the child") {
            return status;
        }
        if start.elapsed() > crate::PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the child did not end");
        }
        // Another process can only be asked again and again.
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// The threads of this process: number and name.
pub fn threads() -> Vec<(u32, String)> {
    entries("/proc/self/task")
        .filter_map(|tid| {
            let name = fs::read_to_string(format!("/proc/self/task/{tid}/comm")).ok()?;
            Some((tid, name.trim_end().to_owned()))
        })
        .collect()
}

/// How many threads of this process have a name that begins with `prefix` (15 bytes at most).
pub fn threads_named(prefix: &str) -> usize {
    threads().iter().filter(|(_, name)| name.starts_with(prefix)).count()
}

/// Waits until no thread has such a name: one that was joined may be seen for a moment still.
///
/// # Panics
/// If that takes longer than [`PATIENCE`](crate::PATIENCE).
#[track_caller]
pub fn wait_until_no_thread_is_named(prefix: &str) {
    let start = Instant::now();
    while threads_named(prefix) > 0 {
        assert!(start.elapsed() < crate::PATIENCE, "threads are left: {:?}", threads());
        std::thread::yield_now();
    }
}

/// How many descriptors this process has open, the one for counting them included.
pub fn descriptors() -> usize {
    entries("/proc/self/fd").count()
}

/// How many bytes of this process are in memory.
pub fn resident_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages: usize = text.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * rustix::param::page_size()
}

/// How many bytes of addresses this process has mapped.
pub fn mapped_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages: usize = text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    pages * rustix::param::page_size()
}

/// How often a thread of this process gave its core up, willingly or not. It cannot make a system call
/// that waits without that.
pub fn switches(tid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/self/task/{tid}/status")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once("ctxt_switches:"))
        .filter_map(|(_, number)| number.trim().parse::<u64>().ok())
        .sum()
}

fn entries(folder: &str) -> impl Iterator<Item = u32> + use<> {
    fs::read_dir(folder)
        .expect("a folder of /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}
