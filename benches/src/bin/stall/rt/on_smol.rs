//! smol, by its global executor: `SMOL_THREADS` in the environment says how many threads that has.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};

use super::{ANY_PORT, Rt};

/// The variable that smol reads when it starts its threads.
pub(crate) const THREADS_VARIABLE: &str = "SMOL_THREADS";

#[derive(Clone, Copy)]
pub(crate) struct Smol;

impl Rt for Smol {
    type Listener = TcpListener;
    type Accepted = TcpStream;
    type Stream = TcpStream;

    const WORKER_NAMES: &'static str = "smol-";

    fn start(workers: u8) -> io::Result<Smol> {
        let threads = std::env::var(THREADS_VARIABLE).unwrap_or_default();
        if threads != workers.to_string() {
            return Err(io::Error::other(format!("{THREADS_VARIABLE} must be {workers}")));
        }
        Ok(Smol)
    }

    fn spawn(self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }

    async fn sleep(duration: Duration) {
        smol::Timer::after(duration).await;
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
