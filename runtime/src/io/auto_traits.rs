//! Which types and futures of `io` may cross threads, move while polled, and hide behind `dyn`.
//!
//! Nearly all of this is checked by compiling. A change here is a breaking change.

use std::cell::Cell;
use std::io::{Cursor, IoSlice};
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::Rc;

use super::mock::{Mock, run};
use super::*;

fn all<T: Send + Sync + Unpin>() {}
fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
fn all_of_value<T: Send + Sync + Unpin>(_: T) {}
fn send_of_value<T: Send>(_: T) {}

/// Fails to compile if `$ty` has `$trait`: the method would then be found twice.
macro_rules! lacks {
    ($ty:ty: $trait:path) => {{
        trait Ambiguous<A> {
            fn check() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct Has;
        impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
        <$ty as Ambiguous<_>>::check();
    }};
}

/// A stream that stays on its thread.
type Local = Cursor<Rc<[u8]>>;

#[test]
fn types_are_as_free_as_what_they_wrap() {
    all::<ReadBuf<'static>>();
    all::<BufReader<Mock>>();
    all::<BufWriter<Mock>>();
    all::<BufStream<Mock>>();
    all::<Chain<Mock, Mock>>();
    all::<DuplexStream>();
    all::<Empty>();
    all::<Join<Mock, Mock>>();
    all::<Lines<Mock>>();
    all::<ReadHalf<Mock>>();
    all::<Repeat>();
    all::<SimplexStream>();
    all::<Sink>();
    all::<Split<Mock>>();
    all::<Take<Mock>>();
    all::<WriteHalf<Mock>>();
    all::<InspectReader<Mock, fn(&[u8])>>();
    all::<InspectWriter<Mock, fn(&[u8])>>();
    lacks!(BufReader<Local>: Send);
    lacks!(Take<Local>: Send);
    lacks!(ReadHalf<Rc<()>>: Send);
    lacks!(BufReader<PhantomPinned>: Unpin);
    lacks!(Chain<Empty, PhantomPinned>: Unpin);
    // A half is one pointer: it may move although the stream may not.
    all::<ReadHalf<PhantomPinned>>();
    unwind_safe::<ReadHalf<Cell<u8>>>();
    unwind_safe::<WriteHalf<&mut u8>>();
    // Behind the halves' lock `Send` is enough for `Sync`.
    all::<WriteHalf<Cell<u8>>>();
}

#[test]
fn futures_are_as_free_as_what_they_borrow() {
    let mut mock = Mock::new();
    let mut bytes = Vec::new();
    all_of_value(mock.read(&mut [0; 1]));
    all_of_value(mock.read_buf(&mut bytes));
    all_of_value(mock.read_exact(&mut [0; 1]));
    all_of_value(mock.read_u64_le());
    all_of_value(mock.read_to_end(&mut bytes));
    all_of_value(mock.read_to_string(&mut String::new()));
    all_of_value(mock.write(b""));
    all_of_value(mock.write_vectored(&[IoSlice::new(b"")]));
    all_of_value(mock.write_buf(&mut &b""[..]));
    all_of_value(mock.write_all_buf(&mut &b""[..]));
    all_of_value(mock.write_all(b""));
    all_of_value(mock.write_f32(0.0));
    all_of_value(mock.flush());
    all_of_value(mock.shutdown());
    all_of_value(mock.seek(SeekFrom::Start(0)));
    let mut reader = BufReader::new(mock);
    all_of_value(reader.fill_buf());
    all_of_value(reader.read_until(0, &mut bytes));
    all_of_value(reader.read_line(&mut String::new()));
    send_of_value(copy(&mut Mock::new(), &mut Mock::new()));
    send_of_value(copy_buf(&mut reader, &mut Mock::new()));
    send_of_value(copy_bidirectional(&mut Mock::new(), &mut Mock::new()));
    send_of_value(copy_bidirectional_with_sizes(&mut Mock::new(), &mut Mock::new(), 1, 1));
    send_of_value(AsyncBufReadExt::lines(&mut reader).next_line());
    send_of_value(AsyncBufReadExt::split(&mut reader, 0).next_segment());
}

#[test]
fn traits_and_their_extensions_work_behind_dyn() {
    trait Duplex: AsyncRead + AsyncWrite {}
    impl Duplex for Mock {}
    let mut stream: Pin<Box<dyn Duplex + Send>> = Box::pin(Mock::new().data(b"ab"));
    assert_eq!(run(stream.read_u8()).unwrap(), b'a');
    run(stream.write_all_buf(&mut &b"xy"[..])).unwrap();
    let buffered: &mut (dyn AsyncBufRead + Unpin) = &mut &b"one\ntwo"[..];
    let mut line = String::new();
    run(buffered.read_line(&mut line)).unwrap();
    assert_eq!(line, "one\n");
    let writer: &mut (dyn AsyncWrite + Unpin) = &mut Vec::new();
    run(writer.write_buf(&mut &b"xy"[..])).unwrap();
    run(copy(buffered, writer)).unwrap();
    let seekable: &mut (dyn AsyncSeek + Unpin) = &mut Cursor::new("abc");
    assert_eq!(run(seekable.seek(SeekFrom::End(0))).unwrap(), 3);
}
