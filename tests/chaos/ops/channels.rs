//! Channels: what was sent is received, given back, or dropped with the channel; in order, and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use filch::sync::{broadcast, mpsc, oneshot, watch};

use crate::books::{Account, Entry, tally};
use crate::context::{Context, Pool, dither};
use crate::life::{Ended, Spawned};
use crate::random::Random;

/// A value in a channel. It is in the books, where one that is lost or dropped twice is found.
#[derive(Debug)]
struct Message {
    sender: u64,
    number: u64,
    _entry: Entry,
}

pub async fn run(context: &Context, mut random: Random) {
    match random.below(5) {
        0 | 1 => many_to_one(context, random).await,
        2 => one_each(context, random).await,
        3 => to_all(context, random).await,
        _ => latest(context, random).await,
    }
}

/// The senders' end of an mpsc channel of either kind.
#[derive(Clone)]
enum Sender {
    Bounded(mpsc::Sender<Message>),
    Unbounded(mpsc::UnboundedSender<Message>),
}

enum Receiver {
    Bounded(mpsc::Receiver<Message>),
    Unbounded(mpsc::UnboundedReceiver<Message>),
}

impl Sender {
    async fn send(&self, message: Message) -> bool {
        match self {
            Sender::Bounded(sender) => sender.send(message).await.is_ok(),
            Sender::Unbounded(sender) => sender.send(message).is_ok(),
        }
    }

    fn blocking_send(&self, message: Message) -> bool {
        match self {
            Sender::Bounded(sender) => sender.blocking_send(message).is_ok(),
            Sender::Unbounded(sender) => sender.send(message).is_ok(),
        }
    }
}

impl Receiver {
    async fn recv(&mut self) -> Option<Message> {
        match self {
            Receiver::Bounded(receiver) => receiver.recv().await,
            Receiver::Unbounded(receiver) => receiver.recv().await,
        }
    }
}

async fn many_to_one(context: &Context, mut random: Random) {
    let senders = random.between(1, 6);
    let each = random.between(1, 150);
    let (sender, mut receiver) = match random.below(3) {
        0 => {
            let (sender, receiver) = mpsc::unbounded_channel();
            (Sender::Unbounded(sender), Receiver::Unbounded(receiver))
        }
        _ => {
            let (sender, receiver) = mpsc::channel(random.between(1, 32) as usize);
            (Sender::Bounded(sender), Receiver::Bounded(receiver))
        }
    };
    let sent: Vec<_> = (0..senders).map(|_| Arc::new(AtomicU64::new(0))).collect();
    let tasks: Vec<Spawned> = (0..senders)
        .map(|n| {
            let job = random.one_in(4);
            let random = Random::new(random.next());
            sending(context, n, each, sender.clone(), sent[n as usize].clone(), random, job)
        })
        .collect();
    drop(sender);
    let aborted = random.one_in(4).then(|| random.below(senders) as usize);
    // A receiver that goes while they send: what is in the channel goes with it.
    let enough = if random.one_in(4) { random.below(senders * each) } else { u64::MAX };
    let mut received = vec![0; senders as usize];
    let mut total = 0;
    while total < enough {
        let Some(message) = receiver.recv().await else { break };
        let last = &mut received[message.sender as usize];
        if message.number != *last {
            context.fault(format!("message {} of {} after {last}", message.number, message.sender));
        }
        *last += 1;
        total += 1;
        tally("messages: mpsc");
        if let Some(n) = aborted {
            tasks[n].abort();
        }
        if random.one_in(32) {
            dither(&mut random).await;
        }
    }
    drop(receiver);
    for (n, task) in tasks.into_iter().enumerate() {
        let ended = task.join().await;
        let (sent, received) = (sent[n].load(SeqCst), received[n]);
        // A sender that was cancelled had sent one more, perhaps, than it could note.
        let slack = u64::from(ended == Ended::Cancelled);
        let complete = enough == u64::MAX && !(sent..=sent + slack).contains(&received);
        if complete || received > sent + slack {
            context.fault(format!("{sent} messages sent and {received} received ({ended:?})"));
        }
        if ended == Ended::Finished && enough == u64::MAX && sent != each {
            context
                .fault(format!("only {sent} of {each} messages sent, to a receiver that is there"));
        }
    }
}

fn sending(
    context: &Context,
    sender: u64,
    each: u64,
    to: Sender,
    sent: Arc<AtomicU64>,
    mut random: Random,
    job: bool,
) -> Spawned {
    let books = context.books.clone();
    let message = move |number| Message { sender, number, _entry: books.open(Account::Message) };
    if job && context.scarce.is_none() {
        return context.job(Pool::Blocking, move || {
            for number in 0..each {
                if !to.blocking_send(message(number)) {
                    return;
                }
                sent.fetch_add(1, SeqCst);
            }
        });
    }
    context.spawn(async move {
        for number in 0..each {
            if !to.send(message(number)).await {
                return;
            }
            sent.fetch_add(1, SeqCst);
            if random.one_in(32) {
                dither(&mut random).await;
            }
        }
    })
}

/// Oneshots, of which either end may be gone.
async fn one_each(context: &Context, mut random: Random) {
    for _ in 0..random.between(1, 60) {
        let (give, take) = oneshot::channel();
        let message =
            Message { sender: 0, number: 0, _entry: context.books.open(Account::Message) };
        let (fate, mut dithering) = (random.below(4), Random::new(random.next()));
        let sender = context.spawn(async move {
            dither(&mut dithering).await;
            match fate {
                0 => drop(give),
                _ => drop(give.send(message)),
            }
        });
        let received = match random.below(4) {
            0 => {
                drop(take);
                None
            }
            _ => Some(take.await),
        };
        let ended = sender.join().await;
        match received {
            Some(Ok(_)) if fate == 0 => context.fault("received what was not sent".to_owned()),
            Some(Ok(_)) => tally("messages: oneshot"),
            // A sender that was cancelled, since the runtime ends, has not sent.
            Some(Err(_)) if fate != 0 && ended == Ended::Finished => {
                context.fault("a oneshot lost its value".to_owned());
            }
            _ => {}
        }
    }
}

/// broadcast: what a receiver got and what it missed is what was sent.
async fn to_all(context: &Context, mut random: Random) {
    let (sender, _) = broadcast::channel(random.between(1, 32) as usize);
    // How many were sent: fewer than were to be, if this is aborted.
    let sent = Arc::new(AtomicU64::new(0));
    let receivers: Vec<_> = (0..random.between(1, 5))
        .map(|_| {
            let (mut receiver, mut random) = (sender.subscribe(), Random::new(random.next()));
            let (context, sent) = (context.clone(), sent.clone());
            context.clone().spawn(async move {
                let mut seen = 0;
                loop {
                    match receiver.recv().await {
                        Ok(number) if number == seen => seen += 1,
                        Ok(number) => {
                            return context.fault(format!("broadcast {number} after {seen}"));
                        }
                        Err(broadcast::error::RecvError::Lagged(missed)) => seen += missed,
                        Err(broadcast::error::RecvError::Closed) => break,
                    }
                    tally("messages: broadcast");
                    if random.one_in(16) {
                        dither(&mut random).await;
                    }
                }
                let sent = sent.load(SeqCst);
                if seen != sent {
                    context.fault(format!("{seen} of {sent} broadcasts seen or missed"));
                }
            })
        })
        .collect();
    for number in 0..random.between(1, 200) {
        // An error if nobody receives: they are cancelled when the runtime ends, and so is this.
        let _ = sender.send(number);
        sent.store(number + 1, SeqCst);
        if random.one_in(16) {
            dither(&mut random).await;
        }
    }
    drop(sender);
    for receiver in receivers {
        receiver.join().await;
    }
}

/// watch: everybody sees the last value, and never an older one after a newer.
async fn latest(context: &Context, mut random: Random) {
    let (sender, receiver) = watch::channel(0_u64);
    let last = Arc::new(AtomicU64::new(0));
    let watchers: Vec<_> = (0..random.between(1, 5))
        .map(|_| {
            let (mut receiver, context) = (receiver.clone(), context.clone());
            let last = last.clone();
            context.clone().spawn(async move {
                let mut seen = *receiver.borrow_and_update();
                while receiver.changed().await.is_ok() {
                    let now = *receiver.borrow_and_update();
                    if now < seen {
                        context.fault(format!("watched {now} after {seen}"));
                    }
                    seen = now;
                    tally("messages: watch");
                }
                let last = last.load(SeqCst);
                if seen != last {
                    context.fault(format!("watched up to {seen} of {last}"));
                }
            })
        })
        .collect();
    drop(receiver);
    for value in 1..=random.between(1, 200) {
        // An error if nobody watches: they are cancelled when the runtime ends, and so is this.
        let _ = sender.send(value);
        last.store(value, SeqCst);
        if random.one_in(16) {
            dither(&mut random).await;
        }
    }
    drop(sender);
    for watcher in watchers {
        watcher.join().await;
    }
}
