//! The attributes whose value is plain: ORIGIN, NEXT_HOP, MULTI_EXIT_DISC, LOCAL_PREF, ATOMIC_AGGREGATE, the three kinds
//! of communities and the two of route reflection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::attributes::{Community, ExtendedCommunity, LargeCommunity, Origin};
use crate::net::RouterId;
use crate::packet::error::AttributeProblem;
use crate::packet::iana::origin;
use crate::packet::reader::Reader;

/// ORIGIN (RFC 4271 §4.3 a, RFC 7606 §7.1).
pub(in crate::packet) fn origin(value: Reader<'_>) -> Result<Origin, AttributeProblem> {
    let [code] = exactly(value)?;
    match code {
        origin::IGP => Ok(Origin::Igp),
        origin::EGP => Ok(Origin::Egp),
        origin::INCOMPLETE => Ok(Origin::Incomplete),
        _ => Err(AttributeProblem::Origin { value: code }),
    }
}

/// The code of an ORIGIN.
pub(super) fn origin_code(origin: Origin) -> u8 {
    match origin {
        Origin::Igp => origin::IGP,
        Origin::Egp => origin::EGP,
        Origin::Incomplete => origin::INCOMPLETE,
    }
}

/// NEXT_HOP (RFC 4271 §4.3 c, RFC 7606 §7.3).
pub(in crate::packet) fn next_hop(value: Reader<'_>) -> Result<Ipv4Addr, AttributeProblem> {
    let address = Ipv4Addr::from(exactly::<4>(value)?);
    if is_host_v4(address) { Ok(address) } else { Err(AttributeProblem::NextHopAddress { address: address.into() }) }
}

/// MULTI_EXIT_DISC and LOCAL_PREF (RFC 4271 §4.3 d and e, RFC 7606 §7.4 and §7.5); Only to Customer (RFC 9234 §5).
pub(in crate::packet) fn number(value: Reader<'_>) -> Result<u32, AttributeProblem> {
    exactly(value).map(u32::from_be_bytes)
}

/// ATOMIC_AGGREGATE (RFC 4271 §4.3 f, RFC 7606 §7.6).
pub(in crate::packet) fn empty(value: Reader<'_>) -> Result<(), AttributeProblem> {
    exactly::<0>(value).map(|_| ())
}

/// COMMUNITIES (RFC 1997, RFC 7606 §7.8).
pub(in crate::packet) fn communities(value: Reader<'_>) -> Result<Vec<Community>, AttributeProblem> {
    set_of(value, |octets| Community(u32::from_be_bytes(octets)))
}

/// EXTENDED COMMUNITIES (RFC 4360 §2, RFC 7606 §7.14: a type that is not known is no error).
pub(in crate::packet) fn extended_communities(value: Reader<'_>) -> Result<Vec<ExtendedCommunity>, AttributeProblem> {
    set_of(value, ExtendedCommunity)
}

/// LARGE_COMMUNITY (RFC 8092 §3 and §6: repetitions are silently removed).
pub(in crate::packet) fn large_communities(value: Reader<'_>) -> Result<Vec<LargeCommunity>, AttributeProblem> {
    set_of(value, LargeCommunity::from_octets)
}

/// Elements of `N` octets, at least one: sorted, each once.
fn set_of<const N: usize, T: Ord>(
    value: Reader<'_>,
    element: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, AttributeProblem> {
    let (chunks, rest) = value.rest().as_chunks::<N>();
    if chunks.is_empty() || !rest.is_empty() {
        return Err(AttributeProblem::Length { length: value.len() });
    }
    let mut elements: Vec<T> = chunks.iter().map(|octets| element(*octets)).collect();
    elements.sort_unstable();
    elements.dedup();
    Ok(elements)
}

/// ORIGINATOR_ID (RFC 4456 §8, RFC 7606 §7.9).
pub(in crate::packet) fn originator_id(value: Reader<'_>) -> Result<RouterId, AttributeProblem> {
    exactly::<4>(value).map(RouterId::from)
}

/// CLUSTER_LIST (RFC 4456 §8, RFC 7606 §7.10): in order, and not empty.
pub(in crate::packet) fn cluster_list(value: Reader<'_>) -> Result<Vec<RouterId>, AttributeProblem> {
    match value.rest().as_chunks::<4>() {
        (ids @ [_, ..], []) => Ok(ids.iter().map(|id| RouterId::from(*id)).collect()),
        _ => Err(AttributeProblem::Length { length: value.len() }),
    }
}

/// A value of this length and no other.
pub(super) fn exactly<const N: usize>(mut value: Reader<'_>) -> Result<[u8; N], AttributeProblem> {
    let wrong = AttributeProblem::Length { length: value.len() };
    match value.array() {
        Some(octets) if value.is_empty() => Ok(octets),
        Some(_) | None => Err(wrong),
    }
}

/// Whether a next hop can be a host's address (RFC 4271 §6.3).
pub(super) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_host_v4(address),
        IpAddr::V6(address) => is_host_v6(address),
    }
}

/// Not "this network" 0/8, not loopback, not class D or E.
fn is_host_v4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !matches!(first, 0 | 127 | 224..)
}

fn is_host_v6(address: Ipv6Addr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_next_hops_are_hosts() {
        for good in ["1.0.0.1", "10.13.76.100", "169.254.1.1", "223.255.255.255", "fe80::1", "2001:db8::1"] {
            assert!(is_host(good.parse().expect(good)), "{good}");
        }
        for bad in
            ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.5", "240.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"]
        {
            assert!(!is_host(bad.parse().expect(bad)), "{bad}");
        }
    }
}
