//! Moving a file's position.

use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::File;
use super::state::State;
use crate::io::AsyncSeek;

#[cfg(feature = "futures-io")]
impl crate::io::futures_io::Asked for File {
    fn asked(self: Pin<&mut Self>) -> Option<&mut crate::io::async_seek::AskedSeek> {
        Some(&mut self.get_mut().asked)
    }
}

impl AsyncSeek for File {
    /// F5. From the start or from where it is: a system call that only counts, where the file is regular and
    /// local. Else a trip.
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let File { shared, inner, .. } = self.get_mut();
        let inner = inner.get_mut();
        if !matches!(inner.state, State::Idle) {
            return Err(io::Error::other(
                "another operation of this file is under way: call poll_complete before start_seek",
            ));
        }
        // From where the caller thinks it is (L2).
        let ahead = inner.ahead() as i64;
        let position = match position {
            SeekFrom::Current(by) => {
                SeekFrom::Current(by.checked_sub(ahead).ok_or(ErrorKind::InvalidInput)?)
            }
            absolute => absolute,
        };
        if shared.is_quick() && !matches!(position, SeekFrom::End(_)) {
            inner.position = (&shared.std).seek(position)?;
            inner.forget_unread();
            return Ok(());
        }
        inner.forget_unread();
        inner.begin_move(shared, move |mut std| match std.seek(position) {
            Ok(position) => Ok(Some(position)),
            Err(error) => {
                // It has not moved, for the caller: L2.
                let _ = std.seek(SeekFrom::Current(-ahead));
                Err(error)
            }
        });
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let inner = self.get_mut().inner.get_mut();
        match inner.state {
            State::Idle => {}
            State::Moving(_) => ready!(inner.poll_idle(cx))?,
            // What they come to is for the next read and the next write.
            State::Reading(_) | State::Writing(_) => {
                let _ = ready!(inner.poll_idle(cx));
            }
        }
        Poll::Ready(Ok(inner.position))
    }
}
