//! Sockets: their options, listening and connecting.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::Endpoints;

/// BGP is network control traffic: DSCP CS6 (RFC 4594 §3.2).
const TOS_CS6: u32 = 0xC0;

/// As long as the queue of connections that the kernel keeps for us may be: a thousand peers may come at once.
const BACKLOG: i32 = 4096;

/// Waits for connections from peers.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
}

impl Listener {
    /// Listens on this address. An IPv6 one takes IPv6 alone, so that both families can be listened on side by side.
    pub fn bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Listener { listener: TcpListener::from_std(socket.into())? })
    }

    /// The address that is listened on, with the port that the kernel chose where none was given.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<(TcpStream, Endpoints)> {
        // Not asked from the socket: a peer that is gone again has no address there, and would be an error of ours.
        let (stream, remote) = self.listener.accept().await?;
        let endpoints = Endpoints::new(stream.local_addr()?, remote);
        Ok((stream, endpoints))
    }
}

impl From<TcpListener> for Listener {
    /// Takes over a socket that listens already.
    fn from(listener: TcpListener) -> Listener {
        Listener { listener }
    }
}

/// How to reach a peer.
#[derive(Clone, Copy, Debug)]
pub struct ConnectOptions {
    /// Where it listens.
    pub remote: SocketAddr,
    /// Our address; the kernel chooses where there is none.
    pub local: Option<IpAddr>,
    /// The TTL of what we send; `None` for 1: the peer is on a connected subnet.
    pub multihop: Option<u8>,
    /// How long the attempt may take.
    pub timeout: Duration,
}

/// Opens a connection to a peer.
pub async fn connect(options: ConnectOptions) -> io::Result<(TcpStream, Endpoints)> {
    let socket = if options.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    prepare(&SockRef::from(&socket), options.remote.ip(), options.multihop)?;
    if let Some(local) = options.local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = tokio::time::timeout(options.timeout, socket.connect(options.remote))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer"))??;
    let endpoints = Endpoints::new(stream.local_addr()?, options.remote);
    Ok((stream, endpoints))
}

/// Sets what every BGP connection has: no Nagle delay, network control class, and the TTL of the peer's distance.
pub(super) fn prepare(socket: &SockRef<'_>, remote: IpAddr, multihop: Option<u8>) -> io::Result<()> {
    let ttl = u32::from(multihop.unwrap_or(1));
    socket.set_tcp_nodelay(true)?;
    if remote.is_ipv4() {
        socket.set_ttl_v4(ttl)?;
        socket.set_tos_v4(TOS_CS6)
    } else {
        socket.set_unicast_hops_v6(ttl)?;
        socket.set_tclass_v6(TOS_CS6)
    }
}
