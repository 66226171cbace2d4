//! Who shares out paths with us, towards each route server of its own (see [`super::diverse`]).
//!
//! Hubs know of each other by BGP: each tells its fellows, peers of [`PeerKind::Hub`], the address of a route server as a
//! host route while its own session with that one is up and it knows what it has to tell. A hub that dies, or loses the
//! route server, takes that route away with it, and everybody left counts again. Such a route says nothing about the
//! way to the address, so it is used for nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::config::PeerKind;
use super::diverse::{Share, export_selected};
use super::stale::StaleCause;
use super::{Notice, Output, Peer, Speaker};
use crate::attributes::{Community, PathAttributes};
use crate::net::{AfiSafi, Instant, Prefix, RouterId};
use crate::policy::{NextHopMode, outbound_next_hop};
use crate::rib::{DEFAULT_LOCAL_PREF, Outbound};
use crate::route::{NextHop, PeerId, Route};

/// How long after the start we wait for peers to tell us all before we take our share.
pub(super) const HUB_PATIENCE: Duration = Duration::from_secs(10);

/// How a fellow hub stands towards one route server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubStanding {
    /// It tells its share.
    Sharing(RouterId),
    /// Our session with it is not established.
    Down,
    /// It does not say that it has a session with the route server.
    Absent,
}

impl Speaker {
    /// The route servers among which paths are shared out.
    pub fn shared_servers(&self) -> impl Iterator<Item = &Peer> {
        self.shared_servers.iter().filter_map(|id| self.peer(*id))
    }

    /// Looks who is told shares, and which host routes say that a hub tells them: peers have come or gone.
    pub(super) fn count_shared_servers(&mut self) {
        self.shared_servers = self.peers.iter().filter(|peer| peer.config.diverse_paths).map(Peer::id).collect();
        let presence = |server: &Peer| (Prefix::host(server.config.address), server.config.name.clone());
        let presences: Arc<BTreeMap<Prefix, String>> = Arc::new(self.shared_servers().map(presence).collect());
        for hub in self.peers.iter_mut().filter(|peer| peer.config.kind == PeerKind::Hub) {
            hub.presences = Arc::clone(&presences);
        }
        self.hubs_changed = true;
    }

    /// A peer's route came or went: if that is what says that a hub shares, it is counted again who does.
    pub(super) fn note_presence(&mut self, id: PeerId, prefix: Prefix) {
        self.hubs_changed |= self.peer(id).is_some_and(|peer| peer.presences.contains_key(&prefix));
    }

    /// The fellow hubs that are configured, and how each stands towards a route server.
    pub fn fellow_hubs<'a>(&'a self, server: &'a Peer) -> impl Iterator<Item = (&'a Peer, HubStanding)> {
        let presence = Prefix::host(server.config.address);
        let hubs = self.peers.iter().filter(|peer| peer.config.kind == PeerKind::Hub);
        hubs.map(move |hub| match &hub.established {
            None => (hub, HubStanding::Down),
            Some(_) if self.rib.received(presence, hub.id).is_none() => (hub, HubStanding::Absent),
            // It was there before the hub's restart; until the hub says so again, it may have nothing to tell.
            Some(_) if hub.stale.cause(presence) == Some(StaleCause::Restart) => (hub, HubStanding::Absent),
            Some(up) => (hub, HubStanding::Sharing(up.negotiated.remote_router_id)),
        })
    }

    /// How many paths nobody tells a route server, and of how many prefixes it is told one of several.
    pub fn spread_towards(&self, server: &Peer) -> (usize, usize) {
        let Some(receiver) = server.receiver() else { return (0, 0) };
        let selected = AfiSafi::ALL.into_iter().flat_map(|family| self.rib.iter_selected(family));
        let several = selected.filter(|(_, selected)| selected.diverse.len() > 1);
        let around = self.surroundings();
        let numbers = several.filter_map(|(_, selected)| export_selected(selected, receiver, around).ok()?.path);
        numbers.fold((0, 0), |(hidden, prefixes), number| (hidden + number.hidden(), prefixes + 1))
    }

    /// The share of paths that a peer is told: ours if it is a route server; if it is a fellow hub, its own, so that it
    /// has its share even if it has lost the one who announced it. `None` if it is told the best.
    pub(super) fn share_towards(&self, id: PeerId) -> Option<Share> {
        let peer = self.peer(id)?;
        match peer.config.kind {
            PeerKind::Hub => self.shared_servers().find_map(|server| {
                let place = self.fellow_hubs(server).find_map(|(hub, standing)| (hub.id == id).then_some(standing));
                match place? {
                    HubStanding::Sharing(hub) => Some(self.place(server, hub)),
                    HubStanding::Down | HubStanding::Absent => None,
                }
            }),
            PeerKind::Router | PeerKind::RouteServer => {
                peer.config.diverse_paths.then(|| self.place(peer, self.config.router_id))
            }
        }
    }

    /// The place of a hub, ourselves or a fellow, among those that share, as that hub counts them: a fellow counts us only
    /// while we tell it that we share.
    fn place(&self, server: &Peer, hub: RouterId) -> Share {
        let fellows = self.fellow_hubs(server).filter_map(|(_, standing)| match standing {
            HubStanding::Sharing(id) => Some(id),
            HubStanding::Down | HubStanding::Absent => None,
        });
        let own = Some(self.config.router_id).filter(|own| *own == hub || shares(server));
        let all: Vec<RouterId> = fellows.chain(own).collect();
        Share { index: all.iter().filter(|id| **id < hub).count(), of: all.len() }
    }

    /// Whether we have heard what we have to tell a route server: from then on we count among the hubs. Every fellow is
    /// waited for as well, so that all begin to count us at once.
    pub(super) fn hubs_ready(&mut self, now: Instant) {
        for id in self.shared_servers.clone() {
            let waits = |peer: &&Peer| peer.established.as_ref().is_some_and(|up| !up.ready);
            if self.peers.get(id).filter(waits).is_none() {
                continue;
            }
            let all_told = self.all_told();
            let Some(up) = self.peers.get_mut(id).and_then(|server| server.established.as_mut()) else { continue };
            if up.readiness.deadline().is_none() {
                up.readiness.begin(now);
            }
            if up.readiness.is_over(|| all_told, now) {
                up.ready = true;
                self.hubs_changed = true;
            }
        }
    }

    /// Counts again who shares, and tells what changes with that: route servers their paths, fellow hubs our presence.
    pub(super) fn settle_hubs(&mut self) {
        if !std::mem::take(&mut self.hubs_changed) || self.shared_servers.is_empty() {
            return;
        }
        let servers = self.shared_servers.clone();
        servers.iter().for_each(|server| self.settle_share(*server));
        let hubs = self.peers.iter().filter(|peer| peer.config.kind == PeerKind::Hub);
        for id in hubs.map(Peer::id).collect::<Vec<_>>() {
            servers.iter().for_each(|server| self.tell_presence(id, *server));
            self.settle_share(id);
        }
    }

    fn settle_share(&mut self, id: PeerId) {
        let share = self.share_towards(id);
        let Some(server) = self.peers.get_mut(id) else { return };
        match &mut server.established {
            Some(up) if up.share != share => up.share = share,
            Some(_) | None => return,
        }
        // One announcement takes the place of another: the route server never sees the prefix gone.
        self.tell_all(id);
        if let (Some(share), Some(server)) = (share, self.peer(id).filter(|server| server.config.diverse_paths)) {
            let (hidden, prefixes) = self.spread_towards(server);
            self.outputs.push_back(Output::Notice(Notice::Share { peer: id, share, prefixes, hidden }));
        }
    }

    /// Tells a fellow hub whether we share towards a route server.
    fn tell_presence(&mut self, id: PeerId, server: PeerId) {
        let Some(server) = self.peer(server) else { return };
        let prefix = Prefix::host(server.config.address);
        let present = shares(server);
        let Some(up) = self.peers.get_mut(id).and_then(|hub| hub.established.as_mut()) else { return };
        let attributes = PathAttributes {
            local_pref: Some(DEFAULT_LOCAL_PREF),
            // Should a fellow not know what it means, it keeps it to itself.
            communities: vec![Community::NO_ADVERTISE],
            ..PathAttributes::default()
        };
        let attributes = self.interner.intern(attributes);
        let source = self.local.clone();
        let route = Route { prefix, next_hop: NextHop::Own, attributes: attributes.clone(), source };
        let next_hop = outbound_next_hop(&route, NextHopMode::SelfAddress, &up.view, &self.host);
        let told = next_hop.ok().filter(|_| present).map(|(next_hop, _)| Outbound { attributes, next_hop });
        if let Some(rib) = up.adj_rib_out.get_mut(&prefix.family()) {
            rib.set(prefix, told);
            self.waiting.insert(id);
        }
    }
}

/// Whether we tell fellow hubs that we share paths out towards this route server.
fn shares(server: &Peer) -> bool {
    !server.admin.is_drained() && server.established.as_ref().is_some_and(|up| up.ready)
}
