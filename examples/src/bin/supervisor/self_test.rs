//! The self-test: services of every kind, and what must be said of them.

use std::process::ExitCode;
use std::time::Duration;

use filch::sync::{broadcast, mpsc};
use filch::time::timeout;
use rustix::process::Signal;

use crate::service::{Order, Policy, Service, supervise_all};

const POLICY: Policy = Policy {
    shortest_wait: Duration::from_millis(10),
    longest_wait: Duration::from_millis(40),
    calm: Duration::from_secs(60),
    grace: Duration::from_millis(300),
};

/// No step takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[filch::main]
pub async fn run() -> ExitCode {
    for (name, check) in [
        ("a failing program is started again, later each time", restarts().await),
        ("a stop is graceful, and has an end", stops().await),
        ("an impatient stop kills at once", kills().await),
    ] {
        if let Err(said) = check {
            eprintln!("self-test failed: {name}. It said:\n{}", said.join("\n"));
            return ExitCode::FAILURE;
        }
        println!("{name}");
    }
    println!("self-test passed");
    ExitCode::SUCCESS
}

/// Services under supervision, and what was said so far.
struct Stage {
    orders: broadcast::Sender<Order>,
    lines: mpsc::Receiver<String>,
    said: Vec<String>,
    all_ended: filch::task::JoinHandle<bool>,
}

impl Stage {
    fn set(services: &[(&str, &str)]) -> Stage {
        let services = services.iter().map(|(name, command)| Service {
            name: (*name).to_owned(),
            command: (*command).to_owned(),
        });
        let (orders, _) = broadcast::channel(16);
        let (sender, lines) = mpsc::channel(256);
        let all_ended = filch::spawn({
            let (services, orders) = (services.collect(), orders.clone());
            async move { supervise_all(services, POLICY, &orders, sender).await }
        });
        Stage { orders, lines, said: Vec::new(), all_ended }
    }

    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// Waits until a line was said.
    async fn hears(mut self, wanted: &str) -> Result<Stage, Vec<String>> {
        while !self.said.iter().any(|line| line == wanted) {
            match timeout(PATIENCE, self.lines.recv()).await {
                Ok(Some(line)) => self.said.push(line),
                Ok(None) | Err(_) => {
                    self.said.push(format!("(but not {wanted:?})"));
                    return Err(self.said);
                }
            }
        }
        Ok(self)
    }

    /// Waits until all is over, and says how often each of these lines was said.
    async fn ends(mut self, all_ended: bool, wanted: &[(&str, usize)]) -> Result<(), Vec<String>> {
        while let Ok(Some(line)) = timeout(PATIENCE, self.lines.recv()).await {
            self.said.push(line);
        }
        let count = |wanted: &str| self.said.iter().filter(|line| **line == wanted).count();
        let are_right = wanted.iter().all(|(line, times)| count(line) == *times);
        if are_right && self.all_ended.await.is_ok_and(|ended| ended == all_ended) {
            return Ok(());
        }
        self.said.push(format!("(but not {wanted:?}, with {all_ended})"));
        Err(self.said)
    }
}

async fn restarts() -> Result<(), Vec<String>> {
    // It fails until a file is there, which its fourth start finds.
    let file = std::env::temp_dir().join(format!("filch-supervisor-{}", std::process::id()));
    let path = file.display();
    let fails = format!("echo try; echo x >> {path}; test $(wc -l < {path}) -gt 3");
    let stage = Stage::set(&[("once", "echo out; echo err >&2"), ("fails", &fails)]);
    let wanted = [
        ("once | out", 1),
        ("once ! err", 1),
        ("once * done", 1),
        ("fails | try", 4),
        ("fails * ended with exit status: 1; again in 10ms", 1),
        ("fails * ended with exit status: 1; again in 20ms", 1),
        ("fails * ended with exit status: 1; again in 40ms", 1),
        ("fails * done", 1),
    ];
    let ended = stage.ends(true, &wanted).await;
    let _ = std::fs::remove_file(file);
    ended
}

async fn stops() -> Result<(), Vec<String>> {
    let stage = Stage::set(&[
        (
            "kind",
            "trap 'echo reload' USR1; trap 'echo bye; exit 0' TERM; echo up; \
                  while :; do sleep 0.01; done",
        ),
        ("stubborn", "trap '' TERM USR1; echo up; while :; do sleep 0.01; done"),
    ]);
    let stage = stage.hears("kind | up").await?.hears("stubborn | up").await?;
    stage.order(Order::PassOn(Signal::USR1));
    let stage = stage.hears("kind | reload").await?;
    stage.order(Order::Stop);
    let wanted =
        [("kind | bye", 1), ("kind * stopped, exit status: 0", 1), ("stubborn * killed", 1)];
    stage.ends(false, &wanted).await
}

async fn kills() -> Result<(), Vec<String>> {
    let stage = Stage::set(&[("stubborn", "trap '' TERM; echo up; while :; do sleep 0.01; done")]);
    let stage = stage.hears("stubborn | up").await?;
    let mut is_stopping = false;
    stage.order(Order::stop(&mut is_stopping));
    stage.order(Order::stop(&mut is_stopping));
    stage.ends(false, &[("stubborn * killed", 1)]).await
}
