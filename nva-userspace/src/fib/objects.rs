//! The kernel's next-hop objects that stand for what prefixes are wanted through: one for each way out, and groups of
//! those, which are what routes name. Where a group leads changes with one operation, however many routes name it.
//!
//! A group stays a group although it has one member: the kernel turns no group into a plain next hop, nor back. A way out
//! never changes; there is another object for another one.

use std::collections::{BTreeMap, BTreeSet};

use super::held::{Held, Step};
use super::{Failure, FibConfig, FibItem, FibOp};
use crate::host::{GroupMember, Hop, HostState, NextHopKind, NextHopObject};

/// Our objects.
#[derive(Debug)]
pub(super) struct Objects {
    protocol: u8,
    objects: BTreeMap<u32, Object>,
    hops: BTreeMap<Hop, u32>,
    /// Objects to look at: the ways out come first, for groups of them.
    dirty: BTreeSet<(Rank, u32)>,
    /// Objects that nobody wants: they go when nothing names them.
    unwanted: BTreeSet<(Rank, u32)>,
    last: u32,
}

/// What the host's state shows of an object.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observed {
    /// It is not as we thought.
    pub(super) differs: bool,
    /// It is one that routes name, and there now, or will be, unlike before; or the other way round.
    pub(super) appeared_or_went: bool,
}

/// What is installed first, and removed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Hop,
    Group,
}

#[derive(Debug)]
struct Object {
    rank: Rank,
    /// What it should be; `None` if nobody wants it.
    desired: Option<NextHopKind>,
    held: Held<NextHopKind>,
    /// How many want it: of a group, what it stands for; of a way out, the groups that should have it as a member.
    users: usize,
    /// The routes that name it in the kernel, or may soon.
    references: usize,
}

impl Object {
    fn new(rank: Rank) -> Object {
        Object { rank, desired: None, held: Held::default(), users: 0, references: 0 }
    }
}

impl Objects {
    pub(super) fn new(protocol: u8) -> Objects {
        Objects {
            protocol,
            objects: BTreeMap::new(),
            hops: BTreeMap::new(),
            dirty: BTreeSet::new(),
            unwanted: BTreeSet::new(),
            last: *FibConfig::OBJECTS.end(),
        }
    }

    /// A group for these ways out: one that nobody wants and that has just these members, `favourite` before others, or a
    /// new one. `None` if there are no numbers left.
    pub(super) fn group(&mut self, hops: &[Hop], favourite: Option<u32>, host: &HostState) -> Option<u32> {
        let kind = self.members(hops, host)?;
        let fits = |object: &Object| {
            let free = object.rank == Rank::Group && object.users == 0 && !object.held.is_in_flight();
            free && object.held.installed() == Some(&kind)
        };
        let favourite = favourite.filter(|id| self.objects.get(id).is_some_and(fits));
        let other = || self.objects.iter().find(|(_, object)| fits(object)).map(|(id, _)| *id);
        let id = match favourite.or_else(other) {
            Some(id) => id,
            None => self.create(Rank::Group, host)?,
        };
        self.desire(id, kind);
        if let Some(object) = self.objects.get_mut(&id) {
            object.users = 1;
        }
        self.unwanted.remove(&(Rank::Group, id));
        Some(id)
    }

    /// A group leads to these ways out from now on.
    pub(super) fn redirect(&mut self, id: u32, hops: &[Hop], host: &HostState) {
        // Without a number for a new way out the group stays as it is, and its routes go with the hops that they have.
        if let Some(kind) = self.members(hops, host) {
            self.desire(id, kind);
        }
    }

    /// Nobody wants this group any more.
    pub(super) fn release(&mut self, id: u32) {
        let Some(object) = self.objects.get_mut(&id) else { return };
        object.users = 0;
        let old = object.desired.take();
        self.unwanted.insert((Rank::Group, id));
        self.leave_members(old.as_ref());
    }

    /// Whether routes can name this object: it is there, or will be before they are.
    pub(super) fn is_there(&self, id: u32) -> bool {
        self.objects.get(&id).is_some_and(|object| object.held.is_there())
    }

    /// Whether this group leads where it should not any more, and the kernel has refused again and again to change that.
    pub(super) fn misleads(&self, id: u32) -> bool {
        let misleads = |object: &Object| {
            object.held.installed().is_some()
                && object.desired.is_some()
                && object.held.is_refused(object.desired.as_ref())
        };
        self.objects.get(&id).is_some_and(misleads)
    }

    /// Why the kernel refused the last operation on this object, or on one of its members.
    pub(super) fn failure(&self, id: u32) -> Option<&Failure> {
        let object = self.objects.get(&id)?;
        let members = member_numbers(object.desired.as_ref());
        let of_member = |id: u32| self.objects.get(&id).and_then(|object| object.held.failure());
        object.held.failure().or_else(|| members.into_iter().find_map(of_member))
    }

    /// Routes name other objects than before.
    pub(super) fn recount(&mut self, before: &[u32], after: &[u32]) {
        for id in before {
            if let Some(object) = self.objects.get_mut(id) {
                object.references = object.references.saturating_sub(1);
            }
        }
        for id in after {
            let object = self.objects.entry(*id).or_insert_with(|| Object::new(Rank::Group));
            object.references += 1;
        }
        before.iter().for_each(|id| self.forget_if_gone(*id));
    }

    /// Takes in what the host's state shows of an object.
    pub(super) fn observe(&mut self, id: u32, seen: Option<&NextHopObject>) -> Observed {
        let seen = seen.filter(|object| object.protocol == self.protocol).map(|object| as_held(&object.kind));
        if seen.is_none() && !self.objects.contains_key(&id) {
            return Observed::default();
        }
        let rank = if matches!(seen, Some(NextHopKind::Hop(_))) { Rank::Hop } else { Rank::Group };
        let object = self.objects.entry(id).or_insert_with(|| Object::new(rank));
        let was_there = object.held.is_there();
        let differs = object.held.observe(seen.as_ref());
        let (rank, changed) = (object.rank, was_there != object.held.is_there());
        if let Some(NextHopKind::Hop(hop)) = &seen {
            self.hops.entry(*hop).or_insert(id);
        }
        if object.users == 0 {
            self.unwanted.insert((rank, id));
        }
        self.dirty.insert((rank, id));
        self.forget_if_gone(id);
        Observed { differs, appeared_or_went: changed && rank == Rank::Group }
    }

    /// What the host's state will show to be different from here on is somebody else's doing.
    pub(super) fn confirm(&mut self) {
        self.objects.values_mut().for_each(|object| object.held.confirm());
    }

    /// Every object that is known.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.objects.keys().copied()
    }

    /// Tries again what failed.
    pub(super) fn retry_failed(&mut self) {
        let failed = self.objects.iter().filter(|(_, object)| object.held.failure().is_some());
        self.dirty.extend(failed.map(|(id, object)| (object.rank, *id)).collect::<Vec<_>>());
    }

    /// The next thing to install or to change.
    pub(super) fn next_op(&mut self) -> Option<FibOp> {
        while let Some((_, id)) = self.dirty.pop_first() {
            let Some(object) = self.objects.get_mut(&id) else { continue };
            if let Some(step) = object.held.step(object.desired.as_ref(), true) {
                return Some(self.op(id, step));
            }
        }
        None
    }

    /// The next thing to remove: what nobody wants and nothing names, groups before their members.
    pub(super) fn next_removal(&mut self) -> Option<FibOp> {
        let unwanted: Vec<u32> = self.unwanted.iter().rev().map(|(_, id)| *id).collect();
        for id in unwanted {
            if self.is_named(id) {
                continue;
            }
            let step = self.objects.get_mut(&id).and_then(|object| object.held.step(None, false));
            match step {
                Some(step) => return Some(self.op(id, step)),
                None => self.forget_if_gone(id),
            }
        }
        None
    }

    /// The kernel's answer. Whether a group is as it should be now.
    pub(super) fn acknowledge(&mut self, id: u32, result: Result<(), String>) -> bool {
        let Some(object) = self.objects.get_mut(&id) else { return false };
        let Some(answered) = object.held.acknowledge(result) else { return false };
        let rank = object.rank;
        if answered.done || answered.changed {
            self.dirty.insert((rank, id));
        }
        self.forget_if_gone(id);
        answered.done && rank == Rank::Group
    }

    /// The members for these ways out.
    fn members(&mut self, hops: &[Hop], host: &HostState) -> Option<NextHopKind> {
        let mut members = Vec::with_capacity(hops.len());
        for hop in hops {
            members.push(GroupMember { id: self.hop(Hop { weight: 1, ..*hop }, host)?, weight: hop.weight });
        }
        members.sort_unstable_by_key(|member| member.id);
        Some(NextHopKind::Group(members))
    }

    /// The object of a way out.
    fn hop(&mut self, hop: Hop, host: &HostState) -> Option<u32> {
        if let Some(id) = self.hops.get(&hop) {
            return Some(*id);
        }
        let id = self.create(Rank::Hop, host)?;
        self.hops.insert(hop, id);
        if let Some(object) = self.objects.get_mut(&id) {
            object.desired = Some(NextHopKind::Hop(hop));
        }
        Some(id)
    }

    /// A new object, under a number that nobody uses.
    fn create(&mut self, rank: Rank, host: &HostState) -> Option<u32> {
        let (first, count) = (*FibConfig::OBJECTS.start(), FibConfig::OBJECTS.end() - FibConfig::OBJECTS.start() + 1);
        let next = |step: u32| first + (self.last - first + step) % count;
        let free = |id: &u32| !self.objects.contains_key(id) && host.next_hop_object(*id).is_none();
        let id = (1..=count).map(next).find(free)?;
        self.last = id;
        self.objects.insert(id, Object::new(rank));
        Some(id)
    }

    fn desire(&mut self, id: u32, kind: NextHopKind) {
        for member in member_numbers(Some(&kind)) {
            let Some(object) = self.objects.get_mut(&member) else { continue };
            object.users += 1;
            if object.desired.is_none() {
                let hop = self.hops.iter().find(|(_, id)| **id == member).map(|(hop, _)| *hop);
                object.desired = hop.map(NextHopKind::Hop);
            }
            self.unwanted.remove(&(Rank::Hop, member));
            self.dirty.insert((Rank::Hop, member));
        }
        let Some(object) = self.objects.get_mut(&id) else { return };
        let old = object.desired.replace(kind);
        self.dirty.insert((Rank::Group, id));
        self.leave_members(old.as_ref());
    }

    /// A group should not have these members any more.
    fn leave_members(&mut self, kind: Option<&NextHopKind>) {
        for member in member_numbers(kind) {
            let Some(object) = self.objects.get_mut(&member) else { continue };
            object.users = object.users.saturating_sub(1);
            if object.users == 0 {
                object.desired = None;
                self.unwanted.insert((Rank::Hop, member));
            }
        }
    }

    /// Whether something in the kernel names this object, or may soon: it would go with it.
    fn is_named(&self, id: u32) -> bool {
        let Some(object) = self.objects.get(&id) else { return false };
        let names = |group: &Object| {
            let kinds = group.held.possible().chain(&group.desired);
            kinds.into_iter().any(|kind| member_numbers(Some(kind)).contains(&id))
        };
        object.references > 0 || object.rank == Rank::Hop && self.objects.values().any(names)
    }

    fn forget_if_gone(&mut self, id: u32) {
        let Some(object) = self.objects.get(&id) else { return };
        if object.users > 0 || object.references > 0 || !object.held.is_gone() {
            return;
        }
        let rank = object.rank;
        self.objects.remove(&id);
        self.hops.retain(|_, of_hop| *of_hop != id);
        self.dirty.remove(&(rank, id));
        self.unwanted.remove(&(rank, id));
    }

    fn op(&self, id: u32, step: Step<NextHopKind>) -> FibOp {
        let object = |kind| FibItem::Object(NextHopObject { id, protocol: self.protocol, kind });
        match step {
            Step::Install(kind) => FibOp::Install(object(kind)),
            Step::Replace(kind) => FibOp::Replace(object(kind)),
            Step::Withdraw(kind) => FibOp::Withdraw(object(kind)),
        }
    }
}

/// As we would write it.
fn as_held(kind: &NextHopKind) -> NextHopKind {
    match kind {
        NextHopKind::Group(members) => {
            let mut members = members.clone();
            members.sort_unstable_by_key(|member| member.id);
            NextHopKind::Group(members)
        }
        NextHopKind::Hop(_) | NextHopKind::Discard | NextHopKind::Opaque => kind.clone(),
    }
}

fn member_numbers(kind: Option<&NextHopKind>) -> Vec<u32> {
    match kind {
        Some(NextHopKind::Group(members)) => members.iter().map(|member| member.id).collect(),
        Some(NextHopKind::Hop(_) | NextHopKind::Discard | NextHopKind::Opaque) | None => Vec::new(),
    }
}
