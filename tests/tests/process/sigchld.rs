//! Where the kernel has no pidfds, `SIGCHLD` tells of the children's ends. Everything else is the same.

use std::process::{Command, Stdio};
use std::time::Instant;

use filch_tests::PATIENCE;
use filch_tests::process::{alone_and_clean, threads_named};

use crate::{cat, runtime};

const SWITCH: &str = "FILCH_PIDFD";

#[test]
fn all_tests_pass_without_pidfds() {
    if std::env::var_os(SWITCH).is_some() {
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .env(SWITCH, "off")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // As many as there are.
    let passed = text.split("test result: ok. ").nth(1).and_then(|rest| rest.split(' ').next());
    assert!(passed.and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n > 40), "{text}");
}

#[test]
fn switch_works() {
    alone_and_clean("sigchld::switch_works", || {
        runtime().block_on(async {
            let mut child = cat().spawn().unwrap();
            let is_off = std::env::var_os(SWITCH).is_some();
            // The thread takes its name when it begins to run.
            let start = Instant::now();
            while is_off && threads_named("filch-reaper") == 0 {
                assert!(start.elapsed() < PATIENCE, "no thread that waits for SIGCHLD");
                std::thread::yield_now();
            }
            assert_eq!(threads_named("filch-reaper"), usize::from(is_off));
            assert!(child.wait().await.unwrap().success());
        });
    });
}
