//! Every public future is dropped at each of its polls, and keeps its promise.
//!
//! One table: [`cases`]. The machinery is in `filch_tests::cancel_safety`, and the page of the book that
//! comes out of it in `docs/cancel-safety.md`.
//!
//! | file | futures of |
//! | --- | --- |
//! | `mpsc.rs`, `channels.rs` | the channels of `sync` |
//! | `locks.rs`, `notify.rs` | the rest of `sync` |
//! | `time.rs`, `process.rs`, `signal.rs` | the modules of these names |
//! | `task.rs`, `task_sets.rs` | `task` |
//! | `async_fd.rs` | `io::unix` |
//! | `io_read.rs`, `io_write.rs`, `memory.rs` | `io`, on streams in memory |
//! | `net.rs`, `tcp_halves.rs`, `udp.rs` | `net`, on loopback sockets |
//! | `unix.rs` | `net`, on Unix sockets and pipes |
//! | `serve.rs` | `net::serve`, and datagrams by the batch |
//! | `files.rs` | `fs` |
//! | `streams.rs` | the streams |

mod async_fd;
mod channels;
mod files;
mod io_read;
mod io_write;
mod locks;
mod memory;
mod mpsc;
mod net;
mod notify;
mod process;
mod serve;
mod signal;
mod streams;
mod task;
mod task_sets;
mod tcp_halves;
mod time;
mod udp;
mod unix;

use std::collections::BTreeSet;
use std::path::Path;

use filch_tests::cancel_safety::{Case, Promise, page, public_futures};

/// The table, in the order of the page.
fn cases() -> Vec<Case> {
    let mut cases = mpsc::cases();
    cases.extend(channels::cases());
    cases.extend(locks::cases());
    cases.extend(notify::cases());
    cases.extend(time::cases());
    cases.extend(task::cases());
    cases.extend(task_sets::cases());
    cases.extend(io_read::cases());
    cases.extend(io_write::cases());
    cases.extend(async_fd::cases());
    cases.extend(net::cases());
    cases.extend(tcp_halves::cases());
    cases.extend(udp::cases());
    cases.extend(unix::cases());
    cases.extend(serve::cases());
    cases.extend(process::cases());
    cases.extend(files::cases());
    cases.extend(signal::cases());
    cases.extend(streams::cases());
    cases
}

/// Futures whose type has a name: the case is that of the function that returns it.
const NAMED: [(&str, &str); 12] = [
    ("net::Running", "net::serve"),
    ("net::Serve", "net::serve"),
    ("sync::Notified", "sync::Notify::notified"),
    ("sync::OwnedNotified", "sync::Notify::notified_owned"),
    ("sync::TaskTrackerWaitFuture", "sync::TaskTracker::wait"),
    ("sync::TrackedFuture", "sync::TaskTracker::track_future"),
    ("sync::WaitForCancellationFuture", "sync::CancellationToken::cancelled"),
    ("sync::WaitForCancellationFutureOwned", "sync::CancellationToken::cancelled_owned"),
    ("time::Timeout", "time::timeout"),
    ("task::Unconstrained", "task::coop::unconstrained"),
    ("task::Coop", "task::coop::cooperative"),
    ("task::TaskLocalFuture", "task::LocalKey::scope"),
];

/// What the look at the source finds and is no future of its own.
const NO_FUTURES: [&str; 6] = [
    "io::AsyncBufReadExt::consume",
    "io::AsyncBufReadExt::lines",
    "io::AsyncBufReadExt::split",
    "io::AsyncReadExt::chain",
    "io::AsyncReadExt::take",
    // What `lookup_host` waits for, where the name is not numeric: a blocking call, that goes on.
    "net::Resolving",
];

/// The path as [`public_futures`] has it: modules inside of those of the first rank are left out, but for
/// the channels'.
fn short(name: &str) -> String {
    let name = name.replace("task::coop::", "task::").replace("signal::unix::", "signal::");
    let name = name.replace("io::unix::", "io::");
    name.replace("net::tcp::", "net::")
}

fn keep_their_promises(cases: Vec<Case>) {
    let mut broken = Vec::new();
    let (mut futures, mut scripts) = (0, 0);
    for case in cases {
        match case.verdict() {
            Ok(tally) => {
                futures += 1;
                scripts += tally.scripts;
            }
            Err(fault) => broken.push(format!("{}: {fault}", case.name)),
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(futures > 0, "no case at all");
    println!("{futures} futures, {scripts} scripts");
}

#[test]
fn channels_keep_their_promises() {
    keep_their_promises(mpsc::cases());
    keep_their_promises(channels::cases());
}

#[test]
fn locks_and_notifications_keep_their_promises() {
    keep_their_promises(locks::cases());
    keep_their_promises(notify::cases());
}

#[test]
fn time_keeps_its_promises() {
    keep_their_promises(time::cases());
}

#[test]
fn task_keeps_its_promises() {
    keep_their_promises(task::cases());
    keep_their_promises(task_sets::cases());
}

#[test]
fn io_keeps_its_promises() {
    keep_their_promises(io_read::cases());
    keep_their_promises(io_write::cases());
    keep_their_promises(async_fd::cases());
}

#[test]
fn net_keeps_its_promises() {
    keep_their_promises(net::cases());
    keep_their_promises(tcp_halves::cases());
    keep_their_promises(udp::cases());
    keep_their_promises(unix::cases());
    keep_their_promises(serve::cases());
}

#[test]
fn processes_keep_their_promises() {
    keep_their_promises(process::cases());
}

#[test]
fn files_keep_their_promises() {
    keep_their_promises(files::cases());
}

#[test]
fn signals_keep_their_promises() {
    keep_their_promises(signal::cases());
}

#[test]
fn streams_keep_their_promises() {
    keep_their_promises(streams::cases());
}

#[test]
fn every_public_future_has_a_case() {
    let cases = cases();
    let names: BTreeSet<String> = cases.iter().map(|case| short(case.name)).collect();
    assert_eq!(names.len(), cases.len(), "two cases of one name");
    let missing: Vec<String> = public_futures()
        .into_iter()
        .filter(|future| !NO_FUTURES.contains(&future.as_str()))
        .filter(|future| {
            let named = NAMED.iter().find(|(named, _)| named == future);
            !names.contains(&named.map_or_else(|| future.clone(), |(_, case)| short(case)))
        })
        .collect();
    assert!(missing.is_empty(), "public futures without a case:\n{}", missing.join("\n"));
}

#[test]
fn the_book_says_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cancel-safety.md");
    let page = page(&cases());
    if std::env::var_os("FILCH_REWRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page");
    }
    let book = std::fs::read_to_string(&path).expect("the page");
    assert!(
        book == page,
        "docs/cancel-safety.md is not what the cases make: \
         FILCH_REWRITE_DOCS=1 cargo test -p filch-tests --test cancel_safety"
    );
}

#[test]
fn no_promise_is_empty() {
    for case in cases() {
        let (Promise::Safe(what) | Promise::Loses(what)) = case.promise;
        assert!(!what.is_empty() && !what.ends_with('.'), "{}: {what:?}", case.name);
    }
}
