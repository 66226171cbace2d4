//! From the Loc-RIB to the kernel: several next hops, refusals, pins, and routes of an earlier run.

use std::time::Duration;

use super::sim::{ETH0, Sim, loopback_added, machine, route};
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::fib::{FibConfig, FibItem, FibOp};
use crate::host::{GroupMember, Hop, HostRoute, NextHopKind, NextHopObject, PROTOCOL_BGP, Via};
use crate::speaker::Notice;

const HUB: usize = 0;
const ONE: usize = 1;
const TWO: usize = 2;
const PREFIX: &str = "100.64.0.0/24";

fn configs(tables: &str) -> Vec<String> {
    let leaf = |asn, last| speaker(asn, last, "", "", &[(10, 65000, "")]);
    let router = "multipath-relax = true";
    let hub = speaker(65000, 10, router, tables, &[(101, 65101, OPEN), (102, 65102, OPEN)]);
    vec![hub, leaf(65101, 101), leaf(65102, 102)]
}

#[test]
fn two_leaves_share_the_traffic() {
    let mut sim = established(Sim::new(1, &configs("")));
    sim.announce(ONE, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    assert_eq!(sim.kernel(HUB)[PREFIX], ["10.13.76.101"]);
    sim.announce(TWO, HUB, PREFIX, "10.13.76.102", &path(&[65102]));
    assert_eq!(sim.kernel(HUB)[PREFIX], ["10.13.76.101", "10.13.76.102"]);
    sim.withdraw(ONE, HUB, PREFIX);
    assert_eq!(sim.kernel(HUB)[PREFIX], ["10.13.76.102"]);
    sim.withdraw(TWO, HUB, PREFIX);
    assert!(sim.kernel(HUB).is_empty());
    let kinds = sim.fib_ops.iter().filter(|(_, op)| matches!(op.item(), FibItem::Route(_))).map(|(_, op)| match op {
        FibOp::Install(_) => "install",
        FibOp::Replace(_) => "replace",
        FibOp::Withdraw(_) => "withdraw",
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["install", "replace", "replace", "withdraw"]);
}

#[test]
fn a_lost_session_takes_its_routes_out_of_the_kernel() {
    let mut sim = established(Sim::new(1, &configs("")));
    sim.announce(ONE, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim.announce(TWO, HUB, PREFIX, "10.13.76.102", &path(&[65102, 65102]));
    sim.reset(HUB, ONE);
    assert_eq!(sim.kernel(HUB)[PREFIX], ["10.13.76.102"]);
    sim.reset(HUB, TWO);
    assert!(sim.kernel(HUB).is_empty());
}

#[test]
fn routes_of_a_peer_without_install_stay_out_of_the_kernel() {
    let mut texts = configs("");
    texts[HUB] = texts[HUB].replacen(OPEN, &format!("{OPEN}\ninstall = false"), 1);
    let mut sim = established(Sim::new(1, &texts));
    sim.announce(ONE, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim.announce(TWO, HUB, "100.65.0.0/24", "10.13.76.102", &path(&[65102]));
    assert_eq!(sim.loc_rib(HUB).len(), 2);
    assert_eq!(sim.kernel(HUB).into_keys().collect::<Vec<_>>(), ["100.65.0.0/24"]);
}

#[test]
fn what_the_kernel_refused_is_asked_for_again() {
    let mut sim = established(Sim::new(1, &configs("")));
    sim.refusing.insert(HUB);
    sim.announce(ONE, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    let is_route = |(_, op): &&(usize, FibOp)| matches!(op.item(), FibItem::Route(_));
    assert_eq!(sim.fib_ops.iter().filter(is_route).count(), 1, "not at once");
    sim.run_for(Duration::from_secs(12));
    assert_eq!(sim.fib_ops.iter().filter(is_route).count(), 3, "every five seconds");
    let entry = sim.speakers[HUB].fib().and_then(|fib| fib.entry(PREFIX.parse().expect("a prefix"))).expect("wanted");
    assert_eq!(entry.failure.map(|failure| failure.reason.as_str()), Some("no buffer space"));
    sim.refusing.clear();
    sim.run_for(Duration::from_secs(5));
    assert_eq!(sim.kernel(HUB)[PREFIX], ["10.13.76.101"]);
    let asked = sim.fib_ops.len();
    sim.run_for(MINUTE);
    assert_eq!(sim.fib_ops.len(), asked);
}

/// A route that covers a peer more closely than the subnet does would take the session with it.
#[test]
fn peers_are_pinned_before_a_route_captures_them() {
    let mut sim = established(Sim::new(1, &configs("")));
    sim.announce(ONE, HUB, "10.13.76.96/28", "10.13.76.200", &path(&[65101]));
    let prefix = |op: &FibOp| match op.item() {
        FibItem::Route(route) => Some(route.prefix.to_string()),
        FibItem::Object(_) => None,
    };
    let order: Vec<String> = sim.fib_ops.iter().filter_map(|(_, op)| prefix(op)).collect();
    assert_eq!(order, ["10.13.76.101/32", "10.13.76.102/32", "10.13.76.96/28"]);
    let pinned = &sim.kernel(HUB)["10.13.76.101/32"];
    assert_eq!(*pinned, ["on link"]);
    sim.withdraw(ONE, HUB, "10.13.76.96/28");
    assert!(sim.kernel(HUB).is_empty(), "and let go again");
}

/// What an earlier run left in the kernel: one that is confirmed, one that is not.
fn left_behind(silent: bool) -> Sim {
    let mut texts = configs("[fib]\nreconcile-after = 40");
    if silent {
        texts[TWO] = texts[TWO].replace("asn = 65000", "asn = 64999");
    }
    let (hop, group) = (FibConfig::OBJECTS.start() + 7, FibConfig::OBJECTS.start() + 8);
    let way = Hop { gateway: Some("10.13.76.101".parse().expect("an address")), link: ETH0, weight: 1 };
    let object = |id, kind| NextHopObject { id, protocol: PROTOCOL_BGP, kind };
    let objects = [
        object(hop, NextHopKind::Hop(way)),
        object(group, NextHopKind::Group(vec![GroupMember { id: hop, weight: 1 }])),
    ];
    let old = |prefix| HostRoute {
        metric: FibConfig::METRIC,
        protocol: PROTOCOL_BGP,
        via: Via::Object(group),
        ..route(prefix, None, ETH0)
    };
    let mut sim = Sim::on_machines(1, &texts, |address| {
        let mut machine = machine(address, &[]);
        if address.to_string() == "10.13.76.10" {
            machine.routes.extend([old(PREFIX), old("100.99.0.0/24")]);
            machine.next_hops = Some(objects.to_vec());
        }
        machine
    });
    sim.run_until("the first session", MINUTE, |sim| sim.session(HUB, ONE).is_some());
    sim.announce(ONE, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim
}

fn reconciled(sim: &Sim) -> Vec<usize> {
    let of_hub = sim.notices.iter().filter(|(index, _)| *index == HUB);
    of_hub
        .filter_map(|(_, notice)| if let Notice::Reconciled { removed } = notice { Some(*removed) } else { None })
        .collect()
}

#[test]
fn unconfirmed_routes_go_when_every_peer_has_told_all() {
    let mut sim = left_behind(false);
    sim.run_until("the end of the start", Duration::from_secs(20), |sim| !reconciled(sim).is_empty());
    assert_eq!(reconciled(&sim), [1]);
    assert_eq!(sim.kernel(HUB).into_keys().collect::<Vec<_>>(), [PREFIX]);
    assert_eq!(sim.fib_ops.len(), 1, "the confirmed one was never touched");
}

#[test]
fn unconfirmed_routes_go_when_the_time_is_up() {
    let mut sim = left_behind(true);
    let start = sim.now;
    sim.run_until("the deadline", MINUTE, |sim| !reconciled(sim).is_empty());
    assert!(sim.now - start > Duration::from_secs(30), "they had to wait for the peer that does not come");
    assert_eq!(sim.kernel(HUB).into_keys().collect::<Vec<_>>(), [PREFIX]);
}

#[test]
fn who_has_no_peers_waits_for_none() {
    let sim = Sim::new(1, &[speaker(65000, 10, "", "", &[])]);
    assert_eq!(reconciled(&sim), [0]);
}

#[test]
fn a_shutdown_says_so_and_leaves_nothing() {
    let mut sim = established(Sim::new(1, &configs("")));
    sim.announce(ONE, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim.host(HUB, loopback_added([100, 0, 0, 1]));
    sim.run_until("the hub's route", SOON, |sim| !sim.learned(TWO, HUB).is_empty());
    sim.notifications.clear();
    sim.shutdown(HUB);
    assert!(sim.kernel(HUB).is_empty());
    let cease = (HUB, "Cease/Administrative Shutdown".to_owned());
    assert_eq!(sim.notifications, vec![cease; 2]);
    sim.run_until("the hub's routes gone", SOON, |sim| sim.learned(TWO, HUB).is_empty());
    sim.run_for(5 * MINUTE);
    assert_eq!([HUB, ONE, TWO].map(|index| sim.established(index)), [0; 3], "it stays down");
}
