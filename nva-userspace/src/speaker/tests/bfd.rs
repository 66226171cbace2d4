//! What BFD says about the way to a peer, and what becomes of the session (RFC 5882).

use std::time::Duration;

use super::sim::{Sim, loopback_added};
use super::{MINUTE, OPEN, SOON, established, speaker};
use crate::bfd::{Diagnostic, Event, Reason, State, Worked};
use crate::net::Instant;
use crate::route::PeerId;
use crate::speaker::{Input, Notice};

const HUB: usize = 0;
const LEAF: usize = 1;

/// A hub that watches its leaf, and a leaf that does not know of BFD.
fn hub_and_leaf() -> (Sim, PeerId) {
    let hub = speaker(65000, 10, "", "", &[(20, 65100, &format!("{OPEN}\nbfd = true"))]);
    let leaf = speaker(65100, 20, "", "", &[(10, 65000, OPEN)]);
    let mut sim = established(Sim::new(5, &[hub, leaf]));
    sim.host(LEAF, loopback_added([100, 0, 0, 1]));
    sim.run_until("the leaf's route", MINUTE, |sim| sim.learned(HUB, LEAF).len() == 1);
    let leaf = sim.speakers[HUB].peers().iter().next().expect("a peer").id();
    (sim, leaf)
}

/// BFD worked until then, and has failed now.
fn tell(sim: &mut Sim, peer: PeerId, reason: Reason, worked_at: Instant) {
    let worked = Some(Worked { since: Instant::ZERO, until: worked_at });
    let event = Event { from: State::Up, to: State::Down, reason, at: sim.now, worked };
    sim.operate(HUB, |speaker, now| speaker.handle_input(Input::Bfd { peer, event }, now));
}

fn is_up(sim: &Sim) -> bool {
    sim.established(HUB) == 1
}

#[test]
fn a_failure_ends_the_session_at_once_and_takes_the_routes() {
    for reason in [Reason::DetectionTimeExpired, Reason::PeerDown(Diagnostic::DetectionTimeExpired)] {
        let (mut sim, leaf) = hub_and_leaf();
        let now = sim.now;
        tell(&mut sim, leaf, reason, now);
        assert!(!is_up(&sim));
        assert!(sim.learned(HUB, LEAF).is_empty(), "no timer had to expire");
        let error = sim.speakers[HUB].peer(leaf).and_then(|peer| peer.session().last_error()).expect("an error");
        assert_eq!(error.reason.to_string(), format!("sent Cease/BFD Down: BFD: {reason}"));
        let noticed = sim.notices.iter().any(|(of, notice)| *of == HUB && matches!(notice, Notice::Bfd { .. }));
        assert!(noticed, "it is logged");
        assert!(sim.watched.contains(&(HUB, leaf)), "BFD goes on, to find out when the way is there again");
        sim.run_until("its return", MINUTE, is_up);
    }
}

#[test]
fn what_operators_do_to_bfd_says_nothing_about_the_way() {
    let (mut sim, leaf) = hub_and_leaf();
    for reason in [Reason::PeerAdminDown, Reason::Disabled] {
        let now = sim.now;
        tell(&mut sim, leaf, reason, now);
        sim.run_for(Duration::from_secs(5));
        assert!(is_up(&sim), "{reason}");
    }
    for (from, to) in [(State::Down, State::Init), (State::Init, State::Up), (State::Init, State::Down)] {
        let event = Event { from, to, reason: Reason::DetectionTimeExpired, at: sim.now, worked: None };
        sim.operate(HUB, |speaker, now| speaker.handle_input(Input::Bfd { peer: leaf, event }, now));
        assert!(is_up(&sim), "{from} to {to}: it was not Up");
    }
}

#[test]
fn a_failure_is_acted_on_once() {
    let (mut sim, leaf) = hub_and_leaf();
    let failed = sim.now;
    tell(&mut sim, leaf, Reason::DetectionTimeExpired, failed);
    sim.run_until("its return", MINUTE, is_up);
    // The same news again, and late: the session that is there now came up after it.
    tell(&mut sim, leaf, Reason::DetectionTimeExpired, failed);
    assert!(is_up(&sim));
    let ended = sim.notifications.iter().filter(|(_, words)| words.contains("BFD")).count();
    assert_eq!(ended, 1, "{:?}", sim.notifications);
}

/// The BFD session that goes down is that of the process that is gone: RFC 5882 §4.3.2.
#[test]
fn a_peer_that_restarts_within_the_detection_time_keeps_its_new_session() {
    for reason in [Reason::PeerDown(Diagnostic::None), Reason::DetectionTimeExpired] {
        let (mut sim, leaf) = hub_and_leaf();
        sim.kill(LEAF);
        let worked_at = sim.now;
        sim.revive(LEAF);
        sim.run_until("the new session", MINUTE, |sim| sim.session(HUB, LEAF).is_some());
        tell(&mut sim, leaf, reason, worked_at);
        sim.run_for(SOON);
        assert!(is_up(&sim), "{reason}");
        // The next one watches it.
        let now = sim.now;
        tell(&mut sim, leaf, Reason::DetectionTimeExpired, now);
        assert!(!is_up(&sim), "{reason}");
    }
}

/// BFD stays Up while an operator resets the session.
#[test]
fn a_session_that_was_reset_is_watched_as_before() {
    for reason in [Reason::DetectionTimeExpired, Reason::PeerDown(Diagnostic::DetectionTimeExpired)] {
        let (mut sim, leaf) = hub_and_leaf();
        let (_, old) = sim.session(HUB, LEAF).expect("a session");
        sim.reset(HUB, LEAF);
        sim.run_until("another session", MINUTE, |sim| {
            sim.session(HUB, LEAF).is_some_and(|(_, connection)| connection != old)
        });
        let now = sim.now;
        tell(&mut sim, leaf, reason, now);
        assert!(!is_up(&sim), "{reason}");
    }
}

#[test]
fn a_reload_changes_how_the_way_is_watched_and_leaves_the_session_alone() {
    let (mut sim, leaf) = hub_and_leaf();
    sim.notifications.clear();
    let with = |bfd: &str| speaker(65000, 10, "", "", &[(20, 65100, &format!("{OPEN}\n{bfd}"))]);
    let changes = ["p20: bfd: watched as it says now"];
    assert_eq!(sim.reload(HUB, &with("")), changes);
    assert!(sim.watched.is_empty());
    assert_eq!(sim.reload(HUB, &with("bfd = { interval = 50 }")), changes);
    assert!(sim.watched.remove(&(HUB, leaf)));
    assert_eq!(sim.reload(HUB, &with("bfd = { interval = 100 }")), changes);
    assert!(sim.watched.contains(&(HUB, leaf)), "asked for again, with the new interval");
    sim.run_for(SOON);
    assert!(is_up(&sim) && sim.notifications.is_empty());
    let now = sim.now;
    tell(&mut sim, leaf, Reason::DetectionTimeExpired, now);
    assert!(!is_up(&sim));
}

#[test]
fn bfd_runs_unless_an_operator_stops_the_session() {
    let (mut sim, leaf) = hub_and_leaf();
    assert_eq!(sim.watched.iter().copied().collect::<Vec<_>>(), [(HUB, leaf)], "the leaf's side has none");
    sim.operate(HUB, |speaker, now| speaker.disable(leaf, "maintenance", now));
    assert!(sim.watched.is_empty());
    sim.operate(HUB, |speaker, now| speaker.enable(leaf, now));
    assert!(!sim.watched.is_empty());
    // A session that fails goes on being watched.
    sim.run_until("its return", 4 * MINUTE, is_up);
    sim.reset(HUB, LEAF);
    sim.run_until("its end", SOON, |sim| !is_up(sim));
    assert!(!sim.watched.is_empty());
    sim.shutdown(HUB);
    assert!(sim.watched.is_empty(), "the peers are told that this is no failure");
}
