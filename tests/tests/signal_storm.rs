//! Many signals, many listeners, many kinds, several runtimes. Each test has a process of its own and leaves
//! nothing there.

#![cfg(target_os = "linux")]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::runtime::Runtime;
use filch::signal::unix::{Signal, SignalKind, signal};
use filch_tests::process::alone_and_clean;
use filch_tests::runtimes::Kind;
use rustix::process::{Signal as Number, getpid, kill_process};

fn send(number: Number) {
    kill_process(getpid(), number).unwrap();
}

/// To this thread: its handler has run when this returns.
fn raise(kind: SignalKind) {
    // SAFETY: there is a listener, so the signal does no more than call its handler.
    assert_eq!(unsafe { libc::raise(kind.as_raw_value()) }, 0);
}

fn listen(runtime: &Runtime, kind: SignalKind) -> Signal {
    let _entered = runtime.enter();
    signal(kind).unwrap()
}

fn is_quiet(listener: &mut Signal) -> bool {
    pin!(listener.recv()).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// The signals that programs may give a meaning to, apart from those that the C library keeps.
fn real_time() -> impl Iterator<Item = SignalKind> {
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).map(SignalKind::from_raw)
}

/// Sends bytes to itself and back until told to stop; gives how many.
async fn echo(listener: TcpListener, stop: &AtomicBool) -> usize {
    let addr = listener.local_addr().unwrap();
    let server = filch::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut reader, mut writer) = stream.split();
        filch::io::copy(&mut reader, &mut writer).await.unwrap()
    });
    let mut client = TcpStream::connect(addr).await.unwrap();
    let mut bytes = 0;
    while !stop.load(SeqCst) {
        let sent: Vec<u8> = (0..4_096).map(|i| (i + bytes) as u8).collect();
        client.write_all(&sent).await.unwrap();
        let mut received = vec![0; sent.len()];
        client.read_exact(&mut received).await.unwrap();
        assert!(sent == received);
        bytes += sent.len();
    }
    client.shutdown().await.unwrap();
    assert_eq!(server.await.unwrap(), bytes as u64);
    bytes
}

#[test]
fn storm_disturbs_no_io_and_its_last_signal_is_heard() {
    const SIGNALS: usize = 100_000;
    alone_and_clean("storm_disturbs_no_io_and_its_last_signal_is_heard", || {
        for kind in Kind::ALL {
            static STOP: AtomicBool = AtomicBool::new(false);
            STOP.store(false, SeqCst);
            let runtime = kind.runtime();
            runtime.block_on(async {
                let mut listener = signal(SignalKind::user_defined1()).unwrap();
                let mut witness = signal(SignalKind::user_defined2()).unwrap();
                let storm = thread::spawn(|| {
                    for _ in 0..SIGNALS {
                        send(Number::USR1);
                    }
                    // Lower numbers are delivered first.
                    send(Number::USR2);
                });
                let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let echoing = filch::spawn(echo(server, &STOP));
                let mut heard = 0;
                let mut last = pin!(witness.recv());
                let mut cut = false;
                while !cut {
                    heard += 1;
                    filch::select! {
                        biased;
                        _ = listener.recv() => {}
                        _ = &mut last => cut = true,
                    }
                }
                STOP.store(true, SeqCst);
                assert!(echoing.await.unwrap() > 0);
                storm.join().unwrap();
                assert!((1..=SIGNALS + 1).contains(&heard), "{heard}");
                // What came last is heard, and nothing after that.
                while !is_quiet(&mut listener) {}
                raise(SignalKind::user_defined1());
                assert_eq!(listener.recv().await, Some(()));
                assert!(is_quiet(&mut listener));
            });
        }
    });
}

#[test]
fn every_listener_of_every_kind_hears_its_own() {
    alone_and_clean("every_listener_of_every_kind_hears_its_own", || {
        let runtime = Kind::Workers.runtime();
        let kinds = [SignalKind::hangup(), SignalKind::window_change(), SignalKind::alarm()];
        let mut listeners: Vec<_> = (0..60).map(|i| listen(&runtime, kinds[i % 3])).collect();
        for (number, kind) in kinds.into_iter().enumerate() {
            raise(kind);
            runtime.block_on(async {
                for listener in listeners.iter_mut().skip(number).step_by(3) {
                    assert_eq!(listener.recv().await, Some(()));
                }
            });
            let _entered = runtime.enter();
            assert!(listeners.iter_mut().all(is_quiet), "{kind:?} was heard by others");
        }
    });
}

#[test]
fn real_time_signals_are_heard_and_coalesce_too() {
    alone_and_clean("real_time_signals_are_heard_and_coalesce_too", || {
        let runtime = Kind::CurrentThread.runtime();
        let mut listeners: Vec<_> = real_time().map(|kind| listen(&runtime, kind)).collect();
        assert!(listeners.len() > 20);
        runtime.block_on(async {
            for kind in real_time() {
                // The kernel queues them; they are one here all the same.
                for _ in 0..5 {
                    raise(kind);
                }
            }
            for listener in &mut listeners {
                assert_eq!(listener.recv().await, Some(()));
                assert!(is_quiet(listener));
            }
        });
        // 32 and 33 are the C library's, above 64 there is none.
        for number in [libc::SIGRTMAX() + 1, 65, 127, 128] {
            let _entered = runtime.enter();
            assert!(signal(SignalKind::from_raw(number)).is_err(), "{number}");
        }
    });
}

#[test]
fn runtimes_come_and_go_while_others_listen() {
    static HEARD: AtomicUsize = AtomicUsize::new(0);
    alone_and_clean("runtimes_come_and_go_while_others_listen", || {
        let first = Kind::OneWorker.runtime();
        let mut listener = listen(&first, SignalKind::user_defined1());
        for kind in Kind::ALL.into_iter().cycle().take(12) {
            let second = kind.runtime();
            let mut other = listen(&second, SignalKind::user_defined1());
            let waiting = first.spawn(async move {
                listener.recv().await.unwrap();
                HEARD.fetch_add(1, SeqCst);
                listener
            });
            send(Number::USR1);
            assert_eq!(second.block_on(other.recv()), Some(()));
            listener = first.block_on(waiting).unwrap();
            // With its listener, which is told nothing any more; and while a signal is on its way.
            send(Number::USR1);
            drop((other, second));
            assert_eq!(first.block_on(listener.recv()), Some(()));
        }
        assert_eq!(HEARD.load(SeqCst), 12);
    });
}

#[test]
fn listeners_that_come_and_go_lose_no_signal_of_those_that_stay() {
    alone_and_clean("listeners_that_come_and_go_lose_no_signal_of_those_that_stay", || {
        let runtime = Kind::Workers.runtime();
        let mut stays = listen(&runtime, SignalKind::user_defined2());
        let busy = AtomicBool::new(true);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while busy.load(SeqCst) {
                        drop(listen(&runtime, SignalKind::user_defined2()));
                    }
                });
            }
            for _ in 0..500 {
                send(Number::USR2);
                assert_eq!(runtime.block_on(stays.recv()), Some(()));
            }
            busy.store(false, SeqCst);
        });
        let polled = runtime.block_on(async { is_quiet(&mut stays) });
        assert!(polled);
        assert!(matches!(
            pin!(stays.recv()).poll(&mut Context::from_waker(Waker::noop())),
            Poll::Pending
        ));
    });
}
