//! The free functions of `fs`, `DirBuilder` and `ReadDir`.

#[path = "fs_support/mod.rs"]
mod fs_support;

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::task::Poll;

use filch::fs;
use filch::io::ErrorKind;
use filch_tests::folder::Folder;
use filch_tests::process::leave_nothing_behind;

use fs_support::{on_each_runtime, one_pool_thread, poll_once};

const TESTS: [fn(); 12] = [
    whole_files_are_read_and_written,
    small_and_large_files_are_read_alike,
    text_is_checked,
    files_are_copied_with_their_rights,
    metadata_is_std_s,
    names_are_made_and_removed,
    links_are_followed_or_not,
    directories_are_made_with_their_parents,
    rights_are_set,
    entries_come_once_each_with_their_types,
    a_dropped_walk_step_loses_no_entry,
    an_empty_directory_has_no_entries,
];

#[test]
fn whole_files_are_read_and_written() {
    on_each_runtime(async || {
        let folder = Folder::new("whole");
        let path = folder.join("f");
        fs::write(&path, "abc").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"abc");
        fs::write(&path, [1, 2]).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), [1, 2]);
        fs::write(&path, "").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"");
        // No size, and contents.
        assert!(!fs::read_to_string("/proc/self/status").await.unwrap().is_empty());
    });
}

/// On both sides of what is read where the task is.
#[test]
fn small_and_large_files_are_read_alike() {
    on_each_runtime(async || {
        let memory = std::path::Path::new("/dev/shm");
        let folders = [Folder::new("sizes"), Folder::in_folder(memory, "sizes")];
        for (folder, size) in folders
            .iter()
            .flat_map(|f| [1, 4_096, 131_071, 131_072, 131_073, 3_000_000].map(|n| (f, n)))
        {
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            let path = folder.file("f", &bytes);
            for _ in 0..3 {
                assert!(fs::read(&path).await.unwrap() == bytes, "{size}");
            }
        }
    });
}

#[test]
fn text_is_checked() {
    on_each_runtime(async || {
        let folder = Folder::new("text");
        let good = folder.file("good", "grüße");
        assert_eq!(fs::read_to_string(&good).await.unwrap(), "grüße");
        let bad = folder.file("bad", [b'a', 0xFF]);
        assert_eq!(fs::read_to_string(&bad).await.unwrap_err().kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn files_are_copied_with_their_rights() {
    on_each_runtime(async || {
        let folder = Folder::new("copy");
        let from = folder.file("from", vec![7; 300_000]);
        std::fs::set_permissions(&from, std::fs::Permissions::from_mode(0o640)).unwrap();
        let to = folder.file("to", vec![1; 400_000]);
        assert_eq!(fs::copy(&from, &to).await.unwrap(), 300_000);
        assert!(std::fs::read(&to).unwrap() == vec![7; 300_000]);
        assert_eq!(std::fs::metadata(&to).unwrap().mode() & 0o777, 0o640);
    });
}

#[test]
fn metadata_is_std_s() {
    on_each_runtime(async || {
        let folder = Folder::new("metadata");
        let file = folder.file("f", "abc");
        for path in [folder.path(), &file, "/proc/self/status".as_ref(), "/dev/null".as_ref()] {
            // The first may have to ask what the mount is.
            for _ in 0..2 {
                let (ours, std) =
                    (fs::metadata(path).await.unwrap(), std::fs::metadata(path).unwrap());
                let essence =
                    |m: &std::fs::Metadata| (m.ino(), m.dev(), m.mode(), m.len(), m.nlink());
                assert_eq!(essence(&ours), essence(&std), "{path:?}");
                assert_eq!(ours.file_type(), std.file_type());
            }
        }
        assert!(fs::try_exists(&file).await.unwrap());
        assert!(!fs::try_exists(folder.join("g")).await.unwrap());
        // A file is no directory.
        assert!(fs::try_exists(file.join("g")).await.is_err());
        let missing = fs::metadata(folder.join("g")).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn names_are_made_and_removed() {
    on_each_runtime(async || {
        let folder = Folder::new("names");
        let (a, b) = (folder.file("a", "abc"), folder.join("b"));
        fs::hard_link(&a, &b).await.unwrap();
        assert_eq!(fs::metadata(&b).await.unwrap().nlink(), 2);
        fs::remove_file(&a).await.unwrap();
        assert!(!fs::try_exists(&a).await.unwrap());
        fs::rename(&b, &a).await.unwrap();
        assert_eq!(fs::read(&a).await.unwrap(), b"abc");
        assert!(!fs::try_exists(&b).await.unwrap());
        assert_eq!(
            fs::canonicalize(folder.join("./a/../a")).await.unwrap_err().kind(),
            ErrorKind::NotADirectory
        );
        let dotted = folder.path().join(".").join("a");
        assert_eq!(fs::canonicalize(dotted).await.unwrap(), std::fs::canonicalize(&a).unwrap());
    });
}

#[test]
fn links_are_followed_or_not() {
    on_each_runtime(async || {
        let folder = Folder::new("links");
        let (file, link) = (folder.file("f", "abc"), folder.join("link"));
        fs::symlink(&file, &link).await.unwrap();
        assert_eq!(fs::read_link(&link).await.unwrap(), file);
        for _ in 0..2 {
            assert!(fs::metadata(&link).await.unwrap().is_file());
            assert!(fs::symlink_metadata(&link).await.unwrap().is_symlink());
        }
        assert_eq!(fs::read(&link).await.unwrap(), b"abc");
        fs::remove_file(&file).await.unwrap();
        assert!(!fs::try_exists(&link).await.unwrap());
        assert!(fs::symlink_metadata(&link).await.unwrap().is_symlink());
        assert_eq!(fs::read_link(folder.path()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn directories_are_made_with_their_parents() {
    on_each_runtime(async || {
        let folder = Folder::new("directories");
        let deep = folder.join("a/b/c");
        assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir_all(&deep).await.unwrap();
        fs::create_dir_all(&deep).await.unwrap();
        assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        fs::remove_dir(&deep).await.unwrap();
        let above = folder.join("a");
        assert_eq!(fs::remove_dir(&above).await.unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        fs::remove_dir_all(&above).await.unwrap();
        assert!(!fs::try_exists(&above).await.unwrap());

        let private = folder.join("private/keys");
        let mut builder = fs::DirBuilder::new();
        assert!(builder.create(&private).await.is_err());
        builder.recursive(true).mode(0o700).create(&private).await.unwrap();
        builder.create(&private).await.unwrap();
        assert_eq!(fs::metadata(&private).await.unwrap().mode() & 0o777, 0o700);
        assert!(builder.recursive(false).create(&private).await.is_err());
    });
}

#[test]
fn rights_are_set() {
    on_each_runtime(async || {
        let folder = Folder::new("rights");
        let path = folder.file("f", "");
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().mode() & 0o777, 0o604);
    });
}

/// More than the first batches hold, so that they come by several trips.
#[test]
fn entries_come_once_each_with_their_types() {
    const FILES: usize = 3_000;
    let folder = Folder::new("entries");
    let mut expected: BTreeSet<String> = (0..FILES).map(|n| format!("file-{n}")).collect();
    for name in &expected {
        folder.file(name, "");
    }
    std::fs::create_dir(folder.join("folder")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
    expected.extend(["folder".into(), "link".into()]);
    on_each_runtime(async || {
        let mut entries = fs::read_dir(folder.path()).await.unwrap();
        let mut seen = BTreeSet::new();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            let name = entry.file_name().into_string().unwrap();
            let file_type = entry.file_type().await.unwrap();
            assert_eq!(
                (file_type.is_dir(), file_type.is_symlink()),
                (name == "folder", name == "link")
            );
            assert_eq!(entry.path(), folder.join(&name));
            if seen.len() % 100 == 0 || !file_type.is_file() {
                let metadata = entry.metadata().await.unwrap();
                assert_eq!(metadata.ino(), entry.ino());
                assert_eq!(metadata.file_type(), file_type);
            }
            assert!(seen.insert(name), "twice: {entry:?}");
        }
        assert!(seen == expected);
        assert!(entries.next_entry().await.unwrap().is_none());
    });
}

#[test]
fn a_dropped_walk_step_loses_no_entry() {
    const FILES: usize = 100;
    let (runtime, thread) = one_pool_thread();
    let folder = Folder::new("walk");
    for n in 0..FILES {
        folder.file(&n.to_string(), "");
    }
    runtime.block_on(async {
        let mut entries = fs::read_dir(folder.path()).await.unwrap();
        let mut seen = BTreeSet::new();
        let mut dropped = 0;
        loop {
            let occupied = thread.occupy().await;
            let polled = poll_once(&mut Box::pin(entries.next_entry()));
            occupied.release();
            let entry = match polled {
                Poll::Ready(entry) => entry,
                Poll::Pending => {
                    dropped += 1;
                    entries.next_entry().await
                }
            };
            let Some(entry) = entry.unwrap() else { break };
            assert!(seen.insert(entry.file_name()));
        }
        // 32, 64, 4.
        assert_eq!((seen.len(), dropped), (FILES, 2));
    });
}

#[test]
fn an_empty_directory_has_no_entries() {
    on_each_runtime(async || {
        let folder = Folder::new("empty");
        let mut entries = fs::read_dir(folder.path()).await.unwrap();
        assert!(entries.next_entry().await.unwrap().is_none());
        let file = folder.file("f", "");
        assert_eq!(fs::read_dir(&file).await.unwrap_err().kind(), ErrorKind::NotADirectory);
    });
}

#[test]
fn nothing_is_left_behind() {
    let warm_up = || on_each_runtime(async || drop(fs::read("/dev/null").await));
    leave_nothing_behind("nothing_is_left_behind", warm_up, &TESTS);
}
