//! Ten thousand times: a task makes another runnable, and spins until that has run.
//!
//! The other one waits in the spinning worker's queue or slot, and only another worker can take it. What
//! takes five seconds is a hang. After three hangs of a kind, that kind is not tried again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use filch_benches::stats::percentile;

use crate::clock::{spin, to_ms};
use crate::gate::Gate;
use crate::rows::stuck::start_from;
use crate::rows::{Figures, Wakes};
use crate::rt::{Program, Rt};

const LIMIT: Duration = Duration::from_secs(5);
const ENOUGH: u32 = 3;

/// Every spinning task is busy for so long, even if the other one has run before.
const AT_LEAST: Duration = Duration::from_millis(1);

pub(crate) struct Repetitions {
    pub(crate) times: u32,
}

impl Program for Repetitions {
    type Output = Figures;

    fn run<R: Rt>(self, runtime: R) -> io::Result<Figures> {
        let mut hangs = [0; Wakes::ALL.len()];
        let mut delays = Vec::with_capacity(self.times as usize);
        let mut tried = 0;
        for number in 0..self.times as usize {
            let kind = number % Wakes::ALL.len();
            if hangs[kind] >= ENOUGH {
                continue;
            }
            tried += 1;
            // Each kind takes turns: half of the time the other task is woken, half spawned.
            let is_woken = number / Wakes::ALL.len() % 2 == 0;
            match repeat(runtime, Wakes::ALL[kind], is_woken)? {
                Some(delay) => delays.push(delay.as_nanos() as u64),
                None => hangs[kind] += 1,
            }
        }
        delays.sort_unstable();
        let mut figures = vec![
            ("hangs, spinner from outside", f64::from(hangs[0])),
            ("hangs, spinner by timer", f64::from(hangs[1])),
            ("hangs, spinner by socket", f64::from(hangs[2])),
            ("repetitions tried", f64::from(tried)),
        ];
        if !delays.is_empty() {
            figures.push(("until it ran, median, ms", to_ms(percentile(&delays, 50.0))));
            figures.push(("until it ran, max, ms", to_ms(percentile(&delays, 100.0))));
        }
        Ok(figures)
    }
}

/// How long the other task waited; `None` if it had not run when the limit was over.
fn repeat<R: Rt>(runtime: R, woken_by: Wakes, is_woken: bool) -> io::Result<Option<Duration>> {
    let (gate, has_run) = (Arc::new(Gate::default()), Arc::new(AtomicBool::new(false)));
    let other = {
        let (gate, has_run) = (gate.clone(), has_run.clone());
        async move {
            gate.pass().await;
            // ordering: Release, with the spinner's Acquire; nothing else is published by it.
            has_run.store(true, Ordering::Release);
        }
    };
    let give_up = Instant::now() + LIMIT;
    let mut to_spawn = None;
    if is_woken {
        runtime.spawn(other);
        while !gate.has_waiter() {
            if Instant::now() > give_up {
                return Ok(None);
            }
            std::thread::yield_now();
        }
    } else {
        to_spawn = Some(other);
    }
    let (tell, outcome) = mpsc::channel();
    start_from::<R>(runtime, woken_by, move || {
        let start = Instant::now();
        gate.open();
        if let Some(other) = to_spawn {
            runtime.spawn(other);
        }
        let mut waited = None;
        while waited.is_none() && start.elapsed() < LIMIT {
            std::hint::spin_loop();
            // ordering: Acquire, with the other task's Release.
            waited = has_run.load(Ordering::Acquire).then(|| start.elapsed());
        }
        spin(AT_LEAST.saturating_sub(start.elapsed()));
        let _ = tell.send(waited);
    })?;
    // Nothing at all after twice the limit: the spinning task itself hangs.
    Ok(outcome.recv_timeout(2 * LIMIT).unwrap_or(None))
}
