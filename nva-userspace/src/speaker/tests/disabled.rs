//! A family that cannot be read is disabled for the session, and the other one lives on (RFC 4760 §7, RFC 7606 §2).

use super::sim::{ETH0, LO, Sim, own_address, route};
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::host::HostEvent;
use crate::net::AfiSafi;
use crate::packet::{self, RefreshSubtype, RouteRefresh};
use crate::speaker::{Notice, Refreshed};

const FEEDER: usize = 0;
const HUB: usize = 1;
const V4: &str = "100.64.0.0/24";
const V6: [&str; 2] = ["2001:db8:1::/48", "2001:db8:2::/48"];

/// An UPDATE that withdraws an IPv6 prefix of 129 bits.
const UNREADABLE: [u8; 30] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 30, 2, 0, 0, 0,
    7, 0x80, 15, 4, 0, 2, 1, 129,
];

/// A feeder with a route of each family and one more of IPv6, a hub, and who is told by it.
fn network(more: &str) -> Sim {
    let peer = format!("{OPEN}\nother-addresses = [\"2001:db8:76::10\"]\n{more}");
    let next_hop = format!("{OPEN}\nnext-hop = \"keep\"");
    let configs = [
        speaker(65001, 10, "", "", &[(20, 65002, OPEN)]),
        speaker(65002, 20, "", "", &[(10, 65001, &peer), (30, 65003, &next_hop)]),
        speaker(65003, 30, "", "", &[(20, 65002, OPEN)]),
    ];
    let mut sim = established(Sim::new(3, &configs));
    say_all(&mut sim);
    sim
}

fn say_all(sim: &mut Sim) {
    sim.announce(FEEDER, HUB, V4, "10.13.76.10", &path(&[65001]));
    V6.iter().for_each(|prefix| sim.announce(FEEDER, HUB, prefix, "2001:db8:76::10", &path(&[65001])));
    sim.run_for(SOON);
}

fn break_ipv6(sim: &mut Sim) {
    sim.inject(FEEDER, HUB, |_, out| out.extend_from_slice(&UNREADABLE));
    sim.run_for(SOON);
}

fn has(sim: &Sim) -> Vec<String> {
    sim.learned(HUB, FEEDER).into_iter().map(|(prefix, ..)| prefix).collect()
}

fn disabled(sim: &Sim) -> Vec<AfiSafi> {
    let (peer, _) = sim.session(HUB, FEEDER).expect("the session lives on");
    sim.speakers[HUB].peer(peer).and_then(|peer| peer.established()).expect("up").disabled().collect()
}

#[test]
fn the_other_family_lives_on() {
    let mut sim = network("");
    assert_eq!(has(&sim), [V4, V6[0], V6[1]]);
    let (_, before) = sim.session(HUB, FEEDER).expect("a session");
    break_ipv6(&mut sim);
    assert_eq!((has(&sim), disabled(&sim)), (vec![V4.to_owned()], vec![AfiSafi::Ipv6Unicast]));
    let noticed = |(index, notice): &(usize, Notice)| {
        *index == HUB && matches!(notice, Notice::FamilyDisabled { family: AfiSafi::Ipv6Unicast, count: 2, .. })
    };
    assert_eq!(sim.notices.iter().filter(|notice| noticed(notice)).count(), 1);
    // Nothing more of it is taken: neither what is well formed nor what is not.
    say_all(&mut sim);
    break_ipv6(&mut sim);
    assert_eq!(has(&sim), [V4]);
    sim.withdraw(FEEDER, HUB, V4);
    assert!(has(&sim).is_empty(), "IPv4 goes on");
    say_all(&mut sim);
    assert_eq!((has(&sim), sim.session(HUB, FEEDER).map(|(_, id)| id)), (vec![V4.to_owned()], Some(before)));
    // Until the session begins anew.
    let (peer, _) = sim.session(HUB, FEEDER).expect("a session");
    sim.operate(HUB, |speaker, now| speaker.reset(peer, "", now));
    sim.run_until("another session", MINUTE, |sim| sim.session(HUB, FEEDER).is_some());
    say_all(&mut sim);
    assert_eq!((has(&sim).len(), disabled(&sim)), (3, vec![]));
}

#[test]
fn what_the_peer_is_told_goes_on() {
    let mut sim = network("");
    break_ipv6(&mut sim);
    // The hub gets an IPv6 address on the link, and one to originate.
    let on_link = own_address(ETH0, "2001:db8:76::20".parse().expect("an address"));
    let loopback = own_address(LO, "2001:db8:100::1".parse().expect("an address"));
    let events = [
        HostEvent::AddressAdded(on_link),
        HostEvent::RouteSet(route("2001:db8:76::/64", None, ETH0)),
        HostEvent::AddressAdded(loopback),
    ];
    events.into_iter().for_each(|event| sim.host(HUB, event));
    sim.run_until("the peer's route", SOON, |sim| sim.received(FEEDER, HUB, "2001:db8:100::1/128").is_some());
}

#[test]
fn nobody_waits_for_a_family_that_is_disabled() {
    // A hub that has restarted goes on as before until everybody has told it all.
    let restarts = "graceful-restart = true";
    let both = |more: &str| format!("{OPEN}\n{more}");
    let configs = [
        speaker(65001, 10, "", "", &[(20, 65002, &both(restarts))]),
        speaker(65002, 20, "", "", &[(10, 65001, &both(restarts))]),
    ];
    let mut sim = established(Sim::new(3, &configs));
    sim.announce(FEEDER, HUB, V4, "10.13.76.10", &path(&[65001]));
    sim.run_until("the kernel", SOON, |sim| sim.kernel(HUB).contains_key(V4));
    sim.kill(HUB);
    sim.revive(HUB);
    sim.stall(FEEDER, HUB);
    sim.run_until("the sessions", MINUTE, |sim| {
        sim.session(HUB, FEEDER).is_some() && sim.session(FEEDER, HUB).is_some()
    });
    sim.announce(FEEDER, HUB, V4, "10.13.76.10", &path(&[65001]));
    sim.inject(FEEDER, HUB, |_, out| packet::encode_end_of_rib(AfiSafi::Ipv4Unicast, out));
    sim.run_for(SOON);
    let is_over = |sim: &Sim| sim.notices.iter().any(|(_, notice)| matches!(notice, Notice::DeferralOver));
    assert!(!is_over(&sim), "IPv6 is awaited");
    break_ipv6(&mut sim);
    assert!(is_over(&sim));
}

#[test]
fn a_refresh_of_a_disabled_family() {
    let mut sim = network("");
    // It began, and is given up with the family.
    let v6 = AfiSafi::Ipv6Unicast;
    let begin = |sim: &mut Sim| {
        sim.inject(FEEDER, HUB, |_, out| {
            packet::encode_refresh(&RouteRefresh::new(v6, RefreshSubtype::Begin), out);
        });
    };
    sim.run_until("the end of RIB", SOON, |sim| sim.session(HUB, FEEDER).is_some());
    begin(&mut sim);
    break_ipv6(&mut sim);
    let (peer, _) = sim.session(HUB, FEEDER).expect("a session");
    assert!(sim.speakers[HUB].peer(peer).expect("a peer").stale().is_empty());
    // What is asked for again is what is taken.
    let asked = sim.operate(HUB, |speaker, now| speaker.refresh_in(peer, now));
    assert!(matches!(&asked, Refreshed::Asked { families, .. } if *families == [AfiSafi::Ipv4Unicast]), "{asked:?}");
}

#[test]
fn who_prefers_a_reset_gets_one() {
    for more in ["on-malformed-nlri = \"reset\"", "families = [\"ipv6-unicast\"]"] {
        let mut sim = network(more);
        sim.notifications.clear();
        break_ipv6(&mut sim);
        assert_eq!(sim.notifications, [(HUB, "UPDATE Message Error/Optional Attribute Error".to_owned())], "{more}");
        assert!(sim.session(HUB, FEEDER).is_none(), "{more}");
    }
}
