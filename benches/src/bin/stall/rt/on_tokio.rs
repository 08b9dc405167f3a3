//! tokio.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use super::{ANY_PORT, Rt, WORKER};

#[derive(Clone, Copy)]
pub(crate) struct Tokio(&'static Runtime);

impl Rt for Tokio {
    type Listener = TcpListener;
    type Accepted = TcpStream;
    type Stream = TcpStream;

    fn start(workers: u8) -> io::Result<Tokio> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.into())
            .thread_name(WORKER)
            .enable_all()
            .build()?;
        Ok(Tokio(Box::leak(Box::new(runtime))))
    }

    fn spawn(self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
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
