//! What is done piece by piece: a piece is no larger than it may be, and in the end all of it is done.

use super::sim::Sim;
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::net::{AfiSafi, Prefix};
use crate::packet::{self, Notification, iana};
use crate::speaker::{Established, LONGEST_JOURNAL, Notice, Peer};

const HUB: usize = 0;
const FEEDER: usize = 1;
const LISTENER: usize = 2;
const ROUTES: usize = 1000;

fn hub(export: &str) -> String {
    hub_with("", OPEN, export)
}

fn hub_with(router: &str, feeder: &str, export: &str) -> String {
    let tables = "[[policy]]\nname = \"longer\"\n[[policy.statement]]\nthen = { prepend = 1, accept = true }\n";
    let listener = format!("import = [\"all\"]\nexport = [\"{export}\"]");
    speaker(65000, 10, router, tables, &[(20, 65001, feeder), (30, 65002, &listener)])
}

/// A hub that has a table from one peer, and another peer that is told of it.
fn network() -> Sim {
    let peer = |asn, last| speaker(asn, last, "", "", &[(10, 65000, OPEN)]);
    let mut sim = established(Sim::new(1, &[hub("all"), peer(65001, 20), peer(65002, 30)]));
    let prefixes: Vec<_> = (0..ROUTES)
        .map(|number| format!("100.{}.{}.0/24", 64 + number / 256, number % 256).parse().expect("a prefix"))
        .collect();
    sim.inject(FEEDER, HUB, |context, out| {
        let mut rest = &prefixes[..];
        while !rest.is_empty() {
            let next_hop = std::net::IpAddr::from([10, 13, 76, 20]);
            let taken = packet::encode_announcement(&path(&[65001]), next_hop.into(), rest, context, out);
            rest = &rest[taken.expect("they fit")..];
        }
    });
    sim.run_for(SOON);
    assert_eq!(sim.learned(LISTENER, HUB).len(), ROUTES);
    sim
}

/// How many routes wait to be sent to the listener.
fn in_line(sim: &Sim) -> usize {
    let (id, _) = sim.session(HUB, LISTENER).expect("a session");
    let up = sim.speakers[HUB].peer(id).and_then(Peer::established).expect("a session");
    Established::adj_ribs_out(up).map(|(_, rib)| rib.pending()).sum()
}

#[test]
fn a_policy_that_changes_runs_in_pieces() {
    let mut sim = network();
    sim.piecemeal = true;
    sim.stall(HUB, LISTENER);
    assert_eq!(sim.reload(HUB, &hub("longer")), ["p30: export: told what is another now"]);
    for pieces in 1..=5 {
        assert!(sim.speakers[HUB].has_work());
        let now = sim.now;
        sim.speakers[HUB].work(10, now);
        assert_eq!(in_line(&sim), 10 * pieces);
    }
    sim.unstall(HUB, LISTENER);
    sim.run_for(SOON);
    assert!(sim.learned(LISTENER, HUB).iter().all(|(_, _, path)| path == "65000 65000 65001"));
    assert!(!sim.speakers[HUB].has_work());
}

#[test]
fn a_table_that_goes_and_comes_back_goes_in_pieces() {
    let mut sim = network();
    sim.piecemeal = true;
    let (feeder, _) = sim.session(HUB, FEEDER).expect("a session");
    sim.reset(HUB, FEEDER);
    let left = |sim: &Sim| sim.speakers[HUB].rib().routes_of(feeder).count();
    assert_eq!(left(&sim), ROUTES);
    let now = sim.now;
    sim.speakers[HUB].work(10, now);
    assert_eq!(left(&sim), ROUTES - 10);
    // A new session begins with nothing, however little of the old one's routes was withdrawn.
    sim.operate(HUB, |hub, now| hub.reset(feeder, "", now));
    sim.run_until("the session", MINUTE, |sim| sim.session(HUB, FEEDER).is_some());
    assert_eq!(left(&sim), 0);
    sim.run_for(SOON);
    assert!(sim.learned(LISTENER, HUB).is_empty());
}

#[test]
fn the_table_of_a_peer_that_is_removed_goes_in_pieces() {
    let mut sim = network();
    sim.piecemeal = true;
    let (feeder, _) = sim.session(HUB, FEEDER).expect("a session");
    let left = |sim: &Sim| sim.speakers[HUB].rib().routes_of(feeder).count();
    let bye = Notification::cease(iana::cease::PEER_DECONFIGURED);
    sim.operate(HUB, |hub, now| hub.remove_peer(feeder, bye, now));
    assert_eq!((left(&sim), sim.learned(LISTENER, HUB).len()), (ROUTES, ROUTES));
    let now = sim.now;
    sim.speakers[HUB].work(10, now);
    assert_eq!(left(&sim), ROUTES - 10);
    work_off(&mut sim);
    assert_eq!((left(&sim), sim.learned(LISTENER, HUB).len(), sim.kernel(HUB).len()), (0, 0, 0));
}

#[test]
fn more_changes_than_may_wait_are_a_congestion() {
    let peer = |asn, last| speaker(asn, last, "", "", &[(10, 65000, OPEN)]);
    let mut sim = established(Sim::new(1, &[hub("all"), peer(65001, 20), peer(65002, 30)]));
    sim.piecemeal = true;
    let announced = LONGEST_JOURNAL + 1;
    let next_hop = std::net::IpAddr::from([10, 13, 76, 20]);
    let prefixes: Vec<Prefix> = (0..announced)
        .map(|number| {
            let number = u32::try_from(number).expect("few");
            Prefix::host(std::net::Ipv4Addr::from(0x6440_0000 + number).into())
        })
        .collect();
    sim.inject(FEEDER, HUB, |context, out| {
        let mut rest = &prefixes[..];
        while !rest.is_empty() {
            let taken = packet::encode_announcement(&path(&[65001]), next_hop.into(), rest, context, out);
            rest = &rest[taken.expect("they fit")..];
        }
    });
    let hub = &sim.speakers[HUB];
    assert_eq!((hub.waiting_changes(), hub.is_congested(), hub.congestions()), (announced, true, 1));
    work_off(&mut sim);
    let hub = &sim.speakers[HUB];
    assert_eq!((hub.waiting_changes(), hub.is_congested(), hub.congestions()), (0, false, 1));
}

#[test]
fn the_end_of_rib_comes_after_everything() {
    let mut sim = network();
    sim.piecemeal = true;
    sim.reset(HUB, LISTENER);
    sim.notices.clear();
    let told = |sim: &Sim| {
        let end = |(index, notice): &(usize, Notice)| {
            *index == LISTENER && matches!(notice, Notice::EndOfRib { family: AfiSafi::Ipv4Unicast, .. })
        };
        sim.notices.iter().any(end)
    };
    sim.run_until("the end of what there is", 2 * MINUTE, told);
    assert_eq!(sim.learned(LISTENER, HUB).len(), ROUTES);
}

/// Works in pieces of ten until nothing is left.
fn work_off(sim: &mut Sim) {
    while sim.speakers[HUB].has_work() {
        sim.operate(HUB, |hub, now| hub.work(10, now));
    }
    sim.run_for(SOON);
}

#[test]
fn the_kernel_follows_after_whole_pieces_of_decisions() {
    let mut sim = network();
    assert_eq!(sim.kernel(HUB).len(), ROUTES);
    sim.piecemeal = true;
    let router = "always-compare-med = true";
    let changes = sim.reload(HUB, &hub_with(router, &format!("{OPEN}\ninstall = false"), "all"));
    assert_eq!(changes.len(), 2, "{changes:?}");
    work_off(&mut sim);
    assert!(sim.kernel(HUB).is_empty());
}

#[test]
fn a_policy_runs_again_after_whole_pieces_of_withdrawals() {
    let mut sim = network();
    sim.piecemeal = true;
    let (feeder, _) = sim.session(HUB, FEEDER).expect("a session");
    sim.reload(HUB, &hub_with("", "import = [\"longer\"]\nexport = [\"all\"]", "all"));
    let gone = sim.speakers[HUB].rib().routes_of(feeder).map(|one| one.route.prefix).take(ROUTES / 2).collect();
    sim.operate(HUB, |hub, _| hub.withdraw_all(feeder, gone));
    work_off(&mut sim);
    let told = sim.learned(LISTENER, HUB);
    assert_eq!(told.len(), ROUTES / 2);
    assert!(told.iter().all(|(_, _, path)| path == "65000 65000 65001"), "{:?}", told.first());
}
