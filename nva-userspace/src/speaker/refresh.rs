//! Route refresh: a peer asks for our routes again (RFC 2918), and where both sides can, marks tell where what is sent
//! again begins and ends, so that what is not sent again is found out and goes (RFC 7313).
//!
//! How we mark what we send ourselves is in [`crate::rib::AdjRibOut`].

use std::fmt;

use super::stale::{StaleCause, StaleEnd};
use super::{Notice, Output, Peer, Refreshed, Speaker};
use crate::net::{AfiSafi, Instant};
use crate::packet::{Capability, RefreshSubtype, RouteRefresh};
use crate::rib::AdjRibOut;
use crate::route::PeerId;

/// Why a ROUTE-REFRESH was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoredRefresh {
    /// The session does not carry the family (RFC 2918 §4).
    Family {
        /// Its AFI.
        afi: u16,
        /// Its SAFI.
        safi: u8,
    },
    /// Nobody knows what it says (RFC 7313 §5).
    Subtype(u8),
    /// A beginning, of a peer that has not sent its End-of-RIB yet (RFC 7313 §4).
    BeforeEndOfRib(AfiSafi),
    /// An end of what has not begun.
    NotBegun(AfiSafi),
}

impl fmt::Display for IgnoredRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IgnoredRefresh::Family { afi, safi } => write!(f, "the session does not carry AFI {afi}, SAFI {safi}"),
            IgnoredRefresh::Subtype(code) => write!(f, "there is no subtype {code}"),
            IgnoredRefresh::BeforeEndOfRib(family) => write!(f, "{family} begins again before its End-of-RIB"),
            IgnoredRefresh::NotBegun(family) => write!(f, "the end of a refresh of {family} that is not under way"),
        }
    }
}

impl Speaker {
    /// Takes a peer's ROUTE-REFRESH.
    pub(super) fn refresh(&mut self, id: PeerId, refresh: RouteRefresh, now: Instant) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let Some(up) = peer.established.as_mut() else { return };
        let family = refresh.family().filter(|family| up.adj_rib_out.contains_key(family));
        let ignored = match (family, refresh.subtype) {
            (_, RefreshSubtype::Unknown(code)) => IgnoredRefresh::Subtype(code),
            (None, _) => IgnoredRefresh::Family { afi: refresh.afi, safi: refresh.safi },
            (Some(family), RefreshSubtype::Request) => {
                let marked = up.negotiated.context.enhanced_refresh;
                if let Some(rib) = up.adj_rib_out.get_mut(&family) {
                    rib.resend_all(marked);
                }
                self.waiting.insert(id);
                return;
            }
            (Some(family), RefreshSubtype::Begin) if !peer.owes_end_of_rib(family) => {
                peer.stale.begin(family, StaleCause::Refresh, now, now + peer.config.stale_time);
                return self.outputs.push_back(Output::Notice(Notice::RefreshBegun { peer: id, family }));
            }
            (Some(family), RefreshSubtype::Begin) => IgnoredRefresh::BeforeEndOfRib(family),
            (Some(family), RefreshSubtype::End) if peer.stale.cause_in(family) == Some(StaleCause::Refresh) => {
                self.outputs.push_back(Output::Notice(Notice::RefreshEnded { peer: id, family }));
                return self.drop_stale(id, StaleEnd::EndOfRefresh, |one, _| one == family);
            }
            (Some(family), RefreshSubtype::End) => IgnoredRefresh::NotBegun(family),
        };
        peer.ignored_refreshes += 1;
        self.outputs.push_back(Output::Notice(Notice::RefreshIgnored { peer: id, why: ignored }));
    }

    /// Asks the peer for its routes again; where it cannot be asked, the import policy runs again over what it sent.
    pub fn refresh_in(&mut self, id: PeerId, now: Instant) -> Refreshed {
        let Some(peer) = self.peer_mut(id) else { return Refreshed::Down };
        let Some(up) = &peer.established else { return Refreshed::Down };
        let (families, marked) = (up.negotiated.context.families.clone(), up.negotiated.context.enhanced_refresh);
        let asked: Vec<AfiSafi> =
            families.iter().copied().filter(|family| peer.session.request_refresh(*family)).collect();
        self.carry_out(id, now);
        if asked.len() < families.len() {
            self.take_in_again(id);
        }
        self.flush(now);
        if asked.is_empty() { Refreshed::Imported } else { Refreshed::Asked { families: asked, marked } }
    }

    /// Tells the peer everything again, as if it had asked for it.
    pub fn refresh_out(&mut self, id: PeerId, now: Instant) -> Refreshed {
        let Some(up) = self.peer_mut(id).and_then(|peer| peer.established.as_mut()) else { return Refreshed::Down };
        let marked = up.negotiated.context.enhanced_refresh;
        up.adj_rib_out.values_mut().for_each(|rib: &mut AdjRibOut| rib.resend_all(marked));
        self.waiting.insert(id);
        self.flush(now);
        Refreshed::Resent
    }
}

impl Peer {
    /// Whether an End-of-RIB is to come before anything can begin again: whoever announces graceful restart sends one
    /// (RFC 4724 §3, RFC 7313 §4).
    fn owes_end_of_rib(&self, family: AfiSafi) -> bool {
        self.established.as_ref().is_some_and(|up| {
            let announced = |one: &Capability| matches!(one, Capability::GracefulRestart(_));
            up.negotiated.peer_capabilities.iter().any(announced) && !up.has_told(family)
        })
    }
}
