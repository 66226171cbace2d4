//! Real sockets on the loopback. Tests wait for what must come, with a deadline, and never for a time.

mod connection;
mod io_thread;
mod reader;
mod security;
mod socket;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::Select;
use tokio::net::{TcpListener, TcpStream};

use super::inbox::{Inbox, Queue, inbox};
use super::{Connection, Endpoints, TransportEvent, Ttl};
use crate::fsm::ConnectionId;
use crate::packet::DecodeError;
use crate::route::PeerId;

const PEER: PeerId = PeerId(7);
const ID: ConnectionId = ConnectionId(42);
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What has not come after so long never comes.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it comes in time")
}

/// A whole message of this type; the body is `fill` over and over.
fn message(kind: u8, body: usize, fill: u8) -> Vec<u8> {
    let length = u16::try_from(19 + body).expect("a length");
    let mut octets = vec![0xff; 16];
    octets.extend(length.to_be_bytes());
    octets.push(kind);
    octets.resize(usize::from(length), fill);
    octets
}

fn keepalive() -> Vec<u8> {
    message(4, 0, 0)
}

fn notification() -> Vec<u8> {
    message(3, 2, 6)
}

/// A connection and who is at its other end.
struct Pair {
    near: Connection,
    events: Select<Queue, Queue>,
    far: TcpStream,
}

/// `read_ahead` messages wait at most; the sockets' buffers are small.
async fn pair(read_ahead: usize) -> Pair {
    let listener = TcpListener::bind((LOCALHOST, 0)).await.expect("the loopback can be listened on");
    let address = listener.local_addr().expect("it has an address");
    let (near, far) = soon(async { tokio::join!(TcpStream::connect(address), listener.accept()) }).await;
    let (near, (far, _)) = (near.expect("connected"), far.expect("accepted"));
    for socket in [socket2::SockRef::from(&near), socket2::SockRef::from(&far)] {
        socket.set_send_buffer_size(16 * 1024).expect("a smaller buffer");
        socket.set_recv_buffer_size(16 * 1024).expect("a smaller buffer");
    }
    far.set_nodelay(true).expect("no delay");
    let (inbox, events) = inbox(read_ahead);
    let near = start(near, inbox).expect("a connected socket can be taken over");
    Pair { near, events, far }
}

fn start(stream: TcpStream, inbox: Inbox) -> std::io::Result<Connection> {
    let endpoints = Endpoints::new(stream.local_addr()?, stream.peer_addr()?);
    Connection::start(ID, PEER, stream, endpoints, Ttl::Limited(3), inbox)
}

impl Pair {
    async fn event(&mut self) -> Event {
        soon(self.events.next()).await.map_or(Event::Nothing, Event::from)
    }

    /// Drops the connection and looks that no task of it lives on and that nothing more was told.
    async fn ends_without_a_word(mut self) {
        drop(self.near);
        nothing_more(&mut self.events).await;
    }

    /// Sends buffers of updates until no more fits and the peer's end is full; says how many. The n-th buffer is one
    /// message filled with n.
    async fn fill(&mut self) -> u8 {
        let mut count = 0;
        loop {
            while let Some(room) = self.near.reserve() {
                room.send(message(2, 4000, count));
                count = count.checked_add(1).expect("255 buffers are more than the sockets and the queue hold");
            }
            // Nothing comes once the peer's end is full. Should it only have come late, then what the tests find out
            // is true all the same.
            match tokio::time::timeout(Duration::from_millis(300), self.events.next()).await {
                Ok(event) => assert_eq!(event.map(Event::from), Some(Event::Writable)),
                Err(_) => return count,
            }
        }
    }
}

/// The end of the events, before which nothing is told but that something was written.
async fn nothing_more(events: &mut Select<Queue, Queue>) {
    while let Some(event) = soon(events.next()).await {
        assert_eq!(Event::from(event), Event::Writable);
    }
}

/// An event about [`PEER`]'s connection [`ID`].
#[derive(Debug, PartialEq)]
enum Event {
    Received(Result<Vec<u8>, DecodeError>),
    Writable,
    Closed(String),
    /// Nobody is left who could tell more.
    Nothing,
}

impl From<TransportEvent> for Event {
    fn from(event: TransportEvent) -> Event {
        let (about, event) = match event {
            TransportEvent::Received { peer, connection, frame } => ((peer, connection), Event::Received(frame)),
            TransportEvent::Writable { peer, connection, .. } => ((peer, connection), Event::Writable),
            TransportEvent::Closed { peer, connection, reason } => ((peer, connection), Event::Closed(reason)),
        };
        assert_eq!(about, (PEER, ID));
        event
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(LOCALHOST, port)
}
