//! Who is in a scope, when it stops, and when nobody is left.
//!
//! Callers: `run.rs` and `group.rs` make nodes, wait and leave; `builder.rs` joins; tickets leave.
//! Data: a slab of members under a lock. A lock rather than a lock-free list: a spawn takes it twice and
//! an end once, each for a few instructions, and a stop must see every member exactly once.
//! Model: loom-tests/tests/scope.rs.
//!
//! Invariants
//! N1  A task is a member from before it exists until its future (or function) has been dropped: the last
//!     thing it drops is its ticket.
//! N2  The first stop decides. What it says is stored in the same step, so that whoever finds the node
//!     empty finds it too.
//! N3  Nobody joins after a stop. Who joined before is asked to end: by the stop, or, where the stop came
//!     between joining and spawning, by `attach`.
//! N4  A node with members or clean-up under way is a member of its parent. It joins before its first
//!     member does, and leaves after its last has left. Clean-up joins a stopped parent too.
//! N5  No user code under the lock: wakers, destructors and aborts come after it. Locks are taken from the
//!     child to the parent, never the other way.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;

use filch_primitives::lock::Mutex;
use filch_sync::futures::Notified;
use filch_sync::{CancellationToken, Notify};

use super::cleanup::Cleanup;
use super::error::{CancelCause, TaskPanic};
use super::members::{End, Key, Member, Members};

/// What the handles, tasks and future of one scope or group share.
pub(super) struct Node {
    books: Mutex<Books>,
    /// Cancelled by the first stop of this node or of one around it.
    stopped: CancellationToken,
    /// Notified when the last member, or the last clean-up, has left.
    emptied: Notify,
    parent: Option<Arc<Node>>,
    name: Option<Box<str>>,
    location: &'static Location<'static>,
}

#[derive(Default)]
struct Books {
    members: Members,
    stop: Option<Stop>,
    door: Door,
    /// Our membership in the parent (N4).
    in_parent: Option<Key>,
    /// Registered, in order. Taken when the scope is left.
    cleanups: Vec<Cleanup>,
    /// Clean-up tasks that have not ended.
    cleaning: usize,
    /// The scope was left: what is deferred from now on runs at once.
    left: bool,
}

/// Who may still join.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Door {
    #[default]
    Open,
    /// Only what belongs to members: their nested scopes.
    NoSpawns,
    /// Nobody.
    Ended,
}

/// Who wants to join.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Joining {
    Task,
    /// A nested scope, for a task of its own.
    Nested,
    /// A nested scope, for its clean-up: a stop does not keep it out.
    CleanUp,
}

/// Who said no.
enum Refused {
    Here,
    /// A node further out.
    Outside,
}

/// Why a node stopped.
pub(super) enum Stop {
    /// `None` once it was given to somebody.
    Failure(Option<Failure>),
    Cancel(CancelCause),
    /// The scope's future, or the group's last handle, was dropped.
    Left,
}

/// What stopped a scope from inside.
pub(super) enum Failure {
    /// An `E` of the scope.
    Error(Box<dyn Any + Send>),
    Panic(TaskPanic),
    /// The body panicked: goes on in whoever awaits the scope.
    Body(Box<dyn Any + Send>),
}

impl Node {
    pub(super) fn new(
        parent: Option<Arc<Node>>,
        name: Option<&str>,
        location: &'static Location<'static>,
    ) -> Arc<Node> {
        let stopped = match &parent {
            Some(parent) => parent.stopped.child_token(),
            None => CancellationToken::new(),
        };
        Arc::new(Node {
            books: Mutex::new(Books::default()),
            stopped,
            emptied: Notify::new(),
            parent,
            name: name.map(Box::from),
            location,
        })
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    pub(super) fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }

    /// How many members there are; a nested scope counts as one.
    pub(super) fn len(&self) -> usize {
        self.books.lock().members.len()
    }

    /// Whether the member is still there.
    pub(super) fn has(&self, key: Key) -> bool {
        self.books.lock().members.get_mut(key).is_some()
    }

    /// N1, N3: takes a task in. `None` if it is too late.
    #[must_use]
    pub(super) fn join(self: &Arc<Self>, member: Member) -> Option<Key> {
        match self.try_join(Joining::Task, member) {
            Ok(key) => Some(key),
            Err(Refused::Here) => None,
            Err(Refused::Outside) => {
                // The tasks around this scope were asked to end, or have.
                let _ = self.stop(Stop::Cancel(CancelCause::Outer));
                None
            }
        }
    }

    fn try_join(self: &Arc<Self>, who: Joining, member: Member) -> Result<Key, Refused> {
        let mut books = self.books.lock();
        if !books.admits(who) {
            return Err(Refused::Here);
        }
        // Clean-up in a scope that outlives its parent, in somebody's hands, goes on without it.
        if !self.join_parent(&mut books, who) && who != Joining::CleanUp {
            return Err(Refused::Outside);
        }
        Ok(books.members.insert(member))
    }

    /// N4. True if there is no parent, or we are its member now. Holds our lock, and takes the parent's.
    fn join_parent(self: &Arc<Self>, books: &mut Books, who: Joining) -> bool {
        let Some(parent) = &self.parent else { return true };
        if books.in_parent.is_none() {
            let who = if who == Joining::CleanUp { who } else { Joining::Nested };
            let us = Member {
                end: Some(End::Nested(self.clone())),
                aborted: false,
                location: self.location,
                name: None,
            };
            books.in_parent = parent.try_join(who, us).ok();
        }
        books.in_parent.is_some()
    }

    /// Says how a member that was just spawned is ended early; ends it if that is due already (N3).
    pub(super) fn attach(&self, key: Key, end: End) {
        let late = {
            let mut books = self.books.lock();
            let stopped = books.stop.is_some();
            match books.members.get_mut(key) {
                Some(member) if !stopped => member.end.replace(end),
                // Asked to end; or it has ended meanwhile, and does not mind.
                _ => Some(end),
            }
        };
        if let Some(end) = late {
            end.ask();
        }
    }

    /// Where and as what a member was spawned.
    pub(super) fn describe(&self, key: Key) -> (&'static Location<'static>, Option<Box<str>>) {
        match self.books.lock().members.get_mut(key) {
            Some(member) => (member.location, member.name.clone()),
            None => (self.location, None),
        }
    }

    /// Asks one member to end, for its own handle.
    pub(super) fn abort(&self, key: Key) {
        let end = {
            let mut books = self.books.lock();
            let Some(member) = books.members.get_mut(key) else { return };
            member.aborted = true;
            member.end.take()
        };
        if let Some(end) = end {
            end.ask();
        }
    }

    /// A member was dropped before its end, by nobody here if this finds it so: its runtime is gone.
    pub(super) fn lost(&self, key: Key) {
        let ours = {
            let mut books = self.books.lock();
            let stopped = books.stop.is_some();
            stopped || books.members.get_mut(key).is_none_or(|member| member.aborted)
        };
        if !ours {
            let _ = self.stop(Stop::Cancel(CancelCause::RuntimeShutdown));
        }
    }

    /// N1, N4: a member has ended.
    pub(super) fn leave(&self, key: Key) {
        let (mut node, mut key) = (self, key);
        loop {
            let (member, emptied, up) = {
                let mut books = node.books.lock();
                let member = books.members.remove(key);
                (member, books.members.len() == 0, books.take_membership())
            };
            drop(member);
            if emptied {
                node.emptied.notify_waiters();
            }
            match (&node.parent, up) {
                (Some(parent), Some(up)) => (node, key) = (parent, up),
                _ => return,
            }
        }
    }

    /// N2, N3: stops the node for good, and all inside of it. An earlier stop gives `why` back.
    pub(super) fn stop(&self, why: Stop) -> Result<(), Stop> {
        let mut ends = self.begin_stop(why)?;
        while let Some(end) = ends.pop() {
            match end {
                End::Nested(node) => {
                    // One that stopped by itself has seen to its own members.
                    if let Ok(more) = node.begin_stop(Stop::Cancel(CancelCause::Outer)) {
                        ends.extend(more);
                    }
                }
                end => end.ask(),
            }
        }
        Ok(())
    }

    fn begin_stop(&self, why: Stop) -> Result<Vec<End>, Stop> {
        let ends = {
            let mut books = self.books.lock();
            if books.stop.is_some() {
                return Err(why);
            }
            books.stop = Some(why);
            books.members.take_ends()
        };
        self.stopped.cancel();
        Ok(ends)
    }

    /// Stops because of a failure. A panic that is not the first thing that happened is reported.
    pub(super) fn fail(&self, failure: Failure) {
        if let Err(Stop::Failure(Some(late))) = self.stop(Stop::Failure(Some(failure))) {
            match late {
                Failure::Panic(panic) => panic.report(),
                Failure::Body(payload) => {
                    TaskPanic::here(self.location, self.name.clone(), payload).report();
                }
                Failure::Error(error) => drop(error),
            }
        }
    }

    /// Why it stopped, if it did. A failure is given out once.
    pub(super) fn take_stop(&self) -> Option<Stop> {
        match &mut self.books.lock().stop {
            None => None,
            Some(Stop::Failure(failure)) => Some(Stop::Failure(failure.take())),
            Some(Stop::Cancel(cause)) => Some(Stop::Cancel(*cause)),
            Some(Stop::Left) => Some(Stop::Left),
        }
    }

    /// No more spawns.
    pub(super) fn close(&self) {
        let mut books = self.books.lock();
        books.door = books.door.max(Door::NoSpawns);
    }

    pub(super) fn is_closed(&self) -> bool {
        let books = self.books.lock();
        books.stop.is_some() || books.door != Door::Open
    }

    /// Whether the last member has left for good.
    pub(super) fn has_ended(&self) -> bool {
        self.books.lock().door == Door::Ended
    }

    /// For the handles' `Debug`.
    pub(super) fn debug(&self, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(what)
            .field("name", &self.name())
            .field("location", &format_args!("{}", self.location))
            .field("tasks", &self.len())
            .field("is_cancelled", &self.stopped.is_cancelled())
            .finish()
    }

    fn end_if_empty(&self) -> bool {
        let mut books = self.books.lock();
        let empty = books.members.len() == 0;
        if empty {
            books.door = Door::Ended;
        }
        empty
    }

    /// Waits for a moment at which `done` holds, which the end of a member or a clean-up may bring.
    async fn wait_until(&self, mut done: impl FnMut(&Node) -> bool) {
        loop {
            let mut emptied = pin!(self.emptied());
            // Enabled before the look: whoever empties the node after it completes this.
            emptied.as_mut().enable();
            if done(self) {
                return;
            }
            emptied.await;
        }
    }

    fn emptied(&self) -> Notified<'_> {
        self.emptied.notified()
    }

    /// Waits until there are no members, at one moment; they may come back.
    pub(super) async fn until_empty(&self) {
        self.wait_until(|node| node.len() == 0).await;
    }

    /// Waits until there are no members, and lets nobody join from that moment on.
    pub(super) async fn until_ended(&self) {
        self.wait_until(Node::end_if_empty).await;
    }

    /// Waits until no clean-up runs.
    pub(super) async fn until_clean(&self) {
        self.wait_until(|node| node.books.lock().cleaning == 0).await;
    }

    /// Registers clean-up; gives it back, counted as running, if the scope was left.
    pub(super) fn defer(self: &Arc<Self>, cleanup: Cleanup) -> Option<Cleanup> {
        let mut books = self.books.lock();
        if books.left {
            self.begin_cleaning(&mut books);
            return Some(cleanup);
        }
        books.cleanups.push(cleanup);
        None
    }

    /// The scope is left: gives out what was registered, if anything, and counts one clean-up as running.
    /// With it: whether the node had stopped.
    pub(super) fn begin_clean_up(self: &Arc<Self>) -> Option<(Vec<Cleanup>, bool)> {
        let mut books = self.books.lock();
        books.left = true;
        let cleanups = std::mem::take(&mut books.cleanups);
        if cleanups.is_empty() {
            return None;
        }
        self.begin_cleaning(&mut books);
        Some((cleanups, books.stop.is_some()))
    }

    fn begin_cleaning(self: &Arc<Self>, books: &mut Books) {
        // N4. Refused only if the parent has ended: then this scope outlives it, in somebody's hands.
        self.join_parent(books, Joining::CleanUp);
        books.cleaning += 1;
    }

    /// A clean-up task has ended, or was dropped.
    pub(super) fn end_clean_up(&self) {
        let up = {
            let mut books = self.books.lock();
            books.cleaning -= 1;
            books.take_membership()
        };
        self.emptied.notify_waiters();
        if let (Some(parent), Some(up)) = (&self.parent, up) {
            parent.leave(up);
        }
    }
}

impl Books {
    fn admits(&self, who: Joining) -> bool {
        match who {
            Joining::Task => self.stop.is_none() && self.door == Door::Open,
            Joining::Nested => self.stop.is_none() && self.door != Door::Ended,
            Joining::CleanUp => self.door != Door::Ended,
        }
    }

    /// N4: the membership in the parent, if it is over.
    fn take_membership(&mut self) -> Option<Key> {
        if self.members.len() == 0 && self.cleaning == 0 { self.in_parent.take() } else { None }
    }
}

impl End {
    /// Asks the member to end.
    fn ask(self) {
        match self {
            End::Task(task) => task.abort(),
            End::Work(work) => {
                if let Some(work) = work.upgrade() {
                    work.withdraw();
                }
            }
            End::Nested(node) => {
                let _ = node.stop(Stop::Cancel(CancelCause::Outer));
            }
        }
    }
}

/// A membership. Its drop is the member's last act.
pub(super) struct Ticket {
    /// Empty while it is lent to `ambient`.
    pub(super) node: Option<Arc<Node>>,
    pub(super) key: Key,
    /// The task came to its own end.
    pub(super) finished: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(node) = &self.node else { return };
        if !self.finished {
            node.lost(self.key);
        }
        node.leave(self.key);
    }
}
