//! The system's side of the driver: one type, `Poller`, in two forms.
//!
//! | | `epoll` (Linux) | `portable` (elsewhere) |
//! | --- | --- | --- |
//! | sources | added by us, edge-triggered | added by `polling`, edge-triggered or oneshot |
//! | wait | `epoll_pwait2`, any number of threads | `Poller::wait`, one thread |
//! | wake-up | our eventfd, edge-triggered | `Poller::notify` |
//! | alarm | a timerfd | none: the runtime waits with a time-out |
//! | half-closed streams | reported (`EPOLLRDHUP`) | not reported: no short-read rule |

#[cfg(target_os = "linux")]
mod alarm;
#[cfg(target_os = "linux")]
mod epoll;
#[cfg(target_os = "linux")]
mod legacy;
#[cfg(target_os = "linux")]
mod notifier;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;

#[cfg(target_os = "linux")]
pub(crate) use epoll::{Events, Poller};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{Events, Poller};

use crate::Ready;
use crate::key::Key;

/// What one entry of a wait's result says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// Somebody called `notify`.
    Notified,
    /// The alarm's time has come.
    Alarm,
    /// A source changed its state.
    Source(Key, Ready),
}
