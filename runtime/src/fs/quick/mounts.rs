//! Which mounts answer from memory: asked once each, on a thread of the pool.
//!
//! Callers: `linux`. Data: a table of a few words that only fills up.
//!
//! What decides is the file system's type. `FUSE` and the network's file systems ask another process for
//! what is not in their caches, perhaps one that waits for the worker that asks. A mount is known by
//! its number, which is never given again (Linux 6.8), else by its device, if that is a real one: those
//! of file systems without a device are given again.

use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::AtomicU64;

use rustix::fs::Statx;

/// How many mounts are remembered. A process that uses more gets no quick answers from the others.
const MAX_MOUNTS: usize = 64;

/// `STATX_MNT_ID_UNIQUE`, which rustix does not name.
pub(super) const UNIQUE_ID: u32 = 0x4000;

/// The types that answer from memory, as `statfs` has them.
const LOCAL: [i64; 9] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683E, // Btrfs
    0xF2F5_2010, // F2FS
    0x0102_1994, // tmpfs
    // What its layers are: for names on a layer that must be asked, nothing is found without waiting.
    0x794C_7630, // overlayfs
    0xE0F5_E1E2, // EROFS
    0x7371_7368, // SquashFS
    0xCA45_1A4E, // bcachefs
];

/// From the front: the names of mounts, with [`IS_LOCAL`] or without, each once. Zero: a free place.
static MOUNTS: [AtomicU64; MAX_MOUNTS] = [const { AtomicU64::new(0) }; MAX_MOUNTS];

/// The bit beside the name: the mount answers from memory.
const IS_LOCAL: u64 = 1 << 63;
/// The name is a device's and no mount's.
const IS_DEVICE: u64 = 1 << 62;

/// The name of the mount that a file is on; none if it cannot be told from later ones.
fn name(stat: &Statx) -> Option<u64> {
    if stat.stx_mask & UNIQUE_ID != 0 {
        return (stat.stx_mnt_id < IS_DEVICE && stat.stx_mnt_id != 0).then_some(stat.stx_mnt_id);
    }
    let (major, minor) = (u64::from(stat.stx_dev_major), u64::from(stat.stx_dev_minor));
    (major != 0 && major < 1 << 30).then_some(IS_DEVICE | major << 32 | minor)
}

/// Whether the mount answers from memory; none if nobody has asked.
pub(super) fn is_local(stat: &Statx) -> Option<bool> {
    let name = name(stat)?;
    for place in &MOUNTS {
        // ordering: Relaxed. The word is all there is to know; a miss costs a question.
        let known = place.load(Ordering::Relaxed);
        if known & !IS_LOCAL == name {
            return Some(known & IS_LOCAL != 0);
        }
        if known == 0 {
            return None;
        }
    }
    // Full: as if it were slow, so that nobody asks again.
    Some(false)
}

/// Remembers a mount by its type.
pub(super) fn remember(stat: &Statx, fs_type: i64) -> bool {
    // The upper half is the sign of 32 bits on some machines.
    let local = LOCAL.contains(&(fs_type & 0xFFFF_FFFF));
    let Some(name) = name(stat) else { return false };
    let word = if local { name | IS_LOCAL } else { name };
    for place in &MOUNTS {
        // ordering: Relaxed, both: see `is_local`.
        match place.compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => break,
            Err(known) if known & !IS_LOCAL == name => break,
            Err(_) => {}
        }
    }
    local
}
