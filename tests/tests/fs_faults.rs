//! Files and directories that fail: a full disk, impossible paths, missing rights, what is removed or no
//! file, too many open files, a runtime that is gone. Each is an error, none a panic or a hang.

#[path = "fs_support/mod.rs"]
mod fs_support;

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::task::Poll;

use filch::fs::{self, File};
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, ErrorKind, SeekFrom};
use filch::runtime::Builder;
use filch_tests::folder::Folder;
use filch_tests::process::{self, leave_nothing_behind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use fs_support::{on_each_runtime, one_pool_thread, poll_once};

const TESTS: [fn(); 11] = [
    full_disk_is_reported_by_flush_once,
    full_disk_is_reported_by_the_next_write,
    full_disk_is_reported_by_syncs_and_shutdown,
    reads_and_seeks_leave_the_error_to_flush,
    full_disk_stops_whole_writes_and_copies,
    a_path_with_a_nul_is_refused,
    a_directory_is_no_file,
    a_directory_that_goes_ends_the_walk,
    a_shutdown_writes_what_was_accepted,
    a_shutdown_cancels_what_has_not_begun,
    a_file_outlives_its_runtime,
];

fn is_full(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOSPC)
}

/// A file on which every write fails.
async fn full() -> File {
    File::options().read(true).write(true).open("/dev/full").await.unwrap()
}

#[test]
fn full_disk_is_reported_by_flush_once() {
    on_each_runtime(async || {
        let mut file = full().await;
        file.write_all(b"abc").await.unwrap();
        assert!(is_full(&file.flush().await.unwrap_err()));
        file.flush().await.unwrap();
        // It goes on, if there is room by then.
        assert_eq!(file.write(b"abc").await.unwrap(), 3);
        assert!(is_full(&file.flush().await.unwrap_err()));
    });
}

#[test]
fn full_disk_is_reported_by_the_next_write() {
    on_each_runtime(async || {
        let mut file = full().await;
        file.write_all(b"abc").await.unwrap();
        // Waits for the write, and leaves its error.
        file.seek(SeekFrom::Start(0)).await.unwrap();
        assert!(is_full(&file.write(b"def").await.unwrap_err()));
        file.flush().await.unwrap();
    });
}

#[test]
fn full_disk_is_reported_by_syncs_and_shutdown() {
    on_each_runtime(async || {
        let mut file = full().await;
        file.write_all(b"abc").await.unwrap();
        assert!(is_full(&file.sync_all().await.unwrap_err()));
        file.write_all(b"abc").await.unwrap();
        assert!(is_full(&file.sync_data().await.unwrap_err()));
        file.write_all(b"abc").await.unwrap();
        assert!(is_full(&file.shutdown().await.unwrap_err()));
        file.shutdown().await.unwrap();
    });
}

#[test]
fn reads_and_seeks_leave_the_error_to_flush() {
    on_each_runtime(async || {
        let mut file = full().await;
        file.write_all(b"abc").await.unwrap();
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 8);
        file.rewind().await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), 0);
        let _ = file.metadata().await.unwrap();
        let _ = file.try_clone().await.unwrap();
        assert!(is_full(&file.flush().await.unwrap_err()));
    });
}

#[test]
fn full_disk_stops_whole_writes_and_copies() {
    on_each_runtime(async || {
        assert!(is_full(&fs::write("/dev/full", "abc").await.unwrap_err()));
        let folder = Folder::new("full");
        let from = folder.file("from", vec![7; 100_000]);
        assert!(is_full(&fs::copy(&from, "/dev/full").await.unwrap_err()));
        // Through a stream, too.
        let mut from = File::open(&from).await.unwrap();
        let error = filch::io::copy(&mut from, &mut full().await).await.unwrap_err();
        assert!(is_full(&error));
    });
}

/// What follows a write that failed is not written in its place: a limit to the file's size stops the first
/// of two.
#[test]
fn nothing_is_written_after_a_failed_write() {
    process::alone("nothing_is_written_after_a_failed_write", || {
        // SAFETY: the handler is the system's own.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        let (runtime, thread) = one_pool_thread();
        let folder = Folder::new("after");
        let path = folder.file("f", "");
        runtime.block_on(async {
            let mut file = File::options().append(true).open(&path).await.unwrap();
            file.set_max_buf_size(16);
            let occupied = thread.occupy().await;
            file.write_all(b"0123456789").await.unwrap();
            file.write_all(b"abc").await.unwrap();
            setrlimit(Resource::Fsize, Rlimit { current: Some(4), maximum: None }).unwrap();
            occupied.release();
            let error = file.flush().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FileTooLarge);
            file.flush().await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"0123");
        });
    });
}

#[test]
fn a_path_with_a_nul_is_refused() {
    on_each_runtime(async || {
        let bad = Path::new("a\0b");
        let errors = [
            fs::canonicalize(bad).await.err(),
            fs::copy(bad, "/dev/null").await.err(),
            fs::copy("/dev/null", bad).await.err(),
            fs::create_dir(bad).await.err(),
            fs::create_dir_all(bad).await.err(),
            fs::hard_link(bad, bad).await.err(),
            fs::metadata(bad).await.err(),
            fs::read(bad).await.err(),
            fs::read_dir(bad).await.err(),
            fs::read_link(bad).await.err(),
            fs::read_to_string(bad).await.err(),
            fs::remove_dir(bad).await.err(),
            fs::remove_dir_all(bad).await.err(),
            fs::remove_file(bad).await.err(),
            fs::rename(bad, bad).await.err(),
            fs::set_permissions(bad, std::fs::Permissions::from_mode(0o000)).await.err(),
            fs::symlink(bad, bad).await.err(),
            fs::symlink_metadata(bad).await.err(),
            fs::try_exists(bad).await.err(),
            fs::write(bad, "").await.err(),
            fs::DirBuilder::new().create(bad).await.err(),
            File::open(bad).await.err(),
            File::create(bad).await.err(),
            File::create_new(bad).await.err(),
        ];
        for (at, error) in errors.into_iter().enumerate() {
            assert_eq!(error.unwrap().kind(), ErrorKind::InvalidInput, "{at}");
        }
    });
}

#[test]
fn a_directory_is_no_file() {
    on_each_runtime(async || {
        let folder = Folder::new("directory");
        for _ in 0..2 {
            assert_eq!(fs::read(folder.path()).await.unwrap_err().kind(), ErrorKind::IsADirectory);
            let text = fs::read_to_string(folder.path()).await;
            assert_eq!(text.unwrap_err().kind(), ErrorKind::IsADirectory);
            let mut directory = File::open(folder.path()).await.unwrap();
            assert!(directory.metadata().await.unwrap().is_dir());
            let error = directory.read(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::IsADirectory);
        }
        let error = File::create(folder.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
    });
}

#[test]
fn a_directory_that_goes_ends_the_walk() {
    on_each_runtime(async || {
        let folder = Folder::new("goes");
        for n in 0..3_000 {
            folder.file(&n.to_string(), "");
        }
        let mut entries = fs::read_dir(folder.path()).await.unwrap();
        let first = entries.next_entry().await.unwrap().unwrap();
        fs::remove_dir_all(folder.path()).await.unwrap();
        assert_eq!(first.metadata().await.unwrap_err().kind(), ErrorKind::NotFound);
        // The type came with the name.
        assert!(first.file_type().await.unwrap().is_file());
        let mut seen = 1;
        while let Some(entry) = entries.next_entry().await.unwrap() {
            let _ = entry.metadata().await;
            seen += 1;
        }
        assert!((32..3_000).contains(&seen), "{seen}");
    });
}

/// Lowers the limit of open files to those that are open.
fn no_more_files() -> Rlimit {
    let before = getrlimit(Resource::Nofile);
    let next = std::fs::File::open("/dev/null").unwrap();
    let limit = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&next)).unwrap();
    let lowered = Rlimit { current: Some(limit), maximum: before.maximum };
    setrlimit(Resource::Nofile, lowered).unwrap();
    before
}

#[test]
fn too_many_open_files_is_an_error_until_there_is_room() {
    process::alone("too_many_open_files_is_an_error_until_there_is_room", || {
        let folder = Folder::new("limit");
        let path = folder.file("f", "abc");
        let is_limit = |error: io::Error| error.raw_os_error() == Some(libc::EMFILE);
        on_each_runtime(async || {
            let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
            // So that the mount is known and the pool has its threads.
            fs::read(&path).await.unwrap();
            fs::remove_dir_all(folder.join("none")).await.unwrap_err();
            let before = no_more_files();
            assert!(is_limit(File::open(&path).await.unwrap_err()));
            assert!(is_limit(File::create(&path).await.unwrap_err()));
            assert!(is_limit(fs::read(&path).await.unwrap_err()));
            assert!(is_limit(fs::write(&path, "").await.unwrap_err()));
            assert!(is_limit(fs::copy(&path, "/dev/null").await.unwrap_err()));
            assert!(is_limit(fs::read_dir(folder.path()).await.unwrap_err()));
            assert!(is_limit(file.try_clone().await.unwrap_err()));
            // Needs no descriptor, in the end.
            assert_eq!(fs::metadata(&path).await.unwrap().len(), 3);
            assert_eq!(file.read_u8().await.unwrap(), b'a');
            // A call that was dropped holds the file, and there is none to spare: it is waited for.
            let _ = poll_once(&mut Box::pin(file.sync_all()));
            let std = file.into_std().await;
            assert_eq!(std.metadata().unwrap().len(), 3);
            setrlimit(Resource::Nofile, before).unwrap();
            assert_eq!(fs::read(&path).await.unwrap(), b"abc");
            assert!(
                fs::read_dir(folder.path()).await.unwrap().next_entry().await.unwrap().is_some()
            );
        });
    });
}

#[test]
fn a_missing_right_is_an_error() {
    process::alone("a_missing_right_is_an_error", || {
        let folder = Folder::new("denied");
        let file = folder.file("f", "abc");
        let locked = folder.join("locked");
        std::fs::create_dir(&locked).unwrap();
        for path in [&file, &locked] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
        }
        if rustix::process::geteuid().is_root() {
            // SAFETY: no pointers are involved. Root may do everything: become nobody, for good.
            assert_eq!(unsafe { libc::setgid(65_534) + libc::setuid(65_534) }, 0);
        }
        let denied = |error: io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        on_each_runtime(async || {
            for _ in 0..2 {
                denied(File::open(&file).await.unwrap_err());
                denied(File::create(&file).await.unwrap_err());
                denied(fs::read(&file).await.unwrap_err());
                denied(fs::write(&file, "").await.unwrap_err());
                denied(fs::copy(&file, folder.join("g")).await.unwrap_err());
                denied(fs::read_dir(&locked).await.unwrap_err());
                denied(fs::metadata(locked.join("f")).await.unwrap_err());
                denied(fs::try_exists(locked.join("f")).await.unwrap_err());
                denied(fs::create_dir(locked.join("d")).await.unwrap_err());
                assert_eq!(fs::metadata(&file).await.unwrap().len(), 3);
            }
        });
        // As nobody we may not remove it; the parent process's folder of this name is another.
        filch_tests::forgotten::forget(folder);
    });
}

#[test]
fn a_shutdown_writes_what_was_accepted() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("shutdown");
    let paths = [folder.join("dropped"), folder.join("kept")];
    let (kept, occupied) = runtime.block_on(async {
        let mut dropped = File::create(&paths[0]).await.unwrap();
        let mut kept = File::create(&paths[1]).await.unwrap();
        let occupied = thread.occupy().await;
        dropped.write_all(b"abc").await.unwrap();
        kept.write_all(b"abc").await.unwrap();
        kept.write_all(b"def").await.unwrap();
        (kept, occupied)
    });
    let thread = std::thread::spawn(move || occupied.release());
    drop(runtime);
    thread.join().unwrap();
    assert_eq!(std::fs::read(&paths[0]).unwrap(), b"abc");
    assert_eq!(std::fs::read(&paths[1]).unwrap(), b"abcdef");
    drop(kept);
}

#[test]
fn a_shutdown_cancels_what_has_not_begun() {
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("cancelled");
    let (path, made) = (folder.file("f", "abc"), folder.join("made"));
    let mut file = File::from_std(std::fs::File::open(&path).unwrap());
    let mut entries = runtime.block_on(async {
        for n in 0..100 {
            folder.file(&n.to_string(), "");
        }
        fs::read_dir(folder.path()).await.unwrap()
    });
    for _ in 0..32 {
        assert!(runtime.block_on(entries.next_entry()).unwrap().is_some());
    }
    let occupied = runtime.block_on(thread.occupy());
    let context = runtime.enter();
    let mut futures: Vec<Pin<Box<dyn Future<Output = io::Result<()>>>>> = vec![
        Box::pin(async { fs::write(made.clone(), "abc").await }),
        Box::pin(async { fs::create_dir(made.clone()).await }),
        Box::pin(async { file.read_u8().await.map(drop) }),
        Box::pin(async { entries.next_entry().await.map(drop) }),
    ];
    for future in &mut futures {
        assert!(poll_once(future).is_pending());
    }
    drop(context);
    let thread = std::thread::spawn(move || occupied.release());
    runtime.shutdown_background();
    thread.join().unwrap();
    for (at, future) in futures.iter_mut().enumerate() {
        match poll_once(future) {
            Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::Other, "{at}"),
            other => panic!("{at}: {other:?}"),
        }
    }
    drop(futures);
    assert!(!made.exists());
    // The walk is over: its directory went with the trip.
    let other = Builder::new_current_thread().build().unwrap();
    assert!(other.block_on(entries.next_entry()).unwrap().is_none());
    // The file is as it was.
    assert_eq!(other.block_on(file.read_u8()).unwrap(), b'a');
}

#[test]
fn a_file_outlives_its_runtime() {
    let folder = Folder::new("outlives");
    let path = folder.file("f", "0123456789");
    let first = Builder::new_current_thread().build().unwrap();
    let mut file = first.block_on(async {
        let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'0');
        file
    });
    let handle = first.handle().clone();
    drop(first);
    {
        // In the context of a runtime that is gone, a write is refused.
        let _context = handle.enter();
        let write = poll_once(&mut Box::pin(file.write(b"x")));
        assert!(matches!(write, Poll::Ready(Err(_))), "{write:?}");
        assert!(matches!(poll_once(&mut Box::pin(file.flush())), Poll::Ready(Ok(()))));
    }
    let second = Builder::new_current_thread().build().unwrap();
    second.block_on(async {
        assert_eq!(file.read_u8().await.unwrap(), b'1');
        file.write_all(b"ab").await.unwrap();
        file.flush().await.unwrap();
    });
    assert_eq!(std::fs::read(&path).unwrap(), b"01ab456789");
}

#[test]
fn nothing_is_left_behind() {
    let warm_up = || on_each_runtime(async || drop(fs::read("/dev/null").await));
    leave_nothing_behind("nothing_is_left_behind", warm_up, &TESTS);
}
