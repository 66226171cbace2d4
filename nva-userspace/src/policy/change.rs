//! Doing a statement's actions to attributes, and knowing beforehand whether there is anything to do.

use super::{Actions, AsnSet, CommunityActions, NumberChange, PrependAs};
use crate::attributes::{DEFAULT_LOCAL_PREF, PathAttributes};
use crate::net::Asn;

impl Actions {
    /// Whether the attributes may be others afterwards.
    pub(super) fn would_change(&self, attributes: &PathAttributes) -> bool {
        let outside = || attributes.as_path.segments.iter().filter(|segment| segment.is_outside());
        let is_in = |asns: &AsnSet| {
            !asns.is_empty() && outside().any(|segment| segment.asns.iter().any(|asn| asns.contains(*asn)))
        };
        is_in(&self.remove_as)
            || is_in(&self.replace_as)
            || self.prepend.is_some_and(|prepend| prepend.times > 0)
            || self.communities.would_change(attributes)
            || changes(self.local_pref, attributes.local_pref, DEFAULT_LOCAL_PREF)
            || changes(self.med, attributes.med, 0)
            || self.origin.is_some_and(|origin| origin != attributes.origin)
    }

    /// Changes the attributes; `own` is our AS.
    pub fn apply(&self, attributes: &mut PathAttributes, own: Asn) {
        if !self.remove_as.is_empty() {
            attributes.as_path.remove(|asn| self.remove_as.contains(asn));
        }
        if !self.replace_as.is_empty() {
            attributes.as_path.replace(own, |asn| self.replace_as.contains(asn));
        }
        if let Some(prepend) = self.prepend {
            let asn = match prepend.asn {
                PrependAs::Own => Some(own),
                PrependAs::Given(asn) => Some(asn),
                PrependAs::Neighbour => attributes.as_path.neighbour_as(),
            };
            if let Some(asn) = asn {
                attributes.as_path.prepend(asn, usize::from(prepend.times));
            }
        }
        self.communities.apply(attributes);
        if let Some(change) = self.local_pref {
            attributes.local_pref = change.applied(attributes.local_pref, DEFAULT_LOCAL_PREF);
        }
        if let Some(change) = self.med {
            attributes.med = change.applied(attributes.med, 0);
        }
        if let Some(origin) = self.origin {
            attributes.origin = origin;
        }
    }
}

fn changes(change: Option<NumberChange>, number: Option<u32>, default: u32) -> bool {
    change.is_some_and(|change| change.applied(number, default) != number)
}

impl CommunityActions {
    fn would_change(&self, attributes: &PathAttributes) -> bool {
        self.set.as_ref().is_some_and(|set| !set.are_exactly(attributes))
            || self.remove.iter().any(|one| one.is_carried(attributes))
            || !self.add.are_carried(attributes)
    }

    fn apply(&self, attributes: &mut PathAttributes) {
        if let Some(set) = &self.set {
            attributes.communities.clear();
            attributes.extended_communities.clear();
            attributes.large_communities.clear();
            set.add_to(attributes);
        }
        self.remove.iter().for_each(|one| one.remove_from(attributes));
        self.add.add_to(attributes);
        let partial = &mut attributes.partial;
        partial.communities &= !attributes.communities.is_empty();
        partial.extended_communities &= !attributes.extended_communities.is_empty();
        partial.large_communities &= !attributes.large_communities.is_empty();
    }
}
