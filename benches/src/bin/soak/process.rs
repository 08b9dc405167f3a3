//! A server's process, and what it holds, as the kernel tells it.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::Server;

/// How long a server may take to give everything back.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server in a process of its own, which ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) name: &'static str,
    pub(crate) port: u16,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) resident_kib: u64,
    pub(crate) descriptors: usize,
}

impl Held {
    /// Of a process of this machine.
    pub(crate) fn by(pid: u32) -> io::Result<Held> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident_kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
            .and_then(|kib| kib.parse().ok())
            .ok_or_else(|| io::Error::other("/proc/PID/status has no VmRSS"))?;
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        Ok(Held { resident_kib, descriptors })
    }

    /// Whether a process that held `start` has given back what it took since: all descriptors, and memory
    /// to within 10 %.
    pub(crate) fn is_back(&self, start: &Held) -> bool {
        self.descriptors == start.descriptors && self.resident_kib * 10 <= start.resident_kib * 11
    }
}

impl Process {
    /// Starts this program as a server.
    pub(crate) fn start(server: Server) -> io::Result<Process> {
        let (name, arguments) = match server {
            Server::Echo => ("echo", vec!["echo".to_owned()]),
            Server::Proxy { upstream } => ("proxy", vec!["proxy".to_owned(), upstream.to_string()]),
        };
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let port = line.trim().parse().map_err(|_| io::Error::other("a server did not start"))?;
        Ok(Process { child, stdout, name, port })
    }

    /// What it holds, with what its allocator keeps.
    pub(crate) fn held(&self) -> io::Result<Held> {
        Held::by(self.child.id())
    }

    /// What it holds when its allocator has given back what is free.
    fn held_in_use(&mut self) -> io::Result<Held> {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(b"\n")?;
        self.stdout.read_line(&mut String::new())?;
        self.held()
    }

    /// Waits until it has ended all its connections; what it holds then.
    pub(crate) fn idle(&mut self, descriptors: usize) -> io::Result<Held> {
        self.settled(&Held { resident_kib: u64::MAX / 11, descriptors })
    }

    /// Waits until it is back to what it held at the start, but not for ever; what it holds then.
    pub(crate) fn settled(&mut self, start: &Held) -> io::Result<Held> {
        let since = Instant::now();
        loop {
            let held = self.held_in_use()?;
            if held.is_back(start) || since.elapsed() > PATIENCE {
                return Ok(held);
            }
            // Another process can only be asked again and again.
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it; what it counted.
    pub(crate) fn ended(mut self) -> io::Result<String> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.stdout.read_to_string(&mut text)?;
        match self.child.wait()? {
            status if status.success() => Ok(text.trim().to_owned()),
            status => Err(io::Error::other(format!("the {} ended with {status}", self.name))),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
