//! A process supervisor: starts programs, restarts those that fail, passes signals on, stops gracefully.
//!
//! ```text
//! cargo run --release -p filch-examples --bin supervisor -- \
//!     [--grace SECONDS] NAME=COMMAND...
//! ```
//!
//! Each command is run by `sh` in a process group of its own; what it prints comes out line by line with
//! its name in front. One that fails is started again, after a wait that doubles from 100 ms to 10 s and
//! begins anew once it has run for 10 s; one that ends with code 0 is done. `SIGHUP`, `SIGUSR1` and
//! `SIGUSR2` go to all of them. Ctrl-C or `SIGTERM` sends them `SIGTERM`; who is still there after the
//! grace (5 s), or at a second Ctrl-C, is killed. `--self-test` shows all of that on programs of its own.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `arguments.rs` | the command line |
//! | `service.rs` | one program, from its first start to its last end |
//! | `signals.rs` | from this process's signals to orders |
//! | `self_test.rs` | the self-test |

#[cfg(unix)]
mod arguments;
#[cfg(unix)]
mod self_test;
#[cfg(unix)]
mod service;
#[cfg(unix)]
mod signals;

use std::process::ExitCode;

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("supervisor: signals as it passes them on are Unix's");
    ExitCode::FAILURE
}

#[cfg(unix)]
fn main() -> ExitCode {
    use arguments::Asked;

    match arguments::parse(std::env::args().skip(1)) {
        Ok(Asked::Run(services, policy)) => run(services, policy),
        Ok(Asked::SelfTest) => self_test::run(),
        Err(wrong) => {
            eprintln!("{wrong}\n{}", arguments::USAGE);
            ExitCode::from(2)
        }
    }
}

#[cfg(unix)]
#[filch::main]
async fn run(services: Vec<service::Service>, policy: service::Policy) -> ExitCode {
    use std::io::Write;

    use filch::sync::{broadcast, mpsc};

    // Before the first start: from then on a signal is for the programs.
    let signals = match signals::Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("supervisor: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (orders, _) = broadcast::channel(16);
    let (lines, mut printed) = mpsc::channel::<String>(256);
    let printer = filch::spawn(async move {
        while let Some(line) = printed.recv().await {
            // Nobody reads any more: that is no reason to stop the programs.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    });
    let commander = filch::spawn(signals.give_orders(orders.clone()));
    let all_ended = service::supervise_all(services, policy, &orders, lines).await;
    commander.abort();
    // Everything that was said is printed when the last sender is gone.
    let _ = printer.await;
    if all_ended { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
