//! What follows from limits on the number of a peer's prefixes ([`super::limits`]).
//!
//! Numbers are held against limits after everything that one input changed, so that a limit is exceeded by what is there
//! then and not by the order in which it came: nothing is sent and no kernel route changes in between. Only what is to be
//! refused is refused as it comes, and so is never stored.
//!
//! Where routes are refused, those that came first keep their place; a route that takes the place of another of its
//! prefix needs no room. When there is room again, routes that `import-limit` rejected are looked at again, routes that
//! `export-limit` kept back are told, and the peer is asked for what `receive-limit` refused (RFC 2918).

use std::collections::BTreeSet;
use std::time::Duration;

use super::limits::{Excess, LimitAction, LimitKind, Limiting, Overrun};
use super::stale::StaleEnd;
use super::{Established, Notice, Output, Peer, Speaker, Surroundings};
use crate::fsm::Event;
use crate::net::{AfiSafi, Instant, Prefix};
use crate::packet::Notification;
use crate::rib::{Import, Received, Rejection};
use crate::route::{PeerId, Route};

/// Between two requests to send what was refused: the peer answers each with all that it has.
const REFRESH_PAUSE: Duration = Duration::from_secs(60);

impl Speaker {
    /// Whether a route that came in is refused because there is no room for another one from this peer.
    pub(super) fn has_no_room(&mut self, id: PeerId, prefix: Prefix) -> bool {
        let family = prefix.family();
        let limits = self.peers.get(id).map(|peer| &peer.config.limits);
        let Some(most) = limits.and_then(|limits| limits.blocks(LimitKind::Receive, family)) else { return false };
        let count = self.limited_count(id, LimitKind::Receive, family).unwrap_or_default();
        let full = count >= most && self.rib.received(prefix, id).is_none();
        if full && let Some(up) = self.peer_mut(id).and_then(|peer| peer.established.as_mut()) {
            up.limiting.refuse(family, 1);
        }
        full
    }

    /// What an accepted route becomes: rejected, if as many as may be are accepted already.
    pub(super) fn within_import_limit(&mut self, id: PeerId, import: Import) -> Import {
        let Import::Accepted(route) = import else { return import };
        let (prefix, family) = (route.prefix, route.prefix.family());
        let limits = self.peers.get(id).map(|peer| &peer.config.limits);
        let Some(limit) = limits.and_then(|limits| limits.blocks(LimitKind::Import, family)) else {
            return Import::Accepted(route);
        };
        let has_place = self.rib.received(prefix, id).is_some_and(|received| received.import.is_ok());
        // Of a peer that is away all routes count: they are all that there is.
        let count = self.limited_count(id, LimitKind::Import, family);
        if has_place || count.unwrap_or_else(|| self.rib.counts_of(id, family).accepted) < limit {
            return Import::Accepted(route);
        }
        if let Some(up) = self.peer_mut(id).and_then(|peer| peer.established.as_mut()) {
            up.limiting.block_import(prefix);
        }
        Import::Rejected(Rejection::ImportLimit { limit })
    }

    /// The number of a peer's prefixes may have changed.
    pub(super) fn count_again(&mut self, id: PeerId) {
        if self.peer(id).is_some_and(|peer| peer.config.limits.inbound()) {
            self.counted.insert(id);
        }
    }

    /// Holds the numbers that may have changed against their limits.
    pub(super) fn enforce_limits(&mut self, now: Instant) {
        loop {
            // What one peer loses is withdrawn from others.
            let mut counted = std::mem::take(&mut self.counted);
            for id in &self.waiting {
                let limited = self.peers.get(*id).is_some_and(|peer| peer.config.limits.outbound());
                let peer = if limited { self.peers.get_mut(*id) } else { None };
                if peer.and_then(|peer| peer.established.as_mut()).is_some_and(|up| up.limiting.take_news()) {
                    counted.insert(*id);
                }
            }
            if counted.is_empty() {
                return;
            }
            counted.into_iter().for_each(|id| self.enforce(id, now));
        }
    }

    fn enforce(&mut self, id: PeerId, now: Instant) {
        // What is still to be withdrawn counts no more; when all of it is, this is asked again.
        let Some(limits) = self.peer(id).filter(|peer| peer.gone.is_empty()).map(|peer| peer.config.limits.clone())
        else {
            return;
        };
        for (kind, family, limit) in limits.iter() {
            let Some(count) = self.limited_count(id, kind, family) else { return };
            let excess = Excess { kind, family, count, limit: limit.prefixes };
            match limit.action {
                LimitAction::Restart(pause) if count > limit.prefixes => {
                    return self.overrun(id, excess, Some(pause), now);
                }
                LimitAction::Shutdown if count > limit.prefixes => return self.overrun(id, excess, None, now),
                LimitAction::Block if count > limit.prefixes => self.shed(id, excess),
                LimitAction::Block if count < limit.prefixes => self.use_room(id, excess, now),
                LimitAction::Warn | LimitAction::Block | LimitAction::Restart(_) | LimitAction::Shutdown => {}
            }
            let count = self.limited_count(id, kind, family).unwrap_or_default();
            let Some(up) = self.peer_mut(id).and_then(|peer| peer.established.as_mut()) else { return };
            let refused = up.limiting.is_refusing(kind, family);
            if let Some(nearness) = up.limiting.note((kind, family), &limit, count, refused) {
                let excess = Excess { count, ..excess };
                let action = limit.action;
                self.outputs.push_back(Output::Notice(Notice::Limit { peer: id, excess, nearness, action }));
            }
        }
    }

    /// How many prefixes a limit counts; `None` while the session is down. Of a peer that restarts those count that it has
    /// sent since: what it had before is either the same, or about to go.
    pub fn limited_count(&self, id: PeerId, kind: LimitKind, family: AfiSafi) -> Option<usize> {
        let peer = self.peer(id)?;
        let up = peer.established.as_ref()?;
        let counts = self.rib.counts_of(id, family);
        let most = peer.stale.sent_since_restart(family).unwrap_or(usize::MAX);
        Some(match kind {
            LimitKind::Receive => counts.received.min(most),
            LimitKind::Import => counts.accepted.min(most),
            LimitKind::Export => up.limiting.told(family),
        })
    }

    /// Routes that were refused for a limit: since the session began, where they are not kept, else at present.
    pub fn refused_for(&self, id: PeerId, kind: LimitKind, family: AfiSafi) -> u64 {
        let Some(up) = self.peer(id).and_then(Peer::established) else { return 0 };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match kind {
            LimitKind::Receive => up.limiting.refused(family),
            LimitKind::Import => {
                let limited = |one: &Received<'_>| matches!(one.import, Err(Rejection::ImportLimit { .. }));
                count(of_family(self.rib.routes_of(id), family).filter(limited).count())
            }
            LimitKind::Export => count(up.limiting.kept_back(family)),
        }
    }

    /// Ends the session for a limit.
    fn overrun(&mut self, id: PeerId, excess: Excess, pause: Option<Duration>, now: Instant) {
        let Some(peer) = self.peer_mut(id) else { return };
        peer.overrun = Some(Overrun { excess, until: pause.map(|pause| now + pause) });
        let notification = match (excess.kind, pause) {
            (LimitKind::Receive | LimitKind::Import, _) => {
                // RFC 4486 §4: the upper bound that was exceeded.
                let limit = u32::try_from(excess.limit).unwrap_or(u32::MAX);
                Notification::maximum_prefixes(excess.family, limit)
            }
            // That subcode is about what was received: here the peer has done nothing wrong.
            (LimitKind::Export, Some(_)) => Notification::administrative_reset(&excess.to_string()),
            (LimitKind::Export, None) => Notification::administrative_shutdown(&excess.to_string()),
        };
        self.session_event(id, Event::AutomaticStop { notification, problem: excess.to_string(), pause }, now);
        self.drop_stale(id, StaleEnd::Stopped, |_, _| true);
    }

    /// Refuses what is too much already: a limit was lowered.
    fn shed(&mut self, id: PeerId, excess: Excess) {
        let Excess { kind, family, count, limit } = excess;
        let too_many = count.saturating_sub(limit);
        match kind {
            LimitKind::Receive => {
                let prefixes: Vec<Prefix> =
                    of_family(self.rib.routes_of(id), family).map(|one| one.route.prefix).collect();
                let last: BTreeSet<Prefix> = prefixes.into_iter().rev().take(too_many).collect();
                if let Some(peer) = self.peer_mut(id) {
                    last.iter().for_each(|prefix| peer.stale.forget(*prefix));
                    peer.established
                        .iter_mut()
                        .for_each(|up| up.limiting.refuse(family, u64::try_from(last.len()).unwrap_or(u64::MAX)));
                }
                last.iter().for_each(|prefix| self.note_presence(id, *prefix));
                let withdraw = |prefix| self.rib.withdraw(prefix, Some(id), &self.next_hops);
                let deltas: Vec<_> = last.into_iter().filter_map(withdraw).collect();
                self.spread(deltas);
                self.count_again(id);
            }
            LimitKind::Import => {
                let accepted = of_family(self.rib.routes_of(id), family).filter(|one| one.import.is_ok());
                let mut routes: Vec<Route> = accepted.map(|one| one.route.clone()).collect();
                let last = routes.split_off(routes.len().saturating_sub(too_many));
                if let Some(up) = self.peer_mut(id).and_then(|peer| peer.established.as_mut()) {
                    last.iter().for_each(|route| up.limiting.block_import(route.prefix));
                }
                let reject =
                    |route| self.rib.update(route, Import::Rejected(Rejection::ImportLimit { limit }), &self.next_hops);
                let deltas = last.into_iter().rev().filter_map(reject).collect::<Vec<_>>();
                self.spread(deltas);
            }
            LimitKind::Export => {
                let Some(up) = self.peer_mut(id).and_then(|peer| peer.established.as_mut()) else { return };
                for prefix in up.limiting.last_told(family, too_many) {
                    up.limiting.keep_back(prefix);
                    up.adj_rib_out
                        .values_mut()
                        .filter(|rib| rib.family() == family)
                        .for_each(|rib| rib.set(prefix, None));
                }
                self.waiting.insert(id);
            }
        }
    }

    /// Takes what was refused, as far as there is room for it.
    fn use_room(&mut self, id: PeerId, excess: Excess, now: Instant) {
        let Excess { kind, family, count, limit } = excess;
        match kind {
            LimitKind::Receive => self.ask_for_refused(id, family, now),
            LimitKind::Import => self.take_in_refused(id, family, limit),
            LimitKind::Export => {
                let around = Surroundings::new(&self.config, &self.host, &self.aggregates, self.fib.as_ref());
                let Some(peer) = self.peers.get_mut(id) else { return };
                let Some(up) = &peer.established else { return };
                for prefix in up.limiting.first_kept_back(family, limit.saturating_sub(count)) {
                    peer.tell(prefix, self.rib.selected(prefix), around, &mut self.interner);
                    self.waiting.insert(id);
                }
            }
        }
    }

    /// Asks the peer for the family again, if something of it was refused: now, or when it was left alone for a while.
    pub(super) fn ask_for_refused(&mut self, id: PeerId, family: AfiSafi, now: Instant) {
        let Some(peer) = self.peer_mut(id) else { return };
        let Some(up) = peer.established.as_mut().filter(|up| up.limiting.missing(family) > 0) else { return };
        let earliest = up.limiting.asked.map_or(now, |asked| asked + REFRESH_PAUSE);
        if now < earliest {
            up.limiting.ask_at = Some(earliest);
            return;
        }
        // Of a peer that cannot be asked they stay away until it announces them again.
        if peer.session.request_refresh(family) {
            up.limiting.asked_again(family, now);
            self.carry_out(id, now);
        }
    }

    /// Looks again at what was rejected for `import-limit`, as far as there is room.
    fn take_in_refused(&mut self, id: PeerId, family: AfiSafi, limit: usize) {
        let mut deltas = Vec::new();
        while self.limited_count(id, LimitKind::Import, family).is_some_and(|count| count < limit)
            && let Some(up) = self.peer_mut(id).and_then(|peer| peer.established.as_mut())
            && let Some(prefix) = up.limiting.first_import_blocked(family)
        {
            up.limiting.unblock_import(prefix);
            let refused = |one: &Received<'_>| matches!(one.import, Err(Rejection::ImportLimit { .. }));
            let route = self.rib.received(prefix, id).filter(refused).map(|one| one.route.clone());
            deltas.extend(route.and_then(|route| self.take_in(id, route)));
        }
        self.spread(deltas);
    }

    /// Other limits hold for a peer. What they refused is looked at again, and who is down for one of them is let in.
    pub(super) fn limits_changed(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = self.peer_mut(id) else { return };
        if peer.overrun.take().is_some() && peer.admin.disabled.is_none() {
            self.session_event(id, Event::Start, now);
        }
        if let Some(peer) = self.peer_mut(id)
            && let Some(up) = &mut peer.established
        {
            up.limiting.count_only(&peer.config.limits);
            up.limiting.asked = None;
        }
        self.take_in_again(id);
        self.tell_all(id);
        for family in AfiSafi::ALL {
            let blocks =
                self.peer(id).is_some_and(|peer| peer.config.limits.blocks(LimitKind::Receive, family).is_some());
            if !blocks {
                self.ask_for_refused(id, family, now);
            }
        }
        self.counted.insert(id);
    }
}

fn of_family<'a>(routes: impl Iterator<Item = Received<'a>>, family: AfiSafi) -> impl Iterator<Item = Received<'a>> {
    routes.filter(move |received| received.route.prefix.family() == family)
}

impl Overrun {
    /// Whether it keeps the session down.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Peer {
    /// The limit that ended the last session; `None` once there is another one, or an operator has let it run.
    pub fn overrun(&self) -> Option<&Overrun> {
        self.overrun.as_ref()
    }

    /// Whether its session does not begin by itself.
    pub(super) fn is_kept_down(&self) -> bool {
        self.admin.disabled.is_some() || self.overrun.is_some_and(|overrun| overrun.until.is_none())
    }

    /// A refresh that was put off is due: true once.
    pub(super) fn take_due_refresh(&mut self, now: Instant) -> bool {
        let Some(up) = &mut self.established else { return false };
        let due = up.limiting.ask_at.is_some_and(|at| at <= now);
        if due {
            up.limiting.ask_at = None;
        }
        due
    }
}

impl Established {
    /// What is known of the session's limits.
    pub fn limiting(&self) -> &Limiting {
        &self.limiting
    }
}
