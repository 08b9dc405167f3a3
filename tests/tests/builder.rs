//! Building runtimes: what counts and names do, and that bad ones are refused, with the value and the
//! range.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::hint::black_box;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use filch::net::TcpListener;
use filch::runtime::{Builder, Handle, LocalOptions, Runtime, RuntimeFlavor};
use filch::{task, time};
use filch_tests::count::Count;
use filch_tests::panics::caught;
use filch_tests::process::{child, descriptors, is_child, threads};
use filch_tests::runtimes::{Kind, assert_all_workers_run};

/// The most workers that a runtime may have.
const MAX_WORKERS: usize = 32_767;
/// The variable that sets their number.
const VARIABLE: &str = "FILCH_WORKERS";

/// The error of a build that must fail.
#[track_caller]
fn refused(result: io::Result<Runtime>) -> String {
    let error = result.expect_err("a runtime was built");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error.to_string()
}

#[test]
fn counts_of_zero_panic_in_the_setter() {
    type Setter = fn(&mut Builder);
    let setters: [(&str, Setter); 3] = [
        ("Worker threads", |builder| {
            let _ = builder.worker_threads(0);
        }),
        ("Max blocking threads", |builder| {
            let _ = builder.max_blocking_threads(0);
        }),
        ("Compute threads", |builder| {
            let _ = builder.compute_threads(0);
        }),
    ];
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        for (what, setter) in setters {
            let panic = caught(|| setter(&mut builder));
            assert_eq!(panic.message, format!("{what} cannot be set to 0"));
            assert!(
                panic.file.ends_with("builder.rs") && panic.file.contains("tests"),
                "{panic:?}"
            );
        }
        // Nothing of it stays.
        drop(builder.worker_threads(1).build().unwrap());
    }
}

#[test]
fn absurd_worker_counts_are_refused() {
    for count in [MAX_WORKERS + 1, 1 << 20, usize::MAX] {
        let mut builder = Builder::new_multi_thread();
        let text = refused(builder.worker_threads(count).build());
        assert!(text.contains(&count.to_string()), "{text}");
        assert!(text.contains(&format!("1 to {MAX_WORKERS}")), "{text}");
        // The builder is as good as new.
        let runtime = builder.worker_threads(2).build().unwrap();
        assert_eq!(runtime.metrics().num_workers(), 2);
    }
}

#[test]
fn worker_counts_are_kept() {
    for count in [1, 2, 3, 7, 64] {
        let runtime = Builder::new_multi_thread().worker_threads(count).build().unwrap();
        assert_eq!(runtime.metrics().num_workers(), count);
        assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::MultiThread);
        assert_all_workers_run(&runtime);
    }
    let runtime = Builder::new_current_thread().worker_threads(7).build().unwrap();
    assert_eq!(runtime.metrics().num_workers(), 1);
    assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::CurrentThread);
}

/// Sets the variable that says how many workers, or removes it.
fn set_workers(value: Option<&OsStr>) {
    match value {
        // SAFETY: called in a process that runs one test, on one thread, while no runtime is there.
        Some(value) => unsafe { std::env::set_var(VARIABLE, value) },
        // SAFETY: as above.
        None => unsafe { std::env::remove_var(VARIABLE) },
    }
}

#[test]
fn environment_sets_the_worker_count() {
    const NAME: &str = "environment_sets_the_worker_count";
    if !is_child(NAME) {
        let ended = child(NAME, &[]);
        assert!(ended.status.success(), "{ended:?}");
        return;
    }
    let workers = || {
        let runtime = Builder::new_multi_thread().build()?;
        io::Result::Ok(runtime.metrics().num_workers())
    };
    set_workers(None);
    let default = workers().unwrap();
    assert!(default >= 1);
    for (text, count) in [("1", 1), ("5", 5), (" 3 ", 3), ("007", 7), ("+2", 2)] {
        set_workers(Some(OsStr::new(text)));
        assert_eq!(workers().unwrap(), count, "{text:?}");
        // What the program says comes first; a current-thread runtime has no workers to count.
        let runtime = Builder::new_multi_thread().worker_threads(4).build().unwrap();
        assert_eq!(runtime.metrics().num_workers(), 4);
        let runtime = Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.metrics().num_workers(), 1);
    }
    let too_many = (MAX_WORKERS + 1).to_string();
    let bad = ["", " ", "0", "-1", "1.5", "0x4", "four", "2 3", &too_many, "99999999999999999999"];
    let mut bad: Vec<OsString> = bad.into_iter().map(OsString::from).collect();
    bad.push(OsStr::from_bytes(b"4\xff").to_owned());
    for value in bad {
        set_workers(Some(&value));
        let text = refused(Builder::new_multi_thread().build());
        assert!(text.contains(VARIABLE), "{text}");
        assert!(text.contains(&format!("1 to {MAX_WORKERS}")), "{text}");
        assert!(text.contains(value.to_str().unwrap_or("\\xFF")), "{value:?}: {text}");
        // Asked for only where it counts.
        drop(Builder::new_multi_thread().worker_threads(1).build().unwrap());
        drop(Builder::new_current_thread().build().unwrap());
    }
    set_workers(None);
    assert_eq!(workers().unwrap(), default);
}

#[test]
fn refused_builds_leave_nothing() {
    const NAME: &str = "refused_builds_leave_nothing";
    if !is_child(NAME) {
        let ended = child(NAME, &[]);
        assert!(ended.status.success(), "{ended:?}");
        return;
    }
    let before = (descriptors(), threads().len());
    for _ in 0..100 {
        refused(Builder::new_multi_thread().enable_all().worker_threads(usize::MAX).build());
        let paused = caught(|| Builder::new_multi_thread().enable_all().start_paused(true).build());
        assert!(paused.message.contains("start_paused"), "{paused:?}");
    }
    assert_eq!((descriptors(), threads().len()), before);
}

#[test]
fn wrong_kinds_panic_and_say_so() {
    let panic = caught(|| Builder::new_multi_thread().start_paused(true).build());
    assert!(panic.message.contains("start_paused") && panic.message.contains("current-thread"));
    let panic = caught(|| Builder::new_multi_thread().build_local(LocalOptions::default()));
    assert!(panic.message.contains("current-thread"), "{panic:?}");
}

#[test]
fn what_is_not_enabled_says_how_to_enable_it() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        builder.worker_threads(1);
        let runtime = builder.build().unwrap();
        // Tasks need neither.
        assert_eq!(runtime.block_on(async { task::spawn(async { 1 }).await.unwrap() }), 1);
        let panic = caught(|| runtime.block_on(async { time::sleep(Duration::ZERO).await }));
        assert!(panic.message.contains("enable_time"), "{panic:?}");
        let bind = async { TcpListener::bind("127.0.0.1:0").await.map(drop) };
        let panic = caught(|| runtime.block_on(bind));
        assert!(panic.message.contains("enable_io"), "{panic:?}");

        let runtime = builder.enable_io().build().unwrap();
        runtime.block_on(async { TcpListener::bind("127.0.0.1:0").await.map(drop) }).unwrap();
        let panic = caught(|| runtime.block_on(async { time::sleep(Duration::ZERO).await }));
        assert!(panic.message.contains("enable_time"), "{panic:?}");

        let runtime = builder.enable_time().build().unwrap();
        runtime
            .block_on(async {
                time::sleep(Duration::from_millis(1)).await;
                TcpListener::bind("127.0.0.1:0").await.map(drop)
            })
            .unwrap();
    }
}

fn this_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// The names of the threads that a runtime's work runs on: all workers, blocking, compute.
fn names(runtime: &Runtime) -> HashSet<String> {
    let workers = runtime.metrics().num_workers();
    let meeting = Arc::new(Barrier::new(workers));
    let tasks: Vec<_> = (0..workers)
        .map(|_| {
            let meeting = meeting.clone();
            runtime.spawn(async move {
                meeting.wait();
                this_name()
            })
        })
        .collect();
    runtime.block_on(async {
        let mut names = HashSet::new();
        for task in tasks {
            names.insert(task.await.unwrap());
        }
        names.insert(task::spawn_blocking(this_name).await.unwrap());
        names.insert(task::spawn_compute(this_name).await.unwrap());
        names
    })
}

#[test]
fn threads_have_the_names_that_were_chosen() {
    let expect = |name: &str| HashSet::from([name.to_owned(), format!("{name}-compute")]);
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(3);
    assert_eq!(names(&builder.build().unwrap()), expect("filch-worker"));
    builder.thread_name("oven");
    assert_eq!(names(&builder.build().unwrap()), expect("oven"));
    let number = AtomicUsize::new(0);
    builder.thread_name_fn(move || format!("oven-{}", number.fetch_add(1, Ordering::Relaxed)));
    let numbered = names(&builder.build().unwrap());
    // Each thread its own: three workers, and two of the pools.
    assert_eq!(numbered.len(), 5, "{numbered:?}");
    assert!(numbered.iter().all(|name| name.starts_with("oven-")), "{numbered:?}");
}

#[test]
fn runtimes_have_names_and_numbers_of_their_own() {
    for kind in Kind::ALL {
        let mut builder = kind.builder();
        let unnamed = builder.build().unwrap();
        let named = builder.name("bakery").build().unwrap();
        let again = builder.clone().build().unwrap();
        assert_eq!(unnamed.handle().name(), None);
        assert_eq!(named.handle().name(), Some("bakery"));
        assert_eq!(again.handle().name(), Some("bakery"));
        let ids = [&unnamed, &named, &again].map(|runtime| runtime.handle().id());
        assert_eq!(HashSet::from(ids).len(), 3);
        for runtime in [&unnamed, &named, &again] {
            let inside = runtime.block_on(async { Handle::current().id() });
            assert_eq!(inside, runtime.handle().id());
        }
    }
}

#[test]
fn thread_hooks_run_once_on_each_thread() {
    for kind in Kind::ALL {
        let (starts, stops, parks, unparks) =
            (Count::new(), Count::new(), Count::new(), Count::new());
        let mut builder = kind.builder();
        let count = |count: &Count| {
            let count = count.clone();
            move || count.add()
        };
        builder.on_thread_start(count(&starts)).on_thread_stop(count(&stops));
        builder.on_thread_park(count(&parks)).on_thread_unpark(count(&unparks));
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            task::spawn_blocking(|| ()).await.unwrap();
            time::sleep(Duration::from_millis(1)).await;
        });
        drop(runtime);
        let workers = if kind == Kind::CurrentThread { 0 } else { kind.workers() };
        assert_eq!(starts.get(), workers + 1, "{kind:?}");
        assert_eq!(stops.get(), workers + 1, "{kind:?}");
        assert!(parks.get() > 0, "{kind:?}");
        assert_eq!(parks.get(), unparks.get(), "{kind:?}");
    }
}

/// Uses `kibibytes` of stack.
fn dig(kibibytes: usize) -> usize {
    let mut bytes = [0u8; 1024];
    black_box(&mut bytes);
    let below = if kibibytes > 1 { dig(kibibytes - 1) } else { 0 };
    below + usize::from(black_box(&bytes)[0]) + 1
}

#[test]
fn stack_size_is_that_of_all_threads() {
    // More than the 2 MiB that threads have otherwise.
    const DEEP: usize = 8 << 10;
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).thread_stack_size(32 << 20).build().unwrap();
    runtime.block_on(async {
        assert_eq!(task::spawn(async { dig(DEEP) }).await.unwrap(), DEEP);
        assert_eq!(task::spawn_blocking(|| dig(DEEP)).await.unwrap(), DEEP);
        assert_eq!(task::spawn_compute(|| dig(DEEP)).await.unwrap(), DEEP);
    });
}
