//! What follows from contributors and from the configuration: aggregates come and go, and with them who is told of what.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::config::AggregateConfig;
use super::{Aggregate, Notice, Output, Speaker};
use crate::net::{Asn, Prefix};
use crate::policy::Decider;
use crate::rib::{Import, RibDelta};

/// Why an aggregate is not there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unformed {
    /// No route to a longer prefix contributes.
    #[error("nothing contributes")]
    NoContributor,
    /// Its own policy says so.
    #[error("its policy: {0}")]
    Policy(Decider),
    /// The same prefix is originated in any case.
    #[error("its prefix is that of an interface, which is originated instead")]
    Originated,
    /// The kernel has a route to the same prefix, which is told.
    #[error("the kernel has a route to the same prefix, which is redistributed instead")]
    Redistributed,
}

impl Speaker {
    /// Takes note of a change of the Loc-RIB in every aggregate that it may concern, and says what that changes in the
    /// Loc-RIB in turn. Costs nothing beyond the aggregates that cover the prefix.
    pub(super) fn aggregate(&mut self, delta: &RibDelta) -> Vec<RibDelta> {
        let above: Vec<Prefix> = self.aggregates.above(delta.prefix).map(Aggregate::prefix).collect();
        let mut deltas = Vec::new();
        for prefix in above {
            let Some(aggregate) = self.aggregates.get_mut(prefix) else { continue };
            let effect = aggregate.contribute(delta.prefix, delta.new.as_ref().map(|selected| &selected.best));
            if effect.route {
                deltas.extend(self.originate_aggregate(prefix));
            }
            self.tell_contributors(prefix, &effect.ases);
        }
        deltas
    }

    /// Puts an aggregate's route into the RIB as it is to be now, or takes it out. What is originated in any case stays
    /// what it is.
    pub(super) fn originate_aggregate(&mut self, prefix: Prefix) -> Option<RibDelta> {
        let aggregate = self.aggregates.get(prefix);
        let formed = aggregate.and_then(|one| one.formed(&self.aggregate_source, self.config.router_id));
        self.suppress_unless(prefix, matches!(formed, Some(Err(_))));
        let aggregate = self.aggregates.get(prefix).filter(|_| self.hiding(prefix).is_none());
        let route = aggregate.and_then(|aggregate| {
            let attributes = self.interner.intern(formed?.ok()?);
            Some(aggregate.route(attributes, &self.aggregate_source))
        });
        let was_there = self.rib.received(prefix, None).is_some_and(|old| old.route.source.is_aggregate());
        match route {
            Some(route) => {
                if !was_there {
                    self.outputs.push_back(Output::Notice(Notice::AggregateFormed(prefix)));
                }
                self.rib.update(route.clone(), Import::Accepted(route), &self.next_hops)
            }
            None if was_there => {
                let why = self.aggregates.get(prefix).and_then(|aggregate| self.unformed(aggregate));
                self.outputs.push_back(Output::Notice(Notice::AggregateGone { prefix, why }));
                self.rib.withdraw(prefix, None, &self.next_hops)
            }
            None => None,
        }
    }

    /// An aggregate that its policy rejects suppresses nothing: otherwise peers would be told neither of it nor of its
    /// parts.
    fn suppress_unless(&mut self, prefix: Prefix, rejected: bool) {
        let Some(aggregate) = self.aggregates.get_mut(prefix) else { return };
        if aggregate.note_rejected(rejected) && aggregate.config().summary_only {
            let contributors: Vec<Prefix> = aggregate.contributors().collect();
            self.tell_again(contributors);
        }
    }

    /// Why an aggregate is not there; `None` if it is.
    pub fn unformed(&self, aggregate: &Aggregate) -> Option<Unformed> {
        if let Some(hiding) = self.hiding(aggregate.prefix()) {
            return Some(hiding);
        }
        match aggregate.formed(&self.aggregate_source, self.config.router_id) {
            None => Some(Unformed::NoContributor),
            Some(Err(decider)) => Some(Unformed::Policy(decider)),
            Some(Ok(_)) => None,
        }
    }

    /// What is originated in the place of an aggregate.
    fn hiding(&self, prefix: Prefix) -> Option<Unformed> {
        let originated = self.originated.contains(&prefix).then_some(Unformed::Originated);
        originated.or_else(|| self.is_redistributed(prefix).then_some(Unformed::Redistributed))
    }

    /// ASes began or ceased to contribute to an aggregate: peers in them are told of the contributors instead of it, or
    /// of it again.
    fn tell_contributors(&mut self, prefix: Prefix, ases: &BTreeSet<Asn>) {
        if ases.is_empty() {
            return;
        }
        let concerns = |asn: Asn| ases.contains(&asn);
        let any = self.peers.iter().any(|peer| peer.receiver().is_some_and(|to| concerns(to.asn)));
        let Some(aggregate) = self.aggregates.get(prefix).filter(|_| any) else { return };
        let suppressed = aggregate.contributors().filter(|_| aggregate.config().summary_only);
        let prefixes: Vec<Prefix> = suppressed.chain([prefix]).collect();
        self.tell_again(prefixes);
    }

    /// Decides anew what peers are told of these prefixes.
    fn tell_again(&mut self, prefixes: impl IntoIterator<Item = Prefix>) {
        prefixes.into_iter().for_each(|prefix| self.note_change(prefix));
    }

    /// Follows the configuration: forgets aggregates that are not in it, and forms those anew that are others. The rest
    /// stays untouched, and so does every session.
    pub(super) fn aggregate_again(&mut self) {
        let wanted: BTreeMap<Prefix, AggregateConfig> =
            self.config.aggregates.iter().map(|config| (config.prefix, config.clone())).collect();
        let known = self.aggregates.iter().map(Aggregate::prefix);
        let differs = |prefix: &Prefix| self.aggregates.get(*prefix).map(Aggregate::config) != wanted.get(prefix);
        let mut changed: Vec<Prefix> =
            known.chain(wanted.keys().copied()).filter(differs).collect::<BTreeSet<_>>().into_iter().collect();
        // Longer ones first: they may contribute to the others.
        changed.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        for prefix in changed {
            let before = match wanted.get(&prefix) {
                Some(config) => self.aggregates.replace(config.clone()),
                None => self.aggregates.remove(prefix),
            };
            let mut concerned: BTreeSet<Prefix> = before.iter().flat_map(Aggregate::contributors).collect();
            if let Some(aggregate) = self.aggregates.get_mut(prefix) {
                for (inner, selected) in self.rib.iter_selected_below(prefix) {
                    aggregate.contribute(inner, Some(&selected.best));
                }
                concerned.extend(aggregate.contributors());
            }
            let delta = self.originate_aggregate(prefix);
            self.spread(delta);
            let selected = self.rib.selected(prefix).cloned();
            self.install(prefix, selected.as_ref());
            self.tell_again(concerned.into_iter().chain([prefix]));
        }
    }
}
