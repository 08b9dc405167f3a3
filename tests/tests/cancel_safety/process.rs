//! `process`. The child is a shell that ends when its input does, with an output and a code.

use std::io::{BufRead, BufReader};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Output, Stdio};

use filch::process::{Child, Command};
use filch_tests::cancel_safety::Place::Sockets;
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Env, Kept, Trial, same};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

const RUNS_ON: &str = "the status; the child runs on, unless it is killed on drop";
const CODE: i32 = 7;

/// The other end of the child's input.
struct Far {
    socket: UnixStream,
    /// Where it is known from the start.
    id: Option<u32>,
}

/// Says its number to who holds the other end of its input, and waits for its end.
fn command() -> (Command, Far) {
    let (near, socket) = UnixStream::pair().unwrap();
    let mut command = Command::new("sh");
    let script = format!("echo $$ >&0; echo out; read line; exit {CODE}");
    command.args(["-c", &script]).stdout(Stdio::null()).stdin(OwnedFd::from(near));
    (command, Far { socket, id: None })
}

fn child(stdout: Stdio) -> (Option<Child>, Far) {
    let (mut command, mut far) = command();
    let child = command.stdout(stdout).spawn().unwrap();
    far.id = child.id();
    (Some(child), far)
}

/// Ends the child's input. When this returns the child has ended.
fn end(far: &mut Far, _: &Env) {
    // Nothing, if it was killed before.
    let mut told = String::new();
    BufReader::new(&far.socket).read_line(&mut told).unwrap();
    let id: u32 = far.id.unwrap_or_else(|| told.trim().parse().unwrap());
    // Not connected, if it is gone.
    let _ = far.socket.shutdown(Shutdown::Both);
    let pid = Pid::from_raw(id.try_into().unwrap()).unwrap();
    // Leaves the status to others; one may have taken it.
    let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
}

fn is_as_expected(output: Output) -> bool {
    output.status.code() == Some(CODE) && output.stdout == b"out\n"
}

/// The status is there for the next call, in any case.
fn check_next(child: Option<Child>, env: &Env) -> Kept {
    let mut child = child.unwrap();
    let first = env.block_on(child.wait()).unwrap();
    same(child.try_wait().unwrap(), Some(first))
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "process::Child::wait",
            Safe("the next call gets the status"),
            Trial {
                place: Sockets,
                world: |_| child(Stdio::null()),
                future: |child| {
                    Box::pin(async { child.as_mut().unwrap().wait().await.unwrap().code() })
                },
                events: [end],
                check: |child, _far, out, env| {
                    assert!(out.is_none_or(|code| code == Some(CODE)));
                    let mut again = child.unwrap();
                    same(env.block_on(again.wait()).unwrap().code(), Some(CODE))
                },
            },
        ),
        Case::new(
            "process::Child::kill",
            Safe("the first poll sends the signal; the next call gets the status"),
            Trial {
                place: Sockets,
                world: |_| child(Stdio::null()),
                future: |child| Box::pin(async { child.as_mut().unwrap().kill().await.unwrap() }),
                events: [end],
                check: |child, _far, _, env| check_next(child, env),
            },
        ),
        Case::new(
            "process::Child::wait_with_output",
            Loses("what was read, and the status; the child is dropped"),
            Trial {
                place: Sockets,
                world: |_| child(Stdio::piped()),
                future: |child| {
                    let output = child.take().unwrap().wait_with_output();
                    Box::pin(async { is_as_expected(output.await.unwrap()) })
                },
                events: [end],
                check: |_, _far, out, _| same(out, Some(true)),
            },
        ),
        Case::new(
            "process::Command::status",
            Loses(RUNS_ON),
            Trial {
                place: Sockets,
                world: |_| command(),
                future: |command| {
                    let status = command.status();
                    Box::pin(async { status.await.unwrap().code() == Some(CODE) })
                },
                events: [end],
                check: |_, _far, out, _| same(out, Some(true)),
            },
        ),
        Case::new(
            "process::Command::output",
            Loses("what was read, and the status; the child runs on, unless it is killed on drop"),
            Trial {
                place: Sockets,
                world: |_| command(),
                future: |command| {
                    let output = command.output();
                    Box::pin(async { is_as_expected(output.await.unwrap()) })
                },
                events: [end],
                check: |_, _far, out, _| same(out, Some(true)),
            },
        ),
    ]
}
