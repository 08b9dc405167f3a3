//! Idle workers: a task that is submitted while workers go to sleep is never forgotten, and somebody
//! attends the driver.
//!
//! Steps: S1 to S8 of docs/sleep-protocol.md and M1, M2 of docs/monitor.md, with the real idle word, parkers and the models of deque and
//! injector. What goes around them here is the worker's loop without tasks: an item is a number. The
//! driver is a lock and a condition variable that keep the kernel's promise: an event, or a notification,
//! wakes one waiter, or the next to come.
//!
//! An item that nobody takes leaves its worker or the main thread waiting for ever: loom reports the
//! deadlock.

#![cfg(filch_loom)]

use std::collections::VecDeque;
use std::sync::Arc;

use filch::internals::idle::{Call, Idle, Left, Place};
use filch_loom_tests::{Count, model, model_bounded};
use filch_primitives::atomic::{AtomicBool, Ordering, fence};
use filch_primitives::deque::{Injector, Steal, Stealer, Worker};
use filch_primitives::lock::{Condvar, Mutex};
use filch_primitives::park::{Parker, Unparker};
use filch_primitives::thread;

/// What a worker runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Item {
    Plain,
    /// Its run lasts until `Frees` was run.
    Waits,
    Frees,
    /// Its worker looks at the driver, as a busy one does now and then.
    Looks,
}

/// The kernel's side.
struct Driver {
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

struct Inbox {
    notified: bool,
    events: VecDeque<Item>,
}

impl Driver {
    fn new() -> Self {
        let inbox = Inbox { notified: false, events: VecDeque::new() };
        Driver { inbox: Mutex::new(inbox), changed: Condvar::new() }
    }

    fn notify(&self) {
        self.inbox.lock().notified = true;
        self.changed.notify_one();
    }

    fn event(&self, item: Item) {
        self.inbox.lock().events.push_back(item);
        self.changed.notify_one();
    }

    /// Does not wait. True if there was a notification, which is now taken.
    fn poll(&self) -> bool {
        std::mem::take(&mut self.inbox.lock().notified)
    }

    fn wait(&self, queue: &Worker<Item>) {
        let mut inbox = self.inbox.lock();
        while !inbox.notified && inbox.events.is_empty() {
            self.changed.wait(&mut inbox);
        }
        inbox.notified = false;
        inbox.events.drain(..).for_each(|item| queue.push(item));
    }
}

/// What a model leaves out of the protocol, to show that it would see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LeftOut {
    Nothing,
    /// The last searcher parks without looking once more.
    S5,
    /// The last searcher that finds work calls nobody.
    S6,
    /// Who leaves the driver with work calls nobody to it.
    S7,
    /// Who takes a batch from the injector without searching calls nobody.
    S8,
    /// Who leaves its place does not look whether the monitor sleeps.
    M2,
    /// Who takes a notification without having waited for it keeps it.
    PassingOn,
}

struct Machine {
    idle: Idle,
    injector: Injector<Item>,
    stealers: Vec<Stealer<Item>>,
    unparkers: Vec<Unparker>,
    driver: Driver,
    stop: AtomicBool,
    left_out: LeftOut,
    ran: Count,
    /// The machine stops itself after so many items.
    wanted: usize,
    freed: Mutex<bool>,
    freeing: Condvar,
    monitor: Unparker,
}

/// A worker's own part.
struct Core {
    index: usize,
    queue: Worker<Item>,
    parker: Parker,
    searching: bool,
}

/// Starts the workers; `outside` plays the rest of the world.
fn run(
    workers: usize,
    seats: usize,
    wanted: usize,
    left_out: LeftOut,
    outside: impl FnOnce(&Machine),
) {
    run_watched(workers, seats, wanted, left_out, Parker::new(), |machine, _| outside(machine));
}

/// As `run`; `outside` is the monitor as well, whose parker it gets.
fn run_watched(
    workers: usize,
    seats: usize,
    wanted: usize,
    left_out: LeftOut,
    monitor: Parker,
    outside: impl FnOnce(&Arc<Machine>, &Parker),
) {
    let core =
        |index| Core { index, queue: Worker::new_fifo(), parker: Parker::new(), searching: false };
    let cores: Vec<Core> = (0..workers).map(core).collect();
    let machine = Arc::new(Machine {
        idle: Idle::new(workers, seats),
        injector: Injector::new(),
        stealers: cores.iter().map(|core| core.queue.stealer()).collect(),
        unparkers: cores.iter().map(|core| core.parker.unparker()).collect(),
        driver: Driver::new(),
        stop: AtomicBool::new(false),
        left_out,
        ran: Count::new(),
        wanted,
        freed: Mutex::new(false),
        freeing: Condvar::new(),
        monitor: monitor.unparker(),
    });
    let threads: Vec<_> = cores
        .into_iter()
        .map(|core| {
            let machine = machine.clone();
            thread::spawn(move || machine.work(core))
        })
        .collect();
    outside(&machine, &monitor);
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(machine.ran.get(), wanted);
}

impl Machine {
    /// S1 to S3, as from a thread that is no worker.
    fn submit(&self, item: Item) {
        self.injector.push(item);
        self.notify_one();
    }

    fn notify_one(&self) {
        match self.idle.call_one() {
            Call::Sleeper(index) => {
                self.unparkers[index].unpark();
            }
            Call::Driver => self.driver.notify(),
            Call::Nobody => {}
        }
    }

    fn work(&self, mut core: Core) {
        while !self.stop.load(Ordering::Acquire) {
            match core.queue.pop().or_else(|| self.search(&mut core)) {
                Some(item) => self.run_item(&mut core, item),
                None => self.park(&mut core),
            }
        }
    }

    fn run_item(&self, core: &mut Core, item: Item) {
        if std::mem::take(&mut core.searching) {
            self.found_work();
        }
        match item {
            Item::Plain => {}
            Item::Waits => {
                let mut freed = self.freed.lock();
                while !*freed {
                    self.freeing.wait(&mut freed);
                }
            }
            Item::Looks => {
                if self.driver.poll() && self.left_out != LeftOut::PassingOn {
                    self.driver.notify();
                }
            }
            Item::Frees => {
                *self.freed.lock() = true;
                self.freeing.notify_one();
            }
        }
        self.ran.add();
        if self.ran.get() == self.wanted {
            // E1.
            self.stop.store(true, Ordering::Release);
            for unparker in &self.unparkers {
                unparker.unpark();
            }
            self.driver.notify();
        }
    }

    /// S6.
    fn found_work(&self) {
        if self.idle.stop_searching() && self.left_out != LeftOut::S6 {
            if self.has_visible_work() { self.notify_one() } else { self.attend_driver() }
        }
    }

    /// S7.
    fn attend_driver(&self) {
        let called = if self.left_out == LeftOut::S7 { None } else { self.idle.call_to_driver() };
        if let Some(index) = called {
            self.unparkers[index].unpark();
        }
    }

    fn search(&self, core: &mut Core) -> Option<Item> {
        if let Some(item) = self.take_injected(core) {
            if !core.searching && !core.queue.is_empty() && self.left_out != LeftOut::S8 {
                self.notify_one();
            }
            return Some(item);
        }
        if !core.searching {
            if !self.idle.try_search() {
                return None;
            }
            core.searching = true;
        }
        for (index, stealer) in self.stealers.iter().enumerate() {
            if index == core.index {
                continue;
            }
            if let Steal::Success(item) = stealer.steal_batch_with_limit_and_pop(&core.queue, 2) {
                return Some(item);
            }
        }
        self.take_injected(core)
    }

    fn take_injected(&self, core: &Core) -> Option<Item> {
        if self.injector.is_empty() {
            return None;
        }
        self.injector.steal_batch_with_limit_and_pop(&core.queue, 2).success()
    }

    /// S5.
    fn has_visible_work(&self) -> bool {
        fence(Ordering::SeqCst);
        !self.injector.is_empty() || self.stealers.iter().any(|stealer| !stealer.is_empty())
    }

    /// S4, S5, then a place, and S6 and S7 on the way out of the driver.
    fn park(&self, core: &mut Core) {
        let parked = self.idle.park(core.index, std::mem::take(&mut core.searching));
        let looks = parked.last_searcher && self.left_out != LeftOut::S5;
        let recall = (looks && self.has_visible_work()) || self.stop.load(Ordering::Acquire);
        if recall && self.idle.unpark_self(core.index, parked.place) {
            core.searching = true;
            return self.left_place();
        }
        match parked.place {
            Place::Driver => {
                self.driver.wait(&core.queue);
                let left = self.idle.leave_driver();
                core.searching = left == Left::Searching;
                if self.stop.load(Ordering::Acquire) {
                    self.driver.notify();
                } else if left == Left::Running && !core.queue.is_empty() {
                    if core.queue.len() > 1 {
                        self.notify_one();
                    }
                    self.attend_driver();
                }
            }
            Place::Parker => {
                core.parker.park();
                core.searching = true;
            }
        }
        self.left_place();
    }

    /// M2.
    fn left_place(&self) {
        if self.left_out != LeftOut::M2 && self.idle.must_wake_monitor() {
            self.monitor.unpark();
        }
    }
}

/// S1 to S5: the one worker goes to sleep while an item comes.
#[test]
fn submit_races_park() {
    model(|| run(1, 1, 1, LeftOut::Nothing, |machine| machine.submit(Item::Plain)));
}

/// As above, twice: the second submit finds the worker searching, running, or parked again.
#[test]
fn second_submit_races_park() {
    model(|| {
        run(1, 1, 2, LeftOut::Nothing, |machine| {
            machine.submit(Item::Plain);
            machine.submit(Item::Plain);
        });
    });
}

/// S5: two workers go to sleep at once; the last searcher sees the item, or was seen.
#[test]
fn submit_races_two_workers_that_park() {
    for seats in [1, 2] {
        model(move || run(2, seats, 1, LeftOut::Nothing, |machine| machine.submit(Item::Plain)));
    }
}

/// S6: a second item while the first one's worker searches: it calls nobody, so the searcher must, for the
/// first item's run lasts until the second one's.
#[test]
fn second_submit_relies_on_the_searcher() {
    for seats in [1, 2] {
        model(move || {
            run(2, seats, 2, LeftOut::Nothing, |machine| {
                machine.submit(Item::Waits);
                machine.submit(Item::Frees);
            });
        });
    }
}

/// S6: an event lets a worker out of the driver at the moment at which it is called: it answers the call.
#[test]
fn event_races_call() {
    model(|| {
        run(1, 1, 2, LeftOut::Nothing, |machine| {
            machine.driver.event(Item::Plain);
            machine.submit(Item::Plain);
        });
    });
}

/// As above, where another worker sleeps or waits beside it: the event may let out either of them, and
/// each leaves the books right. One preemption: with two it takes a minute.
#[test]
fn event_races_call_of_two_workers() {
    for seats in [1, 2] {
        model_bounded(1, move || {
            run(2, seats, 2, LeftOut::Nothing, |machine| {
                machine.driver.event(Item::Plain);
                machine.submit(Item::Plain);
            });
        });
    }
}

/// S3: a busy worker looks at the driver and finds the notification that is for one about to wait there:
/// it passes it on. Else that one would count as called, and so as searching, and never come. One
/// preemption is enough for the model to fail without it.
fn look_races_call_with(left_out: LeftOut) {
    run(2, 1, 3, left_out, |machine| {
        machine.submit(Item::Looks);
        machine.submit(Item::Waits);
        machine.submit(Item::Frees);
    });
}

#[test]
fn look_races_call() {
    model_bounded(1, || look_races_call_with(LeftOut::Nothing));
}

/// S7: the first event's run lasts until the second event was handled: somebody must be called to the
/// driver, however many may wait there.
#[test]
fn who_leaves_the_driver_is_replaced() {
    for seats in [1, 2] {
        model(move || {
            run(2, seats, 2, LeftOut::Nothing, |machine| {
                machine.driver.event(Item::Waits);
                machine.driver.event(Item::Frees);
            });
        });
    }
}

/// S8: a worker that does not search takes two of three items at once. While the second is in neither queue,
/// the other worker runs the third and goes to sleep; the first item's run lasts until the second one's.
fn batch_races_park_with(left_out: LeftOut) {
    run(2, 2, 3, left_out, |machine| {
        machine.injector.push(Item::Waits);
        machine.injector.push(Item::Frees);
        machine.submit(Item::Plain);
    });
}

#[test]
fn batch_races_park() {
    model(|| batch_races_park_with(LeftOut::Nothing));
}

/// M1, M2: the monitor goes to sleep while a worker leaves its place for an item whose run lasts until the
/// monitor is awake again, or was never asleep.
fn monitor_sleep_races_leaving_with(workers: usize, left_out: LeftOut) {
    run_watched(workers, 1, 1, left_out, Parker::new(), |machine, monitor| {
        let submitter = machine.clone();
        let submitter = thread::spawn(move || submitter.submit(Item::Waits));
        if machine.idle.let_monitor_sleep() {
            monitor.park();
        }
        *machine.freed.lock() = true;
        machine.freeing.notify_one();
        submitter.join().unwrap();
    });
}

#[test]
fn monitor_sleep_races_leaving() {
    // One leaves the driver, or its parker.
    model(|| monitor_sleep_races_leaving_with(1, LeftOut::Nothing));
    model_bounded(1, || monitor_sleep_races_leaving_with(2, LeftOut::Nothing));
}

/// The models above can fail, one for each step that is left out.
#[test]
#[should_panic(expected = "deadlock")]
fn without_s5_an_item_is_forgotten() {
    model(|| run(1, 1, 1, LeftOut::S5, |machine| machine.submit(Item::Plain)));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_s6_an_item_waits_behind_a_run() {
    model(|| {
        run(2, 1, 2, LeftOut::S6, |machine| {
            machine.submit(Item::Waits);
            machine.submit(Item::Frees);
        });
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_s7_nobody_attends_the_driver() {
    model(|| {
        run(2, 1, 2, LeftOut::S7, |machine| {
            machine.driver.event(Item::Waits);
            machine.driver.event(Item::Frees);
        });
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_s8_a_batch_waits_behind_a_run() {
    model(|| batch_races_park_with(LeftOut::S8));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_m2_the_monitor_sleeps_on() {
    model(|| monitor_sleep_races_leaving_with(1, LeftOut::M2));
}

#[test]
#[should_panic(expected = "deadlock")]
fn without_passing_on_a_called_worker_never_comes() {
    model_bounded(1, || look_races_call_with(LeftOut::PassingOn));
}
