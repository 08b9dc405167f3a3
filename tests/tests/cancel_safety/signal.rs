//! `signal`.

use filch::signal::ctrl_c;
use filch::signal::unix::{Signal, SignalKind, signal};
use filch_tests::cancel_safety::Place::Sockets;
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Env, Other, Trial, same};

/// A signal to this thread: another one's system calls are not interrupted. It has been heard by the
/// listeners when the driver has looked.
fn raise(kind: SignalKind) {
    // SAFETY: there is a listener, so the signal does no more than call its handler.
    assert_eq!(unsafe { libc::raise(kind.as_raw_value()) }, 0);
}

fn listener(kind: SignalKind) -> Signal {
    signal(kind).unwrap()
}

/// Waits until a listener that nobody drops has heard the signal.
fn until_heard(witness: &mut Signal, env: &Env) {
    env.block_on(witness.recv()).unwrap();
}

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "signal::unix::Signal::recv",
            Safe("the next call gets the signal"),
            Trial {
                place: Sockets,
                world: |_| {
                    (listener(SignalKind::user_defined1()), listener(SignalKind::user_defined1()))
                },
                future: |signal| Box::pin(signal.recv()),
                events: [|witness, env| {
                    raise(SignalKind::user_defined1());
                    until_heard(witness, env);
                }],
                check: |mut signal, _, out, _| match out {
                    Some(heard) => same(heard, Some(())),
                    None => Other::new(async move { signal.recv().await }).finish().map(drop),
                },
            },
        ),
        Case::new(
            "signal::ctrl_c",
            Loses("a signal that came since the last poll; keep a `Signal` to lose none"),
            Trial {
                place: Sockets,
                // The witness keeps the signal from ending the process, too.
                world: |_| ((), listener(SignalKind::interrupt())),
                future: |_| Box::pin(async { ctrl_c().await.unwrap() }),
                events: [|witness, env| {
                    raise(SignalKind::interrupt());
                    until_heard(witness, env);
                }],
                check: |_, _witness, out, _| {
                    let mut next = Other::new(async { ctrl_c().await.unwrap() });
                    same(out.is_some() || next.poll_if_woken().is_some(), true)
                },
            },
        ),
    ]
}
