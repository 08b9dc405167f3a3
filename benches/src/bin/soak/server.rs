//! The servers: an echo and a proxy, each in a process of its own that serves until its input ends. On each
//! line of its input it gives free memory back to the system, and says so.

use std::io::{self, BufRead};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Subcommand;
use filch::io::{AsyncWriteExt, copy, copy_bidirectional};
use filch::net::serve::{Connection, Counts, Handler, Serve};
use filch::net::{TcpListener, TcpStream, serve};
use filch::runtime::Builder;
use filch::sync::CancellationToken;

/// How many addresses of 127.0.0.0/8 are used: the ports of connections that have ended are taken for a while.
const ADDRESSES: u64 = 100;

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Server {
    /// Sends back what comes.
    Echo,
    /// Forwards to an echo at this port.
    Proxy { upstream: u16 },
}

/// The address of a server of this machine, one of many.
pub(crate) fn address(port: u16, number: u64) -> SocketAddr {
    let last = u8::try_from(1 + number % ADDRESSES).expect("at most 100");
    (Ipv4Addr::new(127, 0, 0, last), port).into()
}

/// Serves until standard input ends; prints the port, and at last what it counted.
pub(crate) fn run(server: Server) -> io::Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let counts = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        match server {
            Server::Echo => until_input_ends(serve(listener, echo).name("echo")).await,
            Server::Proxy { upstream } => {
                let handler = move |stream, connection| proxy(stream, connection, upstream);
                until_input_ends(serve(listener, handler).name("proxy")).await
            }
        }
    })?;
    println!("{counts:?}");
    Ok(())
}

async fn until_input_ends<H>(server: Serve<TcpListener, H>) -> io::Result<Counts>
where
    H: Handler<TcpStream, SocketAddr>,
{
    let stop = CancellationToken::new();
    // A thread of its own: a read of standard input cannot be interrupted.
    std::thread::spawn({
        let stop = stop.clone();
        move || {
            for _line in io::stdin().lock().lines().map_while(Result::ok) {
                give_back();
                println!("given back");
            }
            stop.cancel();
        }
    });
    let server = server
        .on_shortage(|error| eprintln!("accept: {error}"))
        .grace(Duration::from_secs(1))
        .graceful_shutdown(stop.cancelled_owned());
    server.await.into_result()
}

/// Lets the allocator give free memory back to the system. glibc's does so by itself only from the end of
/// its heap, so that a single block that stays keeps all before it.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

async fn echo(mut stream: TcpStream, _: Connection<SocketAddr>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.split();
    copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}

async fn proxy(
    mut client: TcpStream,
    connection: Connection<SocketAddr>,
    upstream: u16,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(address(upstream, connection.number())).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
