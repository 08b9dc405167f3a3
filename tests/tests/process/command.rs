//! What is started, and what is not.

use std::io::ErrorKind;
use std::process::{Command as StdCommand, Stdio};

use filch::process::Command;
use filch::runtime::Builder;
use filch_tests::panics::caught;
use rustix::io::Errno;
use rustix::process::{getgid, getpgid, getuid, setsid};

use crate::{cat, pid, runtime, sh};

/// What it prints.
fn text(command: &mut Command) -> String {
    let output = runtime().block_on(async { command.output().await }).unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
pub fn arguments_environment_and_folder_arrive() {
    let script = "echo $0 $1 $2 $A $B ${HOME-none}; pwd";
    let mut command = sh(script);
    command.args(["zero", "one"]).arg("two").env("A", "a").envs([("B", "b")]).env_remove("HOME");
    assert_eq!(text(command.current_dir("/")), "zero one two a b none\n/\n");

    let mut command = Command::new("/usr/bin/env");
    assert_eq!(text(command.env("A", "a").env_clear().env("B", "b")), "B=b\n");
}

#[test]
pub fn first_argument_may_be_another_name() {
    assert_eq!(text(Command::new("sh").arg0("other").args(["-c", "echo $0"])), "other\n");
}

#[test]
pub fn group_is_a_new_one_on_demand() {
    runtime().block_on(async {
        for (group, is_own) in [(Some(0), true), (None, false)] {
            let mut command = cat();
            if let Some(group) = group {
                command.process_group(group);
            }
            let mut child = command.spawn().unwrap();
            let id = pid(child.id().unwrap());
            assert_eq!(getpgid(Some(id)).unwrap() == id, is_own);
            child.wait().await.unwrap();
        }
    });
}

#[test]
pub fn user_and_group_are_set_or_starting_fails() {
    const NOBODY: u32 = 65_534;
    let mut command = sh("id -u; id -g");
    if getuid().is_root() {
        let expected = format!("{NOBODY}\n{NOBODY}\n");
        assert_eq!(text(command.uid(NOBODY).gid(NOBODY).current_dir("/")), expected);
    } else {
        let own = format!("{}\n{}\n", getuid().as_raw(), getgid().as_raw());
        assert_eq!(text(command.uid(getuid().as_raw()).gid(getgid().as_raw())), own);
        let error = runtime().block_on(async { command.uid(0).status().await }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}

#[test]
pub fn function_before_exec_runs_in_the_child_and_its_error_is_that_of_starting() {
    let mut command = cat();
    // SAFETY: setsid(2) is async-signal-safe.
    unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
    runtime().block_on(async {
        let mut child = command.spawn().unwrap();
        let id = pid(child.id().unwrap());
        assert_eq!(getpgid(Some(id)), Ok(id));
        child.wait().await.unwrap();

        let mut command = cat();
        // SAFETY: makes a value of an error's number, without allocation.
        unsafe { command.pre_exec(|| Err(Errno::DOM.into())) };
        let error = command.spawn().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::DOM.raw_os_error()));
    });
}

#[test]
pub fn programs_that_are_none_are_errors() {
    runtime().block_on(async {
        for (program, kind) in [
            ("/does/not/exist", ErrorKind::NotFound),
            ("filch-has-no-such-program", ErrorKind::NotFound),
            ("/etc/passwd", ErrorKind::PermissionDenied),
            ("/", ErrorKind::PermissionDenied),
            ("a\0b", ErrorKind::InvalidInput),
            ("", ErrorKind::NotFound),
        ] {
            let mut command = Command::new(program);
            assert_eq!(command.spawn().unwrap_err().kind(), kind, "{program:?}");
            assert_eq!(command.status().await.unwrap_err().kind(), kind, "{program:?}");
            assert_eq!(command.output().await.unwrap_err().kind(), kind, "{program:?}");
        }
        let mut nul = sh("true");
        assert_eq!(nul.arg("\0").spawn().unwrap_err().kind(), ErrorKind::InvalidInput);
        let mut nowhere = sh("true");
        let error = nowhere.current_dir("/does/not/exist").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
pub fn stds_command_is_inside() {
    let mut command = Command::from(StdCommand::new("echo"));
    command.as_std_mut().arg("hello");
    assert_eq!(command.as_std().get_program(), "echo");
    assert!(!command.get_kill_on_drop());
    assert!(command.kill_on_drop(true).get_kill_on_drop());
    assert!(format!("{command:?}").contains("hello"));
    let output = command.into_std().output().unwrap();
    assert_eq!(output.stdout, b"hello\n");
}

#[test]
pub fn status_closes_the_pipes() {
    let status = runtime().block_on(async { cat().status().await }).unwrap();
    assert!(status.success());
}

#[test]
pub fn status_and_output_start_before_they_are_polled() {
    runtime().block_on(async {
        let mut first = cat();
        let (status, output) = (first.status(), sh("echo now").output());
        // The command may be changed, and is not borrowed.
        first.arg("/does/not/exist");
        assert!(status.await.unwrap().success());
        assert_eq!(output.await.unwrap().stdout, b"now\n");
    });
}

#[test]
pub fn output_overrides_what_was_set_and_a_command_may_be_used_again() {
    let mut command = sh("echo out; echo err >&2");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for _ in 0..2 {
        let output = runtime().block_on(async { command.output().await }).unwrap();
        assert_eq!((output.stdout, output.stderr), (b"out\n".to_vec(), b"err\n".to_vec()));
    }
}

#[test]
pub fn other_ways_of_starting_are_possible_and_may_fail() {
    runtime().block_on(async {
        let mut child = cat().spawn_with(|command| command.arg("-u").spawn()).unwrap();
        assert!(child.wait().await.unwrap().success());
        let error = cat().spawn_with(|_| Err(ErrorKind::Other.into())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
    });
}

#[test]
pub fn starting_without_a_runtime_panics_at_the_caller() {
    let panicked = caught(|| drop(cat().spawn()));
    assert!(panicked.message.contains("there is no reactor running"), "{}", panicked.message);
    assert!(panicked.file.contains("command.rs"), "{}", panicked.file);

    let without_io = Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = without_io.enter();
    let panicked = caught(|| drop(cat().status()));
    assert!(panicked.message.contains("enable_io"), "{}", panicked.message);
    assert!(panicked.file.contains("command.rs"), "{}", panicked.file);
}

#[test]
pub fn runtime_that_is_gone_starts_nothing() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    let started = std::cell::Cell::new(false);
    let error = cat()
        .spawn_with(|command| {
            started.set(true);
            command.spawn()
        })
        .unwrap_err();
    assert!(error.to_string().contains("shut"), "{error}");
    assert!(!started.get());
}
