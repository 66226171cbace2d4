//! What follows from a peer's messages: Adj-RIB-In, decision, and from each change of the Loc-RIB to the kernel's FIB and
//! to the peers (RFC 4271 §9).

use std::sync::Arc;

use super::{Notice, Output, Speaker, import};
use crate::net::Prefix;
use crate::packet::{Message, RouteRefresh, Update, iana};
use crate::rib::{Import, RibDelta, Selected};
use crate::route::{NextHop, PeerId, Route};

impl Speaker {
    /// Takes in what an established session delivers.
    pub(super) fn deliver(&mut self, id: PeerId, message: Message) {
        match message {
            Message::Update(update) => self.update(id, update),
            Message::RouteRefresh(refresh) => self.refresh(id, refresh),
            // The session keeps these to itself.
            Message::Open(_) | Message::Notification(_) | Message::Keepalive => {}
        }
    }

    /// RFC 2918 §4: sends everything of the family again.
    fn refresh(&mut self, id: PeerId, refresh: RouteRefresh) {
        let asked = iana::family(refresh.afi, refresh.safi);
        let Some(established) = self.peer_mut(id).and_then(|peer| peer.established.as_mut()) else { return };
        if let Some(rib) = asked.and_then(|family| established.adj_rib_out.get_mut(&family)) {
            rib.resend_all();
            self.waiting.insert(id);
        }
    }

    fn update(&mut self, id: PeerId, update: Update) {
        let Some(peer) = self.peers.get_mut(id.0 as usize) else { return };
        let Some(established) = peer.established.as_mut() else { return };
        if !update.faults.is_empty() {
            peer.malformed_updates += 1;
            self.outputs.push_back(Output::Notice(Notice::MalformedUpdate { peer: id, faults: update.faults }));
        }
        if let Some(family) = update.end_of_rib {
            established.note_end_of_rib(family);
            self.outputs.push_back(Output::Notice(Notice::EndOfRib { peer: id, family }));
            return;
        }
        let source = Arc::clone(&established.source);
        let mut deltas = Vec::new();
        for prefix in update.withdrawn {
            deltas.extend(self.rib.withdraw(prefix, Some(id), &self.next_hops));
        }
        let attributes = self.interner.intern(update.attributes);
        for announced in update.announced {
            for prefix in announced.prefixes {
                let received = import::received_route(prefix, announced.next_hop.address, attributes.clone(), &source);
                deltas.extend(self.take_in(id, received));
            }
        }
        self.spread(deltas);
        if self.next_hops.has_grown() {
            self.next_hops.forget_all_but(self.rib.next_hops().collect());
        }
    }

    /// Puts a peer's route through the import policy and into the RIB.
    pub(super) fn take_in(&mut self, id: PeerId, received: Route) -> Option<RibDelta> {
        let peer = self.peers.get(id.0 as usize)?;
        let view = &peer.established.as_ref()?.view;
        let decision = import::import(&received, &peer.config, view, &self.host, &mut self.interner);
        if let Import::Accepted(route) = &decision {
            self.next_hops.track(route.next_hop, &self.host);
        }
        self.rib.update(received, decision, &self.next_hops)
    }

    /// Brings changes of the Loc-RIB to the kernel's FIB and to the peers.
    pub(super) fn spread(&mut self, deltas: Vec<RibDelta>) {
        for delta in deltas {
            self.install(delta.prefix, delta.new.as_ref());
            let best = delta.new.as_ref().map(|selected| &selected.best);
            for peer in &mut self.peers {
                if peer.tell(delta.prefix, best, &self.host, &mut self.interner) {
                    self.waiting.insert(peer.id);
                }
            }
        }
    }

    fn install(&mut self, prefix: Prefix, selected: Option<&Selected>) {
        let Some(fib) = &mut self.fib else { return };
        let peers = &self.peers;
        let wanted = |route: &&Route| route.source.peer().is_some_and(|id| peers[id.0 as usize].config.install);
        let next_hops: Option<Vec<NextHop>> = selected
            .filter(|selected| wanted(&&selected.best))
            .map(|selected| selected.multipath.iter().filter(wanted).map(|route| route.next_hop).collect());
        fib.want(prefix, next_hops.as_deref(), &self.host);
    }
}
