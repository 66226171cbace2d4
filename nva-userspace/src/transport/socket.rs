//! Sockets: their options, listening and connecting.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::Endpoints;
use super::security::{self, Password, Ttl};
use crate::net::Prefix;

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
    /// Listens on this address, from the first moment on with these passwords. An IPv6 address takes IPv6 alone, so that
    /// both families can be listened on side by side; passwords of the other family's peers are passed over.
    pub fn bind<'a>(
        address: SocketAddr,
        passwords: impl IntoIterator<Item = (Prefix, &'a Password)>,
    ) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        // What answers a connection is not the accepted socket yet; a peer with GTSM takes nothing but 255.
        Ttl::Limited(u8::MAX).apply(&SockRef::from(&socket), address.ip())?;
        security::keep_first_segments(&SockRef::from(&socket))?;
        for (peers, password) in passwords {
            if peers.address().is_ipv4() == address.is_ipv4() {
                security::set_password(&SockRef::from(&socket), peers, Some(password))?;
            }
        }
        socket.listen(BACKLOG)?;
        Ok(Listener { listener: TcpListener::from_std(socket.into())? })
    }

    /// The address that is listened on, with the port that the kernel chose where none was given.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Changes the password of these peers for connections from now on; `None`: they have none.
    pub fn set_password(&self, peers: Prefix, password: Option<&Password>) -> io::Result<()> {
        if peers.address().is_ipv4() == self.local_address()?.is_ipv4() {
            security::set_password(&SockRef::from(&self.listener), peers, password)?;
        }
        Ok(())
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
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Where it listens.
    pub remote: SocketAddr,
    /// Our address; the kernel chooses where there is none.
    pub local: Option<IpAddr>,
    /// The TTL of what we send, and of what we take.
    pub ttl: Ttl,
    /// What segments are signed with.
    pub password: Option<Password>,
    /// How long the attempt may take.
    pub timeout: Duration,
}

/// Opens a connection to a peer.
pub async fn connect(options: ConnectOptions) -> io::Result<(TcpStream, Endpoints)> {
    let socket = if options.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    prepare(&SockRef::from(&socket), options.remote.ip(), options.ttl)?;
    if let Some(password) = &options.password {
        security::set_password(&SockRef::from(&socket), Prefix::host(options.remote.ip()), Some(password))?;
    }
    if let Some(local) = options.local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = tokio::time::timeout(options.timeout, socket.connect(options.remote))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, no_answer(&options)))??;
    let endpoints = Endpoints::new(stream.local_addr()?, options.remote);
    Ok((stream, endpoints))
}

/// Segments with a wrong signature or TTL vanish without a word: what may be wrong is all that can be said.
fn no_answer(options: &ConnectOptions) -> &'static str {
    match (&options.password, options.ttl) {
        (None, Ttl::Limited(_)) => "no answer",
        (Some(_), Ttl::Limited(_)) => "no answer: is the peer down, or has it another password, or none?",
        (None, Ttl::AtLeast(_)) => "no answer: is the peer down, or further away than ttl-security allows?",
        (Some(_), Ttl::AtLeast(_)) => {
            "no answer: is the peer down, has it another password, or is it further away than ttl-security allows?"
        }
    }
}

/// Sets what every BGP connection has: no Nagle delay, network control class, and the TTL of the peer's distance.
pub(super) fn prepare(socket: &SockRef<'_>, remote: IpAddr, ttl: Ttl) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    ttl.apply(socket, remote)?;
    if remote.is_ipv4() { socket.set_tos_v4(TOS_CS6) } else { socket.set_tclass_v6(TOS_CS6) }
}
