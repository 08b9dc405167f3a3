//! One program, from its first start to its last end.
//!
//! Invariants
//! S1  A signal is sent to a group only while its leader has not been reaped: the number is the group's.
//! S2  When a service is over its program has ended and been reaped.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use filch::io::{AsyncBufReadExt, AsyncRead, BufReader};
use filch::process::{Child, Command};
use filch::sync::{broadcast, mpsc};
use filch::task::JoinSet;
use filch::time::{sleep, timeout};
use rustix::process::{Pid, Signal, kill_process_group};

/// A program and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    /// For `sh -c`.
    pub command: String,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// After the first failure; after each further one twice as long.
    pub shortest_wait: Duration,
    pub longest_wait: Duration,
    /// Who has run for so long fails for the first time again.
    pub calm: Duration,
    /// From `SIGTERM` to `SIGKILL`.
    pub grace: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            shortest_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(10),
            calm: Duration::from_secs(10),
            grace: Duration::from_secs(5),
        }
    }
}

/// What all services are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send this signal to the program.
    PassOn(Signal),
    /// End it, and do not start it again.
    Stop,
    /// The same, at once.
    Kill,
}

impl Order {
    /// The first request is for a stop, the next ones are impatient.
    pub fn stop(is_stopping: &mut bool) -> Order {
        if std::mem::replace(is_stopping, true) { Order::Kill } else { Order::Stop }
    }
}

/// What is said when a program has ended and its group holds the pipes open: for so long they are read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs all services until the last one is over; false if one of them had to be killed.
pub async fn supervise_all(
    services: Vec<Service>,
    policy: Policy,
    orders: &broadcast::Sender<Order>,
    lines: mpsc::Sender<String>,
) -> bool {
    let mut running = JoinSet::new();
    for service in services {
        running.spawn(supervise(service, policy, orders.subscribe(), lines.clone()));
    }
    drop(lines);
    running.join_all().await.into_iter().all(|ended| ended)
}

/// Runs one service until it is over; false if it had to be killed.
async fn supervise(
    service: Service,
    policy: Policy,
    mut orders: broadcast::Receiver<Order>,
    lines: mpsc::Sender<String>,
) -> bool {
    let say = async |what: String| {
        let _ = lines.send(format!("{} * {what}", service.name)).await;
    };
    let mut wait = policy.shortest_wait;
    loop {
        let begin = Instant::now();
        let end = match start(&service.command) {
            Ok(child) => attend(child, &service.name, policy, &mut orders, &lines).await,
            Err(error) => End::Failed(format!("cannot be started: {error}")),
        };
        match end {
            End::Done => {
                say("done".to_owned()).await;
                return true;
            }
            End::Stopped(status) => {
                say(format!("stopped, {status}")).await;
                return true;
            }
            End::Killed => {
                say("killed".to_owned()).await;
                return false;
            }
            End::Failed(how) => {
                if begin.elapsed() >= policy.calm {
                    wait = policy.shortest_wait;
                }
                say(format!("{how}; again in {wait:?}")).await;
                if stopped_within(wait, &mut orders).await {
                    say("stopped".to_owned()).await;
                    return true;
                }
                wait = (wait * 2).min(policy.longest_wait);
            }
        }
    }
}

/// How a program ended.
enum End {
    Done,
    Failed(String),
    Stopped(ExitStatus),
    Killed,
}

fn start(command: &str) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", command])
        // The terminal's Ctrl-C is for the supervisor, which passes on what it makes of it.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Follows orders until the program has ended, and all of its lines are on their way.
async fn attend(
    mut child: Child,
    name: &str,
    policy: Policy,
    orders: &mut broadcast::Receiver<Order>,
    lines: &mpsc::Sender<String>,
) -> End {
    let mut readers = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        readers.spawn(prefix(stdout, format!("{name} | "), lines.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.spawn(prefix(stderr, format!("{name} ! "), lines.clone()));
    }
    // Until `wait` has returned the number is the child's, and its group's. Keeps S1.
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let send = |signal| {
        // A group that has just ended has nobody to be told.
        let _ = group.map(|group| kill_process_group(group, signal));
    };
    let (mut is_stopping, mut was_killed) = (false, false);
    let mut grace = pin!(sleep(Duration::MAX));
    let status = loop {
        filch::select! {
            status = child.wait() => break status,
            order = next(orders) => match order {
                Order::PassOn(signal) => send(signal),
                Order::Stop => {
                    is_stopping = true;
                    send(Signal::TERM);
                    grace.set(sleep(policy.grace));
                }
                Order::Kill => {
                    was_killed = true;
                    send(Signal::KILL);
                }
            },
            () = &mut grace, if is_stopping && !was_killed => {
                was_killed = true;
                send(Signal::KILL);
            }
        }
    };
    let _ = timeout(LAST_WORDS, async { while readers.join_next().await.is_some() {} }).await;
    match status {
        _ if was_killed => End::Killed,
        Ok(status) if is_stopping => End::Stopped(status),
        Ok(status) if status.success() => End::Done,
        Ok(status) => End::Failed(format!("ended with {status}")),
        Err(error) => End::Failed(format!("cannot be awaited: {error}")),
    }
}

/// The next order. Whoever gave them is gone: stop.
async fn next(orders: &mut broadcast::Receiver<Order>) -> Order {
    loop {
        match orders.recv().await {
            Ok(order) => return order,
            // Too many signals at once; the last ones count.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return Order::Stop,
        }
    }
}

/// Waits, and says whether a stop was ordered meanwhile. Signals are for programs that run.
async fn stopped_within(wait: Duration, orders: &mut broadcast::Receiver<Order>) -> bool {
    let stopped = async { while let Order::PassOn(_) = next(orders).await {} };
    timeout(wait, stopped).await.is_ok()
}

/// Sends the lines on, with something in front. What is no UTF-8 is replaced.
async fn prefix(from: impl AsyncRead + Unpin, prefix: String, lines: mpsc::Sender<String>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        if lines.send(format!("{prefix}{}", text.trim_end_matches('\n'))).await.is_err() {
            return;
        }
        line.clear();
    }
}
