//! What the pool's lock protects, and the decisions that are made under it.
//!
//! Nothing in here blocks, wakes, starts a thread or calls foreign code: each method changes the
//! books and says what its caller has to do after the lock.
//!
//! ```text
//!          recruit: Start           take
//! (no seat) ----------> searching ----------> running
//!                        |  ^  ^                 |
//!              go_idle   |  |  +-----------------+  begin_search
//!                        v  | recruit: Wake
//!                        idle ----------> left   retire; also searching -> left at shutdown
//! ```

use std::collections::{HashMap, VecDeque};

use filch_primitives::park::Unparker;
use filch_primitives::thread::JoinHandle;

/// Names a thread of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SeatId(u64);

/// Whom the caller must rouse, after it has released the lock. The books say already that it
/// searches.
#[derive(Debug)]
#[must_use = "the books count a searching thread that nobody wakes or starts"]
pub(super) enum Recruit {
    Nobody,
    Wake(Unparker),
    Start(SeatId),
}

/// What a thread that was idle is now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterIdle {
    /// It was chosen, or need not leave: it searches.
    Searching,
    /// Its time is over; it must go.
    Left,
}

/// How the wait of an idle thread ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WokenBy {
    Token,
    KeepAlive,
}

struct Idle {
    id: SeatId,
    unparker: Unparker,
}

pub(super) struct State<J> {
    queue: VecDeque<J>,
    /// The one that became idle last is at the end, and is woken first: its stack is still in the
    /// caches, and those at the bottom get old enough to retire.
    idle: Vec<Idle>,
    /// Awake (or being woken, or being started) and about to look into the queue.
    searching: usize,
    /// Searching, idle or running: those that the cap counts.
    serving: usize,
    /// One entry per system thread that has not given its seat back. The handle comes in after the
    /// start, perhaps later than the thread's end.
    seats: HashMap<SeatId, Option<JoinHandle<()>>>,
    /// Those of them that wait inside `shutdown`.
    waiting_inside: usize,
    /// Handles of threads that went during the shutdown.
    exited: Vec<JoinHandle<()>>,
    next_id: u64,
    shut_down: bool,
}

impl<J> State<J> {
    pub(super) fn new() -> Self {
        State {
            queue: VecDeque::new(),
            idle: Vec::new(),
            searching: 0,
            serving: 0,
            seats: HashMap::new(),
            waiting_inside: 0,
            exited: Vec::new(),
            next_id: 0,
            shut_down: false,
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn serving(&self) -> usize {
        self.serving
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    pub(super) fn searching(&self) -> usize {
        self.searching
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.shut_down
    }

    pub(super) fn push(&mut self, job: J) {
        debug_assert!(!self.shut_down);
        self.queue.push_back(job);
    }

    /// B2. Chooses who shall look for the jobs that wait: nobody if a thread searches already (it
    /// will call this again when it has taken its job), the last idle one, a new one.
    pub(super) fn recruit(&mut self, max_threads: usize) -> Recruit {
        if self.queue.is_empty() || self.searching > 0 {
            return Recruit::Nobody;
        }
        if let Some(Idle { unparker, .. }) = self.idle.pop() {
            self.searching += 1;
            return Recruit::Wake(unparker);
        }
        if self.serving >= max_threads {
            return Recruit::Nobody;
        }
        self.searching += 1;
        self.serving += 1;
        let id = SeatId(self.next_id);
        self.next_id += 1;
        self.seats.insert(id, None);
        Recruit::Start(id)
    }

    /// A searching thread takes the oldest job, and then runs.
    pub(super) fn take(&mut self) -> Option<J> {
        let job = self.queue.pop_front()?;
        self.searching -= 1;
        Some(job)
    }

    /// A running thread looks for its next job.
    pub(super) fn begin_search(&mut self) {
        self.searching += 1;
    }

    /// A searching thread found nothing. It must have looked under this same lock.
    pub(super) fn go_idle(&mut self, id: SeatId, unparker: Unparker) {
        debug_assert!(self.queue.is_empty() && !self.shut_down);
        self.searching -= 1;
        self.idle.push(Idle { id, unparker });
    }

    /// B5. An idle thread is back.
    pub(super) fn end_idle(&mut self, id: SeatId, by: WokenBy) -> AfterIdle {
        // Nobody chose it if it is still listed; the oldest, likeliest to retire, come first.
        let Some(at) = self.idle.iter().position(|idle| idle.id == id) else {
            return AfterIdle::Searching;
        };
        self.idle.remove(at);
        if by == WokenBy::KeepAlive {
            self.serving -= 1;
            return AfterIdle::Left;
        }
        // A token of an earlier choice, whose thread timed out before it came.
        self.searching += 1;
        AfterIdle::Searching
    }

    /// A searching thread leaves, at shutdown or because its surroundings failed.
    pub(super) fn leave_searching(&mut self) {
        self.searching -= 1;
        self.serving -= 1;
    }

    /// A running thread leaves: a job broke its word and unwound.
    pub(super) fn leave_running(&mut self) {
        self.serving -= 1;
    }

    /// B10. A running thread takes no further job for a while.
    pub(super) fn step_aside(&mut self) {
        self.serving -= 1;
    }

    /// It is back, and still runs the same job. The cap may be exceeded by it until an idle one retires.
    pub(super) fn step_back(&mut self) {
        self.serving += 1;
    }

    /// The started thread's handle. Returned if nobody will ask for it.
    pub(super) fn keep_handle(
        &mut self,
        id: SeatId,
        handle: JoinHandle<()>,
    ) -> Option<JoinHandle<()>> {
        match self.seats.get_mut(&id) {
            Some(seat) => *seat = Some(handle),
            None if self.shut_down => self.exited.push(handle),
            None => return Some(handle),
        }
        None
    }

    /// B6. The thread's last act. Returns its handle if nobody will join it.
    pub(super) fn give_back(&mut self, id: SeatId) -> Option<JoinHandle<()>> {
        let handle = self.seats.remove(&id).flatten()?;
        if self.shut_down {
            self.exited.push(handle);
            return None;
        }
        Some(handle)
    }

    /// Takes no more jobs. Returns those to be cancelled, which the ones to `keep` are not, and the idle
    /// threads to be woken.
    pub(super) fn shut_down(&mut self, keep: impl Fn(&J) -> bool) -> (VecDeque<J>, Vec<Unparker>) {
        self.shut_down = true;
        self.searching += self.idle.len();
        let idle = self.idle.drain(..).map(|idle| idle.unparker).collect();
        let (kept, cancelled) = std::mem::take(&mut self.queue).into_iter().partition(keep);
        self.queue = kept;
        (cancelled, idle)
    }

    /// The oldest job, for a thread that has no seat: at a shutdown that found none.
    pub(super) fn take_left(&mut self) -> Option<J> {
        debug_assert!(self.shut_down && self.serving == 0);
        self.queue.pop_front()
    }

    /// B8. A thread of the pool waits in `shutdown`: neither it nor anyone inside waits for it.
    pub(super) fn begin_wait_inside(&mut self) {
        self.waiting_inside += 1;
    }

    pub(super) fn end_wait_inside(&mut self) {
        self.waiting_inside -= 1;
    }

    /// Threads that a shutdown has to wait for.
    pub(super) fn awaited(&self) -> usize {
        self.seats.len() - self.waiting_inside
    }

    pub(super) fn take_exited(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.exited)
    }
}
