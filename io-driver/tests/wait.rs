//! The wait: notifications, the alarm, time-outs, signals.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use filch_io_driver::{Driver, Events, Waited};

fn driver() -> Arc<Driver> {
    Arc::new(Driver::new().unwrap())
}

#[test]
fn notify_before_the_wait_ends_it() {
    let driver = driver();
    driver.notify();
    driver.notify();
    let mut events = Events::new();
    let waited = driver.wait(&mut events, None).unwrap();
    assert_eq!(waited, Waited { events: 0, notified: true, alarm: false });
    // Both were one.
    let waited = driver.wait(&mut events, Some(Duration::ZERO)).unwrap();
    assert_eq!(waited, Waited::default());
}

#[test]
fn notify_wakes_one_of_two_waiters_and_none_is_lost() {
    const ROUNDS: usize = 2_000;
    let driver = driver();
    if driver.max_waiters() < 2 {
        return;
    }
    let (told, wakes) = mpsc::channel();
    let stopping = Arc::new(AtomicUsize::new(0));
    let waiters: Vec<_> = (0..2)
        .map(|_| {
            let (driver, told, stopping) = (driver.clone(), told.clone(), stopping.clone());
            thread::spawn(move || {
                let mut events = Events::new();
                loop {
                    let waited = driver.wait(&mut events, None).unwrap();
                    if stopping.load(Ordering::SeqCst) == 1 {
                        driver.notify();
                        return;
                    }
                    if waited.notified {
                        told.send(()).unwrap();
                    }
                }
            })
        })
        .collect();
    for round in 0..ROUNDS {
        driver.notify();
        wakes.recv().unwrap();
        assert!(wakes.try_recv().is_err(), "round {round}: both woke for one notification");
    }
    stopping.store(1, Ordering::SeqCst);
    driver.notify();
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    assert_eq!(wakes.try_iter().count(), 0);
}

#[test]
fn time_out_is_never_early() {
    let driver = driver();
    let mut events = Events::new();
    for timeout in [Duration::from_nanos(1), Duration::from_micros(1_500)] {
        let start = Instant::now();
        let waited = driver.wait(&mut events, Some(timeout)).unwrap();
        assert_eq!(waited, Waited::default());
        assert!(start.elapsed() >= timeout);
    }
}

#[test]
fn absurd_time_out_waits_for_the_notification() {
    let driver = driver();
    let waiting = Barrier::new(2);
    thread::scope(|scope| {
        let notifying = scope.spawn(|| {
            waiting.wait();
            driver.notify();
        });
        waiting.wait();
        assert!(driver.wait(&mut Events::new(), Some(Duration::MAX)).unwrap().notified);
        // Joined, which a sanitizer sees; what ends a scope it does not see.
        notifying.join().unwrap();
    });
}

/// A process that is stopped and continued gets EINTR from its wait, with no handler installed.
#[cfg(target_os = "linux")]
#[test]
fn signal_ends_the_wait_with_nothing() {
    const EPOLL_PWAIT2: &str = "441 ";
    let driver = driver();
    let (told, thread_path) = mpsc::channel();
    let waiter = {
        let driver = driver.clone();
        thread::spawn(move || {
            told.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
            driver.wait(&mut Events::new(), None).unwrap()
        })
    };
    // Only once it is in the system call does the signal interrupt that.
    let task = std::path::Path::new("/proc").join(thread_path.recv().unwrap());
    while !std::fs::read_to_string(task.join("syscall")).unwrap().starts_with(EPOLL_PWAIT2) {
        thread::yield_now();
    }
    let me = std::process::id();
    // Continued too early, it would never have been stopped.
    let stopped = format!("grep -q '^State:.T' {}/status", task.display());
    let script = format!("kill -STOP {me}; until {stopped}; do :; done; kill -CONT {me}");
    assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
    assert_eq!(waiter.join().unwrap(), Waited::default());
}

#[cfg(target_os = "linux")]
mod alarm {
    use super::*;

    const SOON: Duration = Duration::from_millis(2);

    #[test]
    fn fires_once_and_not_early() {
        let driver = driver();
        assert!(driver.supports_alarm());
        let mut events = Events::new();
        for _ in 0..5 {
            let at = Instant::now() + SOON;
            driver.set_alarm(Some(at)).unwrap();
            let waited = driver.wait(&mut events, None).unwrap();
            assert!(Instant::now() >= at, "early");
            assert_eq!(waited, Waited { events: 0, notified: false, alarm: true });
            let waited = driver.wait(&mut events, Some(SOON)).unwrap();
            assert_eq!(waited, Waited::default(), "a second time");
        }
    }

    #[test]
    fn past_moment_fires_at_once() {
        let driver = driver();
        driver.set_alarm(Some(Instant::now())).unwrap();
        assert!(driver.wait(&mut Events::new(), None).unwrap().alarm);
        driver.set_alarm(Some(Instant::now() - SOON)).unwrap();
        assert!(driver.wait(&mut Events::new(), None).unwrap().alarm);
    }

    #[test]
    fn later_setting_replaces_an_expiry_that_nobody_saw() {
        let driver = driver();
        driver.set_alarm(Some(Instant::now())).unwrap();
        driver.set_alarm(Some(Instant::now() + Duration::from_secs(3_600))).unwrap();
        let waited = driver.wait(&mut Events::new(), Some(SOON)).unwrap();
        assert_eq!(waited, Waited::default());
        driver.set_alarm(Some(Instant::now())).unwrap();
        driver.set_alarm(None).unwrap();
        let waited = driver.wait(&mut Events::new(), Some(SOON)).unwrap();
        assert_eq!(waited, Waited::default());
    }

    #[test]
    fn disarming_what_was_never_set_does_nothing() {
        driver().set_alarm(None).unwrap();
    }

    #[test]
    fn one_expiry_wakes_one_of_two_waiters() {
        let driver = driver();
        let (told, wakes) = mpsc::channel();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let (driver, told) = (driver.clone(), told.clone());
                thread::spawn(move || {
                    let mut events = Events::new();
                    loop {
                        let waited = driver.wait(&mut events, None).unwrap();
                        if waited.notified {
                            driver.notify();
                            return;
                        }
                        if waited.alarm {
                            told.send(Instant::now()).unwrap();
                        }
                    }
                })
            })
            .collect();
        for _ in 0..50 {
            let at = Instant::now() + Duration::from_micros(300);
            driver.set_alarm(Some(at)).unwrap();
            assert!(wakes.recv().unwrap() >= at);
            assert!(wakes.try_recv().is_err(), "both woke for one expiry");
        }
        driver.notify();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(wakes.try_iter().count(), 0);
    }

    #[test]
    fn alarm_set_first_by_several_threads_fires() {
        for _ in 0..20 {
            let driver = driver();
            let barrier = Barrier::new(3);
            let at = Instant::now() + Duration::from_micros(200);
            thread::scope(|scope| {
                let threads = [(); 3].map(|()| {
                    scope.spawn(|| {
                        barrier.wait();
                        driver.set_alarm(Some(at)).unwrap();
                    })
                });
                // Joined, which a sanitizer sees; what ends a scope it does not see.
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            });
            assert!(driver.wait(&mut Events::new(), None).unwrap().alarm);
        }
    }
}

/// A wait, and a look, take as many events as their limits say; the rest stay for the next.
#[test]
#[cfg(target_os = "linux")]
fn limits_bound_what_a_wait_takes() {
    use filch_io_driver::{Interest, Limits};
    let driver = driver();
    let pairs: Vec<_> = (0..5).map(|_| std::os::unix::net::UnixStream::pair().unwrap()).collect();
    let registrations: Vec<_> = pairs
        .iter()
        .map(|(near, _)| {
            near.set_nonblocking(true).unwrap();
            driver.register(std::os::fd::AsFd::as_fd(near), Interest::READABLE).unwrap()
        })
        .collect();
    // What a registration brings by itself is out of the way.
    let mut all = Events::new();
    driver.wait(&mut all, Some(Duration::ZERO)).unwrap();
    for (_, far) in &pairs {
        std::io::Write::write_all(&mut &*far, b"x").unwrap();
    }
    let mut events = Events::with_limits(Limits { wait: 2, look: 1 });
    assert_eq!(driver.wait(&mut events, None).unwrap().events, 2);
    assert_eq!(driver.wait(&mut events, Some(Duration::ZERO)).unwrap().events, 1);
    // A look takes no more than a wait.
    let mut events = Events::with_limits(Limits { wait: 1, look: 9 });
    assert_eq!(driver.wait(&mut events, Some(Duration::ZERO)).unwrap().events, 1);
    assert_eq!(driver.wait(&mut events, None).unwrap().events, 1);
    assert_eq!(driver.wait(&mut events, Some(Duration::ZERO)).unwrap().events, 0);
    drop(registrations);
}

#[test]
#[should_panic(expected = "a wait for no events")]
fn limit_of_zero_panics() {
    let limits = filch_io_driver::Limits { wait: 1, look: 0 };
    let _ = Events::with_limits(limits);
}
