//! Next hops in one network: a hub (10.0.1.4, AS 65000) that is also an NVA; NVA (10.0.1.10, AS 65100) and NVB
//! (10.0.1.11, AS 65200) and an observer (10.0.1.20) on its subnet; a route server (10.0.2.4, AS 65515) behind the
//! subnet's gateway 10.0.1.1, multihop. NVA announces one prefix through itself, one through 10.0.1.30 and one through
//! the observer. The same rows were measured with BIRD, FRR, GoBGP and OpenBGPD; where these disagree, the standard
//! decides.

use std::sync::Arc;

use super::*;
use crate::attributes::PathAttributes;
use crate::host::{Address, Hop, HostEvent, HostRoute, Link, RouteKind, TABLE_MAIN, Via};
use crate::net::{AfiSafi, Asn};
use crate::policy::{Actions, Chain, Condition, Disposition, Match, Outcome, Policy, Statement, evaluate};
use crate::route::{NextHop, PeerId, Route, Source, SourceKind};

const HUB: &str = "10.0.1.4";
const GATEWAY: &str = "10.0.1.1";
const NVA: &str = "10.0.1.10";
const NVB: &str = "10.0.1.11";
const OBSERVER: &str = "10.0.1.20";
const THIRD: &str = "10.0.1.30";
const ARS: &str = "10.0.2.4";

fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn address(link: u32, text: &str) -> Address {
    let (address, length) = text.split_once('/').expect("a slash");
    Address { link, address: ip(address), prefix_len: length.parse().expect("a length"), peer: None }
}

fn link(index: u32, up: bool) -> HostEvent {
    let name = format!("eth{index}");
    HostEvent::LinkSet(Link { index, name, mac: Some([2, 0, 0, 0, 0, 1]), mtu: 1500, up, loopback: false })
}

fn route_of_host(prefix: &str, gateway: Option<&str>, link: u32) -> HostEvent {
    HostEvent::RouteAdded(HostRoute {
        mtu: None,
        table: TABLE_MAIN,
        prefix: prefix.parse().expect(prefix),
        metric: 0,
        protocol: 3,
        kind: RouteKind::Unicast,
        via: Via::Hops(vec![Hop { gateway: gateway.map(ip), link, weight: 1 }]),
    })
}

/// The hub's network, with what else happened to it.
fn hub(more: impl IntoIterator<Item = HostEvent>) -> HostState {
    let mut host = HostState::default();
    let base = [
        link(2, true),
        HostEvent::AddressAdded(address(2, "10.0.1.4/24")),
        route_of_host("10.0.1.0/24", None, 2),
        route_of_host("0.0.0.0/0", Some(GATEWAY), 2),
    ];
    for event in base.into_iter().chain(more) {
        host.apply(event);
    }
    host
}

fn with_source(kind: SourceKind, prefix: &str, next_hop: NextHop) -> Route {
    let source = Arc::new(Source { kind, local_asn: Asn(65000) });
    Route { prefix: prefix.parse().expect(prefix), next_hop, attributes: PathAttributes::default().into(), source }
}

/// A route that was learned with this next hop; from whom matters to no next-hop rule.
fn learned(prefix: &str, next_hop: &str) -> Route {
    let kind = SourceKind::Peer {
        id: PeerId(1),
        name: "nva".into(),
        group: None,
        asn: Asn(65100),
        router_id: [10, 0, 1, 10].into(),
        address: ip(NVA),
    };
    with_source(kind, prefix, NextHop::Via(ip(next_hop)))
}

fn own() -> Route {
    with_source(SourceKind::Local, "100.0.0.4/32", NextHop::Own)
}

fn neighbour(address: &str) -> PeerView {
    PeerView { local_address: ip(HUB), peer_address: ip(address), external: true, multihop: false }
}

fn ars() -> PeerView {
    PeerView { multihop: true, ..neighbour(ARS) }
}

fn internal(address: &str) -> PeerView {
    PeerView { external: false, multihop: true, ..neighbour(address) }
}

#[track_caller]
fn told(route: &Route, mode: NextHopMode, peer: PeerView, next_hop: &str, rule: NextHopRule) {
    assert_eq!(outbound_next_hop(route, mode, &peer, &hub([])), Ok((ip(next_hop), rule)));
}

#[track_caller]
fn withheld(route: &Route, mode: NextHopMode, peer: PeerView, reason: Withheld) {
    assert_eq!(outbound_next_hop(route, mode, &peer, &hub([])), Err(reason));
}

// The measured rows.

#[test]
fn nva_routes_to_ars_by_default_get_the_hub() {
    told(&learned("100.0.0.100/32", NVA), NextHopMode::Auto, ars(), HUB, NextHopRule::Multihop);
    told(&learned("100.0.0.150/32", THIRD), NextHopMode::Auto, ars(), HUB, NextHopRule::Multihop);
}

#[test]
fn nva_routes_to_ars_with_keep_stay_as_they_are() {
    told(&learned("100.0.0.100/32", NVA), NextHopMode::Keep, ars(), NVA, NextHopRule::Kept);
    told(&learned("100.0.0.150/32", THIRD), NextHopMode::Keep, ars(), THIRD, NextHopRule::Kept);
}

#[test]
fn as_path_policy_to_ars_keeps_651xx_and_the_rest_is_self() {
    let statement = |as_path: Option<&str>, mode| Statement {
        name: None,
        matches: Match(as_path.map(|text| Condition::AsPath(vec![text.parse().expect(text)])).into_iter().collect()),
        actions: Actions { next_hop: Some(mode), disposition: Some(Disposition::Accept), ..Actions::default() },
    };
    let statements = vec![statement(Some("^6510[0-9]"), NextHopMode::Keep), statement(None, NextHopMode::SelfAddress)];
    let policies = vec![Arc::new(Policy { name: "to-ars".into(), statements })];
    let chain = Chain { policies, default: Disposition::Reject };
    for (asn, received, expected) in [(65100, NVA, NVA), (65109, THIRD, THIRD), (65200, NVB, HUB)] {
        let mut route = learned("100.0.0.100/32", received);
        let mut attributes = PathAttributes::default();
        attributes.as_path.prepend(Asn(asn), 1);
        route.attributes = attributes.into();
        let Outcome::Accept { next_hop: Some(mode), .. } = evaluate(&chain, &route, None) else {
            panic!("{asn} is accepted with a next hop");
        };
        let got = outbound_next_hop(&route, mode, &ars(), &hub([])).map(|(next_hop, _)| next_hop);
        assert_eq!(got, Ok(ip(expected)), "{asn}");
    }
}

#[test]
fn the_hubs_own_route_to_ars_with_keep_gets_the_hub() {
    told(&own(), NextHopMode::Keep, ars(), HUB, NextHopRule::OwnRoute);
}

#[test]
fn nva_route_to_a_peer_on_the_subnet_gets_the_nva() {
    told(&learned("100.0.0.100/32", NVA), NextHopMode::Auto, neighbour(OBSERVER), NVA, NextHopRule::ThirdParty);
}

#[test]
fn third_party_route_to_a_peer_on_the_subnet_gets_the_third_party() {
    told(&learned("100.0.0.150/32", THIRD), NextHopMode::Auto, neighbour(OBSERVER), THIRD, NextHopRule::ThirdParty);
}

#[test]
fn route_through_the_receiver_is_withheld_from_it() {
    let route = learned("100.0.0.160/32", OBSERVER);
    let reason = Withheld::ReceivingPeer(ip(OBSERVER));
    withheld(&route, NextHopMode::Auto, neighbour(OBSERVER), reason);
    told(&route, NextHopMode::SelfAddress, neighbour(OBSERVER), HUB, NextHopRule::SelfAddress);
    told(&route, NextHopMode::Auto, neighbour(NVB), OBSERVER, NextHopRule::ThirdParty);
}

#[test]
fn nva_own_route_is_withheld_from_it() {
    withheld(&learned("100.0.0.100/32", NVA), NextHopMode::Auto, neighbour(NVA), Withheld::ReceivingPeer(ip(NVA)));
}

#[test]
fn ars_route_to_a_leaf_with_gateway_gets_the_subnets_router() {
    let route = learned("10.99.0.0/16", ARS);
    told(&route, NextHopMode::Gateway, neighbour(NVA), GATEWAY, NextHopRule::Gateway);
    told(&route, NextHopMode::Auto, neighbour(NVA), HUB, NextHopRule::FirstParty);
    told(&route, NextHopMode::Keep, neighbour(NVA), ARS, NextHopRule::Kept);
}

// The other rules.

#[test]
fn internal_peers_are_told_what_was_received() {
    told(&learned("100.0.0.100/32", NVA), NextHopMode::Auto, internal("10.0.3.4"), NVA, NextHopRule::Internal);
    told(&own(), NextHopMode::Auto, internal("10.0.3.4"), HUB, NextHopRule::OwnRoute);
    let me = NextHopMode::SelfAddress;
    told(&learned("100.0.0.100/32", NVA), me, internal("10.0.3.4"), HUB, NextHopRule::SelfAddress);
}

#[test]
fn gateway_is_our_own_address_where_the_peer_cannot_use_the_router() {
    let gateway = NextHopMode::Gateway;
    told(
        &learned("10.99.0.0/16", ARS),
        gateway,
        PeerView { multihop: true, ..neighbour("10.0.3.9") },
        HUB,
        NextHopRule::GatewayNotShared,
    );
    told(&learned("100.0.0.100/32", NVA), gateway, ars(), HUB, NextHopRule::GatewayNotShared);
    told(&learned("100.0.0.100/32", NVA), gateway, neighbour(OBSERVER), NVA, NextHopRule::GatewayOnLink);
    told(&own(), gateway, neighbour(OBSERVER), HUB, NextHopRule::OwnRoute);
    withheld(&learned("10.99.0.0/16", ARS), gateway, neighbour(GATEWAY), Withheld::ReceivingPeer(ip(GATEWAY)));
}

#[test]
fn gateway_needs_a_route_that_is_not_bgps() {
    let host = HostState::default();
    let got = outbound_next_hop(&learned("10.99.0.0/16", ARS), NextHopMode::Gateway, &neighbour(NVA), &host);
    assert_eq!(got, Err(Withheld::Unresolvable(ip(ARS))));
}

#[test]
fn an_explicit_address_is_explicit() {
    let frontend = NextHopMode::Address(ip("10.0.1.100"));
    for route in [own(), learned("100.0.0.100/32", NVA)] {
        told(&route, frontend, ars(), "10.0.1.100", NextHopRule::Address);
        let withheld_from = Withheld::ReceivingPeer(ip("10.0.1.100"));
        withheld(&route, frontend, neighbour("10.0.1.100"), withheld_from);
    }
    let next_hop = ip("2001:db8::1");
    let family = AfiSafi::Ipv4Unicast;
    withheld(&own(), NextHopMode::Address(next_hop), ars(), Withheld::Family { next_hop, family });
    withheld(&own(), NextHopMode::PeerAddress, ars(), Withheld::ReceivingPeer(ip(ARS)));
}

#[test]
fn a_route_of_the_other_family_gets_an_address_of_that_family_from_the_sessions_interface() {
    let route = with_source(SourceKind::Local, "2001:db8:4::/48", NextHop::Own);
    withheld(&route, NextHopMode::Auto, ars(), Withheld::NoOwnAddress(AfiSafi::Ipv6Unicast));
    let host = hub([
        link(3, true),
        HostEvent::AddressAdded(address(3, "2001:db8:3::4/64")),
        HostEvent::AddressAdded(address(2, "fe80::4/64")),
    ]);
    let told = outbound_next_hop(&route, NextHopMode::Auto, &ars(), &host);
    assert_eq!(
        told,
        Err(Withheld::NoOwnAddress(AfiSafi::Ipv6Unicast)),
        "another link's and link-local ones do not count"
    );
    let host = hub([HostEvent::AddressAdded(address(2, "2001:db8:1::4/64"))]);
    let told = outbound_next_hop(&route, NextHopMode::Auto, &ars(), &host);
    assert_eq!(told, Ok((ip("2001:db8:1::4"), NextHopRule::OwnRoute)));
}

// The pitfalls.

#[test]
fn p1_what_the_import_says_does_not_leak_into_the_export() {
    let peer = neighbour(NVA);
    // Whatever the import policy sets, a plain address comes out, and what the export does follows from it alone.
    for (mode, next_hop) in [
        (None, THIRD),
        (Some(NextHopMode::Auto), THIRD),
        (Some(NextHopMode::Keep), THIRD),
        (Some(NextHopMode::SelfAddress), THIRD),
        (Some(NextHopMode::Gateway), THIRD),
        (Some(NextHopMode::PeerAddress), NVA),
        (Some(NextHopMode::Address(ip(NVB))), NVB),
    ] {
        assert_eq!(inbound_next_hop(ip(THIRD), mode, &peer, &hub([])), Ok(ip(next_hop)), "{mode:?}");
        let imported = learned("100.0.0.150/32", next_hop);
        told(&imported, NextHopMode::Auto, ars(), HUB, NextHopRule::Multihop);
        told(&imported, NextHopMode::Keep, ars(), next_hop, NextHopRule::Kept);
    }
}

#[test]
fn p2_a_third_party_next_hop_ends_with_the_subnet() {
    let route = learned("100.0.0.150/32", THIRD);
    let peer = neighbour(OBSERVER);
    let told = |host: &HostState| outbound_next_hop(&route, NextHopMode::Auto, &peer, host);
    let mut host = hub([]);
    assert_eq!(told(&host), Ok((ip(THIRD), NextHopRule::ThirdParty)));
    host.apply(link(2, false));
    assert_eq!(told(&host), Ok((ip(HUB), NextHopRule::FirstParty)), "the link is down");
    host.apply(link(2, true));
    assert_eq!(told(&host), Ok((ip(THIRD), NextHopRule::ThirdParty)));
    host.apply(HostEvent::AddressAdded(address(2, "10.0.1.4/28")));
    host.apply(HostEvent::AddressRemoved(address(2, "10.0.1.4/24")));
    assert_eq!(told(&host), Ok((ip(HUB), NextHopRule::FirstParty)), "the subnet is smaller");
}

#[test]
fn p2_one_link_is_not_one_subnet() {
    let host = hub([HostEvent::AddressAdded(address(2, "10.0.7.4/24"))]);
    let route = learned("100.0.0.150/32", "10.0.7.30");
    let told = outbound_next_hop(&route, NextHopMode::Auto, &neighbour(OBSERVER), &host);
    assert_eq!(told, Ok((ip(HUB), NextHopRule::FirstParty)));
}

#[test]
fn p4_keep_of_an_own_route_is_self() {
    for peer in [ars(), neighbour(NVA), internal("10.0.3.4")] {
        for mode in [NextHopMode::Auto, NextHopMode::Keep, NextHopMode::SelfAddress, NextHopMode::Gateway] {
            told(&own(), mode, peer, HUB, NextHopRule::OwnRoute);
        }
    }
}

#[test]
fn p5_the_receiver_is_never_told_to_send_to_itself() {
    let route = learned("100.0.0.160/32", NVB);
    for mode in [NextHopMode::Auto, NextHopMode::Keep, NextHopMode::Gateway, NextHopMode::Address(ip(NVB))] {
        withheld(&route, mode, neighbour(NVB), Withheld::ReceivingPeer(ip(NVB)));
    }
    withheld(&route, NextHopMode::Auto, internal(NVB), Withheld::ReceivingPeer(ip(NVB)));
}

#[test]
fn p5_a_next_hop_that_became_ours_is_not_told_on() {
    let host = hub([HostEvent::AddressAdded(address(2, "10.0.1.30/24"))]);
    let route = learned("100.0.0.150/32", THIRD);
    let tell = |mode, peer| outbound_next_hop(&route, mode, &peer, &host);
    for mode in [NextHopMode::Keep, NextHopMode::Gateway] {
        assert_eq!(tell(mode, ars()), Err(Withheld::OwnAddress(ip(THIRD))));
    }
    assert_eq!(tell(NextHopMode::Auto, internal("10.0.3.4")), Err(Withheld::OwnAddress(ip(THIRD))));
    assert_eq!(tell(NextHopMode::Auto, neighbour(NVB)), Ok((ip(HUB), NextHopRule::FirstParty)));
}

#[test]
fn p7_keep_concerns_the_next_hop_alone() {
    let keep =
        Actions { next_hop: Some(NextHopMode::Keep), disposition: Some(Disposition::Accept), ..Actions::default() };
    let statements = vec![Statement { name: None, matches: Match::default(), actions: keep }];
    let policies = vec![Arc::new(Policy { name: "keep".into(), statements })];
    let chain = Chain { policies, default: Disposition::Reject };
    let route = Route {
        attributes: PathAttributes { med: Some(7), ..PathAttributes::default() }.into(),
        ..learned("100.0.0.100/32", NVA)
    };
    // No attribute is touched, and none is marked as "leave alone": the path and MED rules for external peers go on.
    let Outcome::Accept { attributes, next_hop, .. } = evaluate(&chain, &route, None) else { panic!("accepted") };
    assert_eq!((attributes, next_hop), (None, Some(NextHopMode::Keep)));
}

#[test]
fn p8_the_rule_is_told_and_differs_from_self() {
    let route = learned("100.0.0.100/32", NVA);
    let rule = |mode| outbound_next_hop(&route, mode, &neighbour(OBSERVER), &hub([])).map(|(_, rule)| rule.to_string());
    let third_party = "auto: third party, the peer is on the next hop's subnet (RFC 4271 §5.1.3 item 2)";
    assert_eq!(rule(NextHopMode::Auto), Ok(third_party.into()));
    assert_eq!(rule(NextHopMode::SelfAddress), Ok("self: our own address".into()));
}

#[test]
fn p12_the_gateway_of_a_static_route_that_we_originate_does_not_leak() {
    let route = with_source(SourceKind::Local, "192.0.2.0/24", NextHop::Via(ip(GATEWAY)));
    for peer in [ars(), neighbour(OBSERVER), internal(NVB)] {
        for mode in [NextHopMode::Auto, NextHopMode::Keep, NextHopMode::Gateway] {
            told(&route, mode, peer, HUB, NextHopRule::OwnRoute);
        }
    }
}

// Inbound.

#[test]
fn received_next_hops_that_are_refused() {
    let host = hub([HostEvent::AddressAdded(address(2, "10.0.1.5/24"))]);
    let fault = |next_hop: &str, peer| inbound_next_hop_fault(ip(next_hop), &peer, &host);
    for peer in [neighbour(NVA), ars(), internal(NVB)] {
        assert_eq!(fault(HUB, peer), Some(Ineligible::OwnAddress));
        assert_eq!(fault("10.0.1.5", peer), Some(Ineligible::OwnAddress));
        assert_eq!(fault(THIRD, peer), None, "third party on the subnet");
    }
    assert_eq!(fault(NVA, neighbour(NVA)), None);
    assert_eq!(fault("10.0.3.9", neighbour("10.0.3.9")), None, "the sender itself, wherever it is");
    assert_eq!(fault(ARS, neighbour(NVA)), Some(Ineligible::NotOnSubnet));
    assert_eq!(fault("10.0.9.9", ars()), None, "any that resolves will do from afar");
    assert_eq!(fault("10.0.9.9", internal(NVB)), None);
}

#[test]
fn next_hops_that_an_import_policy_sets() {
    let set =
        |address: &str| inbound_next_hop(ip(NVA), Some(NextHopMode::Address(ip(address))), &neighbour(NVA), &hub([]));
    assert_eq!(set("10.0.9.9"), Ok(ip("10.0.9.9")), "explicit is explicit");
    assert_eq!(set(HUB), Err(Ineligible::OwnAddress));
    assert_eq!(set("2001:db8::9"), Err(Ineligible::Family));
    let told_by_import = [NextHopMode::SelfAddress, NextHopMode::Gateway].map(NextHopMode::applies_inbound);
    assert_eq!(told_by_import, [false, false]);
}
