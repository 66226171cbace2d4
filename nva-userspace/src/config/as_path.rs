//! What a peer or a group says about AS paths: `allow-own-as`, `as-override`, `remove-private-as`, `local-as`.

use toml::Spanned;

use super::error::Problems;
use super::file::{AsnText, LocalAsValue, PeerTable, RemovePrivateAsValue};
use super::peers::Own;
use crate::fsm::RemoteAs;
use crate::net::Asn;
use crate::speaker::{AsPathRules, LocalAs, RemovePrivateAs};

/// How often our AS may stand in a path at most: what is longer is no path that anybody wants.
const MOST_OWN_AS: u8 = 10;

/// Understands all but `local-as`.
pub(super) fn rules(table: &PeerTable, internal: bool, problems: &mut Problems<'_>) -> AsPathRules {
    let allow_own_as = table.allow_own_as.as_ref().map_or(0, |times| {
        if *times.get_ref() > MOST_OWN_AS {
            let choice = format_args!("choose from 0 to {MOST_OWN_AS} times");
            problems.add(times.span(), format_args!("allow-own-as is {}: {choice}", times.get_ref()));
        }
        *times.get_ref()
    });
    let as_override = table.as_override.as_ref().is_some_and(|value| *value.get_ref());
    let remove_private_as = table.remove_private_as.as_ref().and_then(|value| remove_private_as(value, problems));
    let places = [
        table.as_override.as_ref().filter(|_| as_override).map(Spanned::span),
        table.remove_private_as.as_ref().filter(|_| remove_private_as.is_some()).map(Spanned::span),
    ];
    for place in places.into_iter().flatten().filter(|_| internal) {
        problems.add(place, "paths go to internal peers as they are (RFC 4271 §5.1.2): this is for external ones");
    }
    AsPathRules { allow_own_as, as_override, remove_private_as }
}

fn remove_private_as(value: &Spanned<RemovePrivateAsValue>, problems: &mut Problems<'_>) -> Option<RemovePrivateAs> {
    let (which, replace) = match value.get_ref() {
        RemovePrivateAsValue::Wanted(false) => return None,
        RemovePrivateAsValue::Wanted(true) => (None, None),
        RemovePrivateAsValue::Which(which) => (Some(which), None),
        RemovePrivateAsValue::Given { which, replace } => (which.as_ref(), *replace),
    };
    let leading = match which.map(String::as_str) {
        None | Some("all") => false,
        Some("leading") => true,
        Some(other) => {
            let choice = "choose from \"all\" and \"leading\"";
            problems.add(value.span(), format_args!("{other:?} says not which private AS numbers go: {choice}"));
            false
        }
    };
    Some(RemovePrivateAs { leading, replace: replace.unwrap_or(false) })
}

/// Understands `local-as`; `None` if the peer is to know us as we are.
pub(super) fn local_as(
    table: &PeerTable,
    remote_as: Option<&RemoteAs>,
    own: Own<'_>,
    problems: &mut Problems<'_>,
) -> Option<LocalAs> {
    let value = table.local_as.as_ref()?;
    let (asn, prepend, replace, dual) = match value.get_ref() {
        LocalAsValue::Wanted(false) => return None,
        LocalAsValue::Wanted(true) => {
            problems.add(value.span(), "which AS? Write its number, or false for none where the group has one");
            return None;
        }
        LocalAsValue::Number(number) => (AsnText::Number(*number), None, None, None),
        LocalAsValue::Text(text) => (AsnText::Text(text.clone()), None, None, None),
        LocalAsValue::Given { asn, prepend, replace, dual } => (asn.clone(), *prepend, *replace, *dual),
    };
    let asn = match asn {
        AsnText::Number(number) => Asn(number),
        AsnText::Text(text) => text.parse().map_err(|error| problems.add(value.span(), error)).ok()?,
    };
    let internal = |asn: Asn| remote_as.is_some_and(|remote| remote.accepts(asn));
    let problem = match asn {
        _ if !asn.is_usable() => format!("AS {asn} is reserved (RFC 7607, RFC 6793): use one that was assigned to you"),
        _ if asn == own.asn => format!("we are in AS {asn} anyway: leave local-as out"),
        _ if internal(own.asn) => {
            format!("local-as is for external peers: this one may be in AS {}, as we are", own.asn)
        }
        _ if internal(asn) => format!("the peer may be in AS {asn} itself: local-as is for external peers"),
        _ => {
            let (prepend, replace, dual) = (prepend.unwrap_or(true), replace.unwrap_or(false), dual.unwrap_or(false));
            return Some(LocalAs { asn, prepend, replace, dual });
        }
    };
    problems.add(value.span(), problem);
    None
}
