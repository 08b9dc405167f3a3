//! From this process's signals to orders.

use std::convert::Infallible;
use std::io;

use filch::signal::unix::{Signal, SignalKind, signal};
use filch::sync::broadcast;
use rustix::process::Signal as Number;

use crate::service::Order;

/// The signals that concern a supervisor.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system's: too many open files.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Gives orders, for good. The second request to stop is an impatient one.
    pub async fn give_orders(mut self, orders: broadcast::Sender<Order>) -> Infallible {
        let mut is_stopping = false;
        loop {
            let order = filch::select! {
                _ = self.hangup.recv() => Order::PassOn(Number::HUP),
                _ = self.user1.recv() => Order::PassOn(Number::USR1),
                _ = self.user2.recv() => Order::PassOn(Number::USR2),
                _ = self.interrupt.recv() => Order::stop(&mut is_stopping),
                _ = self.terminate.recv() => Order::stop(&mut is_stopping),
            };
            // Nobody is there to hear it: then all have ended.
            let _ = orders.send(order);
        }
    }
}
