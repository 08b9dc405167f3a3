//! Many datagrams in one system call: what was sent arrives, each as it was, joined on the way or not.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use filch::net::UdpSocket;
use filch::net::udp::{RecvBatch, SendBatch};
use filch::time::timeout;
use filch_tests::PATIENCE;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::Kind;
use rustix::io::Errno;

/// What one joined message has room for.
const JOINED: usize = 64 * 1024;

fn on_each<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    for kind in Kind::ALL {
        kind.runtime().block_on(async { filch::spawn(test()).await.unwrap() });
    }
}

async fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

/// Two sockets that are connected to each other.
async fn pair() -> (UdpSocket, UdpSocket) {
    let ((near, near_addr), (far, far_addr)) = (socket().await, socket().await);
    near.connect(far_addr).await.unwrap();
    far.connect(near_addr).await.unwrap();
    (near, far)
}

/// A datagram that says which it is.
fn payload(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (number * 31 + at * 7) as u8).collect()
}

/// Receives so many datagrams: payload and sender.
async fn receive(
    socket: &UdpSocket,
    batch: &mut RecvBatch,
    count: usize,
) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut all = Vec::new();
    while all.len() < count {
        let came = timeout(PATIENCE, socket.recv_batch(batch)).await.unwrap().unwrap();
        let came: Vec<_> =
            came.map(|datagram| (datagram.payload.to_vec(), datagram.from)).collect();
        assert!(!came.is_empty());
        all.extend(came);
    }
    all
}

/// All ways to send and to receive.
fn datagrams_arrive_as_they_were_and_in_order() {
    on_each(|| async {
        for (offload, gro) in [(false, false), (false, true), (true, false), (true, true)] {
            let (near, far) = pair().await;
            far.set_gro(gro).unwrap();
            assert_eq!(far.gro().unwrap(), gro);
            // Runs of one length, a shorter end of a run, longer ones, empty ones.
            let lens = [100, 100, 100, 40, 40, 900, 0, 0, 900, 900, 1];
            let mut sent: Vec<Vec<u8>> = Vec::new();
            let mut outgoing =
                if offload { SendBatch::new() } else { SendBatch::without_offload() };
            for round in 0..5 {
                for (at, len) in lens.iter().enumerate() {
                    sent.push(payload(round * lens.len() + at, *len));
                    outgoing.push(sent.last().unwrap());
                }
            }
            assert_eq!(outgoing.len(), sent.len());
            near.send_batch(&mut outgoing).await.unwrap();
            assert!(outgoing.is_empty());
            let mut incoming = RecvBatch::new(8, JOINED);
            let came = receive(&far, &mut incoming, sent.len()).await;
            let from = near.local_addr().unwrap();
            let sent: Vec<_> = sent.into_iter().map(|payload| (payload, from)).collect();
            assert!(came == sent, "offload {offload}, gro {gro}");
            let none = far.try_recv_batch(&mut incoming).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
            assert_eq!(incoming.iter().count(), 0);
        }
    });
}

fn many_peers_are_told_apart() {
    on_each(|| async {
        let (near, from) = socket().await;
        let mut peers = Vec::new();
        for _ in 0..5 {
            peers.push(socket().await);
        }
        let mut outgoing = SendBatch::new();
        for number in 0..40 {
            outgoing.push_to(&payload(number, 50), peers[number * number % 5].1);
        }
        near.send_batch(&mut outgoing).await.unwrap();
        let mut incoming = RecvBatch::new(32, 1500);
        for (at, (peer, _)) in peers.iter().enumerate() {
            let sent: Vec<_> = (0..40)
                .filter(|number| number * number % 5 == at)
                .map(|number| (payload(number, 50), from))
                .collect();
            assert_eq!(receive(peer, &mut incoming, sent.len()).await, sent);
        }
    });
}

fn a_joined_message_is_one_receive() {
    on_each(|| async {
        let (near, far) = pair().await;
        far.set_gro(true).unwrap();
        let mut outgoing = SendBatch::new();
        (0..48).for_each(|number| outgoing.push(&payload(number, 1200)));
        near.writable().await.unwrap();
        assert_eq!(near.try_send_batch(&mut outgoing).unwrap(), 48);
        // Room for a single message.
        let mut incoming = RecvBatch::new(1, JOINED);
        assert_eq!(far.recv_batch(&mut incoming).await.unwrap().count(), 48);
        // Without room for it, its end is lost: that datagram says so, and the rest is gone.
        (0..48).for_each(|number| outgoing.push(&payload(number, 1200)));
        near.send_batch(&mut outgoing).await.unwrap();
        let mut small = RecvBatch::new(4, 2000);
        let came: Vec<_> = far.recv_batch(&mut small).await.unwrap().collect();
        let lens: Vec<_> = came.iter().map(|d| (d.payload.len(), d.is_truncated)).collect();
        assert_eq!(lens, [(1200, false), (800, true)]);
    });
}

fn what_is_too_long_is_an_error_and_can_be_skipped() {
    on_each(|| async {
        let (near, far) = pair().await;
        let mut outgoing = SendBatch::new();
        outgoing.push(b"first");
        outgoing.push(&vec![1; 70_000]);
        outgoing.push(b"last");
        let error = near.send_batch(&mut outgoing).await.unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::MSGSIZE));
        assert_eq!(outgoing.len(), 2);
        // It does not go away by itself.
        assert!(near.try_send_batch(&mut outgoing).is_err());
        let polled = poll_fn(|cx| near.poll_send_batch(cx, &mut outgoing)).await;
        assert!(polled.is_err());
        let (payload, to) = outgoing.first().unwrap();
        assert_eq!((payload.len(), to), (70_000, None));
        assert!(outgoing.skip());
        near.send_batch(&mut outgoing).await.unwrap();
        let came = receive(&far, &mut RecvBatch::new(4, 100), 2).await;
        let payloads: Vec<_> = came.into_iter().map(|(payload, _)| payload).collect();
        assert_eq!(payloads, [b"first".to_vec(), b"last".to_vec()]);
    });
}

fn datagrams_longer_than_the_path_takes_travel_alone() {
    on_each(|| async {
        // Loopback takes 64 KiB less a header: these are cut out of no message, but each fits.
        let (near, far) = pair().await;
        let mut outgoing = SendBatch::new();
        for number in 0..3 {
            outgoing.push(&payload(number, 30_000));
        }
        near.send_batch(&mut outgoing).await.unwrap();
        let came = receive(&far, &mut RecvBatch::new(4, JOINED), 3).await;
        for (number, (came, _)) in came.into_iter().enumerate() {
            assert!(came == payload(number, 30_000), "{number}");
        }
    });
}

fn an_answer_that_nobody_listens_is_an_error_of_the_next_call() {
    on_each(|| async {
        let (near, far) = pair().await;
        let gone = far.local_addr().unwrap();
        drop(far);
        let mut outgoing = SendBatch::new();
        outgoing.push(b"anybody?");
        near.send_batch(&mut outgoing).await.unwrap();
        let mut incoming = RecvBatch::new(4, 100);
        let error = timeout(PATIENCE, near.recv_batch(&mut incoming)).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{gone}");
        outgoing.push(b"anybody?");
        near.send_batch(&mut outgoing).await.unwrap();
        let error = poll_fn(|cx| near.poll_recv_batch(cx, &mut incoming)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

fn receiving_waits_for_the_first() {
    on_each(|| async {
        let (near, far) = pair().await;
        let mut incoming = RecvBatch::new(32, 100);
        let mut outgoing = SendBatch::new();
        outgoing.push(b"one");
        {
            let mut came = std::pin::pin!(far.recv_batch(&mut incoming));
            let first = poll_fn(|cx| Poll::Ready(came.as_mut().poll(cx).is_pending())).await;
            assert!(first);
            near.send_batch(&mut outgoing).await.unwrap();
            assert_eq!(timeout(PATIENCE, came).await.unwrap().unwrap().count(), 1);
        }
        let first = poll_fn(|cx| Poll::Ready(far.poll_recv_batch(cx, &mut incoming).is_pending()));
        assert!(first.await);
        outgoing.push(b"two");
        poll_fn(|cx| near.poll_send_batch(cx, &mut outgoing)).await.unwrap();
        let came = poll_fn(|cx| far.poll_recv_batch(cx, &mut incoming));
        timeout(PATIENCE, came).await.unwrap().unwrap();
        assert_eq!(incoming.iter().next().unwrap().payload, b"two");
    });
}

fn an_empty_batch_is_sent_at_once() {
    on_each(|| async {
        let (near, _far) = pair().await;
        let mut none = SendBatch::default();
        near.send_batch(&mut none).await.unwrap();
        assert_eq!(near.try_send_batch(&mut none).unwrap(), 0);
        assert!(format!("{none:?} {:?}", RecvBatch::new(2, 3)).contains("message_bytes: 3"));
    });
}

/// The same as tests, and as a list.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        mod test {
            $(#[test] fn $name() { super::$name(); })+
        }
        const ALL: &[fn()] = &[$($name),+];
    };
}

tests!(
    datagrams_arrive_as_they_were_and_in_order,
    many_peers_are_told_apart,
    a_joined_message_is_one_receive,
    what_is_too_long_is_an_error_and_can_be_skipped,
    datagrams_longer_than_the_path_takes_travel_alone,
    an_answer_that_nobody_listens_is_an_error_of_the_next_call,
    receiving_waits_for_the_first,
    an_empty_batch_is_sent_at_once,
);

#[test]
fn nothing_is_left_behind() {
    leave_nothing_behind("nothing_is_left_behind", || drop(Kind::Workers.runtime()), ALL);
}
