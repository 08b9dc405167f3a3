//! `net::serve` when accepting fails: what is retried, waited out, turned away, and what ends the server. A
//! listener that does as it is told, on a paused clock; and the limit of open files itself, in a process
//! whose limit is lowered.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::serve::{Counts, Listener, Report};
use filch::net::{TcpListener, TcpStream, serve};
use filch::runtime::Builder;
use filch::sync::CancellationToken;
use filch::time::Instant;
use filch_tests::process::{Holdings, alone, wait_until_no_thread_is_named};
use filch_tests::runtimes::Kind;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What `accept` gives next. Its last entry must be an error that ends the server.
struct Script {
    steps: VecDeque<io::Result<u32>>,
    /// When each step was asked for.
    asked: Arc<Mutex<Vec<Duration>>>,
    start: Instant,
}

impl Listener for Script {
    type Io = u32;
    type Addr = &'static str;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(u32, &'static str)>> {
        self.asked.lock().unwrap().push(self.start.elapsed());
        let step = self.steps.pop_front().expect("the last step ends the server");
        Poll::Ready(step.map(|connection| (connection, "a peer")))
    }
}

/// What a server did with such a script.
struct Played {
    report: Report,
    /// When it asked for each step, in milliseconds.
    asked_ms: Vec<u128>,
    /// The connections that came to the handler.
    handled: Vec<u32>,
    /// The shortages that it told of.
    told: Vec<Option<Errno>>,
}

fn play(steps: impl IntoIterator<Item = io::Result<u32>>, reserve: bool) -> Played {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (asked, handled, told) = <(Arc<Mutex<Vec<_>>>, Arc<Mutex<_>>, Arc<Mutex<_>>)>::default();
    let report = runtime.block_on(async {
        let script = Script {
            steps: steps.into_iter().chain([Err(io::Error::other("the end"))]).collect(),
            asked: asked.clone(),
            start: Instant::now(),
        };
        let handles = handled.clone();
        let tells = told.clone();
        serve(script, move |connection, _| {
            let handles: Arc<Mutex<Vec<u32>>> = handles.clone();
            async move { handles.lock().unwrap().push(connection) }
        })
        .reserve_descriptor(reserve)
        .on_shortage(move |error| {
            let tells: &Mutex<Vec<_>> = &tells;
            tells.lock().unwrap().push(Errno::from_io_error(error));
        })
        .await
    });
    let asked_ms = asked.lock().unwrap().iter().map(Duration::as_millis).collect();
    let handled = handled.lock().unwrap().clone();
    let told = told.lock().unwrap().clone();
    Played { report, asked_ms, handled, told }
}

fn error(errno: Errno) -> io::Result<u32> {
    Err(errno.into())
}

#[test]
fn a_listener_that_fails_ends_the_server_and_its_connections_finish() {
    let played = play([Ok(1), Ok(2)], false);
    assert_eq!(played.report.error().unwrap().to_string(), "the end");
    assert_eq!(played.handled, [1, 2]);
    assert_eq!(played.report.counts().finished, 2);
    assert_eq!(played.report.into_result().unwrap_err().to_string(), "the end");
}

#[test]
fn connections_that_died_early_are_counted_and_passed_over() {
    let steps = [
        error(Errno::CONNABORTED),
        Ok(1),
        error(Errno::PROTO),
        Err(io::ErrorKind::ConnectionReset.into()),
        error(Errno::INTR),
        Ok(2),
    ];
    let played = play(steps, true);
    let counts = played.report.counts();
    assert_eq!((counts.aborted, counts.accepted, counts.refused()), (4, 2, 4));
    assert_eq!(played.handled, [1, 2]);
    assert_eq!(played.asked_ms, [0; 7]);
    assert_eq!(played.told, []);
}

#[test]
fn a_shortage_is_waited_out_longer_each_time_and_told_once() {
    let short = || error(Errno::MFILE);
    let mut steps: Vec<_> = (0..9).map(|_| short()).collect();
    // A connection that died in between ends no shortage.
    steps.insert(4, error(Errno::CONNABORTED));
    steps.extend([Ok(1), error(Errno::NOBUFS), short(), Ok(2)]);
    let played = play(steps, false);
    let waits: Vec<u128> = played.asked_ms.windows(2).map(|two| two[1] - two[0]).collect();
    // The clock of a paused runtime has ticks of 1 ms; nothing is early.
    let expected = [10, 20, 40, 80, 0, 160, 320, 640, 1000, 1000, 0, 10, 20, 0];
    assert_eq!(waits, expected);
    assert_eq!(played.told, [Some(Errno::MFILE), Some(Errno::NOBUFS)]);
    let counts = played.report.counts();
    assert_eq!((counts.shortages, counts.accepted, counts.turned_away), (2, 2, 0));
    assert_eq!(played.handled, [1, 2]);
}

#[test]
fn with_a_reserve_descriptor_who_comes_in_a_shortage_is_turned_away() {
    let short = || error(Errno::MFILE);
    let steps = [
        short(),
        Ok(1), // turned away
        short(),
        Ok(2), // turned away
        short(),
        short(), // another thread took the descriptor: wait
        Ok(3),
    ];
    let played = play(steps, true);
    let counts = played.report.counts();
    assert_eq!((counts.turned_away, counts.refused(), counts.accepted), (2, 2, 1));
    assert_eq!((counts.shortages, played.told.len()), (1, 1));
    assert_eq!(played.handled, [3]);
    assert_eq!(played.asked_ms, [0, 0, 0, 0, 0, 0, 10, 10]);
}

/// How many connections fit below the lowered limit.
const ROOM: usize = 3;

/// Lowers the limit of open files so that only `room` more may be opened. Gives what it was.
fn lower_limit(room: usize) -> Rlimit {
    use std::os::fd::AsRawFd;
    let before = getrlimit(Resource::Nofile);
    // They get the lowest numbers that are free.
    let files: Vec<_> = (0..room).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    let highest = files.iter().map(AsRawFd::as_raw_fd).max().unwrap();
    let limit = u64::try_from(highest).unwrap() + 1;
    setrlimit(Resource::Nofile, Rlimit { current: Some(limit), ..before }).unwrap();
    before
}

/// Twelve clients of a server that has room for three, and what it counted. The reserve takes one descriptor
/// more.
async fn crowd(reserve: bool) -> Counts {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..12 {
        // The kernel completes a connection before anybody accepts it.
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.write_u8(1).await.unwrap();
        clients.push(client);
    }
    let before = lower_limit(ROOM + usize::from(reserve));
    let stop = CancellationToken::new();
    let server = serve(listener, |mut stream: TcpStream, _| async move {
        let (mut reader, mut writer) = stream.split();
        filch::io::copy(&mut reader, &mut writer).await
    })
    .reserve_descriptor(reserve)
    .graceful_shutdown(stop.clone().cancelled_owned());
    let task = filch::spawn(server.into_future());
    let mut others = clients.split_off(ROOM);
    for client in &mut clients {
        assert_eq!(client.read_u8().await.unwrap(), 1);
    }
    if reserve {
        for client in &mut others {
            // Closed with a byte unread: mostly a reset.
            let error = client.read_u8().await.unwrap_err();
            assert!(
                [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof]
                    .contains(&error.kind()),
                "{error}"
            );
        }
        // Not one by one: each has a descriptor of this process, which the server would take.
        others.clear();
    }
    // As one goes, the one who waits the longest is served.
    while !others.is_empty() {
        drop(clients.remove(0));
        let mut client = others.remove(0);
        assert_eq!(client.read_u8().await.unwrap(), 1);
        clients.push(client);
    }
    setrlimit(Resource::Nofile, before).unwrap();
    drop(clients);
    let mut client = TcpStream::connect(addr).await.unwrap();
    client.write_u8(2).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), 2);
    drop(client);
    stop.cancel();
    task.await.unwrap().into_result().unwrap()
}

fn crowds(reserve: bool) {
    for kind in Kind::ALL {
        drop(kind.runtime());
        wait_until_no_thread_is_named("filch-");
        let before = Holdings::now();
        let runtime = kind.runtime();
        let counts = runtime.block_on(async { filch::spawn(crowd(reserve)).await.unwrap() });
        drop(runtime);
        assert!(counts.shortages >= 1, "{counts:?}");
        assert_eq!((counts.cut, counts.panicked, counts.active), (0, 0, 0), "{counts:?}");
        if reserve {
            assert_eq!((counts.turned_away, counts.accepted), (9, 4), "{counts:?}");
        } else {
            assert_eq!((counts.turned_away, counts.accepted), (0, 13), "{counts:?}");
        }
        before.wait_until_back();
    }
}

#[test]
fn at_the_limit_of_open_files_clients_wait() {
    alone("at_the_limit_of_open_files_clients_wait", || crowds(false));
}

#[test]
fn at_the_limit_of_open_files_clients_are_turned_away_if_there_is_a_reserve() {
    let name = "at_the_limit_of_open_files_clients_are_turned_away_if_there_is_a_reserve";
    alone(name, || crowds(true));
}
