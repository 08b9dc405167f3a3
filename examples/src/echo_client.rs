//! A client that checks an echo: every byte says where it belongs.
//!
//! Callers: the self-tests of `echo` and `proxy`.

use std::io;
use std::net::SocketAddr;

use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::net::TcpStream;

/// Round trips of each client.
const ROUND_TRIPS: usize = 50;

/// Messages have from 1 byte up to this: more than the buffers that they go through.
const LONGEST: usize = 24 * 1024;

/// Runs `clients` clients at once, each with 50 messages of many lengths; how many bytes came back.
///
/// # Errors
/// Those of the sockets; a byte that is wrong, missing or too many, told by its place.
///
/// # Cancel safety
/// Dropping it leaves the clients that were started to their ends.
pub async fn check(address: SocketAddr, clients: usize) -> io::Result<usize> {
    let clients: Vec<_> = (0..clients).map(|i| filch::spawn(client(address, i))).collect();
    let mut bytes = 0;
    for client in clients {
        bytes += client.await.map_err(io::Error::other)??;
    }
    Ok(bytes)
}

/// Sends messages, each of bytes that say where they belong, and compares.
async fn client(address: SocketAddr, number: usize) -> io::Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut bytes = 0;
    for round in 0..ROUND_TRIPS {
        let length = 1 + (number * 7919 + round * 104_729) % LONGEST;
        let sent: Vec<u8> = (0..length).map(|i| (i * 31 + round * 17 + number) as u8).collect();
        let mut received = vec![0; length];
        stream.write_all(&sent).await?;
        stream.read_exact(&mut received).await?;
        if sent != received {
            let at = sent.iter().zip(&received).position(|(a, b)| a != b);
            return Err(io::Error::other(format!(
                "client {number}, round {round}: wrong from byte {at:?} of {length}"
            )));
        }
        bytes += length;
    }
    stream.shutdown().await?;
    if stream.read(&mut [0]).await? != 0 {
        return Err(io::Error::other(format!("client {number}: bytes after the end")));
    }
    Ok(bytes)
}
