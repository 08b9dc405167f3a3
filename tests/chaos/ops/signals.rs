//! Signals to this process: each listener hears every one that was sent after it began to listen.

use filch::signal::unix::{SignalKind, signal};
use filch::sync::mpsc;
use rustix::process::{Signal, getpid, kill_process};

use crate::books::tally;
use crate::context::{Context, dither};
use crate::random::Random;

pub async fn run(context: &Context, mut random: Random) {
    let (kind, number) = match random.below(2) {
        0 => (SignalKind::user_defined1(), Signal::USR1),
        _ => (SignalKind::user_defined2(), Signal::USR2),
    };
    let (ready, mut is_ready) = mpsc::channel(4);
    let rounds = random.between(1, 3);
    let listeners = random.between(1, 5);
    let tasks: Vec<_> = (0..listeners)
        .map(|_| {
            let (context, ready) = (context.clone(), ready.clone());
            context.clone().spawn(async move {
                let mut listener = match signal(kind) {
                    Ok(listener) => listener,
                    Err(error) if context.is_refused(&error) => return,
                    Err(error) => return context.fault(format!("no listener: {error:?}")),
                };
                for _ in 0..rounds {
                    if ready.send(()).await.is_err() {
                        return;
                    }
                    // Others of this process send the same signals: this may be one of theirs.
                    listener.recv().await;
                    tally("signals heard");
                }
            })
        })
        .collect();
    drop(ready);
    // One signal for each that says that it listens, and has not heard one since. Coalesced or not, there is
    // one after the last word of each.
    while is_ready.recv().await.is_some() {
        dither(&mut random).await;
        kill_process(getpid(), number).expect("send a signal to oneself");
        tally("signals sent");
    }
    for task in tasks {
        task.join().await;
    }
}

/// Has the process ignore these signals where nobody listens: the default would end it.
pub fn ignore() {
    for number in [libc::SIGUSR1, libc::SIGUSR2] {
        // SAFETY: SIG_IGN is a valid action for these signals, and installed before any other.
        let before = unsafe { libc::signal(number, libc::SIG_IGN) };
        assert_ne!(before, libc::SIG_ERR, "ignore signal {number}");
    }
}
