//! The programs from outside: what they print, how they end, and what they survive.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

const CHESS: &str = env!("CARGO_BIN_EXE_chess");
const ECHO: &str = env!("CARGO_BIN_EXE_echo");
const GATHER: &str = env!("CARGO_BIN_EXE_gather");
const HTTP_SERVER: &str = env!("CARGO_BIN_EXE_http_server");

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
}

#[test]
fn one_worker_is_enough() {
    passes(Command::new(ECHO).arg("--self-test").env("FILCH_WORKERS", "1"));
    passes(Command::new(HTTP_SERVER).arg("--self-test").env("FILCH_WORKERS", "1"));
    passes(Command::new(GATHER).arg("--self-test").env("FILCH_WORKERS", "1"));
}

#[test]
fn wrong_usage_is_told() {
    for program in [ECHO, HTTP_SERVER] {
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
    for program in [ECHO, HTTP_SERVER] {
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
    assert_eq!(line_of(&mut server.stdout), "all requests are answered");
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
    assert_eq!(line_of(&mut server.stdout), "all requests are answered");
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
