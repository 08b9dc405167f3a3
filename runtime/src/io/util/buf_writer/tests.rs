//! What `BufWriter` promises, against a scripted writer.

use super::*;
use crate::io::mock::{Mock, poll_once, run};
use crate::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use std::io::Cursor;
use std::pin::pin;

fn slices<'a>(bufs: &[&'a [u8]]) -> Vec<IoSlice<'a>> {
    bufs.iter().map(|buf| IoSlice::new(buf)).collect()
}

#[test]
fn small_writes_wait_for_a_full_buffer() {
    let mut writer = BufWriter::with_capacity(4, Mock::new());
    run(writer.write_all(b"ab")).unwrap();
    run(writer.write_all(b"cd")).unwrap();
    assert_eq!((writer.buffer(), writer.get_ref().write_polls), (&b"abcd"[..], 0));
    run(writer.write_all(b"e")).unwrap();
    assert_eq!((writer.buffer(), &writer.get_ref().written[..]), (&b"e"[..], &b"abcd"[..]));
    run(writer.flush()).unwrap();
    assert_eq!((writer.buffer(), &writer.get_ref().written[..]), (&b""[..], &b"abcde"[..]));
    assert_eq!((writer.get_ref().write_polls, writer.get_ref().flushes), (2, 1));
}

#[test]
fn a_large_write_goes_past_the_buffer_after_what_is_in_it() {
    let mut writer = BufWriter::with_capacity(4, Mock::new());
    run(writer.write_all(b"a")).unwrap();
    run(writer.write_all(b"bcdef")).unwrap();
    assert_eq!((writer.buffer(), &writer.get_ref().written[..]), (&b""[..], &b"abcdef"[..]));
}

#[test]
fn a_write_as_long_as_the_buffer_goes_past_it() {
    for mock in [Mock::new(), Mock::new().vectored()] {
        let mut writer = BufWriter::with_capacity(4, mock);
        run(writer.write_all(b"abcd")).unwrap();
        assert_eq!((writer.buffer(), writer.get_ref().write_polls), (&b""[..], 1));
        assert_eq!(run(writer.write_vectored(&slices(&[b"efgh"]))).unwrap(), 4);
        assert_eq!((writer.buffer(), writer.get_ref().write_polls), (&b""[..], 2));
    }
}

#[test]
fn zero_capacity_writes_straight_through() {
    let mut writer = BufWriter::with_capacity(0, Mock::new());
    run(writer.write_all(b"ab")).unwrap();
    assert_eq!(run(writer.write_vectored(&slices(&[b"", b"c"]))).unwrap(), 1);
    assert_eq!(writer.get_ref().written, b"abc");
}

#[test]
fn flush_goes_on_after_short_writes_and_interruptions() {
    let mock = Mock::new()
        .accept(1)
        .write_pending()
        .write_error(ErrorKind::Interrupted)
        .accept(1)
        .flush_pending();
    let mut writer = BufWriter::new(mock);
    run(writer.write_all(b"abcd")).unwrap();
    run(writer.flush()).unwrap();
    assert_eq!((&writer.get_ref().written[..], writer.get_ref().flushes), (&b"abcd"[..], 1));
}

#[test]
fn an_error_keeps_what_was_not_written_and_a_later_flush_goes_on() {
    for (mock, kind) in [
        (Mock::new().accept(2).write_error(ErrorKind::TimedOut), ErrorKind::TimedOut),
        (Mock::new().accept(2).accept(0), ErrorKind::WriteZero),
    ] {
        let mut writer = BufWriter::new(mock);
        run(writer.write_all(b"abcd")).unwrap();
        assert_eq!(run(writer.flush()).unwrap_err().kind(), kind);
        assert_eq!((writer.buffer(), writer.get_ref().flushes), (&b"cd"[..], 0));
        run(writer.flush()).unwrap();
        assert_eq!(writer.get_ref().written, b"abcd");
    }
}

#[test]
fn a_dropped_flush_goes_on_where_it_was() {
    let mut writer = BufWriter::new(Mock::new().accept(2).write_stall());
    run(writer.write_all(b"abcd")).unwrap();
    assert!(poll_once(pin!(writer.flush())).is_pending());
    assert_eq!(writer.buffer(), b"cd");
    // The part that was taken still occupies the buffer, but is not written again.
    assert_eq!(run(writer.write(b"ef")).unwrap(), 2);
    assert_eq!(writer.buffer(), b"cdef");
}

#[test]
fn shutdown_writes_the_buffer_first_and_reports_each_error() {
    let mut writer = BufWriter::new(Mock::new().shutdown_pending());
    run(writer.write_all(b"ab")).unwrap();
    run(writer.shutdown()).unwrap();
    assert_eq!((&writer.get_ref().written[..], writer.get_ref().shutdowns), (&b"ab"[..], 1));
    let mut writer = BufWriter::new(Mock::new().write_error(ErrorKind::BrokenPipe));
    run(writer.write_all(b"ab")).unwrap();
    assert_eq!(run(writer.shutdown()).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(writer.get_ref().shutdowns, 0);
    let mut writer = BufWriter::new(Mock::new().shutdown_error(ErrorKind::NotConnected));
    assert_eq!(run(writer.shutdown()).unwrap_err().kind(), ErrorKind::NotConnected);
}

#[test]
fn vectored_writes_fill_the_buffer_or_go_past_it() {
    for mock in [Mock::new(), Mock::new().vectored()] {
        let vectored = mock.is_write_vectored();
        let mut writer = BufWriter::with_capacity(4, mock);
        assert!(writer.is_write_vectored());
        assert_eq!(run(writer.write_vectored(&slices(&[b"", b"a", b"", b"b"]))).unwrap(), 2);
        assert_eq!(writer.buffer(), b"ab");
        // Does not fit: a vectored writer gets it in one go, another one in pieces.
        let n = run(writer.write_vectored(&slices(&[b"cd", b"efg"]))).unwrap();
        if vectored {
            assert_eq!((n, &writer.get_ref().written[..]), (5, &b"abcdefg"[..]));
            assert_eq!(writer.get_ref().write_polls, 2);
        } else {
            assert_eq!((n, writer.buffer()), (2, &b"abcd"[..]));
        }
        assert_eq!(run(writer.write_vectored(&slices(&[b"", b""]))).unwrap(), 0);
        assert_eq!(
            run(writer.write_vectored(&slices(&[b"12345", b"6"]))).unwrap(),
            5 + usize::from(vectored)
        );
        assert_eq!(writer.buffer(), b"");
    }
}

#[test]
fn vectored_write_reports_the_error_and_keeps_the_buffer() {
    for mock in [Mock::new(), Mock::new().vectored()] {
        let mut writer = BufWriter::with_capacity(2, mock.write_error(ErrorKind::BrokenPipe));
        run(writer.write_all(b"a")).unwrap();
        let error = run(writer.write_vectored(&slices(&[b"bc", b"d"]))).unwrap_err();
        assert_eq!((error.kind(), writer.buffer()), (ErrorKind::BrokenPipe, &b"a"[..]));
    }
}

#[test]
fn a_seek_writes_the_buffer_first() {
    let mut writer = BufWriter::new(Cursor::new(b"0123456789".to_vec()));
    run(writer.write_all(b"ab")).unwrap();
    assert_eq!(run(writer.seek(SeekFrom::Current(3))).unwrap(), 5);
    run(writer.write_all(b"cd")).unwrap();
    assert_eq!(run(writer.stream_position()).unwrap(), 7);
    assert_eq!(writer.get_ref().get_ref(), b"ab234cd789");
    let error = run(writer.seek(SeekFrom::End(-11))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(run(writer.rewind()).unwrap(), 0);
}

#[test]
fn a_seek_reports_each_steps_error_and_the_next_one_starts_afresh() {
    let mut writer = BufWriter::new(Mock::new().write_error(ErrorKind::BrokenPipe));
    run(writer.write_all(b"ab")).unwrap();
    assert_eq!(run(writer.rewind()).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!((writer.buffer(), writer.get_ref().seeks.len()), (&b"ab"[..], 0));
    assert_eq!(run(writer.seek(SeekFrom::Start(1))).unwrap(), 100);
    let mock = Mock::new().seek_ready().seek_ready().seek_error(ErrorKind::TimedOut);
    let mut writer = BufWriter::new(mock);
    assert_eq!(run(writer.rewind()).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(run(writer.rewind()).unwrap(), 200);
}

#[test]
fn start_seek_refuses_while_one_is_submitted() {
    let mock = Mock::new().seek_ready().seek_ready().seek_pending();
    let mut writer = BufWriter::new(mock);
    assert!(poll_once(pin!(writer.rewind())).is_pending());
    let error = Pin::new(&mut writer).start_seek(SeekFrom::Start(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(run(writer.seek(SeekFrom::Start(3))).unwrap(), 200);
}

#[test]
fn reading_passes_through() {
    let mut writer = BufWriter::new(BufReader::new(Mock::new().data(b"a\nb")));
    let mut line = String::new();
    run(writer.read_line(&mut line)).unwrap();
    assert_eq!(line, "a\n");
    assert_eq!(run(writer.read_u8()).unwrap(), b'b');
    assert_eq!(writer.into_inner().into_inner().read_polls, 1);
}

#[test]
fn debug_shows_how_full_it_is() {
    let mut writer = BufWriter::with_capacity(4, Vec::new());
    run(writer.write_all(b"abc")).unwrap();
    assert_eq!(format!("{writer:?}"), "BufWriter { writer: [], buffer: 3/4, written: 0 }");
}
