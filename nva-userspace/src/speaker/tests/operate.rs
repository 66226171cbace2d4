//! What operators do while everything runs: stop, start, reset, refresh, and lead traffic away before maintenance.

use std::time::Duration;

use super::sim::{Sim, loopback_added};
use super::{MINUTE, OPEN, SOON, established, speaker};
use crate::fsm::State;
use crate::route::PeerId;
use crate::speaker::{Refreshed, Reset};

const LEAF: usize = 0;
const WEST: usize = 1;
const EAST: usize = 2;
const FAR: usize = 3;

/// A leaf whose prefix comes to a far router on two ways, of which the west one is the better by its router id.
fn two_ways(far: &str) -> Sim {
    let leaf = speaker(65010, 10, "", "", &[(20, 65020, OPEN), (30, 65030, OPEN)]);
    let west = speaker(65020, 20, "", "", &[(10, 65010, OPEN), (40, 65040, OPEN)]);
    let east = speaker(65030, 30, "", "", &[(10, 65010, OPEN), (40, 65040, OPEN)]);
    let prefer = "[[policy]]\nname = \"prefer\"\n[[policy.statement]]\nthen = { local-pref = 300, accept = true }";
    let far = speaker(65040, 40, "", prefer, &[(20, 65020, far), (30, 65030, far)]);
    let mut sim = established(Sim::new(3, &[leaf, west, east, far]));
    sim.host(LEAF, loopback_added([100, 0, 0, 1]));
    sim.run_until("both ways", MINUTE, |sim| sim.learned(FAR, WEST).len() == 1 && sim.learned(FAR, EAST).len() == 1);
    assert_eq!(way(&sim), "65020 65010");
    sim
}

/// The path that the far router uses; empty if it has none.
fn way(sim: &Sim) -> String {
    sim.loc_rib(FAR).into_iter().map(|(_, _, path)| path).collect()
}

fn peer(sim: &Sim, of: usize, with: &str) -> PeerId {
    let found = sim.speakers[of].peers().iter().find(|peer| peer.config().name == with);
    found.expect("a peer of this name").id()
}

fn state(sim: &Sim, of: usize, with: &str) -> State {
    sim.speakers[of].peer(peer(sim, of, with)).expect("a peer").session().state()
}

fn communities(sim: &Sim, to: usize, from: usize) -> Vec<String> {
    let route = sim.received(to, from, "100.0.0.1/32").expect("a route");
    route.attributes.communities.iter().map(ToString::to_string).collect()
}

/// Who ended sessions with which words; sessions that come up may collide.
fn said(sim: &Sim) -> Vec<(usize, String)> {
    sim.notifications.iter().filter(|(_, words)| !words.contains("Collision")).cloned().collect()
}

#[test]
fn a_disabled_peer_is_told_why_and_stays_down_until_enabled() {
    let mut sim = two_ways(OPEN);
    let far = peer(&sim, WEST, "p40");
    assert!(sim.operate(WEST, |speaker, now| speaker.disable(far, "new disks until noon", now)));
    assert!(!sim.operate(WEST, |speaker, now| speaker.disable(far, "again", now)), "it is already");
    sim.run_until("the other way", SOON, |sim| way(sim) == "65030 65010");
    assert_eq!(said(&sim), [(WEST, "Cease/Administrative Shutdown \"new disks until noon\"".to_owned())]);
    sim.run_for(Duration::from_secs(1000));
    assert_eq!(state(&sim, WEST, "p40"), State::Idle, "whoever connects is refused");
    let admin = sim.speakers[WEST].peer(far).expect("a peer").admin().clone();
    assert_eq!(admin.disabled.as_deref(), Some("new disks until noon"));
    assert_eq!(sim.operate(WEST, |speaker, now| speaker.reset(far, "", now)), Reset::Disabled);
    assert!(sim.operate(WEST, |speaker, now| speaker.enable(far, now)));
    // The other side may be in an idle hold of its own.
    sim.run_until("the first way", 4 * MINUTE, |sim| way(sim) == "65020 65010");
}

#[test]
fn a_reset_session_comes_back_by_itself() {
    let mut sim = two_ways(OPEN);
    let far = peer(&sim, WEST, "p40");
    assert_eq!(sim.operate(WEST, |speaker, now| speaker.reset(far, "", now)), Reset::Session);
    sim.run_until("its end", SOON, |sim| way(sim) == "65030 65010");
    assert_eq!(said(&sim), [(WEST, "Cease/Administrative Reset".to_owned())]);
    sim.run_until("its return", MINUTE, |sim| way(sim) == "65020 65010");
}

#[test]
fn a_reset_does_not_wait_for_an_idle_hold() {
    let mut sim = two_ways(OPEN);
    sim.shutdown(FAR);
    sim.run_until("the end", SOON, |sim| state(sim, WEST, "p40") == State::Idle);
    let far = peer(&sim, WEST, "p40");
    assert_eq!(sim.operate(WEST, |speaker, now| speaker.reset(far, "", now)), Reset::Attempt);
    assert_ne!(state(&sim, WEST, "p40"), State::Idle);
}

#[test]
fn routes_are_exchanged_again_in_either_direction() {
    let mut sim = two_ways(OPEN);
    let far = peer(&sim, WEST, "p40");
    let before = sim.updates.clone();
    let asked = sim.operate(WEST, |speaker, now| speaker.refresh_in(far, now));
    assert!(matches!(&asked, Refreshed::Asked { families, marked: true } if families.len() == 2), "{asked:?}");
    sim.run_for(SOON);
    // The far router is told of one route by the west and of one by the east, and tells each the one that it uses.
    assert_eq!(sim.updates[&(FAR, WEST)], before[&(FAR, WEST)], "it tells nobody his own route");
    assert_eq!(sim.operate(WEST, |speaker, now| speaker.refresh_out(far, now)), Refreshed::Resent);
    sim.run_for(SOON);
    assert_eq!(sim.updates[&(WEST, FAR)], before[&(WEST, FAR)] + 1);
    assert_eq!(sim.updates[&(WEST, LEAF)], before[&(WEST, LEAF)], "nobody else is told again");
    let east = peer(&sim, EAST, "p40");
    let sent = sim.updates[&(FAR, EAST)];
    sim.operate(EAST, |speaker, now| speaker.refresh_in(east, now));
    sim.run_for(SOON);
    assert_eq!(sim.updates[&(FAR, EAST)], sent + 1);
    sim.cut(WEST, FAR);
    sim.run_for(4 * MINUTE);
    assert_eq!(sim.operate(WEST, |speaker, now| speaker.refresh_in(far, now)), Refreshed::Down);
    assert_eq!(sim.operate(WEST, |speaker, now| speaker.refresh_out(far, now)), Refreshed::Down);
}

#[test]
fn traffic_leaves_a_drained_session_before_it_ends() {
    let mut sim = two_ways(OPEN);
    let far = peer(&sim, WEST, "p40");
    assert!(sim.operate(WEST, |speaker, now| speaker.drain(far, true, now)));
    assert!(!sim.operate(WEST, |speaker, now| speaker.drain(far, true, now)));
    sim.run_until("the other way", SOON, |sim| way(sim) == "65030 65010");
    assert_eq!(communities(&sim, FAR, WEST), ["graceful-shutdown"]);
    assert_eq!(sim.learned(FAR, WEST).len(), 1, "it is still there, as the last choice");
    assert_eq!(state(&sim, WEST, "p40"), State::Established);
    assert_eq!(sim.learned(LEAF, WEST).len(), 0, "the leaf is not told its own route");
    sim.operate(WEST, |speaker, now| speaker.drain(far, false, now));
    sim.run_until("the first way", SOON, |sim| way(sim) == "65020 65010");
    assert!(communities(&sim, FAR, WEST).is_empty());
}

#[test]
fn routes_of_a_drained_peer_are_the_last_choice() {
    let mut sim = two_ways(OPEN);
    let west = peer(&sim, FAR, "p20");
    sim.operate(FAR, |speaker, now| speaker.drain(west, true, now));
    assert_eq!(way(&sim), "65030 65010", "at once: nobody else has to agree");
    sim.operate(FAR, |speaker, now| speaker.drain(west, false, now));
    assert_eq!(way(&sim), "65020 65010");
}

#[test]
fn a_drained_router_is_drained_towards_those_that_come_later() {
    let mut sim = two_ways(OPEN);
    let far = peer(&sim, WEST, "p40");
    sim.operate(WEST, |speaker, now| speaker.reset(far, "", now));
    sim.run_until("the end", SOON, |sim| way(sim) == "65030 65010");
    assert!(sim.operate(WEST, |speaker, now| speaker.drain_router(true, now)));
    assert!(!sim.operate(WEST, |speaker, now| speaker.drain_router(true, now)));
    sim.run_until("the session", MINUTE, |sim| sim.learned(FAR, WEST).len() == 1);
    assert_eq!(communities(&sim, FAR, WEST), ["graceful-shutdown"]);
    assert_eq!(way(&sim), "65030 65010");
    sim.operate(WEST, |speaker, now| speaker.drain_router(false, now));
    sim.run_until("the first way", SOON, |sim| way(sim) == "65020 65010");
}

#[test]
fn graceful_shutdown_beats_the_import_policy_unless_it_is_switched_off() {
    for (honour, expected) in [("", "65030 65010"), ("honour-graceful-shutdown = false\n", "65020 65010")] {
        let mut sim = two_ways(&format!("{honour}import = [\"prefer\"]\n"));
        let far = peer(&sim, WEST, "p40");
        sim.operate(WEST, |speaker, now| speaker.drain(far, true, now));
        sim.run_for(SOON);
        assert_eq!(way(&sim), expected, "{honour}");
    }
}

#[test]
fn an_internal_peer_of_a_drained_router_is_told_the_preference() {
    let one = speaker(65001, 10, "", "", &[(20, 65001, "")]);
    let other = speaker(65001, 20, "", "", &[(10, 65001, "")]);
    let mut sim = established(Sim::new(4, &[one, other]));
    sim.operate(0, |speaker, now| speaker.drain_router(true, now));
    sim.host(0, loopback_added([100, 0, 0, 1]));
    sim.run_until("the route", SOON, |sim| sim.learned(1, 0).len() == 1);
    let route = sim.received(1, 0, "100.0.0.1/32").expect("a route");
    assert_eq!(route.attributes.local_pref, Some(0));
    assert_eq!(communities(&sim, 1, 0), ["graceful-shutdown"]);
}
