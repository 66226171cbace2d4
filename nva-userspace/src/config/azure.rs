//! `[azure]`: what the VNet is, and whether route servers may be told of next hops that it does not reach.

use std::net::IpAddr;

use super::error::Problems;
use super::file::{AzureTable, PeerTable};
use super::values::parse_all;
use crate::net::Prefix;
use crate::policy::{NextHopMode, Statement};
use crate::speaker::{PeerConfig, PeerKind};

/// Where next hops may be that route servers are told; empty if that is not said.
pub(super) fn build(
    table: Option<&AzureTable>,
    tables: &[PeerTable],
    peers: &[PeerConfig],
    problems: &mut Problems<'_>,
) -> Vec<Prefix> {
    let own: Vec<Prefix> = table.map(|table| parse_all(table.vnet.get_ref(), problems)).unwrap_or_default();
    let peered: Vec<Prefix> = table.map(|table| parse_all(&table.peered_vnets, problems)).unwrap_or_default();
    if let Some(table) = table.filter(|table| table.vnet.get_ref().is_empty()) {
        problems.add(table.vnet.span(), "no next hop is in an empty VNet: leave [azure] out to tell route servers any");
    }
    let all = [own.as_slice(), &peered].concat();
    for server in peers.iter().filter(|peer| peer.kind == PeerKind::RouteServer) {
        let Some(table) = tables.iter().find(|table| *table.name.get_ref() == server.name) else { continue };
        for concern in concerns(server, &own, &all) {
            problems.warn(table.name.span(), format_args!("{}: {concern}", server.name));
        }
    }
    all
}

/// What is odd about a route server, given its VNet, and that with those that it is peered with.
fn concerns(server: &PeerConfig, own: &[Prefix], all: &[Prefix]) -> Vec<String> {
    let is_in = |networks: &[Prefix], address: IpAddr| networks.iter().any(|prefix| prefix.contains(address));
    if all.is_empty() {
        let advice = "say [azure] vnet, and routes with a next hop outside of it are withheld";
        let concern =
            |mode| format!("with next-hop {mode}, Azure programs whatever it is told into every NIC: {advice}");
        return first_mode(server, tells_others).map(concern).into_iter().collect();
    }
    let mut concerns = Vec::new();
    if !is_in(own, server.address) {
        concerns.push(format!("its address {} is not in [azure] vnet, where its subnet must be", server.address));
    }
    let leads_out = |mode| matches!(mode, NextHopMode::Address(address) if !is_in(all, address));
    if let Some(mode) = first_mode(server, leads_out) {
        concerns.push(format!("routes with next-hop {mode} are withheld: it is outside of [azure] vnet"));
    }
    concerns
}

/// The first of such a kind among the ways in which a next hop for the peer is chosen.
fn first_mode(server: &PeerConfig, wanted: impl Fn(NextHopMode) -> bool) -> Option<NextHopMode> {
    let in_statement = |statement: &Statement| statement.actions.next_hop.filter(|mode| wanted(*mode));
    let in_policies = || server.export.policies.iter().find_map(|policy| policy.find_in_statements(&in_statement));
    Some(server.next_hop).filter(|mode| wanted(*mode)).or_else(in_policies)
}

/// Whether it may be somebody else's address.
fn tells_others(mode: NextHopMode) -> bool {
    match mode {
        NextHopMode::Keep | NextHopMode::Gateway | NextHopMode::Address(_) => true,
        NextHopMode::Auto | NextHopMode::SelfAddress | NextHopMode::PeerAddress => false,
    }
}
