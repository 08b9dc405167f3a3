//! `fs`, on a pool of one thread that stands still until the event lets it go. What answers from memory never
//! waits: so the files that are only looked at here are those of `/proc`, which nobody keeps in memory.

use std::future::poll_fn;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::time::SystemTime;

use filch::fs::{self, DirBuilder, DirEntry, File, FileTimes, OpenOptions, ReadDir};
use filch::io::{AsyncReadExt, AsyncWriteExt};
use filch::runtime::{Builder, Handle, Runtime};
use filch_tests::cancel_safety::Place::Anywhere;
use filch_tests::cancel_safety::Promise::{Loses, Safe};
use filch_tests::cancel_safety::{Case, Env, Kept, LocalFuture, Trial, same};
use filch_tests::folder::Folder;

const LOOKS: &str = "nothing is changed";
const GOES_ON: &str = "a call that has begun goes on to its end, and its result is dropped";
const KEPT: &str = "what was taken from the system is the next call's";

const PROC_FILE: &str = "/proc/self/status";

/// A runtime with one thread for files, and what futures borrow.
struct World {
    runtime: Runtime,
    folder: Folder,
    file: Option<File>,
    entries: Option<ReadDir>,
    entry: Option<DirEntry>,
}

impl World {
    fn rights(&self, mode: u32) -> bool {
        let metadata = std::fs::metadata(self.folder.join("f")).unwrap();
        metadata.permissions().mode() & 0o777 == mode
    }

    fn exists(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    fn contents(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap_or_default()
    }
}

/// Lets the thread go on.
struct Release {
    hold: Option<mpsc::Sender<()>>,
    pool: Handle,
}

fn world(_: &Env) -> (World, Release) {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let folder = Folder::new("cancel-safety");
    folder.file("f", "0123456789");
    std::fs::create_dir(folder.join("empty")).unwrap();
    std::os::unix::fs::symlink("f", folder.join("link")).unwrap();
    let options = std::fs::OpenOptions::new().read(true).write(true).open(folder.join("f"));
    let file = Some(File::from_std(options.unwrap()));
    let (entries, entry) = runtime.block_on(async {
        let mut entries = fs::read_dir("/proc/self").await.unwrap();
        // The rest of the first batch is not wanted.
        let mut last = entries.next_entry().await.unwrap().unwrap();
        for _ in 1..32 {
            last = entries.next_entry().await.unwrap().unwrap();
        }
        (Some(entries), Some(last))
    });
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    drop(runtime.spawn_blocking(move || {
        begin.send(()).unwrap();
        let _ = released.recv();
    }));
    begun.recv().unwrap();
    let release = Release { hold: Some(release), pool: runtime.handle().clone() };
    (World { runtime, folder, file, entries, entry }, release)
}

/// Lets the thread go on, and waits until it has done everything.
fn go_on(release: &mut Release, _: &Env) {
    release.hold = None;
    let (done, is_done) = mpsc::channel();
    drop(release.pool.spawn_blocking(move || done.send(()).unwrap()));
    is_done.recv().unwrap();
}

/// A case: the future, and whether what is left is as it should be.
macro_rules! trip {
    ($name:literal, $promise:expr, |$world:ident| $future:expr, |$left:ident, $out:ident| $kept:expr) => {
        Case::new(
            $name,
            $promise,
            Trial {
                place: Anywhere,
                world,
                future: |$world| {
                    let handle = $world.runtime.handle().clone();
                    let mut future: LocalFuture<'_, _> = Box::pin(async move { $future });
                    Box::pin(poll_fn(move |cx| {
                        let _context = handle.enter();
                        future.as_mut().poll(cx)
                    }))
                },
                // Two trips are the most that one of them takes.
                events: [go_on, go_on],
                check: |mut $left, mut release, $out, env| -> Kept {
                    go_on(&mut release, env);
                    let _ = &mut $left;
                    $kept
                },
            },
        )
    };
}

/// A case whose effect must be there if the future completed, and may be there if it was dropped.
macro_rules! acts {
    ($name:literal, |$world:ident| $future:expr, |$left:ident| $done:expr) => {
        trip!($name, Safe(GOES_ON), |$world| $future.await.unwrap(), |$left, out| {
            same(out.is_none() || $done, true)
        })
    };
}

/// A case that changes nothing.
macro_rules! looks {
    ($name:literal, |$world:ident| $future:expr, |$out:ident| $right:expr) => {
        trip!($name, Safe(LOOKS), |$world| $future.await.unwrap(), |left, out| {
            let _ = &left;
            same(out.is_none_or(|$out| $right), true)
        })
    };
}

pub fn cases() -> Vec<Case> {
    let mut cases = paths();
    cases.extend(files());
    cases
}

fn paths() -> Vec<Case> {
    vec![
        looks!("fs::read", |_world| fs::read(PROC_FILE), |bytes| !bytes.is_empty()),
        looks!("fs::read_to_string", |_world| fs::read_to_string(PROC_FILE), |t| !t.is_empty()),
        acts!("fs::write", |world| fs::write(world.folder.join("g"), "abc"), |left| {
            left.contents("g") == b"abc"
        }),
        acts!(
            "fs::copy",
            |world| fs::copy(world.folder.join("f"), world.folder.join("g")),
            |left| left.contents("g") == b"0123456789"
        ),
        looks!("fs::metadata", |_world| fs::metadata(PROC_FILE), |m| m.is_file()),
        looks!("fs::symlink_metadata", |_world| fs::symlink_metadata("/proc/self"), |m| {
            m.is_symlink()
        }),
        looks!("fs::try_exists", |_world| fs::try_exists(PROC_FILE), |exists| exists),
        looks!("fs::canonicalize", |_world| fs::canonicalize("/proc/.."), |path| {
            path.parent().is_none()
        }),
        looks!("fs::read_link", |world| fs::read_link(world.folder.join("link")), |path| {
            path.ends_with("f")
        }),
        acts!("fs::create_dir", |world| fs::create_dir(world.folder.join("d")), |left| {
            left.exists("d")
        }),
        acts!("fs::create_dir_all", |world| fs::create_dir_all(world.folder.join("d/e")), |left| {
            left.exists("d/e")
        }),
        acts!(
            "fs::DirBuilder::create",
            |world| DirBuilder::new().create(world.folder.join("d")),
            |left| left.exists("d")
        ),
        acts!(
            "fs::hard_link",
            |world| fs::hard_link(world.folder.join("f"), world.folder.join("g")),
            |left| left.exists("g")
        ),
        acts!("fs::symlink", |world| fs::symlink("f", world.folder.join("g")), |left| {
            left.exists("g")
        }),
        acts!(
            "fs::rename",
            |world| fs::rename(world.folder.join("f"), world.folder.join("g")),
            |left| left.exists("g") && !left.exists("f")
        ),
        acts!("fs::remove_file", |world| fs::remove_file(world.folder.join("f")), |left| {
            !left.exists("f")
        }),
        acts!("fs::remove_dir", |world| fs::remove_dir(world.folder.join("empty")), |left| {
            !left.exists("empty")
        }),
        acts!("fs::remove_dir_all", |world| fs::remove_dir_all(world.folder.path()), |left| {
            !left.exists("f")
        }),
        acts!(
            "fs::set_permissions",
            |world| fs::set_permissions(
                world.folder.join("f"),
                std::fs::Permissions::from_mode(0o604)
            ),
            |left| left.rights(0o604)
        ),
        looks!("fs::read_dir", |world| fs::read_dir(world.folder.path()), |_entries| true),
        trip!(
            "fs::ReadDir::next_entry",
            Safe(KEPT),
            |world| world.entries.as_mut().unwrap().next_entry().await.unwrap(),
            |left, out| {
                let mut names: Vec<_> =
                    out.flatten().map(|entry| entry.file_name()).into_iter().collect();
                let mut entries = left.entries.take().unwrap();
                left.runtime.block_on(async {
                    while let Some(entry) = entries.next_entry().await.unwrap() {
                        names.push(entry.file_name());
                    }
                });
                let all =
                    std::fs::read_dir("/proc/self").unwrap().map(|it| it.unwrap().file_name());
                same(names, all.skip(32).collect())
            }
        ),
        looks!("fs::DirEntry::metadata", |world| world.entry.as_ref().unwrap().metadata(), |_m| {
            true
        }),
        looks!(
            "fs::DirEntry::file_type",
            |world| world.entry.as_ref().unwrap().file_type(),
            |_t| { true }
        )
        .never_waits(),
    ]
}

fn files() -> Vec<Case> {
    vec![
        looks!("fs::File::open", |_world| File::open(PROC_FILE), |_file| true),
        acts!("fs::File::create", |world| File::create(world.folder.join("g")), |left| {
            left.exists("g")
        }),
        acts!("fs::File::create_new", |world| File::create_new(world.folder.join("g")), |left| {
            left.exists("g")
        }),
        acts!(
            "fs::OpenOptions::open",
            |world| OpenOptions::new().write(true).create(true).open(world.folder.join("g")),
            |left| left.exists("g")
        ),
        looks!("fs::File::metadata", |world| world.file.as_ref().unwrap().metadata(), |m| {
            m.len() == 10
        }),
        trip!(
            "fs::File::sync_all",
            Safe("what was accepted is written, and its error kept"),
            |world| {
                let file = world.file.as_mut().unwrap();
                file.write_all(b"ab").await.unwrap();
                file.sync_all().await.unwrap();
            },
            |left, out| same(out.is_none() || left.contents("f") == b"ab23456789", true)
        ),
        trip!(
            "fs::File::sync_data",
            Safe("what was accepted is written, and its error kept"),
            |world| {
                let file = world.file.as_mut().unwrap();
                file.write_all(b"ab").await.unwrap();
                file.sync_data().await.unwrap();
            },
            |left, out| same(out.is_none() || left.contents("f") == b"ab23456789", true)
        ),
        acts!("fs::File::set_len", |world| world.file.as_ref().unwrap().set_len(3), |left| {
            left.contents("f") == b"012"
        }),
        acts!(
            "fs::File::set_permissions",
            |world| {
                let rights = std::fs::Permissions::from_mode(0o604);
                world.file.as_ref().unwrap().set_permissions(rights)
            },
            |left| left.rights(0o604)
        ),
        acts!(
            "fs::File::set_times",
            |world| {
                let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
                world.file.as_ref().unwrap().set_times(times)
            },
            |left| {
                let metadata = std::fs::metadata(left.folder.join("f")).unwrap();
                metadata.modified().unwrap() == SystemTime::UNIX_EPOCH
            }
        ),
        acts!(
            "fs::File::set_modified",
            |world| world.file.as_ref().unwrap().set_modified(SystemTime::UNIX_EPOCH),
            |left| {
                let metadata = std::fs::metadata(left.folder.join("f")).unwrap();
                metadata.modified().unwrap() == SystemTime::UNIX_EPOCH
            }
        ),
        trip!(
            "fs::File::try_clone",
            Safe("a clone that is made nevertheless is closed; the position stays"),
            |world| world.file.as_ref().unwrap().try_clone().await.unwrap(),
            |left, out| {
                let mut file = out.or_else(|| left.file.take()).unwrap();
                let byte = left.runtime.block_on(file.read_u8()).unwrap();
                same(byte, b'0')
            }
        ),
        trip!(
            "fs::File::into_std",
            Loses("the file; it is closed when what was accepted is written"),
            |world| {
                let mut file = world.file.take().unwrap();
                file.write_all(b"ab").await.unwrap();
                file.into_std().await
            },
            |left, out| {
                let written = left.contents("f") == b"ab23456789";
                assert!(written || left.file.is_some() || out.is_none(), "the bytes are lost");
                same(out.is_some() || left.file.is_some(), true)
            }
        ),
    ]
}
