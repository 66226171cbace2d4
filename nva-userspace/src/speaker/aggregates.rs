//! Aggregates: a route of our own for many longer ones (RFC 4271 §9.2.2.2), there while at least one of those is.
//!
//! What is known here is which routes of the Loc-RIB contribute to which aggregate, kept up by each change of the Loc-RIB:
//! a change looks at the aggregates that cover its prefix, and at nothing else. The [`Speaker`](super::Speaker) puts the
//! aggregate's route into the RIB and takes it out again, so that an aggregate may contribute to a shorter one.
//!
//! The AS path of an aggregate is empty, and begins with our AS where we tell it: consistent brief aggregation with
//! ourselves as the origin, AS_SETs having gone (RFC 9774 §5.2). ATOMIC_AGGREGATE and AGGREGATOR say so. Since no receiver
//! can see any more whose routes are in it, an AS that contributes is not told; of the suppressed routes it is told
//! instead (RFC 9774 §6).
//!
//! Contributors that are for customers only (RFC 9234 §5) make an aggregate that is for customers only, too, if all of
//! them are; otherwise it would hand on to providers and peers what none of its parts may be handed on to them.
//! One that is not is reason enough to tell everybody: if it took all of them, whoever announces a single longer prefix
//! could keep us from announcing our own network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::IpNet;
use prefix_trie::joint::map::JointPrefixMap;

use super::config::AggregateConfig;
use crate::attributes::{Aggregator, Origin, PathAttributes};
use crate::net::{Asn, Prefix};
use crate::policy::{self, Decider, Outcome};
use crate::route::{Attributes, NextHop, Route, Source};

/// Every configured aggregate, with what contributes to it.
#[derive(Debug, Default)]
pub struct Aggregates {
    by_prefix: JointPrefixMap<IpNet, Aggregate>,
}

/// One aggregate.
#[derive(Debug)]
pub struct Aggregate {
    config: AggregateConfig,
    /// The routes that contribute.
    contributors: BTreeMap<Prefix, Attributes>,
    /// How many of them have each ORIGIN.
    origins: BTreeMap<Origin, usize>,
    /// In the paths of how many of them an AS is.
    ases: BTreeMap<Asn, usize>,
    /// How many of them nobody has marked as only to customers.
    unmarked: usize,
    /// Something contributes, and its own policy rejects it: then it takes the place of nothing.
    rejected: bool,
}

/// What a change of one contributor changes about its aggregate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// Its route may be another now.
    pub(super) route: bool,
    /// These ASes began or ceased to contribute.
    pub(super) ases: BTreeSet<Asn>,
}

impl Aggregates {
    /// These, and nothing contributes yet.
    pub(super) fn new(configs: &[AggregateConfig]) -> Aggregates {
        let mut by_prefix = JointPrefixMap::new();
        for config in configs {
            by_prefix.insert(config.prefix.net(), Aggregate::new(config.clone()));
        }
        Aggregates { by_prefix }
    }

    /// Every aggregate, by prefix.
    pub fn iter(&self) -> impl Iterator<Item = &Aggregate> {
        self.by_prefix.iter().map(|(_, aggregate)| aggregate)
    }

    /// The aggregate of exactly this prefix.
    pub fn get(&self, prefix: Prefix) -> Option<&Aggregate> {
        self.by_prefix.get(&prefix.net())
    }

    pub(super) fn get_mut(&mut self, prefix: Prefix) -> Option<&mut Aggregate> {
        self.by_prefix.get_mut(&prefix.net())
    }

    /// Puts one in place of what was configured for its prefix before, and hands that out.
    pub(super) fn replace(&mut self, config: AggregateConfig) -> Option<Aggregate> {
        self.by_prefix.insert(config.prefix.net(), Aggregate::new(config))
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, prefix: Prefix) -> Option<Aggregate> {
        self.by_prefix.remove(&prefix.net())
    }

    /// The aggregates that a route to this prefix may contribute to, the longest last.
    pub(super) fn above(&self, prefix: Prefix) -> impl Iterator<Item = &Aggregate> {
        let covering = self.by_prefix.cover(&prefix.net()).map(|(_, aggregate)| aggregate);
        covering.filter(move |aggregate| aggregate.prefix() != prefix)
    }

    /// The aggregate for whose sake a peer in this AS is not told of its contributor; the shortest, if there are several.
    /// `None` stands for an AS that contributes to none.
    pub fn suppressing(&self, contributor: Prefix, asn: Option<Asn>) -> Option<&Aggregate> {
        self.above(contributor).find(|aggregate| {
            let told = asn.is_some_and(|asn| aggregate.withheld_from(asn));
            let suppresses = aggregate.config.summary_only && !aggregate.rejected;
            suppresses && aggregate.contributors.contains_key(&contributor) && !told
        })
    }
}

impl Aggregate {
    fn new(config: AggregateConfig) -> Aggregate {
        let (contributors, origins, ases) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Aggregate { config, contributors, origins, ases, unmarked: 0, rejected: false }
    }

    /// Its configuration.
    pub fn config(&self) -> &AggregateConfig {
        &self.config
    }

    /// Its prefix.
    pub fn prefix(&self) -> Prefix {
        self.config.prefix
    }

    /// The prefixes whose routes contribute.
    pub fn contributors(&self) -> impl ExactSizeIterator<Item = Prefix> + '_ {
        self.contributors.keys().copied()
    }

    /// The ASes in the paths of those.
    pub fn contributing_ases(&self) -> impl Iterator<Item = Asn> + '_ {
        self.ases.keys().copied()
    }

    /// Whether an AS is not told of the aggregate, since it contributes (RFC 9774 §6).
    pub fn withheld_from(&self, asn: Asn) -> bool {
        !self.config.to_contributors && self.ases.contains_key(&asn)
    }

    /// The best route to a longer prefix is this one now; `None`: there is none any more.
    pub(super) fn contribute(&mut self, prefix: Prefix, best: Option<&Route>) -> Effect {
        let new = best.filter(|route| self.takes(route)).map(|route| route.attributes.clone());
        let old = match &new {
            Some(attributes) => self.contributors.insert(prefix, attributes.clone()),
            None => self.contributors.remove(&prefix),
        };
        if old == new {
            return Effect::default();
        }
        let was = (self.origin(), self.is_only_to_customers());
        let concerned: BTreeSet<Asn> = old.iter().chain(&new).flat_map(distinct).collect();
        let before: Vec<(Asn, bool)> = concerned.into_iter().map(|asn| (asn, self.ases.contains_key(&asn))).collect();
        if let Some(new) = &new {
            *self.origins.entry(new.origin).or_default() += 1;
            self.unmarked += usize::from(new.only_to_customer.is_none());
            distinct(new).into_iter().for_each(|asn| *self.ases.entry(asn).or_default() += 1);
        }
        if let Some(old) = &old {
            decrease(&mut self.origins, old.origin);
            self.unmarked -= usize::from(old.only_to_customer.is_none());
            distinct(old).into_iter().for_each(|asn| decrease(&mut self.ases, asn));
        }
        let changed = before.into_iter().filter(|(asn, there)| self.ases.contains_key(asn) != *there);
        Effect {
            route: was != (self.origin(), self.is_only_to_customers()),
            ases: changed.map(|(asn, _)| asn).collect(),
        }
    }

    fn takes(&self, route: &Route) -> bool {
        let Some(contributors) = &self.config.contributors else { return true };
        matches!(policy::evaluate(contributors, route, None), Outcome::Accept { .. })
    }

    /// RFC 4271 §9.2.2.2: INCOMPLETE if a contributor has it, else EGP if one has that; `None` if there is none.
    fn origin(&self) -> Option<Origin> {
        self.origins.keys().next_back().copied()
    }

    /// RFC 9234 §5: whether none of its contributors may go to others than customers.
    fn is_only_to_customers(&self) -> bool {
        self.unmarked == 0 && !self.contributors.is_empty()
    }

    /// Its attributes, if something contributes and its policy lets it be.
    ///
    /// # Errors
    /// What rejects it.
    pub fn formed(&self, source: &Arc<Source>, router_id: Ipv4Addr) -> Option<Result<PathAttributes, Decider>> {
        let mut attributes = PathAttributes {
            origin: self.origin()?,
            // Paths of contributors are lost (RFC 4271 §9.1.4, RFC 9774 §6.1).
            atomic_aggregate: true,
            aggregator: Some(Aggregator { asn: source.local_asn, router_id }),
            // Several ASes may have marked them, and the aggregate is ours.
            only_to_customer: self.is_only_to_customers().then_some(source.local_asn),
            ..PathAttributes::default()
        };
        self.config.communities.add_to(&mut attributes);
        let route = self.route(attributes.clone().into(), source);
        Some(match policy::evaluate(&self.config.policy, &route, None) {
            Outcome::Reject { decided_by } => Err(decided_by),
            Outcome::Accept { attributes: changed, .. } => Ok(changed.unwrap_or(attributes)),
        })
    }

    /// Takes note of whether its policy rejects it. Whether that is news.
    pub(super) fn note_rejected(&mut self, rejected: bool) -> bool {
        std::mem::replace(&mut self.rejected, rejected) != rejected
    }

    /// Its route with such attributes.
    pub(super) fn route(&self, attributes: Attributes, source: &Arc<Source>) -> Route {
        Route { prefix: self.prefix(), next_hop: NextHop::Own, attributes, source: Arc::clone(source) }
    }
}

/// The ASes in a route's path, each once.
fn distinct(attributes: &Attributes) -> BTreeSet<Asn> {
    attributes.as_path.asns().collect()
}

/// Counts one less, and forgets what there is none of.
fn decrease<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}
