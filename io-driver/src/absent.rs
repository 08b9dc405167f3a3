//! No driver: what stands for it in a model of users' code, so that sockets compile there.
//!
//! The types have no values. Whoever would need one is told so by the runtime (`filch::loom`); the models of
//! this crate's own protocols reach its parts through `internals`.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::interest::Interest;
use crate::readiness::Direction;
use crate::ready::ReadyEvent;

/// There is none in a model.
pub enum Driver {}

/// There is none in a model.
pub enum Registration {}

#[expect(missing_docs, reason = "the documentation is that of the type in `driver.rs`")]
impl Driver {
    pub fn register(
        self: &Arc<Driver>,
        _source: BorrowedFd<'_>,
        _interest: Interest,
    ) -> io::Result<Registration> {
        match **self {}
    }

    pub fn is_shutdown(&self) -> bool {
        match *self {}
    }
}

#[expect(missing_docs, reason = "the documentation is that of the type in `registration.rs`")]
impl Registration {
    pub fn driver(&self) -> &Arc<Driver> {
        match *self {}
    }

    pub fn poll_read_ready(&self, _cx: &mut Context<'_>) -> Poll<io::Result<ReadyEvent>> {
        match *self {}
    }

    pub fn poll_write_ready(&self, _cx: &mut Context<'_>) -> Poll<io::Result<ReadyEvent>> {
        match *self {}
    }

    pub fn poll_ready(
        &self,
        _cx: &mut Context<'_>,
        _direction: Direction,
    ) -> Poll<io::Result<ReadyEvent>> {
        match *self {}
    }

    pub fn clear_readiness(&self, _event: ReadyEvent) {
        match *self {}
    }

    pub fn clear_short_read(&self, _event: ReadyEvent) {
        match *self {}
    }

    pub fn clear_short_write(&self, _event: ReadyEvent) {
        match *self {}
    }

    pub fn try_io<R>(
        &self,
        _interest: Interest,
        _f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        match *self {}
    }

    pub fn try_io_event<R>(
        &self,
        _interest: Interest,
        _f: impl FnOnce(ReadyEvent) -> io::Result<R>,
    ) -> io::Result<R> {
        match *self {}
    }

    pub fn poll_io<R>(
        &self,
        _cx: &mut Context<'_>,
        _direction: Direction,
        _f: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        match *self {}
    }

    pub fn poll_io_event<R>(
        &self,
        _cx: &mut Context<'_>,
        _direction: Direction,
        _f: impl FnMut(ReadyEvent) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        match *self {}
    }

    pub async fn readiness(&self, _interest: Interest) -> io::Result<ReadyEvent> {
        match *self {}
    }

    pub async fn async_io<R>(
        &self,
        _interest: Interest,
        _f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        match *self {}
    }

    pub fn deregister(&self, _source: BorrowedFd<'_>) -> io::Result<()> {
        match *self {}
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
