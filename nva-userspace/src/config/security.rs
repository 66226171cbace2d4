//! What a peer's segments must be like: passwords (RFC 2385) and TTLs (RFC 5082).

use std::fs;
use std::path::Path;

use toml::Spanned;

use super::error::Problems;
use super::file::{File, PeerTable, SecretText, Text, TtlSecurityValue};
use crate::transport::{Password, Ttl};

/// What stands in place of a secret.
const BLOT: &str = "\"********\"";

/// The TTL towards an Azure Route Server, which is never on our subnet; Azure asks for 2 at least.
const AZURE_ROUTE_SERVER_MULTIHOP: u8 = 8;

/// A peer's distance.
pub(super) struct Distance {
    /// The TTL of both sides' segments.
    pub(super) ttl: Ttl,
    /// Whether it may be elsewhere than on a connected subnet.
    pub(super) multihop: bool,
}

/// Understands `multihop` and `ttl-security`.
pub(super) fn distance(table: &PeerTable, azure: bool, internal: bool, problems: &mut Problems<'_>) -> Distance {
    let hops = table.ttl_security.as_ref().and_then(|value| hops(value, azure, problems));
    let limited = |ttl, multihop| Distance { ttl: Ttl::Limited(ttl), multihop };
    match (&table.multihop, hops) {
        (Some(ttl), Some(_)) => {
            let advice = "ttl-security = 3 admits a peer up to three hops away";
            problems.add(
                ttl.span(),
                format_args!("multihop limits the TTL that ttl-security wants to be 255: keep one of them ({advice})"),
            );
            limited(*ttl.get_ref(), true)
        }
        // RFC 5082 §3: each router on the way takes one from 255, and the peer itself is the first hop.
        (None, Some(hops)) => Distance { ttl: Ttl::AtLeast(u8::MAX - (hops - 1)), multihop: hops > 1 },
        (Some(ttl), None) => {
            if *ttl.get_ref() == 0 {
                let advice = "leave multihop out for a peer on a connected subnet";
                problems.add(ttl.span(), format_args!("a TTL of 0 reaches nobody: {advice}"));
            }
            limited(*ttl.get_ref(), true)
        }
        (None, None) if azure => limited(AZURE_ROUTE_SERVER_MULTIHOP, true),
        // An internal peer may be anywhere in the AS (RFC 4271 §5.1.3 knows no one-hop internal peers).
        (None, None) if internal => limited(u8::MAX, true),
        (None, None) => limited(1, false),
    }
}

/// How many hops away the peer may be; `None` if that is not looked at.
fn hops(value: &Spanned<TtlSecurityValue>, azure: bool, problems: &mut Problems<'_>) -> Option<u8> {
    let hops = match value.get_ref() {
        TtlSecurityValue::Switch(on) => on.then_some(1),
        TtlSecurityValue::Hops(hops @ 1..=254) => Some(*hops),
        TtlSecurityValue::Hops(hops) => {
            let advice = "1 is a peer on a connected subnet, 254 the furthest";
            problems.add(value.span(), format_args!("no peer is {hops} hops away: {advice}"));
            None
        }
    };
    if azure && hops.is_some() {
        let advice = "leave ttl-security out";
        problems.add(value.span(), format_args!("an Azure Route Server does not send with a TTL of 255: {advice}"));
    }
    hops
}

/// Understands `password` and `password-file`.
pub(super) fn password(table: &PeerTable, azure: bool, problems: &mut Problems<'_>) -> Option<Password> {
    let (place, text) = match (&table.password, &table.password_file) {
        (None, None) => return None,
        (Some(_), Some(file)) => {
            problems.add(file.span(), "there is a password already: keep one of password and password-file");
            return None;
        }
        (Some(password), None) => {
            let SecretText::Text(text) = password.get_ref();
            (password.span(), text.clone())
        }
        (None, Some(file)) => (file.span(), read(file, problems)?),
    };
    if azure {
        problems.add(place.clone(), "an Azure Route Server knows no TCP MD5: leave the password out");
    }
    Password::new(&text).map_err(|error| problems.add(place, error)).ok()
}

/// The file's first line; a path that is not absolute begins where the configuration is.
fn read(file: &Text, problems: &mut Problems<'_>) -> Option<String> {
    let beside = Path::new(problems.file()).parent().unwrap_or(Path::new(""));
    let path = beside.join(file.get_ref());
    match fs::read_to_string(&path) {
        Ok(text) => Some(text.lines().next().unwrap_or_default().to_owned()),
        Err(error) => {
            problems.add(file.span(), format_args!("cannot read the password from {}: {error}", path.display()));
            None
        }
    }
}

/// The text of the file without the secrets in it.
pub(super) fn without_secrets(text: &str, file: &File) -> String {
    let tables = file.peer.iter().chain(&file.peer_group);
    let mut places: Vec<_> = tables.filter_map(|table| Some(table.password.as_ref()?.span())).collect();
    places.sort_by_key(|place| std::cmp::Reverse(place.start));
    let mut shown = text.to_owned();
    for place in places {
        shown.replace_range(place, BLOT);
    }
    shown
}
