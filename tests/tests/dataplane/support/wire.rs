//! Frames in and out of an interface, by a packet socket.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::netns::NetNs;

/// A packet socket on one interface that sees all that comes in by it.
pub struct Wire(OwnedFd);

impl Wire {
    /// Opens it.
    pub fn open(ns: &NetNs, interface: &str) -> Wire {
        let ifindex = ns.index(interface);
        ns.run(|| Wire::bound(ifindex)).expect("a packet socket")
    }

    fn bound(ifindex: u32) -> io::Result<Wire> {
        let protocol = (libc::ETH_P_ALL as u16).to_be();
        // SAFETY: plain system calls; the address is a local of the right type and length.
        unsafe {
            let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, i32::from(protocol));
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            let wire = Wire(OwnedFd::from_raw_fd(fd));
            let mut address: libc::sockaddr_ll = std::mem::zeroed();
            address.sll_family = libc::AF_PACKET as u16;
            address.sll_protocol = protocol;
            address.sll_ifindex = ifindex as i32;
            let length = size_of::<libc::sockaddr_ll>() as u32;
            if libc::bind(fd, (&raw const address).cast(), length) < 0 {
                return Err(io::Error::last_os_error());
            }
            let buffer = 64i32 << 20;
            let size = size_of::<i32>() as u32;
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, (&raw const buffer).cast(), size);
            let one = 1i32;
            libc::setsockopt(fd, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, (&raw const one).cast(), size);
            Ok(wire)
        }
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) {
        // SAFETY: the buffer is of the length that is said.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        assert_eq!(sent, frame.len() as isize, "send: {}", io::Error::last_os_error());
    }

    /// A frame that has come, if there is one.
    pub fn receive(&self) -> Option<Vec<u8>> {
        let mut frame = vec![0u8; 65536];
        // SAFETY: the buffer is of the length that is said.
        let length = unsafe { libc::recv(self.0.as_raw_fd(), frame.as_mut_ptr().cast(), frame.len(), 0) };
        if length < 0 {
            let error = io::Error::last_os_error();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "receive: {error}");
            return None;
        }
        frame.truncate(length as usize);
        Some(frame)
    }

    /// Waits until a frame is there, at most this long.
    pub fn wait(&self, most: Duration) {
        let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor, as is said.
        unsafe { libc::poll(&raw mut poll, 1, most.as_millis() as i32) };
    }
}
