//! The speaker: joins sessions, RIB, policies, next-hop tracking and the kernel FIB's desired state, and owns all of it.
//!
//! Sans-I/O. Whoever drives it hands in [`Input`]s, calls [`Speaker::handle_timeout`] when [`Speaker::poll_timeout`]
//! is due and [`Speaker::work`] while [`Speaker::has_work`], and after each carries out what [`Speaker::poll_output`]
//! says until that says nothing. No call takes longer than a message is long or `work` is allowed to, but for the end of
//! a session, which lists the prefixes of its routes, and the begin of one over routes of the last that are not all
//! withdrawn yet. Updates are not pushed: they are pulled by [`Speaker::poll_updates`] when a connection can take them,
//! so a peer that does not read costs a set of pending prefixes and no queue (RFC 4271 §9.2.1 asks only that the newest
//! state be sent).

mod aggregates;
mod aggregation;
mod as_path;
mod bfd;
mod config;
mod disabled;
mod diverse;
mod enforce;
mod event;
mod export;
mod hubs;
mod import;
mod limits;
mod machine;
mod membership;
mod next_hops;
mod operate;
mod originate;
mod peer;
mod peers;
mod redistribute;
mod refresh;
mod reload;
mod restart;
mod roles;
mod routing;
mod stale;
mod startup;
#[cfg(test)]
mod tests;
mod work;

pub use aggregates::{Aggregate, Aggregates};
pub use aggregation::Unformed;
pub use as_path::{AsPathRules, LocalAs, OwnAses, RemovePrivateAs};
pub use config::{
    AggregateConfig, BfdConfig, ListenConfig, Originate, PeerConfig, PeerKind, RedistributeConfig, RedistributeFrom,
    SpeakerConfig,
};
pub use diverse::{PathNumber, Share, export_selected};
pub use event::{Input, Notice, Output};
pub use export::{Exported, Receiver, Surroundings, Unexported, export};
pub use hubs::HubStanding;
pub use limits::{Excess, Limit, LimitAction, LimitKind, Limiting, Limits, Nearness, Overrun};
pub use membership::Refusal;
pub use operate::{Refreshed, Reset};
pub use peer::{Admin, Established, Peer};
pub use peers::Peers;
pub use refresh::IgnoredRefresh;
pub use reload::{Change, NeedsRestart};
pub use stale::{Stale, StaleCause, StaleEnd};
pub use work::LONGEST_JOURNAL;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
use work::Work;

/// A BGP speaker with everything that it knows.
pub struct Speaker {
    config: SpeakerConfig,
    host: HostState,
    peers: Peers,
    /// The names of peers that are gone and of whom outputs still speak.
    removed: BTreeMap<PeerId, String>,
    started: bool,
    rib: Rib,
    next_hops: NextHopTracker,
    interner: Interner,
    local: Arc<Source>,
    aggregates: Aggregates,
    aggregate_source: Arc<Source>,
    originated: BTreeSet<Prefix>,
    fib: Option<Fib>,
    /// When the kernel is asked again for what it refused.
    retry_fib_at: Option<Instant>,
    startup: Startup,
    /// After a restart: while we keep what we learn to ourselves.
    deferral: Startup,
    /// We have restarted, and the start is not over.
    restarted: bool,
    /// The route servers among which paths are shared out.
    shared_servers: Vec<PeerId>,
    /// Who shares out paths with us may have changed.
    hubs_changed: bool,
    outputs: VecDeque<Output>,
    /// Traffic is led away from this router (RFC 8326).
    drained: bool,
    /// Peers for whom something may wait of which nobody was told yet.
    waiting: BTreeSet<PeerId>,
    /// Peers the number of whose prefixes may have changed, and is limited.
    counted: BTreeSet<PeerId>,
    work: Work,
}

/// How long after the kernel refused a route it is asked again.
const FIB_RETRY: Duration = Duration::from_secs(5);

impl Speaker {
    /// A speaker that has not begun: feed it [`Input::Start`].
    pub fn new(config: SpeakerConfig) -> Speaker {
        let mut peers = Peers::default();
        for peer in &config.peers {
            peers.add(|id| Peer::new(id, peer.clone(), membership::seed(config.seed, id)));
        }
        let host = HostState::default();
        let fib = config.fib.map(|fib| {
            let mut fib = Fib::new(fib);
            peers.iter().for_each(|peer| fib.pin(peer.config.address, &host));
            fib
        });
        let mut speaker = Speaker {
            host,
            shared_servers: Vec::new(),
            peers,
            removed: BTreeMap::new(),
            started: false,
            rib: Rib::new(config.decision),
            next_hops: NextHopTracker::default(),
            interner: Interner::default(),
            local: Arc::new(Source { kind: SourceKind::Local, local_asn: config.asn }),
            aggregates: Aggregates::new(&config.aggregates),
            aggregate_source: Arc::new(Source { kind: SourceKind::Aggregate, local_asn: config.asn }),
            originated: BTreeSet::new(),
            retry_fib_at: None,
            startup: Startup::new(config.reconcile_after),
            deferral: Startup::new(config.reconcile_after.min(restart::DEFERRAL)),
            restarted: false,
            hubs_changed: false,
            fib,
            outputs: VecDeque::new(),
            drained: false,
            waiting: BTreeSet::new(),
            counted: BTreeSet::new(),
            work: Work::default(),
            config,
        };
        speaker.count_shared_servers();
        speaker
    }

    /// Takes in something that happened.
    pub fn handle_input(&mut self, input: Input<'_>, now: Instant) {
        match input {
            Input::Start => {
                self.started = true;
                self.startup.begin(now);
                self.originate();
                self.begin_restart(now);
                self.each_session(|session| session.handle_event(Event::Start, now), now);
            }
            Input::Shutdown => {
                self.started = false;
                let stop = || Event::Stop { notification: Notification::cease(iana::cease::ADMINISTRATIVE_SHUTDOWN) };
                self.each_session(|session| session.handle_event(stop(), now), now);
            }
            Input::Restart => {
                self.started = false;
                let leave = || Event::Leave { notification: Notification::cease(iana::cease::ADMINISTRATIVE_SHUTDOWN) };
                self.each_session(|session| session.handle_event(leave(), now), now);
            }
            Input::ConnectionOpened { peer, connection, direction, local_address } => {
                if let Some(known) = self.peer_mut(peer) {
                    known.local_addresses.insert(connection, local_address);
                    known.session.handle_event(Event::ConnectionOpened { connection, direction }, now);
                    self.carry_out(peer, now);
                }
            }
            Input::ConnectFailed { peer, reason } => self.session_event(peer, Event::ConnectFailed { reason }, now),
            Input::ConnectionClosed { peer, connection, reason } => {
                self.session_event(peer, Event::ConnectionClosed { connection, reason }, now);
                if let Some(known) = self.peer_mut(peer) {
                    known.local_addresses.remove(&connection);
                }
            }
            Input::Bfd { peer, event } => self.bfd_changed(peer, event, now),
            Input::Sent { peer, connection, stood_in } => {
                self.session_event(peer, Event::Sent { connection, stood_in }, now);
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
        for id in self.peers.take_due(now) {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            peer.session.handle_timeout(now);
            let tired = peer.stale.until().is_some_and(|until| until <= now);
            let forgotten = peer.forget_at().is_some_and(|at| at <= now);
            if peer.take_due_refresh(now) {
                self.counted.insert(id);
            }
            self.carry_out(id, now);
            if tired {
                self.drop_overdue(id, now);
            }
            if forgotten {
                self.forget(id, now);
            }
        }
        if self.retry_fib_at.is_some_and(|due| due <= now)
            && let Some(fib) = &mut self.fib
        {
            self.retry_fib_at = None;
            fib.retry_failed();
        }
        self.flush(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let peers = self.peers.poll_timeout().into_iter();
        peers.chain(self.startup.deadline()).chain(self.deferral.deadline()).chain(self.retry_fib_at).min()
    }

    /// Whether the next [`handle_timeout`](Self::handle_timeout) gives up a peer for its silence. Whoever holds messages
    /// back hands them in before.
    pub fn misses_a_peer(&self, now: Instant) -> bool {
        self.peers.iter().any(|peer| peer.session.misses_the_peer(now))
    }

    /// The next thing to be done outside.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            self.removed.clear();
        }
        output
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
        let Some(known) = self.peers.get_mut(peer) else { return };
        let Some(established) = known.established.as_mut().filter(|up| up.connection == connection) else { return };
        let sent = established.poll_updates(out, limit);
        if sent.updates > 0 {
            known.session.sent_updates(sent.updates, now);
        }
        sent.refreshes.into_iter().for_each(|subtype| known.session.sent_refresh(subtype));
        if !sent.too_large.is_empty() {
            self.outputs.push_back(Output::Notice(Notice::RouteTooLarge { peer, prefixes: sent.too_large }));
        }
        self.peers.settle(now);
    }

    /// The longest message that may come on a connection: it is settled by the OPEN that we send, which is among the
    /// outputs that follow the connection's opening (RFC 8654 §4).
    pub fn longest_message(&self, peer: PeerId, connection: ConnectionId) -> usize {
        self.peer(peer).map_or(packet::MAX_MESSAGE, |known| known.session.codec_context(connection).max_receive)
    }

    /// Whether updates wait for this peer.
    pub fn has_updates(&self, peer: PeerId) -> bool {
        self.peer(peer).and_then(|known| known.established.as_ref()).is_some_and(Established::has_pending)
    }

    /// The peer to whom a connection from this address belongs.
    pub fn peer_of_address(&self, remote: IpAddr) -> Option<PeerId> {
        self.peers.of_address(remote).map(|peer| peer.id)
    }

    /// One peer.
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id)
    }

    /// The name of a peer, also of one that was just removed.
    pub fn name(&self, id: PeerId) -> &str {
        let known = self.peer(id).map(|peer| peer.config.name.as_str());
        known.or_else(|| self.removed.get(&id).map(String::as_str)).unwrap_or("?")
    }

    /// All peers, in the order of the configuration.
    pub fn peers(&self) -> &Peers {
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
        let (receiver, up) = (self.peer(peer)?.receiver()?, self.peer(peer)?.established()?);
        let selected = self.rib.selected(prefix)?;
        let exported = export_selected(selected, receiver, self.surroundings());
        // What no policy says, but what became of the route on its way out.
        let most = receiver.config.limits.blocks(LimitKind::Export, prefix.family());
        let kept_back = most.filter(|_| up.limiting.keeps_back(prefix)).map(|limit| Unexported::ExportLimit { limit });
        let max = up.negotiated.context.max_send;
        let too_large = up.too_large().contains(&prefix).then_some(Unexported::TooLarge { max });
        Some(match kept_back.or(too_large) {
            Some(reason) => exported.and(Err(reason)),
            None => exported,
        })
    }

    /// What exports depend on besides route and peer.
    pub fn surroundings(&self) -> Surroundings<'_> {
        Surroundings::new(&self.config, &self.host, &self.aggregates, self.fib.as_ref())
    }

    /// The aggregates, and what contributes to them.
    pub fn aggregates(&self) -> &Aggregates {
        &self.aggregates
    }

    fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id)
    }

    fn session_event(&mut self, peer: PeerId, event: Event, now: Instant) {
        if let Some(known) = self.peer_mut(peer) {
            known.session.handle_event(event, now);
            self.carry_out(peer, now);
        }
    }

    fn each_session(&mut self, event: impl Fn(&mut crate::fsm::Session), now: Instant) {
        for id in self.peers.ids() {
            if let Some(peer) = self.peers.get_mut(id) {
                event(&mut peer.session);
                self.carry_out(id, now);
            }
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
    fn carry_out(&mut self, id: PeerId, now: Instant) {
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
                Action::CapabilitiesRefused => {
                    self.outputs.push_back(Output::Notice(Notice::CapabilitiesRefused { peer: id }));
                }
                Action::Established { connection, negotiated } => self.peer_up(id, connection, negotiated),
                Action::Deliver { message } => self.deliver(id, message, now),
                Action::Down { reason } => self.peer_down(id, reason, now),
            }
        }
        self.watch_as_wanted(id);
    }

    /// Encodes a message that the session sends: OPEN, KEEPALIVE and NOTIFICATION are within every limit.
    fn send(&mut self, id: PeerId, connection: ConnectionId, message: &Message) {
        let Some(peer) = self.peer(id) else { return };
        let context = peer.session.codec_context(connection);
        let mut octets = Vec::new();
        let keepalive = peer.session.keepalive_interval(connection);
        if packet::encode(message, context, &mut octets).is_ok() {
            self.outputs.push_back(Output::Send { connection, octets, keepalive });
        }
    }

    fn peer_up(&mut self, id: PeerId, connection: ConnectionId, negotiated: Negotiated) {
        self.withdraw_rest(id);
        let (share, held) = (self.share_towards(id), self.is_deferring() && negotiated.survives_our_restart());
        let Some(peer) = self.peers.get_mut(id) else { return };
        let families = negotiated.context.families.clone();
        let mut established = Established::new(peer, connection, negotiated.clone(), share);
        established.held = held;
        peer.established = Some(established);
        peer.overrun = None;
        self.hubs_changed = true;
        self.keep_stale_of_preserved(id, &negotiated);
        self.tell_all_from_now(id);
        self.outputs.push_back(Output::Notice(Notice::PeerUp { peer: id, families }));
    }

    fn peer_down(&mut self, id: PeerId, reason: DownReason, now: Instant) {
        let up = self.peer_mut(id).and_then(|peer| peer.established.take());
        self.hubs_changed = true;
        self.lose_routes(id, up.as_ref().map(Established::negotiated), &reason, now);
        if let Some(peer) = self.peer_mut(id) {
            peer.last_terms = up.map(|up| (up.view, up.negotiated)).filter(|_| !peer.stale.is_empty());
        }
        self.outputs.push_back(Output::Notice(Notice::PeerDown { peer: id, reason }));
    }

    /// Whether every peer is there and has sent all that it had. Who may connect from a range nobody knows before.
    fn all_told(&self) -> bool {
        let has_told = |peer: &Peer| {
            let told = peer.established.as_ref().is_some_and(Established::has_told_all);
            told || peer.is_kept_down()
        };
        self.config.listen.is_empty() && self.peers.iter().all(has_told)
    }

    /// Removes what an earlier run left in the kernel once every peer has told us all, or the time is up.
    fn reconcile_if_due(&mut self, now: Instant) {
        if self.startup.deadline().is_none() || !self.is_settled() {
            return;
        }
        let all_told = self.all_told();
        if !self.startup.is_over(|| all_told, now) {
            return;
        }
        self.end_restart();
        if let Some(fib) = &mut self.fib {
            let removed = fib.entries().filter(|entry| entry.adopted).count();
            fib.reconcile();
            self.outputs.push_back(Output::Notice(Notice::Reconciled { removed }));
        }
    }

    /// What came into the kernel may be told now, and what went from it may not any more, where that counts.
    fn note_arrivals(&mut self) {
        let arrivals = self.fib.as_mut().map(Fib::take_arrivals).unwrap_or_default();
        if self.config.suppress_until_installed {
            arrivals.into_iter().for_each(|prefix| self.note_change(prefix));
        }
    }

    /// Turns what became due into outputs.
    fn flush(&mut self, now: Instant) {
        self.enforce_limits(now);
        self.end_deferral_if_due(now);
        self.reconcile_if_due(now);
        self.hubs_ready(now);
        self.settle_hubs();
        self.note_arrivals();
        self.queue_listeners();
        while let Some(op) = self.fib.as_mut().and_then(Fib::poll_op) {
            self.outputs.push_back(Output::Fib(op));
        }
        // Costs what changed, not what there is: with a thousand peers most inputs concern none of them.
        for id in std::mem::take(&mut self.waiting) {
            let established = self.peers.get_mut(id).and_then(|peer| peer.established.as_mut());
            let Some(established) = established else { continue };
            if established.take_default_route_news() {
                self.outputs.push_back(Output::Notice(Notice::DefaultRouteToRouteServer { peer: id }));
            }
            if let Some(connection) = established.announce_pending() {
                self.outputs.push_back(Output::UpdatesPending { peer: id, connection });
            }
        }
        self.peers.settle(now);
        self.note_congestion();
    }
}
