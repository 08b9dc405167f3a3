//! nio. Each worker has a driver and timers of its own, and nobody steals: a task is spawned to the worker
//! with the fewest queued tasks; one that uses sockets or timers stays there, any other may go elsewhere
//! when it is woken.
//!
//! Its sockets and timers are not `Send`. [`Pinned`] says that they are, and holds everybody to it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::Duration;

use nio::net::{TcpConnection, TcpListener, TcpStream};
use nio::{Runtime, RuntimeBuilder, Sleep};

use super::{ANY_PORT, Rt, WORKER};

#[derive(Clone, Copy)]
pub(crate) struct Nio(&'static Runtime);

impl Rt for Nio {
    type Listener = Pinned<TcpListener>;
    type Accepted = TcpConnection;
    type Stream = Pinned<TcpStream>;

    fn start(workers: u8) -> io::Result<Nio> {
        let runtime = RuntimeBuilder::new()
            .worker_threads(workers)
            .worker_name(|number| format!("{WORKER}-{number}"))
            .rt()?;
        Ok(Nio(Box::leak(Box::new(runtime))))
    }

    fn spawn(self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    fn spawn_io(self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn_pinned(move || task);
    }

    fn spawn_at(self, worker: u8, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn_pinned_at(worker, move || task);
    }

    async fn sleep(duration: Duration) {
        Pinned::new(nio::sleep(duration)).await;
    }

    async fn listen() -> io::Result<(Self::Listener, SocketAddr)> {
        let mut listener = Pinned::new(TcpListener::bind(ANY_PORT).into_inner()?);
        let address = listener.get().local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &mut Self::Listener) -> io::Result<TcpConnection> {
        poll_fn(|cx| pin!(listener.get().accept()).poll(cx)).await
    }

    fn open(accepted: TcpConnection) -> io::Result<Self::Stream> {
        accepted.set_nodelay(true)?;
        Ok(Pinned::new(accepted.connect().into_inner()?))
    }

    async fn read(stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| pin!(stream.get().read(buffer)).poll(cx)).await
    }

    async fn write_all(stream: &mut Self::Stream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = poll_fn(|cx| pin!(stream.get().write(bytes)).poll(cx)).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

/// Takes the value of a future that nio makes ready.
trait IntoInner: Future + Sized {
    fn into_inner(self) -> Self::Output {
        match pin!(self).poll(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("nio binds and registers at once"),
        }
    }
}

impl<F: Future> IntoInner for F {}

/// Something that only the thread which made it may touch, in a task that never leaves that thread.
pub(crate) struct Pinned<T> {
    value: std::mem::ManuallyDrop<T>,
    home: ThreadId,
}

// SAFETY: the value is touched in `get`, `poll` and `drop` only, and each of them panics, without having
// touched it, on any thread but the one that made the value. So wherever the box around it goes, the
// value stays with its thread.
unsafe impl<T> Send for Pinned<T> {}

impl<T> Pinned<T> {
    fn new(value: T) -> Pinned<T> {
        Pinned { value: std::mem::ManuallyDrop::new(value), home: thread::current().id() }
    }

    #[track_caller]
    fn check(&self) {
        assert_eq!(self.home, thread::current().id(), "a pinned task has left its thread");
    }

    #[track_caller]
    fn get(&mut self) -> &mut T {
        self.check();
        &mut self.value
    }
}

impl Future for Pinned<Sleep> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // `Sleep` is `Unpin`: a pointer to its entry.
        Pin::new(self.get()).poll(cx)
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        self.check();
        // SAFETY: dropped here, once, and not used after.
        unsafe { std::mem::ManuallyDrop::drop(&mut self.value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_value_is_used_and_dropped_at_home() {
        let mut pinned = Pinned::new(std::rc::Rc::new(5));
        assert_eq!(**pinned.get(), 5);
    }

    #[test]
    #[should_panic(expected = "has left its thread")]
    fn a_pinned_value_is_not_touched_elsewhere() {
        let mut pinned = Pinned::new(5);
        let outcome = thread::spawn(move || {
            let touched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pinned.get();
            }));
            std::mem::forget(pinned);
            touched
        });
        if let Err(panic) = outcome.join().expect("the panic was caught") {
            std::panic::resume_unwind(panic);
        }
    }
}
