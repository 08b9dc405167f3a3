//! The programs from outside: what they print, how they end, and what they survive.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

const CHAT: &str = env!("CARGO_BIN_EXE_chat");
const CHESS: &str = env!("CARGO_BIN_EXE_chess");
const ECHO: &str = env!("CARGO_BIN_EXE_echo");
const GATHER: &str = env!("CARGO_BIN_EXE_gather");
const HTTP_SERVER: &str = env!("CARGO_BIN_EXE_http_server");
const SUPERVISOR: &str = env!("CARGO_BIN_EXE_supervisor");
const PROXY: &str = env!("CARGO_BIN_EXE_proxy");
const TAIL: &str = env!("CARGO_BIN_EXE_tail");

/// A server on a free port, killed when dropped.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Server {
        let mut child = command
            .env("PORT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let line = line_of(&mut stdout);
        let address = line.rsplit(['/', ' ']).next().unwrap().to_owned();
        Server { child, stdout, stderr, address }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// One request on a connection of its own: the whole answer.
    fn get(&self, path: &str) -> String {
        let mut stream = self.connect();
        send(&mut stream, path, "connection: close\r\n");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line_of(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn send(stream: &mut TcpStream, path: &str, headers: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").unwrap();
}

fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn passes(command: &mut Command) -> String {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn chess_prints_twelve_hours_and_one() {
    let text = passes(&mut Command::new(CHESS));
    let figures: Vec<&str> = text.lines().filter_map(|l| l.split_whitespace().last()).collect();
    assert!(figures.contains(&"12:00:00"), "{text}");
    assert!(figures.contains(&"1:00:00"), "{text}");
    assert!(figures.contains(&"1:00:55"), "{text}");
}

#[test]
fn the_self_tests_pass() {
    assert!(passes(Command::new(ECHO).arg("--self-test")).contains("100 clients"));
    assert!(passes(Command::new(HTTP_SERVER).arg("--self-test")).contains("passed"));
    assert!(passes(Command::new(GATHER).arg("--self-test")).contains("50 pages"));
    assert!(passes(Command::new(CHAT).arg("--self-test")).contains("was dropped"));
    assert!(passes(Command::new(PROXY).arg("--self-test")).contains("50 clients"));
    assert!(passes(Command::new(SUPERVISOR).arg("--self-test")).contains("passed"));
    assert!(passes(Command::new(TAIL).arg("--self-test")).contains("rotated twice"));
}

#[test]
fn one_worker_is_enough() {
    passes(Command::new(ECHO).arg("--self-test").env("FILCH_WORKERS", "1"));
    passes(Command::new(HTTP_SERVER).arg("--self-test").env("FILCH_WORKERS", "1"));
    passes(Command::new(GATHER).arg("--self-test").env("FILCH_WORKERS", "1"));
    passes(Command::new(CHAT).arg("--self-test").env("FILCH_WORKERS", "1"));
    passes(Command::new(PROXY).arg("--self-test").env("FILCH_WORKERS", "1"));
    passes(Command::new(SUPERVISOR).arg("--self-test").env("FILCH_WORKERS", "1"));
    passes(Command::new(TAIL).arg("--self-test").env("FILCH_WORKERS", "1"));
}

#[test]
fn wrong_usage_is_told() {
    for program in [CHAT, ECHO, HTTP_SERVER] {
        for (argument, port, told) in [
            (Some("--help-me"), "0", "usage: "),
            (None, "http", "PORT must be a number"),
            (None, "65536", "PORT must be a number"),
            (None, "", "PORT must be a number"),
        ] {
            let output = output(Command::new(program).args(argument).env("PORT", port));
            assert_eq!(output.status.code(), Some(2));
            assert!(String::from_utf8_lossy(&output.stderr).contains(told));
        }
    }
}

#[test]
fn an_address_in_use_ends_the_program_with_a_message() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for program in [CHAT, ECHO, HTTP_SERVER] {
        let output = output(Command::new(program).env("PORT", &port));
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(&format!("127.0.0.1:{port}: ")), "{told}");
    }
}

#[test]
fn http_server_answers_and_stops_at_once_when_idle() {
    let mut server = Server::start(&mut Command::new(HTTP_SERVER));
    let answer = server.get("/");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nHello from filch\n"), "{answer}");
    // The panicking route is the self-test's alone.
    assert!(server.get("/panic").starts_with("HTTP/1.1 404 "));
    let mut idle = server.connect();
    send(&mut idle, "/", "");
    assert_ne!(idle.read(&mut [0; 1024]).unwrap(), 0);
    server.interrupt();
    assert_eq!(line_of(&mut server.stdout), "stopping");
    assert_eq!(line_of(&mut server.stdout), "all connections have ended");
    assert_eq!(server.exit_code(), Some(0));
}

/// Begins a streamed answer and reads its first chunk: the request is in flight.
fn begin_stream(server: &Server, path: &str) -> BufReader<TcpStream> {
    let mut stream = server.connect();
    send(&mut stream, path, "");
    let mut stream = BufReader::new(stream);
    while !line_of(&mut stream).starts_with("chunk 1 of ") {}
    stream
}

#[test]
fn ctrl_c_lets_a_request_in_flight_finish() {
    let mut server = Server::start(&mut Command::new(HTTP_SERVER));
    let mut stream = begin_stream(&server, "/stream?chunks=3&ms=100");
    server.interrupt();
    assert_eq!(line_of(&mut server.stdout), "stopping");
    let refused = TcpStream::connect(&server.address).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("chunk 3 of 3\n") && rest.ends_with("0\r\n\r\n"), "{rest}");
    assert_eq!(line_of(&mut server.stdout), "all connections have ended");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let mut server = Server::start(&mut Command::new(HTTP_SERVER));
    let _stream = begin_stream(&server, "/stream?chunks=100&ms=1000");
    server.interrupt();
    assert_eq!(line_of(&mut server.stdout), "stopping");
    server.interrupt();
    assert_eq!(line_of(&mut server.stdout), "cut 1 connections");
    assert_eq!(server.exit_code(), Some(130));
}

#[test]
fn echo_sends_back_and_stops() {
    let mut server = Server::start(&mut Command::new(ECHO));
    let mut stream = server.connect();
    stream.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
    server.interrupt();
    assert_eq!(stream.read(&mut back).unwrap(), 0);
    assert_eq!(server.exit_code(), Some(0));
}

/// More connections than descriptors: the accept loop says so, waits, and goes on.
#[test]
fn a_lack_of_descriptors_is_waited_out() {
    for (program, request) in [(HTTP_SERVER, "GET / HTTP/1.1\r\nhost: x\r\n\r\n"), (ECHO, "hello")]
    {
        let limited = r#"ulimit -n 32 && exec "$0""#;
        let mut server = Server::start(Command::new("sh").args(["-c", limited, program]));
        let greedy: Vec<TcpStream> = (0..48).map(|_| server.connect()).collect();
        let told = line_of(&mut server.stderr);
        assert!(told.starts_with("accept: ") && told.contains("waiting"), "{told}");
        // Those that were accepted are served meanwhile.
        let mut first = &greedy[0];
        first.write_all(request.as_bytes()).unwrap();
        assert_ne!(first.read(&mut [0; 1024]).unwrap(), 0);
        drop(greedy);
        let mut late = server.connect();
        late.write_all(request.as_bytes()).unwrap();
        assert_ne!(late.read(&mut [0; 1024]).unwrap(), 0);
        server.interrupt();
        assert_eq!(server.exit_code(), Some(0));
    }
}

#[test]
fn a_chat_says_goodbye() {
    let mut server = Server::start(&mut Command::new(CHAT));
    let mut members: Vec<_> = (0..2).map(|_| BufReader::new(server.connect())).collect();
    for (number, member) in members.iter_mut().enumerate() {
        assert_eq!(line_of(member), "* your name?");
        writeln!(member.get_mut(), "member {number}").unwrap();
        assert!(line_of(member).starts_with("* welcome"));
    }
    assert_eq!(line_of(&mut members[0]), "* member 1 is here");
    writeln!(members[1].get_mut(), "hello").unwrap();
    assert_eq!(line_of(&mut members[0]), "member 1: hello");
    server.interrupt();
    for mut member in members {
        let mut rest = String::new();
        member.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "* goodbye\n");
    }
    assert_eq!(line_of(&mut server.stdout), "stopping");
    assert_eq!(line_of(&mut server.stdout), "all connections have ended");
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_proxy_forwards_and_says_who_cannot_be_reached() {
    let echo = Server::start(&mut Command::new(ECHO));
    let mut proxy = Server::start(Command::new(PROXY).arg(&echo.address));
    let mut stream = proxy.connect();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"hello");
    drop(echo);
    assert_eq!(proxy.connect().read(&mut [0]).unwrap(), 0);
    let told = line_of(&mut proxy.stderr);
    assert!(told.starts_with("127.0.0.1:") && told.contains("refused"), "{told}");
    proxy.interrupt();
    assert_eq!(proxy.exit_code(), Some(0));
    for arguments in [&[][..], &["nowhere"], &["--help-me"], &["a:1", "b:2"]] {
        let wrong = output(Command::new(PROXY).args(arguments));
        assert_eq!(wrong.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&wrong.stderr).contains("usage: proxy HOST:PORT"));
    }
}

#[test]
fn gather_fetches_all_or_says_what_failed() {
    let server = Server::start(&mut Command::new(HTTP_SERVER));
    let url = |path: &str| format!("http://{}{path}", server.address);
    let printed = passes(Command::new(GATHER).args([url("/"), url("/")]));
    assert_eq!(printed.lines().filter(|line| line.starts_with(&url("/"))).count(), 2, "{printed}");

    let failed = output(Command::new(GATHER).args([url("/"), url("/no-such-page")]));
    assert_eq!(failed.status.code(), Some(1));
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(told.contains("/no-such-page: status 404"), "{told}");

    for arguments in [&[][..], &["ftp://localhost/"], &["http://"]] {
        let wrong = output(Command::new(GATHER).args(arguments));
        assert_eq!(wrong.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&wrong.stderr).contains("usage: gather URL"));
    }
}

/// A supervisor of programs, killed when dropped.
struct Supervisor {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Supervisor {
    fn start(arguments: &[&str]) -> Supervisor {
        let mut command = Command::new(SUPERVISOR);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Supervisor { child, stdout }
    }

    /// So many lines, sorted. What a shell says on standard error of a signal is its own affair.
    fn lines(&mut self, count: usize) -> Vec<String> {
        let lines = std::iter::repeat_with(|| line_of(&mut self.stdout));
        let mut lines: Vec<_> = lines.filter(|line| !line.contains(" ! ")).take(count).collect();
        lines.sort();
        lines
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn supervisor_passes_signals_on_and_stops_gracefully() {
    let one =
        "one=trap 'echo again' USR1; trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let two = "two=trap '' USR1; echo up; while :; do sleep 0.01; done";
    let mut supervisor = Supervisor::start(&[one, two]);
    assert_eq!(supervisor.lines(2), ["one | up", "two | up"]);
    supervisor.signal("USR1");
    assert_eq!(supervisor.lines(1), ["one | again"]);
    supervisor.signal("TERM");
    let ends = ["one * stopped, exit status: 0", "two * stopped, signal: 15 (SIGTERM)"];
    assert_eq!(supervisor.lines(2), ends);
    assert!(supervisor.child.wait().unwrap().success());
}

#[test]
fn supervisor_kills_at_the_second_interrupt() {
    let stubborn = "it=trap 'echo no' TERM; echo up; while :; do sleep 0.01; done";
    let mut supervisor = Supervisor::start(&["--grace", "1000", stubborn]);
    assert_eq!(supervisor.lines(1), ["it | up"]);
    supervisor.signal("INT");
    assert_eq!(supervisor.lines(1), ["it | no"]);
    supervisor.signal("INT");
    assert_eq!(supervisor.lines(1), ["it * killed"]);
    assert_eq!(supervisor.child.wait().unwrap().code(), Some(1));
}

#[test]
fn supervisor_tells_wrong_usage() {
    for arguments in [&[][..], &["sleep"], &["--grace", "soon", "a=b"]] {
        let output = output(Command::new(SUPERVISOR).args(arguments));
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: "));
    }
}
