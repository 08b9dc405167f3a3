//! Registering, refusing, deregistering, shutting down; and that nothing is left open.
//!
//! One process-wide count of descriptors, so these tests take turns.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use filch_io_driver::{Driver, Events, Interest, Registration};

static TURN: Mutex<()> = Mutex::new(());

fn my_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn driver() -> Arc<Driver> {
    Arc::new(Driver::new().unwrap())
}

fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, theirs)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn regular_file_is_refused_and_its_slot_given_back() {
    let _turn = my_turn();
    let driver = driver();
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let error = driver.register(file.as_fd(), Interest::READABLE).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::PERM.raw_os_error()));
    assert_eq!(driver.registered(), 0);
}

#[test]
fn closed_descriptor_is_refused() {
    let _turn = my_turn();
    let driver = driver();
    // Beyond every limit: nobody can have opened it.
    // SAFETY: no descriptor is behind it; it is only given to `epoll_ctl`, which says so.
    let closed = unsafe { BorrowedFd::borrow_raw(RawFd::MAX) };
    let error = driver.register(closed, Interest::READABLE).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()));
    assert_eq!(driver.registered(), 0);
}

#[test]
fn second_registration_of_one_source_is_refused() {
    let _turn = my_turn();
    let driver = driver();
    let (ours, mut theirs) = pair();
    let registration = driver.register(ours.as_fd(), Interest::READABLE).unwrap();
    let error = driver.register(ours.as_fd(), Interest::READABLE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(driver.registered(), 1);
    // The first one is not harmed.
    theirs.write_all(b"x").unwrap();
    assert_eq!(driver.wait(&mut Events::new(), None).unwrap().events, 1);
    registration.deregister(ours.as_fd()).unwrap();
}

#[test]
fn deregistered_source_can_come_back() {
    let _turn = my_turn();
    let driver = driver();
    let (ours, mut theirs) = pair();
    for _ in 0..3 {
        let registration = driver.register(ours.as_fd(), Interest::READABLE).unwrap();
        theirs.write_all(b"x").unwrap();
        assert_eq!(driver.wait(&mut Events::new(), None).unwrap().events, 1);
        registration.deregister(ours.as_fd()).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(error)) = registration.poll_read_ready(&mut cx) else { panic!() };
        assert!(error.to_string().contains("no longer registered"), "{error}");
        let again = registration.deregister(ours.as_fd()).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::NotFound);
    }
    assert_eq!(driver.registered(), 0);
}

#[test]
fn deregister_wakes_the_waiter() {
    let _turn = my_turn();
    let driver = driver();
    let (ours, _theirs) = pair();
    let registration = driver.register(ours.as_fd(), Interest::READABLE).unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(registration.poll_read_ready(&mut Context::from_waker(&waker)).is_pending());
    registration.deregister(ours.as_fd()).unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
}

#[test]
fn source_closed_too_early_gives_an_error_and_frees_its_slot() {
    let _turn = my_turn();
    let driver = driver();
    let (ours, _theirs) = pair();
    let registration = driver.register(ours.as_fd(), Interest::READABLE).unwrap();
    drop(ours);
    // SAFETY: as in `closed_descriptor_is_refused`.
    let closed = unsafe { BorrowedFd::borrow_raw(RawFd::MAX) };
    let error = registration.deregister(closed).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()));
    drop(registration);
    assert_eq!(driver.registered(), 0);
}

#[test]
fn shutdown_wakes_waiters_and_refuses_from_then_on() {
    let _turn = my_turn();
    let driver = driver();
    let (ours, mut theirs) = pair();
    let registration = driver.register(ours.as_fd(), Interest::READABLE).unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(registration.poll_read_ready(&mut cx).is_pending());
    assert!(!driver.is_shutdown());

    driver.shutdown();
    assert!(driver.is_shutdown());
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    let says_so = |error: std::io::Error| {
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("shut down"), "{error}");
    };
    let Poll::Ready(Err(error)) = registration.poll_read_ready(&mut cx) else { panic!() };
    says_so(error);
    says_so(registration.try_io(Interest::READABLE, || Ok(())).unwrap_err());
    let (other, _peer) = pair();
    says_so(driver.register(other.as_fd(), Interest::READABLE).unwrap_err());

    // Events go on and change nothing about it.
    theirs.write_all(b"x").unwrap();
    driver.wait(&mut Events::new(), Some(Duration::ZERO)).unwrap();
    let Poll::Ready(Err(error)) = registration.poll_read_ready(&mut cx) else { panic!() };
    says_so(error);
    driver.shutdown();
    registration.deregister(ours.as_fd()).unwrap();
}

#[test]
fn registration_outlives_the_last_handle_of_its_driver() {
    let _turn = my_turn();
    let driver = driver();
    let (ours, _theirs) = pair();
    let registration = driver.register(ours.as_fd(), Interest::READABLE).unwrap();
    driver.shutdown();
    drop(driver);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(registration.poll_read_ready(&mut cx), Poll::Ready(Err(_))));
    assert!(registration.driver().is_shutdown());
}

#[test]
fn no_descriptor_is_left_open() {
    let _turn = my_turn();
    let before = descriptors();
    for _ in 0..10 {
        let driver = driver();
        let _ = driver.set_alarm(Some(Instant::now()));
        let pairs: Vec<_> = (0..20).map(|_| pair()).collect();
        let registrations: Vec<_> = pairs
            .iter()
            .map(|(ours, _)| driver.register(ours.as_fd(), Interest::READABLE).unwrap())
            .collect();
        driver.wait(&mut Events::new(), Some(Duration::ZERO)).unwrap();
        drop(registrations);
    }
    assert_eq!(descriptors(), before);
}

#[test]
fn descriptors_are_closed_on_exec() {
    let _turn = my_turn();
    let names = || -> Vec<String> {
        std::fs::read_dir("/proc/self/fdinfo")
            .unwrap()
            .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
            .filter(|info| {
                info.contains("eventfd") || info.contains("tfd:") || info.contains("clockid")
            })
            .collect()
    };
    let before = names().len();
    let driver = driver();
    if driver.supports_alarm() {
        driver.set_alarm(Some(Instant::now())).unwrap();
    }
    let ours = names();
    assert!(ours.len() >= before + 3, "epoll, eventfd and timerfd not found");
    for info in ours {
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        let flags = u32::from_str_radix(flags, 8).unwrap();
        assert_ne!(flags & 0o2_000_000, 0, "inherited by exec: {info}");
    }
}

#[test]
fn registration_is_small() {
    // 64 of the slot and what the owner of the source holds.
    assert!(64 + size_of::<Registration>() + size_of::<u32>() <= 128);
    assert!(size_of::<Registration>() <= 24);
}

#[test]
fn types_print() {
    let _turn = my_turn();
    let driver = driver();
    let (ours, _theirs) = pair();
    let registration = driver.register(ours.as_fd(), Interest::WRITABLE).unwrap();
    let mut events = Events::new();
    driver.wait(&mut events, None).unwrap();
    assert!(format!("{registration:?}").contains("WRITABLE"));
    assert!(format!("{events:?}").contains("Source"));
    assert!(format!("{driver:?}").contains("registered: 1"));
}
