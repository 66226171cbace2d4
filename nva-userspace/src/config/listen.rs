//! Peer groups that listen: whose members are known only by the range of addresses that they connect from.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::MemberReach;
use super::error::Problems;
use super::file::PeerTable;
use super::peers::{self, Own};
use super::values::parse;
use crate::net::Prefix;
use crate::speaker::{ListenConfig, PeerConfig, PeerKind};

/// How many members a group may have unless it says so.
const DEFAULT_LIMIT: u32 = 100;

/// How many seconds a member without a connection stays unless the group says so.
const DEFAULT_FORGET: u16 = 120;

/// Stands for a member's address in the group's template.
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Understands all groups that listen.
pub(super) fn build(
    groups: &[PeerTable],
    own: Own<'_>,
    problems: &mut Problems<'_>,
) -> Vec<(ListenConfig, MemberReach)> {
    let mut owners: BTreeMap<Prefix, &str> = BTreeMap::new();
    groups.iter().filter_map(|group| listener(group, own, &mut owners, problems)).collect()
}

/// Finds the keys of groups that listen where they mean nothing.
pub(super) fn check_peer(peer: &PeerTable, problems: &mut Problems<'_>) {
    let listen = peer.listen.as_ref().map(toml::Spanned::span);
    let limit = peer.listen_limit.as_ref().map(toml::Spanned::span);
    let forget = peer.listen_forget.as_ref().map(toml::Spanned::span);
    for place in [listen, limit, forget].into_iter().flatten() {
        problems.add(place, "a peer has one address: ranges of addresses belong to [[peer-group]]");
    }
}

/// Finds peers that are named as a member of a group may be: two of one name cannot be told apart. Where the peer has
/// the member's address, there is no such member.
pub(super) fn check_names(
    tables: &[PeerTable],
    peers: &[PeerConfig],
    listeners: &[ListenConfig],
    problems: &mut Problems<'_>,
) {
    for table in tables {
        let name = table.name.get_ref();
        let address = peers.iter().find(|peer| peer.name == *name).map(|peer| peer.address);
        for listener in listeners {
            let Some(member) = listener.address_of(name).filter(|member| address != Some(*member)) else { continue };
            let group = &listener.template.name;
            problems.add(
                table.name.span(),
                format_args!(
                    "peer-group {group:?} listens for {member}, and calls whoever connects from there {name:?}: \
                     choose another name"
                ),
            );
        }
    }
}

fn listener<'a>(
    group: &'a PeerTable,
    own: Own<'_>,
    owners: &mut BTreeMap<Prefix, &'a str>,
    problems: &mut Problems<'_>,
) -> Option<(ListenConfig, MemberReach)> {
    let name = group.name.get_ref().as_str();
    let Some(listen) = &group.listen else {
        let limit = group.listen_limit.as_ref().map(toml::Spanned::span);
        let forget = group.listen_forget.as_ref().map(toml::Spanned::span);
        for place in [limit, forget].into_iter().flatten() {
            problems.add(place, "this group listens for nobody: add listen = [\"10.13.76.96/28\"], or leave this out");
        }
        return None;
    };
    if listen.get_ref().is_empty() {
        problems.add(listen.span(), "an empty list of ranges listens for nobody: leave the key out");
    }
    let mut prefixes = Vec::new();
    for text in listen.get_ref() {
        let Some(prefix) = parse::<Prefix>(text, problems) else { continue };
        if let Some(other) = owners.insert(prefix, name) {
            problems.add(text.span(), format_args!("peer-group {other:?} listens for {prefix} already"));
        }
        prefixes.push(prefix);
    }
    let limit = group.listen_limit.as_ref().map_or(DEFAULT_LIMIT, |limit| {
        if *limit.get_ref() == 0 {
            problems.add(limit.span(), "a listen-limit of 0 lets nobody in: leave listen out instead");
        }
        *limit.get_ref()
    });
    let forget = group.listen_forget.as_ref().map_or(DEFAULT_FORGET, |forget| {
        if *forget.get_ref() == 0 {
            problems.add(forget.span(), "listen-forget is at least 1 second");
        }
        *forget.get_ref()
    });
    if group.asn.is_none() && peers::kind(group) == PeerKind::Router {
        problems.add(listen.span(), "a group that listens needs asn: the AS of its members, or a range of them");
        return None;
    }
    let member = PeerTable { group: Some(group.name.clone()), passive: Some(true), ..group.clone() };
    let (template, reach) = peers::peer_at(&member, Some(SOMEWHERE), own, problems)?;
    let reach = MemberReach {
        group: name.to_owned(),
        prefixes: prefixes.clone(),
        local: reach.local,
        ttl: reach.ttl,
        password: reach.password,
    };
    check_local_address(group, &reach, problems);
    let listen = ListenConfig {
        template,
        prefixes,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        forget_after: Duration::from_secs(u64::from(forget)),
    };
    Some((listen, reach))
}

fn check_local_address(group: &PeerTable, reach: &MemberReach, problems: &mut Problems<'_>) {
    if let (Some(local), Some(text)) = (reach.local, &group.local_address)
        && let Some(range) = reach.prefixes.iter().find(|range| range.address().is_ipv4() != local.is_ipv4())
    {
        problems.add(text.span(), format_args!("{local} and the addresses in {range} are of different families"));
    }
}
