//! The child's standard streams.

use std::io::{ErrorKind, IoSlice, Read};
use std::os::fd::AsFd;
use std::pin::pin;
use std::process::{Command as StdCommand, Stdio};

use filch::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use filch::process::{ChildStderr, ChildStdin, ChildStdout};
use filch_tests::count::poll_once;
use filch_tests::runtimes::Kind;
use rustix::fs::{OFlags, fcntl_getfl};

use crate::{cat, runtime, sh};

fn is_nonblocking(fd: impl AsFd) -> bool {
    fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
}

#[test]
pub fn megabytes_go_through_a_child_unchanged() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
    for kind in Kind::ALL {
        kind.runtime().block_on(async {
            let mut child = cat().spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            let sent = bytes.clone();
            let writing = filch::spawn(async move { input.write_all(&sent).await });
            let output = child.wait_with_output().await.unwrap();
            writing.await.unwrap().unwrap();
            assert!(output.status.success());
            assert!(output.stdout == bytes);
        });
    }
}

#[test]
pub fn several_buffers_are_written_at_once() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        assert!(input.is_write_vectored());
        let parts = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(input.write_vectored(&parts).await.unwrap(), 7);
        input.flush().await.unwrap();
        // Does not close it, as tokio's does not.
        input.shutdown().await.unwrap();
        input.write_all(b" three").await.unwrap();
        drop(input);
        assert_eq!(child.wait_with_output().await.unwrap().stdout, b"one two three");
    });
}

#[test]
pub fn dropped_read_takes_nothing() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut buf = [0; 16];
        assert!(poll_once(&mut pin!(output.read(&mut buf))).is_pending());
        input.write_all(b"later").await.unwrap();
        assert_eq!(output.read(&mut buf).await.unwrap(), 5);
        drop(input);
        assert_eq!(output.read(&mut buf).await.unwrap(), 0);
        assert_eq!(output.read(&mut buf).await.unwrap(), 0);
        child.wait().await.unwrap();
    });
}

#[test]
pub fn writing_to_a_child_that_is_gone_is_an_error() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        child.kill().await.unwrap();
        let error = input.write_all(&[0; 1 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
pub fn writer_that_waits_learns_of_the_end() {
    runtime().block_on(async {
        // Reads nothing: the pipe is full.
        let mut child = sh("read line").stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut writing = pin!(input.write_all(&[0; 1 << 20]));
        assert!(poll_once(&mut writing).is_pending());
        child.kill().await.unwrap();
        assert_eq!(writing.await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
pub fn pipe_of_one_child_is_the_stream_of_another() {
    runtime().block_on(async {
        let mut first = sh("echo through two children").stdout(Stdio::piped()).spawn().unwrap();
        let between: Stdio = first.stdout.take().unwrap().try_into().unwrap();
        let mut last = cat();
        let last = last.stdin(between).spawn().unwrap();
        assert!(last.stdin.is_none());
        assert_eq!(last.wait_with_output().await.unwrap().stdout, b"through two children\n");

        // The other direction: what writes to a child's input is another child.
        let mut last = cat().spawn().unwrap();
        let between: Stdio = last.stdin.take().unwrap().try_into().unwrap();
        let mut command = sh("echo the other way");
        assert!(command.stdout(between).status().await.unwrap().success());
        // It holds the writing end, for the next child that it starts.
        drop(command);
        assert_eq!(last.wait_with_output().await.unwrap().stdout, b"the other way\n");
        first.wait().await.unwrap();
    });
}

#[test]
pub fn descriptors_come_out_blocking_and_go_in_nonblocking() {
    runtime().block_on(async {
        let mut command = sh("cat; echo err >&2");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        for fd in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
            assert!(is_nonblocking(fd));
        }
        assert!(format!("{stdin:?} {stdout:?} {stderr:?}").contains("ChildStdin"));
        let fds = [stdin.into_owned_fd(), stdout.into_owned_fd(), stderr.into_owned_fd()];
        let [stdin, stdout, stderr] = fds.map(|fd| fd.unwrap());
        for fd in [&stdin, &stdout, &stderr] {
            assert!(!is_nonblocking(fd));
        }
        // And back again.
        let mut stdin = ChildStdin::from_std(stdin.into()).unwrap();
        let mut stdout = ChildStdout::from_std(stdout.into()).unwrap();
        let mut stderr = ChildStderr::from_std(stderr.into()).unwrap();
        assert!(is_nonblocking(&stdin) && is_nonblocking(&stdout) && is_nonblocking(&stderr));
        stdin.write_all(b"in").await.unwrap();
        drop(stdin);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        stdout.read_to_end(&mut out).await.unwrap();
        stderr.read_to_end(&mut err).await.unwrap();
        assert_eq!((out, err), (b"in".to_vec(), b"err\n".to_vec()));
        child.wait().await.unwrap();
    });
}

#[test]
pub fn pipes_of_stds_child_may_be_taken_over() {
    let mut child = StdCommand::new("cat");
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    runtime().block_on(async {
        let mut input = ChildStdin::from_std(child.stdin.take().unwrap()).unwrap();
        input.write_all(b"hello").await.unwrap();
    });
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    child.wait().unwrap();
}

#[test]
pub fn what_cannot_be_waited_for_is_the_systems_error() {
    let file = std::fs::File::open("/etc/passwd").unwrap();
    let error = runtime()
        .block_on(async { ChildStdout::from_std(std::os::fd::OwnedFd::from(file).into()) })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[test]
pub fn pipes_of_a_runtime_that_is_gone_are_errors() {
    let mut child = runtime().block_on(async { cat().spawn().unwrap() });
    let mut output = child.stdout.take().unwrap();
    runtime().block_on(async {
        let error = output.read(&mut [0; 1]).await.unwrap_err();
        assert!(error.to_string().contains("shut"), "{error}");
        assert!(child.wait().await.unwrap().success());
    });
}
