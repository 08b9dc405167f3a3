//! The answers of Linux. See the module above for what each call is for.

use std::fs::{File, Metadata};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags};

use super::mounts;
use super::{MAX_BYTES, Read};

/// Whether this system has what is needed: `RESOLVE_CACHED` came with Linux 5.12. (5.9 and 5.10 read
/// nothing in the middle of a file, with `RWF_NOWAIT`.)
fn is_supported() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    *SUPPORTED.get_or_init(|| {
        let uname = rustix::system::uname();
        let release = uname.release().to_string_lossy();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let version = (numbers.next(), numbers.next());
        matches!(version, (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (5, 12))
    })
}

fn statx(fd: impl AsFd) -> Option<Statx> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let mask = StatxFlags::BASIC_STATS | StatxFlags::from_bits_retain(mounts::UNIQUE_ID);
    rustix::fs::statx(fd, c"", flags, mask).ok()
}

fn is_regular(stat: &Statx) -> bool {
    FileType::from_raw_mode(stat.stx_mode.into()) == FileType::RegularFile
}

fn open_cached(path: &Path, flags: OFlags) -> Option<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()
}

/// The place of a path that is cached, on a mount that answers from memory. Nothing is opened.
fn look(path: &Path, flags: OFlags) -> Option<(OwnedFd, Statx)> {
    if !is_supported() {
        return None;
    }
    let place = open_cached(path, OFlags::PATH | flags)?;
    let stat = statx(&place)?;
    mounts::is_local(&stat)?.then_some((place, stat))
}

/// Opens what was a regular file a moment ago, for reading. The descriptor is non-blocking, which means
/// nothing to reads of a regular file.
fn open_regular(path: &Path) -> Option<(File, Statx)> {
    let (_place, stat) = look(path, OFlags::empty())?;
    if !is_regular(&stat) {
        return None;
    }
    let file = open_cached(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    Some((file.into(), stat))
}

/// Opens a regular file for reading, as std does it.
pub(in crate::fs) fn open(path: &Path) -> Option<File> {
    let (file, stat) = open_regular(path)?;
    // Perhaps the name stands for something else by now.
    let now = statx(&file)?;
    if now.stx_ino != stat.stx_ino || !is_regular(&now) {
        return None;
    }
    // As any other file: it may be handed to code that looks at its flags.
    let flags = rustix::fs::fcntl_getfl(&file).ok()?;
    rustix::fs::fcntl_setfl(&file, flags & !OFlags::NONBLOCK).ok()?;
    Some(file)
}

/// What `std::fs::metadata` says.
pub(in crate::fs) fn metadata(path: &Path) -> Option<Metadata> {
    let (place, _) = look(path, OFlags::empty())?;
    File::from(place).metadata().ok()
}

/// What `std::fs::symlink_metadata` says.
pub(in crate::fs) fn lstat(path: &Path) -> Option<Metadata> {
    let (place, _) = look(path, OFlags::NOFOLLOW)?;
    File::from(place).metadata().ok()
}

/// What `std::fs::read` says of a small file.
pub(in crate::fs) fn read(path: &Path) -> Option<Vec<u8>> {
    let (file, stat) = open_regular(path)?;
    let size = usize::try_from(stat.stx_size).ok().filter(|size| *size <= MAX_BYTES)?;
    // One more, to see that there is no more.
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size + 1).ok()?;
    // From an offset, which takes nothing out of a pipe: if the name stands for one by now, or for another
    // file, this fails, or the length is wrong, or it is what that file has.
    match read_from(&file, 0, bytes.spare_capacity_mut()) {
        Read::Done(n) if n == size => {
            // SAFETY: `read_from` has initialised so many, from the start.
            unsafe { bytes.set_len(n) };
            Some(bytes)
        }
        // Only a part is cached, or it has grown or shrunk.
        _ => None,
    }
}

/// Reads from the file's position, which moves on. What it says was read is initialised.
pub(in crate::fs) fn read_file(file: &File, into: &mut [MaybeUninit<u8>]) -> Read {
    read_from(file, -1, into)
}

/// Reads from an offset; -1 is the file's position.
fn read_from(file: &File, at: libc::off_t, into: &mut [MaybeUninit<u8>]) -> Read {
    if into.is_empty() || !is_supported() {
        return Read::Never;
    }
    let iov = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    // SAFETY: `iov` points to `into`, which is borrowed exclusively, and is as long; the descriptor is
    // open, since `file` is borrowed.
    let n = unsafe { libc::preadv2(file.as_raw_fd(), &raw const iov, 1, at, libc::RWF_NOWAIT) };
    match usize::try_from(n) {
        Ok(n) => Read::Done(n),
        Err(_) => match rustix::io::Errno::from_io_error(&std::io::Error::last_os_error()) {
            Some(rustix::io::Errno::AGAIN) => Read::NotCached,
            // The pool's read has the error, if it is one (Q2).
            _ => Read::Never,
        },
    }
}

/// Whether an open file answers from memory: a regular file on such a mount. May wait; for the pool.
pub(in crate::fs) fn is_quick(file: &File) -> bool {
    is_supported() && statx(file).is_some_and(|stat| is_regular(&stat) && ask(file, &stat))
}

/// Sees to it that the mount of a path is known. May wait; for the pool.
pub(in crate::fs) fn learn(path: &Path) {
    if !is_supported() {
        return;
    }
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let Ok(place) = rustix::fs::openat(CWD, path, flags, Mode::empty()) else { return };
    if let Some(stat) = statx(&place) {
        ask(&place, &stat);
    }
}

/// Whether the mount answers from memory. Asks it, the first time.
#[allow(clippy::useless_conversion, reason = "the type's type depends on the machine")]
fn ask(file: impl AsFd, stat: &Statx) -> bool {
    mounts::is_local(stat).unwrap_or_else(|| {
        rustix::fs::fstatfs(file)
            .is_ok_and(|statfs| mounts::remember(stat, i64::from(statfs.f_type)))
    })
}
