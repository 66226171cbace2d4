//! `then = { … }`.

use toml::Spanned;

use super::matches::asns;
use super::sets::Sets;
use crate::config::error::Problems;
use crate::config::file::{AsnText, ChangeValue, PrependValue, Text, ThenTable};
use crate::config::values::{parse, parse_all};
use crate::net::Asn;
use crate::policy::{
    Actions, AnyCommunity, Communities, CommunityActions, CommunityMatch, Disposition, NumberChange, Prepend, PrependAs,
};
use std::sync::Arc;

/// Understands the actions; the policy that is called is the caller's to find.
pub(in crate::config) fn actions(then: &Spanned<ThenTable>, sets: &Sets, problems: &mut Problems<'_>) -> Actions {
    let table = then.get_ref();
    let actions = Actions {
        next_hop: table.next_hop.as_ref().and_then(|text| parse(text, problems)),
        honour_blackhole: table.honour_blackhole.as_ref().is_some_and(|honoured| *honoured.get_ref()),
        remove_as: table.remove_as.as_ref().map(|texts| asns(texts, problems)).unwrap_or_default(),
        replace_as: table.replace_as.as_ref().map(|texts| asns(texts, problems)).unwrap_or_default(),
        prepend: table.prepend.as_ref().and_then(|value| prepend(value, problems)),
        communities: CommunityActions {
            set: table.set_communities.as_deref().map(|texts| communities(texts, problems)),
            remove: removed(table.remove_communities.as_deref().unwrap_or_default(), sets, problems),
            add: communities(table.add_communities.as_deref().unwrap_or_default(), problems),
        },
        local_pref: table.local_pref.as_ref().and_then(|value| change(value, "local-pref", problems)),
        med: table.med.as_ref().and_then(|value| change(value, "med", problems)),
        origin: table.origin.as_ref().and_then(|text| parse(text, problems)),
        call: None,
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
    let values = [table.local_pref.is_some(), table.med.is_some(), table.prepend.is_some()];
    let lists = [table.remove_as.is_some(), table.replace_as.is_some()];
    let texts = [table.next_hop.is_some(), table.origin.is_some(), table.call.is_some()];
    named || values.into_iter().chain(lists).chain(texts).any(|written| written)
}

fn communities(texts: &[Text], problems: &mut Problems<'_>) -> Communities {
    parse_all::<AnyCommunity>(texts, problems).into_iter().collect()
}

fn removed(texts: &[Text], sets: &Sets, problems: &mut Problems<'_>) -> Vec<CommunityMatch> {
    let one = |text: &Text| match text.get_ref().strip_prefix("set ").map(str::trim) {
        None => parse(text, problems).map(CommunityMatch::Pattern),
        Some(name) => match sets.communities.get(name) {
            Some(set) => Some(CommunityMatch::Set(Arc::clone(set))),
            None => {
                problems.add(text.span(), format_args!("there is no [[community-set]] named {name:?}"));
                None
            }
        },
    };
    texts.iter().filter_map(one).collect()
}

fn change(value: &Spanned<ChangeValue>, key: &str, problems: &mut Problems<'_>) -> Option<NumberChange> {
    match value.get_ref() {
        ChangeValue::Set(number) => Some(NumberChange::Set(*number)),
        ChangeValue::Add { add } => Some(NumberChange::Add(*add)),
        ChangeValue::Subtract { subtract } => Some(NumberChange::Subtract(*subtract)),
        ChangeValue::Word(word) if word == "remove" && key == "med" => Some(NumberChange::Remove),
        ChangeValue::Word(word) => {
            let remove = if key == "med" { " or \"remove\"" } else { "" };
            problems.add(
                value.span(),
                format_args!("{key} is {word:?}: write a number, {{ add = 10 }}, {{ subtract = 10 }}{remove}"),
            );
            None
        }
    }
}

fn prepend(value: &Spanned<PrependValue>, problems: &mut Problems<'_>) -> Option<Prepend> {
    let (asn, times) = match value.get_ref() {
        PrependValue::Times(times) => (PrependAs::Own, *times),
        PrependValue::Given { asn: AsnText::Number(asn), times } => (PrependAs::Given(Asn(*asn)), *times),
        PrependValue::Given { asn: AsnText::Text(text), times } if text == "neighbour" => {
            (PrependAs::Neighbour, *times)
        }
        PrependValue::Given { asn: AsnText::Text(text), times } => match text.parse() {
            Ok(asn) => (PrependAs::Given(asn), *times),
            Err(error) => {
                problems.add(value.span(), format_args!("{error}, or \"neighbour\" for the one the route came from"));
                return None;
            }
        },
    };
    if times == 0 {
        problems.add(value.span(), "prepending 0 times does nothing: leave the key out");
    }
    if let PrependAs::Given(asn) = asn
        && !asn.is_usable()
    {
        problems.add(value.span(), format_args!("AS {asn} has no place in a path (RFC 7607, RFC 6793)"));
    }
    Some(Prepend { asn, times })
}
