//! A server in a process of its own, and a connection that checks what it answers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::measured::Runtime;
use crate::serve::BODY;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// No answer on the loopback takes that long, unless the server is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// A fresh process that serves on one runtime; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one on a free port and waits until it accepts.
    pub(crate) fn start(runtime: Runtime, workers: u16) -> io::Result<Server> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &runtime.to_string(), "--port", "0", "--workers"])
            .arg(workers.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output is piped");
        let read = BufReader::new(stdout).read_line(&mut line);
        // From here on an early return kills the child.
        let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        read?;
        server.address = line
            .trim()
            .parse()
            .map_err(|_| io::Error::other(format!("{runtime} printed no address: {line:?}")))?;
        Connection::open(server.address)?.request()?;
        Ok(server)
    }
}

impl Server {
    /// How much processor time the server has used, in user space and in the kernel. `None` where the system
    /// has no /proc.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // proc(5): the fields after the name in brackets begin with the third.
        let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(14 - 3);
        let ticks: u64 =
            fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
        // USER_HZ, the unit of these fields, is 100 on every Linux.
        Some(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A keep-alive connection of the blocking kind.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STUCK))?;
        Ok(Connection { stream, answer: Vec::new() })
    }

    /// One request and its whole answer, which must be the service's.
    pub(crate) fn request(&mut self) -> io::Result<()> {
        self.stream.write_all(REQUEST)?;
        if self.answer.is_empty() {
            // All answers are as long as the first: the date is the only part that changes.
            while !self.answer.ends_with(BODY.as_bytes()) {
                let mut byte = [0];
                self.stream.read_exact(&mut byte)?;
                self.answer.push(byte[0]);
            }
        } else {
            self.stream.read_exact(&mut self.answer)?;
        }
        let right =
            self.answer.starts_with(b"HTTP/1.1 200 ") && self.answer.ends_with(BODY.as_bytes());
        if right {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "wrong answer: {}",
                String::from_utf8_lossy(&self.answer)
            )))
        }
    }
}
