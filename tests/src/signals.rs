//! A storm of signals, so that system calls are interrupted.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::thread::JoinHandle;

use crate::process::threads;

/// How often the handler has run.
static HEARD: AtomicUsize = AtomicUsize::new(0);

/// Sends `SIGUSR1` to every other thread of the process, again and again, until it is dropped.
///
/// The handler does nothing, and is installed without `SA_RESTART`: a system call that waits fails with
/// `EINTR`. Only for a test that is alone in its process.
#[derive(Debug)]
pub struct Storm {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Storm {
    /// Begins.
    pub fn begin() -> Storm {
        install();
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = {
            let is_over = is_over.clone();
            std::thread::spawn(move || {
                let own = rustix::thread::gettid().as_raw_nonzero().get();
                while !is_over.load(Ordering::Relaxed) {
                    for (tid, _) in threads() {
                        if tid as i32 != own {
                            send(tid as i32);
                        }
                    }
                }
            })
        };
        Storm { is_over, thread: Some(thread) }
    }

    /// How many signals were heard so far.
    pub fn heard(&self) -> usize {
        HEARD.load(Ordering::Relaxed)
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn install() {
    extern "C" fn hear(_: libc::c_int) {
        HEARD.fetch_add(1, Ordering::Relaxed);
    }

    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // SAFETY: all zeroes is a valid `sigaction`: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = hear as extern "C" fn(libc::c_int) as usize;
        // SAFETY: the handler only adds to an atomic, which is async-signal-safe.
        let result = unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) };
        assert_eq!(result, 0, "sigaction");
    });
}

fn send(tid: i32) {
    // SAFETY: it takes numbers only. A thread that has ended meanwhile is an error, which is ignored.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGUSR1) };
}
