//! The TCP side of the daemon: connections and the attempts to open some, by number.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::PeerReach;
use crate::fsm::ConnectionId;
use crate::route::PeerId;
use crate::transport::{ConnectOptions, Connection, Endpoints, Inboxes, IoThread, Password, Signed, Ttl, connect};

/// How long an attempt to connect may take at most: shorter than the kernel's own two minutes, so that a peer that
/// comes back is found soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Nor does it take more than this share of the time between two attempts, of which jitter leaves 75 % at least (RFC
/// 4271 §10): the next attempt would end this one without a word of what may be wrong.
const CONNECT_SHARE: f64 = 0.7;

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
    /// Those of them that are signed.
    signed: BTreeMap<ConnectionId, Signed>,
    attempts: BTreeMap<PeerId, (u64, JoinHandle<()>)>,
    /// Connections that still have something to send before they end.
    closing: Vec<(PeerId, JoinHandle<()>)>,
    next: u64,
    io: IoThread,
    dialled: mpsc::UnboundedSender<Dialled>,
}

/// Where [`Sessions`] tells what happens.
pub struct SessionEvents {
    /// About connections.
    pub transport: Inboxes,
    /// About attempts to connect.
    pub dialled: mpsc::UnboundedReceiver<Dialled>,
}

impl Sessions {
    pub fn new(io: IoThread) -> (Sessions, SessionEvents) {
        let (dialled, dialled_events) = mpsc::unbounded_channel();
        let sessions = Sessions {
            connections: BTreeMap::new(),
            signed: BTreeMap::new(),
            attempts: BTreeMap::new(),
            closing: Vec::new(),
            next: 0,
            io,
            dialled,
        };
        (sessions, SessionEvents { transport: Inboxes::default(), dialled: dialled_events })
    }

    /// Waits until every connection that has something to read had its turn.
    pub async fn read_turn(&self) {
        self.io.turn().await;
    }

    /// Begins to connect to a peer, to which the next attempt is due after `connect_retry`.
    pub fn dial(&mut self, peer: PeerId, reach: &PeerReach, connect_retry: Duration) {
        self.cancel(peer);
        let dialled = self.dialled.clone();
        let PeerReach { remote, local, ttl, password } = reach.clone();
        let options = ConnectOptions { remote, local, ttl, password, timeout: patience(connect_retry) };
        let attempt = self.number();
        let task = self.io.runtime().spawn(async move {
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

    /// Takes over a connected socket under a new number; `signed` says whether its segments are.
    pub fn add(
        &mut self,
        peer: PeerId,
        stream: TcpStream,
        endpoints: Endpoints,
        ttl: Ttl,
        signed: bool,
        inboxes: &mut Inboxes,
    ) -> io::Result<ConnectionId> {
        let id = ConnectionId(self.number());
        let signed = signed.then(|| Signed::of(&stream)).transpose()?;
        let _io = self.io.runtime().enter();
        let connection = Connection::start(id, peer, stream, endpoints, ttl, inboxes.open())?;
        self.signed.extend(signed.map(|signed| (id, signed)));
        self.connections.insert(id, connection);
        Ok(id)
    }

    /// Signs the connections of a peer with this from now on.
    pub fn sign(&self, peer: PeerId, address: IpAddr, password: &Password) -> io::Result<()> {
        let of_peer = |id: &&ConnectionId| self.get(**id).is_some_and(|connection| connection.peer() == peer);
        self.signed.iter().filter(|(id, _)| of_peer(id)).try_for_each(|(_, signed)| signed.sign(address, password))
    }

    /// Whether an attempt to connect to a peer is under way.
    pub fn is_dialling(&self, peer: PeerId) -> bool {
        self.attempts.contains_key(&peer)
    }

    /// A connection by its number.
    pub fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(&id)
    }

    /// Whether the connection is one of ours still: events of those that we closed come late.
    pub fn contains(&self, id: ConnectionId) -> bool {
        self.connections.contains_key(&id)
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// How many connections a peer has, those included that have not ended yet.
    pub fn len_of(&self, peer: PeerId) -> usize {
        let open = self.connections.values().filter(|connection| connection.peer() == peer).count();
        let closing = self.closing.iter().filter(|(whose, task)| *whose == peer && !task.is_finished()).count();
        open + closing
    }

    /// Closes a connection once what was sent is out.
    pub fn close(&mut self, id: ConnectionId) {
        self.signed.remove(&id);
        let _io = self.io.runtime().enter();
        if let Some(connection) = self.connections.remove(&id) {
            self.closing.retain(|(_, task)| !task.is_finished());
            self.closing.push((connection.peer(), connection.close()));
        }
    }

    /// Closes every connection and waits until what was sent on them is out.
    pub async fn drain(&mut self) {
        self.signed.clear();
        let closing: Vec<_> = {
            let _io = self.io.runtime().enter();
            std::mem::take(&mut self.connections).into_values().map(Connection::close).collect()
        };
        for closed in closing {
            // A task that was cut off had its time.
            let _ = closed.await;
        }
        for (_, closed) in self.closing.drain(..) {
            let _ = closed.await;
        }
    }

    /// Forgets a connection that ended by itself.
    pub fn forget(&mut self, id: ConnectionId) {
        self.signed.remove(&id);
        self.connections.remove(&id);
    }
}

/// How long an attempt may take.
fn patience(connect_retry: Duration) -> Duration {
    connect_retry.mul_f64(CONNECT_SHARE).min(CONNECT_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::fsm::{Event, RemoteAs, Session, SessionConfig};
    use crate::net::{Asn, Instant};

    #[test]
    fn an_attempt_ends_before_the_next_one_is_due() {
        let template = SessionConfig::new(Asn(65000), Ipv4Addr::new(10, 0, 0, 5), RemoteAs::Exactly(Asn(65001)));
        for connect_retry in [1, 2, 5, 10, 19, 20, 21, 26, 27, 30, 120, 65535].map(Duration::from_secs) {
            for seed in 0..100 {
                let mut session = Session::new(SessionConfig { connect_retry, ..template.clone() }, seed);
                session.handle_event(Event::Start, Instant::ZERO);
                let next = session.poll_timeout().expect("ConnectRetryTimer") - Instant::ZERO;
                assert!(patience(connect_retry) < next, "{connect_retry:?}: {next:?}");
            }
        }
        assert_eq!(patience(template.connect_retry), CONNECT_TIMEOUT, "the default is long enough");
    }
}
