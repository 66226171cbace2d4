//! Restarts, a peer's and our own (RFC 4724, RFC 8538).
//!
//! A peer that restarts leaves its routes with us: they are stale, in use like others, until it sends them again, says by
//! End-of-RIB that there are no more, or takes too long. After a restart of our own we tell peers that keep our routes
//! nothing until we know again what there is to tell, so that our End-of-RIB does not make them drop what we are about
//! to learn. Others have nothing to keep: they hear what there is as it comes.

use std::collections::BTreeSet;
use std::time::Duration;

use super::config::PeerConfig;
use super::peer::{Established, Peer};
use super::stale::{StaleCause, StaleEnd};
use super::{Notice, Output, Speaker};
use crate::fsm::{DownReason, Negotiated};
use crate::net::{AfiSafi, Instant, Prefix};
use crate::packet::{GracefulRestart, RestartFamily};
use crate::route::PeerId;

/// How long a restart keeps us from telling anything while peers that could tell us everything have not
/// (Selection_Deferral_Timer, RFC 4724 §4.1): well below the times that peers keep stale routes for.
pub(super) const DEFERRAL: Duration = Duration::from_secs(30);

impl Speaker {
    /// The session has ended: keeps what may be kept of the peer's routes, and withdraws the rest.
    pub(super) fn lose_routes(&mut self, id: PeerId, agreed: Option<&Negotiated>, reason: &DownReason, now: Instant) {
        let kept = agreed.map_or_else(Vec::new, |agreed| agreed.kept_families(reason));
        let away = agreed.and_then(|agreed| agreed.graceful_restart.as_ref()).map_or(0, |restart| restart.time);
        let all: BTreeSet<Prefix> = self.rib.prefixes_of(id).collect();
        let Some(peer) = self.peers.get_mut(id) else { return };
        // RFC 4724 §4.2: what was stale already is not kept through a second restart. A route that only waited for its
        // turn in a refresh is as good as the others.
        let (before, leaving) = (std::mem::take(&mut peer.stale), std::mem::take(&mut peer.gone));
        let unconfirmed =
            |prefix: &Prefix| before.cause(*prefix) == Some(StaleCause::Restart) || leaving.contains(prefix);
        let (stale, gone): (BTreeSet<Prefix>, BTreeSet<Prefix>) =
            all.into_iter().partition(|prefix| kept.contains(&prefix.family()) && !unconfirmed(prefix));
        let patience = Duration::from_secs(u64::from(away)).min(peer.config.stale_time);
        let count = stale.len();
        for family in kept.into_iter().filter(|family| stale.iter().any(|prefix| prefix.family() == *family)) {
            peer.stale.begin(family, StaleCause::Restart, now, now + patience);
        }
        if count > 0 {
            self.outputs.push_back(Output::Notice(Notice::RoutesStale { peer: id, count, patience }));
        }
        self.withdraw_all(id, gone);
    }

    /// The session is back: routes stay stale of the families that the peer has gone on forwarding for.
    pub(super) fn keep_stale_of_preserved(&mut self, id: PeerId, agreed: &Negotiated) {
        let restart = agreed.graceful_restart.as_ref();
        let preserved = |family: AfiSafi| {
            let said = |one: &RestartFamily| one.family() == Some(family) && one.forwarding;
            agreed.context.families.contains(&family)
                && restart.is_some_and(|restart| restart.families.iter().any(said))
        };
        let Some(peer) = self.peers.get_mut(id) else { return };
        let stale_time = peer.config.stale_time;
        peer.stale.extend(StaleCause::Restart, |since| since + stale_time);
        self.drop_stale(id, StaleEnd::NotForwarding, |family, _| !preserved(family));
    }

    /// We begin. If forwarding goes on from an earlier run, peers are told so, and those that keep our routes meanwhile hear
    /// nothing else until we know what.
    pub(super) fn begin_restart(&mut self, now: Instant) {
        let preserved = self.preserved();
        self.restarted = !preserved.is_empty();
        let restarts =
            |peer: &PeerConfig| peer.session.graceful_restart.as_ref().is_some_and(|one| !one.families.is_empty());
        let known = self.peers.iter().any(|peer| restarts(&peer.config));
        if self.restarted && (known || self.config.listen.iter().any(|listen| restarts(&listen.template))) {
            self.deferral.begin(now);
        }
        self.announce_restart(&preserved);
    }

    /// What OPENs say from now on about our restarts.
    fn announce_restart(&mut self, preserved: &[AfiSafi]) {
        let restarted = self.restarted;
        for id in self.peers.ids() {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            let announced = peer.restart_config().map(|restart| as_announced(restart, restarted, preserved));
            peer.session.set_graceful_restart(announced);
        }
    }

    /// What a peer that came later is told.
    pub(super) fn announce_restart_to(&mut self, id: PeerId) {
        let preserved = if self.startup.deadline().is_some() { self.preserved() } else { AfiSafi::ALL.to_vec() };
        let restarted = self.restarted;
        if let Some(peer) = self.peers.get_mut(id) {
            let announced = peer.restart_config().map(|restart| as_announced(restart, restarted, &preserved));
            peer.session.set_graceful_restart(announced);
        }
    }

    /// The families that were forwarded for all along. Where nothing goes into the kernel, what we advertise is forwarded
    /// by others, or by routes that are not ours to lose.
    fn preserved(&self) -> Vec<AfiSafi> {
        let Some(fib) = &self.fib else { return AfiSafi::ALL.to_vec() };
        let adopted = |family: &AfiSafi| fib.entries().any(|entry| entry.adopted && entry.prefix.family() == *family);
        AfiSafi::ALL.into_iter().filter(adopted).collect()
    }

    /// The start is over: from now on a lost session says nothing about forwarding.
    pub(super) fn end_restart(&mut self) {
        self.restarted = false;
        self.announce_restart(&AfiSafi::ALL);
    }

    /// Whether what is selected is kept to ourselves, and out of the kernel, for now.
    pub(super) fn is_deferring(&self) -> bool {
        self.deferral.deadline().is_some()
    }

    /// Tells everything once everybody who can say so has told us all, or after [`DEFERRAL`]. Nobody waits for a peer
    /// that does not know graceful restart, nor for one that has restarted itself and waits for us (RFC 4724 §4.1).
    pub(super) fn end_deferral_if_due(&mut self, now: Instant) {
        let awaited = |peer: &Peer| match peer.established() {
            Some(up) => up.is_awaited(),
            None => !peer.is_kept_down() && peer.restart_config().is_some(),
        };
        // Who is missing of a group that listens, nobody knows.
        let unknown = self.config.listen.iter().any(|listen| listen.template.session.graceful_restart.is_some());
        let nobody = self.is_deferring() && !unknown && !self.peers.iter().any(awaited);
        if !self.deferral.is_over(|| nobody, now) {
            return;
        }
        self.install_again();
        for peer in self.peers.iter_mut() {
            if let Some(up) = &mut peer.established {
                up.held = false;
                self.waiting.insert(peer.id);
            }
        }
        self.outputs.push_back(Output::Notice(Notice::DeferralOver));
    }
}

fn as_announced(configured: &GracefulRestart, restarted: bool, preserved: &[AfiSafi]) -> GracefulRestart {
    let family = |one: &RestartFamily| {
        let forwarding = one.family().is_some_and(|family| preserved.contains(&family));
        RestartFamily { forwarding, ..*one }
    };
    let families: Vec<_> = configured.families.iter().map(family).collect();
    // Who only bears with the restarts of others has nothing to say about its own.
    GracefulRestart { restarted: restarted && !families.is_empty(), families, ..configured.clone() }
}

impl Peer {
    /// What is configured of restarts; `None`: nothing is agreed on with this peer.
    fn restart_config(&self) -> Option<&GracefulRestart> {
        self.config.session.graceful_restart.as_ref()
    }
}

impl Established {
    /// Whether a restart of ours waits for this peer's End-of-RIB.
    fn is_awaited(&self) -> bool {
        let restart = self.negotiated().graceful_restart.as_ref();
        restart.is_some_and(|restart| !restart.restarted) && !self.has_told_all()
    }
}
