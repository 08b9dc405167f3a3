//! `fork`: a child of a process with running runtimes builds a fresh one that works, and the parent's go
//! on. Each test forks from a process of its own, which runs nothing else meanwhile.

#![cfg(unix)]

use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream, UdpSocket};
use filch::runtime::Runtime;
use filch::task;
use filch::time::{sleep, timeout};
use filch_tests::process::{child, is_child};
use filch_tests::runtimes::{Kind, assert_all_workers_run};

/// Forks, runs the function in the new process, and waits for its end.
///
/// The new process has this thread only: locks that others held stay locked there. The tests fork while
/// the others wait.
#[track_caller]
fn in_fork(f: impl FnOnce()) {
    // SAFETY: the child has a copy of this thread. It uses the allocator, threads and the standard
    // streams, which the C library makes usable after a fork, and leaves by `_exit`: nothing of the
    // parent's is unwound or flushed twice.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            let code = i32::from(catch_unwind(AssertUnwindSafe(f)).is_err());
            // SAFETY: ends the process, from any thread.
            unsafe { libc::_exit(code) }
        }
        pid => assert_eq!(wait(pid), 0, "the forked process failed"),
    }
}

/// Waits until a process has ended, and gives its exit status, which is 0 after a success.
fn wait(pid: libc::pid_t) -> i32 {
    let start = Instant::now();
    let mut status = 0;
    // SAFETY: `status` is there for the call to write to, both times.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > filch_tests::PATIENCE / 2 {
            // SAFETY: the process is ours and was not waited for yet, so that its number is its own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        // Another process can only be asked again and again.
        std::thread::sleep(Duration::from_millis(1));
    }
    status
}

/// Tasks, timers, sockets and the pools of a runtime.
async fn everything() {
    let tasks: Vec<_> = (0..100).map(|number| task::spawn(async move { number })).collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    assert_eq!(sum, 4950);

    let before = Instant::now();
    sleep(Duration::from_millis(5)).await;
    assert!(before.elapsed() >= Duration::from_millis(5));
    let never = std::future::pending::<()>();
    assert!(timeout(Duration::from_millis(1), never).await.is_err());

    let (mut client, mut server) = pair().await;
    let echo = task::spawn(async move {
        let mut buf = [0; 4];
        server.read_exact(&mut buf).await.unwrap();
        server.write_all(&buf).await.unwrap();
    });
    client.write_all(b"ping").await.unwrap();
    let mut buf = [0; 4];
    client.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"ping");
    echo.await.unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.send_to(b"datagram", socket.local_addr().unwrap()).await.unwrap();
    assert_eq!(socket.recv(&mut [0; 16]).await.unwrap(), 8);

    assert_eq!(task::spawn_blocking(|| 1).await.unwrap(), 1);
    assert_eq!(task::spawn_compute(|| 2).await.unwrap(), 2);
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// A runtime of each kind, used and shut down.
fn fresh_runtimes() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        runtime.block_on(async { task::spawn(everything()).await.unwrap() });
        runtime.block_on(everything());
        if kind != Kind::CurrentThread {
            assert_all_workers_run(&runtime);
        }
        drop(runtime);
    }
}

/// Runs the test in a process of its own.
fn alone(name: &str, test: impl FnOnce()) {
    if is_child(name) {
        return test();
    }
    let ended = child(name, &[]);
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn fork_before_any_runtime() {
    alone("fork_before_any_runtime", || {
        in_fork(fresh_runtimes);
        fresh_runtimes();
    });
}

#[test]
fn fork_after_a_runtime_has_gone() {
    alone("fork_after_a_runtime_has_gone", || {
        fresh_runtimes();
        in_fork(fresh_runtimes);
    });
}

#[test]
fn fork_beside_running_runtimes() {
    alone("fork_beside_running_runtimes", || {
        let runtimes: Vec<Runtime> = Kind::ALL.into_iter().map(Kind::runtime).collect();
        for runtime in &runtimes {
            runtime.block_on(everything());
            // Waits in the parent's driver while the child is there.
            runtime.spawn(async { sleep(Duration::from_secs(3600)).await });
        }
        let connections: Vec<_> = runtimes.iter().map(|runtime| runtime.block_on(pair())).collect();
        for _ in 0..3 {
            // The parent's runtimes are left alone there: their threads are not.
            in_fork(fresh_runtimes);
        }
        // The child's end did nothing to the sockets that it had copies of.
        for (runtime, (mut client, mut server)) in runtimes.iter().zip(connections) {
            runtime.block_on(async {
                let reading = task::spawn(async move { server.read_u8().await.unwrap() });
                client.write_u8(42).await.unwrap();
                assert_eq!(reading.await.unwrap(), 42);
                everything().await;
            });
        }
    });
}

#[test]
fn fork_inside_of_async_code() {
    alone("fork_inside_of_async_code", || {
        for kind in Kind::ALL {
            kind.runtime().block_on(async {
                // This thread is inside of a runtime, in the child too: a new one is not.
                in_fork(|| std::thread::spawn(fresh_runtimes).join().unwrap());
                everything().await;
                if kind == Kind::CurrentThread {
                    let forking = task::spawn(async {
                        in_fork(|| std::thread::spawn(fresh_runtimes).join().unwrap());
                    });
                    forking.await.unwrap();
                    everything().await;
                }
            });
        }
    });
}
