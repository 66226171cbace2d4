//! Families of which nothing more is taken in a session, since the peer sent something of them that cannot be read (RFC 4760
//! §7, RFC 7606 §2). They are disabled until the session ends; what the peer is told goes on.

use std::collections::BTreeSet;

use super::{Established, Notice, Output, Speaker};
use crate::net::{AfiSafi, Prefix};
use crate::route::PeerId;

impl Speaker {
    /// The session ignores these families from now on: what came of them before goes, too.
    pub(super) fn disable_families(&mut self, id: PeerId, families: &[AfiSafi]) {
        for family in families.iter().copied() {
            let of_family = self.rib.routes_of(id).map(|received| received.route.prefix);
            let gone: BTreeSet<Prefix> = of_family.filter(|prefix| prefix.family() == family).collect();
            let Some(peer) = self.peers.get_mut(id) else { return };
            let Some(up) = &mut peer.established else { return };
            up.disabled.insert(family);
            // None of them waits to be confirmed any more.
            peer.stale.give_up(family);
            let count = gone.len();
            self.outputs.push_back(Output::Notice(Notice::FamilyDisabled { peer: id, family, count }));
            self.withdraw_all(id, gone);
        }
    }
}

impl Established {
    /// The families of which nothing is taken any more.
    pub fn disabled(&self) -> impl Iterator<Item = AfiSafi> + '_ {
        self.disabled.iter().copied()
    }
}
