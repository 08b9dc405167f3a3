//! Child processes: killed, asked to end, left to end by themselves, or dropped. That none is left, not even a
//! zombie, is seen at the end of the round.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;

use filch::process::{Child, Command};
use filch_tests::process::descriptors;
use rustix::process::{Pid, Signal, kill_process};

use crate::CHILD_VARIABLE;
use crate::books::{Account, tally};
use crate::context::{Context, dither};
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

/// How a child ends.
#[derive(Debug, Clone, Copy)]
enum By {
    Kill,
    Term,
    EndOfInput,
    /// Killed by the drop of its handle.
    Drop,
    /// By the end of its input, after its handle was dropped.
    Orphaned,
}

pub async fn run(context: &Context, mut random: Random) {
    for _ in 0..random.between(1, 4) {
        let all = [By::Kill, By::Term, By::EndOfInput, By::Drop, By::Orphaned];
        let by = random.pick(&all);
        // An orphan must end by itself, also if this is aborted: its input is dropped then.
        let child = match start(!matches!(by, By::Orphaned)) {
            Ok(child) => child,
            Err(error) if filch::runtime::is_rt_shutdown_err(&error) => return,
            Err(error) => return context.fault(format!("no child: {error:?}")),
        };
        let _entry = context.books.open(Account::Child);
        dither(&mut random).await;
        end(context, &mut random, number_of(&child), child, by).await;
    }
}

/// The number is the child's until its status is taken.
fn number_of(child: &Child) -> Pid {
    let id = child.id().and_then(|id| id.try_into().ok());
    id.and_then(Pid::from_raw).expect("the number of a child that was not waited for")
}

async fn end(context: &Context, random: &mut Random, pid: Pid, mut child: Child, by: By) {
    // `wait` closes the input, so it is taken out where that is not to be the reason.
    let input = child.stdin.take();
    match by {
        By::Kill => {
            if let Err(error) = child.start_kill() {
                context.fault(format!("killing a child: {error:?}"));
            }
        }
        By::Term => kill_process(pid, Signal::TERM).expect("a signal to a child"),
        By::EndOfInput => drop(input),
        By::Drop => {
            tally("children: dropped");
            return;
        }
        By::Orphaned => {
            drop(child);
            dither(random).await;
            drop(input);
            tally("children: orphaned");
            return;
        }
    }
    if random.below(4) == 0 {
        // A wait that is given up loses nothing.
        let _ = filch::time::timeout(std::time::Duration::ZERO, child.wait()).await;
    }
    match child.wait().await {
        Ok(status) => check(context, by, status),
        Err(error) => context.fault(format!("waiting for a child: {error:?}")),
    }
}

fn start(kill_on_drop: bool) -> std::io::Result<Child> {
    let inherited = INHERITED.get().map_or_else(String::new, usize::to_string);
    Command::new(std::env::current_exe()?)
        .env(CHILD_VARIABLE, SITTER)
        .env(DESCRIPTORS_VARIABLE, inherited)
        .stdin(Stdio::piped())
        .kill_on_drop(kill_on_drop)
        .spawn()
}

fn check(context: &Context, by: By, status: ExitStatus) {
    let (what, is_expected) = match by {
        By::Kill => ("children: killed", status.signal() == Some(Signal::KILL.as_raw())),
        By::Term => ("children: asked to end", status.signal() == Some(Signal::TERM.as_raw())),
        _ => ("children: ended", status.code() == Some(END_OF_INPUT.into())),
    };
    if is_expected {
        tally(what);
    } else {
        context.fault(format!("{what}, but: {status}"));
    }
}
