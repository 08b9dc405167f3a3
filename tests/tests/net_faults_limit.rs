//! A server at the limit of open files: its accept loop backs off and goes on, and whoever had to wait
//! is served as soon as there is room. Each test lowers the limit of a process of its own.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::sync::mpsc;
use filch::time::sleep;
use filch_tests::process::{child, descriptors, is_child, wait_until_no_thread_is_named};
use filch_tests::runtimes::Kind;
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
    // They get the lowest numbers that are free.
    let files: Vec<_> = (0..room).map(|_| File::open("/dev/null").unwrap()).collect();
    let highest = files.iter().map(AsRawFd::as_raw_fd).max().unwrap();
    let limit = u64::try_from(highest).unwrap() + 1;
    let lowered = Rlimit { current: Some(limit), maximum: before.maximum };
    setrlimit(Resource::Nofile, lowered).unwrap();
    before
}

/// Whether there is no descriptor left, in the process or in the system.
fn is_limit(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|e| error.raw_os_error() == Some(e.raw_os_error()))
}

/// An accept loop as one writes it. Says each time that it backs off.
async fn serve(listener: TcpListener, backed_off: mpsc::UnboundedSender<()>) -> io::Result<()> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(filch::spawn(echo(stream))),
            Err(error) if is_limit(&error) => {
                let _ = backed_off.send(());
                sleep(BACK_OFF).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    filch::io::copy(&mut reader, &mut writer).await?;
    Ok(())
}

async fn crowd(listener: TcpListener) {
    let addr = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        // The kernel completes a connection before anybody accepts it.
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.write_u8(u8::try_from(number).unwrap()).await.unwrap();
        clients.push(client);
    }
    let before = lower_limit(ROOM);
    let (backed_off, mut back_offs) = mpsc::unbounded_channel();
    let server = filch::spawn(serve(listener, backed_off));

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
        let error = client.try_read(&mut [0; 1]).unwrap_err();
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
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.write_u8(number).await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), number);
    }
    assert!(!server.is_finished());
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
}

/// Runs the crowd alone in a process, where the descriptors are counted before and after.
fn alone(name: &str, kind: Kind) {
    if !is_child(name) {
        let ended = child(name, &[]);
        assert!(ended.status.success(), "{ended:?}");
        return;
    }
    drop(kind.runtime());
    wait_until_no_thread_is_named("filch-");
    let before = descriptors();
    let runtime = kind.runtime();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        filch::spawn(crowd(listener)).await.unwrap();
    });
    drop(runtime);
    assert_eq!(descriptors(), before);
}

#[test]
fn accept_loop_survives_the_limit_on_the_current_thread() {
    alone("accept_loop_survives_the_limit_on_the_current_thread", Kind::CurrentThread);
}

#[test]
fn accept_loop_survives_the_limit_on_one_worker() {
    alone("accept_loop_survives_the_limit_on_one_worker", Kind::OneWorker);
}

#[test]
fn accept_loop_survives_the_limit_on_several_workers() {
    alone("accept_loop_survives_the_limit_on_several_workers", Kind::Workers);
}
