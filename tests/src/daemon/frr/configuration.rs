//! The configuration files of FRR's daemons.

use super::family_name;
use crate::daemon::{BFD_INTERVAL, Community, Family, Options, Peer, Relation, Role, Router, TowardsRouteServer};

/// bgpd's configuration but for its peers.
pub(super) fn without_peers(router: &Router) -> String {
    let mut text = format!(
        "frr defaults traditional\nbgp as-path access-list OWN permit ^$\nrouter bgp {}\n bgp router-id {}\n \
         no bgp default ipv4-unicast\n no bgp ebgp-requires-policy\n no bgp network import-check\n",
        router.asn, router.address
    );
    // At the head: a route map must be known before it is used.
    text.insert_str(0, &route_map(&router.communities));
    if router.peers.iter().any(|peer| peer.options.graceful_restart.is_some()) {
        text += " bgp graceful-restart preserve-fw-state\n";
    }
    for family in router.families() {
        text += &address_family(family, networks(family, router));
    }
    text
}

/// What is added to it.
pub(super) fn peers(router: &Router) -> anyhow::Result<String> {
    let mut text = format!("router bgp {}\n", router.asn);
    for peer in &router.peers {
        text += &session(peer, router)?;
        text += &session_options(peer);
    }
    for family in router.families() {
        text += &address_family(family, members(family, router));
    }
    Ok(text)
}

fn session(peer: &Peer, router: &Router) -> anyhow::Result<String> {
    let (address, hold_time) = (peer.address, router.hold_time);
    let mut text = format!(
        " neighbor {address} remote-as {}\n neighbor {address} update-source {}\n neighbor {address} timers {} {hold_time}\n \
         neighbor {address} timers connect 2\n",
        peer.asn,
        router.local_address(peer)?,
        hold_time / 3,
    );
    match peer.relation {
        Relation::Router | Relation::Hub => {}
        Relation::Leaf => text += &format!(" neighbor {address} passive\n"),
        Relation::RouteServer(_) => text += &format!(" neighbor {address} ebgp-multihop 8\n"),
    }
    Ok(text)
}

fn session_options(peer: &Peer) -> String {
    let Peer { address, options, .. } = peer;
    // Extended messages it announces without being told.
    let Options { password, ttl_security, graceful_restart, extended_messages: _, plain_refresh: _, role, bfd } =
        options;
    let mut lines = Vec::new();
    lines.extend(password.as_ref().map(|password| format!("password {password}")));
    lines.extend(ttl_security.then(|| "ttl-security hops 1".to_owned()));
    lines.push(if graceful_restart.is_some() { "graceful-restart" } else { "graceful-restart-disable" }.to_owned());
    let name = |role: Role| if role == Role::RouteServer { "rs-server" } else { role.name() };
    lines.extend(role.map(|role| format!("local-role {}", name(role))));
    lines.extend(bfd.then(|| "bfd profile lab".to_owned()));
    let mut text: String = lines.into_iter().map(|line| format!(" neighbor {address} {line}\n")).collect();
    if let Some(seconds) = graceful_restart {
        text += &format!(" bgp graceful-restart restart-time {seconds}\n");
    }
    text
}

/// The route map of what is originated.
fn route_map(communities: &[Community]) -> String {
    let listed = |pick: fn(&Community) -> bool| {
        let picked = communities.iter().filter(|community| pick(community));
        picked.map(|community| community.numbers()).collect::<Vec<_>>().join(" ")
    };
    let standard = listed(|community| matches!(community, Community::Standard(..)));
    let target = listed(|community| matches!(community, Community::RouteTarget(..)));
    let large = listed(|community| matches!(community, Community::Large(..)));
    let mut text = "route-map OWN permit 10\n".to_owned();
    for (name, values) in [("community", standard), ("extcommunity rt", target), ("large-community", large)] {
        if !values.is_empty() {
            text += &format!(" set {name} {values}\n");
        }
    }
    text
}

/// bfdd's configuration.
pub(super) fn bfd() -> String {
    format!(
        "bfd\n profile lab\n  detect-multiplier 3\n  receive-interval {BFD_INTERVAL}\n  transmit-interval {BFD_INTERVAL}\n"
    )
}

fn address_family(family: Family, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.map(|line| format!("  {line}\n")).collect();
    format!(" address-family {} unicast\n{lines} exit-address-family\n", family_name(family))
}

fn networks(family: Family, router: &Router) -> impl Iterator<Item = String> {
    let networks = router.networks.iter().filter(move |prefix| Family::of(prefix.addr()) == family);
    networks.map(|prefix| format!("network {prefix} route-map OWN"))
}

fn members(family: Family, router: &Router) -> impl Iterator<Item = String> {
    let members = router.peers.iter().filter(move |peer| peer.families.contains(&family));
    members.flat_map(|Peer { address, relation, .. }| {
        let more = match relation {
            Relation::Router | Relation::Leaf | Relation::RouteServer(TowardsRouteServer::Oneself) => None,
            Relation::Hub => Some("filter-list OWN out"),
            Relation::RouteServer(TowardsRouteServer::Keep) => Some("attribute-unchanged next-hop"),
        };
        ["activate"].into_iter().chain(more).map(move |line| format!("neighbor {address} {line}"))
    })
}
