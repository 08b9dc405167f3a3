//! The operating system's default reaction to a signal that nobody listens for any more.
//!
//! The registry of handlers keeps its handler installed for the life of the process, and with no action
//! left in it the signal would be swallowed: a program could be ended by `SIGKILL` only. So the first
//! listener for a signal also installs a *guard*, for good: an action that finds out whether anyone
//! listens, and if not does what the system would have done.
//!
//! Invariants
//! H1  `LISTENERS[n]` holds the number of this process's listeners for signal n, together with the
//!     process they belong to: a child made by fork inherits the word, and it says nothing there.
//! H2  A guard is installed at most once per signal, and only where the reaction had been the default.

use std::ffi::c_int;
use std::io;
use std::sync::LazyLock;

use filch_primitives::atomic::Ordering;
use filch_primitives::atomic::statistic::AtomicU64;
use filch_primitives::lock::Mutex;

/// Numbers above are no signals: Linux has 64, others fewer; one more than that and some.
const SIGNALS: usize = 129;

/// Process id in the upper half, number of listeners in the lower.
static LISTENERS: [AtomicU64; SIGNALS] = [const { AtomicU64::new(0) }; SIGNALS];

/// Whose guard was considered. Only taken outside of the handler.
static GUARDED: LazyLock<Mutex<[bool; SIGNALS]>> = LazyLock::new(|| Mutex::new([false; SIGNALS]));

/// The right to count as a listener.
pub(super) struct Heard {
    signum: usize,
    process: u32,
}

impl Heard {
    /// Counts the caller as a listener, and installs the guard if it is the first one ever.
    ///
    /// # Errors
    /// `InvalidInput` for a number that is no signal; the system's.
    pub(super) fn begin(signum: c_int) -> io::Result<Heard> {
        let index = usize::try_from(signum).ok().filter(|&index| index < SIGNALS);
        let index = index.ok_or(io::ErrorKind::InvalidInput)?;
        install_guard(signum, index)?;
        let process = std::process::id();
        // ordering: Relaxed. The handler wants the number alone; that it is called on this thread later
        // than this is program order, and on others the kernel's delivery comes after the registration.
        let _ = LISTENERS[index].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            Some(with_one_more(word, process))
        });
        Ok(Heard { signum: index, process })
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        // ordering: Relaxed, as in `begin`.
        let _ = LISTENERS[self.signum].fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            with_one_less(word, self.process)
        });
    }
}

fn with_one_more(word: u64, process: u32) -> u64 {
    if (word >> 32) as u32 == process { word + 1 } else { (u64::from(process) << 32) | 1 }
}

/// `None` if the listener belongs to another process than the word: then there is nothing to count.
fn with_one_less(word: u64, process: u32) -> Option<u64> {
    ((word >> 32) as u32 == process).then(|| word - 1)
}

fn is_heard(word: u64, process: u32) -> bool {
    (word >> 32) as u32 == process && word as u32 > 0
}

/// What the system does with a signal that has no handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaction {
    End,
    Stop,
    Nothing,
}

fn default_reaction(signum: c_int) -> Reaction {
    match signum {
        libc::SIGCHLD | libc::SIGURG | libc::SIGWINCH | libc::SIGCONT => Reaction::Nothing,
        #[cfg(any(
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "openbsd"
        ))]
        libc::SIGINFO | libc::SIGIO => Reaction::Nothing,
        libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => Reaction::Stop,
        _ => Reaction::End,
    }
}

/// Keeps H2.
fn install_guard(signum: c_int, index: usize) -> io::Result<()> {
    let mut guarded = GUARDED.lock();
    if guarded[index] {
        return Ok(());
    }
    let reaction = default_reaction(signum);
    if is_default(signum)? && reaction != Reaction::Nothing {
        let guard = move || {
            // ordering: Relaxed, as in `Heard::begin`.
            let word = LISTENERS[index].load(Ordering::Relaxed);
            if !is_heard(word, std::process::id()) {
                react(signum, reaction);
            }
        };
        // SAFETY: the action is async-signal-safe: an atomic load, getpid(2), and `react`, which says so
        // of itself. It cannot panic: the index was checked.
        unsafe { signal_hook_registry::register(signum, guard) }?;
    }
    guarded[index] = true;
    Ok(())
}

/// Whether the signal has no handler and is not ignored.
fn is_default(signum: c_int) -> io::Result<bool> {
    // SAFETY: `sigaction` is plain data for which all zeroes is a valid value.
    let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null pointer as the second argument asks for the current action only; the third points
    // to a value that lives through the call.
    if unsafe { libc::sigaction(signum, std::ptr::null(), &mut current) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(current.sa_sigaction == libc::SIG_DFL)
}

/// Does what the system would have done. Called in the signal handler; async-signal-safe.
fn react(signum: c_int, reaction: Reaction) {
    match reaction {
        Reaction::Nothing => {}
        // SAFETY: raise(3) is async-signal-safe and has no other precondition.
        Reaction::Stop => unsafe {
            libc::raise(libc::SIGSTOP);
        },
        // SAFETY: all of these are async-signal-safe; the structures are plain data that live through
        // the calls. The signal is blocked while its handler runs: raised, it is delivered, with the
        // default reaction, when it is let through.
        Reaction::End => unsafe {
            let mut default: libc::sigaction = std::mem::zeroed();
            default.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(signum, &default, std::ptr::null_mut());
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, signum);
            libc::raise(signum);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
            // Not reached, unless a tracer swallows the signal: then the process ends all the same.
            libc::abort();
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_belongs_to_one_process() {
        let (parent, child) = (7, 8);
        let two = with_one_more(with_one_more(0, parent), parent);
        assert!(is_heard(two, parent));
        // The child has inherited the word, and listens for nothing.
        assert!(!is_heard(two, child));
        let own = with_one_more(two, child);
        assert!(is_heard(own, child));
        // An inherited listener that is dropped there takes nothing from the child's own.
        assert_eq!(with_one_less(own, parent), None);
        assert!(!is_heard(with_one_less(own, child).unwrap(), child));
        let one = with_one_less(two, parent).unwrap();
        assert!(is_heard(one, parent));
        assert!(!is_heard(with_one_less(one, parent).unwrap(), parent));
    }

    #[test]
    fn process_zero_and_no_listener_is_unheard() {
        assert!(!is_heard(0, 0));
        assert!(!is_heard(0, 1));
    }

    #[test]
    fn reactions_are_those_of_the_manual() {
        assert_eq!(default_reaction(libc::SIGTERM), Reaction::End);
        assert_eq!(default_reaction(libc::SIGCHLD), Reaction::Nothing);
        assert_eq!(default_reaction(libc::SIGTSTP), Reaction::Stop);
    }
}
