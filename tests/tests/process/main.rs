//! Child processes: real ones, of programs that every Unix has.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `command.rs` | what is started, and what is not |
//! | `child.rs` | waiting, killing, statuses |
//! | `pipes.rs` | the child's standard streams |
//! | `leaks.rs` | what is left after the three above: nothing |
//! | `limits.rs` | a lack of descriptors |
//! | `orphans.rs` | children that nobody waits for |
//! | `many.rs` | thousands one after the other, hundreds at once |
//! | `sigchld.rs` | all of it again, without pidfds |

#![cfg(target_os = "linux")]

mod child;
mod command;
mod leaks;
mod limits;
mod many;
mod orphans;
mod pipes;
mod sigchld;

use filch::process::Command;
use filch::runtime::{Builder, Runtime};
use rustix::process::{Pid, Signal, kill_process};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A shell that runs `script`.
fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

/// `cat`, which ends when its input does.
fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().unwrap()).unwrap()
}

fn send(id: u32, signal: Signal) {
    kill_process(pid(id), signal).unwrap();
}
