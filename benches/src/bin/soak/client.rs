//! The load: connections that send, compare what comes back, and end in several ways, again and again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::TcpStream;
use filch::sync::Barrier;
use filch::time::{Instant, sleep, timeout};

use crate::bytes::{Bytes, Random};
use crate::server::address;

/// Chunks of a connection's life, if nothing ends it before.
const CHUNKS: u64 = 20;

/// One chunk in so many is large enough to fill the sockets' buffers.
const LARGE_ONE_IN: u64 = 50;

/// How long an answer may take on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the connections have come to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Connections that were made.
    pub(crate) connections: AtomicU64,
    /// Of these, those that were broken off on purpose.
    pub(crate) broken_off: AtomicU64,
    /// Bytes that came back, and were compared.
    pub(crate) bytes: AtomicU64,
    /// How many connections are open, and the most at once.
    open: AtomicU64,
    pub(crate) most_open: AtomicU64,
}

impl Tally {
    fn opened(&self) {
        // Relaxed, here and below: statistics.
        self.connections.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
    }

    fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One of many at once.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) number: u64,
    pub(crate) port: u16,
    pub(crate) end: Instant,
    /// How long it pauses at most between two chunks.
    pub(crate) pause: Duration,
    pub(crate) tally: Arc<Tally>,
}

/// Opens one of many connections, waits until all are open, and talks a moment.
pub(crate) async fn touch(
    number: u64,
    port: u16,
    all_are_open: Arc<Barrier>,
) -> Result<(), String> {
    let talk = async {
        let mut sent = [0; 4 * 1024];
        Bytes::of(number).fill(&mut sent);
        let mut socket = TcpStream::connect(address(port, number)).await?;
        socket.write_all(&sent).await?;
        all_are_open.wait().await;
        let mut received = [0; 4 * 1024];
        socket.read_exact(&mut received).await?;
        if sent == received { Ok(()) } else { Err(io::Error::other("other bytes came back")) }
    };
    match timeout(PATIENCE, talk).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("client {number}, first connection: {error}")),
        Err(_) => Err(format!("client {number}, first connection: no end in sight")),
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It closes its half, and reads to the end of the other: every byte has to come back.
    Graceful,
    /// It is gone while bytes are on their way, after so many chunks.
    BrokenOff { after: u64, reset: bool },
}

impl Client {
    /// Lives until the end. An error names what was lost.
    pub(crate) async fn run(self) -> Result<(), String> {
        let mut random = Random(self.number);
        // Not all at once: the backlog holds a thousand.
        sleep(self.pause.mul_f64(random.below(1000) as f64 / 500.0)).await;
        for life in 0_u64.. {
            if Instant::now() >= self.end {
                break;
            }
            let stream = self.number << 32 | life;
            let lived = timeout(PATIENCE + 30 * self.pause, self.live(stream, &mut random)).await;
            lived
                .map_err(|_| "no end in sight".to_owned())
                .and_then(|result| result)
                .map_err(|error| format!("client {}, connection {life}: {error}", self.number))?;
        }
        Ok(())
    }

    async fn live(&self, stream: u64, random: &mut Random) -> Result<(), String> {
        let to = address(self.port, random.next());
        let socket = TcpStream::connect(to).await.map_err(|e| format!("connect: {e}"))?;
        self.tally.opened();
        let lived = self.talk(socket, stream, random).await;
        self.tally.closed();
        lived
    }

    async fn talk(
        &self,
        socket: TcpStream,
        stream: u64,
        random: &mut Random,
    ) -> Result<(), String> {
        socket.set_nodelay(true).map_err(|e| e.to_string())?;
        let ending = match random.below(10) {
            0 | 1 => Ending::BrokenOff { after: random.below(CHUNKS), reset: random.below(2) == 0 },
            _ => Ending::Graceful,
        };
        let (mut reader, mut writer) = socket.into_split();
        let mut sending = Box::pin(self.send(&mut writer, stream, random, ending));
        let mut receiving = Box::pin(self.receive(&mut reader, stream));
        if ending == Ending::Graceful {
            let (sent, received) = filch::join!(sending, receiving);
            let sent = sent.map_err(|e| format!("write: {e}"))?;
            let received = received?;
            return match sent == received {
                true => Ok(()),
                false => Err(format!("{received} bytes of {sent} came back")),
            };
        }
        // What has come by then must be right, too.
        filch::select! {
            sent = &mut sending => drop(sent.map_err(|e| format!("write: {e}"))?),
            received = &mut receiving => {
                return Err(format!("the server closed first: {received:?}"));
            }
        }
        drop((sending, receiving));
        self.tally.broken_off.fetch_add(1, Ordering::Relaxed);
        let socket = reader.reunite(writer).expect("two halves of one");
        if matches!(ending, Ending::BrokenOff { reset: true, .. }) {
            socket.set_zero_linger().map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Sends chunks with pauses; how many bytes.
    async fn send(
        &self,
        writer: &mut (impl AsyncWriteExt + Unpin),
        stream: u64,
        random: &mut Random,
        ending: Ending,
    ) -> io::Result<u64> {
        let mut bytes = Bytes::of(stream);
        let mut buffer = Vec::new();
        for chunk in 0..CHUNKS {
            if Instant::now() >= self.end {
                break;
            }
            let most = if random.below(LARGE_ONE_IN) == 0 { 256 * 1024 } else { 4 * 1024 };
            buffer.resize(1 + random.below(most) as usize, 0);
            bytes.fill(&mut buffer);
            writer.write_all(&buffer).await?;
            if matches!(ending, Ending::BrokenOff { after, .. } if after == chunk) {
                return Ok(bytes.at());
            }
            sleep(self.pause.mul_f64(random.below(1000) as f64 / 1000.0)).await;
        }
        if ending == Ending::Graceful {
            writer.shutdown().await?;
        }
        Ok(bytes.at())
    }

    /// Compares what comes, to its end; how many bytes.
    async fn receive(
        &self,
        reader: &mut (impl AsyncReadExt + Unpin),
        stream: u64,
    ) -> Result<u64, String> {
        let mut bytes = Bytes::of(stream);
        let mut buffer = vec![0; 8 * 1024];
        loop {
            let read = reader.read(&mut buffer).await.map_err(|e| format!("read: {e}"))?;
            if read == 0 {
                return Ok(bytes.at());
            }
            self.tally.bytes.fetch_add(read as u64, Ordering::Relaxed);
            bytes.check(&buffer[..read]).map_err(|at| format!("byte {at} is wrong"))?;
        }
    }
}
