//! `fs::File`: what each operation does and where it leaves the position, on a file that answers from
//! memory, on one that came from std, and on one that shares its position and so goes to the pool.

#[path = "fs_support/mod.rs"]
mod fs_support;

use std::future::Future;
use std::io::{IoSlice, Read, Seek, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use filch::fs::{File, FileTimes, OpenOptions};
use filch::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader,
    ErrorKind, SeekFrom,
};
use filch_tests::folder::Folder;
use filch_tests::panics::caught;
use filch_tests::process::leave_nothing_behind;

use fs_support::{Way, each_way, on_each_runtime, one_pool_thread, poll_once};

const TESTS: [fn(); 26] = [
    reads_to_the_end_and_then_nothing,
    what_was_written_is_read_back,
    read_and_write_share_the_position,
    buffers_of_a_vectored_write_are_one_write,
    appends_wherever_it_has_read,
    seek_before_the_start_fails_and_does_not_move,
    seek_during_another_operation_is_refused,
    a_dropped_read_keeps_its_bytes_for_the_next,
    leftovers_do_not_move_the_position,
    accepted_writes_share_a_trip_and_keep_their_order,
    a_dropped_file_writes_what_it_has_accepted,
    a_length_is_set_after_what_was_written,
    a_clone_moves_with_its_original,
    goes_to_std_and_back,
    try_into_std_gives_a_busy_file_back,
    into_std_does_not_wait_for_what_was_dropped,
    rights_and_times_are_set,
    create_new_refuses_what_exists,
    options_mean_what_std_s_mean,
    a_file_from_the_cache_is_an_ordinary_one,
    lines_come_through_a_reader,
    large_contents_arrive_whole,
    reading_from_memory_spends_the_budget,
    a_buffer_of_nothing_is_refused,
    outside_of_a_runtime_it_panics,
    dropped_half_way,
];

#[test]
fn reads_to_the_end_and_then_nothing() {
    each_way(async |way, folder| {
        let path = folder.file("f", "hello, world");
        let mut file = way.open(&path).await;
        let mut buf = [0; 5];
        assert_eq!(file.read(&mut buf).await.unwrap(), 5);
        assert_eq!(&buf, b"hello");
        let mut rest = String::new();
        assert_eq!(file.read_to_string(&mut rest).await.unwrap(), 7);
        assert_eq!(rest, ", world");
        assert_eq!(file.read(&mut buf).await.unwrap(), 0);
        // The end is where the file ends now.
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"!").unwrap();
        assert_eq!(file.read(&mut buf).await.unwrap(), 1);
        assert_eq!(file.read(&mut []).await.unwrap(), 0);
    });
}

#[test]
fn what_was_written_is_read_back() {
    each_way(async |way, folder| {
        let mut file = way.open(&folder.file("f", "")).await;
        for number in 0..2_000_u32 {
            file.write_all(&number.to_le_bytes()).await.unwrap();
        }
        assert_eq!(file.seek(SeekFrom::Current(-4)).await.unwrap(), 7_996);
        assert_eq!(file.read_u32_le().await.unwrap(), 1_999);
        file.rewind().await.unwrap();
        for number in 0..2_000 {
            assert_eq!(file.read_u32_le().await.unwrap(), number);
        }
        assert_eq!(file.stream_position().await.unwrap(), 8_000);
    });
}

#[test]
fn read_and_write_share_the_position() {
    each_way(async |way, folder| {
        let path = folder.file("f", "0123456789");
        let mut file = way.open(&path).await;
        assert_eq!(file.read_u8().await.unwrap(), b'0');
        file.write_all(b"ab").await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'3');
        file.write_all(b"c").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"0ab3c56789");
        assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
        assert_eq!(file.read_u8().await.unwrap(), b'9');
    });
}

#[test]
fn buffers_of_a_vectored_write_are_one_write() {
    each_way(async |way, folder| {
        let path = folder.file("f", "");
        let mut file = way.open(&path).await;
        assert!(AsyncWrite::is_write_vectored(&file));
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        assert_eq!(file.write_vectored(&bufs).await.unwrap(), 5);
        assert_eq!(file.write(b"").await.unwrap(), 0);
        file.shutdown().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abcde");
    });
}

#[test]
fn appends_wherever_it_has_read() {
    on_each_runtime(async || {
        let folder = Folder::new("append");
        let path = folder.file("f", "abc");
        let mut file = OpenOptions::new().read(true).append(true).open(&path).await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'a');
        file.write_all(b"def").await.unwrap();
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 0);
        file.rewind().await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "abcdef");
    });
}

#[test]
fn seek_before_the_start_fails_and_does_not_move() {
    each_way(async |way, folder| {
        let mut file = way.open(&folder.file("f", "0123456789")).await;
        assert_eq!(file.read_u8().await.unwrap(), b'0');
        for position in [SeekFrom::Current(-2), SeekFrom::End(-11), SeekFrom::Current(i64::MIN)] {
            let error = file.seek(position).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{position:?}");
        }
        assert_eq!(file.read_u8().await.unwrap(), b'1');
    });
}

#[test]
fn seek_during_another_operation_is_refused() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("seek");
    let path = folder.file("f", "abc");
    runtime.block_on(async {
        let mut file = File::from_std(std::fs::File::open(&path).unwrap());
        let thread = thread.occupy().await;
        assert!(poll_once(&mut file.read(&mut [0; 2])).is_pending());
        let error = Pin::new(&mut file).start_seek(SeekFrom::Start(0)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        thread.release();
        assert_eq!(file.seek(SeekFrom::Start(2)).await.unwrap(), 2);
        assert_eq!(file.read_u8().await.unwrap(), b'c');
    });
}

#[test]
fn a_dropped_read_keeps_its_bytes_for_the_next() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("dropped-read");
    let path = folder.file("f", "0123456789");
    runtime.block_on(async {
        let mut file =
            File::from_std(std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap());
        let occupied = thread.occupy().await;
        assert!(poll_once(&mut file.read(&mut [0; 4])).is_pending());
        occupied.release();
        let mut two = [0; 2];
        file.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"01");
        // Two are left over; a write comes after those that were handed out.
        file.write_all(b"ab").await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'4');
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"01ab456789");
    });
}

/// What the bytes that a dropped read has left over must not disturb.
#[test]
fn leftovers_do_not_move_the_position() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("leftovers");
    let path = folder.file("f", "0123456789");
    let with_leftovers = async || {
        let std = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut file = File::from_std(std);
        let occupied = thread.occupy().await;
        assert!(poll_once(&mut file.read(&mut [0; 6])).is_pending());
        occupied.release();
        assert_eq!(file.read_u8().await.unwrap(), b'0');
        file
    };
    runtime.block_on(async {
        assert_eq!(with_leftovers().await.stream_position().await.unwrap(), 1);
        let mut file = with_leftovers().await;
        assert!(file.seek(SeekFrom::Current(-2)).await.is_err());
        assert_eq!(file.read_u8().await.unwrap(), b'1');
        assert_eq!(with_leftovers().await.into_std().await.stream_position().unwrap(), 1);
        assert_eq!(with_leftovers().await.try_into_std().unwrap().stream_position().unwrap(), 1);
        let mut clone = with_leftovers().await.try_clone().await.unwrap();
        assert_eq!(clone.stream_position().await.unwrap(), 1);
        let mut file = with_leftovers().await;
        file.set_len(3).await.unwrap();
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"12");
    });
}

#[test]
fn accepted_writes_share_a_trip_and_keep_their_order() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("behind");
    let path = folder.join("f");
    runtime.block_on(async {
        let mut file = File::create(&path).await.unwrap();
        file.set_max_buf_size(8);
        assert_eq!(file.max_buf_size(), 8);
        let occupied = thread.occupy().await;
        assert_eq!(file.write(b"abc").await.unwrap(), 3);
        assert_eq!(file.write(b"def").await.unwrap(), 3);
        // There is room for two more, and then for none.
        assert_eq!(file.write(b"ghi").await.unwrap(), 2);
        assert!(poll_once(&mut file.write(b"i")).is_pending());
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        occupied.release();
        file.write_all(b"ijk").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abcdefghijk");
    });
}

#[test]
fn a_dropped_file_writes_what_it_has_accepted() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("dropped-file");
    let path = folder.join("f");
    runtime.block_on(async {
        let mut file = File::create(&path).await.unwrap();
        let occupied = thread.occupy().await;
        file.write_all(b"abc").await.unwrap();
        file.write_all(b"def").await.unwrap();
        drop(file);
        occupied.release();
        // The pool's only thread takes the jobs in order.
        filch::task::spawn_blocking(|| {}).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abcdef");
    });
}

#[test]
fn a_length_is_set_after_what_was_written() {
    each_way(async |way, folder| {
        let path = folder.file("f", "");
        let mut file = way.open(&path).await;
        file.write_all(b"0123456789").await.unwrap();
        file.set_len(4).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 4);
        assert_eq!(std::fs::read(&path).unwrap(), b"0123");
        assert_eq!(file.stream_position().await.unwrap(), 10);
        file.set_len(6).await.unwrap();
        file.rewind().await.unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"0123\0\0");
    });
}

#[test]
fn a_clone_moves_with_its_original() {
    on_each_runtime(async || {
        let folder = Folder::new("clone");
        let path = folder.file("f", "0123456789");
        let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
        file.set_max_buf_size(3);
        let mut clone = file.try_clone().await.unwrap();
        assert_eq!(clone.max_buf_size(), 3);
        assert_eq!(file.read_u8().await.unwrap(), b'0');
        assert_eq!(clone.read_u8().await.unwrap(), b'1');
        clone.write_all(b"ab").await.unwrap();
        clone.flush().await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'4');
    });
}

#[test]
fn goes_to_std_and_back() {
    on_each_runtime(async || {
        let folder = Folder::new("std");
        let path = folder.file("f", "0123456789");
        let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
        file.write_all(b"abc").await.unwrap();
        let mut std = file.into_std().await;
        assert_eq!(std.stream_position().unwrap(), 3);
        let mut byte = [0];
        std.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"3");
        let mut file = File::from(std);
        assert_eq!(file.read_u8().await.unwrap(), b'4');
        let mut std = file.try_into_std().unwrap();
        assert_eq!(std.stream_position().unwrap(), 5);
        let fd = std::os::fd::OwnedFd::from(std);
        assert_eq!(File::from(fd).read_u8().await.unwrap(), b'5');
    });
}

#[test]
fn try_into_std_gives_a_busy_file_back() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("busy");
    let path = folder.join("f");
    runtime.block_on(async {
        let mut file = File::create(&path).await.unwrap();
        let occupied = thread.occupy().await;
        file.write_all(b"abc").await.unwrap();
        let mut file = file.try_into_std().unwrap_err();
        occupied.release();
        file.flush().await.unwrap();
        file.try_into_std().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    });
}

#[test]
fn into_std_does_not_wait_for_what_was_dropped() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("beside");
    let path = folder.file("f", "abc");
    runtime.block_on(async {
        let file = File::from_std(std::fs::File::open(&path).unwrap());
        let occupied = thread.occupy().await;
        assert!(poll_once(&mut Box::pin(file.sync_all())).is_pending());
        // The trip, which has not begun, holds the file.
        let file = file.try_into_std().unwrap_err();
        let mut std = file.into_std().await;
        let mut text = String::new();
        std.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        occupied.release();
    });
}

#[test]
fn rights_and_times_are_set() {
    on_each_runtime(async || {
        let folder = Folder::new("rights");
        let path = folder.file("f", "");
        let file = File::options().write(true).open(&path).await.unwrap();
        let mut rights = file.metadata().await.unwrap().permissions();
        rights.set_readonly(true);
        file.set_permissions(rights).await.unwrap();
        assert!(file.metadata().await.unwrap().permissions().readonly());
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let times = FileTimes::new().set_accessed(then).set_modified(then + Duration::from_secs(1));
        file.set_times(times).await.unwrap();
        let metadata = file.metadata().await.unwrap();
        assert_eq!(metadata.accessed().unwrap(), then);
        assert_eq!(metadata.modified().unwrap(), then + Duration::from_secs(1));
        file.set_modified(then).await.unwrap();
        let metadata = file.metadata().await.unwrap();
        assert_eq!((metadata.accessed().unwrap(), metadata.modified().unwrap()), (then, then));
        file.sync_data().await.unwrap();
        file.sync_all().await.unwrap();
    });
}

#[test]
fn create_new_refuses_what_exists() {
    on_each_runtime(async || {
        let folder = Folder::new("new");
        let path = folder.join("f");
        let mut file = File::create_new(&path).await.unwrap();
        file.write_all(b"abc").await.unwrap();
        file.rewind().await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'a');
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        // Nothing but reading was asked for, so writing is refused.
        let mut file = File::open(&path).await.unwrap();
        assert!(file.set_len(1).await.is_err());
        file.write_all(b"x").await.unwrap();
        assert!(file.flush().await.is_err());
        drop(File::create(&path).await.unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    });
}

#[test]
fn options_mean_what_std_s_mean() {
    use std::os::unix::fs::PermissionsExt;
    on_each_runtime(async || {
        let folder = Folder::new("options");
        let path = folder.join("f");
        let none = OpenOptions::new().open(&path).await.unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
        let file =
            OpenOptions::new().write(true).create(true).mode(0o600).open(&path).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().permissions().mode() & 0o777, 0o600);
        let link = folder.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(File::open(&link).await.is_ok());
        let mut options = OpenOptions::default();
        options.read(true).custom_flags(libc::O_NOFOLLOW);
        let error = options.open(&link).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
        let mut std = std::fs::OpenOptions::new();
        std.write(true).truncate(true);
        assert!(OpenOptions::from(std).open(&path).await.is_ok());
        let refused = options.clone().truncate(true).open(&path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    });
}

/// An open file has the flags that std's has.
#[test]
fn a_file_from_the_cache_is_an_ordinary_one() {
    on_each_runtime(async || {
        let folder = Folder::new("flags");
        let path = folder.file("f", "abc");
        for _ in 0..3 {
            let ours = File::open(&path).await.unwrap();
            let std = std::fs::File::open(&path).unwrap();
            let flags = |fd| rustix::fs::fcntl_getfl(fd).unwrap();
            assert_eq!(
                flags(std::os::fd::AsFd::as_fd(&ours)),
                flags(std::os::fd::AsFd::as_fd(&std))
            );
            let cloexec = rustix::io::fcntl_getfd(&ours).unwrap();
            assert_eq!(cloexec, rustix::io::FdFlags::CLOEXEC);
        }
    });
}

#[test]
fn lines_come_through_a_reader() {
    on_each_runtime(async || {
        let folder = Folder::new("lines");
        let path = folder.file("f", "one\ntwo\nthree");
        let mut lines = BufReader::new(File::open(&path).await.unwrap()).lines();
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            seen.push(line);
        }
        assert_eq!(seen, ["one", "two", "three"]);
    });
}

/// Megabytes, beyond what one trip takes and what is read where the task is.
#[test]
fn large_contents_arrive_whole() {
    each_way(async |way: Way, folder| {
        let path = folder.file("f", "");
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        let mut file = way.open(&path).await;
        file.write_all(&bytes).await.unwrap();
        file.rewind().await.unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).await.unwrap();
        assert!(read == bytes);
        assert!(std::fs::read(&path).unwrap() == bytes);
    });
}

/// What always answers at once lets others run all the same.
#[test]
fn reading_from_memory_spends_the_budget() {
    let runtime = filch::runtime::Builder::new_current_thread().build().unwrap();
    let folder = Folder::new("budget");
    let path = folder.file("f", vec![7; 10_000]);
    runtime.block_on(async {
        // The first one tells the runtime what the folder's file system is.
        drop(File::open(&path).await.unwrap());
        let mut file = File::open(&path).await.unwrap();
        let mut reads = Box::pin(async {
            for _ in 0..10_000 {
                file.read_u8().await.unwrap();
            }
        });
        let mut polls = 0;
        std::future::poll_fn(|cx| {
            polls += 1;
            reads.as_mut().poll(cx)
        })
        .await;
        assert!(polls > 10, "{polls}");
    });
}

#[test]
fn a_buffer_of_nothing_is_refused() {
    let std = std::fs::File::open("/dev/null").unwrap();
    let mut file = File::from_std(std);
    assert!(caught(|| file.set_max_buf_size(0)).message.contains("positive"));
}

#[test]
fn outside_of_a_runtime_it_panics() {
    let folder = Folder::new("outside");
    let path = folder.file("f", "abc");
    // So that its mount is known, and the path cached.
    let runtime = filch::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { filch::fs::read(&path).await.unwrap() });
    let poll = |mut future: Pin<Box<dyn Future<Output = ()>>>| {
        let mut cx = Context::from_waker(Waker::noop());
        let _: Poll<()> = future.as_mut().poll(&mut cx);
    };
    let read = path.clone();
    let text =
        caught(move || poll(Box::pin(async move { drop(filch::fs::read(read).await) }))).message;
    assert!(text.contains("no reactor running"), "{text}");
    let text = caught(move || poll(Box::pin(async move { drop(File::open(path).await) }))).message;
    assert!(text.contains("no reactor running"), "{text}");
}

/// Futures that are dropped half-way.
fn dropped_half_way() {
    on_each_runtime(async || {
        let folder = Folder::new("leaks");
        let path = folder.file("f", "0123456789");
        for _ in 0..50 {
            let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
            let _ = poll_once(&mut Box::pin(file.read(&mut [0; 4])));
            file.write_all(b"abc").await.unwrap();
            let _ = poll_once(&mut Box::pin(file.try_clone()));
            let _ = poll_once(&mut Box::pin(File::open(&path)));
            let _ = poll_once(&mut Box::pin(filch::fs::read_dir(folder.path())));
        }
    });
}

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", dropped_half_way, &TESTS);
}
