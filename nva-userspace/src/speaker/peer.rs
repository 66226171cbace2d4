//! One peer: its session and, while that is established, what goes out on it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::config::{PeerConfig, PeerKind};
use super::diverse::{Share, export_selected};
use super::export::{Receiver, Surroundings, Unexported};
use super::hubs::HUB_PATIENCE;
use super::import::Sender;
use super::limits::{LimitKind, Limiting, Overrun};
use super::stale::Stale;
use super::startup::Startup;
use super::work::{Following, Reimport};
use crate::fsm::{ConnectionId, Negotiated, Session};
use crate::net::{AfiSafi, Instant, Prefix};
use crate::packet::{self, RefreshSubtype, RouteRefresh};
use crate::policy::PeerView;
use crate::rib::{AdjRibOut, Batch, Outbound, Selected};
use crate::route::{Interner, PeerId, Source, SourceKind};

/// A peer.
pub struct Peer {
    pub(super) id: PeerId,
    pub(super) config: PeerConfig,
    pub(super) session: Session,
    pub(super) admin: Admin,
    /// How long it stays without a connection, if it is a member of a group that listens and not configured itself.
    forget_after: Option<Duration>,
    /// When it has stayed for so long.
    forget_at: Option<Instant>,
    /// Our address on each of its connections.
    pub(super) local_addresses: BTreeMap<ConnectionId, IpAddr>,
    pub(super) established: Option<Established>,
    /// What its last session had agreed on: by that its stale routes are decided about while it is away.
    pub(super) last_terms: Option<(PeerView, Negotiated)>,
    /// What has to be done again about what it sent.
    pub(super) reimport: Option<Reimport>,
    /// BFD was asked for.
    pub(super) watched: bool,
    /// Routes that it has not confirmed yet.
    pub(super) stale: Stale,
    /// How many of those it never confirmed, since the start.
    pub(super) stale_removed: u64,
    /// ROUTE-REFRESHes that were ignored, since the start.
    pub(super) ignored_refreshes: u64,
    /// The limit that ended the last session.
    pub(super) overrun: Option<Overrun>,
    /// Routes of an earlier session that are yet to be withdrawn.
    pub(super) gone: BTreeSet<Prefix>,
    /// Malformed UPDATEs that were survived, since the start (RFC 7606).
    pub(super) malformed_updates: u64,
    /// UPDATEs whose routes are not used since they came with an AS_SET, since the start (RFC 9774).
    pub(super) as_set_updates: u64,
    /// Prefixes that mean something else than a way there between it and us, with what they stand for.
    pub(super) presences: Arc<BTreeMap<Prefix, String>>,
}

/// What an operator has said about a peer while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// Its session is stopped and stays so; the text is what the peer was told.
    pub disabled: Option<String>,
    /// Traffic is led away from it (RFC 8326).
    pub drained: bool,
    /// Traffic is led away from this whole router.
    pub router_drained: bool,
}

impl Admin {
    /// Whether its routes are the last choice on both sides of the session (RFC 8326 §4.2).
    pub fn is_drained(&self) -> bool {
        self.drained || self.router_drained
    }
}

/// What exists while a session is established.
pub struct Established {
    pub(super) connection: ConnectionId,
    pub(super) negotiated: Negotiated,
    pub(super) view: PeerView,
    pub(super) source: Arc<Source>,
    pub(super) adj_rib_out: BTreeMap<AfiSafi, AdjRibOut>,
    /// Our share of equal paths; `None` if it is told the best.
    pub(super) share: Option<Share>,
    /// Until when we wait, as one of several hubs, for others to tell us what we have to tell this peer.
    pub(super) readiness: Startup,
    /// We have waited long enough.
    pub(super) ready: bool,
    /// Prefixes that it would be told but for their next hop.
    withheld: BTreeSet<Prefix>,
    /// Prefixes that it would be told, but with attributes that fit into no message.
    too_large: BTreeSet<Prefix>,
    /// It is an Azure Route Server and is told of a default route, and nobody was told that yet.
    default_route_news: bool,
    /// What the last batch left over because an output buffer was full.
    rest: Option<(Batch, usize)>,
    /// Whoever drives the speaker was told that something waits, and has not polled since.
    announced_pending: bool,
    end_of_rib_received: Vec<AfiSafi>,
    /// Families of which nothing is taken any more.
    pub(super) disabled: BTreeSet<AfiSafi>,
    /// We have restarted and do not know yet what there is to tell.
    pub(super) held: bool,
    /// What is known of its limits.
    pub(super) limiting: Limiting,
    /// How far what it is told follows the Loc-RIB.
    pub(super) following: Following,
}

/// What one call of [`Established::poll_updates`] did.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// How many UPDATEs it wrote.
    pub(super) updates: u64,
    /// Which ROUTE-REFRESHes.
    pub(super) refreshes: Vec<RefreshSubtype>,
    /// Routes whose attributes do not fit into any message.
    pub(super) too_large: Vec<Prefix>,
}

impl Peer {
    pub(super) fn new(id: PeerId, config: PeerConfig, seed: u64) -> Peer {
        let session = Session::new(config.session.clone(), seed);
        Peer {
            id,
            config,
            session,
            admin: Admin::default(),
            forget_after: None,
            forget_at: None,
            local_addresses: BTreeMap::new(),
            established: None,
            last_terms: None,
            reimport: None,
            watched: false,
            stale: Stale::default(),
            overrun: None,
            stale_removed: 0,
            ignored_refreshes: 0,
            gone: BTreeSet::new(),
            malformed_updates: 0,
            as_set_updates: 0,
            presences: Arc::default(),
        }
    }

    /// One that is forgotten when it has had no connection for so long.
    pub(super) fn dynamic(id: PeerId, config: PeerConfig, seed: u64, forget_after: Duration) -> Peer {
        Peer { forget_after: Some(forget_after), ..Peer::new(id, config, seed) }
    }

    /// Whether it has to do with sharing out paths.
    pub(super) fn shares_paths(&self) -> bool {
        self.config.diverse_paths || self.config.kind == PeerKind::Hub
    }

    /// Whether it is known only since it connected.
    pub fn is_dynamic(&self) -> bool {
        self.forget_after.is_some()
    }

    /// Whether all that is known of it is that it connects: it never had a session.
    pub(super) fn is_stranger(&self) -> bool {
        let connected = self.session.connections().next().is_some();
        connected && self.session.counters().established == 0 && self.stale.is_empty() && self.gone.is_empty()
    }

    /// When it is forgotten unless it connects before.
    pub fn forget_at(&self) -> Option<Instant> {
        self.forget_at
    }

    /// When something of it is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let readiness = self.established.as_ref().and_then(|up| up.readiness.deadline());
        let refresh = self.established.as_ref().and_then(|up| up.limiting.ask_at);
        let times = [self.session.poll_timeout(), self.forget_at, readiness, refresh, self.stale.until()];
        times.into_iter().flatten().min()
    }

    /// Notes whether it has a connection. What keeps it down is remembered.
    pub(super) fn note_idleness(&mut self, now: Instant) {
        let held = self.is_kept_down() || self.overrun.is_some_and(|overrun| overrun.holds(now));
        let idle =
            self.session.connections().next().is_none() && self.stale.is_empty() && self.gone.is_empty() && !held;
        let until = self.forget_after.filter(|_| idle).map(|patience| now + patience);
        self.forget_at = until.map(|until| self.forget_at.unwrap_or(until));
    }

    /// Its number.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Its configuration.
    pub fn config(&self) -> &PeerConfig {
        &self.config
    }

    /// The state machine of its session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What an operator has said about it.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// What there is while the session is established.
    pub fn established(&self) -> Option<&Established> {
        self.established.as_ref()
    }

    /// Its routes that it has not confirmed.
    pub fn stale(&self) -> &Stale {
        &self.stale
    }

    /// How many routes went because it did not confirm them.
    pub fn stale_removed(&self) -> u64 {
        self.stale_removed
    }

    /// ROUTE-REFRESHes of it that were ignored.
    pub fn ignored_refreshes(&self) -> u64 {
        self.ignored_refreshes
    }

    /// Malformed UPDATEs that the session survived (RFC 7606).
    pub fn malformed_updates(&self) -> u64 {
        self.malformed_updates
    }

    /// UPDATEs whose routes are not used since they came with an AS_SET or AS_CONFED_SET (RFC 9774).
    pub fn as_set_updates(&self) -> u64 {
        self.as_set_updates
    }

    /// Decides what the peer is told of a prefix from now on.
    pub(super) fn tell(
        &mut self,
        prefix: Prefix,
        selected: Option<&Selected>,
        around: Surroundings<'_>,
        interner: &mut Interner,
    ) {
        if self.presences.contains_key(&prefix) {
            return;
        }
        let Some(receiver) = self.receiver() else { return };
        let exported = selected.map(|selected| export_selected(selected, receiver, around));
        let withheld = matches!(exported, Some(Err(Unexported::NextHop(_))));
        let outbound = exported
            .and_then(Result::ok)
            .map(|exported| Outbound { attributes: interner.intern(exported.attributes), next_hop: exported.next_hop });
        let Some(established) = self.established.as_mut() else { return };
        let (limits, family) = (&self.config.limits, prefix.family());
        let limited = limits.get(LimitKind::Export, family).is_some();
        let most = limits.blocks(LimitKind::Export, family);
        let outbound = match limited && !established.limiting.tell(prefix, outbound.is_some(), most) {
            true => None,
            false => outbound,
        };
        if withheld {
            established.withheld.insert(prefix);
        } else {
            established.withheld.remove(&prefix);
        }
        established.too_large.remove(&prefix);
        let Some(rib) = established.adj_rib_out.get_mut(&prefix.family()) else { return };
        established.default_route_news |= self.config.kind == PeerKind::RouteServer
            && prefix.is_default()
            && outbound.is_some()
            && rib.advertised(prefix).is_none();
        rib.set(prefix, outbound);
    }

    /// This peer as the receiver of exports; `None` while its session is down.
    pub fn receiver(&self) -> Option<Receiver<'_>> {
        let established = self.established.as_ref()?;
        Some(Receiver {
            id: self.id,
            config: &self.config,
            view: &established.view,
            families: &established.negotiated.context.families,
            asn: established.negotiated.remote_asn,
            own: self.config.own_ases(&established.negotiated),
            drained: self.admin.is_drained(),
            role: established.negotiated.role,
            share: established.share,
        })
    }

    /// This peer as the sender of routes: by its session or, while it is away and its routes are kept, by the last one;
    /// `None` while nothing of it is in use.
    pub(super) fn sender(&self) -> Option<Sender<'_>> {
        let present = self.established.as_ref().map(|up| (&up.view, &up.negotiated));
        let away = || self.last_terms.as_ref().filter(|_| !self.stale.is_empty()).map(|(view, agreed)| (view, agreed));
        let (view, negotiated) = present.or_else(away)?;
        let own = self.config.own_ases(negotiated);
        Some(Sender { config: &self.config, view, own, drained: self.admin.is_drained(), role: negotiated.role })
    }
}

impl Established {
    pub(super) fn new(
        peer: &Peer,
        connection: ConnectionId,
        negotiated: Negotiated,
        share: Option<Share>,
    ) -> Established {
        let config = &peer.config;
        let local_address = peer.local_addresses.get(&connection).copied().unwrap_or(match config.address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
        let view = PeerView {
            local_address,
            peer_address: config.address,
            external: negotiated.remote_asn != negotiated.local_asn,
            multihop: config.multihop,
        };
        let kind = SourceKind::Peer {
            id: peer.id,
            name: config.name.clone(),
            group: config.group.clone(),
            asn: negotiated.remote_asn,
            router_id: negotiated.remote_router_id,
            address: config.address,
        };
        let families = &negotiated.context.families;
        let adj_rib_out = families.iter().map(|family| (*family, AdjRibOut::new(*family))).collect();
        let source = Arc::new(Source { kind, local_asn: config.own_asn });
        Established {
            connection,
            negotiated,
            view,
            source,
            adj_rib_out,
            share,
            readiness: Startup::new(HUB_PATIENCE),
            ready: false,
            withheld: BTreeSet::new(),
            too_large: BTreeSet::new(),
            default_route_news: false,
            rest: None,
            announced_pending: false,
            end_of_rib_received: Vec::new(),
            disabled: BTreeSet::new(),
            held: false,
            limiting: Limiting::default(),
            following: Following::nothing(),
        }
    }

    /// The connection.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// What the two sides agreed on.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The session's two ends.
    pub fn view(&self) -> &PeerView {
        &self.view
    }

    /// Our place among those that share out equal paths towards the peer; `None` if it is told the best.
    pub fn share(&self) -> Option<Share> {
        self.share
    }

    /// What the peer was told, or will be as soon as it reads.
    pub fn adj_ribs_out(&self) -> impl Iterator<Item = (AfiSafi, &AdjRibOut)> {
        self.adj_rib_out.iter().map(|(family, rib)| (*family, rib))
    }

    /// What it would be told but for the next hop: there is none that may be told to it.
    pub fn withheld(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.withheld.iter().copied()
    }

    /// What it would be told, but with attributes that fit into no message that the session carries.
    pub fn too_large(&self) -> &BTreeSet<Prefix> {
        &self.too_large
    }

    /// Whether it is an Azure Route Server that has just been told of a default route: true once.
    pub(super) fn take_default_route_news(&mut self) -> bool {
        std::mem::take(&mut self.default_route_news)
    }

    /// Whether something waits that may be sent. While we walk through the Loc-RIB for it, a few routes wait for more
    /// to be packed with, and the End-of-RIB for all.
    pub(super) fn has_pending(&self) -> bool {
        let is_worth_it = |rib: &AdjRibOut| match self.is_walking() {
            true => rib.pending() >= AdjRibOut::BATCH,
            false => rib.has_pending(),
        };
        !self.held && (self.rest.is_some() || self.adj_rib_out.values().any(is_worth_it))
    }

    /// The connection, if something waits and that is news.
    pub(super) fn announce_pending(&mut self) -> Option<ConnectionId> {
        let pending = self.has_pending();
        let announced = std::mem::replace(&mut self.announced_pending, pending);
        let news = pending && !announced;
        news.then_some(self.connection)
    }

    /// The peer has sent all that it had at the start of the session (RFC 4724 §2).
    pub(super) fn note_end_of_rib(&mut self, family: AfiSafi) {
        if !self.end_of_rib_received.contains(&family) {
            self.end_of_rib_received.push(family);
        }
    }

    /// Whether it has.
    pub(super) fn has_told(&self, family: AfiSafi) -> bool {
        self.end_of_rib_received.contains(&family)
    }

    /// Whether that holds for every family of which anything is taken.
    pub(super) fn has_told_all(&self) -> bool {
        let families = &self.negotiated.context.families;
        families.iter().all(|family| self.disabled.contains(family) || self.has_told(*family))
    }

    /// Appends UPDATEs to `out` until it holds `limit` octets or nothing waits.
    pub(super) fn poll_updates(&mut self, out: &mut Vec<u8>, limit: usize) -> Sent {
        self.announced_pending = false;
        let mut sent = Sent::default();
        while self.has_pending() && out.len() < limit {
            // A rest is older than all that waits, and so goes first: what was decided last is sent last.
            let next = self.rest.take().or_else(|| self.next_batch().map(|batch| (batch, 0)));
            let Some((batch, done)) = next else { break };
            match self.write(&batch, done, out) {
                Ok(done) => {
                    match batch {
                        Batch::Withdraw(_) | Batch::Announce { .. } | Batch::EndOfRib(_) => sent.updates += 1,
                        Batch::BeginOfRefresh(_) => sent.refreshes.push(RefreshSubtype::Begin),
                        Batch::EndOfRefresh(_) => sent.refreshes.push(RefreshSubtype::End),
                    }
                    self.rest = done.map(|done| (batch, done));
                }
                Err(prefixes) => {
                    // Whatever was told of these prefixes before no longer holds.
                    if let Some(rib) = prefixes.first().and_then(|first| self.adj_rib_out.get_mut(&first.family())) {
                        rib.not_sent(&prefixes);
                    }
                    self.too_large.extend(&prefixes);
                    sent.too_large.extend_from_slice(&prefixes);
                    self.rest = Some((Batch::Withdraw(prefixes), 0));
                }
            }
        }
        sent
    }

    /// Writes one UPDATE of a batch of which this much is done. Returns how much is done then, `None` if that is all;
    /// or the prefixes that are left, if their attributes fit into no message.
    fn write(&self, batch: &Batch, done: usize, out: &mut Vec<u8>) -> Result<Option<usize>, Vec<Prefix>> {
        let context = &self.negotiated.context;
        let left = |prefixes: &[Prefix], taken: usize| {
            let done = done + taken;
            (done < prefixes.len()).then_some(done)
        };
        match batch {
            Batch::Withdraw(prefixes) => {
                let rest = prefixes.get(done..).unwrap_or_default();
                Ok(left(prefixes, packet::encode_withdrawal(rest, context, out)))
            }
            Batch::Announce { attributes, next_hop, prefixes } => {
                let rest = prefixes.get(done..).unwrap_or_default();
                match packet::encode_announcement(attributes, (*next_hop).into(), rest, context, out) {
                    Ok(taken) => Ok(left(prefixes, taken)),
                    Err(_) => Err(rest.to_vec()),
                }
            }
            Batch::EndOfRib(family) => {
                packet::encode_end_of_rib(*family, out);
                Ok(None)
            }
            Batch::BeginOfRefresh(family) => {
                packet::encode_refresh(&RouteRefresh::new(*family, RefreshSubtype::Begin), out);
                Ok(None)
            }
            Batch::EndOfRefresh(family) => {
                packet::encode_refresh(&RouteRefresh::new(*family, RefreshSubtype::End), out);
                Ok(None)
            }
        }
    }

    fn next_batch(&mut self) -> Option<Batch> {
        self.adj_rib_out.values_mut().find_map(AdjRibOut::poll_update)
    }
}
