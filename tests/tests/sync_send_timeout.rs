//! `mpsc::Sender::send_timeout`: the one operation of `sync` that needs the runtime's timer.

use std::time::Duration;

use filch::runtime::Builder;
use filch::sync::mpsc;
use filch::sync::mpsc::error::SendTimeoutError;
use filch::time::Instant;

#[test]
fn full_channel_gives_the_value_back_when_the_time_is_over() {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(1).await.unwrap();
        let start = Instant::now();
        let error = sender.send_timeout(2, Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(error, SendTimeoutError::Timeout(2));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        assert_eq!(receiver.recv().await, Some(1));
        sender.send_timeout(3, Duration::from_secs(3)).await.unwrap();
        assert_eq!(receiver.recv().await, Some(3));
        drop(receiver);
        let error = sender.send_timeout(4, Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(error, SendTimeoutError::Closed(4));
    });
}
