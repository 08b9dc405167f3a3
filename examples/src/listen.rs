//! Where a server listens: 127.0.0.1, at the port that `PORT` in the environment names.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use filch::net::TcpListener;

/// Binds 127.0.0.1 at `port`, or at a free port for 0, and tells the address.
///
/// # Errors
/// Those of [`TcpListener::bind`], such as `AddrInUse`.
///
/// # Cancel safety
/// Dropping it closes the socket.
pub async fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Binds as [`bind`] does, at the port in `PORT`, or at `default` where it is not set.
///
/// # Errors
/// The code to exit with, after a line on standard error that says why: 2 for a `PORT` that is no
/// port, 1 for an address that can't be bound.
///
/// # Cancel safety
/// As `bind`.
pub async fn bind_from_env(default: u16) -> Result<(TcpListener, SocketAddr), ExitCode> {
    let port = match std::env::var_os("PORT") {
        None => default,
        Some(text) => match text.to_str().and_then(|text| text.parse().ok()) {
            Some(port) => port,
            None => {
                eprintln!("PORT must be a number from 0 to 65535");
                return Err(ExitCode::from(2));
            }
        },
    };
    bind(port).await.map_err(|error| {
        eprintln!("127.0.0.1:{port}: {error}");
        ExitCode::FAILURE
    })
}
