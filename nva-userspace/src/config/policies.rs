//! Policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use toml::Spanned;

use super::error::Problems;
use super::file::{MatchTable, PeerTable, PolicyTable, PrependValue, StatementTable, Text, ThenTable};
use super::values::parse;
use crate::attributes::Community;
use crate::net::Asn;
use crate::policy::{
    Actions, CommunityActions, Disposition, Match, Policy, PrefixList, PrefixMatch, Prepend, SourceMatch, Statement,
};

/// Understands all policies, by name.
pub(super) fn build(
    tables: Vec<PolicyTable>,
    peers: &[PeerTable],
    groups: &[PeerTable],
    problems: &mut Problems<'_>,
) -> BTreeMap<String, Arc<Policy>> {
    let names = |tables: &[PeerTable]| tables.iter().map(|table| table.name.get_ref().clone()).collect();
    let known = Known { peers: names(peers), groups: names(groups) };
    let mut policies = BTreeMap::new();
    for table in tables {
        let (place, name) = (table.name.span(), table.name.into_inner());
        if table.statement.is_empty() {
            problems.add(place.clone(), format_args!("policy {name:?} has no statement"));
        }
        let statements =
            table.statement.into_iter().map(|statement| build_statement(statement, &known, problems)).collect();
        let policy = Arc::new(Policy { name: name.clone(), statements });
        if policies.insert(name.clone(), policy).is_some() {
            problems.add(place, format_args!("a second policy is named {name:?}: names are unique"));
        }
    }
    policies
}

/// What a `source` may name.
struct Known {
    peers: BTreeSet<String>,
    groups: BTreeSet<String>,
}

fn build_statement(table: StatementTable, known: &Known, problems: &mut Problems<'_>) -> Statement {
    Statement {
        name: table.name,
        matches: matches(&table.r#match, known, problems),
        actions: actions(&table.then, problems),
    }
}

fn matches(table: &MatchTable, known: &Known, problems: &mut Problems<'_>) -> Match {
    Match {
        prefixes: table.prefixes.as_ref().map(|texts| PrefixList::new(some::<PrefixMatch>(texts, problems))),
        as_path: table.as_path.as_ref().and_then(|text| parse(text, problems)),
        source: table.source.as_ref().and_then(|text| source(text, known, problems)),
        communities: table.communities.as_ref().map(|texts| some(texts, problems)),
    }
}

fn source(text: &Text, known: &Known, problems: &mut Problems<'_>) -> Option<SourceMatch> {
    let matches: SourceMatch = parse(text, problems)?;
    let missing = match &matches {
        SourceMatch::Local => None,
        SourceMatch::Peer(name) => (!known.peers.contains(name)).then_some("[[peer]]"),
        SourceMatch::Group(name) => (!known.groups.contains(name)).then_some("[[peer-group]]"),
    };
    if let Some(kind) = missing {
        problems.add(text.span(), format_args!("{:?} names no {kind} of this configuration", text.get_ref()));
    }
    Some(matches)
}

fn actions(then: &Spanned<ThenTable>, problems: &mut Problems<'_>) -> Actions {
    let table = then.get_ref();
    let communities = |texts: &Option<Vec<Text>>, problems: &mut Problems<'_>| -> Option<Vec<Community>> {
        texts.as_ref().map(|texts| all(texts, problems))
    };
    let actions = Actions {
        next_hop: table.next_hop.as_ref().and_then(|text| parse(text, problems)),
        prepend: table.prepend.as_ref().map(|value| prepend(value, problems)),
        communities: CommunityActions {
            add: communities(&table.add_communities, problems).unwrap_or_default(),
            remove: communities(&table.remove_communities, problems).unwrap_or_default(),
            set: communities(&table.set_communities, problems),
        },
        local_pref: table.local_pref,
        med: table.med,
        disposition: table.accept.map(|accept| if accept { Disposition::Accept } else { Disposition::Reject }),
    };
    if actions == Actions::default() && !says_something(table) {
        problems.add(then.span(), "this statement does nothing: say accept = true, accept = false, or what to change");
    }
    actions
}

/// Whether anything is written that does something when it is written right.
fn says_something(table: &ThenTable) -> bool {
    let named = [&table.add_communities, &table.remove_communities].into_iter().flatten().any(|list| !list.is_empty());
    named || table.next_hop.is_some()
}

fn prepend(value: &Spanned<PrependValue>, problems: &mut Problems<'_>) -> Prepend {
    let prepend = match *value.get_ref() {
        PrependValue::Times(times) => Prepend { asn: None, times },
        PrependValue::Given { asn, times } => Prepend { asn: Some(Asn(asn)), times },
    };
    if prepend.times == 0 {
        problems.add(value.span(), "prepending 0 times does nothing: leave the key out");
    }
    if let Some(asn) = prepend.asn.filter(|asn| !asn.is_usable()) {
        problems.add(value.span(), format_args!("AS {asn} has no place in a path (RFC 7607, RFC 6793)"));
    }
    prepend
}

/// What a list matches; an empty one is a mistake.
fn some<T>(texts: &Spanned<Vec<Text>>, problems: &mut Problems<'_>) -> Vec<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    if texts.get_ref().is_empty() {
        problems.add(texts.span(), "an empty list matches no route: leave the key out to match every route");
    }
    all(texts.get_ref(), problems)
}

fn all<T>(texts: &[Text], problems: &mut Problems<'_>) -> Vec<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    texts.iter().filter_map(|text| parse(text, problems)).collect()
}
