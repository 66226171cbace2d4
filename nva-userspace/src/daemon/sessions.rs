//! The TCP side of the daemon: connections and the attempts to open some, by number.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::PeerReach;
use crate::fsm::ConnectionId;
use crate::route::PeerId;
use crate::transport::{ConnectOptions, Connection, Endpoints, READ_AHEAD, TransportEvent, connect};

/// How long an attempt to connect may take: shorter than the kernel's own two minutes, so that a peer that comes back
/// is found soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How an attempt to connect ended.
pub struct Dialled {
    /// Whom it was for.
    pub peer: PeerId,
    /// Which attempt: one that was given up may have ended in the same moment.
    pub attempt: u64,
    /// The connection, or why there is none.
    pub result: io::Result<(TcpStream, Endpoints)>,
}

/// All connections of all peers.
pub struct Sessions {
    connections: BTreeMap<ConnectionId, Connection>,
    attempts: BTreeMap<PeerId, (u64, JoinHandle<()>)>,
    /// Connections that still have something to send before they end.
    closing: Vec<JoinHandle<()>>,
    next: u64,
    events: mpsc::Sender<TransportEvent>,
    dialled: mpsc::UnboundedSender<Dialled>,
}

/// Where [`Sessions`] tells what happens.
pub struct SessionEvents {
    /// About connections.
    pub transport: mpsc::Receiver<TransportEvent>,
    /// About attempts to connect.
    pub dialled: mpsc::UnboundedReceiver<Dialled>,
}

impl Sessions {
    pub fn new() -> (Sessions, SessionEvents) {
        let (events, transport) = mpsc::channel(READ_AHEAD);
        let (dialled, dialled_events) = mpsc::unbounded_channel();
        let sessions = Sessions {
            connections: BTreeMap::new(),
            attempts: BTreeMap::new(),
            closing: Vec::new(),
            next: 0,
            events,
            dialled,
        };
        (sessions, SessionEvents { transport, dialled: dialled_events })
    }

    /// Begins to connect to a peer.
    pub fn dial(&mut self, peer: PeerId, reach: PeerReach, multihop: Option<u8>) {
        self.cancel(peer);
        let dialled = self.dialled.clone();
        let options = ConnectOptions { remote: reach.remote, local: reach.local, multihop, timeout: CONNECT_TIMEOUT };
        let attempt = self.number();
        let task = tokio::spawn(async move {
            // Nobody listens any more only when the daemon ends.
            let _ = dialled.send(Dialled { peer, attempt, result: connect(options).await });
        });
        self.attempts.insert(peer, (attempt, task));
    }

    /// Gives up connecting to a peer.
    pub fn cancel(&mut self, peer: PeerId) {
        if let Some((_, task)) = self.attempts.remove(&peer) {
            task.abort();
        }
    }

    /// An attempt has ended; false if it was given up before.
    pub fn attempt_ended(&mut self, peer: PeerId, attempt: u64) -> bool {
        let current = self.attempts.get(&peer).is_some_and(|(number, _)| *number == attempt);
        if current {
            self.attempts.remove(&peer);
        }
        current
    }

    /// Numbers for connections and attempts, none twice.
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Takes over a connected socket under a new number.
    pub fn add(
        &mut self,
        peer: PeerId,
        stream: TcpStream,
        endpoints: Endpoints,
        multihop: Option<u8>,
    ) -> io::Result<ConnectionId> {
        let id = ConnectionId(self.number());
        let connection = Connection::start(id, peer, stream, endpoints, multihop, self.events.clone())?;
        self.connections.insert(id, connection);
        Ok(id)
    }

    /// A connection by its number.
    pub fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    /// Whether the connection is one of ours still: events of those that we closed come late.
    pub fn contains(&self, id: ConnectionId) -> bool {
        self.connections.contains_key(&id)
    }

    /// Closes a connection once what was sent is out.
    pub fn close(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.closing.retain(|task| !task.is_finished());
            self.closing.push(connection.close());
        }
    }

    /// Closes every connection and waits until what was sent on them is out.
    pub async fn drain(&mut self) {
        let closing: Vec<_> = std::mem::take(&mut self.connections).into_values().map(Connection::close).collect();
        for closed in closing {
            // A task that was cut off had its time.
            let _ = closed.await;
        }
        for closed in self.closing.drain(..) {
            let _ = closed.await;
        }
    }

    /// Forgets a connection that ended by itself.
    pub fn forget(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
    }
}
