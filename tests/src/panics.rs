//! What a panic says, and where.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// A panic that was caught.
#[derive(Debug, Clone)]
pub struct Caught {
    /// Its message.
    pub message: String,
    /// The file that it is attributed to.
    pub file: String,
    /// The line there.
    pub line: u32,
}

thread_local! {
    /// Where the last panic of this thread happened.
    static LAST: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
    /// This thread expects its next panic: it is not printed.
    static EXPECTED: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs a function that must panic.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn caught<R>(f: impl FnOnce() -> R) -> Caught {
    install_hook();
    EXPECTED.with(|expected| *expected.borrow_mut() = true);
    let result = catch_unwind(AssertUnwindSafe(f));
    EXPECTED.with(|expected| *expected.borrow_mut() = false);
    let Err(payload) = result else { panic!("no panic") };
    let (file, line) = LAST.with(|last| last.borrow_mut().take()).unwrap_or_default();
    Caught { message: message(&*payload), file, line }
}

/// The text of a panic's payload.
pub fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a payload that is no text".to_owned()
    }
}

/// Lets panics whose message begins with `expected: ` pass without a word, on every thread: tests make
/// them by the hundred.
pub fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            let location = info.location().map(|at| (at.file().to_owned(), at.line()));
            let _ = LAST.try_with(|last| *last.borrow_mut() = location);
            let is_expected = EXPECTED.try_with(|expected| *expected.borrow()).unwrap_or(false)
                || message(info.payload()).starts_with("expected: ");
            if !is_expected {
                before(info);
            }
        }));
    });
}

/// Panics with a payload that the hook of [`install_hook`] keeps quiet about.
pub fn expected(what: &str) -> ! {
    install_hook();
    panic!("expected: {what}");
}

/// Panics when it is dropped.
#[derive(Debug)]
pub struct PanicOnDrop(pub &'static str);

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        expected(self.0);
    }
}
