//! Streams between two ends, over TCP and over Unix sockets: a test that is about neither runs on both.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use filch::io::{AsyncRead, AsyncWrite};
use filch::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A kind of stream that is accepted from a listener.
pub trait Transport: 'static {
    /// The module of its tests, see [`on_each_transport!`](crate::on_each_transport).
    const MODULE: &'static str;

    /// What accepts.
    type Listener: Send + Sync + 'static;
    /// One connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + Debug + 'static;
    /// The reading half of one.
    type Reader: AsyncRead + Unpin + Send + 'static;
    /// The writing half of one.
    type Writer: AsyncWrite + Unpin + Send + 'static;

    /// Listens at an address that is free.
    fn listen() -> impl Future<Output = Self::Listener> + Send;
    /// Connects to a listener of this process.
    fn connect(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Accepts a connection.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// The two halves.
    fn split(stream: Self::Stream) -> (Self::Reader, Self::Writer);
    /// Waits until it can be read.
    fn readable(stream: &Self::Stream) -> impl Future<Output = io::Result<()>> + Send;
    /// Reads, if that does not block.
    fn try_read(stream: &Self::Stream, buf: &mut [u8]) -> io::Result<usize>;
    /// Ends a connection by a reset. Something must have come that was not read: of Unix sockets only
    /// such a one is reset.
    fn reset(stream: Self::Stream);

    /// The two ends of a connection: who connected, who accepted.
    fn pair() -> impl Future<Output = (Self::Stream, Self::Stream)> + Send {
        async {
            let listener = Self::listen().await;
            let client = Self::connect(&listener).await.expect("connect");
            (client, Self::accept(&listener).await.expect("accept"))
        }
    }
}

/// Over TCP, on loopback.
#[derive(Debug)]
pub struct Tcp;

impl Transport for Tcp {
    const MODULE: &'static str = "tcp";

    type Listener = TcpListener;
    type Stream = TcpStream;
    type Reader = filch::net::tcp::OwnedReadHalf;
    type Writer = filch::net::tcp::OwnedWriteHalf;

    async fn listen() -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port")
    }

    async fn connect(listener: &TcpListener) -> io::Result<TcpStream> {
        TcpStream::connect(listener.local_addr()?).await
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        listener.accept().await.map(|(stream, _)| stream)
    }

    fn split(stream: TcpStream) -> (Self::Reader, Self::Writer) {
        stream.into_split()
    }

    async fn readable(stream: &TcpStream) -> io::Result<()> {
        stream.readable().await
    }

    fn try_read(stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.try_read(buf)
    }

    fn reset(stream: TcpStream) {
        stream.set_zero_linger().expect("an option of TCP");
    }
}

/// Over Unix sockets with abstract names.
#[derive(Debug)]
pub struct Unix;

impl Transport for Unix {
    const MODULE: &'static str = "unix";

    type Listener = UnixListener;
    type Stream = UnixStream;
    type Reader = filch::net::unix::OwnedReadHalf;
    type Writer = filch::net::unix::OwnedWriteHalf;

    async fn listen() -> UnixListener {
        UnixListener::bind(abstract_name()).expect("a free name")
    }

    async fn connect(listener: &UnixListener) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&listener.local_addr()?).await
    }

    async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
        listener.accept().await.map(|(stream, _)| stream)
    }

    fn split(stream: UnixStream) -> (Self::Reader, Self::Writer) {
        stream.into_split()
    }

    async fn readable(stream: &UnixStream) -> io::Result<()> {
        stream.readable().await
    }

    fn try_read(stream: &UnixStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.try_read(buf)
    }

    fn reset(stream: UnixStream) {
        drop(stream);
    }
}

/// A path that is an abstract name, and nobody else's.
pub fn abstract_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: only the number counts.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("\0filch-tests-{}-{number}", std::process::id())
}

/// Makes of generic functions `fn name<T: Transport>()` a test each for TCP (`tcp::name`) and for Unix
/// sockets (`unix::name`), and the list of all of them, `ON_EACH_TRANSPORT`.
#[macro_export]
macro_rules! on_each_transport {
    ($($name:ident),+ $(,)?) => {
        mod tcp {
            $(#[test] fn $name() { super::$name::<filch_tests::transport::Tcp>(); })+
        }
        mod unix {
            $(#[test] fn $name() { super::$name::<filch_tests::transport::Unix>(); })+
        }
        #[allow(dead_code, reason = "not every file counts what is left")]
        const ON_EACH_TRANSPORT: &[fn()] = &[
            $($name::<filch_tests::transport::Tcp>, $name::<filch_tests::transport::Unix>,)+
        ];
    };
}
