//! What a runtime holds after a burst of tasks, counted by an allocator: at most twice what it held when it
//! was fresh.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use filch::runtime::{Builder, Runtime};
use filch::sync::Semaphore;
use filch::task;

/// The system's allocator, which counts the bytes that are out.
struct Counting;

static OUT: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        OUT.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        OUT.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        OUT.fetch_add(size as isize - layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many tasks the burst has.
const TASKS: usize = 1_000_000;

/// Lets every worker run many short tasks, so that what is made at first use is there, and what crossbeam's
/// epochs put off is freed.
fn settle(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..20_000 {
            task::spawn(async {}).await.unwrap();
        }
    });
}

/// Bytes that are out now, after settling.
fn held(runtime: &Runtime) -> isize {
    settle(runtime);
    OUT.load(Ordering::Relaxed)
}

/// All at once: every task waits until all have been spawned.
fn burst(runtime: &Runtime) {
    let gate = Arc::new(Semaphore::new(0));
    let ended = Arc::new(AtomicUsize::new(0));
    for _ in 0..TASKS {
        let (gate, ended) = (gate.clone(), ended.clone());
        runtime.spawn(async move {
            gate.acquire().await.unwrap().forget();
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    gate.add_permits(TASKS);
    while ended.load(Ordering::Relaxed) < TASKS || runtime.metrics().num_alive_tasks() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn burst_of_a_million_tasks_leaves_nothing_behind() {
    let before = OUT.load(Ordering::Relaxed);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let fresh = held(&runtime) - before;
    assert!(fresh > 0);
    for round in 0..2 {
        burst(&runtime);
        let after = held(&runtime) - before;
        println!("fresh {fresh} bytes, after a burst {after}");
        assert!(after <= 2 * fresh, "round {round}: fresh {fresh} bytes, after {after}");
    }
    drop(runtime);
}
