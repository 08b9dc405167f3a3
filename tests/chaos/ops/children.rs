//! Child processes, waited for on the blocking pool: killed, asked to end, or left to end by themselves.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use filch::sync::oneshot;
use filch_tests::process::descriptors;
use rustix::process::{Pid, Signal, kill_process};

use crate::CHILD_VARIABLE;
use crate::books::{Account, tally};
use crate::context::{Context, Pool, dither};
use crate::random::Random;

/// The name of the child that waits for the end of its input.
pub const SITTER: &str = "sitter";
/// What it exits with.
const END_OF_INPUT: u8 = 7;
/// How many descriptors its parent had in the beginning: it has as many.
const DESCRIPTORS_VARIABLE: &str = "FILCH_CHAOS_DESCRIPTORS";

/// How many descriptors this process had when it began.
static INHERITED: OnceLock<usize> = OnceLock::new();

/// Notes how many descriptors are there before anything was opened.
pub fn count_inherited() {
    INHERITED.get_or_init(descriptors);
}

/// What the child does: waits. Gives its exit code.
pub fn sit() -> u8 {
    let expected = std::env::var(DESCRIPTORS_VARIABLE).unwrap_or_default();
    let inherited = descriptors();
    if expected != inherited.to_string() {
        eprintln!("{inherited} descriptors and not {expected}: some were passed on");
        return 1;
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    END_OF_INPUT
}

const BY_KILL: u8 = 0;
const BY_TERM: u8 = 1;
const BY_INPUT: u8 = 2;

/// A living child. Dropping it ends the child, which does not end before and is waited for after that, so
/// that the number is its own.
struct Leash {
    pid: Pid,
    by: Arc<AtomicU8>,
    _input: Option<ChildStdin>,
}

impl Drop for Leash {
    fn drop(&mut self) {
        let signal = match self.by.load(SeqCst) {
            BY_INPUT => return,
            BY_TERM => Signal::TERM,
            _ => Signal::KILL,
        };
        let _ = kill_process(self.pid, signal);
    }
}

pub async fn run(context: &Context, mut random: Random) {
    for _ in 0..random.between(1, 4) {
        let by = random.pick(&[BY_KILL, BY_TERM, BY_INPUT]);
        let (give, take) = oneshot::channel();
        let job = {
            let context = context.clone();
            context.clone().job(Pool::Blocking, move || match start() {
                Ok(child) => attend(&context, child, give),
                Err(error) => context.fault(format!("no child: {error:?}")),
            })
        };
        // Cancelled, or dropped with this task: the leash is dropped, and the child killed.
        if let Ok(leash) = take.await {
            dither(&mut random).await;
            leash.by.store(by, SeqCst);
            drop(leash);
        }
        job.join().await;
    }
}

fn start() -> std::io::Result<Child> {
    let inherited = INHERITED.get().map_or_else(String::new, usize::to_string);
    Command::new(std::env::current_exe()?)
        .env(CHILD_VARIABLE, SITTER)
        .env(DESCRIPTORS_VARIABLE, inherited)
        .stdin(Stdio::piped())
        .spawn()
}

/// Hands out the leash and waits for the child's end.
fn attend(context: &Context, mut child: Child, give: oneshot::Sender<Leash>) {
    let _entry = context.books.open(Account::Child);
    let by = Arc::new(AtomicU8::new(BY_KILL));
    // If nobody is there to take it, it is dropped here.
    drop(give.send(Leash {
        pid: Pid::from_child(&child),
        by: by.clone(),
        _input: child.stdin.take(),
    }));
    match child.wait() {
        Ok(status) => check(context, by.load(SeqCst), status),
        Err(error) => context.fault(format!("waiting for a child: {error:?}")),
    }
}

fn check(context: &Context, by: u8, status: ExitStatus) {
    let (what, is_expected) = match by {
        BY_KILL => ("children: killed", status.signal() == Some(Signal::KILL.as_raw())),
        BY_TERM => ("children: asked to end", status.signal() == Some(Signal::TERM.as_raw())),
        _ => ("children: ended", status.code() == Some(END_OF_INPUT.into())),
    };
    if is_expected {
        tally(what);
    } else {
        context.fault(format!("{what}, but: {status}"));
    }
}
