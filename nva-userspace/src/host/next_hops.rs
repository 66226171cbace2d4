//! The kernel's next-hop objects: what routes that name one really lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Hop, NextHopKind, NextHopObject, RouteKind};

/// The objects, and where each leads now.
#[derive(Debug, Default)]
pub(super) struct NextHops {
    objects: BTreeMap<u32, NextHopObject>,
    leads: BTreeMap<u32, Lead>,
}

/// Where an object leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lead {
    /// Unicast or a blackhole, or of a sort of which only the kernel knows what it does.
    pub(super) kind: RouteKind,
    /// Sorted; none if the kind does not forward.
    pub(super) hops: Vec<Hop>,
}

/// An object that leads elsewhere than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moved {
    pub(super) id: u32,
    /// Its destinations are on a link where they were not before, or the other way round.
    pub(super) attachment: bool,
}

impl NextHops {
    /// From all objects.
    pub(super) fn new(objects: Vec<NextHopObject>) -> NextHops {
        let objects: BTreeMap<u32, NextHopObject> = objects.into_iter().map(|object| (object.id, object)).collect();
        let leads = objects.iter().map(|(id, object)| (*id, lead(object, &objects))).collect();
        NextHops { objects, leads }
    }

    /// One object.
    pub(super) fn get(&self, id: u32) -> Option<&NextHopObject> {
        self.objects.get(&id)
    }

    /// Every object, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &NextHopObject> {
        self.objects.values()
    }

    /// Where an object leads; `None` if it is not there.
    pub(super) fn lead(&self, id: u32) -> Option<&Lead> {
        self.leads.get(&id)
    }

    /// Puts an object in its place. Which lead elsewhere now: itself, and the groups that it is in.
    pub(super) fn set(&mut self, object: NextHopObject) -> Vec<Moved> {
        let id = object.id;
        self.objects.insert(id, object);
        self.refresh_with_groups(id)
    }

    /// Takes an object away, and out of the groups that it is in. Which lead elsewhere now, or are gone.
    pub(super) fn remove(&mut self, id: u32) -> Vec<Moved> {
        self.objects.remove(&id);
        self.refresh_with_groups(id)
    }

    /// Takes away what leads over a link, as the kernel does with a link that goes: groups lose these members, and go
    /// with the last one. Which lead elsewhere now, or are gone.
    pub(super) fn remove_link(&mut self, link: u32) -> Vec<Moved> {
        let over = |object: &NextHopObject| matches!(object.kind, NextHopKind::Hop(hop) if hop.link == link);
        let gone: BTreeSet<u32> = self.objects.values().filter(|object| over(object)).map(|object| object.id).collect();
        let left = self.objects.values().filter(|object| !gone.contains(&object.id)).cloned().filter_map(|object| {
            let kind = match object.kind {
                NextHopKind::Group(mut members) => {
                    members.retain(|member| !gone.contains(&member.id));
                    NextHopKind::Group(if members.is_empty() { return None } else { members })
                }
                kind @ (NextHopKind::Hop(_) | NextHopKind::Discard | NextHopKind::Opaque) => kind,
            };
            Some(NextHopObject { kind, ..object })
        });
        let old = std::mem::replace(self, NextHops::new(left.collect()));
        old.differing(self)
    }

    /// Which lead elsewhere in one than in the other.
    pub(super) fn differing(&self, other: &NextHops) -> Vec<Moved> {
        let mut ids: Vec<u32> = self.leads.keys().chain(other.leads.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| moved(id, self.lead(id), other.lead(id))).collect()
    }

    fn refresh_with_groups(&mut self, id: u32) -> Vec<Moved> {
        let in_it = |object: &&NextHopObject| match &object.kind {
            NextHopKind::Group(members) => members.iter().any(|member| member.id == id),
            NextHopKind::Hop(_) | NextHopKind::Discard | NextHopKind::Opaque => false,
        };
        let groups: Vec<u32> = self.objects.values().filter(in_it).map(|object| object.id).collect();
        [id].into_iter().chain(groups).filter_map(|id| self.refresh(id)).collect()
    }

    /// Works out anew where an object leads.
    fn refresh(&mut self, id: u32) -> Option<Moved> {
        let new = self.objects.get(&id).map(|object| lead(object, &self.objects));
        let moved = moved(id, self.leads.get(&id), new.as_ref());
        match new {
            Some(lead) => self.leads.insert(id, lead),
            None => self.leads.remove(&id),
        };
        moved
    }
}

/// Works out where an object leads.
fn lead(object: &NextHopObject, objects: &BTreeMap<u32, NextHopObject>) -> Lead {
    let plain = |kind| Lead { kind, hops: Vec::new() };
    match &object.kind {
        NextHopKind::Hop(hop) => Lead { kind: RouteKind::Unicast, hops: vec![*hop] },
        NextHopKind::Discard => plain(RouteKind::Blackhole),
        NextHopKind::Opaque => plain(RouteKind::Other),
        NextHopKind::Group(members) => {
            let mut hops = Vec::with_capacity(members.len());
            for member in members {
                // The kernel has no groups in groups. What is not there any more has left the group.
                match objects.get(&member.id).map(|object| &object.kind) {
                    Some(NextHopKind::Hop(hop)) => hops.push(Hop { weight: member.weight, ..*hop }),
                    Some(NextHopKind::Discard) => return plain(RouteKind::Blackhole),
                    Some(NextHopKind::Opaque | NextHopKind::Group(_)) => return plain(RouteKind::Other),
                    None => {}
                }
            }
            if let [only] = hops.as_mut_slice() {
                only.weight = 1;
            }
            hops.sort_unstable();
            Lead { kind: RouteKind::Unicast, hops }
        }
    }
}

fn moved(id: u32, old: Option<&Lead>, new: Option<&Lead>) -> Option<Moved> {
    // Only of a route with one hop are the destinations taken to be on the link.
    let link = |lead: Option<&Lead>| match lead.map_or(&[][..], |lead| &lead.hops) {
        [only] if only.gateway.is_none() => Some(only.link),
        _ => None,
    };
    (old != new).then(|| Moved { id, attachment: link(old) != link(new) })
}
