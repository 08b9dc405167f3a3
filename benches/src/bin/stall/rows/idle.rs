//! Nothing to do: how often the runtime's threads wake up all the same.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use crate::rows::Figures;
use crate::rt::{Program, Rt};
use crate::threads;

/// The sleeps that the runtime has behind it when it becomes idle.
const SLEEPERS: u64 = 1_000;

/// How long it may need to come to rest.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) struct Idle {
    pub(crate) lasts: Duration,
}

impl Program for Idle {
    type Output = Figures;

    fn run<R: Rt>(self, runtime: R) -> io::Result<Figures> {
        // A socket in the driver, on which nothing comes, and some work before.
        let (tell, listening) = mpsc::channel();
        let (done, all_done) = mpsc::channel::<()>();
        runtime.spawn_io(async move {
            let Ok((mut listener, _)) = R::listen().await else { return };
            let _ = tell.send(());
            let _ = R::accept(&mut listener).await;
        });
        for number in 0..SLEEPERS {
            let done = done.clone();
            runtime.spawn_io(async move {
                R::sleep(Duration::from_micros(number)).await;
                drop(done);
            });
        }
        drop(done);
        listening.recv().map_err(|_| io::Error::other("nobody listens"))?;
        // Ends when the last sleeper has dropped its end.
        let _ = all_done.recv();
        std::thread::sleep(SETTLE);
        let before = threads::switches_of_others()?;
        std::thread::sleep(self.lasts);
        let after = threads::switches_of_others()?;
        Ok(vec![("switches", after.saturating_sub(before) as f64)])
    }
}
