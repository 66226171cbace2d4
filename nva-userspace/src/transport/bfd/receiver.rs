//! Sockets that packets come in on, with the TTL that they arrive with.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::bfd::{Datagram, Hops};

/// Longer packets are cut off: the longest authentication section still fits.
const DATAGRAM_MAX: usize = 128;

/// As many packets may wait while the thread is kept from running: some 2000.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Taken from one socket before the others get their turn.
const BATCH: usize = 512;

/// A socket that is bound, for whichever runtime it will be read in.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: std::net::UdpSocket,
    hops: Hops,
}

/// A socket that is read.
#[derive(Debug)]
pub(super) struct Receiving {
    socket: UdpSocket,
    hops: Hops,
}

impl Receiver {
    /// Listens on this address. An IPv6 one takes IPv6 alone, so that both families can be listened on side by side.
    pub fn bind(address: SocketAddr, hops: Hops) -> io::Result<Receiver> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
        } else {
            socket.set_only_v6(true)?;
            socket.set_recv_hoplimit_v6(true)?;
        }
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Receiver { socket: socket.into(), hops })
    }

    /// The address that is listened on, with the port that the kernel chose where none was given.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Begins to read, in this runtime.
    pub fn start(self) -> io::Result<Receiving> {
        Ok(Receiving { socket: UdpSocket::from_std(self.socket)?, hops: self.hops })
    }
}

impl Receiving {
    /// Whether something may have come.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        // An error is read like a packet.
        self.socket.poll_recv_ready(context).map(drop)
    }

    /// Hands over what has come, a batch at most; without waiting.
    pub fn read(&self, mut take: impl FnMut(Datagram<'_>)) -> io::Result<()> {
        for _ in 0..BATCH {
            let mut octets = [0; DATAGRAM_MAX];
            match self.socket.try_io(Interest::READABLE, || receive(&self.socket, &mut octets)) {
                Ok(Some((source, ttl, length))) => {
                    let octets = octets.get(..length).unwrap_or(&octets);
                    take(Datagram { source, hops: self.hops, ttl, octets });
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// One packet: from whom, with which TTL, how long. `None` if its sender has no IP address.
fn receive(socket: &UdpSocket, octets: &mut [u8]) -> io::Result<Option<(IpAddr, Option<u8>, usize)>> {
    let mut control = nix::cmsg_space!(libc::c_int);
    let mut parts = [IoSliceMut::new(octets)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let ttl = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => u8::try_from(ttl).ok(),
        _ => None,
    });
    let address = message.address.as_ref();
    let v4 = address.and_then(SockaddrStorage::as_sockaddr_in).map(|source| IpAddr::V4(source.ip()));
    let v6 = address.and_then(SockaddrStorage::as_sockaddr_in6).map(|source| IpAddr::V6(source.ip()));
    Ok(v4.or(v6).map(|source| (source, ttl, message.bytes)))
}
