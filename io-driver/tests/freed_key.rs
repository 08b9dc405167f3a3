//! An event whose registration is freed, and whose slot is used again, while the events of the same wait are
//! handed out: it is nobody's.
//!
//! The class of RUSTSEC-2024-0019: events for what was deregistered.

use std::future::Future;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use filch_io_driver::{Driver, Events, Interest, Registration};

/// A stream with its registration, which goes first.
struct Source {
    registration: Registration,
    _stream: UnixStream,
}

fn source(driver: &Arc<Driver>) -> (Source, UnixStream) {
    let (stream, peer) = UnixStream::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    let registration = driver.register(stream.as_fd(), Interest::READABLE).unwrap();
    (Source { registration, _stream: stream }, peer)
}

/// The first that is woken frees every source but its own, and makes others in their place.
struct Replaces {
    own: usize,
    driver: Arc<Driver>,
    sources: Arc<Mutex<Vec<Option<Source>>>>,
    is_done: Arc<AtomicBool>,
    fresh: Arc<Mutex<Vec<(Source, UnixStream)>>>,
}

impl Wake for Replaces {
    fn wake(self: Arc<Self>) {
        // Those whose source is freed are woken, too.
        if self.is_done.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut all = self.sources.lock().unwrap();
        let others = all.iter_mut().enumerate().filter(|(number, _)| *number != self.own);
        let others: Vec<_> = others.filter_map(|(_, place)| place.take()).collect();
        drop(all);
        let count = others.len();
        drop(others);
        let fresh: Vec<_> = (0..count).map(|_| source(&self.driver)).collect();
        self.fresh.lock().unwrap().extend(fresh);
    }
}

#[test]
fn event_of_a_source_that_is_replaced_during_the_same_wait_is_dropped() {
    const SOURCES: usize = 8;
    let driver = Arc::new(Driver::new().unwrap());
    let (all, peers): (Vec<_>, Vec<_>) =
        (0..SOURCES).map(|_| source(&driver)).map(|(source, peer)| (Some(source), peer)).unzip();
    let sources = Arc::new(Mutex::new(all));
    let fresh = Arc::new(Mutex::new(Vec::new()));
    let is_done = Arc::new(AtomicBool::new(false));
    for own in 0..SOURCES {
        let waker = Waker::from(Arc::new(Replaces {
            own,
            driver: driver.clone(),
            sources: sources.clone(),
            is_done: is_done.clone(),
            fresh: fresh.clone(),
        }));
        let sources = sources.lock().unwrap();
        let registration = &sources[own].as_ref().unwrap().registration;
        assert!(registration.poll_read_ready(&mut Context::from_waker(&waker)).is_pending());
    }
    // All of them are ready when the driver looks, so that one wait reports them all.
    for mut peer in &peers {
        peer.write_all(b"for the old one").unwrap();
    }
    driver.wait(&mut Events::new(), None).unwrap();
    let left: Vec<_> = sources.lock().unwrap().drain(..).flatten().collect();
    assert_eq!(left.len(), 1, "the first that was woken has freed the others");
    let fresh = std::mem::take(&mut *fresh.lock().unwrap());
    assert_eq!(fresh.len(), SOURCES - 1);
    let mut cx = Context::from_waker(Waker::noop());
    for (source, _) in &fresh {
        let ready = pin!(source.registration.readiness(Interest::READABLE)).poll(&mut cx);
        assert!(ready.is_pending(), "an event of the source that was there before");
    }
    // And it gets its own.
    for (_, peer) in &fresh {
        let mut peer = peer;
        peer.write_all(b"for the new one").unwrap();
    }
    driver.wait(&mut Events::new(), None).unwrap();
    for (source, _) in &fresh {
        assert!(pin!(source.registration.readiness(Interest::READABLE)).poll(&mut cx).is_ready());
    }
}
