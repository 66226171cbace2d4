//! The socket on which a session sends: each has a port of its own, and keeps it (RFC 5881 §4).

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::Watch;

/// The ports that a session may send from (RFC 5881 §4).
const FIRST_PORT: u16 = 49152;
const PORTS: u16 = u16::MAX - FIRST_PORT + 1;

/// The TTL or hop limit of everything that is sent (RFC 5881 §5).
const TTL: u32 = 255;

/// BFD is network control traffic, as BGP is: DSCP CS6 (RFC 4594 §3.2).
const TOS_CS6: u32 = 0xC0;

/// Nobody reads from these sockets: the smallest buffer that the kernel allows is too large.
const RECEIVE_BUFFER: usize = 0;

/// Sends the packets of one session.
#[derive(Debug)]
pub(super) struct Sender {
    local: SocketAddr,
    remote: SocketAddr,
    /// `None` as long as there is none, because our address is not there yet, or not any more.
    socket: Option<Socket>,
    pub unsent: u64,
    pub error: Option<String>,
}

impl Sender {
    /// Prepares to send from a port that the system gives to nobody else; `first` decides which are tried first.
    pub fn new(watch: &Watch, remote_port: u16, first: u16) -> Sender {
        let unspecified: IpAddr = if watch.path.peer.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
        let mut sender = Sender {
            local: SocketAddr::new(watch.local.unwrap_or(unspecified), FIRST_PORT + first % PORTS),
            remote: SocketAddr::new(watch.path.peer, remote_port),
            socket: None,
            unsent: 0,
            error: None,
        };
        sender.open_somewhere();
        sender
    }

    /// The port that it sends from.
    pub fn local_port(&self) -> u16 {
        self.local.port()
    }

    /// Sends one packet now or never. True if it is news that this works, or works no more.
    pub fn send(&mut self, octets: &[u8]) -> bool {
        let sent = self.try_send(octets);
        let failed_before = self.error.is_some();
        self.error = sent.err().map(|error| error.to_string());
        self.unsent = self.unsent.saturating_add(self.error.is_some().into());
        failed_before != self.error.is_some()
    }

    fn try_send(&mut self, octets: &[u8]) -> io::Result<()> {
        if self.socket.is_none() {
            self.socket = Some(open(self.local)?);
        }
        let Some(socket) = &self.socket else { return Ok(()) };
        let sent = socket.send_to(octets, &self.remote.into());
        if sent.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            // Its address may have left the machine, and come back.
            self.socket = None;
        }
        sent.map(drop)
    }

    /// Opens the socket on the first port that is free. Where that fails for another reason, it is tried again with each
    /// packet.
    fn open_somewhere(&mut self) {
        let first = self.local.port() - FIRST_PORT;
        for tried in 0..PORTS {
            self.local.set_port(FIRST_PORT + (first + tried) % PORTS);
            match open(self.local) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(_) => return,
            }
        }
    }
}

fn open(local: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if local.is_ipv4() {
        socket.set_ttl_v4(TTL)?;
        socket.set_tos_v4(TOS_CS6)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_unicast_hops_v6(TTL)?;
        socket.set_tclass_v6(TOS_CS6)?;
    }
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&local.into())?;
    Ok(socket)
}
