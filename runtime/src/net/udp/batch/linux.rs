//! `sendmmsg` with `UDP_SEGMENT` (GSO), and `recvmmsg` with `UDP_GRO`.
//!
//! rustix and socket2 have neither call. Where the kernel lacks one (`ENOSYS`: some sandboxes), it is one by
//! one.
//!
//! Invariants
//! L1  What the headers of a call point to (names, slices, control data, payloads) is in arrays that are
//!     neither moved nor borrowed until the call has returned.

use std::io;
use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;

use libc::{c_int, c_uint, c_void, socklen_t};
use rustix::io::Errno;
use socket2::{SockAddr, SockAddrStorage};

use super::recv::{RecvBatch, Slot};
use super::send::{Message, Offload, SendBatch};
use super::{MAX_MESSAGES, one_by_one};
use crate::net::tcp::as_inet;

/// Room for the control data of one message: `UDP_GRO`'s 24 bytes, and a time stamp for which the user may
/// have asked, which comes before it.
const CONTROL_BYTES: usize = 64;

/// Control data, aligned as the system wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

const _: () = assert!(align_of::<Control>() >= align_of::<libc::cmsghdr>());

impl Control {
    const EMPTY: Control = Control([0; CONTROL_BYTES]);
}

/// Sends up to [`MAX_MESSAGES`] messages, at least one.
pub(super) fn send(socket: &UdpSocket, batch: &mut SendBatch) -> io::Result<()> {
    if batch.offload() == Offload::Unknown {
        // A kernel without it (before 4.18) would ignore the request, and send one long datagram.
        let works = get_option(socket, libc::UDP_SEGMENT).is_ok();
        batch.set_offload(if works { Offload::Works } else { Offload::Off });
    }
    let joins = batch.offload() == Offload::Works;
    let error = match send_messages(socket, batch, joins) {
        Ok(count) => {
            batch.sent(count);
            return Ok(());
        }
        Err(error) => error,
    };
    let is_joined = joins && batch.messages(true).next().is_some_and(|first| first.count > 1);
    match Errno::from_io_error(&error) {
        Some(Errno::NOSYS) => one_by_one::send(socket, batch),
        // The device can't: it lacks checksums in hardware.
        Some(Errno::IO | Errno::OPNOTSUPP) if is_joined => {
            batch.set_offload(Offload::Off);
            batch.sent(send_messages(socket, batch, false)?);
            Ok(())
        }
        // The datagrams are longer than the path takes; alone they are sent in fragments, or the error
        // is that of the first.
        Some(Errno::INVAL | Errno::MSGSIZE) if is_joined => {
            batch.sent(send_messages(socket, batch, false)?);
            Ok(())
        }
        _ => Err(error),
    }
}

/// One system call; how many datagrams it sent, at least one.
fn send_messages(socket: &UdpSocket, batch: &SendBatch, joined: bool) -> io::Result<usize> {
    let mut names = [const { MaybeUninit::<SockAddr>::uninit() }; MAX_MESSAGES];
    let mut slices = [const { MaybeUninit::<libc::iovec>::uninit() }; MAX_MESSAGES];
    let mut controls = [Control::EMPTY; MAX_MESSAGES];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MAX_MESSAGES];
    let mut counts = [0; MAX_MESSAGES];
    let mut messages = 0;
    for (at, message) in batch.messages(joined).take(MAX_MESSAGES).enumerate() {
        let slice = slices[at].write(libc::iovec {
            iov_base: message.bytes.as_ptr().cast::<c_void>().cast_mut(),
            iov_len: message.bytes.len(),
        });
        let header = headers[at].write(header(slice));
        if let Some(to) = message.to {
            let name = names[at].write(SockAddr::from(to));
            header.msg_hdr.msg_name = name.as_ptr().cast::<c_void>().cast_mut();
            header.msg_hdr.msg_namelen = name.len();
        }
        if message.count > 1 {
            ask_for_segments(&mut header.msg_hdr, &mut controls[at], &message);
        }
        counts[at] = message.count;
        messages += 1;
    }
    // SAFETY: the first `messages` headers are written, and what they point to lives (L1); the system only
    // reads names, control data and payloads, so that those may come from shared references.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            messages as c_uint,
            libc::MSG_NOSIGNAL as _,
        )
    };
    match usize::try_from(sent) {
        Ok(sent) => Ok(counts[..sent].iter().sum()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// A header with one slice and nothing else.
fn header(slice: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: a structure of numbers and pointers, for which zero is "none".
    let mut header: libc::mmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    header.msg_hdr.msg_iov = slice;
    header.msg_hdr.msg_iovlen = 1;
    header
}

/// Adds `UDP_SEGMENT`: at what length the system cuts the message into datagrams.
fn ask_for_segments(header: &mut libc::msghdr, control: &mut Control, message: &Message<'_>) {
    let segment_bytes = u16::try_from(message.segment_bytes).expect("a message is below 64 KiB");
    header.msg_control = ptr::from_mut(control).cast();
    // SAFETY: arithmetic on a number.
    header.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<u16>() as c_uint) } as _;
    // SAFETY: the header names `control`, which is aligned and has room for one entry with a `u16`, so that
    // there is a first entry, and its data are within it; they may be unaligned.
    unsafe {
        let entry = libc::CMSG_FIRSTHDR(header);
        (*entry).cmsg_level = libc::SOL_UDP;
        (*entry).cmsg_type = libc::UDP_SEGMENT;
        (*entry).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as c_uint) as _;
        libc::CMSG_DATA(entry).cast::<u16>().write_unaligned(segment_bytes);
    }
}

/// Receives as many messages as there are and the batch has room for, at least one.
pub(super) fn recv(socket: &UdpSocket, batch: &mut RecvBatch) -> io::Result<()> {
    if let Some(error) = batch.take_deferred() {
        return Err(error);
    }
    batch.clear();
    let mut names = [const { MaybeUninit::<SockAddrStorage>::uninit() }; MAX_MESSAGES];
    let mut slices = [const { MaybeUninit::<libc::iovec>::uninit() }; MAX_MESSAGES];
    let mut controls = [Control::EMPTY; MAX_MESSAGES];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MAX_MESSAGES];
    let mut messages = 0;
    for (at, room) in batch.rooms().enumerate() {
        let slice = slices[at]
            .write(libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() });
        let header = headers[at].write(header(slice));
        let name = names[at].write(SockAddrStorage::zeroed());
        header.msg_hdr.msg_namelen = name.size_of();
        header.msg_hdr.msg_name = ptr::from_mut(name).cast();
        header.msg_hdr.msg_control = ptr::from_mut(&mut controls[at]).cast();
        header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        messages += 1;
    }
    // SAFETY: the first `messages` headers are written, and what they point to lives and is writable (L1).
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            messages as c_uint,
            libc::MSG_DONTWAIT as _,
            ptr::null_mut(),
        )
    };
    let Ok(received) = usize::try_from(received) else {
        let error = io::Error::last_os_error();
        return match Errno::from_io_error(&error) {
            Some(Errno::NOSYS) => one_by_one::recv(socket, batch),
            _ => Err(error),
        };
    };
    for at in 0..received {
        // SAFETY: written above, as all headers and names that the system has been given.
        let (header, name) =
            unsafe { (headers[at].assume_init_ref(), names[at].assume_init_read()) };
        // SAFETY: the system has filled in an address, and said how long it is.
        let from = unsafe { SockAddr::new(name, header.msg_hdr.msg_namelen) };
        batch.push(Slot {
            len: header.msg_len as usize,
            // SAFETY: the system has filled in the header; its control data is in `controls`.
            segment_bytes: unsafe { joined_length(&header.msg_hdr) },
            from: as_inet(from)?,
            is_truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        });
    }
    Ok(())
}

/// How long each datagram of a joined message is; 0 if it is none.
///
/// # Safety
/// - The header is one that `recvmmsg` has filled in, and what it points to lives.
unsafe fn joined_length(header: &libc::msghdr) -> usize {
    // SAFETY: the caller's promise; the macros stay within the control data.
    unsafe {
        let mut entry = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = entry.as_ref() {
            if (found.cmsg_level, found.cmsg_type) == (libc::SOL_UDP, libc::UDP_GRO) {
                let length = libc::CMSG_DATA(entry).cast::<c_int>().read_unaligned();
                return usize::try_from(length).unwrap_or(0);
            }
            entry = libc::CMSG_NXTHDR(header, entry);
        }
    }
    0
}

/// Whether datagrams are joined.
pub(super) fn gro(socket: &UdpSocket) -> io::Result<bool> {
    Ok(get_option(socket, libc::UDP_GRO)? != 0)
}

/// Whether datagrams are to be joined.
pub(super) fn set_gro(socket: &UdpSocket, join: bool) -> io::Result<()> {
    let value = c_int::from(join);
    // SAFETY: an option of type `int`, and a pointer to one.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_GRO,
            ptr::from_ref(&value).cast(),
            size_of::<c_int>() as socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get_option(socket: &UdpSocket, option: c_int) -> io::Result<c_int> {
    let (mut value, mut len): (c_int, _) = (0, size_of::<c_int>() as socklen_t);
    // SAFETY: an option of type `int`, a pointer to one, and its length.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            option,
            ptr::from_mut(&mut value).cast(),
            &mut len,
        )
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}
