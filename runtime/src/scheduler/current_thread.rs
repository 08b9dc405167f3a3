//! The current-thread scheduler: tasks run inside of `block_on`, on the thread that calls it.
//!
//! One core: a queue that only its thread touches, an injector for everyone else. The thread that calls
//! `block_on` takes the core and drives everything; another one that calls it at the same time polls its
//! own future, and takes over when the core becomes free.
//!
//! Sleep protocol: docs/sleep-protocol.md, steps C1 to C3.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::ptr::null;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use filch_primitives::atomic::{AtomicBool, Ordering, fence, spin_hint};
use filch_primitives::coop;
use filch_primitives::deque::{Injector, Steal};
use filch_primitives::lock::Mutex;
use filch_primitives::park::{Parker, Unparker};

use crate::context::{self, Scheduler};
use crate::driver::{Driver, Events, TimeHandle, Wait};
use crate::runtime::Handle;
use crate::runtime::common::Common;
use crate::task::Runnable;
use crate::task::owner::{Owner, Queue};

/// At most so many tasks move from the injector to the queue at such a look: more than are polled until
/// the next one, so that a crowd outside gets in and queues with the others, in order of arrival.
const INJECTOR_BATCH: u32 = if cfg!(filch_loom) { 2 } else { 64 };

/// What the handles, the wakers and the driving thread share.
pub(crate) struct Shared {
    injector: Injector<Runnable>,
    driver: Arc<Driver>,
    owner: Arc<Owner>,
    time: filch_primitives::Arc<TimeHandle>,
    /// The driving thread waits in the driver, or is about to.
    is_parked: AtomicBool,
    is_shutdown: AtomicBool,
    /// The core while nobody drives it, and the threads that want it.
    core: Mutex<CoreSlot>,
    common: Common,
}

struct CoreSlot {
    core: Option<Box<Core>>,
    wanted_by: Vec<Unparker>,
}

/// What only the driving thread touches.
struct Core {
    queue: RefCell<VecDeque<Runnable>>,
    events: RefCell<Events>,
    tick: Cell<u32>,
}

/// The driving thread, as code below finds it in the thread-local context.
pub(crate) struct ThreadContext {
    shared: Arc<Shared>,
    core: Cell<*const Core>,
    may_spawn_local: bool,
}

impl ThreadContext {
    pub(crate) fn handle(&self) -> Handle {
        Handle::current_thread(self.shared.clone())
    }

    pub(crate) fn time_handle(&self) -> &filch_primitives::Arc<TimeHandle> {
        &self.shared.time
    }

    /// The runtime, if it is a local one, which may run futures that are not `Send`.
    pub(crate) fn local_shared(&self) -> Option<&Arc<Shared>> {
        self.may_spawn_local.then_some(&self.shared)
    }

    #[inline]
    fn core(&self) -> Option<&Core> {
        // SAFETY: not null only while `Shared::drive`, further down on this thread's stack, owns the box.
        unsafe { self.core.get().as_ref() }
    }
}

fn current_of(shared: *const Shared) -> Option<&'static ThreadContext> {
    match context::scheduler() {
        Scheduler::CurrentThread(cx) => {
            // SAFETY: the pointer is to a value on the stack below us; `'static` does not leave the calls
            // of this module, which return before that frame does.
            let cx = unsafe { &*cx };
            (Arc::as_ptr(&cx.shared) == shared && !cx.core.get().is_null()).then_some(cx)
        }
        _ => None,
    }
}

/// Whether this thread drives this runtime.
#[inline]
pub(crate) fn is_current(shared: &Weak<Shared>) -> bool {
    current_of(shared.as_ptr()).is_some()
}

/// Queues a task on this thread. To be called after `is_current` only.
#[inline]
pub(crate) fn schedule_local(task: Runnable) {
    let Scheduler::CurrentThread(cx) = context::scheduler() else {
        unreachable!("the caller saw that this thread drives the runtime")
    };
    // SAFETY: as in `current_of`.
    match unsafe { &*cx }.core() {
        Some(core) => core.queue.borrow_mut().push_back(task),
        None => drop(task),
    }
}

impl Shared {
    pub(crate) fn new(driver: Arc<Driver>, common: Common) -> Arc<Shared> {
        let core = Core {
            queue: RefCell::new(VecDeque::new()),
            events: RefCell::new(driver.events()),
            tick: Cell::new(0),
        };
        Arc::new_cyclic(|this: &Weak<Shared>| Shared {
            injector: Injector::new(),
            owner: Arc::new(Owner::new(Queue::CurrentThread(this.clone()), common.hooks().clone())),
            time: filch_primitives::Arc::new(TimeHandle::new(
                driver.clone(),
                0,
                common.config().time,
            )),
            driver,
            is_parked: AtomicBool::new(false),
            is_shutdown: AtomicBool::new(false),
            core: Mutex::new(CoreSlot { core: Some(Box::new(core)), wanted_by: Vec::new() }),
            common,
        })
    }

    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    pub(crate) fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    pub(crate) fn time_handle(&self) -> &filch_primitives::Arc<TimeHandle> {
        &self.time
    }

    pub(crate) fn owner(&self) -> &Arc<Owner> {
        &self.owner
    }

    pub(crate) fn injector_len(&self) -> usize {
        self.injector.len()
    }

    /// Queues a task that was spawned on this thread.
    pub(crate) fn schedule_spawned(&self, task: Runnable) {
        if current_of(self).is_some() { schedule_local(task) } else { self.schedule_remote(task) }
    }

    /// C1. Queues a task from another thread.
    pub(crate) fn schedule_remote(&self, task: Runnable) {
        self.injector.push(task);
        self.unpark();
    }

    /// C2. Wakes the driving thread if it is parked. The caller published something before.
    fn unpark(&self) {
        // ordering: C2. SeqCst: the push, or the main future's mark, must be visible before the flag is
        // read. Pairs with the fence at C3: either we see that it parks, or it sees what we published.
        fence(Ordering::SeqCst);
        // ordering: Relaxed, after the fence. The swap lets one of many callers make the system call.
        if self.is_parked.load(Ordering::Relaxed) && self.is_parked.swap(false, Ordering::Relaxed) {
            self.driver.notify();
        }
    }

    /// A task panicked, and the policy is to shut down: whoever is in `block_on` panics.
    pub(crate) fn shut_down_by_panic(&self) {
        // ordering: Relaxed. Nothing is published by it; the fence in `unpark` orders it for one that parks.
        self.is_shutdown.store(true, Ordering::Relaxed);
        self.unpark();
    }

    fn is_shutdown(&self) -> bool {
        // ordering: Relaxed. Nothing is read through it; at C3 the fence orders it.
        self.is_shutdown.load(Ordering::Relaxed)
    }

    /// Drives the runtime until `future` is ready.
    #[track_caller]
    pub(crate) fn block_on<F: Future>(
        self: &Arc<Self>,
        future: F,
        may_spawn_local: bool,
    ) -> F::Output {
        let _entered = context::enter_blocking("`block_on`");
        let mut future = pin!(future);
        let parker = Parker::new();
        let main = Arc::new(MainWaker {
            is_woken: AtomicBool::new(true),
            shared: Arc::downgrade(self),
            unparker: parker.unparker(),
            drives: AtomicBool::new(false),
        });
        let waker = Waker::from(main.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Some(core) = self.take_core(&main.unparker) {
                // ordering: Relaxed. Wakes before this use the parker as well as the mark; the mark is
                // looked at right after.
                main.drives.store(true, Ordering::Relaxed);
                return self.drive(core, future, &main, &mut cx, may_spawn_local);
            }
            // Somebody else drives: poll our own future here, with the runtime entered.
            if main.take_woken() {
                let _handle = context::enter(Handle::current_thread(self.clone()));
                let _budget = coop::fresh();
                if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                    self.forget_wanting();
                    return output;
                }
            }
            parker.park();
        }
    }

    /// The core, or a place in the line of those who want it.
    fn take_core(&self, unparker: &Unparker) -> Option<Box<Core>> {
        let mut slot = self.core.lock();
        let core = slot.core.take();
        if core.is_none() {
            slot.wanted_by.push(unparker.clone());
        }
        core
    }

    /// Someone who waited for the core goes without it. Another one may have been passed over for it.
    fn forget_wanting(&self) {
        let slot = self.core.lock();
        if slot.core.is_some() {
            for unparker in &slot.wanted_by {
                unparker.unpark();
            }
        }
    }

    fn give_core_back(&self, core: Box<Core>) {
        let wanted_by = {
            let mut slot = self.core.lock();
            slot.core = Some(core);
            std::mem::take(&mut slot.wanted_by)
        };
        for unparker in wanted_by {
            unparker.unpark();
        }
    }

    #[track_caller]
    fn drive<F: Future>(
        self: &Arc<Self>,
        core: Box<Core>,
        mut future: std::pin::Pin<&mut F>,
        main: &MainWaker,
        poll_cx: &mut Context<'_>,
        may_spawn_local: bool,
    ) -> F::Output {
        /// Gives the core back, also when the main future panics.
        struct GiveBack<'a> {
            cx: &'a ThreadContext,
            main: &'a MainWaker,
        }
        impl Drop for GiveBack<'_> {
            fn drop(&mut self) {
                // ordering: Relaxed. A wake that still sees it true only notifies the driver in vain.
                self.main.drives.store(false, Ordering::Relaxed);
                let core = self.cx.core.replace(null());
                // SAFETY: from `Box::into_raw` below, reachable through the context only.
                self.cx.shared.give_core_back(unsafe { Box::from_raw(core.cast_mut()) });
            }
        }

        let cx = ThreadContext {
            shared: self.clone(),
            core: Cell::new(Box::into_raw(core)),
            may_spawn_local,
        };
        let _scheduler = context::set_scheduler(Scheduler::CurrentThread(&raw const cx));
        let _give_back = GiveBack { cx: &cx, main };
        let mut main_polls = 0;
        loop {
            if main.take_woken() {
                let _budget = coop::fresh();
                if let Poll::Ready(output) = future.as_mut().poll(poll_cx) {
                    return output;
                }
            }
            let Some(core) = cx.core() else { unreachable!("only `GiveBack` takes it") };
            if self.run_some(core) {
                self.wait(core, Wait::Poll);
                main_polls = 0;
            } else if !main.is_woken() {
                self.park(core, main);
                main_polls = 0;
            } else {
                // A main future that wakes itself must not starve sockets and timers.
                main_polls += 1;
                if main_polls >= self.common.config().event_interval {
                    self.wait(core, Wait::Poll);
                    main_polls = 0;
                }
            }
            if self.is_shutdown() {
                panic!(
                    "a spawned task panicked and the runtime is configured to shut down on unhandled panic"
                );
            }
        }
    }

    /// Polls as many tasks as there may be between two looks at the driver. False if there was none left.
    fn run_some(&self, core: &Core) -> bool {
        for _ in 0..self.common.config().event_interval {
            let Some(task) = self.next(core) else { return false };
            let _budget = coop::fresh();
            task.run();
        }
        true
    }

    #[inline]
    fn next(&self, core: &Core) -> Option<Runnable> {
        core.tick.set(core.tick.get().wrapping_add(1));
        // Half of the driver's: a task from outside waits no longer than a socket.
        let config = self.common.config();
        let interval = config.injector_interval.unwrap_or((config.event_interval / 2).max(1));
        if core.tick.get() % interval == 0 {
            for _ in 0..INJECTOR_BATCH {
                let Some(task) = self.take_injected() else { break };
                core.queue.borrow_mut().push_back(task);
            }
        }
        let local = core.queue.borrow_mut().pop_front();
        local.or_else(|| self.take_injected())
    }

    fn take_injected(&self) -> Option<Runnable> {
        if self.injector.is_empty() {
            return None;
        }
        loop {
            match self.injector.steal() {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => spin_hint(),
            }
        }
    }

    /// C3. Parks, unless something was published meanwhile.
    fn park(&self, core: &Core, main: &MainWaker) {
        // ordering: Relaxed, ordered by the fence.
        self.is_parked.store(true, Ordering::Relaxed);
        // ordering: C3. SeqCst: the flag must be visible before the injector and the mark are read.
        // Pairs with the fence at C2.
        fence(Ordering::SeqCst);
        if self.injector.is_empty() && !main.is_woken() && !self.is_shutdown() {
            self.wait(core, Wait::Park);
        }
        // ordering: Relaxed. A caller that still sees true notifies in vain.
        self.is_parked.store(false, Ordering::Relaxed);
    }

    fn wait(&self, core: &Core, wait: Wait) {
        if wait == Wait::Poll && !self.driver.has_sources() {
            return;
        }
        // A notification is for this thread, which looks at everything next.
        let _ =
            self.common.around_park(wait, || self.driver.wait(&mut core.events.borrow_mut(), wait));
    }

    /// Cancels all tasks, and shuts the driver. Nobody may be in `block_on`.
    pub(crate) fn shut_down(self: &Arc<Self>) {
        // ordering: Relaxed. Nobody drives the runtime now; who comes later takes the lock of the core.
        self.is_shutdown.store(true, Ordering::Relaxed);
        let core = self.core.lock().core.take();
        // Destructors of futures run inside of the runtime.
        let cx = ThreadContext {
            shared: self.clone(),
            core: Cell::new(core.as_deref().map_or(null(), std::ptr::from_ref)),
            may_spawn_local: false,
        };
        let _scheduler = context::set_scheduler(Scheduler::CurrentThread(&raw const cx));
        self.owner.close();
        if let Some(core) = &core {
            loop {
                let task = core.queue.borrow_mut().pop_front();
                match task {
                    Some(task) => drop(task),
                    None => break,
                }
            }
        }
        while let Some(task) = self.take_injected() {
            drop(task);
        }
        self.driver.shutdown();
        cx.core.set(null());
    }
}

/// The waker of the future in `block_on`.
struct MainWaker {
    is_woken: AtomicBool,
    shared: Weak<Shared>,
    unparker: Unparker,
    /// Its thread drives the runtime, and so waits in the driver instead of on its parker.
    drives: AtomicBool,
}

impl MainWaker {
    fn take_woken(&self) -> bool {
        // ordering: Acquire, to see what the waking side did before; pairs with `wake_by_ref`.
        self.is_woken.swap(false, Ordering::Acquire)
    }

    fn is_woken(&self) -> bool {
        // ordering: Relaxed. Decides only whether to park; at C3 the fence orders it.
        self.is_woken.load(Ordering::Relaxed)
    }
}

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ordering: Release; pairs with `take_woken`. A swap and no store: marks and their takings are one
        // chain of exchanges, which loom orders as the language does.
        self.is_woken.swap(true, Ordering::Release);
        // ordering: C2. SeqCst: the mark must be visible before `drives` is read. Pairs with C3, before
        // which the driving thread said that it drives.
        fence(Ordering::SeqCst);
        // Both: which of the two places its thread waits in may change while we look.
        self.unparker.unpark();
        // ordering: Relaxed, after the fence.
        if self.drives.load(Ordering::Relaxed) {
            if let Some(shared) = self.shared.upgrade() {
                shared.unpark();
            }
        }
    }
}
