//! Texts that have a meaning of their own, understood where they stand.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::error::Problems;
use super::file::Text;
use crate::net::Prefix;

/// Parses text where it stands, or notes what is wrong with it.
pub(super) fn parse<T>(text: &Text, problems: &mut Problems<'_>) -> Option<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.get_ref().parse().map_err(|error| problems.add(text.span(), error)).ok()
}

/// Parses every text of a list where it stands.
pub(super) fn parse_all<T>(texts: &[Text], problems: &mut Problems<'_>) -> Vec<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    texts.iter().filter_map(|text| parse(text, problems)).collect()
}

/// Parses a prefix that others are to be told of as ours.
pub(super) fn own_prefix(text: &Text, problems: &mut Problems<'_>) -> Option<Prefix> {
    let prefix = parse::<Prefix>(text, problems)?;
    if let Some(what) = prefix.untold_for() {
        problems.add(text.span(), format_args!("{prefix} is reserved for {what}: nobody may be told of it"));
    }
    Some(prefix)
}

/// Parses an address; the standard library's own error says nothing of what was expected.
pub(super) fn address(text: &Text, problems: &mut Problems<'_>) -> Option<IpAddr> {
    let written = text.get_ref();
    let problem = match written.parse().map(|address: IpAddr| address.to_canonical()) {
        Ok(address) if address.is_unspecified() || address.is_multicast() || address == Ipv4Addr::BROADCAST => {
            format!("{address} is not the address of a single machine")
        }
        Ok(address) if is_link_local(address) => {
            format!("{address} is a link-local address: sessions need another, which is clear without an interface")
        }
        Ok(address) => return Some(address),
        Err(_) => match written.split_once('/') {
            Some((address, _)) if address.parse::<IpAddr>().is_ok() => {
                format!("{written:?} is a prefix: write the address alone, such as {address:?}")
            }
            Some(_) | None => format!("{written:?} is not an IPv4 or IPv6 address"),
        },
    };
    problems.add(text.span(), problem);
    None
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        // Azure and others use these like any other address of a subnet.
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
