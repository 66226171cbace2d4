//! What went wrong with next hops in other daemons and in Azure, each as a test that it does not here. Those that concern
//! one function are beside it: p1, p2, p4, p5, p7, p8 and p12 in `policy::next_hop`, p1, p3 and p5 also in
//! `speaker::tests::next_hop`; p9 is the fabric's (`nva-tests`, `tests/lab/fabric.rs`).

use super::sim::{ETH0, Sim, own_address, route};
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::host::HostEvent;
use crate::net::Prefix;
use crate::rib::Standing;
use crate::speaker::Notice;

const PREFIX: &str = "100.64.0.0/24";
const KEEP: &str = "import = [\"all\"]\nexport = [\"all\"]\nnext-hop = \"keep\"";

const HUB: usize = 0;
const LEAVES: [usize; 2] = [1, 2];
const ARS: usize = 3;

/// Two leaves at a hub with a route server.
fn network(leaf: &str) -> Sim {
    let azure = format!("kind = \"azure-route-server\"\n{KEEP}");
    let far = format!("{OPEN}\nmultihop = 8");
    let configs = [
        speaker(65000, 84, "", "", &[(101, 65101, leaf), (102, 65102, leaf), (4, 65515, &azure)]),
        speaker(65101, 101, "", "", &[(84, 65000, OPEN)]),
        speaker(65102, 102, "", "", &[(84, 65000, OPEN)]),
        speaker(65515, 4, "", "", &[(84, 65000, &far)]),
    ];
    established(Sim::new(1, &configs))
}

fn next_hop(sim: &Sim, of: usize) -> Option<String> {
    sim.received(of, HUB, PREFIX).map(|route| route.next_hop.to_string())
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

/// The next hop is decided anew when another peer's route takes over because the first peer is gone.
#[test]
fn p3_a_route_that_takes_over_brings_its_own_next_hop() {
    let mut sim = network(KEEP);
    for (leaf, last) in LEAVES.into_iter().zip([101, 102]) {
        sim.announce(leaf, HUB, PREFIX, &format!("10.13.76.{last}"), &path(&[65000 + last]));
    }
    sim.run_for(SOON);
    assert_eq!(next_hop(&sim, ARS).as_deref(), Some("10.13.76.101"));
    sim.reset(HUB, LEAVES[0]);
    sim.run_for(SOON);
    assert_eq!(next_hop(&sim, ARS).as_deref(), Some("10.13.76.102"));
    assert_eq!(sim.received(ARS, HUB, PREFIX).expect("told").attributes, path(&[65000, 65102]).into());
}

/// Over an IPv4 session the peer's IPv6 address is not known unless it is configured.
#[test]
fn p5_the_receiver_is_known_by_its_other_addresses_too() {
    let other = "2001:db8:76::102";
    let route6 = "2001:db8:64::/48";
    for (more, expected) in [("", Some(other)), ("other-addresses = [\"2001:db8:76::102\"]", None)] {
        let leaf = format!("{KEEP}\n{more}");
        let configs = [
            speaker(65000, 84, "", "", &[(101, 65101, KEEP), (102, 65102, &leaf)]),
            speaker(65101, 101, "", "", &[(84, 65000, OPEN)]),
            speaker(65102, 102, "", "", &[(84, 65000, OPEN)]),
        ];
        let mut sim = established(Sim::new(1, &configs));
        let own = own_address(ETH0, "2001:db8:76::84".parse().expect("an address"));
        sim.host(HUB, HostEvent::AddressAdded(own));
        sim.host(HUB, HostEvent::RouteSet(route("2001:db8:76::/64", None, ETH0)));
        sim.announce(LEAVES[0], HUB, route6, other, &path(&[65101]));
        sim.run_for(SOON);
        let told = sim.received(LEAVES[1], HUB, route6).map(|route| route.next_hop.to_string());
        assert_eq!(told.as_deref(), expected);
        if expected.is_none() {
            let reason = sim.exported(HUB, LEAVES[1], route6).expect_err("withheld");
            assert_eq!(reason, "the next hop 2001:db8:76::102 is the receiving peer itself (RFC 4271 §5.1.3)");
        }
    }
}

/// What the hub itself cannot reach, or what is the route server or the hub, it tells nobody with `keep`.
#[test]
fn p6_keep_passes_no_next_hop_on_that_leads_nowhere() {
    let mut sim = network(&format!("{KEEP}\nmultihop = 8"));
    sim.host(HUB, HostEvent::RouteRemoved(route("0.0.0.0/0", Some("10.13.76.1"), ETH0)));
    for (next_hop, reason) in [
        ("192.0.2.1", "ineligible: next hop 192.0.2.1 is unreachable"),
        ("10.13.76.84", "next hop 10.13.76.84 is an address of our own"),
    ] {
        sim.announce(LEAVES[0], HUB, PREFIX, next_hop, &path(&[65101]));
        sim.run_for(SOON);
        assert_eq!(sim.received(ARS, HUB, PREFIX), None, "{next_hop}");
        let candidates = sim.speakers[HUB].rib().candidates(prefix(PREFIX));
        assert_eq!(candidates[0].standing.to_string(), reason);
    }
    sim.announce(LEAVES[0], HUB, PREFIX, "10.13.76.4", &path(&[65101]));
    sim.run_for(SOON);
    assert_eq!(sim.received(ARS, HUB, PREFIX), None, "the route server itself");
    sim.announce(LEAVES[0], HUB, PREFIX, "10.13.76.77", &path(&[65101]));
    sim.run_for(SOON);
    assert_eq!(next_hop(&sim, ARS).as_deref(), Some("10.13.76.77"), "a frontend of a load balancer");
}

/// What the hub reaches and Azure does not: with the VNet known, route servers are not told, and everybody else is.
#[test]
fn p6_route_servers_are_told_of_no_next_hop_outside_of_the_vnet() {
    let azure = |more: &str| {
        let server = format!("kind = \"azure-route-server\"\n{KEEP}");
        let leaf = format!("{KEEP}\nmultihop = 8");
        speaker(65000, 84, "", more, &[(101, 65101, &leaf), (102, 65102, &leaf), (4, 65515, &server)])
    };
    let vnet = |peered: &str| format!("[azure]\nvnet = [\"10.13.76.0/24\"]\npeered-vnets = [{peered}]\n");
    let far = format!("{OPEN}\nmultihop = 8");
    let leaf = |asn, last| speaker(asn, last, "", "", &[(84, 65000, &far)]);
    let server = speaker(65515, 4, "", "", &[(84, 65000, &far)]);
    let mut sim = established(Sim::new(1, &[azure(&vnet("")), leaf(65101, 101), leaf(65102, 102), server]));
    sim.announce(LEAVES[0], HUB, PREFIX, "192.0.2.1", &path(&[65101]));
    sim.announce(LEAVES[0], HUB, "100.65.0.0/24", "10.13.76.77", &path(&[65101]));
    sim.run_for(SOON);
    assert_eq!(next_hop(&sim, LEAVES[1]).as_deref(), Some("192.0.2.1"), "the hub reaches it by its default route");
    assert_eq!(next_hop(&sim, ARS), None);
    let reason = sim.exported(HUB, ARS, PREFIX).expect_err("withheld");
    let outside = "the next hop 192.0.2.1 is outside of the VNet and those that it is peered with ([azure] vnet)";
    assert_eq!(reason, outside);
    let withheld = |sim: &Sim| {
        let (ars, _) = sim.session(HUB, ARS).expect("a session");
        sim.speakers[HUB].peer(ars).and_then(|peer| peer.established()).expect("a session").withheld().count()
    };
    assert_eq!(withheld(&sim), 1);
    assert_eq!(sim.received(ARS, HUB, "100.65.0.0/24").expect("told").next_hop.to_string(), "10.13.76.77");

    for (tables, expected) in
        [(vnet("\"192.0.2.0/24\""), Some("192.0.2.1")), (vnet(""), None), (String::new(), Some("192.0.2.1"))]
    {
        assert_eq!(sim.reload(HUB, &azure(&tables)), ["route servers are told what is another now, as the VNet is"]);
        sim.run_for(SOON);
        assert_eq!(next_hop(&sim, ARS).as_deref(), expected, "{tables}");
    }
    assert_eq!((withheld(&sim), sim.established(HUB)), (0, 3));
}

/// `keep` is no transparent mode: path, LOCAL_PREF and MED follow the rules for external peers.
#[test]
fn p7_keep_concerns_no_other_attribute() {
    let mut sim = network(KEEP);
    let mut attributes = path(&[65101]);
    attributes.med = Some(7);
    sim.announce(LEAVES[0], HUB, PREFIX, "10.13.76.101", &attributes);
    sim.run_for(SOON);
    let told = sim.received(ARS, HUB, PREFIX).expect("told");
    assert_eq!(told.attributes, path(&[65000, 65101]).into());
    assert_eq!(told.next_hop.to_string(), "10.13.76.101");
}

/// A route that covers the route server must not carry our packets to it: they would go through what they bring.
#[test]
fn p10_no_route_of_bgps_resolves_the_peer_that_brought_it() {
    let configs = [
        speaker(65000, 84, "", "", &[(4, 65515, "kind = \"azure-route-server\"\nimport = [\"all\"]\ninstall = true")]),
        speaker(65515, 4, "", "", &[(84, 65000, &format!("{OPEN}\nmultihop = 8"))]),
    ];
    let mut sim = established(Sim::new(1, &configs));
    sim.announce(1, HUB, "10.13.76.0/28", "10.13.76.4", &path(&[65515]));
    sim.run_for(SOON);
    let kernel = sim.kernel(HUB);
    assert_eq!(kernel["10.13.76.4/32"], ["on link"], "pinned through the route that was there before");
    sim.run_for(MINUTE);
    assert_eq!(sim.established(HUB), 1);
}

/// Azure programs a default route into every NIC, that of the NVA included: the operator is told, once.
#[test]
fn p11_a_default_route_to_a_route_server_is_worth_a_warning() {
    let mut sim = network(KEEP);
    let warnings = |sim: &Sim| {
        let of_hub = sim.notices.iter().filter(|(index, _)| *index == HUB);
        of_hub.filter(|(_, notice)| matches!(notice, Notice::DefaultRouteToRouteServer { .. })).count()
    };
    sim.announce(LEAVES[0], HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim.run_for(SOON);
    assert_eq!(warnings(&sim), 0);
    for next_hop in ["10.13.76.101", "10.13.76.77"] {
        sim.announce(LEAVES[0], HUB, "0.0.0.0/0", next_hop, &path(&[65101]));
        sim.run_for(SOON);
        assert_eq!(warnings(&sim), 1);
    }
    let prefix = prefix("0.0.0.0/0");
    assert!(matches!(sim.speakers[HUB].rib().candidates(prefix)[0].standing, Standing::Best));
}

/// Cisco's `next-hop-unchanged` wants multihop, and OpenBGPD ignores `no-modify` on a link; ours does neither.
#[test]
fn p13_keep_works_towards_every_peer() {
    for (leaf, what) in [(KEEP.to_owned(), "on the link"), (format!("{KEEP}\nmultihop = 2"), "multihop")] {
        let mut sim = network(&leaf);
        sim.announce(LEAVES[0], HUB, PREFIX, "10.13.76.101", &path(&[65101]));
        sim.run_for(SOON);
        assert_eq!(next_hop(&sim, LEAVES[1]).as_deref(), Some("10.13.76.101"), "{what}");
        assert_eq!(next_hop(&sim, ARS).as_deref(), Some("10.13.76.101"), "the route server is multihop");
    }
}
