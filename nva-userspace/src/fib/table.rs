//! The table of wanted and installed prefixes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::entry::Entry;
use super::pin::{Pin, span};
use super::resolve::{combine, resolve};
use super::{Failure, FibConfig, FibEntry, FibOp, FibRoute, Wanted, Withheld};
use crate::host::{Hop, HostDelta, HostState};
use crate::net::Prefix;
use crate::route::NextHop;

/// Desired and installed routes, and what is to be done to make them the same.
///
/// Operations are taken with [`poll_op`](Fib::poll_op), at most one at a time for each prefix, and each must be answered
/// with [`acknowledge`](Fib::acknowledge). Until [`reconcile`](Fib::reconcile), routes that an earlier life left in the
/// kernel stay there.
#[derive(Debug)]
pub struct Fib {
    config: FibConfig,
    entries: BTreeMap<Prefix, Entry>,
    next_hops: BTreeMap<IpAddr, Tracked>,
    pins: BTreeMap<IpAddr, Pin>,
    /// Pins to look at; they come first, so that a peer is safe before the route that would capture it is in place.
    urgent: BTreeSet<Prefix>,
    /// Other prefixes to look at.
    dirty: BTreeSet<Prefix>,
    /// Routes found in the kernel are kept even if nobody wants them.
    holding: bool,
}

/// After so many refusals to replace a route it is withdrawn, so that packets do not go for ever where nobody wants them. One
/// may be for want of memory.
const REPLACEMENTS: u32 = 2;

/// A next hop in use.
#[derive(Debug)]
struct Tracked {
    ways: Result<Vec<Hop>, Withheld>,
    users: BTreeSet<Prefix>,
}

impl Fib {
    /// An empty table that keeps what it finds until [`reconcile`](Fib::reconcile).
    pub fn new(config: FibConfig) -> Fib {
        Fib {
            config,
            entries: BTreeMap::new(),
            next_hops: BTreeMap::new(),
            pins: BTreeMap::new(),
            urgent: BTreeSet::new(),
            dirty: BTreeSet::new(),
            holding: true,
        }
    }

    /// By what our routes are known.
    pub fn config(&self) -> &FibConfig {
        &self.config
    }

    /// The Loc-RIB wants this for the prefix from now on, or (`None`) has no route any more.
    pub fn want(&mut self, prefix: Prefix, wanted: Option<Wanted>, host: &HostState) {
        if wanted.is_none() && !self.entries.contains_key(&prefix) {
            return;
        }
        for address in addresses(wanted.as_ref()) {
            let track = || Tracked { ways: resolve(address, host), users: BTreeSet::new() };
            self.next_hops.entry(address).or_insert_with(track).users.insert(prefix);
        }
        let entry = self.entries.entry(prefix).or_default();
        entry.adopted = false;
        let old = std::mem::replace(&mut entry.wanted, wanted);
        for address in addresses(old.as_ref()) {
            self.forget_user(address, prefix);
        }
        self.refresh(prefix, host);
    }

    /// The host's state changed: next hops resolve anew, and routes of ours that somebody else changed are noticed.
    pub fn host_changed(&mut self, delta: &HostDelta, host: &HostState) {
        let mut affected: BTreeSet<IpAddr> = delta.addresses.iter().map(|address| address.address).collect();
        let mut changed = BTreeSet::new();
        for prefix in &delta.routes {
            affected.extend(self.next_hops.range(span(*prefix)).map(|(address, _)| *address));
            affected.extend(self.pins.range(span(*prefix)).map(|(peer, _)| *peer));
            let seen = host.routes_of(*prefix).iter().find_map(|route| self.config.hops_of_ours(route));
            self.observe(*prefix, seen);
            if self.entries.contains_key(prefix) {
                changed.insert(*prefix);
            }
        }
        for address in affected {
            if let Some(tracked) = self.next_hops.get_mut(&address) {
                let ways = resolve(address, host);
                if tracked.ways != ways {
                    tracked.ways = ways;
                    changed.extend(tracked.users.iter().copied());
                }
            }
            if self.pins.get_mut(&address).is_some_and(|pin| pin.resolve(address, host)) {
                self.review_pin(address);
            }
        }
        for prefix in changed {
            self.refresh(prefix, host);
        }
    }

    /// From now on no BGP route may capture this peer's address.
    pub fn pin(&mut self, peer: IpAddr, host: &HostState) {
        // GAP(RFC 4291 §2.5.6): a link-local address needs its interface beside it to resolve.
        if matches!(peer, IpAddr::V6(address) if address.is_unicast_link_local()) {
            return;
        }
        self.pins.entry(peer).or_default().resolve(peer, host);
        self.review_pin(peer);
    }

    /// The peer is gone from the configuration.
    pub fn unpin(&mut self, peer: IpAddr) {
        if self.pins.remove(&peer).is_some() {
            self.mark(Prefix::host(peer));
        }
    }

    /// Takes over the routes of ours that the kernel holds: at the start those of an earlier life; later, as an audit,
    /// whatever became different without our noticing. What was acknowledged but not yet seen is judged the next time.
    pub fn adopt(&mut self, host: &HostState) {
        let config = self.config;
        let ours = host.routes().filter_map(|route| Some((route.prefix, config.hops_of_ours(route)?)));
        let seen: BTreeMap<Prefix, &[Hop]> = ours.collect();
        let known: BTreeSet<Prefix> = self.entries.keys().chain(seen.keys()).copied().collect();
        for prefix in known {
            self.observe(prefix, seen.get(&prefix).copied());
            if let Some(entry) = self.entries.get_mut(&prefix) {
                entry.confirmed = true;
            }
        }
    }

    /// BGP has converged: adopted routes that nobody wanted so far are withdrawn.
    pub fn reconcile(&mut self) {
        self.holding = false;
        for (prefix, entry) in &mut self.entries {
            if std::mem::take(&mut entry.adopted) {
                self.dirty.insert(*prefix);
            }
        }
    }

    /// Tries again what failed.
    pub fn retry_failed(&mut self) {
        let failed = self.entries.iter().filter(|(_, entry)| entry.failure.is_some()).map(|(prefix, _)| *prefix);
        for prefix in failed.collect::<Vec<_>>() {
            self.mark(prefix);
        }
    }

    /// The next thing to do to the kernel, if there is any.
    pub fn poll_op(&mut self) -> Option<FibOp> {
        while let Some(prefix) = self.urgent.pop_first().or_else(|| self.dirty.pop_first()) {
            if let Some(op) = self.next_op(prefix) {
                return Some(op);
            }
        }
        None
    }

    /// The kernel's answer to an operation; the error is its own text.
    pub fn acknowledge(&mut self, op: &FibOp, result: Result<(), String>) {
        let prefix = op.route().prefix;
        let Some(entry) = self.entries.get_mut(&prefix) else { return };
        let Some(target) = entry.in_flight.take() else { return };
        match result {
            Ok(()) => {
                // What was seen after the echo is newer than the answer: answers wait for the rest of their batch.
                let seen = entry.seen.take().filter(|_| entry.echoed);
                entry.installed = seen.unwrap_or(target);
                entry.confirmed = entry.echoed;
                entry.failure = None;
                self.mark(prefix);
                self.review_pins(prefix);
            }
            Err(reason) => {
                let attempts = entry.failure.as_ref().map_or(0, |failure| failure.attempts).saturating_add(1);
                entry.failure = Some(Failure { reason, attempts });
                // Somebody may have taken away what was to be replaced: then the next try has to be another.
                if let Some(seen) = entry.seen.take().filter(|_| entry.confirmed) {
                    entry.installed = seen;
                    self.review_pins(prefix);
                }
            }
        }
    }

    /// Every prefix that is wanted, installed or pinned.
    pub fn entries(&self) -> impl Iterator<Item = FibEntry<'_>> {
        self.entries.iter().map(|(prefix, entry)| self.view(*prefix, entry))
    }

    /// One prefix.
    pub fn entry(&self, prefix: Prefix) -> Option<FibEntry<'_>> {
        self.entries.get(&prefix).map(|entry| self.view(prefix, entry))
    }

    /// How a next hop in use resolves.
    pub fn next_hop(&self, address: IpAddr) -> Option<Result<&[Hop], &Withheld>> {
        self.next_hops.get(&address).map(|tracked| tracked.ways.as_deref())
    }

    fn view<'a>(&'a self, prefix: Prefix, entry: &'a Entry) -> FibEntry<'a> {
        FibEntry {
            prefix,
            wanted: entry.wanted.as_ref(),
            desired: self.desired(prefix),
            installed: entry.installed.as_deref(),
            pinned: self.pinned(prefix).is_some(),
            adopted: entry.adopted,
            in_flight: entry.in_flight.is_some(),
            withheld: entry.withheld(),
            failure: entry.failure.as_ref(),
        }
    }

    /// What the kernel should hold for a prefix. A pin comes before what BGP says about the same address.
    fn desired(&self, prefix: Prefix) -> Option<&[Hop]> {
        let resolved = || self.entries.get(&prefix)?.resolved.as_ref()?.as_deref().ok();
        self.pinned(prefix).or_else(resolved)
    }

    fn pinned(&self, prefix: Prefix) -> Option<&[Hop]> {
        self.pins.get(&prefix.address()).filter(|_| prefix.is_host()).and_then(Pin::hops)
    }

    fn next_op(&mut self, prefix: Prefix) -> Option<FibOp> {
        let desired = self.desired(prefix).map(<[Hop]>::to_vec);
        let config = self.config;
        let route = |hops: &[Hop]| FibRoute {
            prefix,
            table: config.table,
            metric: config.metric,
            protocol: config.protocol,
            hops: hops.to_vec(),
        };
        let entry = self.entries.get_mut(&prefix)?;
        if entry.in_flight.is_some() {
            return None;
        }
        let tired = entry.failure.as_ref().is_some_and(|failure| failure.attempts >= REPLACEMENTS);
        let op = match (&entry.installed, &desired) {
            (None, Some(new)) => FibOp::Install(route(new)),
            (Some(old), Some(new)) if old != new && tired => FibOp::Withdraw(route(old)),
            (Some(old), Some(new)) if old != new => FibOp::Replace(route(new)),
            (Some(old), None) if !entry.adopted => FibOp::Withdraw(route(old)),
            (Some(_), Some(_)) | (Some(_), None) | (None, None) => {
                entry.failure = None;
                if entry.is_idle() {
                    self.entries.remove(&prefix);
                }
                return None;
            }
        };
        entry.in_flight = Some(if matches!(op, FibOp::Withdraw(_)) { None } else { desired });
        entry.echoed = false;
        entry.seen = None;
        Some(op)
    }

    /// Works out anew what a prefix comes to.
    fn refresh(&mut self, prefix: Prefix, host: &HostState) {
        let Some(entry) = self.entries.get(&prefix) else { return };
        let ways = |address| self.next_hops.get(&address).map(|tracked| &tracked.ways);
        let resolved = entry.wanted.as_ref().map(|wanted| combine(prefix, wanted, ways, host));
        if let Some(entry) = self.entries.get_mut(&prefix) {
            entry.resolved = resolved;
        }
        self.mark(prefix);
        self.review_pins(prefix);
    }

    /// Takes in what the host's state shows of our route for a prefix.
    fn observe(&mut self, prefix: Prefix, seen: Option<&[Hop]>) {
        if seen.is_none() && !self.entries.contains_key(&prefix) {
            return;
        }
        let holding = self.holding && self.desired(prefix).is_none();
        let entry = self.entries.entry(prefix).or_default();
        if let Some(target) = &entry.in_flight {
            entry.echoed |= target.as_deref() == seen;
            entry.seen = Some(seen.map(<[Hop]>::to_vec));
        } else if entry.installed.as_deref() == seen {
            entry.confirmed = true;
        } else if entry.confirmed {
            entry.installed = seen.map(<[Hop]>::to_vec);
            entry.adopted = holding && entry.wanted.is_none() && entry.installed.is_some();
            self.mark(prefix);
            self.review_pins(prefix);
        }
    }

    /// Queues a prefix to be looked at.
    fn mark(&mut self, prefix: Prefix) {
        let queue = if self.pinned(prefix).is_some() { &mut self.urgent } else { &mut self.dirty };
        queue.insert(prefix);
    }

    /// Looks again at the peers that a prefix covers.
    fn review_pins(&mut self, prefix: Prefix) {
        let peers: Vec<IpAddr> = self.pins.range(span(prefix)).map(|(peer, _)| *peer).collect();
        for peer in peers {
            self.review_pin(peer);
        }
    }

    fn review_pin(&mut self, peer: IpAddr) {
        let Some(pin) = self.pins.get_mut(&peer) else { return };
        let was_active = pin.active;
        pin.review(peer, &self.entries);
        if pin.active {
            self.entries.entry(Prefix::host(peer)).or_default();
        }
        if pin.active || was_active {
            self.mark(Prefix::host(peer));
        }
    }

    fn forget_user(&mut self, next_hop: IpAddr, prefix: Prefix) {
        let used = |entry: &Entry| addresses(entry.wanted.as_ref()).any(|address| address == next_hop);
        if self.entries.get(&prefix).is_some_and(used) {
            return;
        }
        let Some(tracked) = self.next_hops.get_mut(&next_hop) else { return };
        tracked.users.remove(&prefix);
        if tracked.users.is_empty() {
            self.next_hops.remove(&next_hop);
        }
    }
}

fn addresses(wanted: Option<&Wanted>) -> impl Iterator<Item = IpAddr> {
    wanted.map(Wanted::next_hops).unwrap_or_default().iter().filter_map(|next_hop| match next_hop {
        NextHop::Own | NextHop::Discard(_) => None,
        NextHop::Via(address) => Some(*address),
    })
}
