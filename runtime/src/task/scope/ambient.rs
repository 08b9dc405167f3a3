//! Which scope the code that runs belongs to: the one that a nested scope joins.
//!
//! Callers: `task.rs` and `run.rs` enter around each poll; `run.rs` asks at a scope's first poll.
//! Data: a thread-local. The reference to the scope is moved in and out, not counted: a poll costs no
//! access to memory that other workers write.

use std::cell::Cell;
use std::sync::Arc;

use super::node::Node;
use crate::context;
use crate::task::Id;

struct Ambient {
    node: Arc<Node>,
    /// Who was polled when it was entered. A task of another runtime that is driven from inside of it
    /// runs on the same stack, and belongs to nobody here.
    task: Option<Id>,
}

filch_primitives::local! {
    static CURRENT: Cell<Option<Ambient>> = Cell::new(None);
}

/// The code up to this guard's drop belongs to the scope that was in `place`, which gets it back then.
pub(super) struct Entered<'a> {
    place: &'a mut Option<Arc<Node>>,
    before: Option<Ambient>,
}

pub(super) fn enter(place: &mut Option<Arc<Node>>) -> Entered<'_> {
    let task = context::current_task_id();
    let mut ambient = place.take().map(|node| Ambient { node, task });
    let before = CURRENT.try_with(|current| current.replace(ambient.take())).unwrap_or(None);
    // Not moved if the thread's locals are gone: then there is nobody to ask for it either.
    if let Some(ambient) = ambient {
        *place = Some(ambient.node);
    }
    Entered { place, before }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let before = self.before.take();
        if let Ok(Some(ours)) = CURRENT.try_with(|current| current.replace(before)) {
            *self.place = Some(ours.node);
        }
    }
}

/// The scope that the running code belongs to.
pub(super) fn current() -> Option<Arc<Node>> {
    let asking = context::current_task_id();
    CURRENT
        .try_with(|current| {
            let ambient = current.take();
            let node = ambient.as_ref().filter(|a| a.task == asking).map(|a| a.node.clone());
            current.set(ambient);
            node
        })
        .unwrap_or(None)
}
