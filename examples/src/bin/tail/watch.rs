//! Tells when something may have happened to a file: by inotify where there is such, else by the clock.

#[cfg(target_os = "linux")]
pub use linux::Watch;
#[cfg(not(target_os = "linux"))]
pub use polling::Watch;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use filch::io::Interest;
    use filch::io::unix::AsyncFd;
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

    /// Watches the directory, so that it sees the name come, go and change hands.
    pub struct Watch(AsyncFd<OwnedFd>);

    impl Watch {
        pub fn new(path: &Path) -> io::Result<Watch> {
            let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let flags = WatchFlags::MODIFY
                | WatchFlags::ATTRIB
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVE;
            inotify::add_watch(&fd, folder, flags)?;
            Ok(Watch(AsyncFd::with_interest(fd, Interest::READABLE)?))
        }

        /// Waits until something has happened in the directory since the last call. Which file it was is not looked
        /// at: a look at ours costs no more than reading names.
        pub async fn changed(&mut self) -> io::Result<()> {
            let mut events = [0; 4096];
            let read = |fd: &OwnedFd| rustix::io::read(fd, &mut events).map_err(io::Error::from);
            self.0.async_io(Interest::READABLE, read).await.map(drop)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod polling {
    use std::io;
    use std::path::Path;

    use filch::time::{Duration, Interval, MissedTickBehavior, interval};

    /// Looks four times a second.
    pub struct Watch(Interval);

    impl Watch {
        pub fn new(_: &Path) -> io::Result<Watch> {
            let mut interval = interval(Duration::from_millis(250));
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Ok(Watch(interval))
        }

        pub async fn changed(&mut self) -> io::Result<()> {
            self.0.tick().await;
            Ok(())
        }
    }
}
