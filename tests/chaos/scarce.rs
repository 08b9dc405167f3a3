//! Too few descriptors, too few threads: limits of a process of its own, and that process.
//!
//! The limits of the threads are limits of the address space (root is not held by the number of processes):
//! each thread has a stack so large that only so many fit.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use filch_tests::process::mapped_bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::books::tally;
use crate::context::{Context, Pool, Scarce};
use crate::{CHILD_VARIABLE, SEED_VARIABLE};

/// A thread's stack, where threads are scarce.
pub const STACK: usize = 1 << 30;

/// A lowered limit. Dropping it brings it back.
#[derive(Debug)]
pub struct Limit {
    resource: Resource,
    before: Rlimit,
}

impl Limit {
    /// Leaves room for `room % 8` descriptors, or `room % 3` threads, more than there are.
    pub fn lower(scarce: Scarce, room: usize) -> Limit {
        let (resource, current) = match scarce {
            Scarce::Descriptors => (Resource::Nofile, next_descriptor() + room % 8),
            Scarce::Threads => (Resource::As, mapped_bytes() + STACK * (room % 3) + STACK / 2),
        };
        let before = getrlimit(resource);
        let lowered = Rlimit { current: Some(current as u64), maximum: before.maximum };
        setrlimit(resource, lowered).expect("lower a limit");
        Limit { resource, before }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let raised = Rlimit { current: self.before.current, maximum: self.before.maximum };
        setrlimit(self.resource, raised).expect("raise the limit to what it was");
    }
}

/// The lowest number that no descriptor has. Those above it are few.
fn next_descriptor() -> usize {
    File::open("/dev/null").expect("open /dev/null").as_raw_fd() as usize
}

/// The names by which the children know what they are.
pub fn child_name(scarce: Scarce) -> &'static str {
    match scarce {
        Scarce::Descriptors => "scarce descriptors",
        Scarce::Threads => "scarce threads",
    }
}

/// Has a process of its own play a script with too little of something.
pub async fn run(context: &Context, scarce: Scarce, seed: u64) {
    let job = {
        let context = context.clone();
        context.clone().job(Pool::Blocking, move || {
            let this = std::env::current_exe().expect("the path of this program");
            let ended = Command::new(this)
                .env(CHILD_VARIABLE, child_name(scarce))
                .env(SEED_VARIABLE, format!("{seed:#x}"))
                .stdin(Stdio::null())
                .output();
            match ended {
                Ok(output) if output.status.success() => tally(child_name(scarce)),
                Ok(output) => context.fault(format!(
                    "the process for {scarce:?} ended with {}:\n{}{}",
                    output.status,
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                )),
                Err(error) => context.fault(format!("no process for {scarce:?}: {error:?}")),
            }
        })
    };
    job.join().await;
}
