//! What the example servers have in common: Ctrl-C stops them gracefully, a second one does not wait.

use std::future::IntoFuture;
use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use filch::net::serve::{Counts, Handler, Listener, Report, Serve};
use filch::signal::ctrl_c;
use filch::sync::CancellationToken;
use filch::task::JoinHandle;

use crate::race::{First, race};

/// How long connections may take to end after Ctrl-C.
pub const GRACE: Duration = Duration::from_secs(10);

/// Runs a server until Ctrl-C, then lets its connections end; says on the way what it does.
///
/// The exit code is 0; 1 if the listener failed; 130, as for any interrupted program, after a second Ctrl-C.
///
/// # Cancel safety
/// Dropping it cuts all connections.
pub async fn run_until_ctrl_c<L, H>(server: Serve<L, H>) -> ExitCode
where
    L: Listener,
    H: Handler<L::Io, L::Addr>,
{
    let stop = CancellationToken::new();
    let server = server
        .grace(GRACE)
        .on_shortage(|error| eprintln!("accept: {error}; waiting until it works again"))
        .graceful_shutdown(stop.clone().cancelled_owned());
    let handle = server.handle();
    let mut running = pin!(server.into_future());
    let report = match race(ctrl_c(), running.as_mut()).await {
        First::Right(report) => report,
        First::Left(caught) => {
            if let Err(error) = caught {
                eprintln!("{error}");
            }
            stop.cancel();
            let told = async {
                handle.stopping().await;
                // From here on connections are refused, and `ctrl_c` below has taken hold of the signal:
                // who reads this may send another.
                println!("stopping");
            };
            match race(ctrl_c(), async { filch::join!(running, told).0 }).await {
                First::Right(report) => report,
                First::Left(_) => {
                    println!("cut {} connections", handle.counts().active);
                    return ExitCode::from(130); // what a shell reports for an interrupted program
                }
            }
        }
    };
    match report.counts().cut {
        0 => println!("all connections have ended"),
        cut => println!("cut {cut} connections after {} s", GRACE.as_secs()),
    }
    match report.error() {
        None => ExitCode::SUCCESS,
        Some(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A server in a task of its own, for the self-tests.
#[derive(Debug)]
pub struct Started {
    stop: CancellationToken,
    task: JoinHandle<Report>,
}

impl Started {
    /// Starts a server.
    pub fn new<L, H>(server: Serve<L, H>) -> Started
    where
        L: Listener,
        H: Handler<L::Io, L::Addr>,
    {
        let stop = CancellationToken::new();
        let server = server.grace(GRACE).graceful_shutdown(stop.clone().cancelled_owned());
        Started { stop, task: filch::spawn(server.into_future()) }
    }

    /// Tells it to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Errors
    /// If its listener failed, or if connections did not end by themselves.
    ///
    /// # Cancel safety
    /// It stops in any case.
    pub async fn stopped(self) -> io::Result<Counts> {
        self.stop();
        let counts = self.task.await.map_err(io::Error::other)?.into_result()?;
        match counts.cut {
            0 => Ok(counts),
            _ => Err(io::Error::other("connections stay open after a stop")),
        }
    }
}
