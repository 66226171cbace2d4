//! The speaker: joins sessions, RIB, policies, next-hop tracking and the kernel FIB's desired state, and owns all of it.
//!
//! Sans-I/O. Whoever drives it hands in [`Input`]s, calls [`Speaker::handle_timeout`] when [`Speaker::poll_timeout`]
//! is due, and after either carries out what [`Speaker::poll_output`] says until that says nothing. Updates are not
//! pushed: they are pulled by [`Speaker::poll_updates`] when a connection can take them, so a peer that does not
//! read costs a set of pending prefixes and no queue (RFC 4271 §9.2.1 asks only that the newest state be sent).

mod config;
mod event;
mod export;
mod import;
mod machine;
mod next_hops;
mod originate;
mod peer;
mod routing;
mod startup;
#[cfg(test)]
mod tests;

pub use config::{Originate, PeerConfig, SpeakerConfig};
pub use event::{Input, Notice, Output};
pub use export::{Exported, Receiver, Unexported, export};
pub use peer::{Established, Peer};

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::fib::Fib;
use crate::fsm::{Action, ConnectionId, DownReason, Event, Negotiated};
use crate::host::HostState;
use crate::net::{Instant, Prefix};
use crate::packet::{self, Message, Notification, iana};
use crate::rib::Rib;
use crate::route::{Interner, PeerId, Source, SourceKind};

use next_hops::NextHopTracker;
use startup::Startup;

/// A BGP speaker with everything that it knows.
pub struct Speaker {
    config: SpeakerConfig,
    host: HostState,
    peers: Vec<Peer>,
    rib: Rib,
    next_hops: NextHopTracker,
    interner: Interner,
    local: Arc<Source>,
    originated: BTreeSet<Prefix>,
    fib: Option<Fib>,
    /// When the kernel is asked again for what it refused.
    retry_fib_at: Option<Instant>,
    /// When what the kernel shows is held against what it should, whatever was announced meanwhile.
    audit_fib_at: Option<Instant>,
    startup: Startup,
    outputs: VecDeque<Output>,
    /// Peers for whom something may wait of which nobody was told yet.
    waiting: BTreeSet<PeerId>,
}

/// How long after the kernel refused a route it is asked again.
const FIB_RETRY: Duration = Duration::from_secs(5);

/// Between two audits of the kernel's routes.
const FIB_AUDIT: Duration = Duration::from_secs(60);

impl Speaker {
    /// A speaker that has not begun: feed it [`Input::Start`].
    pub fn new(config: SpeakerConfig) -> Speaker {
        let peers: Vec<Peer> = config
            .peers
            .iter()
            .zip(0_u32..)
            .map(|(peer, index)| Peer::new(PeerId(index), peer.clone(), config.seed.wrapping_add(u64::from(index))))
            .collect();
        let host = HostState::default();
        let fib = config.fib.map(|fib| {
            let mut fib = Fib::new(fib);
            peers.iter().for_each(|peer| fib.pin(peer.config.address, &host));
            fib
        });
        Speaker {
            host,
            peers,
            rib: Rib::new(config.decision),
            next_hops: NextHopTracker::default(),
            interner: Interner::default(),
            local: Arc::new(Source { kind: SourceKind::Local, local_asn: config.asn }),
            originated: BTreeSet::new(),
            retry_fib_at: None,
            audit_fib_at: None,
            startup: Startup::new(config.reconcile_after),
            fib,
            outputs: VecDeque::new(),
            waiting: BTreeSet::new(),
            config,
        }
    }

    /// Takes in something that happened.
    pub fn handle_input(&mut self, input: Input<'_>, now: Instant) {
        match input {
            Input::Start => {
                self.startup.begin(now);
                self.audit_fib_at = self.fib.as_ref().map(|_| now + FIB_AUDIT);
                self.originate();
                self.each_session(|session| session.handle_event(Event::Start, now));
            }
            Input::Shutdown => {
                let stop = || Event::Stop { notification: Notification::cease(iana::cease::ADMINISTRATIVE_SHUTDOWN) };
                self.each_session(|session| session.handle_event(stop(), now));
            }
            Input::ConnectionOpened { peer, connection, direction, local_address } => {
                if let Some(known) = self.peer_mut(peer) {
                    known.local_addresses.insert(connection, local_address);
                    known.session.handle_event(Event::ConnectionOpened { connection, direction }, now);
                    self.carry_out(peer);
                }
            }
            Input::ConnectFailed { peer, reason } => self.session_event(peer, Event::ConnectFailed { reason }, now),
            Input::ConnectionClosed { peer, connection, reason } => {
                self.session_event(peer, Event::ConnectionClosed { connection, reason }, now);
                if let Some(known) = self.peer_mut(peer) {
                    known.local_addresses.remove(&connection);
                }
            }
            Input::Received { peer, connection, frame } => self.received(peer, connection, frame, now),
            Input::FibDone { op, result } => {
                if let Some(fib) = &mut self.fib {
                    if result.is_err() {
                        self.retry_fib_at.get_or_insert(now + FIB_RETRY);
                    }
                    fib.acknowledge(&op, result);
                }
            }
        }
        self.flush(now);
    }

    /// Lets timers that are due go off.
    pub fn handle_timeout(&mut self, now: Instant) {
        for index in 0..self.peers.len() {
            if self.peers[index].session.poll_timeout().is_some_and(|due| due <= now) {
                self.peers[index].session.handle_timeout(now);
                self.carry_out(self.peers[index].id);
            }
        }
        if self.retry_fib_at.is_some_and(|due| due <= now)
            && let Some(fib) = &mut self.fib
        {
            self.retry_fib_at = None;
            fib.retry_failed();
        }
        if self.audit_fib_at.is_some_and(|due| due <= now)
            && let Some(fib) = &mut self.fib
        {
            self.audit_fib_at = Some(now + FIB_AUDIT);
            fib.adopt(&self.host);
        }
        self.flush(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let sessions = self.peers.iter().filter_map(|peer| peer.session.poll_timeout());
        sessions.chain(self.startup.deadline()).chain(self.retry_fib_at).chain(self.audit_fib_at).min()
    }

    /// The next thing to be done outside.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Appends UPDATEs for a peer to `out`, whole messages until it holds at least `limit` octets or nothing waits.
    /// Nothing comes for a connection that is not the peer's established one.
    ///
    /// Whoever stops while [`has_updates`](Self::has_updates) because the connection is full goes on when it is not:
    /// [`Output::UpdatesPending`] does not come again for what waited already.
    pub fn poll_updates(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        out: &mut Vec<u8>,
        limit: usize,
        now: Instant,
    ) {
        let Some(known) = self.peers.get_mut(peer.0 as usize) else { return };
        let Some(established) = known.established.as_mut().filter(|up| up.connection == connection) else { return };
        let sent = established.poll_updates(out, limit);
        if sent.messages > 0 {
            known.session.sent_updates(sent.messages, now);
        }
        if !sent.too_large.is_empty() {
            self.outputs.push_back(Output::Notice(Notice::RouteTooLarge { peer, prefixes: sent.too_large }));
        }
    }

    /// Whether updates wait for this peer.
    pub fn has_updates(&self, peer: PeerId) -> bool {
        self.peer(peer).and_then(|known| known.established.as_ref()).is_some_and(Established::has_pending)
    }

    /// The peer to whom a connection from this address belongs.
    pub fn peer_of_address(&self, remote: IpAddr) -> Option<PeerId> {
        self.peers.iter().find(|peer| peer.config.address == remote).map(|peer| peer.id)
    }

    /// One peer.
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id.0 as usize)
    }

    /// All peers, in the order of the configuration.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// The configuration.
    pub fn config(&self) -> &SpeakerConfig {
        &self.config
    }

    /// The routes.
    pub fn rib(&self) -> &Rib {
        &self.rib
    }

    /// What the kernel should hold of our routes; `None` if it is kept out of it.
    pub fn fib(&self) -> Option<&Fib> {
        self.fib.as_ref()
    }

    /// The machine's network.
    pub fn host(&self) -> &HostState {
        &self.host
    }

    /// What a peer is told of a prefix, with the reasons; `None` while its session is down or there is no route.
    pub fn exported(&self, peer: PeerId, prefix: Prefix) -> Option<Result<Exported, Unexported>> {
        let receiver = self.peer(peer)?.receiver()?;
        let selected = self.rib.selected(prefix)?;
        Some(export(&selected.best, receiver, &self.host))
    }

    fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id.0 as usize)
    }

    fn session_event(&mut self, peer: PeerId, event: Event, now: Instant) {
        if let Some(known) = self.peer_mut(peer) {
            known.session.handle_event(event, now);
            self.carry_out(peer);
        }
    }

    fn each_session(&mut self, event: impl Fn(&mut crate::fsm::Session)) {
        for index in 0..self.peers.len() {
            event(&mut self.peers[index].session);
            self.carry_out(self.peers[index].id);
        }
    }

    fn received(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        frame: Result<&[u8], packet::DecodeError>,
        now: Instant,
    ) {
        let Some(known) = self.peer(peer) else { return };
        let context = known.session.codec_context(connection);
        let message = frame.and_then(|octets| packet::decode(octets, context));
        self.session_event(peer, Event::Received { connection, message }, now);
    }

    /// Does what a session asks for.
    fn carry_out(&mut self, id: PeerId) {
        while let Some(action) = self.peer_mut(id).and_then(|peer| peer.session.poll_action()) {
            match action {
                Action::Connect => self.outputs.push_back(Output::Connect { peer: id }),
                Action::CancelConnect => self.outputs.push_back(Output::CancelConnect { peer: id }),
                Action::Send { connection, message } => self.send(id, connection, &message),
                Action::Close { connection } => {
                    if let Some(peer) = self.peer_mut(id) {
                        peer.local_addresses.remove(&connection);
                    }
                    self.outputs.push_back(Output::Close { connection });
                }
                Action::Established { connection, negotiated } => self.peer_up(id, connection, negotiated),
                Action::Deliver { message } => self.deliver(id, message),
                Action::Down { reason } => self.peer_down(id, reason),
            }
        }
    }

    /// Encodes a message that the session sends: OPEN, KEEPALIVE and NOTIFICATION are within every limit.
    fn send(&mut self, id: PeerId, connection: ConnectionId, message: &Message) {
        let Some(peer) = self.peer(id) else { return };
        let context = peer.session.codec_context(connection);
        let mut octets = Vec::new();
        if packet::encode(message, context, &mut octets).is_ok() {
            self.outputs.push_back(Output::Send { connection, octets });
        }
    }

    fn peer_up(&mut self, id: PeerId, connection: ConnectionId, negotiated: Negotiated) {
        let Some(peer) = self.peers.get_mut(id.0 as usize) else { return };
        let families = negotiated.context.families.clone();
        peer.established = Some(Established::new(peer, connection, negotiated));
        for family in &families {
            for (prefix, selected) in self.rib.iter_selected(*family) {
                peer.tell(prefix, Some(&selected.best), &self.host, &mut self.interner);
            }
        }
        self.waiting.insert(id);
        self.outputs.push_back(Output::Notice(Notice::PeerUp { peer: id, families }));
    }

    fn peer_down(&mut self, id: PeerId, reason: DownReason) {
        if let Some(peer) = self.peer_mut(id) {
            peer.established = None;
        }
        self.outputs.push_back(Output::Notice(Notice::PeerDown { peer: id, reason }));
        let deltas = self.rib.withdraw_peer(id, &self.next_hops);
        self.spread(deltas);
        self.next_hops.forget_all_but(self.rib.next_hops().collect());
    }

    /// Removes what an earlier run left in the kernel once every peer has told us all, or the time is up.
    fn reconcile_if_due(&mut self, now: Instant) {
        let all_told =
            || self.peers.iter().all(|peer| peer.established.as_ref().is_some_and(Established::has_told_all));
        if self.startup.is_over(all_told, now)
            && let Some(fib) = &mut self.fib
        {
            let removed = fib.entries().filter(|entry| entry.adopted).count();
            fib.reconcile();
            self.outputs.push_back(Output::Notice(Notice::Reconciled { removed }));
        }
    }

    /// Turns what became due into outputs.
    fn flush(&mut self, now: Instant) {
        self.reconcile_if_due(now);
        while let Some(op) = self.fib.as_mut().and_then(Fib::poll_op) {
            self.outputs.push_back(Output::Fib(op));
        }
        // Costs what changed, not what there is: with a thousand peers most inputs concern none of them.
        for id in std::mem::take(&mut self.waiting) {
            let established = self.peers.get_mut(id.0 as usize).and_then(|peer| peer.established.as_mut());
            if let Some(connection) = established.and_then(Established::announce_pending) {
                self.outputs.push_back(Output::UpdatesPending { peer: id, connection });
            }
        }
    }
}
