//! A BGP speaker of the tests' own: it says whatever octets it is given, and writes down what it hears.
//!
//! It has no state machine but for the handshake, and no idea of what is right: that is for those who drive it. None of
//! its calls waits; [`Speaker::pump`] is to be called again and again.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;
use nva::net::{AfiSafi, Asn};
use nva::packet::{Capability, CodecContext, HEADER_LEN, MAX_MESSAGE, Message, Open, iana::message_type};
use socket2::{Domain, Protocol, Socket, Type};

use crate::netns::Namespace;

/// How long a connection may take to come up.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// How long a write may take before it counts as stuck.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// Who a speaker says that it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Its address, which is its BGP Identifier too.
    pub address: Ipv4Addr,
    /// Its AS.
    pub asn: u32,
    /// Whether it announces 4-octet AS numbers.
    pub four_octet_as: bool,
    /// The hold time that it proposes.
    pub hold_time: u16,
}

/// A connection with a daemon.
#[derive(Debug)]
pub struct Speaker {
    stream: TcpStream,
    unread: Vec<u8>,
    established: bool,
    opened: bool,
    closed: bool,
    notification: Option<(u8, u8)>,
    updates: Vec<Vec<u8>>,
}

impl Speaker {
    /// Connects from its address and sends OPEN.
    pub fn connect(namespace: &Namespace, identity: Identity, to: Ipv4Addr) -> anyhow::Result<Speaker> {
        let stream = connect(namespace, identity.address, to)?;
        let mut speaker = Speaker {
            stream,
            unread: Vec::new(),
            established: false,
            opened: false,
            closed: false,
            notification: None,
            updates: Vec::new(),
        };
        speaker.send(&open(identity)?);
        Ok(speaker)
    }

    /// Sends octets as they are; that they cannot be sent any more shows in [`Speaker::is_closed`].
    pub fn send(&mut self, octets: &[u8]) {
        self.closed |= self.stream.set_nonblocking(false).and_then(|()| self.stream.write_all(octets)).is_err();
    }

    /// Reads what is there, and answers the peer's OPEN by a KEEPALIVE.
    pub fn pump(&mut self) {
        let mut chunk = [0; CHUNK];
        while self.stream.set_nonblocking(true).is_ok() {
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    self.closed = true;
                    break;
                }
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.closed = true;
                    break;
                }
            }
        }
        while let Some(message) = self.next_message() {
            self.hear(message);
        }
    }

    /// Whether the session is up: OPENs and KEEPALIVEs went both ways.
    pub fn is_established(&self) -> bool {
        self.established && !self.is_closed()
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.closed || self.notification.is_some()
    }

    /// Code and subcode of the NOTIFICATION that came, if one did.
    pub fn notification(&self) -> Option<(u8, u8)> {
        self.notification
    }

    /// The UPDATEs that came since the last call, header included.
    pub fn take_updates(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.updates)
    }

    fn hear(&mut self, message: Vec<u8>) {
        match message[18] {
            message_type::OPEN => {
                self.opened = true;
                self.send(&keepalive());
            }
            message_type::KEEPALIVE => {
                self.established |= self.opened;
            }
            message_type::UPDATE => self.updates.push(message),
            message_type::NOTIFICATION => {
                let code = |at: usize| message.get(at).copied().unwrap_or_default();
                self.notification.get_or_insert((code(HEADER_LEN), code(HEADER_LEN + 1)));
            }
            _ => {}
        }
    }

    fn next_message(&mut self) -> Option<Vec<u8>> {
        let header = self.unread.get(..HEADER_LEN)?;
        let length = usize::from(u16::from_be_bytes([header[16], header[17]])).max(HEADER_LEN);
        let rest = self.unread.get(length..)?.to_vec();
        Some(std::mem::replace(&mut self.unread, rest).into_iter().take(length).collect())
    }
}

/// A TCP connection to the BGP port from this address.
pub fn connect(namespace: &Namespace, from: Ipv4Addr, to: Ipv4Addr) -> anyhow::Result<TcpStream> {
    let connect = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect_timeout(&SocketAddr::from((to, nva::config::BGP_PORT)).into(), CONNECT_PATIENCE)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_write_timeout(Some(WRITE_PATIENCE))?;
        Ok::<_, std::io::Error>(socket.into())
    };
    namespace.enter(connect)?.with_context(|| format!("cannot connect from {from} to {to}"))
}

/// KEEPALIVE.
pub fn keepalive() -> Vec<u8> {
    message(message_type::KEEPALIVE, &[])
}

/// A message of this type with this body.
///
/// # Panics
/// If the body is longer than any message.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER_LEN + body.len()).expect("a body that fits into a message");
    [&[0xff; 16][..], &length.to_be_bytes(), &[kind], body].concat()
}

/// An OPEN that offers both families, and route refresh.
fn open(identity: Identity) -> anyhow::Result<Vec<u8>> {
    let mut capabilities: Vec<Capability> = AfiSafi::ALL.into_iter().map(Capability::multiprotocol).collect();
    capabilities.push(Capability::RouteRefresh);
    if identity.four_octet_as {
        capabilities.push(Capability::FourOctetAs(Asn(identity.asn)));
    }
    let open = Open {
        my_as: Asn(identity.asn).to_two_octets(),
        hold_time: identity.hold_time,
        router_id: identity.address,
        capabilities,
    };
    let context = CodecContext {
        four_octet_as: identity.four_octet_as,
        internal: false,
        families: AfiSafi::ALL.to_vec(),
        max_send: MAX_MESSAGE,
        max_receive: MAX_MESSAGE,
        enhanced_refresh: false,
        disable_families: false,
    };
    let mut octets = Vec::new();
    nva::packet::encode(&Message::Open(open), &context, &mut octets)?;
    Ok(octets)
}
