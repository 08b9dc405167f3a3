//! `AsyncFd` over what the system has: event counters, timers, processes, inotify, out-of-band bytes;
//! what cannot be registered; and who clears which readiness.
//!
//! Each is a function, so that the last test can run all of them alone in a process, and count what that
//! process has left.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use filch::io::unix::AsyncFd;
use filch::io::{Interest, Ready};
use filch_tests::panics::caught;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::Kind;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

const TESTS: [fn(); 16] = [
    event_counter_wakes_every_reader_in_turn,
    timer_expires,
    process_ends,
    directory_changes,
    out_of_band_byte_is_priority,
    error_interest_hears_of_a_reader_that_is_gone,
    regular_file_comes_back_with_the_systems_error,
    closed_descriptor_is_refused,
    second_registration_is_refused,
    guard_clears_what_it_has_seen_and_no_more,
    guard_clears_one_of_two_interests,
    mutable_guards_and_operations,
    operations_without_waiting,
    unwrapped_descriptor_can_be_registered_again,
    descriptor_closed_behind_its_back,
    runtime_that_ends_wakes_who_waits,
];

fn on_each<F>(test: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for kind in Kind::ALL {
        kind.runtime().block_on(async { filch::spawn(test()).await.unwrap() });
    }
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether a poll with a waker that does nothing is pending.
fn pends(poll: impl FnOnce(&mut Context<'_>) -> Poll<()>) -> bool {
    poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// A non-blocking end in an `AsyncFd`, and the other end, which blocks.
fn pair(interest: Interest) -> (AsyncFd<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (AsyncFd::with_interest(near, interest).unwrap(), far)
}

fn read(fd: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(fd, buf)?)
}

/// Only what `AsyncFd` asks for: a number.
#[derive(Debug)]
struct Number(RawFd);

impl AsRawFd for Number {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

#[test]
fn event_counter_wakes_every_reader_in_turn() {
    const READERS: u64 = 4;
    on_each(|| async {
        let counter = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::SEMAPHORE).unwrap();
        let counter = Arc::new(AsyncFd::with_interest(counter, Interest::READABLE).unwrap());
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                let counter = counter.clone();
                filch::spawn(async move {
                    let mut buf = [0; 8];
                    let one = counter.async_io(Interest::READABLE, |fd| read(fd, &mut buf)).await;
                    assert_eq!(one.unwrap(), 8);
                    u64::from_ne_bytes(buf)
                })
            })
            .collect();
        let writer = counter.clone();
        std::thread::spawn(move || {
            rustix::io::write(writer.get_ref(), &READERS.to_ne_bytes()).unwrap();
        })
        .join()
        .unwrap();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 1);
        }
        assert!(
            poll_once(counter.async_io(Interest::READABLE, |fd| read(fd, &mut [0; 8])))
                .is_pending()
        );
    });
}

#[test]
fn timer_expires() {
    on_each(|| async {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK).unwrap();
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: 0, tv_nsec: 1_000_000 },
        };
        let timer = AsyncFd::with_interest(timer, Interest::READABLE).unwrap();
        timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &once).unwrap();
        let mut expirations = [0; 8];
        loop {
            let mut guard = timer.readable().await.unwrap();
            assert!(guard.ready().is_readable());
            match guard.try_io(|timer| read(timer.get_ref(), &mut expirations)) {
                Ok(read) => break assert_eq!(read.unwrap(), 8),
                Err(would_block) => {
                    assert_eq!(would_block.to_string(), "the operation would block")
                }
            }
        }
        assert_eq!(u64::from_ne_bytes(expirations), 1);
    });
}

#[test]
fn process_ends() {
    on_each(|| async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        let pidfd = AsyncFd::with_interest(pidfd, Interest::READABLE).unwrap();
        assert!(poll_once(pidfd.readable()).is_pending());
        drop(child.stdin.take());
        pidfd.readable().await.unwrap().retain_ready();
        // It stays so.
        assert!(matches!(poll_once(pidfd.readable()), Poll::Ready(Ok(_))));
        assert!(child.try_wait().unwrap().unwrap().success());
    });
}

#[test]
fn directory_changes() {
    on_each(|| async {
        let folder = std::env::temp_dir().join(format!(
            "filch-async-fd-{}-{:?}",
            std::process::id(),
            filch::task::id()
        ));
        fs::create_dir(&folder).unwrap();
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&watch, &folder, inotify::WatchFlags::CREATE).unwrap();
        let watch = AsyncFd::with_interest(watch, Interest::READABLE).unwrap();
        assert!(poll_once(watch.readable()).is_pending());
        File::create(folder.join("new")).unwrap();
        let name = watch
            .async_io(Interest::READABLE, |fd| {
                let mut buf = [MaybeUninit::uninit(); 512];
                let mut events = inotify::Reader::new(fd, &mut buf);
                let event = events.next()?;
                assert!(event.events().contains(inotify::ReadFlags::CREATE));
                Ok(event.file_name().map(|name| name.to_owned()))
            })
            .await;
        assert_eq!(name.unwrap().unwrap().to_str(), Ok("new"));
        fs::remove_dir_all(&folder).unwrap();
    });
}

#[test]
fn out_of_band_byte_is_priority() {
    on_each(|| async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        let near = AsyncFd::with_interest(near, Interest::READABLE | Interest::PRIORITY).unwrap();

        (&far).write_all(b"plain").unwrap();
        let mut guard = near.readable().await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(guard.try_io(|near| near.get_ref().read(&mut buf)).unwrap().unwrap(), 5);
        assert!(poll_once(near.ready(Interest::PRIORITY)).is_pending());

        socket2::SockRef::from(&far).send_out_of_band(b"!").unwrap();
        let guard = near.ready(Interest::PRIORITY).await.unwrap();
        assert!(guard.ready().is_priority(), "{guard:?}");
        let byte = near.try_io(Interest::PRIORITY, |near| {
            let mut byte = [MaybeUninit::uninit()];
            assert_eq!(socket2::SockRef::from(near).recv_out_of_band(&mut byte)?, 1);
            // SAFETY: one byte was received into it.
            Ok(unsafe { byte[0].assume_init() })
        });
        assert_eq!(byte.unwrap(), b'!');
    });
}

#[test]
fn error_interest_hears_of_a_reader_that_is_gone() {
    on_each(|| async {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let writer = AsyncFd::with_interest(writer, Interest::ERROR).unwrap();
        assert!(poll_once(writer.ready(Interest::ERROR)).is_pending());
        drop(reader);
        assert_eq!(writer.ready(Interest::ERROR).await.unwrap().ready(), Ready::ERROR);
    });
}

#[test]
fn regular_file_comes_back_with_the_systems_error() {
    on_each(|| async {
        let file = File::open("/proc/self/exe").unwrap();
        let number = file.as_raw_fd();
        let error = AsyncFd::try_new(file).unwrap_err();
        assert_eq!(
            format!("{error:?}"),
            format!("{:?}", io::Error::from_raw_os_error(libc::EPERM))
        );
        assert!(std::error::Error::source(&error).is_some());
        let (file, cause) = error.into_parts();
        assert_eq!((file.as_raw_fd(), cause.raw_os_error()), (number, Some(libc::EPERM)));
        let error = AsyncFd::new(file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
fn closed_descriptor_is_refused() {
    on_each(|| async {
        // Never open: no limit is as high as the second.
        for number in [-1, 1_000_000_000] {
            let error = AsyncFd::try_with_interest(Number(number), Interest::READABLE).unwrap_err();
            let (given_back, cause) = error.into_parts();
            assert_eq!((given_back.0, cause.raw_os_error()), (number, Some(libc::EBADF)));
            let cause: io::Error = AsyncFd::try_new(given_back).unwrap_err().into();
            assert_eq!(cause.raw_os_error(), Some(libc::EBADF));
        }
    });
}

#[test]
fn second_registration_is_refused() {
    on_each(|| async {
        let (near, mut far) = pair(Interest::READABLE);
        let error = AsyncFd::try_new(Number(near.as_raw_fd())).unwrap_err();
        assert_eq!(io::Error::from(error).kind(), ErrorKind::AlreadyExists);
        // The first one is not harmed.
        far.write_all(b"a").unwrap();
        assert_eq!(
            near.async_io(Interest::READABLE, |mut near| near.read(&mut [0; 2])).await.unwrap(),
            1
        );
    });
}

#[test]
fn guard_clears_what_it_has_seen_and_no_more() {
    // One thread, so that events are told of in the order in which they came.
    Kind::CurrentThread.runtime().block_on(async {
        let (near, mut far) = pair(Interest::READABLE);
        far.write_all(b"a").unwrap();
        let mut seen = near.readable().await.unwrap();
        assert_eq!(seen.get_inner().as_raw_fd(), seen.get_ref().as_raw_fd());
        // A second event, and another one after it, to know when the driver has looked.
        let (witness, mut to_witness) = pair(Interest::READABLE);
        far.write_all(b"b").unwrap();
        to_witness.write_all(b"c").unwrap();
        drop(witness.readable().await.unwrap());
        seen.clear_ready();
        assert!(seen.ready().is_empty());
        assert!(
            matches!(poll_once(near.readable()), Poll::Ready(Ok(_))),
            "the second event is gone"
        );

        // A guard that is just dropped leaves the readiness; a cleared one does not.
        drop(near.readable().await.unwrap());
        let mut guard = near.readable().await.unwrap();
        guard.retain_ready();
        let mut buf = [0; 8];
        assert_eq!(guard.try_io(|near| near.get_ref().read(&mut buf)).unwrap().unwrap(), 2);
        assert!(guard.try_io(|near| near.get_ref().read(&mut buf)).is_err());
        assert!(guard.ready().is_empty());
        assert!(poll_once(near.readable()).is_pending());
    });
}

#[test]
fn guard_clears_one_of_two_interests() {
    on_each(|| async {
        let (near, mut far) = pair(Interest::READABLE | Interest::WRITABLE);
        far.write_all(b"a").unwrap();
        drop(near.readable().await.unwrap());
        drop(near.writable().await.unwrap());
        let mut guard = near.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert_eq!(guard.ready(), Ready::READABLE | Ready::WRITABLE);
        guard.clear_ready_matching(Ready::READABLE);
        assert_eq!(guard.ready(), Ready::WRITABLE);
        assert!(poll_once(near.readable()).is_pending());
        assert!(matches!(poll_once(near.writable()), Poll::Ready(Ok(_))));
        guard.clear_ready_matching(Ready::WRITABLE);
        assert!(guard.ready().is_empty());
        assert!(poll_once(near.writable()).is_pending());
        // Nothing is left to clear.
        guard.clear_ready();
        assert!(pends(|cx| near.poll_write_ready(cx).map(drop)));
        assert!(pends(|cx| near.poll_read_ready(cx).map(drop)));
    });
}

#[test]
fn mutable_guards_and_operations() {
    on_each(|| async {
        let (mut near, mut far) = pair(Interest::READABLE | Interest::WRITABLE);
        let n = near.async_io_mut(Interest::WRITABLE, |near| near.write(b"out")).await.unwrap();
        let mut buf = [0; 8];
        far.read_exact(&mut buf[..n]).unwrap();
        assert_eq!(&buf[..n], b"out");

        far.write_all(b"in").unwrap();
        let mut guard = near.readable_mut().await.unwrap();
        assert!(guard.get_ref().get_ref().peer_addr().is_ok());
        assert!(guard.get_inner().peer_addr().is_ok());
        assert!(guard.get_mut().get_mut().take_error().unwrap().is_none());
        assert_eq!(guard.get_inner_mut().read(&mut buf).unwrap(), 2);
        assert!(guard.try_io(|near| near.get_mut().read(&mut buf)).is_err());
        assert!(guard.ready().is_empty());
        assert!(poll_once(near.readable_mut()).is_pending());
        assert!(near.writable_mut().await.unwrap().ready().is_writable());
        let both = Interest::READABLE | Interest::WRITABLE;
        let mut guard = near.ready_mut(both).await.unwrap();
        guard.clear_ready_matching(Ready::WRITABLE);
        guard.retain_ready();
        assert!(pends(|cx| near.poll_write_ready_mut(cx).map(drop)));
        assert!(pends(|cx| near.poll_read_ready_mut(cx).map(drop)));
        far.write_all(b"x").unwrap();
        std::future::poll_fn(|cx| {
            near.poll_read_ready_mut(cx).map_ok(|mut guard| guard.clear_ready())
        })
        .await
        .unwrap();
    });
}

#[test]
fn operations_without_waiting() {
    on_each(|| async {
        let (mut near, mut far) = pair(Interest::READABLE);
        let not_called =
            near.try_io(Interest::READABLE, |_| -> io::Result<()> { panic!("not ready") });
        assert_eq!(not_called.unwrap_err().kind(), ErrorKind::WouldBlock);
        far.write_all(b"a").unwrap();
        near.readable().await.unwrap().retain_ready();
        let mut byte = [0];
        assert_eq!(near.try_io(Interest::READABLE, |mut near| near.read(&mut byte)).unwrap(), 1);
        // Another error is passed on and clears nothing.
        let error = near.try_io_mut(Interest::READABLE, |_| -> io::Result<()> {
            Err(io::Error::other("mine"))
        });
        assert_eq!(error.unwrap_err().to_string(), "mine");
        let error = near.try_io_mut(Interest::READABLE, |near| near.read(&mut byte));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(poll_once(near.readable()).is_pending());
    });
}

#[test]
fn unwrapped_descriptor_can_be_registered_again() {
    on_each(|| async {
        let (near, mut far) = pair(Interest::READABLE);
        let near = near.into_inner();
        // SAFETY: open, and it stays open until it is dropped with the `AsyncFd`.
        let near = unsafe { AsyncFd::register(near) }.unwrap();
        drop(near.writable().await.unwrap());
        let near: UnixStream = near.into_inner();
        // SAFETY: as above.
        let near = unsafe { AsyncFd::register_with_interest(near, Interest::READABLE) }.unwrap();
        assert_eq!(near.as_fd().as_raw_fd(), near.as_raw_fd());
        far.write_all(b"a").unwrap();
        assert!(near.readable().await.unwrap().ready().is_readable());
    });
}

#[test]
fn descriptor_closed_behind_its_back() {
    on_each(|| async {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let registered = AsyncFd::new(Number(near.as_raw_fd())).unwrap();
        drop((near, far));
        // No event comes any more, and nothing is broken.
        assert!(registered.into_inner().0 >= 0);
        let (near, mut far) = pair(Interest::READABLE);
        far.write_all(b"a").unwrap();
        drop(near.readable().await.unwrap());
    });
}

#[test]
fn runtime_that_ends_wakes_who_waits() {
    for kind in Kind::ALL {
        let runtime = kind.runtime();
        let (near, _far) = {
            let _entered = runtime.enter();
            pair(Interest::READABLE)
        };
        assert!(poll_once(near.readable()).is_pending());
        drop(runtime);
        let Poll::Ready(Err(error)) = poll_once(near.readable()) else { panic!("no error") };
        assert!(error.to_string().contains("shut down"), "{error}");
        let error = near.try_io(Interest::READABLE, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("shut down"), "{error}");
    }
}

#[test]
fn outside_of_a_runtime_is_the_callers_mistake() {
    let (near, _far) = UnixStream::pair().unwrap();
    let (panic, line) = (caught(|| AsyncFd::new(near)), line!());
    assert!(panic.message.contains("no reactor running"), "{panic:?}");
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line));

    let (near, _far) = UnixStream::pair().unwrap();
    let runtime = filch::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let panic = caught(|| AsyncFd::try_with_interest(near, Interest::READABLE));
    assert!(panic.message.contains("enable_io"), "{panic:?}");
}

#[test]
fn any_owner_of_a_descriptor_will_do() {
    fn takes<T: AsRawFd>(_: impl FnOnce(T) -> io::Result<AsyncFd<T>>) {}
    takes::<OwnedFd>(AsyncFd::new);
    takes::<BorrowedFd<'_>>(AsyncFd::new);
    takes::<Arc<UnixStream>>(AsyncFd::new);
    takes::<Box<std::net::UdpSocket>>(AsyncFd::new);
    takes::<RawFd>(AsyncFd::new);
}

#[test]
fn nothing_is_left_behind() {
    let warm_up = || Kind::Workers.runtime().block_on(async { drop(pair(Interest::READABLE)) });
    leave_nothing_behind("nothing_is_left_behind", warm_up, &TESTS);
}
