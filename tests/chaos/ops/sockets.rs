//! Connections to an echo server: clean ones, and cut in every way. Every byte says where it belongs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use filch::net::{TcpListener, TcpStream};
use filch::time::{sleep, timeout};
use filch_tests::panics::expected;

use crate::books::tally;
use crate::context::{Context, Scarce, dither};
use crate::life::Spawned;
use crate::ops::wire::{Cut, Cutting, Side, Wire};
use crate::random::{Random, mix};

/// A crowd of eight has all of them.
const CUTS: [Cut; 8] = [
    Cut::Nobody,
    Cut::ClientResets,
    Cut::ServerResets,
    Cut::ClientCloses,
    Cut::Nobody,
    Cut::ServerPanics,
    Cut::ClientHalfCloses,
    Cut::ServerCloses,
];

/// An accept loop, with a task for each connection.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: Spawned,
}

impl Server {
    pub async fn start(context: &Context) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = context.spawn(accept(context.clone(), listener));
        Ok(Server { address, accepting })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the accept loop. Those who are connected go on.
    pub async fn stop(self) {
        self.accepting.abort();
        self.accepting.join().await;
    }
}

/// Says on its drop, before the listener is closed, that whoever was not accepted yet will be refused.
struct Closing(Context);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.closing.store(true, SeqCst);
    }
}

async fn accept(context: Context, listener: TcpListener) {
    let _closing = Closing(context.clone());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(context.spawn(serve(context.clone(), stream))),
            // A process that has too few descriptors; anything else is a fault.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
                tally("accept loops: backed off");
                sleep(Duration::from_millis(1)).await;
            }
            Err(error) if filch::runtime::is_rt_shutdown_err(&error) => return,
            Err(error) => return context.fault(format!("accept: {error:?}")),
        }
    }
}

async fn serve(context: Context, mut stream: TcpStream) {
    // A client that is gone before it said who it was.
    let Ok(number) = stream.read_u64().await else { return };
    let Some(wire) = context.books.wire(number) else {
        return context.fault(format!("connection {number} is nobody's"));
    };
    let mut side = Side::new(&wire);
    match echo(&context, &mut stream, &wire).await {
        Ok(()) => {
            wire.server_done.store(true, SeqCst);
            side.done = true;
        }
        Err(error) => blame(&context, &wire, "the server", &error),
    }
}

/// An error is a fault unless somebody cut the connection.
fn blame(context: &Context, wire: &Wire, who: &str, error: &io::Error) {
    if wire.is_cut.load(SeqCst) || context.closing.load(SeqCst) {
        tally("connections: errors met");
    } else {
        context.fault(format!("{who} met {error:?} on a connection that nobody cut: {wire:?}"));
        // Reported once.
        wire.cut();
    }
}

async fn echo(context: &Context, stream: &mut TcpStream, wire: &Wire) -> io::Result<()> {
    let cuts = matches!(wire.cut, Cut::ServerResets | Cut::ServerCloses | Cut::ServerPanics);
    let mut buffer = vec![0; 1 + (mix(wire.number) % 9000) as usize];
    let mut place = 0;
    loop {
        let count = stream.read(&mut buffer).await?;
        if let Some(at) = wire.difference(&buffer[..count], place) {
            context.fault(format!("the server got a wrong byte at {at}: {wire:?}"));
        }
        place += count as u64;
        wire.received_up.fetch_add(count as u64, SeqCst);
        if cuts && (place >= wire.cut_at || count == 0) {
            wire.cut();
            match wire.cut {
                Cut::ServerResets => {
                    tally("connections: reset by the server");
                    stream.set_zero_linger()?;
                }
                Cut::ServerPanics => {
                    tally("connections: the server panicked");
                    expected("a handler of chaos");
                }
                _ => tally("connections: closed by the server"),
            }
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if count == 0 {
            return stream.shutdown().await;
        }
        stream.write_all(&buffer[..count]).await?;
        wire.sent_down.fetch_add(count as u64, SeqCst);
    }
}

pub async fn run(context: &Context, mut random: Random) {
    let first = random.below(8);
    let clients: Vec<_> = (0..random.between(8, 16))
        .map(|n| {
            let cut = CUTS[((first + n) % 8) as usize];
            let random = Random::new(random.next());
            context.spawn(client(context.clone(), cut, random))
        })
        .collect();
    for client in clients {
        client.join().await;
    }
}

/// Some connections that nobody cuts.
pub async fn clean(context: &Context) {
    for n in 0..4 {
        client(context.clone(), Cut::Nobody, Random::new(n)).await;
    }
}

async fn client(context: Context, cut: Cut, mut random: Random) {
    let most = 1 << random.between(0, 17);
    let length = random.below(most);
    // Little enough for the buffers of the system: a client that is going to cut reads nothing.
    let cut_at = random.below(length.min(32_000) + 1);
    let wire = context.books.add_wire(|number| Wire::new(number, length, cut, cut_at));
    let mut side = Side::new(&wire);
    let address = context.server.expect("a runtime's server is started before its steps");
    let talk = async {
        let mut end = Cutting::new(&wire, TcpStream::connect(address).await?);
        end.stream.write_u64(wire.number).await?;
        talk(&context, end, &wire, random).await
    };
    let result = match context.scarce {
        // It may wait for a descriptor that another client has, which waits for the same.
        Some(Scarce::Descriptors) => match timeout(Duration::from_millis(150), talk).await {
            Ok(result) => result,
            Err(_) => return tally("connections: given up"),
        },
        _ => talk.await,
    };
    match result {
        Ok(true) => {
            tally("connections: clean");
            wire.client_done.store(true, SeqCst);
            side.done = true;
        }
        Ok(false) => {}
        Err(error) if context.is_refused(&error) => {}
        Err(error) => blame(&context, &wire, "the client", &error),
    }
}

/// `true` if the connection was carried to its end.
async fn talk(
    context: &Context,
    mut end: Cutting<TcpStream>,
    wire: &Arc<Wire>,
    mut random: Random,
) -> io::Result<bool> {
    if let Cut::ClientResets | Cut::ClientCloses | Cut::ClientHalfCloses = wire.cut {
        write(&mut end.stream, wire, wire.cut_at, random.clone()).await?;
        dither(&mut random).await;
        wire.cut();
        match wire.cut {
            Cut::ClientResets => {
                end.stream.set_zero_linger()?;
                tally("connections: reset by the client");
            }
            Cut::ClientHalfCloses => {
                end.stream.shutdown().await?;
                tally("connections: half closed, then closed");
            }
            _ => tally("connections: closed by the client"),
        }
        return Ok(false);
    }
    let Cutting { side, stream } = end;
    let (reader, writer) = stream.into_split();
    let reader = Cutting { side, stream: reader };
    let writer = Cutting::new(wire, writer);
    let writing = {
        let (wire, random, context) = (wire.clone(), random.clone(), context.clone());
        context.clone().spawn(async move {
            if let Err(error) = write_all(writer, &wire, random).await {
                blame(&context, &wire, "the client's writer", &error);
            }
        })
    };
    let writing = writing.abort_on_drop();
    read_all(context, reader, wire, random).await?;
    drop(writing);
    Ok(!wire.is_cut.load(SeqCst))
}

/// Writes the beginning of the stream, so many bytes.
async fn write(
    stream: &mut (impl filch::io::AsyncWrite + Unpin),
    wire: &Wire,
    length: u64,
    mut random: Random,
) -> io::Result<()> {
    let mut buffer = vec![0; random.between(1, 16_000) as usize];
    let mut place = 0;
    while place < length {
        let count = buffer.len().min((length - place) as usize);
        wire.fill(&mut buffer[..count], place);
        wire.sent_up.fetch_add(count as u64, SeqCst);
        stream.write_all(&buffer[..count]).await?;
        place += count as u64;
        if random.one_in(8) {
            dither(&mut random).await;
        }
    }
    Ok(())
}

async fn write_all(
    mut writer: Cutting<OwnedWriteHalf>,
    wire: &Wire,
    random: Random,
) -> io::Result<()> {
    write(&mut writer.stream, wire, wire.length, random).await?;
    writer.stream.shutdown().await?;
    writer.side.done = true;
    Ok(())
}

/// Reads to the end. Half of the clients give up each wait early and come back: no byte is lost by it.
async fn read_all(
    context: &Context,
    mut reader: Cutting<OwnedReadHalf>,
    wire: &Wire,
    mut random: Random,
) -> io::Result<()> {
    let impatient = random.one_in(2);
    let mut buffer = vec![0; random.between(1, 16_000) as usize];
    let mut place = 0;
    loop {
        let read = reader.stream.read(&mut buffer);
        let count = match impatient {
            false => read.await?,
            true => match timeout(Duration::from_micros(random.below(500)), read).await {
                Ok(count) => count?,
                Err(_) => continue,
            },
        };
        if let Some(at) = wire.difference(&buffer[..count], place) {
            context.fault(format!("the client got a wrong byte at {at}: {wire:?}"));
        }
        place += count as u64;
        wire.received_down.fetch_add(count as u64, SeqCst);
        if count > 0 {
            continue;
        }
        // A clean end, unless the server has cut it.
        if place < wire.length && !wire.is_cut.load(SeqCst) && !context.closing.load(SeqCst) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reader.side.done = place == wire.length;
        return Ok(());
    }
}
