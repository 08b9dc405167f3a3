//! What the tests of files share: files that are reached in different ways, and a pool that stands still.
#![allow(dead_code, reason = "no test uses all of it")]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use filch::fs::File;
use filch::runtime::{Builder, Handle, Runtime};
use filch_tests::folder::Folder;
use filch_tests::runtimes::Kind;

/// How a file comes to be a [`File`], which decides where its operations run.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Opened by path: it answers from memory, where the system can.
    Opened,
    /// From std: the first trip to the pool finds out.
    FromStd,
    /// With a clone: always by the pool.
    Cloned,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Opened, Way::FromStd, Way::Cloned];

    /// Opens a file for reading and writing.
    pub async fn open(self, path: &Path) -> File {
        match self {
            Way::Opened => File::options().read(true).write(true).open(path).await.unwrap(),
            Way::FromStd => {
                let std = std::fs::OpenOptions::new().read(true).write(true).open(path);
                File::from_std(std.unwrap())
            }
            Way::Cloned => {
                let file = File::options().read(true).write(true).open(path).await.unwrap();
                file.try_clone().await.unwrap()
            }
        }
    }
}

/// Runs the test on each kind of runtime.
pub fn on_each_runtime(test: impl AsyncFn()) {
    for kind in Kind::ALL {
        kind.runtime().block_on(test());
    }
}

/// Runs the test on each kind of runtime for each way, with a folder.
pub fn each_way(test: impl AsyncFn(Way, &Folder)) {
    on_each_runtime(async || {
        for way in Way::ALL {
            let folder = Folder::new("file");
            test(way, &folder).await;
        }
    });
}

/// Polls a future once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A runtime whose pool has one thread, and that thread.
pub fn one_pool_thread() -> (Runtime, PoolThread) {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let thread = PoolThread(runtime.handle().clone());
    (runtime, thread)
}

/// The only thread of a runtime's pool.
pub struct PoolThread(Handle);

/// It runs nothing until it is released.
pub struct Occupied(mpsc::Sender<()>);

impl PoolThread {
    /// Occupies it. What was queued before has been run.
    pub async fn occupy(&self) -> Occupied {
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = filch::sync::oneshot::channel();
        drop(self.0.spawn_blocking(move || {
            begin.send(()).unwrap();
            let _ = released.recv();
        }));
        begun.await.unwrap();
        Occupied(release)
    }
}

impl Occupied {
    /// It goes on.
    pub fn release(self) {
        drop(self.0);
    }
}
