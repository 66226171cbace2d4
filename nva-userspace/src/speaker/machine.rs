//! What follows from a change of the machine's network: origination, next-hop tracking, and every import and export
//! decision that rested on an address, a link or a route.

use std::sync::Arc;

use super::{Notice, Output, Speaker, originate};
use crate::attributes::PathAttributes;
use crate::host::{HostDelta, HostEvent};
use crate::net::{Instant, Prefix};
use crate::rib::Import;
use crate::route::{NextHop, Route};

impl Speaker {
    /// Takes in changes of the machine's network, and says what they changed together: what follows from them is worked
    /// out once, however many come at a time.
    pub fn handle_host(&mut self, events: impl IntoIterator<Item = HostEvent>, now: Instant) -> HostDelta {
        let (mut everything, mut audit) = (false, false);
        let mut delta = HostDelta::default();
        for event in events {
            if let HostEvent::Resync(snapshot) = &event {
                everything = true;
                audit |= snapshot.audit.is_some();
            }
            delta.merge(self.host.apply(event));
        }
        if let Some(fib) = &mut self.fib {
            if everything {
                let found = fib.adopt(&self.host);
                if audit {
                    self.outputs.push_back(Output::Notice(Notice::FibAudited(found)));
                }
            }
            fib.host_changed(&delta, &self.host);
        }
        // Our own routes come back as events, too: they change no resolution, so nothing follows from them here.
        let changed = self.next_hops.refresh(&delta, &self.host);
        if !changed.is_empty() {
            // What is told may change with a next hop's interface although the selected route is what it was.
            self.decide_again(self.rib.prefixes_through(&changed));
        }
        self.redistribute_again(delta.routes.iter().copied());
        if !delta.links.is_empty() || !delta.addresses.is_empty() {
            self.originate();
            // Whether a received next hop is ours or on a subnet of ours (RFC 4271 §6.3) is a function of our addresses: a
            // peer does not send again what we refused for a reason that has passed. Third-party and gateway next hops are
            // functions of our interfaces, too: what was decided by them would else survive what it was based on.
            for id in self.peers.ids() {
                self.take_in_outdated(id);
                self.tell_all(id);
            }
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
        let gone: Vec<Prefix> = self.originated.difference(&wanted).copied().collect();
        self.originated = wanted;
        // What was originated in any case hid the kernel's route and the aggregate of the same prefix.
        deltas.extend(gone.into_iter().filter_map(|prefix| {
            let redistributed = self.redistribute(prefix);
            redistributed.or_else(|| self.originate_aggregate(prefix))
        }));
        self.spread(deltas);
    }
}
