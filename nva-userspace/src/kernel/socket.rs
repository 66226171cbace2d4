//! A netlink socket for tokio, and the messages in a datagram.

use std::io;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::KernelError;

/// No datagram from the kernel is larger: dumps fill at most 32 KiB at a time.
const DATAGRAM_MAX: usize = 256 * 1024;
/// Octets of a message before its payload.
pub(super) const HEADER_LEN: usize = 16;

/// An open netlink socket of the routing family.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: AsyncFd<Socket>,
}

/// One netlink message, taken out of its datagram but not decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

impl Netlink {
    /// Opens a socket in this thread's network namespace, with room for this many octets of unread messages.
    pub(super) fn open(receive_buffer: usize) -> Result<Netlink, KernelError> {
        let mut socket = Socket::new(NETLINK_ROUTE).map_err(KernelError::socket("open a socket"))?;
        // Beyond the system's limit only with CAP_NET_ADMIN; without it, as much as is allowed.
        if setsockopt(&socket, sockopt::RcvBufForce, &receive_buffer).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &receive_buffer)
                .map_err(|errno| KernelError::socket("size the receive buffer")(errno.into()))?;
        }
        socket.set_non_blocking(true).map_err(KernelError::socket("configure the socket"))?;
        socket.set_cap_ack(true).map_err(KernelError::socket("configure the socket"))?;
        socket.set_ext_ack(true).map_err(KernelError::socket("configure the socket"))?;
        socket.bind_auto().map_err(KernelError::socket("bind the socket"))?;
        // SAFETY: a `Socket` has one descriptor from its creation until it is dropped, which `AsyncFd` does after it
        // has taken the descriptor out of the reactor.
        let registered = unsafe { AsyncFd::register(socket) };
        let socket = registered.map_err(|error| KernelError::socket("watch the socket")(error.into()))?;
        Ok(Netlink { socket })
    }

    /// Notifications of this group (`RTNLGRP_*`) arrive from now on.
    pub(super) fn subscribe(&self, group: u32) -> Result<(), KernelError> {
        self.socket.get_ref().add_membership(group).map_err(KernelError::socket("subscribe to notifications"))
    }

    /// Sends one datagram of requests. The kernel has carried them out when this returns.
    pub(super) async fn send(&self, octets: &[u8]) -> io::Result<()> {
        let sent = self.socket.async_io(Interest::WRITABLE, |socket| socket.send(octets, 0)).await?;
        if sent == octets.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Waits for the next datagram from the kernel and puts it in place of the buffer's content. `ENOBUFS` says that
    /// notifications were lost before it.
    pub(super) async fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.socket.async_io(Interest::READABLE, |socket| receive(socket, buffer)).await
    }

    /// The next datagram if it is there already.
    pub(super) fn try_receive(&self, buffer: &mut Vec<u8>) -> io::Result<bool> {
        match receive(self.socket.get_ref(), buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn receive(socket: &Socket, buffer: &mut Vec<u8>) -> io::Result<()> {
    loop {
        buffer.clear();
        buffer.reserve(DATAGRAM_MAX);
        let room = buffer.capacity();
        let (length, sender) = socket.recv_from(buffer, libc::MSG_TRUNC)?;
        if length > room {
            // Its end is lost, which is the same to us as a notification that is lost.
            return Err(io::Error::from_raw_os_error(libc::ENOBUFS));
        }
        if sender.port_number() == SocketAddr::new(0, 0).port_number() {
            return Ok(());
        }
        // Any process may send to us, but only the kernel has port 0.
    }
}

/// Whether notifications were lost.
pub(super) fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

/// The messages of a datagram. What does not hold a whole message ends it.
pub(super) fn messages(mut octets: &[u8]) -> impl Iterator<Item = Raw<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(octets, 0)?).ok()?;
        let payload = octets.get(HEADER_LEN..length)?;
        let raw = Raw { kind: u16_at(octets, 4)?, flags: u16_at(octets, 6)?, sequence: u32_at(octets, 8)?, payload };
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(raw)
    })
}

pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

pub(super) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, length: u32, payload: &[u8]) -> Vec<u8> {
        let mut octets = length.to_ne_bytes().to_vec();
        octets.extend(kind.to_ne_bytes());
        octets.extend([1, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
        octets.extend(payload);
        octets
    }

    #[test]
    fn a_datagram_is_cut_into_its_messages() {
        let mut octets = message(24, 19, b"abc\0");
        octets.extend(message(3, 16, b""));
        let found: Vec<(u16, &[u8])> = messages(&octets).map(|raw| (raw.kind, raw.payload)).collect();
        assert_eq!(found, [(24, &b"abc"[..]), (3, &b""[..])]);
    }

    #[test]
    fn lengths_that_lie_end_the_datagram() {
        for length in [0, 15, 21, u32::MAX] {
            assert_eq!(messages(&message(24, length, b"abcd")).count(), 0, "{length}");
        }
        assert_eq!(messages(&[0; 15]).count(), 0);
    }
}
