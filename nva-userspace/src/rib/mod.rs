//! The routing information base: Adj-RIB-In, decision process, Loc-RIB and Adj-RIB-Out (RFC 4271 §3.2 and §9).
//!
//! Routes come in with the import policy's verdict beside them; what changes in the Loc-RIB comes out as deltas. An
//! [`AdjRibOut`] turns what a peer should know into few and well packed announcements and withdrawals.
//!
//! Not here: policies and loop checks (the speaker runs them and hands over their results), how a next hop is resolved
//! (asked through [`NextHops`]), messages, and the kernel's table.

mod adj_rib_out;
mod decision;
#[cfg(test)]
mod decision_tests;
#[cfg(test)]
mod fixtures;
mod journal;
#[cfg(test)]
mod model_tests;
mod path;
mod table;

pub use adj_rib_out::{AdjRibOut, Batch, Outbound};
pub use decision::{Contender, DEFAULT_LOCAL_PREF, DecisionConfig, Step, compare};
pub use journal::{Journal, Position};
pub use path::{Candidate, Counts, Import, Ineligible, NextHops, Received, Rejection, RibDelta, Selected, Standing};

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::{Add, Bound};

use self::decision::Ranking;
use self::path::Path;
use self::table::{Entry, Table};
use crate::net::{AfiSafi, Prefix};
use crate::route::{PeerId, Route};

/// Adj-RIB-In and Loc-RIB for all peers and families.
///
/// Where a method takes `impl Into<Option<PeerId>>`, `None` stands for what this router originates. Each source has at
/// most one route to a prefix.
#[derive(Debug)]
pub struct Rib {
    table: Table,
    config: DecisionConfig,
}

impl Rib {
    /// An empty one.
    pub fn new(config: DecisionConfig) -> Rib {
        Rib { table: Table::default(), config }
    }

    /// Takes a received (or originated) route with its import result, in place of the one that the same source had
    /// for the prefix (RFC 4271 §9.1.4, §3.1: an implicit withdrawal).
    pub fn update(&mut self, received: Route, import: Import, next_hops: &dyn NextHops) -> Option<RibDelta> {
        let prefix = received.prefix;
        self.table.insert(Path::new(received, import));
        self.table.decide(prefix, &self.config, next_hops)
    }

    /// Takes the source's route to the prefix out; no harm if there is none.
    pub fn withdraw(
        &mut self,
        prefix: Prefix,
        source: impl Into<Option<PeerId>>,
        next_hops: &dyn NextHops,
    ) -> Option<RibDelta> {
        if !self.table.remove(prefix, source.into()) {
            return None;
        }
        self.table.decide(prefix, &self.config, next_hops)
    }

    /// Every prefix that has an accepted route through one of these next hops.
    pub fn prefixes_through(&self, next_hops: &[IpAddr]) -> BTreeSet<Prefix> {
        next_hops.iter().flat_map(|address| self.table.prefixes_through(*address)).collect()
    }

    /// Decides anew for one prefix.
    pub fn decide(&mut self, prefix: Prefix, next_hops: &dyn NextHops) -> Option<RibDelta> {
        self.table.decide(prefix, &self.config, next_hops)
    }

    /// Decides by other rules from now on; what was decided before stays until [`Rib::decide`] is called for it.
    pub fn set_decision(&mut self, config: DecisionConfig) {
        self.config = config;
    }

    /// Every next hop of an accepted route, once.
    pub fn next_hops(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.table.next_hops()
    }

    /// What is selected for exactly this prefix.
    pub fn selected(&self, prefix: Prefix) -> Option<&Selected> {
        self.table.entry(prefix)?.selected.as_ref()
    }

    /// The Loc-RIB of a family, in the order of prefixes.
    pub fn iter_selected(&self, family: AfiSafi) -> impl Iterator<Item = (Prefix, &Selected)> {
        self.entries(family).filter_map(|(prefix, entry)| Some((prefix, entry.selected.as_ref()?)))
    }

    /// The part of the Loc-RIB that is inside a prefix and longer, in the order of prefixes.
    pub fn iter_selected_below(&self, prefix: Prefix) -> impl Iterator<Item = (Prefix, &Selected)> {
        self.selected_from(Bound::Excluded(prefix)).take_while(move |(inner, _)| prefix.covers(*inner))
    }

    /// The Loc-RIB of all families from here on, in the order of prefixes.
    pub fn selected_from(&self, from: Bound<Prefix>) -> impl Iterator<Item = (Prefix, &Selected)> {
        let entries = self.table.entries_between((from, Bound::Unbounded));
        entries.filter_map(|(prefix, entry)| Some((prefix, entry.selected.as_ref()?)))
    }

    /// How many prefixes have a selected route, over all families.
    pub fn selected_len(&self) -> usize {
        self.table.selected()
    }

    /// The longest prefix with a selected route that contains the address.
    pub fn longest_match(&self, address: IpAddr) -> Option<(Prefix, &Selected)> {
        (0..=AfiSafi::of(address).address_bits()).rev().find_map(|length| {
            let prefix = Prefix::new(address, length).ok()?;
            Some((prefix, self.selected(prefix)?))
        })
    }

    /// Every prefix of a family that anybody sent, in order, whether or not a route is selected.
    pub fn prefixes(&self, family: AfiSafi) -> impl Iterator<Item = Prefix> + '_ {
        self.entries(family).map(|(prefix, _)| prefix)
    }

    /// Every path to exactly this prefix and how it stands: the best first, then those beside it, those that lost (who
    /// came farthest before the others), the ineligible and the rejected; by source among equals.
    pub fn candidates<'a>(&'a self, prefix: Prefix) -> Vec<Candidate<'a>> {
        let Some(entry) = self.table.entry(prefix) else { return Vec::new() };
        let (places, contenders) = entry.contenders();
        // The decision once more, with the metrics that it was made with.
        let ranking = decision::rank(&contenders, &self.config);
        let candidate = |(place, path): (usize, &'a Path)| {
            let standing = match (path.import(), places.binary_search(&place), &ranking) {
                (Err(reason), ..) => Standing::Rejected(reason),
                (Ok(_), Ok(contender), Some(ranking)) => standing_in(ranking, contender, &contenders),
                (Ok(route), Err(_), _) | (Ok(route), _, None) => {
                    Standing::Ineligible(Ineligible::UnreachableNextHop { next_hop: route.next_hop })
                }
            };
            Candidate { received: &path.received, accepted: path.import().ok(), metric: path.metric, standing }
        };
        let mut candidates: Vec<Candidate<'a>> = entry.paths.iter().enumerate().map(candidate).collect();
        candidates.sort_by_key(|candidate| listing_rank(&candidate.standing));
        candidates
    }

    /// The source's route to exactly this prefix.
    pub fn received(&self, prefix: Prefix, source: impl Into<Option<PeerId>>) -> Option<Received<'_>> {
        let path = self.table.path(prefix, source.into())?;
        Some(Received { route: &path.received, import: path.import() })
    }

    /// The source's Adj-RIB-In with the import results, in the order of prefixes.
    pub fn routes_of(&self, source: impl Into<Option<PeerId>>) -> impl Iterator<Item = Received<'_>> {
        self.routes_of_from(source, Bound::Unbounded)
    }

    /// The same from this prefix on.
    pub fn routes_of_from(
        &self,
        source: impl Into<Option<PeerId>>,
        from: Bound<Prefix>,
    ) -> impl Iterator<Item = Received<'_>> {
        let source = source.into();
        let prefixes = self.table.prefixes_of_between(source, (from, Bound::Unbounded));
        prefixes.filter_map(move |prefix| self.received(prefix, source))
    }

    /// The prefixes that the source has a route to, in order.
    pub fn prefixes_of(&self, source: impl Into<Option<PeerId>>) -> impl Iterator<Item = Prefix> + '_ {
        self.table.prefixes_of(source.into())
    }

    /// How many routes there are from the source, over all families.
    pub fn counts(&self, source: impl Into<Option<PeerId>>) -> Counts {
        let source = source.into();
        AfiSafi::ALL.into_iter().map(|family| self.table.counts(source, family)).fold(Counts::default(), Add::add)
    }

    /// How many routes of this family there are from the source.
    pub fn counts_of(&self, source: impl Into<Option<PeerId>>, family: AfiSafi) -> Counts {
        self.table.counts(source.into(), family)
    }

    fn entries(&self, family: AfiSafi) -> impl Iterator<Item = (Prefix, &Entry)> {
        let from = (Bound::Included(Prefix::default_route(family)), Bound::Unbounded);
        self.table.entries_between(from).take_while(move |(prefix, _)| prefix.family() == family)
    }
}

/// How one of the contenders stands.
fn standing_in<'a>(ranking: &Ranking, contender: usize, contenders: &[Contender<'a>]) -> Standing<'a> {
    match ranking.lost[contender] {
        None => Standing::Best,
        Some(_) if ranking.multipath.contains(&contender) => Standing::Multipath,
        Some((to, at)) => Standing::Lost { to: &contenders[to].route.source, at },
    }
}

/// The place of a standing in a listing.
fn listing_rank(standing: &Standing<'_>) -> (u8, std::cmp::Reverse<Option<Step>>) {
    let (rank, step) = match standing {
        Standing::Best => (0, None),
        Standing::Multipath => (1, None),
        Standing::Lost { at, .. } => (2, Some(*at)),
        Standing::Ineligible(_) => (3, None),
        Standing::Rejected(_) => (4, None),
    };
    (rank, std::cmp::Reverse(step))
}
