//! What the kernel's events become: data, ends, errors, and what a clear may take away.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use filch_io_driver::{Direction, Driver, Events, Interest, Ready, Registration};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

fn driver() -> Arc<Driver> {
    Arc::new(Driver::new().unwrap())
}

fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, theirs)
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, theirs)
}

/// Takes what events are there.
fn turn(driver: &Driver) {
    driver.wait(&mut Events::new(), Some(std::time::Duration::ZERO)).unwrap();
}

/// Runs a future on this thread, with the driver as the only source of wakes.
fn block_on<F: Future>(driver: &Driver, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut events = Events::new();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        driver.wait(&mut events, None).unwrap();
    }
}

fn poll_read(registration: &Registration) -> Poll<io::Result<Ready>> {
    let mut cx = Context::from_waker(Waker::noop());
    registration.poll_read_ready(&mut cx).map_ok(|event| event.ready)
}

async fn ready(registration: &Registration, interest: Interest) -> Ready {
    registration.readiness(interest).await.unwrap().ready
}

/// One stream's read by the short-read rule, as the runtime's streams do it.
async fn read(registration: &Registration, mut from: impl Read, buffer: &mut [u8]) -> usize {
    poll_fn(|cx| {
        registration.poll_io_event(cx, Direction::Read, |event| {
            let n = from.read(buffer)?;
            if 0 < n && n < buffer.len() {
                registration.clear_short_read(event);
            }
            Ok(n)
        })
    })
    .await
    .unwrap()
}

#[test]
fn echo_between_threads() {
    const ROUNDS: u32 = 2_000;
    let driver = driver();
    let (ours, mut theirs) = pair();
    let registration = driver.register(ours.as_fd(), BOTH).unwrap();
    let peer = thread::spawn(move || {
        for i in 0..ROUNDS {
            theirs.write_all(&i.to_ne_bytes()).unwrap();
            let mut back = [0; 4];
            theirs.read_exact(&mut back).unwrap();
            assert_eq!(u32::from_ne_bytes(back), i);
        }
    });
    block_on(&driver, async {
        let mut buffer = [0; 64];
        loop {
            let n = read(&registration, &ours, &mut buffer).await;
            if n == 0 {
                return;
            }
            registration
                .async_io(Interest::WRITABLE, || (&ours).write_all(&buffer[..n]))
                .await
                .unwrap();
        }
    });
    peer.join().unwrap();
    registration.deregister(ours.as_fd()).unwrap();
}

#[test]
fn several_threads_wait_and_no_event_is_lost() {
    const PAIRS: usize = 8;
    const ROUNDS: usize = 500;
    let driver = driver();
    let stop = Arc::new(AtomicBool::new(false));
    let waiters: Vec<_> = (0..3.min(driver.max_waiters()))
        .map(|_| {
            let (driver, stop) = (driver.clone(), stop.clone());
            thread::spawn(move || {
                let mut events = Events::new();
                while !stop.load(Ordering::SeqCst) {
                    driver.wait(&mut events, None).unwrap();
                }
                // A notification is for one waiter: pass it on.
                driver.notify();
            })
        })
        .collect();
    thread::scope(|scope| {
        let threads = [(); PAIRS].map(|()| {
            scope.spawn(|| {
                let (a, b) = pair();
                b.set_nonblocking(true).unwrap();
                let ra = driver.register(a.as_fd(), BOTH).unwrap();
                let rb = driver.register(b.as_fd(), BOTH).unwrap();
                park_on(async {
                    for _ in 0..ROUNDS {
                        ra.async_io(Interest::WRITABLE, || (&a).write(b"x")).await.unwrap();
                        assert_eq!(read(&rb, &b, &mut [0; 8]).await, 1);
                        rb.async_io(Interest::WRITABLE, || (&b).write(b"y")).await.unwrap();
                        assert_eq!(read(&ra, &a, &mut [0; 8]).await, 1);
                    }
                });
            })
        });
        // Joined, which a sanitizer sees; what ends a scope it does not see.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    stop.store(true, Ordering::SeqCst);
    driver.notify();
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    assert_eq!(driver.registered(), 0);
}

/// Runs a future on this thread; others drive.
fn park_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[test]
fn stale_event_of_a_reused_slot_is_dropped() {
    let driver = driver();
    let (first, mut peer) = pair();
    // The duplicate keeps the kernel's entry alive after the registration is gone.
    let keep = first.try_clone().unwrap();
    drop(driver.register(first.as_fd(), BOTH).unwrap());
    let (second, _peer) = pair();
    let registration = driver.register(second.as_fd(), Interest::READABLE).unwrap();
    peer.write_all(b"for the first").unwrap();
    let waited = driver.wait(&mut Events::new(), None).unwrap();
    assert_eq!(waited.events, 0, "an event of the first registration counted");
    assert!(poll_read(&registration).is_pending());
    drop(keep);
}

#[test]
fn clear_leaves_the_news_of_a_later_event() {
    let driver = driver();
    let (ours, mut theirs) = pair();
    let registration = driver.register(ours.as_fd(), Interest::READABLE).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    theirs.write_all(b"1").unwrap();
    turn(&driver);
    let Poll::Ready(Ok(event)) = registration.poll_read_ready(&mut cx) else { panic!() };
    theirs.write_all(b"2").unwrap();
    turn(&driver);
    registration.clear_readiness(event);
    let Poll::Ready(Ok(event)) = registration.poll_read_ready(&mut cx) else { panic!("eaten") };
    registration.clear_readiness(event);
    assert!(registration.poll_read_ready(&mut cx).is_pending());
}

#[test]
fn end_of_stream_that_comes_with_data_survives_the_short_read() {
    for (kind, (ours, theirs)) in [("tcp", tcp_pair().into_boxed()), ("unix", pair().into_boxed())]
    {
        let driver = driver();
        let registration = driver.register(ours.as_fd(), BOTH).unwrap();
        // Take the first event, so that data and end make one of their own.
        assert!(block_on(&driver, ready(&registration, Interest::WRITABLE)).is_writable());
        theirs.send_and_shut(b"last words");
        block_on(&driver, async {
            assert!(ready(&registration, Interest::READABLE).await.is_read_closed(), "{kind}");
            let mut buffer = [0; 64];
            assert_eq!(read(&registration, ours.reader(), &mut buffer).await, 10, "{kind}");
            // Would hang here if the short read had taken the readiness away.
            assert_eq!(read(&registration, ours.reader(), &mut buffer).await, 0, "{kind}");
        });
    }
}

/// Both kinds of stream in one list.
trait Stream: AsFd {
    fn reader(&self) -> Box<dyn Read + '_>;
    fn send_and_shut(&self, data: &[u8]);
}

impl Stream for TcpStream {
    fn reader(&self) -> Box<dyn Read + '_> {
        Box::new(self)
    }
    fn send_and_shut(&self, data: &[u8]) {
        let mut this = self;
        this.write_all(data).unwrap();
        self.shutdown(std::net::Shutdown::Write).unwrap();
    }
}

impl Stream for UnixStream {
    fn reader(&self) -> Box<dyn Read + '_> {
        Box::new(self)
    }
    fn send_and_shut(&self, data: &[u8]) {
        let mut this = self;
        this.write_all(data).unwrap();
        self.shutdown(std::net::Shutdown::Write).unwrap();
    }
}

trait IntoBoxed {
    fn into_boxed(self) -> (Box<dyn Stream>, Box<dyn Stream>);
}

impl<A: Stream + 'static, B: Stream + 'static> IntoBoxed for (A, B) {
    fn into_boxed(self) -> (Box<dyn Stream>, Box<dyn Stream>) {
        (Box::new(self.0), Box::new(self.1))
    }
}

#[test]
fn short_read_saves_the_read_that_would_block() {
    let driver = driver();
    let (ours, mut theirs) = pair();
    let registration = driver.register(ours.as_fd(), Interest::READABLE).unwrap();
    theirs.write_all(b"abc").unwrap();
    assert_eq!(block_on(&driver, read(&registration, &ours, &mut [0; 8])), 3);
    assert!(poll_read(&registration).is_pending(), "not cleared");
    // A read that fills its buffer leaves readiness alone: there may be more.
    theirs.write_all(b"abcdef").unwrap();
    assert_eq!(block_on(&driver, read(&registration, &ours, &mut [0; 3])), 3);
    assert!(poll_read(&registration).is_ready());
}

#[test]
fn short_write_saves_the_write_that_would_block() {
    let driver = driver();
    let (ours, mut theirs) = pair();
    let registration = driver.register(ours.as_fd(), BOTH).unwrap();
    let event = block_on(&driver, registration.readiness(Interest::WRITABLE)).unwrap();
    registration.clear_short_write(event);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(registration.poll_write_ready(&mut cx).is_pending());
    // Fill the buffer, empty it: a new edge.
    while (&ours).write(&[0; 4096]).is_ok() {}
    let reader = thread::spawn(move || {
        let mut sink = [0; 65_536];
        while theirs.read(&mut sink).unwrap() > 0 {}
    });
    assert!(block_on(&driver, ready(&registration, Interest::WRITABLE)).is_writable());
    drop(registration);
    drop(ours);
    reader.join().unwrap();
}

#[test]
fn hang_up_closes_both_ends_and_stays() {
    let driver = driver();
    let (ours, theirs) = pair();
    let registration = driver.register(ours.as_fd(), BOTH).unwrap();
    drop(theirs);
    turn(&driver);
    let mut cx = Context::from_waker(Waker::noop());
    for direction in [Direction::Read, Direction::Write] {
        let Poll::Ready(Ok(event)) = registration.poll_ready(&mut cx, direction) else { panic!() };
        registration.clear_readiness(event);
        let Poll::Ready(Ok(event)) = registration.poll_ready(&mut cx, direction) else {
            panic!("a closed end was cleared")
        };
        assert!(event.ready.is_read_closed() || event.ready.is_write_closed());
    }
}

#[test]
fn error_wakes_reader_and_writer_and_who_asks_for_it() {
    // A datagram to a port that nobody listens on: the kernel reports ECONNREFUSED.
    let dead = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.connect(dead).unwrap();
    let driver = driver();
    let registration = driver.register(socket.as_fd(), BOTH).unwrap();
    block_on(&driver, async {
        registration.async_io(Interest::WRITABLE, || socket.send(b"x")).await.unwrap();
        let ready = ready(&registration, Interest::ERROR).await;
        assert!(ready.is_error() && !ready.is_write_closed());
        let error = registration
            .async_io(Interest::READABLE, || socket.recv(&mut [0; 8]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn reader_gone_closes_the_write_end_of_a_pipe() {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
    let driver = driver();
    let registration = driver.register(writer.as_fd(), Interest::WRITABLE).unwrap();
    drop(reader);
    let ready = block_on(&driver, ready(&registration, Interest::WRITABLE));
    assert!(ready.is_write_closed(), "{ready:?}");
}

#[test]
fn out_of_band_data_is_priority() {
    let (ours, theirs) = tcp_pair();
    let driver = driver();
    let interest = Interest::READABLE | Interest::PRIORITY;
    let registration = driver.register(ours.as_fd(), interest).unwrap();
    rustix::net::send(&theirs, b"!", rustix::net::SendFlags::OOB).unwrap();
    assert!(block_on(&driver, ready(&registration, Interest::PRIORITY)).is_priority());
}

#[test]
fn try_io_clears_on_would_block_only() {
    let driver = driver();
    let (ours, mut theirs) = pair();
    let registration = driver.register(ours.as_fd(), BOTH).unwrap();
    let unready =
        registration.try_io(Interest::READABLE, || -> io::Result<()> { panic!("called") });
    assert_eq!(unready.unwrap_err().kind(), ErrorKind::WouldBlock);
    theirs.write_all(b"x").unwrap();
    turn(&driver);
    let other = registration
        .try_io(Interest::READABLE, || -> io::Result<()> { Err(ErrorKind::InvalidData.into()) });
    assert_eq!(other.unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(poll_read(&registration).is_ready(), "cleared by another error");
    let n = registration.try_io(Interest::READABLE, || (&ours).read(&mut [0; 8])).unwrap();
    assert_eq!(n, 1);
    let empty = registration.try_io(Interest::READABLE, || (&ours).read(&mut [0; 8]));
    assert_eq!(empty.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(poll_read(&registration).is_pending(), "not cleared");
}

#[test]
fn any_number_of_futures_may_wait() {
    let driver = driver();
    let (ours, mut theirs) = pair();
    let registration = driver.register(ours.as_fd(), BOTH).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut waits: Vec<Pin<Box<_>>> =
        (0..20).map(|_| Box::pin(registration.readiness(Interest::READABLE))).collect();
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut cx).is_pending());
    }
    theirs.write_all(b"x").unwrap();
    turn(&driver);
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut cx).is_ready());
    }
}

#[test]
fn contradictory_source_runs_out_of_budget_and_not_forever() {
    use filch_primitives::coop;
    let driver = driver();
    let (ours, theirs) = pair();
    let registration = driver.register(ours.as_fd(), BOTH).unwrap();
    drop(theirs);
    turn(&driver);
    let mut calls = 0;
    let _budget = coop::fresh();
    let mut cx = Context::from_waker(Waker::noop());
    // The end is closed, so readiness stays; the operation says "would block" all the same.
    let result = registration.poll_io(&mut cx, Direction::Read, || -> io::Result<()> {
        calls += 1;
        Err(ErrorKind::WouldBlock.into())
    });
    assert!(result.is_pending());
    assert_eq!(calls, usize::from(coop::BUDGET));
}
