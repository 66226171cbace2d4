//! `nva show xdp`, and the XDP part of `nva explain`.

use std::net::IpAddr;

use nva_common::{GroupKind, Reason, Verdict};

use super::{hops, refuse};
use crate::control::{HopReply, Refusal, XdpCounter, XdpInterface, XdpPath, XdpPrefix, XdpReply};
use crate::daemon::State;
use crate::fib::mirror::GroupState;
use crate::host::{Hop, HostState};
use crate::xdp::{GroupStats, Lookup, LookupSource, before_lookup};

/// How many prefixes of a group are named.
const NAMED: usize = 4;

pub fn xdp(state: &State<'_>) -> Result<XdpReply, Refusal> {
    let interfaces = state.dataplane.interfaces().map(|(name, attachment)| XdpInterface {
        name: name.to_owned(),
        index: attachment.index,
        mode: attachment.mode.map_or_else(|| "detached".to_owned(), |mode| mode.to_string()),
        reason: (!attachment.notes.is_empty()).then(|| attachment.notes.join("; ")),
    });
    let interfaces = interfaces.collect();
    let stats = match state.dataplane.stats() {
        None => return Ok(XdpReply { interfaces, ..XdpReply::default() }),
        Some(Ok(stats)) => stats,
        Some(Err(error)) => return refuse(error),
    };
    let counters = stats
        .reasons
        .iter()
        .filter(|row| row.counters.packets > 0)
        .map(|row| XdpCounter {
            verdict: row.reason.verdict().name().to_owned(),
            reason: row.reason.name().to_owned(),
            packets: row.counters.packets,
            bytes: row.counters.bytes,
        })
        .collect();
    let by_group = state.dataplane.prefixes_by_group();
    let prefixes = stats.groups.iter().map(|group| {
        let prefixes = by_group.get(&group.id).map_or(&[][..], Vec::as_slice);
        XdpPrefix {
            prefixes: prefixes.iter().take(NAMED).map(ToString::to_string).collect(),
            prefix_count: prefixes.len(),
            kind: kind(&group.state).to_owned(),
            hops: group_hops(group, state.speaker.host()),
            packets: group.counters.packets,
            bytes: group.counters.bytes,
            invalid_sources: group.invalid_sources.packets,
        }
    });
    let lookup = state.dataplane.lookup_source().map(|source| source.name().to_owned());
    let capturing = state.dataplane.is_capturing();
    Ok(XdpReply { interfaces, lookup, counters, prefixes: prefixes.collect(), capturing })
}

fn kind(group: &GroupState) -> &'static str {
    match group {
        GroupState::Forward(_) => "forward",
        GroupState::Local(_) => "local",
        GroupState::Blackhole(_) => "blackhole",
        GroupState::Unresolved => "on link",
        GroupState::Refused => "refused",
        GroupState::Broadcast => "broadcast",
        GroupState::Kernel => "kernel",
    }
}

fn group_hops(group: &GroupStats, host: &HostState) -> Vec<HopReply> {
    match &group.state {
        GroupState::Forward(members) => hops(&members.iter().map(|member| member.hop).collect::<Vec<Hop>>(), host),
        GroupState::Local(_)
        | GroupState::Blackhole(_)
        | GroupState::Unresolved
        | GroupState::Refused
        | GroupState::Broadcast
        | GroupState::Kernel => Vec::new(),
    }
}

/// What XDP does with packets for this address; `None` where it does not run.
pub fn path(state: &State<'_>, address: IpAddr) -> Option<XdpPath> {
    let lookup = state.dataplane.lookup(address)?;
    if let Some(reason) = before_lookup(address) {
        return Some(XdpPath { action: unlooked_up(reason), hops: Vec::new() });
    }
    if state.dataplane.lookup_source() == Some(LookupSource::Kernel) {
        let action = "as the kernel's rules and routes say of each packet".to_owned();
        return Some(XdpPath { action, hops: Vec::new() });
    }
    Some(match lookup {
        Ok(lookup) => XdpPath { action: action(&lookup), hops: looked_up_hops(&lookup, address, state.speaker.host()) },
        Err(error) => XdpPath { action: format!("unknown: {error}"), hops: Vec::new() },
    })
}

fn unlooked_up(reason: Reason) -> String {
    let what = match reason.verdict() {
        Verdict::Drop => "drop",
        Verdict::Pass | Verdict::Forward => "to the kernel",
    };
    format!("{what} ({})", reason.name())
}

fn action(lookup: &Lookup) -> String {
    let by = match (lookup.prefix, lookup.is_default()) {
        (Some(prefix), _) => format!(" by {prefix}"),
        (None, true) => " by the default route".to_owned(),
        (None, false) => String::new(),
    };
    match lookup.kind {
        Some(kind) => format!("{}{by}", verb(kind)),
        None => format!("to the kernel{by}"),
    }
}

fn verb(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Forward => "forward",
        GroupKind::Local => "deliver to the kernel (local)",
        GroupKind::Blackhole => "drop (blackhole)",
        GroupKind::Unresolved => "to the kernel, which resolves the neighbour",
        GroupKind::Refused => "to the kernel, which answers unreachable",
        GroupKind::Broadcast => "to the kernel (broadcast)",
        GroupKind::Kernel => "to the kernel, which forwards",
        GroupKind::NoRoute => "to the kernel (no route)",
        GroupKind::Overflow => "to the kernel, which forwards (XDP table full)",
    }
}

/// The map holds MACs; the kernel's route for the same address names the routers.
fn looked_up_hops(lookup: &Lookup, address: IpAddr, host: &HostState) -> Vec<HopReply> {
    let used = |hop: &&Hop| {
        lookup.hops.iter().any(|member| member.next_hop.is_some_and(|next_hop| next_hop.ifindex == hop.link))
    };
    let route = host.longest_match(address);
    let of_route: Vec<Hop> =
        route.map_or_else(Vec::new, |route| host.hops(route).iter().filter(used).copied().collect());
    hops(&of_route, host)
}
