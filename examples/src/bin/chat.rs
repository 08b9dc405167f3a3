//! A chat room over TCP.
//!
//! `cargo run --release -p filch-examples --bin chat`, then `nc 127.0.0.1 7009` in several terminals. The
//! first line is the name, each further one is said to all others. `PORT` in the environment overrides the
//! port; 0 lets the system choose, and the address is printed. Ctrl-C says goodbye to everybody; a second
//! one does not wait. `--self-test` starts it on a free port with a few members, one of whom does not read.
//!
//! Invariants
//! T1  Nobody waits for a member who reads too slowly: whose queue is full is dropped.
//! T2  All members see what is said in the same order.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use filch::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use filch::net::serve::{Connection, Handler, Serve};
use filch::net::{TcpListener, TcpStream, serve};
use filch::sync::{CancellationToken, mpsc};
use filch_examples::listen::{bind, bind_from_env};
use filch_examples::server::{Started, run_until_ctrl_c};

/// Lines that may wait for a member, on top of what the kernel holds for its socket.
const QUEUE_LINES: usize = 256;

/// A longer line is no chat.
const LONGEST_LINE_BYTES: usize = 4 * 1024;

/// Names longer than this are cut off.
const LONGEST_NAME_CHARS: usize = 24;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => run(),
        ["--self-test"] => self_test(),
        _ => {
            eprintln!("usage: chat [--self-test]\nPORT in the environment: default 7009");
            ExitCode::from(2)
        }
    }
}

#[filch::main]
async fn run() -> ExitCode {
    let (listener, address) = match bind_from_env(7009).await {
        Ok(bound) => bound,
        Err(code) => return code,
    };
    println!("listening on {address}");
    run_until_ctrl_c(chat(listener)).await
}

fn chat(listener: TcpListener) -> Serve<TcpListener, impl Handler<TcpStream, SocketAddr>> {
    let room = Arc::new(Room::default());
    let handler = move |stream, connection| {
        let room = room.clone();
        async move { member(stream, &connection, &room).await }
    };
    serve(listener, handler).name("chat")
}

/// Who is here. The lock is held for a moment only, never across an `await`.
#[derive(Default)]
struct Room {
    members: Mutex<HashMap<u64, Member>>,
}

struct Member {
    name: String,
    lines: mpsc::Sender<Arc<str>>,
    /// Cancelled when it was too slow.
    out: CancellationToken,
}

impl Room {
    fn members(&self) -> MutexGuard<'_, HashMap<u64, Member>> {
        // A panic of one member's task leaves the map as it was.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a member, whose queue begins with who is here, and tells the others.
    fn join(&self, number: u64, name: String) -> Seat<'_> {
        let (lines, queue) = mpsc::channel(QUEUE_LINES);
        let out = CancellationToken::new();
        let mut members = self.members();
        let mut names: Vec<&str> = members.values().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        let welcome = format!("* welcome; others here: {}\n", names.join(", "));
        lines.try_send(welcome.into()).expect("an empty queue has room");
        tell(&mut members, number, format!("* {name} is here\n"));
        members.insert(number, Member { name, lines, out: out.clone() });
        drop(members);
        Seat { room: self, number, queue, out, closes: false }
    }

    /// Says a line to all but the member that says it.
    fn say(&self, number: u64, line: &str) {
        let mut members = self.members(); // one lock for all: keeps T2
        if let Some(speaker) = members.get(&number) {
            let line = format!("{}: {line}\n", speaker.name);
            tell(&mut members, number, line);
        }
    }
}

/// Puts a line into the queues of all but one. Whose queue is full is dropped, which is told to all others.
fn tell(members: &mut HashMap<u64, Member>, from: u64, line: String) {
    let mut lines = vec![(Some(from), line)];
    while let Some((from, line)) = lines.pop() {
        let line: Arc<str> = line.into();
        members.retain(|&number, member| {
            let in_time = Some(number) == from || member.lines.try_send(line.clone()).is_ok();
            if !in_time {
                member.out.cancel(); // keeps T1
                lines.push((None, format!("* {} has left: too slow\n", member.name)));
            }
            in_time
        });
    }
}

/// A member's place in the room, which it leaves when this is dropped.
struct Seat<'a> {
    room: &'a Room,
    number: u64,
    queue: mpsc::Receiver<Arc<str>>,
    out: CancellationToken,
    /// All leave: nobody needs to be told.
    closes: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut members = self.room.members();
        if let Some(member) = members.remove(&self.number) {
            if !self.closes {
                tell(&mut members, self.number, format!("* {} has left\n", member.name));
            }
        }
    }
}

/// One connection, from the question for the name to its end.
async fn member(
    mut stream: TcpStream,
    connection: &Connection<SocketAddr>,
    room: &Room,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.split();
    let mut lines = Lines { reader: BufReader::new(reader), line: Vec::new() };
    writer.write_all(b"* your name?\n").await?;
    let name = filch::select! {
        line = lines.next() => match line? {
            None => return Ok(()),
            Some(line) => line.chars().take(LONGEST_NAME_CHARS).collect(),
        },
        () = connection.stopping() => return Ok(()),
    };
    let mut seat = room.join(connection.number(), name);
    // It may hang in a write to a member that does not read: hence from outside.
    let out = seat.out.clone();
    let talked =
        out.run_until_cancelled(talk(&mut lines, &mut writer, connection, &mut seat)).await;
    talked.unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::TimedOut, "reads too slowly")))
}

async fn talk(
    lines: &mut Lines<impl AsyncRead + Unpin>,
    writer: &mut (impl AsyncWrite + Unpin),
    connection: &Connection<SocketAddr>,
    seat: &mut Seat<'_>,
) -> io::Result<()> {
    loop {
        filch::select! {
            line = lines.next() => match line? {
                None => return Ok(()),
                Some(line) => {
                    seat.room.say(seat.number, &line);
                    // The others' turn: who says much at once would fill their queues.
                    filch::task::yield_now().await;
                }
            },
            Some(line) = seat.queue.recv() => writer.write_all(line.as_bytes()).await?,
            () = connection.stopping() => {
                seat.closes = true;
                writer.write_all(b"* goodbye\n").await?;
                return writer.shutdown().await;
            }
        }
    }
}

/// Lines of bounded length, without what a terminal would take for a command.
struct Lines<R> {
    reader: BufReader<R>,
    /// The beginning of the next line, if it has come in pieces.
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The next line; `None` at the end, where a line without its end is left out.
    ///
    /// # Cancel safety
    /// Nothing is lost: a piece of a line is kept.
    async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            let read = self.reader.fill_buf().await?;
            if read.is_empty() {
                return Ok(None);
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |at| at + 1);
            self.line.extend_from_slice(&read[..taken]);
            self.reader.consume(taken);
            if self.line.len() > LONGEST_LINE_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line too long"));
            }
            if end.is_some() {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                return Ok(Some(line.chars().filter(|c| !c.is_control()).collect()));
            }
        }
    }
}

#[filch::main]
async fn self_test() -> ExitCode {
    match check().await {
        Ok(lines) => {
            println!(
                "self-test passed: {lines} lines said, the member that did not read was dropped"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("self-test failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Lines that Bob says in a row.
const IN_A_ROW: usize = 100;

/// Lines that Alice says before she waits until Bob has them: fewer than a queue holds.
const AT_ONCE: usize = 64;

/// At that many times `AT_ONCE` lines it is clear that nobody is dropped for being slow.
const MOST_FLOODS: usize = 1000;

async fn check() -> io::Result<usize> {
    let (listener, address) = bind(0).await?;
    let server = Started::new(chat(listener));

    let mut alice = Client::join(address, "alice", "").await?;
    let mut bob = Client::join(address, "bob", "alice").await?;
    alice.hears("* bob is here").await?;
    let mut carol = Client::join(address, "carol\x1b[2J", "alice, bob").await?;
    for client in [&mut alice, &mut bob] {
        client.hears("* carol[2J is here").await?;
    }
    for number in 0..IN_A_ROW {
        bob.says(&format!("line {number}")).await?;
    }
    for number in 0..IN_A_ROW {
        alice.hears(&format!("bob: line {number}")).await?;
        carol.hears(&format!("bob: line {number}")).await?;
    }
    drop(carol);
    alice.hears("* carol[2J has left").await?;
    bob.hears("* carol[2J has left").await?;

    let _snail = Client::join(address, "snail", "alice, bob").await?;
    bob.hears("* snail is here").await?;
    alice.hears("* snail is here").await?;
    let flooded = flood(&mut alice, &mut bob).await?;
    alice.hears("* snail has left: too slow").await?;

    bob.says(&"x".repeat(2 * LONGEST_LINE_BYTES)).await?;
    alice.hears("* bob has left").await?;
    server.stop();
    alice.hears("* goodbye").await?;
    if !alice.line().await?.is_empty() {
        return Err(io::Error::other("a line after the goodbye"));
    }
    let counts = server.stopped().await?;
    if (counts.finished, counts.failed) != (2, 2) {
        return Err(io::Error::other(format!("connections ended otherwise: {counts:?}")));
    }
    Ok(IN_A_ROW + flooded)
}

/// Alice talks and Bob listens, until somebody else is dropped; how many lines that took.
async fn flood(alice: &mut Client, bob: &mut Client) -> io::Result<usize> {
    let text = "flood ".repeat(500);
    for round in 1..=MOST_FLOODS {
        for _ in 0..AT_ONCE {
            alice.says(&text).await?;
        }
        let (mut heard, mut dropped) = (0, false);
        while heard < AT_ONCE {
            match bob.line().await?.as_str() {
                "* snail has left: too slow" => dropped = true,
                line if line.starts_with("alice: flood") => heard += 1,
                line => return Err(io::Error::other(format!("bob hears {line:?}"))),
            }
        }
        if dropped {
            return Ok(round * AT_ONCE);
        }
    }
    Err(io::Error::other("a member that does not read stays"))
}

/// A member of the self-test.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    async fn join(address: SocketAddr, name: &str, others: &str) -> io::Result<Client> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut client = Client { stream: BufReader::new(stream) };
        client.hears("* your name?").await?;
        client.says(name).await?;
        client.hears(&format!("* welcome; others here: {others}")).await?;
        Ok(client)
    }

    async fn says(&mut self, line: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).await
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        Ok(line.trim_end_matches('\n').to_owned())
    }

    async fn hears(&mut self, expected: &str) -> io::Result<()> {
        match self.line().await? {
            line if line == expected => Ok(()),
            line => Err(io::Error::other(format!("{expected:?} was expected, not {line:?}"))),
        }
    }
}
