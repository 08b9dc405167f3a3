//! A server at the limit of open files: its accept loop backs off and goes on, and whoever had to wait
//! is served as soon as there is room. Each test lowers the limit of a process of its own.

use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::unix::pipe;
use filch::net::{UdpSocket, UnixDatagram, UnixStream};
use filch::sync::mpsc;
use filch::time::sleep;
use filch_tests::on_each_transport;
use filch_tests::process::{self, descriptors, wait_until_no_thread_is_named};
use filch_tests::runtimes::Kind;
use filch_tests::transport::Transport;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many connections fit below the lowered limit.
const ROOM: usize = 3;
/// How many clients come.
const CLIENTS: usize = 12;
/// How long the accept loop leaves the listener alone after it met the limit.
const BACK_OFF: Duration = Duration::from_millis(2);

/// Lowers the limit of open files so that only `room` more may be opened. Gives what it was.
fn lower_limit(room: usize) -> Rlimit {
    let before = getrlimit(Resource::Nofile);
    // They get the lowest numbers that are free, and the last one is the limit.
    let files: Vec<_> = (0..=room).map(|_| File::open("/dev/null").unwrap()).collect();
    let limit = files.iter().map(AsRawFd::as_raw_fd).max().unwrap();
    let limit = u64::try_from(limit).unwrap();
    let lowered = Rlimit { current: Some(limit), maximum: before.maximum };
    setrlimit(Resource::Nofile, lowered).unwrap();
    before
}

/// Whether there is no descriptor left, in the process or in the system.
fn is_limit(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|e| error.raw_os_error() == Some(e.raw_os_error()))
}

/// An accept loop as one writes it. Says each time that it backs off.
async fn serve<T: Transport>(
    listener: Arc<T::Listener>,
    backed_off: mpsc::UnboundedSender<()>,
) -> io::Result<()> {
    loop {
        match T::accept(&listener).await {
            Ok(stream) => drop(filch::spawn(echo::<T>(stream))),
            Err(error) if is_limit(&error) => {
                let _ = backed_off.send(());
                sleep(BACK_OFF).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn echo<T: Transport>(stream: T::Stream) -> io::Result<()> {
    let (mut reader, mut writer) = T::split(stream);
    filch::io::copy(&mut reader, &mut writer).await?;
    Ok(())
}

async fn crowd<T: Transport>() {
    let listener = Arc::new(T::listen().await);
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        // The kernel completes a connection before anybody accepts it.
        let mut client = T::connect(&listener).await.unwrap();
        client.write_u8(u8::try_from(number).unwrap()).await.unwrap();
        clients.push(client);
    }
    let before = lower_limit(ROOM);
    let (backed_off, mut back_offs) = mpsc::unbounded_channel();
    let server = filch::spawn(serve::<T>(listener.clone(), backed_off));

    let mut waiting = clients.into_iter().enumerate();
    let mut served = Vec::new();
    for (number, mut client) in waiting.by_ref().take(ROOM) {
        assert_eq!(usize::from(client.read_u8().await.unwrap()), number);
        served.push(client);
    }
    // The loop meets the limit again and again: it goes on, and nobody else is served.
    for _ in 0..5 {
        back_offs.recv().await.unwrap();
    }
    let mut waiting: Vec<_> = waiting.collect();
    for (_, client) in &waiting {
        let error = T::try_read(client, &mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
    // One after the other goes, and each time those who wait the longest are served.
    while !waiting.is_empty() {
        drop(served.remove(0));
        let (number, mut client) = waiting.remove(0);
        assert_eq!(usize::from(client.read_u8().await.unwrap()), number);
        served.push(client);
    }
    setrlimit(Resource::Nofile, before).unwrap();
    // As if nothing had been.
    for number in 0..20 {
        let mut client = T::connect(&listener).await.unwrap();
        client.write_u8(number).await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), number);
    }
    assert!(!server.is_finished());
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
}

/// Runs a test alone in a process, where the descriptors are counted before and after.
fn alone<T, F>(name: &str, kind: Kind, test: impl FnOnce() -> F)
where
    T: Transport,
    F: Future<Output = ()> + Send + 'static,
{
    process::alone(&format!("{}::{name}", T::MODULE), || {
        drop(kind.runtime());
        wait_until_no_thread_is_named("filch-");
        let before = descriptors();
        let runtime = kind.runtime();
        runtime.block_on(async { filch::spawn(test()).await.unwrap() });
        drop(runtime);
        assert_eq!(descriptors(), before);
    });
}

fn accept_loop_survives_the_limit_on_the_current_thread<T: Transport>() {
    let name = "accept_loop_survives_the_limit_on_the_current_thread";
    alone::<T, _>(name, Kind::CurrentThread, crowd::<T>);
}

fn accept_loop_survives_the_limit_on_one_worker<T: Transport>() {
    alone::<T, _>("accept_loop_survives_the_limit_on_one_worker", Kind::OneWorker, crowd::<T>);
}

fn accept_loop_survives_the_limit_on_several_workers<T: Transport>() {
    alone::<T, _>("accept_loop_survives_the_limit_on_several_workers", Kind::Workers, crowd::<T>);
}

/// Whatever needs a descriptor says so, at once, and works again when there are some.
async fn starved<T: Transport>() {
    let listener = T::listen().await;
    // Whoever connects needs one, and whoever accepts another.
    for (room, accepts) in [(0, false), (1, false), (2, true)] {
        let before = lower_limit(room);
        let client = T::connect(&listener).await;
        let server = match &client {
            Ok(_) => T::accept(&listener).await,
            Err(_) => Err(io::ErrorKind::NotConnected.into()),
        };
        setrlimit(Resource::Nofile, before).unwrap();
        match client {
            Ok(client) if room > 0 => {
                match &server {
                    Ok(_) => assert!(accepts),
                    Err(error) => assert!(!accepts && is_limit(error), "{error:?}"),
                }
                if server.is_err() {
                    // It stayed where it was.
                    T::accept(&listener).await.unwrap();
                }
                drop((client, server));
            }
            Err(error) if room == 0 => assert!(is_limit(&error), "{error:?}"),
            other => panic!("with room for {room}: {other:?}"),
        }
    }

    let before = lower_limit(1);
    let errors =
        [UnixStream::pair().map(drop), UnixDatagram::pair().map(drop), pipe::pipe().map(drop)];
    // One descriptor is left, and not lost by those that needed two.
    let one = UdpSocket::bind("127.0.0.1:0").await;
    let none = [UdpSocket::bind("127.0.0.1:0").await.map(drop), UnixDatagram::unbound().map(drop)];
    setrlimit(Resource::Nofile, before).unwrap();
    one.unwrap();
    for error in errors.into_iter().chain(none) {
        let error = error.unwrap_err();
        assert!(is_limit(&error), "{error:?}");
    }
    pipe::pipe().unwrap();
}

fn everything_that_opens_says_that_there_is_no_room<T: Transport>() {
    let name = "everything_that_opens_says_that_there_is_no_room";
    alone::<T, _>(name, Kind::Workers, starved::<T>);
}

on_each_transport!(
    accept_loop_survives_the_limit_on_the_current_thread,
    accept_loop_survives_the_limit_on_one_worker,
    accept_loop_survives_the_limit_on_several_workers,
    everything_that_opens_says_that_there_is_no_room,
);
