//! The soak test in small: it passes, and it says what it did.

use std::process::Command;

fn passes(scene: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_soak"))
        .args([scene, "--connections", "200", "--seconds", "2"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(" 0 faults"), "{text}");
    assert!(!text.contains(" 0 broken off") && !text.contains(" 0.0 MB"), "{text}");
}

#[test]
fn an_echo_loses_nothing_and_holds_nothing() {
    passes("echo");
}

#[test]
fn a_proxy_loses_nothing_and_holds_nothing() {
    passes("proxy");
}

#[test]
fn too_many_connections_are_refused_with_the_reason() {
    let command = r#"ulimit -n 150 && exec "$0" echo --connections 100"#;
    let output =
        Command::new("sh").args(["-c", command, env!("CARGO_BIN_EXE_soak")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("100 connections need more than the 150 files"), "{told}");
}
