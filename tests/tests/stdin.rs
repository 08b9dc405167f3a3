//! Standard input of every sort, in child processes: what is read, that nothing waits for a read that
//! nobody answers, and that the descriptor is left as it was.

#![cfg(target_os = "linux")]

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::task::{Context, Poll, Waker};

use filch::io::{AsyncBufReadExt, AsyncReadExt, BufReader, stdin};
use filch::runtime::Builder;
use filch_tests::process::{
    child_command, descriptors, end, is_child, threads, wait_until_no_thread_is_named,
};
use filch_tests::runtimes::Kind;
use filch_tests::signals::Storm;
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// What is at the other end of a child's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Pipe,
    Socket,
    Terminal,
    File,
}

/// Those that a read can wait for.
const POLLED: [Sort; 3] = [Sort::Pipe, Sort::Socket, Sort::Terminal];

/// A standard input, and the end that feeds it.
fn input(sort: Sort) -> (Stdio, File) {
    match sort {
        Sort::Pipe => {
            let (reader, writer) =
                rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
            (reader.into(), writer.into())
        }
        Sort::Socket => {
            let (near, far) = UnixStream::pair().unwrap();
            (OwnedFd::from(near).into(), OwnedFd::from(far).into())
        }
        Sort::Terminal => {
            let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
            let ours = openpt(flags).unwrap();
            grantpt(&ours).unwrap();
            unlockpt(&ours).unwrap();
            let name = ptsname(&ours, Vec::new()).unwrap();
            let flags = libc::O_NOCTTY;
            let theirs = std::os::unix::fs::OpenOptionsExt::custom_flags(
                OpenOptions::new().read(true).write(true),
                flags,
            )
            .open(name.to_str().unwrap())
            .unwrap();
            (theirs.into(), ours.into())
        }
        Sort::File => unreachable!("a file is not fed"),
    }
}

/// Runs the test `name` as a child with such an input; `feed` gets its other end.
fn with_input(name: &str, sort: Sort, kind: Kind, feed: impl FnOnce(File)) {
    let (stdin, far) = input(sort);
    let kind = format!("{kind:?}");
    let child = child_command(name, &[("KIND", &kind)]).stdin(stdin).spawn().unwrap();
    feed(far);
    let ended = end(child);
    assert!(ended.status.success(), "{sort:?}, {kind}: {ended:?}");
}

/// The kind of runtime that the parent asks for.
fn kind() -> Kind {
    let name = std::env::var("KIND").unwrap();
    Kind::ALL.into_iter().find(|kind| format!("{kind:?}") == name).unwrap()
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn lines_arrive_until_the_end() {
    const NAME: &str = "lines_arrive_until_the_end";
    if !is_child(NAME) {
        for (sort, kind) in POLLED.into_iter().flat_map(|sort| Kind::ALL.map(|kind| (sort, kind))) {
            with_input(NAME, sort, kind, |mut far| {
                far.write_all(b"one\ntw").unwrap();
                far.write_all(b"o\n").unwrap();
                if sort == Sort::Terminal {
                    // A terminal's end is a character. It is closed when the child has gone.
                    far.write_all(b"\x04").unwrap();
                    std::mem::forget(far);
                }
            });
        }
        return;
    }
    kind().runtime().block_on(async {
        let lines = filch::spawn(async {
            let mut lines = BufReader::new(stdin()).lines();
            let mut read = Vec::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                read.push(line);
            }
            read
        });
        assert_eq!(lines.await.unwrap(), ["one", "two"]);
    });
}

#[test]
fn a_read_that_waits_holds_nothing_up() {
    const NAME: &str = "a_read_that_waits_holds_nothing_up";
    if !is_child(NAME) {
        for (sort, kind) in POLLED.into_iter().flat_map(|sort| Kind::ALL.map(|kind| (sort, kind))) {
            let (stdin, far) = input(sort);
            let kind = format!("{kind:?}");
            let child = child_command(NAME, &[("KIND", &kind)]).stdin(stdin).spawn().unwrap();
            let ended = end(child);
            assert!(ended.status.success(), "{sort:?}, {kind}: {ended:?}");
            // Open until here, and nothing was ever written.
            drop(far);
        }
        return;
    }
    let flags = rustix::fs::fcntl_getfl(rustix::stdio::stdin()).unwrap();
    assert!(!flags.contains(OFlags::NONBLOCK));
    // Also where sockets are not enabled: no pool thread may be waiting in its place.
    let without_io = Builder::new_current_thread().build().unwrap();
    for runtime in [kind().runtime(), without_io] {
        runtime.block_on(async {
            let mut two = [stdin(), stdin()];
            let mut buf = [0; 8];
            for stdin in &mut two {
                assert!(poll_once(stdin.read(&mut buf)).is_pending());
            }
            filch::spawn(async move {
                let [one, other] = &mut two;
                let (mut buf, mut other_buf) = ([0; 8], [0; 8]);
                filch::join!(one.read(&mut buf), other.read(&mut other_buf))
            });
            filch::task::yield_now().await;
        });
        drop(runtime);
        assert_eq!(rustix::fs::fcntl_getfl(rustix::stdio::stdin()).unwrap(), flags);
    }
    wait_until_no_thread_is_named("filch-");
    // And once more for the end of the process.
    let runtime = kind().runtime();
    runtime.spawn(async { stdin().read_u8().await });
    runtime.block_on(filch::task::yield_now());
    std::process::exit(0);
}

#[test]
fn a_dropped_read_takes_nothing_and_another_runtime_goes_on() {
    const NAME: &str = "a_dropped_read_takes_nothing_and_another_runtime_goes_on";
    if !is_child(NAME) {
        for sort in POLLED {
            let (stdin, mut far) = input(sort);
            let mut child = child_command(NAME, &[]).stdin(stdin).spawn().unwrap();
            // The child says when its first read waits.
            let mut stderr = child.stderr.take().unwrap();
            let mut said = [0; 6];
            std::io::Read::read_exact(&mut stderr, &mut said).unwrap();
            far.write_all(b"late\n").unwrap();
            let ended = end(child);
            assert!(ended.status.success(), "{sort:?}: {ended:?}");
        }
        return;
    }
    let mut stdin = stdin();
    let mut buf = [0; 8];
    Kind::Workers.runtime().block_on(async {
        assert!(poll_once(stdin.read(&mut buf)).is_pending());
    });
    // That runtime is gone: its poller says so, unless another one is there.
    let Poll::Ready(Err(error)) = poll_once(stdin.read(&mut buf)) else { panic!("no error") };
    assert!(error.to_string().contains("shut down"), "{error}");
    Kind::CurrentThread.runtime().block_on(async {
        assert!(poll_once(stdin.read(&mut buf)).is_pending());
        eprint!("waits.");
        stdin.read_exact(&mut buf[..2]).await.unwrap();
        stdin.read_exact(&mut buf[2..5]).await.unwrap();
        assert_eq!(&buf[..5], b"late\n");
    });
}

/// Enough for several trips to the pool, and for a pipe to be full.
fn much() -> Vec<u8> {
    (0..300_000u32).map(|i| (i % 251) as u8).collect()
}

#[test]
fn a_signal_storm_loses_no_byte() {
    const NAME: &str = "a_signal_storm_loses_no_byte";
    if !is_child(NAME) {
        for sort in [Sort::Pipe, Sort::Socket] {
            with_input(NAME, sort, Kind::Workers, |mut far| far.write_all(&much()).unwrap());
        }
        let path = std::env::temp_dir().join(format!("filch-stdin-{}", std::process::id()));
        std::fs::write(&path, much()).unwrap();
        let file = File::open(&path).unwrap();
        let child = child_command(NAME, &[("KIND", "CurrentThread")]).stdin(file).spawn().unwrap();
        let ended = end(child);
        std::fs::remove_file(&path).unwrap();
        assert!(ended.status.success(), "{:?}: {ended:?}", Sort::File);
        return;
    }
    let storm = Storm::begin();
    let runtime = kind().runtime();
    runtime.block_on(async {
        let read = filch::spawn(async {
            let mut bytes = Vec::new();
            stdin().read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        assert!(read.await.unwrap() == much(), "other bytes");
    });
    drop(runtime);
    while storm.heard() == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn what_cannot_be_polled_is_read_in_pieces() {
    const NAME: &str = "what_cannot_be_polled_is_read_in_pieces";
    if !is_child(NAME) {
        let file = File::open("/proc/self/exe").unwrap();
        for stdin in [Stdio::null(), file.into()] {
            let ended = end(child_command(NAME, &[]).stdin(stdin).spawn().unwrap());
            assert!(ended.status.success(), "{ended:?}");
        }
        return;
    }
    let runtime = Kind::Workers.builder().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let expected = std::fs::read("/proc/self/fd/0").unwrap();
        let mut stdin = stdin();
        assert_eq!(stdin.read(&mut []).await.unwrap(), 0);
        // A read that is dropped while the pool has it: what it brings is the next one's.
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let busy = filch::task::spawn_blocking(move || gate.recv());
        assert!(poll_once(stdin.read(&mut [0; 16])).is_pending());
        drop(open);
        busy.await.unwrap().unwrap_err();
        let mut read = Vec::new();
        let mut pieces = 0;
        loop {
            let mut piece = [0; 5];
            let n = stdin.read(&mut piece).await.unwrap();
            read.extend_from_slice(&piece[..n]);
            pieces += 1;
            if n == 0 || pieces == 10 {
                break;
            }
        }
        stdin.read_to_end(&mut read).await.unwrap();
        assert!(read == expected, "{} and {} bytes", read.len(), expected.len());
    });
}

#[test]
fn closed_standard_input_is_at_its_end() {
    const NAME: &str = "closed_standard_input_is_at_its_end";
    if !is_child(NAME) {
        let ended = end(child_command(NAME, &[]).spawn().unwrap());
        assert!(ended.status.success(), "{ended:?}");
        return;
    }
    Kind::CurrentThread.runtime().block_on(async {
        // SAFETY: nobody else in this process uses it, and nothing is opened until the end.
        assert_eq!(unsafe { libc::close(0) }, 0);
        assert_eq!(stdin().read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn a_directory_is_the_systems_error() {
    const NAME: &str = "a_directory_is_the_systems_error";
    if !is_child(NAME) {
        let folder = File::open("/").unwrap();
        let ended = end(child_command(NAME, &[]).stdin(folder).spawn().unwrap());
        assert!(ended.status.success(), "{ended:?}");
        return;
    }
    Kind::CurrentThread.runtime().block_on(async {
        let error = stdin().read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EISDIR));
    });
}

#[test]
fn nothing_is_left_behind() {
    const NAME: &str = "nothing_is_left_behind";
    if !is_child(NAME) {
        for sort in POLLED {
            let (stdin, far) = input(sort);
            let ended = end(child_command(NAME, &[]).stdin(stdin).spawn().unwrap());
            assert!(ended.status.success(), "{sort:?}: {ended:?}");
            drop(far);
        }
        return;
    }
    let mut outlives = stdin();
    Kind::Workers.runtime().block_on(async { poll_once(outlives.read_u8()).is_pending() });
    wait_until_no_thread_is_named("filch-");
    drop(outlives);
    let before = (descriptors(), threads().len());
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let mut outlives = stdin();
        runtime.block_on(async {
            for _ in 0..10 {
                assert!(poll_once(Pin::new(&mut stdin()).read_u8()).is_pending());
            }
            assert!(poll_once(outlives.read_u8()).is_pending());
        });
        drop(runtime);
    }
    wait_until_no_thread_is_named("filch-");
    assert_eq!((descriptors(), threads().len()), before, "{:?}", threads());
}
