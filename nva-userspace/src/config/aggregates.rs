//! `[[aggregate]]`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::Problems;
use super::file::AggregateTable;
use super::policies::chain_of_our_own;
use super::values::{own_prefix, parse_all};
use crate::net::Prefix;
use crate::policy::{AnyCommunity, Chain, Disposition, Policy};
use crate::speaker::{AggregateConfig, Originate};

/// Understands all aggregates; one with problems is left out, and its problems are noted.
pub(super) fn build(
    tables: &[AggregateTable],
    originate: &Originate,
    policies: &BTreeMap<String, Arc<Policy>>,
    problems: &mut Problems<'_>,
) -> Vec<AggregateConfig> {
    let mut known = BTreeSet::new();
    let mut built = Vec::new();
    for table in tables {
        let contributors =
            table.contributors.as_deref().map(|names| chain_of_our_own(names, "an aggregate", policies, problems));
        let policy = match &table.policy {
            Some(names) => chain_of_our_own(names, "an aggregate", policies, problems),
            None => Chain { policies: Vec::new(), default: Disposition::Accept },
        };
        let communities = parse_all::<AnyCommunity>(&table.communities, problems).into_iter().collect();
        let Some(prefix) = own_prefix(&table.prefix, problems) else { continue };
        if !known.insert(prefix) {
            problems.add(table.prefix.span(), format_args!("there is a second aggregate for {prefix}"));
        }
        check_prefix(table, prefix, originate, problems);
        built.push(AggregateConfig {
            prefix,
            contributors,
            summary_only: table.summary_only,
            to_contributors: table.to_contributors,
            communities,
            policy,
            discard: table.discard.as_ref().is_none_or(|discard| *discard.get_ref()),
        });
    }
    built
}

fn check_prefix(table: &AggregateTable, prefix: Prefix, originate: &Originate, problems: &mut Problems<'_>) {
    let place = table.prefix.span();
    if prefix.is_host() {
        problems.add(place.clone(), format_args!("{prefix} has no longer prefixes in it that could contribute"));
    }
    if originate.prefixes.contains(&prefix) {
        let advice = "leave it out of one of the two";
        problems.add(place.clone(), format_args!("{prefix} is originated in any case by [originate]: {advice}"));
    }
    if prefix.is_default() && table.discard.as_ref().is_none_or(|discard| *discard.get_ref()) {
        let advice = "it comes before a default route of DHCP: set discard = false";
        problems.add(place, format_args!("this would drop all that has no longer route, and {advice}"));
    }
}
