//! filch.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::{TcpListener, TcpStream};
use filch::runtime::{Builder, Runtime};

use super::{ANY_PORT, Rt, WORKER};

#[derive(Clone, Copy)]
pub(crate) struct Filch(&'static Runtime);

impl Filch {
    /// As [`Rt::start`], with or without the monitor.
    pub(crate) fn with_monitor(workers: u8, enabled: bool) -> io::Result<Filch> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.into())
            .thread_name(WORKER)
            .enable_monitor(enabled)
            // The measurements are full of stuck polls; reports of them are not what is measured.
            .on_stuck(|_| ())
            .enable_all()
            .build()?;
        Ok(Filch(Box::leak(Box::new(runtime))))
    }
}

impl Rt for Filch {
    type Listener = TcpListener;
    type Accepted = TcpStream;
    type Stream = TcpStream;

    fn start(workers: u8) -> io::Result<Filch> {
        Filch::with_monitor(workers, true)
    }

    fn spawn(self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        filch::time::sleep(duration)
    }

    async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(ANY_PORT).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &mut TcpListener) -> io::Result<TcpStream> {
        Ok(listener.accept().await?.0)
    }

    fn open(accepted: TcpStream) -> io::Result<TcpStream> {
        accepted.set_nodelay(true)?;
        Ok(accepted)
    }

    async fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer).await
    }

    async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}
