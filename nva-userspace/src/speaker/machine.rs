//! What follows from a change of the machine's network: origination, next-hop tracking, and every import and export
//! decision that rested on an address, a link or a route.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Notice, Output, Speaker, import, originate};
use crate::attributes::PathAttributes;
use crate::host::{HostDelta, HostEvent};
use crate::net::{AfiSafi, Instant};
use crate::rib::Import;
use crate::route::{NextHop, Route};

impl Speaker {
    /// Takes in changes of the machine's network, and says what they changed together: what follows from them is worked
    /// out once, however many come at a time.
    pub fn handle_host(&mut self, events: impl IntoIterator<Item = HostEvent>, now: Instant) -> HostDelta {
        let mut everything = false;
        let mut delta = HostDelta::default();
        for event in events {
            everything |= matches!(event, HostEvent::Resync(_));
            delta.merge(self.host.apply(event));
        }
        if let Some(fib) = &mut self.fib {
            if everything {
                fib.adopt(&self.host);
            }
            fib.host_changed(&delta, &self.host);
        }
        // Our own routes come back as events, too: they change no resolution, so nothing follows from them here.
        let changed = self.next_hops.refresh(&delta, &self.host);
        if !changed.is_empty() {
            let deltas = self.rib.reconsider(&changed, &self.next_hops);
            self.spread(deltas);
        }
        if !delta.links.is_empty() || !delta.addresses.is_empty() {
            self.originate();
            self.import_again();
            self.export_again(|_| true);
        } else if !changed.is_empty() {
            let changed: BTreeSet<NextHop> = changed.into_iter().map(NextHop::Via).collect();
            self.export_again(|best| changed.contains(&best.next_hop));
        }
        self.flush(now);
        delta
    }

    /// Compares what we originate with what we should, and tells the RIB.
    pub(super) fn originate(&mut self) {
        let wanted = originate::originated(&self.config.originate, &self.host);
        let mut deltas = Vec::new();
        for prefix in self.originated.difference(&wanted) {
            self.outputs.push_back(Output::Notice(Notice::NoLongerOriginated(*prefix)));
            deltas.extend(self.rib.withdraw(*prefix, None, &self.next_hops));
        }
        for prefix in wanted.difference(&self.originated) {
            self.outputs.push_back(Output::Notice(Notice::Originated(*prefix)));
            let attributes = self.interner.intern(PathAttributes::default());
            let source = Arc::clone(&self.local);
            let route = Route { prefix: *prefix, next_hop: NextHop::Own, attributes, source };
            deltas.extend(self.rib.update(route.clone(), Import::Accepted(route), &self.next_hops));
        }
        self.originated = wanted;
        self.spread(deltas);
    }

    /// Whether a received next hop is ours or on a subnet of ours (RFC 4271 §6.3) is a function of our addresses. The
    /// peer does not send again what we refused for a reason that has passed.
    fn import_again(&mut self) {
        let mut deltas = Vec::new();
        for index in 0..self.peers.len() {
            let peer = &self.peers[index];
            let (id, Some(up)) = (peer.id, &peer.established) else { continue };
            for received in import::outdated(self.rib.routes_of(id), &up.view, &self.host) {
                deltas.extend(self.take_in(id, received));
            }
        }
        self.spread(deltas);
    }

    /// Third-party and gateway next hops are functions of our interfaces and routes: they are decided anew when those
    /// change (a decision that is cached would survive what it was based on).
    fn export_again(&mut self, concerns: impl Fn(&Route) -> bool) {
        for family in AfiSafi::ALL {
            for (prefix, selected) in self.rib.iter_selected(family).filter(|(_, selected)| concerns(&selected.best)) {
                for peer in &mut self.peers {
                    if peer.tell(prefix, Some(&selected.best), &self.host, &mut self.interner) {
                        self.waiting.insert(peer.id);
                    }
                }
            }
        }
    }
}
