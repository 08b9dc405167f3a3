//! Every stream of filch has the traits of futures-io, tokio and hyper that it should have; files and Unix
//! sockets under the first of them, with futures-util's functions.

use filch::fs::File;
use filch::io::{
    BufReader, BufStream, BufWriter, Chain, DuplexStream, Empty, InspectReader, InspectWriter,
    Join, ReadHalf, Repeat, SeekFrom, SimplexStream, Sink, Stderr, Stdin, Stdout, Take, WriteHalf,
};
use filch::net::{TcpStream, UnixStream, tcp, unix};
use filch::process::{ChildStderr, ChildStdin, ChildStdout};
use filch_interop_tests::{check_leaks, on_each, payload};
use futures_util::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

const TESTS: [fn(); 1] = [a_file_is_sent_seeked_and_read_by_futures_util];

fn reads<T: futures_util::AsyncRead + tokio::io::AsyncRead + hyper::rt::Read>() {}
fn writes<T: futures_util::AsyncWrite + tokio::io::AsyncWrite + hyper::rt::Write>() {}
fn buffers<T: futures_util::AsyncBufRead + tokio::io::AsyncBufRead>() {}
fn seeks<T: futures_util::AsyncSeek + tokio::io::AsyncSeek>() {}

fn both<T>()
where
    T: futures_util::AsyncRead + tokio::io::AsyncRead + hyper::rt::Read,
    T: futures_util::AsyncWrite + tokio::io::AsyncWrite + hyper::rt::Write,
{
}

/// Checked by compiling.
#[test]
fn every_stream_has_them() {
    both::<TcpStream>();
    reads::<tcp::ReadHalf<'_>>();
    writes::<tcp::WriteHalf<'_>>();
    reads::<tcp::OwnedReadHalf>();
    writes::<tcp::OwnedWriteHalf>();
    both::<UnixStream>();
    reads::<unix::ReadHalf<'_>>();
    writes::<unix::WriteHalf<'_>>();
    reads::<unix::OwnedReadHalf>();
    writes::<unix::OwnedWriteHalf>();
    reads::<unix::pipe::Receiver>();
    writes::<unix::pipe::Sender>();
    writes::<ChildStdin>();
    reads::<ChildStdout>();
    reads::<ChildStderr>();
    both::<File>();
    seeks::<File>();
    reads::<Stdin>();
    writes::<Stdout>();
    writes::<Stderr>();
    both::<DuplexStream>();
    both::<SimplexStream>();
    reads::<ReadHalf<TcpStream>>();
    writes::<WriteHalf<TcpStream>>();
    both::<BufReader<TcpStream>>();
    both::<BufWriter<TcpStream>>();
    both::<BufStream<TcpStream>>();
    buffers::<BufReader<TcpStream>>();
    buffers::<BufWriter<BufReader<TcpStream>>>();
    buffers::<BufStream<TcpStream>>();
    seeks::<BufReader<File>>();
    seeks::<BufWriter<File>>();
    seeks::<BufStream<File>>();
    reads::<Chain<TcpStream, UnixStream>>();
    buffers::<Chain<BufReader<TcpStream>, Empty>>();
    reads::<Take<TcpStream>>();
    buffers::<Take<BufReader<TcpStream>>>();
    both::<Join<tcp::OwnedReadHalf, tcp::OwnedWriteHalf>>();
    buffers::<Join<BufReader<TcpStream>, Sink>>();
    both::<InspectReader<TcpStream, fn(&[u8])>>();
    both::<InspectWriter<TcpStream, fn(&[u8])>>();
    both::<Empty>();
    buffers::<Empty>();
    seeks::<Empty>();
    reads::<Repeat>();
    writes::<Sink>();
}

#[test]
fn a_file_is_sent_seeked_and_read_by_futures_util() {
    const LEN: usize = 300_000;
    on_each(|| async {
        let name = format!("filch-interop-{}-{}", std::process::id(), filch::task::id());
        let path = std::env::temp_dir().join(name);
        let mut options = File::options();
        options.create(true).truncate(true).read(true).write(true);
        let mut file = options.open(&path).await.unwrap();
        let (sender, receiver) = UnixStream::pair().unwrap();
        let sending = filch::spawn(async move {
            let mut sender = sender;
            sender.write_all(&payload(3, LEN)).await.unwrap();
            sender.close().await.unwrap();
        });
        assert_eq!(futures_util::io::copy(receiver, &mut file).await.unwrap(), LEN as u64);
        sending.await.unwrap();

        let mut buf = [0; 4];
        assert_eq!(file.seek(SeekFrom::Start(1000)).await.unwrap(), 1000);
        file.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, payload(3, LEN)[1000..1004]);
        // Twice the same: two seeks, and not one that was asked for twice.
        for at in [1104, 1204] {
            assert_eq!(file.seek(SeekFrom::Current(100)).await.unwrap(), at);
        }
        let mut file = BufReader::new(file);
        assert_eq!(file.seek(SeekFrom::End(-2)).await.unwrap(), LEN as u64 - 2);
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, payload(3, LEN)[LEN - 2..]);
        filch::fs::remove_file(&path).await.unwrap();
    });
}

#[test]
fn nothing_is_left_behind() {
    check_leaks(&TESTS);
}
