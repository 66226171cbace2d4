//! The table of wanted and installed prefixes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::entry::Entry;
use super::held::Step;
use super::objects::{Objects, Observed};
use super::pin::{Pin, span};
use super::queue::Queue;
use super::resolve::is_connected;
use super::shares::{ShareId, Shares};
use super::{Absent, FibAudit, FibConfig, FibEntry, FibItem, FibOp, FibRoute, Wanted, Withheld};
use crate::host::{Hop, HostDelta, HostState, Via};
use crate::net::Prefix;

/// Operations that may be under way at a time.
const MOST_UNDER_WAY: usize = 4096;
/// Prefixes that are taken out of the queue together.
const AT_HAND: usize = 64;

/// Desired and installed routes, and what is to be done to make them the same.
///
/// Operations are taken with [`poll_op`](Fib::poll_op), at most one at a time for each prefix and object, are carried out
/// in their order, and each must be answered with [`acknowledge`](Fib::acknowledge). Until
/// [`reconcile`](Fib::reconcile), what an earlier life left in the kernel stays there.
///
/// Where the kernel has next-hop objects, prefixes that are wanted through the same next hops name the same object.
#[derive(Debug)]
pub struct Fib {
    config: FibConfig,
    entries: HashMap<Prefix, Entry>,
    shares: Shares,
    objects: Objects,
    /// The kernel has next-hop objects.
    with_objects: bool,
    pins: BTreeMap<IpAddr, Pin>,
    /// Pins to look at; they come first, so that a peer is safe before the route that would capture it is in place.
    urgent: BTreeSet<Prefix>,
    /// Other prefixes to look at: those of entries that are marked as queued.
    dirty: Queue,
    /// Prefixes that were taken out of that queue, to be looked at next.
    at_hand: Vec<Prefix>,
    /// Prefixes that wait for the object that they are to name.
    waiting: BTreeSet<Prefix>,
    /// Routes found in the kernel are kept even if nobody wants them.
    holding: bool,
    /// Operations that are not answered yet.
    under_way: usize,
    /// Prefixes for which there is a route of ours in the kernel now and was none, or the other way round.
    arrivals: Vec<Prefix>,
}

impl Fib {
    /// An empty table that keeps what it finds until [`reconcile`](Fib::reconcile).
    pub fn new(config: FibConfig) -> Fib {
        Fib {
            config,
            entries: HashMap::new(),
            shares: Shares::default(),
            objects: Objects::new(config.protocol),
            with_objects: false,
            pins: BTreeMap::new(),
            urgent: BTreeSet::new(),
            dirty: Queue::default(),
            at_hand: Vec::new(),
            waiting: BTreeSet::new(),
            holding: true,
            under_way: 0,
            arrivals: Vec::new(),
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
        let share = wanted.map(|wanted| self.shares.join(wanted, prefix, host));
        if let Some(id) = share {
            // After a restart, what the route names already.
            let named = self.entries.get(&prefix).and_then(|entry| entry.objects().next());
            self.give_object(id, named, host);
        }
        let entry = self.entries.entry(prefix).or_default();
        entry.adopted = false;
        let old = std::mem::replace(&mut entry.wanted, share);
        if let Some(old) = old.filter(|old| Some(*old) != share)
            && let Some(object) = self.shares.leave(old, prefix)
        {
            self.objects.release(object);
        }
        self.refresh(prefix, host);
    }

    /// The host's state changed: next hops resolve anew, and what somebody else changed of ours is noticed.
    pub fn host_changed(&mut self, delta: &HostDelta, host: &HostState) {
        let mut affected: BTreeSet<IpAddr> = delta.addresses.iter().map(|address| address.address).collect();
        for id in delta.next_hops.iter().filter(|id| FibConfig::OBJECTS.contains(*id)) {
            self.observe_object(*id, host);
        }
        let mut changed = BTreeSet::new();
        for prefix in &delta.routes {
            affected.extend(self.shares.next_hops_in(*prefix));
            affected.extend(self.pins.range(span(*prefix)).map(|(peer, _)| *peer));
            let seen = host.routes_of(*prefix).iter().find_map(|route| self.config.via_of_ours(route));
            self.observe(*prefix, seen);
            if self.entries.contains_key(prefix) {
                changed.insert(*prefix);
            }
        }
        for (id, old) in self.shares.resolve_again(&affected, host) {
            self.follow(id, &old, &mut changed, host);
        }
        for address in affected {
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

    /// Takes over what the kernel holds of ours: at the start that of an earlier life; later, as an audit, whatever became
    /// different without our noticing. What was acknowledged but not yet seen is judged the next time. Says what was not as
    /// it was thought to be.
    pub fn adopt(&mut self, host: &HostState) -> FibAudit {
        let mut audit = FibAudit::default();
        let numbers: BTreeSet<u32> = self.objects.numbers().collect();
        let there = host.next_hop_objects().map(|object| object.id).filter(|id| FibConfig::OBJECTS.contains(id));
        for id in numbers.into_iter().chain(there).collect::<BTreeSet<u32>>() {
            audit.objects += 1;
            if self.observe_object(id, host) {
                audit.strange_objects.push(id);
            }
        }
        self.objects.confirm();
        let config = self.config;
        let ours = host.routes().filter_map(|route| Some((route.prefix, config.via_of_ours(route)?)));
        let seen: BTreeMap<Prefix, &Via> = ours.collect();
        let known: BTreeSet<Prefix> = self.entries.keys().chain(seen.keys()).copied().collect();
        for prefix in known {
            let thought = self.entries.get(&prefix).is_some_and(|entry| entry.held.installed().is_some());
            let there = seen.get(&prefix).copied();
            let differs = self.observe(prefix, there);
            audit.note_route(prefix, thought, there.is_some(), differs);
            if let Some(entry) = self.entries.get_mut(&prefix) {
                entry.held.confirm();
            }
        }
        if self.with_objects != host.has_next_hop_objects() {
            self.with_objects = host.has_next_hop_objects();
            let ids: Vec<ShareId> = self.shares.ids().collect();
            ids.into_iter().for_each(|id| self.give_object(id, None, host));
            let prefixes: BTreeSet<Prefix> = self.entries.keys().copied().collect();
            prefixes.into_iter().for_each(|prefix| self.mark(prefix));
        }
        audit
    }

    /// BGP has converged: adopted routes that nobody wanted so far are withdrawn.
    pub fn reconcile(&mut self) {
        self.holding = false;
        let adopted =
            self.entries.iter_mut().filter_map(|(prefix, entry)| std::mem::take(&mut entry.adopted).then_some(*prefix));
        for prefix in adopted.collect::<BTreeSet<Prefix>>() {
            self.mark(prefix);
        }
    }

    /// Tries again what failed.
    pub fn retry_failed(&mut self) {
        self.objects.retry_failed();
        let failed = self.entries.iter().filter(|(_, entry)| entry.held.failure().is_some());
        for prefix in failed.map(|(prefix, _)| *prefix).collect::<BTreeSet<Prefix>>() {
            self.mark(prefix);
        }
    }

    /// The next thing to do to the kernel, if there is any. Not too much of it is under way at a time: what changes again
    /// meanwhile is done once.
    pub fn poll_op(&mut self) -> Option<FibOp> {
        if self.under_way >= MOST_UNDER_WAY {
            return None;
        }
        let op = self.next();
        self.under_way += usize::from(op.is_some());
        op
    }

    fn next(&mut self) -> Option<FibOp> {
        if let Some(op) = self.objects.next_op() {
            return Some(op);
        }
        while let Some(prefix) = self.urgent.pop_first().or_else(|| self.pop_dirty()) {
            if let Some(op) = self.next_op(prefix) {
                return Some(op);
            }
        }
        if self.holding { None } else { self.objects.next_removal() }
    }

    /// The kernel's answer to an operation; the error is its own text.
    pub fn acknowledge(&mut self, op: &FibOp, result: Result<(), String>) {
        self.under_way = self.under_way.saturating_sub(1);
        match op.item() {
            FibItem::Object(object) => {
                if self.objects.acknowledge(object.id, result) {
                    self.wait_no_more();
                }
                if self.objects.misleads(object.id) {
                    let users: BTreeSet<Prefix> = self.shares.users_of(object.id).collect();
                    users.into_iter().for_each(|prefix| self.mark(prefix));
                }
            }
            FibItem::Route(route) => self.acknowledge_route(route.prefix, result),
        }
    }

    /// Every prefix that is wanted, installed or pinned, in their order.
    pub fn entries(&self) -> impl Iterator<Item = FibEntry<'_>> {
        let sorted: BTreeMap<Prefix, &Entry> = self.entries.iter().map(|(prefix, entry)| (*prefix, entry)).collect();
        sorted.into_iter().map(|(prefix, entry)| self.view(prefix, entry))
    }

    /// One prefix.
    pub fn entry(&self, prefix: Prefix) -> Option<FibEntry<'_>> {
        self.entries.get(&prefix).map(|entry| self.view(prefix, entry))
    }

    /// Why the kernel has no route of ours for a prefix that BGP wants there; `None` if it has one, or none is wanted.
    pub fn absent(&self, prefix: Prefix) -> Option<Absent> {
        let entry = self.entry(prefix).filter(|entry| entry.wanted.is_some() && entry.installed.is_none())?;
        Some(match (entry.withheld, entry.failure) {
            (Some(withheld), _) => Absent::Withheld(withheld.clone()),
            (None, Some(failure)) => Absent::Refused(failure.reason.clone()),
            (None, None) => Absent::Pending,
        })
    }

    /// The prefixes for which a route of ours has come into the kernel or gone from it since the last call.
    pub fn take_arrivals(&mut self) -> Vec<Prefix> {
        std::mem::take(&mut self.arrivals)
    }

    /// How a next hop in use resolves.
    pub fn next_hop(&self, address: IpAddr) -> Option<Result<&[Hop], &Withheld>> {
        self.shares.next_hop(address)
    }

    fn view<'a>(&'a self, prefix: Prefix, entry: &'a Entry) -> FibEntry<'a> {
        let resolved = self.resolved(entry);
        let desired = self.desired_hops(prefix);
        let object = entry.wanted.and_then(|id| self.shares.get(id)?.object);
        FibEntry {
            prefix,
            wanted: entry.wanted.and_then(|id| self.shares.get(id)).map(|share| &share.wanted),
            desired,
            installed: entry.held.installed(),
            pinned: self.pinned(prefix).is_some(),
            adopted: entry.adopted,
            pending: entry.held.is_in_flight() || self.desired(prefix).as_ref() != entry.held.installed(),
            withheld: resolved.and_then(Result::err),
            failure: entry.held.failure().or_else(|| self.objects.failure(object?)),
        }
    }

    /// What a prefix comes to, if BGP wants it.
    fn resolved<'a>(&'a self, entry: &Entry) -> Option<Result<&'a [Hop], &'a Withheld>> {
        let share = self.shares.get(entry.wanted?)?;
        Some(if entry.connected { Err(&Withheld::Connected) } else { share.ways.as_deref() })
    }

    fn is_resolved(&self, prefix: Prefix) -> bool {
        self.entries.get(&prefix).is_some_and(|entry| matches!(self.resolved(entry), Some(Ok(_))))
    }

    /// Where the kernel's route for a prefix should lead. A pin comes before what BGP says about the same address.
    fn desired_hops(&self, prefix: Prefix) -> Option<&[Hop]> {
        let resolved = || self.resolved(self.entries.get(&prefix)?)?.ok();
        self.pinned(prefix).or_else(resolved)
    }

    /// What the kernel's route for a prefix should be.
    fn desired(&self, prefix: Prefix) -> Option<Via> {
        let hops = self.desired_hops(prefix)?;
        let object = || self.shares.get(self.entries.get(&prefix)?.wanted?)?.object;
        let shared = if self.pinned(prefix).is_some() { None } else { object() };
        Some(shared.map_or_else(|| Via::Hops(hops.to_vec()), Via::Object))
    }

    fn pinned(&self, prefix: Prefix) -> Option<&[Hop]> {
        self.pins.get(&prefix.address()).filter(|_| prefix.is_host()).and_then(Pin::hops)
    }

    fn next_op(&mut self, prefix: Prefix) -> Option<FibOp> {
        let mut desired = self.desired(prefix);
        if let Some(Via::Object(id)) = desired {
            // None is better than one that leads elsewhere.
            if self.objects.misleads(id) {
                self.waiting.insert(prefix);
                desired = None;
            } else if !self.objects.is_there(id) {
                self.waiting.insert(prefix);
                return None;
            }
        }
        let config = self.config;
        let (step, idle) = self.change(prefix, |entry| {
            let step = entry.held.step(desired.as_ref(), entry.adopted);
            (step, entry.is_idle())
        })?;
        if idle {
            self.entries.remove(&prefix);
        }
        let FibConfig { table, metric, protocol } = config;
        let route = |via| FibItem::Route(FibRoute { prefix, table, metric, protocol, via });
        Some(match step? {
            Step::Install(via) => FibOp::Install(route(via)),
            Step::Replace(via) => FibOp::Replace(route(via)),
            Step::Withdraw(via) => FibOp::Withdraw(route(via)),
        })
    }

    fn acknowledge_route(&mut self, prefix: Prefix, result: Result<(), String>) {
        let Some(Some(answered)) = self.change(prefix, |entry| entry.held.acknowledge(result)) else { return };
        if answered.done {
            self.mark(prefix);
        }
        if answered.done || answered.changed {
            self.review_pins(prefix);
        }
    }

    /// Changes what is known of a prefix, and keeps count of the objects that routes name.
    fn change<R>(&mut self, prefix: Prefix, change: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let entry = self.entries.get_mut(&prefix)?;
        let before: Vec<u32> = entry.objects().collect();
        let was_installed = entry.held.installed().is_some();
        let result = change(entry);
        let after: Vec<u32> = entry.objects().collect();
        if entry.held.installed().is_some() != was_installed {
            self.arrivals.push(prefix);
        }
        if before != after {
            self.objects.recount(&before, &after);
        }
        Some(result)
    }

    /// Works out anew whether a prefix is to be installed.
    fn refresh(&mut self, prefix: Prefix, host: &HostState) {
        if let Some(entry) = self.entries.get_mut(&prefix) {
            entry.connected = entry.wanted.is_some() && is_connected(prefix, host);
            self.mark(prefix);
            self.review_pins(prefix);
        }
    }

    /// What a share comes to has changed: routes that name its object move with it, all others one by one.
    fn follow(
        &mut self,
        id: ShareId,
        old: &Result<Vec<Hop>, Withheld>,
        changed: &mut BTreeSet<Prefix>,
        host: &HostState,
    ) {
        let Some(share) = self.shares.get_mut(id) else { return };
        match (share.object, &share.ways) {
            (Some(object), Ok(hops)) if old.is_ok() => self.objects.redirect(object, hops, host),
            (object, _) => {
                changed.extend(share.users.iter().copied());
                share.object = None;
                object.into_iter().for_each(|object| self.objects.release(object));
                self.give_object(id, None, host);
            }
        }
    }

    /// Has an object stand for what prefixes are wanted through, where there are such things: `favourite`, if it leads
    /// there and nothing else needs it.
    fn give_object(&mut self, id: ShareId, favourite: Option<u32>, host: &HostState) {
        let Some(share) = self.shares.get_mut(id) else { return };
        match (&share.wanted, &share.ways) {
            (Wanted::Through(_), Ok(hops)) if self.with_objects => {
                if share.object.is_none() {
                    share.object = self.objects.group(hops, favourite, host);
                }
            }
            (Wanted::Through(_) | Wanted::Discard, _) => {
                share.object.take().into_iter().for_each(|object| self.objects.release(object));
            }
        }
    }

    /// Takes in what the host's state shows of our route for a prefix. Whether that is not what we thought.
    fn observe(&mut self, prefix: Prefix, seen: Option<&Via>) -> bool {
        if seen.is_none() && !self.entries.contains_key(&prefix) {
            return false;
        }
        let holding = self.holding && self.desired_hops(prefix).is_none();
        self.entries.entry(prefix).or_default();
        let differs = self.change(prefix, |entry| {
            let differs = entry.held.observe(seen);
            if differs {
                entry.adopted = holding && entry.wanted.is_none() && entry.held.installed().is_some();
            }
            differs
        });
        if differs == Some(true) {
            self.mark(prefix);
            self.review_pins(prefix);
        }
        differs == Some(true)
    }

    /// Takes in what the host's state shows of an object of ours. Whether that is not what we thought.
    fn observe_object(&mut self, id: u32, host: &HostState) -> bool {
        let Observed { differs, appeared_or_went } = self.objects.observe(id, host.next_hop_object(id));
        if appeared_or_went {
            self.wait_no_more();
        }
        differs
    }

    /// Queues a prefix to be looked at. Of one without an entry, nothing is to be done.
    fn mark(&mut self, prefix: Prefix) {
        if self.pinned(prefix).is_some() {
            self.urgent.insert(prefix);
        } else if let Some(entry) = self.entries.get_mut(&prefix)
            && !std::mem::replace(&mut entry.queued, true)
        {
            self.dirty.push(prefix);
        }
    }

    /// Takes a prefix out of the queue.
    fn pop_dirty(&mut self) -> Option<Prefix> {
        if self.at_hand.is_empty() {
            self.at_hand.extend(std::iter::from_fn(|| self.dirty.pop()).take(AT_HAND));
            // Their entries lie anywhere: like this, the processor fetches many of them at a time.
            for prefix in &self.at_hand {
                if let Some(entry) = self.entries.get_mut(prefix) {
                    entry.queued = false;
                }
            }
        }
        self.at_hand.pop()
    }

    /// Objects have come or gone: prefixes that waited for one are looked at again.
    fn wait_no_more(&mut self) {
        for prefix in std::mem::take(&mut self.waiting) {
            self.mark(prefix);
        }
    }

    /// Looks again at the peers that a prefix covers.
    fn review_pins(&mut self, prefix: Prefix) {
        let peers: Vec<IpAddr> = self.pins.range(span(prefix)).map(|(peer, _)| *peer).collect();
        for peer in peers {
            self.review_pin(peer);
        }
    }

    fn review_pin(&mut self, peer: IpAddr) {
        let Some(mut pin) = self.pins.remove(&peer) else { return };
        let was_active = pin.active;
        let installed = |prefix| self.entries.get(&prefix).is_some_and(|entry| entry.held.installed().is_some());
        pin.review(peer, |prefix| self.is_resolved(prefix), installed);
        let active = pin.active;
        self.pins.insert(peer, pin);
        if active {
            self.entries.entry(Prefix::host(peer)).or_default();
        }
        if active || was_active {
            self.mark(Prefix::host(peer));
        }
    }
}
