//! What follows from a peer's messages: Adj-RIB-In, decision, and from each change of the Loc-RIB to the kernel's FIB and
//! to the peers (RFC 4271 §9).

use std::collections::VecDeque;
use std::sync::Arc;

use super::stale::{StaleCause, StaleEnd};
use super::{Notice, Output, Speaker, import, roles};
use crate::fib::Wanted;
use crate::net::{Instant, Prefix};
use crate::packet::{Message, Update};
use crate::rib::{Import, Rejection, RibDelta, Selected};
use crate::route::{NextHop, PeerId, Route};

impl Speaker {
    /// Takes in what an established session delivers.
    pub(super) fn deliver(&mut self, id: PeerId, message: Message, now: Instant) {
        match message {
            Message::Update(update) => self.update(id, *update),
            Message::RouteRefresh(refresh) => self.refresh(id, refresh, now),
            // The session keeps these to itself.
            Message::Open(_) | Message::Notification(_) | Message::Keepalive => {}
        }
    }

    fn update(&mut self, id: PeerId, update: Update) {
        let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.established.is_some()) else { return };
        if !update.faults.is_empty() {
            peer.malformed_updates += 1;
            self.outputs.push_back(Output::Notice(Notice::MalformedUpdate { peer: id, faults: update.faults }));
        }
        if !update.disabled.is_empty() {
            self.disable_families(id, &update.disabled);
        }
        let Some(peer) = self.peers.get_mut(id) else { return };
        let Some(established) = peer.established.as_mut() else { return };
        if let Some(family) = update.end_of_rib {
            established.note_end_of_rib(family);
            self.outputs.push_back(Output::Notice(Notice::EndOfRib { peer: id, family }));
            let ends = |one, cause| one == family && cause == StaleCause::Restart;
            self.drop_stale(id, StaleEnd::EndOfRib, ends);
            return;
        }
        if update.attributes.had_as_sets() && !peer.config.allow_as_sets {
            peer.as_set_updates += 1;
        }
        let source = Arc::clone(&established.source);
        let (role, remote_asn) = (established.negotiated.role, established.negotiated.remote_asn);
        let mut deltas = Vec::new();
        for prefix in &update.withdrawn {
            peer.stale.forget(*prefix);
            established.limiting.unblock_import(*prefix);
        }
        let spoken_of = update.announced.iter().flat_map(|announced| &announced.prefixes).chain(&update.withdrawn);
        for prefix in spoken_of {
            peer.gone.remove(prefix);
            self.hubs_changed |= peer.presences.contains_key(prefix);
        }
        let some_are_stale = !peer.stale.is_empty();
        for prefix in update.withdrawn {
            deltas.extend(self.rib.withdraw(prefix, Some(id), &self.next_hops));
        }
        let mut attributes = update.attributes;
        if let Some(role) = role {
            roles::mark_received(&mut attributes, role, remote_asn);
        }
        let attributes = self.interner.intern(attributes);
        for announced in update.announced {
            for prefix in announced.prefixes {
                if self.has_no_room(id, prefix) {
                    continue;
                }
                if some_are_stale && let Some(peer) = self.peers.get_mut(id) {
                    peer.stale.confirm(prefix);
                }
                let received = import::received_route(prefix, announced.next_hop.address, attributes.clone(), &source);
                deltas.extend(self.take_in(id, received));
            }
        }
        self.spread(deltas);
        self.count_again(id);
        if self.next_hops.has_grown() {
            self.next_hops.forget_all_but(self.rib.next_hops().collect());
        }
    }

    /// Puts a peer's route through the import policy and into the RIB.
    pub(super) fn take_in(&mut self, id: PeerId, received: Route) -> Option<RibDelta> {
        let peer = self.peers.get(id)?;
        let sender = peer.sender()?;
        let decision = match peer.presences.get(&received.prefix) {
            Some(server) => Import::Rejected(Rejection::Presence { server: server.as_str().into() }),
            None => import::import(&received, sender, &self.host, &mut self.interner),
        };
        let decision = self.within_import_limit(id, decision);
        if let Import::Accepted(route) = &decision {
            self.next_hops.track(route.next_hop, &self.host);
        }
        self.rib.update(received, decision, &self.next_hops)
    }

    /// Brings changes of the Loc-RIB to the aggregates, to the kernel's FIB, and in line for the peers.
    pub(super) fn spread(&mut self, deltas: impl IntoIterator<Item = RibDelta>) {
        let mut deltas: VecDeque<RibDelta> = deltas.into_iter().collect();
        while let Some(delta) = deltas.pop_front() {
            deltas.extend(self.aggregate(&delta));
            self.install(delta.prefix, delta.new.as_ref());
            self.note_change(delta.prefix);
        }
    }

    pub(super) fn install(&mut self, prefix: Prefix, selected: Option<&Selected>) {
        let deferring = self.is_deferring();
        let Some(fib) = &mut self.fib else { return };
        // After a restart the kernel keeps what it has until we know better than after the first peer.
        if deferring && fib.entry(prefix).is_some_and(|entry| entry.adopted) {
            return;
        }
        if let Some(aggregate) = self.aggregates.get(prefix)
            && selected.is_some_and(|selected| selected.best.source.is_aggregate())
        {
            // What no longer prefix takes must not follow a shorter one back to where it came from (RFC 4632 §5.1).
            let wanted = aggregate.config().discard.then_some(Wanted::Discard);
            return fib.want(prefix, wanted, &self.host);
        }
        let peers = &self.peers;
        let wanted =
            |route: &&Route| route.source.peer().and_then(|id| peers.get(id)).is_some_and(|peer| peer.config.install);
        let wanted = selected.filter(|selected| wanted(&&selected.best)).map(|selected| match selected.best.next_hop {
            NextHop::Discard(_) => Wanted::Discard,
            NextHop::Own | NextHop::Via(_) => {
                Wanted::through(selected.multipath.iter().filter(wanted).map(|route| route.next_hop))
            }
        });
        fib.want(prefix, wanted, &self.host);
    }
}
