//! A batch by one system call a datagram: where the system has no call for many.

use std::io;
use std::mem::MaybeUninit;
use std::net::UdpSocket;

use socket2::{MaybeUninitSlice, SockRef};

use super::MAX_MESSAGES;
use super::recv::{RecvBatch, Slot};
use super::send::SendBatch;
use crate::net::tcp::as_inet;

/// Sends up to [`MAX_MESSAGES`] datagrams, at least one.
pub(super) fn send(socket: &UdpSocket, batch: &mut SendBatch) -> io::Result<()> {
    for sent in 0..MAX_MESSAGES {
        let result = match batch.first() {
            None => return Ok(()),
            Some((payload, Some(to))) => socket.send_to(payload, to),
            Some((payload, None)) => socket.send(payload),
        };
        match result {
            Ok(_) => batch.sent(1),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && sent > 0 => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Receives as many datagrams as there are and the batch has room for, at least one.
pub(super) fn recv(socket: &UdpSocket, batch: &mut RecvBatch) -> io::Result<()> {
    if let Some(error) = batch.take_deferred() {
        return Err(error);
    }
    batch.clear();
    while let Some(room) = batch.next_room() {
        let capacity = room.len();
        // SAFETY: initialised memory may be treated as such that need not be, as long as nothing
        // uninitialised is written to it: the system call writes bytes.
        let room = unsafe { &mut *(std::ptr::from_mut(room) as *mut [MaybeUninit<u8>]) };
        let mut rooms = [MaybeUninitSlice::new(room)];
        match SockRef::from(socket).recv_from_vectored(&mut rooms) {
            Ok((len, flags, from)) => {
                // Some systems say how long it was, not how much of it there is.
                let (len, is_truncated) = (len.min(capacity), flags.is_truncated());
                batch.push(Slot { len, segment_bytes: 0, from: as_inet(from)?, is_truncated });
            }
            Err(error) if !batch.has_filled_any() => return Err(error),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => {
                batch.defer(error);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// There is none.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn gro(_: &UdpSocket) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There is none.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn set_gro(_: &UdpSocket, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let [near, far] = [(); 2].map(|()| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        });
        near.connect(far.local_addr().unwrap()).unwrap();
        (near, far)
    }

    #[test]
    fn datagrams_arrive_one_by_one_and_as_they_were() {
        let (near, far) = pair();
        let mut outgoing = SendBatch::new();
        let to = far.local_addr().unwrap();
        for number in 0..40 {
            match number % 2 {
                0 => outgoing.push(&[number; 20]),
                _ => outgoing.push_to(&[number; 30], to),
            }
        }
        send(&near, &mut outgoing).unwrap();
        assert_eq!(outgoing.len(), 40 - MAX_MESSAGES);
        send(&near, &mut outgoing).unwrap();
        assert!(outgoing.is_empty());
        send(&near, &mut outgoing).unwrap();

        let mut incoming = RecvBatch::new(25, 24);
        let mut number = 0;
        for expected in [25, 15] {
            recv(&far, &mut incoming).unwrap();
            assert_eq!(incoming.iter().count(), expected);
            for datagram in &incoming {
                let (len, is_truncated) = if number % 2 == 0 { (20, false) } else { (24, true) };
                assert_eq!(datagram.payload, vec![number; len]);
                assert_eq!(datagram.is_truncated, is_truncated);
                assert_eq!(datagram.from, near.local_addr().unwrap());
                number += 1;
            }
        }
        assert_eq!(recv(&far, &mut incoming).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(incoming.iter().count(), 0);
    }

    #[test]
    fn an_error_names_the_first_that_is_left() {
        let (near, far) = pair();
        let mut outgoing = SendBatch::new();
        outgoing.push(b"fits");
        outgoing.push(&vec![0; 70_000]);
        outgoing.push(b"too");
        let error = send(&near, &mut outgoing).unwrap_err();
        assert_eq!(rustix::io::Errno::from_io_error(&error), Some(rustix::io::Errno::MSGSIZE));
        assert_eq!(outgoing.first().unwrap().0.len(), 70_000);
        assert!(outgoing.skip());
        send(&near, &mut outgoing).unwrap();
        let mut incoming = RecvBatch::new(4, 10);
        recv(&far, &mut incoming).unwrap();
        let payloads: Vec<&[u8]> = incoming.iter().map(|datagram| datagram.payload).collect();
        assert_eq!(payloads, [&b"fits"[..], b"too"]);
    }
}
