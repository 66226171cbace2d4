//! IPv6, over sessions of either family, and peers that know 2-octet AS numbers only.

use std::net::IpAddr;

use super::sim::{ETH0, LO, Sim, loopback_added, machine, own_address, route};
use super::{MINUTE, OPEN, SOON, established, speaker};
use crate::host::HostEvent;
use crate::packet::iana::capability;

const PREFIX: &str = "2001:db8:100::1/128";

fn ipv6(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn loopback() -> HostEvent {
    HostEvent::AddressAdded(own_address(LO, ipv6("2001:db8:100::1")))
}

fn on_eth0(last: u8) -> [HostEvent; 2] {
    let address = own_address(ETH0, ipv6(&format!("2001:db8:76::{last}")));
    [HostEvent::AddressAdded(address), HostEvent::RouteSet(route("2001:db8:76::/64", None, ETH0))]
}

fn pair() -> Sim {
    let configs = [speaker(65001, 10, "", "", &[(20, 65002, OPEN)]), speaker(65002, 20, "", "", &[(10, 65001, OPEN)])];
    established(Sim::new(1, &configs))
}

/// Two with an IPv6 session, of which the first has a prefix.
fn over_ipv6(more: &str) -> Sim {
    let peer = |other: u8, asn: u32| {
        format!("[[peer]]\nname = \"o\"\naddress = \"2001:db8:76::{other}\"\nasn = {asn}\n{OPEN}\n{more}\n")
    };
    over_ipv6_with(&peer(20, 65002), &peer(10, 65001))
}

/// The same with these tables of each.
fn over_ipv6_with(first: &str, second: &str) -> Sim {
    let configs = [speaker(65001, 10, "", first, &[]), speaker(65002, 20, "", second, &[])];
    let addresses = vec![ipv6("2001:db8:76::10"), ipv6("2001:db8:76::20")];
    let mut sim = established(Sim::at(1, &configs, addresses, |address| machine(address, &[])));
    sim.host(0, loopback());
    sim.run_until("the route", SOON, |sim| !sim.learned(1, 0).is_empty());
    sim
}

/// RFC 4724: routes, the kernel's too, outlive a restart; the prefix that does not come back goes.
#[test]
fn ipv6_routes_outlive_a_restart() {
    let mut sim = over_ipv6("graceful-restart = true");
    let other = HostEvent::AddressAdded(own_address(LO, ipv6("2001:db8:200::1")));
    sim.host(1, other);
    sim.run_until("the way back", SOON, |sim| sim.kernel(0).contains_key("2001:db8:200::1/128"));
    for comes_back in [true, false] {
        sim.kill(0);
        assert_eq!(sim.kernel(1)[PREFIX], ["2001:db8:76::10"], "{comes_back}");
        sim.revive(0);
        assert!(sim.kernel(0).contains_key("2001:db8:200::1/128"), "forwarding has gone on");
        if comes_back {
            sim.host(0, loopback());
        }
        sim.run_until("the session", MINUTE, |sim| sim.session(1, 0).is_some());
        let peer = sim.session(1, 0).expect("a session").0;
        sim.run_until("all confirmed", MINUTE, |sim| sim.speakers[1].stale_routes(peer) == 0);
        assert_eq!(sim.kernel(1).contains_key(PREFIX), comes_back);
    }
}

#[test]
fn a_group_listens_for_ipv6_addresses() {
    let group =
        format!("[[peer-group]]\nname = \"six\"\nlisten = [\"2001:db8:76::/64\"]\nasn = \"65001-65009\"\n{OPEN}\n");
    let peer = format!("[[peer]]\nname = \"hub\"\naddress = \"2001:db8:76::20\"\nasn = 65002\n{OPEN}\n");
    let mut sim = over_ipv6_with(&peer, &group);
    sim.host(1, HostEvent::AddressAdded(own_address(LO, ipv6("2001:db8:200::1"))));
    let (member, _) = sim.session(1, 0).expect("a session");
    assert_eq!(sim.speakers[1].name(member), "six-2001:db8:76::10");
    sim.run_until("the way back", SOON, |sim| sim.kernel(0).contains_key("2001:db8:200::1/128"));
    assert_eq!(sim.kernel(0)["2001:db8:200::1/128"], ["2001:db8:76::20"]);
}

#[test]
fn ipv6_routes_over_an_ipv6_session() {
    let sim = over_ipv6("");
    assert_eq!(sim.learned(1, 0), [(PREFIX.into(), "2001:db8:76::10".into(), "65001".into())]);
    assert_eq!(sim.kernel(1)[PREFIX], ["2001:db8:76::10"]);
}

#[test]
fn ipv6_routes_over_an_ipv4_session_have_the_ipv6_address_of_its_interface() {
    let mut sim = pair();
    for (index, last) in [(0, 10), (1, 20)] {
        on_eth0(last).into_iter().for_each(|event| sim.host(index, event));
    }
    sim.host(0, loopback());
    sim.host(0, loopback_added([100, 0, 0, 1]));
    sim.run_until("both routes", SOON, |sim| sim.loc_rib(1).len() == 2);
    let expected = [("100.0.0.1/32", "10.13.76.10"), (PREFIX, "2001:db8:76::10")];
    let expected = expected.map(|(prefix, next_hop)| (prefix.into(), next_hop.into(), "65001".into()));
    assert_eq!(sim.learned(1, 0), expected);
    assert_eq!(sim.kernel(1)[PREFIX], ["2001:db8:76::10"]);
}

#[test]
fn ipv6_routes_wait_until_there_is_an_address_to_tell() {
    let mut sim = pair();
    on_eth0(20).into_iter().for_each(|event| sim.host(1, event));
    sim.host(0, loopback());
    sim.run_for(SOON);
    assert_eq!(sim.learned(1, 0), []);
    let reason = sim.exported(0, 1, PREFIX).expect_err("no address");
    assert!(reason.contains("no ipv6-unicast address of ours"), "{reason}");
    on_eth0(10).into_iter().for_each(|event| sim.host(0, event));
    sim.run_until("the route", SOON, |sim| !sim.loc_rib(1).is_empty());
}

#[test]
fn what_was_on_no_subnet_is_taken_once_it_is_on_one() {
    let mut sim = pair();
    on_eth0(10).into_iter().for_each(|event| sim.host(0, event));
    sim.host(0, loopback());
    sim.run_until("the route", SOON, |sim| !sim.learned(1, 0).is_empty());
    assert!(sim.loc_rib(1).is_empty(), "RFC 4271 §6.3");
    let sent = sim.updates[&(0, 1)];
    on_eth0(20).into_iter().for_each(|event| sim.host(1, event));
    assert_eq!(sim.loc_rib(1).len(), 1);
    assert_eq!(sim.updates[&(0, 1)], sent, "nothing was sent again");
}

/// RFC 6793 §4.2: what does not fit travels in AS4_PATH past whoever does not understand it.
#[test]
fn long_as_numbers_survive_a_session_with_short_ones() {
    let far = 4_200_000_001;
    let configs = [
        speaker(far, 10, "", "", &[(20, 65002, OPEN)]),
        speaker(65002, 20, "", "", &[(10, far, OPEN), (30, 65003, OPEN)]),
        speaker(65003, 30, "", "", &[(20, 65002, OPEN)]),
    ];
    let mut sim = Sim::new(1, &configs);
    sim.unsaid.insert((1, 2, capability::FOUR_OCTET_AS));
    let mut sim = established(sim);
    let (peer, _) = sim.session(2, 1).expect("a session");
    let negotiated = sim.speakers[2].peer(peer).and_then(|peer| peer.established()).expect("up").negotiated();
    assert!(!negotiated.context.four_octet_as);
    sim.host(0, loopback_added([100, 0, 0, 1]));
    sim.run_until("the route", SOON, |sim| !sim.loc_rib(2).is_empty());
    assert_eq!(sim.learned(2, 1), [("100.0.0.1/32".into(), "10.13.76.10".into(), "65002 4200000001".into())]);
}

/// A peer in an AS that does not fit is AS_TRANS to one that knows 2 octets only.
#[test]
fn as_trans_does_not_pass_for_the_configured_as() {
    let far = 4_200_000_001;
    let configs = [speaker(far, 10, "", "", &[(20, 65002, OPEN)]), speaker(65002, 20, "", "", &[(10, far, OPEN)])];
    let mut sim = Sim::new(1, &configs);
    sim.unsaid.insert((0, 1, capability::FOUR_OCTET_AS));
    sim.run_for(MINUTE);
    assert_eq!(sim.established(0) + sim.established(1), 0);
    let refused = (1, "OPEN Message Error/Bad Peer AS".to_owned());
    assert!(sim.notifications.contains(&refused), "{:?}", sim.notifications);
}
