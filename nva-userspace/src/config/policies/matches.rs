//! `match = { … }`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use toml::Spanned;

use super::sets::{HostOrPrefix, Sets};
use crate::config::error::Problems;
use crate::config::file::{AsnText, MarkValue, MatchTable, NumberText, OneOrMany, Text};
use crate::net::{AfiSafi, Asn, Prefix};
use crate::policy::{
    AsPathRegex, AsnSet, CommunityMatch, Condition, MarkMatch, Match, NumberRange, PeerMatch, PrefixList, PrefixMatch,
    Quantifier,
};

/// Understands the conditions, those first that are soon decided.
pub(super) fn matches(table: &MatchTable, sets: &Sets, problems: &mut Problems<'_>) -> Match {
    let mut conditions = Vec::new();
    let conditions_on_attributes = [
        table.source.as_ref().map(|texts| Condition::Source(peers(texts, sets, problems))),
        table.to.as_ref().map(|texts| Condition::To(peers(texts, sets, problems))),
        table.family.as_ref().and_then(|text| family(text, problems)).map(Condition::Family),
        table.origin.as_ref().map(|texts| Condition::Origin(plain(texts, problems))),
        table.local_pref.as_ref().and_then(|text| range(text, problems)).map(Condition::LocalPref),
        table.med.as_ref().and_then(|text| range(text, problems)).map(Condition::Med),
        table.as_path_length.as_ref().and_then(|text| range(text, problems)).map(Condition::PathLength),
        table.origin_as.as_ref().map(|texts| Condition::OriginAs(asns(texts, problems))),
        table.neighbour_as.as_ref().map(|texts| Condition::NeighbourAs(asns(texts, problems))),
        table.contains_as.as_ref().map(|texts| Condition::ContainsAs(asns(texts, problems))),
        table.only_to_customer.as_ref().map(|value| Condition::OnlyToCustomer(mark(value, problems))),
        table.next_hops.as_ref().map(|texts| Condition::NextHop(next_hops(texts, sets, problems))),
        table.prefixes.as_ref().map(|texts| Condition::Prefix(prefixes(texts, sets, problems))),
    ];
    conditions.extend(conditions_on_attributes.into_iter().flatten());
    for (quantifier, texts) in [
        (Quantifier::Any, &table.communities),
        (Quantifier::All, &table.all_communities),
        (Quantifier::None, &table.no_communities),
    ] {
        if let Some(texts) = texts {
            conditions.push(Condition::Communities(quantifier, communities(texts, sets, problems)));
        }
    }
    if let Some(texts) = &table.as_path {
        conditions.push(Condition::AsPath(expressions(texts, sets, problems)));
    }
    if let Some(several) = &table.any {
        if several.get_ref().is_empty() {
            problems.add(several.span(), EMPTY);
        }
        let several = several.get_ref().iter().map(|inner| matches(inner, sets, problems)).collect();
        conditions.push(Condition::Any(several));
    }
    if let Some(inner) = &table.not {
        let place = inner.span();
        let inner = matches(inner.get_ref(), sets, problems);
        if inner == Match::default() {
            problems.add(place, "an empty `not` matches no route: say what must not hold");
        }
        conditions.push(Condition::Not(inner));
    }
    Match(conditions)
}

const EMPTY: &str = "an empty list matches no route: leave the key out to match every route";

/// An element of a list that may name sets.
enum Entry<'a, T, S> {
    One(T, Range<usize>),
    Set(&'a S),
}

/// The elements, sets looked up; an empty list is a mistake.
fn entries<'a, T, S>(
    texts: &Spanned<OneOrMany<String>>,
    (kind, sets): (&str, &'a BTreeMap<String, S>),
    problems: &mut Problems<'_>,
) -> Vec<Entry<'a, T, S>>
where
    T: FromStr,
    T::Err: Display,
{
    let all = some(texts.get_ref(), texts.span(), problems);
    let entry = |(place, text): (Range<usize>, &String)| match text.strip_prefix("set ").map(str::trim) {
        Some(name) => match sets.get(name) {
            Some(set) => Some(Entry::Set(set)),
            None => {
                problems.add(place, format_args!("there is no [[{kind}]] named {name:?}"));
                None
            }
        },
        None => match text.parse() {
            Ok(one) => Some(Entry::One(one, place)),
            Err(error) => {
                problems.add(place, error);
                None
            }
        },
    };
    all.into_iter().filter_map(entry).collect()
}

/// The elements with their places; an empty list is a mistake.
fn some<'a, T>(
    texts: &'a OneOrMany<T>,
    whole: Range<usize>,
    problems: &mut Problems<'_>,
) -> Vec<(Range<usize>, &'a T)> {
    let all = texts.each(whole.clone());
    if all.is_empty() {
        problems.add(whole, EMPTY);
    }
    all
}

fn plain<T>(texts: &Spanned<OneOrMany<String>>, problems: &mut Problems<'_>) -> Vec<T>
where
    T: FromStr,
    T::Err: Display,
{
    let all = some(texts.get_ref(), texts.span(), problems);
    all.into_iter().filter_map(|(place, text)| text.parse().map_err(|error| problems.add(place, error)).ok()).collect()
}

fn peers(texts: &Spanned<OneOrMany<String>>, sets: &Sets, problems: &mut Problems<'_>) -> Vec<PeerMatch> {
    let mut peers = Vec::new();
    for entry in entries::<PeerMatch, _>(texts, ("peer-set", &sets.peers), problems) {
        match entry {
            Entry::One(peer, place) => {
                sets.check_peer(&peer, place, problems);
                peers.push(peer);
            }
            Entry::Set(set) => peers.extend_from_slice(set),
        }
    }
    peers
}

fn prefixes(texts: &Spanned<OneOrMany<String>>, sets: &Sets, problems: &mut Problems<'_>) -> Vec<Arc<PrefixList>> {
    let (mut lists, mut own) = (Vec::new(), Vec::<PrefixMatch>::new());
    for entry in entries::<PrefixMatch, _>(texts, ("prefix-set", &sets.prefixes), problems) {
        match entry {
            Entry::One(prefix, _) => own.push(prefix),
            Entry::Set(set) => lists.push(Arc::clone(set)),
        }
    }
    if !own.is_empty() {
        lists.insert(0, Arc::new(PrefixList::new(own)));
    }
    lists
}

fn next_hops(texts: &Spanned<OneOrMany<String>>, sets: &Sets, problems: &mut Problems<'_>) -> Vec<Prefix> {
    let mut prefixes = Vec::new();
    for entry in entries::<HostOrPrefix, _>(texts, ("next-hop-set", &sets.next_hops), problems) {
        match entry {
            Entry::One(prefix, _) => prefixes.push(prefix.0),
            Entry::Set(set) => prefixes.extend_from_slice(set),
        }
    }
    prefixes
}

/// Patterns of communities, and sets of them.
pub(super) fn communities(
    texts: &Spanned<OneOrMany<String>>,
    sets: &Sets,
    problems: &mut Problems<'_>,
) -> Vec<CommunityMatch> {
    let entry = |entry| match entry {
        Entry::One(pattern, _) => CommunityMatch::Pattern(pattern),
        Entry::Set(set) => CommunityMatch::Set(Arc::clone(set)),
    };
    entries(texts, ("community-set", &sets.communities), problems).into_iter().map(entry).collect()
}

fn expressions(texts: &Spanned<OneOrMany<String>>, sets: &Sets, problems: &mut Problems<'_>) -> Vec<AsPathRegex> {
    let mut expressions = Vec::new();
    for entry in entries::<AsPathRegex, _>(texts, ("as-path-set", &sets.as_paths), problems) {
        match entry {
            Entry::One(expression, _) => expressions.push(expression),
            Entry::Set(set) => expressions.extend_from_slice(set),
        }
    }
    expressions
}

/// AS numbers and ranges of them.
pub(super) fn asns(texts: &Spanned<OneOrMany<AsnText>>, problems: &mut Problems<'_>) -> AsnSet {
    asns_of(texts.get_ref(), texts.span(), problems)
}

fn mark(value: &Spanned<MarkValue>, problems: &mut Problems<'_>) -> MarkMatch {
    match value.get_ref() {
        MarkValue::There(true) => MarkMatch::Present,
        MarkValue::There(false) => MarkMatch::Absent,
        MarkValue::By(texts) => MarkMatch::By(asns_of(texts, value.span(), problems)),
    }
}

fn asns_of(texts: &OneOrMany<AsnText>, whole: Range<usize>, problems: &mut Problems<'_>) -> AsnSet {
    let mut set = AsnSet::default();
    for (place, text) in some(texts, whole, problems) {
        match text {
            AsnText::Number(number) => set.extend(Asn(*number).into()),
            AsnText::Text(text) => match text.parse() {
                Ok(asns) => set.extend(asns),
                Err(error) => problems.add(place, error),
            },
        }
    }
    set
}

fn range(text: &Spanned<NumberText>, problems: &mut Problems<'_>) -> Option<NumberRange> {
    match text.get_ref() {
        NumberText::Number(number) => Some(NumberRange::exactly(*number)),
        NumberText::Text(written) => written.parse().map_err(|error| problems.add(text.span(), error)).ok(),
    }
}

fn family(text: &Text, problems: &mut Problems<'_>) -> Option<AfiSafi> {
    let family = AfiSafi::ALL.into_iter().find(|family| family.to_string() == *text.get_ref());
    if family.is_none() {
        problems.add(
            text.span(),
            format_args!("{:?} is not a family: choose from \"ipv4-unicast\" and \"ipv6-unicast\"", text.get_ref()),
        );
    }
    family
}
