//! `send_timeout` on a timer that is given from outside. A process of its own: the timer is global.

mod common;

use std::sync::Mutex;
use std::time::Duration;

use common::{now, spawn};
use filch_sync::mpsc::{channel, error::SendTimeoutError};
use filch_sync::oneshot;

/// The sleeps that were asked for: completed by the test.
static SLEEPS: Mutex<Vec<(Duration, oneshot::Sender<()>)>> = Mutex::new(Vec::new());

fn take_sleep() -> (Duration, oneshot::Sender<()>) {
    SLEEPS.lock().unwrap().pop().unwrap()
}

#[test]
fn times_out_or_sends_or_is_closed() {
    let (tx, mut rx) = channel(1);
    tx.try_send(1).unwrap();

    let without_timer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        now(tx.send_timeout(2, Duration::from_secs(1)))
    }));
    let message = without_timer.unwrap_err();
    assert!(message.downcast_ref::<String>().map_or_else(
        || message.downcast_ref::<&str>().unwrap().contains("there is no reactor running"),
        |text| text.contains("there is no reactor running"),
    ));

    filch_sync::hooks::set_sleep(|duration| {
        let (done, sleep) = oneshot::channel();
        SLEEPS.lock().unwrap().push((duration, done));
        Box::pin(async move { sleep.await.unwrap() })
    });

    let mut send = spawn(tx.send_timeout(2, Duration::from_secs(3)));
    assert!(send.is_pending());
    let (duration, done) = take_sleep();
    assert_eq!(duration, Duration::from_secs(3));
    done.send(()).unwrap();
    assert_eq!(send.wakes(), 1);
    let error = send.ready().unwrap_err();
    assert_eq!(error, SendTimeoutError::Timeout(2));
    assert_eq!(error.to_string(), "timed out waiting on send operation");
    assert_eq!(format!("{error:?}"), "Timeout(..)");
    drop(send);

    let mut send = spawn(tx.send_timeout(2, Duration::from_secs(3)));
    assert!(send.is_pending());
    let (_, done) = take_sleep();
    assert_eq!(now(rx.recv()), Some(1));
    send.ready().unwrap();
    assert!(done.is_closed(), "the sleep goes with the send");
    drop(send);

    let mut send = spawn(tx.send_timeout(3, Duration::from_secs(3)));
    assert!(send.is_pending());
    rx.close();
    assert_eq!(send.ready(), Err(SendTimeoutError::Closed(3)));
}
