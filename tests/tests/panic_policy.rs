//! What a runtime does about panics that nobody awaits: report, call back, abort, shut down.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use filch::runtime::{LocalOptions, UnhandledPanic};
use filch::task;
use filch_tests::count::{Count, forever};
use filch_tests::panics::{caught, expected, install_hook};
use filch_tests::process::{child, is_child};
use filch_tests::reports::reporting;
use filch_tests::runtimes::{Kind, assert_all_workers_run, block_on_elsewhere};

#[test]
fn detached_tasks_panic_is_reported_with_name_place_and_message() {
    install_hook();
    for kind in Kind::ALL {
        let (runtime, reports) = reporting(kind);
        let line = line!() + 1;
        drop(runtime.spawn(async { expected("nobody awaits this") }));
        let report = reports.next(&runtime, "expected: nobody awaits this");
        assert_eq!((report.name, report.file, report.line), (None, file!(), line), "{kind:?}");

        runtime.block_on(async {
            let named = task::Builder::new().name("accountant");
            drop(named.spawn(async { expected("in a named one") }).unwrap());
        });
        let report = reports.next(&runtime, "expected: in a named one");
        assert_eq!(report.name.as_deref(), Some("accountant"), "{kind:?}");

        drop(runtime.spawn_blocking(|| expected("in a blocking call")));
        reports.next(&runtime, "expected: in a blocking call");
        drop(runtime.handle().spawn_compute(|| expected("in a computation")));
        reports.next(&runtime, "expected: in a computation");

        // Awaited: whoever awaits it hears of it, and nobody else.
        let awaited = runtime.spawn(async { expected("awaited") });
        assert!(runtime.block_on(awaited).unwrap_err().is_panic());
        // Its handle is dropped after it panicked: nobody will hear of it but by the report.
        let dropped = runtime.spawn(async { expected("handle dropped later") });
        while !dropped.is_finished() {
            runtime.block_on(task::yield_now());
        }
        assert!(reports.is_empty(), "{kind:?}: the handle might still be awaited");
        drop(dropped);
        reports.next(&runtime, "expected: handle dropped later");
        drop(runtime);
        assert!(reports.is_empty(), "{kind:?}: each once");
    }
}

#[test]
fn function_for_unhandled_panics_may_panic() {
    install_hook();
    for kind in Kind::ALL {
        let calls = Count::new();
        let counted = calls.clone();
        let policy = UnhandledPanic::Call(Arc::new(move |_| {
            counted.add();
            expected("in the function");
        }));
        let runtime = kind.builder().unhandled_panic(policy).build().unwrap();
        drop(runtime.spawn(async { expected("reported") }));
        while calls.get() == 0 {
            runtime.block_on(task::yield_now());
        }
        assert_all_workers_run(&runtime);
        assert_eq!(calls.get(), 1, "{kind:?}");
    }
}

#[test]
fn default_reports_on_standard_error() {
    const NAME: &str = "default_reports_on_standard_error";
    if is_child(NAME) {
        let runtime = Kind::CurrentThread.runtime();
        runtime.block_on(async {
            let named = task::Builder::new().name("accountant");
            let task = named.spawn(async { panic!("seven of nine") }).unwrap();
            let abort = task.abort_handle();
            drop(task);
            while !abort.is_finished() {
                task::yield_now().await;
            }
        });
        return;
    }
    let ended = child(NAME, &[]);
    assert!(ended.status.success(), "{ended:?}");
    let line = ended.output.lines().find(|line| line.contains("nobody awaits")).unwrap();
    for part in ["accountant", "panic_policy.rs:", "seven of nine"] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn abort_ends_the_process_after_the_report() {
    const NAME: &str = "abort_ends_the_process_after_the_report";
    if is_child(NAME) {
        let runtime =
            Kind::OneWorker.builder().unhandled_panic(UnhandledPanic::Abort).build().unwrap();
        drop(runtime.spawn(async { panic!("seven of nine") }));
        runtime.block_on(std::future::pending::<()>());
    }
    use std::os::unix::process::ExitStatusExt;
    let ended = child(NAME, &[]);
    assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{ended:?}");
    assert!(ended.output.contains("nobody awaits it: seven of nine"), "{ended:?}");
}

#[test]
fn shutdown_ends_a_current_thread_runtime_by_a_panic_in_block_on() {
    install_hook();
    let policy = UnhandledPanic::ShutdownRuntime;
    let runtime = Kind::CurrentThread.builder().unhandled_panic(policy).build().unwrap();
    let drops = Count::new();
    let other = runtime.spawn(forever(&Count::new(), drops.on_drop()));
    let panic = caught(|| {
        runtime.block_on(async {
            drop(filch::spawn(async { expected("the last straw") }));
            std::future::pending::<()>().await;
        });
    });
    assert!(panic.message.contains("shut"), "{panic:?}");
    drop(runtime);
    assert_eq!(drops.get(), 1);
    assert!(block_on_elsewhere(other).unwrap_err().is_cancelled());
}

#[test]
fn shutdown_counts_awaited_panics_too_on_several_workers() {
    install_hook();
    for kind in Kind::MULTI {
        let policy = UnhandledPanic::ShutdownRuntime;
        let runtime = kind.builder().unhandled_panic(policy).build().unwrap();
        let (polls, drops) = (Count::new(), Count::new());
        let others: Vec<_> =
            (0..100).map(|_| runtime.spawn(forever(&polls, drops.on_drop()))).collect();
        let straw = runtime.spawn(async { expected("the last straw") });
        assert!(block_on_elsewhere(straw).unwrap_err().is_panic());
        // Nobody asks for it: the panic alone shuts down.
        for other in others {
            assert!(block_on_elsewhere(other).unwrap_err().is_cancelled(), "{kind:?}");
        }
        let late = runtime.spawn(async {});
        let outcome = block_on_elsewhere(late);
        assert!(outcome.is_err_and(|error| error.is_cancelled()), "{kind:?}");
        drop(runtime);
        assert_eq!(drops.get(), 100, "{kind:?}");
    }
}

#[test]
fn shutdown_reaches_a_local_runtime_and_a_local_set() {
    install_hook();
    let policy = UnhandledPanic::ShutdownRuntime;
    let mut builder = Kind::CurrentThread.builder();
    builder.unhandled_panic(policy);
    let local = builder.build_local(LocalOptions::default()).unwrap();
    let panic = caught(|| {
        local.block_on(async {
            drop(task::spawn_local(async { expected("in a local task") }));
            std::future::pending::<()>().await;
        });
    });
    assert!(panic.message.contains("shut"), "{panic:?}");

    let runtime = builder.build().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let set = task::LocalSet::new();
            set.run_until(async {
                drop(task::spawn_local(async { expected("in a set's task") }));
                std::future::pending::<()>().await;
            })
            .await;
        });
    }));
    assert!(panicked.is_err());
}

/// A destructor that panics while another panic unwinds is the one panic that cannot be kept in its task:
/// the process ends, and its last words name both places.
#[test]
fn double_panic_aborts_and_says_where() {
    const NAME: &str = "double_panic_aborts_and_says_where";
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("and again in the destructor");
        }
    }
    if is_child(NAME) {
        let runtime = Kind::OneWorker.builder().build().unwrap();
        let _ = runtime.block_on(runtime.spawn(async {
            let _again = Again;
            panic!("first in the poll");
        }));
        unreachable!("the process was to abort");
    }
    use std::os::unix::process::ExitStatusExt;
    let ended = child(NAME, &[]);
    assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{ended:?}");
    for told in ["first in the poll", "and again in the destructor", "panic_policy.rs", "abort"] {
        assert!(ended.output.contains(told), "{told:?} is missing: {}", ended.output);
    }
}
