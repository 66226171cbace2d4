//! Enhanced route refresh (RFC 7313): what is not sent again goes, and nothing else does.

use super::sim::Sim;
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::fsm::RefreshCounts;
use crate::net::AfiSafi;
use crate::packet::iana::capability;
use crate::packet::{self, RefreshSubtype, RouteRefresh};
use crate::route::PeerId;
use crate::speaker::{IgnoredRefresh, Notice, Refreshed, StaleCause, StaleEnd};

const FEEDER: usize = 0;
const HUB: usize = 1;
const FAR: usize = 2;
const V4: AfiSafi = AfiSafi::Ipv4Unicast;
const ROUTES: [&str; 3] = ["100.64.0.0/24", "100.64.1.0/24", "100.64.2.0/24"];

/// What is agreed on of restarts between feeder and hub.
const RESTARTS: &str = "graceful-restart = true\nstale-time = 90";
const NO_RESTARTS: &str = "graceful-restart = false\nstale-time = 20";

/// A feeder that says what the test has it say, a hub that is told, and somebody who is told by the hub.
fn network(restarts: &str, unsaid: &[u8]) -> Sim {
    let configs = [
        speaker(65001, 10, "", "", &[(20, 65002, &format!("{OPEN}\n{restarts}"))]),
        speaker(65002, 20, "", "", &[(10, 65001, &format!("{OPEN}\n{restarts}")), (30, 65003, OPEN)]),
        speaker(65003, 30, "", "", &[(20, 65002, OPEN)]),
    ];
    let mut sim = Sim::new(3, &configs);
    sim.unsaid.extend(unsaid.iter().map(|code| (FEEDER, HUB, *code)));
    let mut sim = established(sim);
    ROUTES.iter().for_each(|prefix| say(&mut sim, prefix));
    sim.run_until("the routes everywhere", SOON, |sim| sim.learned(FAR, HUB).len() == ROUTES.len());
    sim
}

fn say(sim: &mut Sim, prefix: &str) {
    sim.announce(FEEDER, HUB, prefix, "10.13.76.10", &path(&[65001]));
}

/// The hub gets a ROUTE-REFRESH that looks as if from the feeder.
fn mark(sim: &mut Sim, refresh: RouteRefresh) {
    sim.inject(FEEDER, HUB, |_, out| packet::encode_refresh(&refresh, out));
}

fn begin(sim: &mut Sim) {
    mark(sim, RouteRefresh::new(V4, RefreshSubtype::Begin));
}

fn end(sim: &mut Sim) {
    mark(sim, RouteRefresh::new(V4, RefreshSubtype::End));
}

fn feeder(sim: &Sim) -> PeerId {
    sim.speakers[HUB].peer_of_address([10, 13, 76, 10].into()).expect("a peer")
}

fn stale(sim: &Sim) -> usize {
    sim.speakers[HUB].stale_routes(feeder(sim))
}

fn left(sim: &Sim) -> Vec<String> {
    sim.learned(HUB, FEEDER).into_iter().map(|(prefix, ..)| prefix).collect()
}

fn removed(sim: &Sim) -> Vec<(usize, StaleEnd)> {
    let of = |(_, notice): &(usize, Notice)| match notice {
        Notice::StaleRoutesRemoved { count, why, .. } => Some((*count, *why)),
        _ => None,
    };
    sim.notices.iter().filter_map(of).collect()
}

fn ignored(sim: &Sim) -> Vec<IgnoredRefresh> {
    let of = |(_, notice): &(usize, Notice)| match notice {
        Notice::RefreshIgnored { why, .. } => Some(*why),
        _ => None,
    };
    let ignored: Vec<IgnoredRefresh> = sim.notices.iter().filter_map(of).collect();
    let counted = sim.speakers[HUB].peer(feeder(sim)).expect("a peer").ignored_refreshes();
    assert_eq!(ignored.len() as u64, counted);
    ignored
}

#[test]
fn a_refresh_of_two_speakers_finds_what_one_of_them_never_said() {
    let mut sim = network(RESTARTS, &[]);
    // The far router has two routes in the hub's name, of which the hub knows nothing.
    let ghosts = ["100.99.0.0/24", "100.99.1.0/24"];
    ghosts.iter().for_each(|prefix| sim.announce(HUB, FAR, prefix, "10.13.76.20", &path(&[65002])));
    assert_eq!(sim.learned(FAR, HUB).len(), 5);
    let hub = sim.speakers[FAR].peer_of_address([10, 13, 76, 20].into()).expect("a peer");
    let families = vec![AfiSafi::Ipv4Unicast, AfiSafi::Ipv6Unicast];
    let asked = sim.operate(FAR, |speaker, now| speaker.refresh_in(hub, now));
    assert_eq!(asked, Refreshed::Asked { families, marked: true });
    sim.run_for(SOON);
    let told: Vec<String> = sim.learned(FAR, HUB).into_iter().map(|(prefix, ..)| prefix).collect();
    assert_eq!(told, ROUTES);
    assert_eq!(removed(&sim), [(2, StaleEnd::EndOfRefresh)]);
    use RefreshSubtype::{Begin, End, Request};
    let said = |from, to| -> Vec<RefreshSubtype> {
        sim.refreshes.iter().filter(|(a, b, _)| (*a, *b) == (from, to)).map(|(.., subtype)| *subtype).collect()
    };
    assert_eq!((said(FAR, HUB), said(HUB, FAR)), (vec![Request; 2], vec![Begin, End, Begin, End]));
    let far = sim.speakers[HUB].peer_of_address([10, 13, 76, 30].into()).expect("a peer");
    let counters = |of: usize, peer| sim.speakers[of].peer(peer).expect("a peer").session().counters();
    let told = RefreshCounts { begins: 2, ends: 2, ..RefreshCounts::default() };
    let asked = RefreshCounts { requests: 2, ..RefreshCounts::default() };
    let at_the_hub = (counters(HUB, far).sent.route_refresh, counters(HUB, far).received.route_refresh);
    let at_the_far = (counters(FAR, hub).sent.route_refresh, counters(FAR, hub).received.route_refresh);
    assert_eq!((at_the_hub, at_the_far), ((told, asked), (asked, told)));
    assert_eq!(sim.speakers[FAR].peer(hub).expect("a peer").stale_removed(), 2);
}

#[test]
fn what_is_not_sent_again_goes_at_the_end_and_nobody_else_notices_before() {
    let mut sim = network(RESTARTS, &[]);
    let told = sim.updates[&(HUB, FAR)];
    begin(&mut sim);
    let feeder = feeder(&sim);
    let cause = |sim: &Sim, prefix: &str| {
        sim.speakers[HUB].peer(feeder).expect("a peer").stale().cause(prefix.parse().expect("a prefix"))
    };
    assert_eq!((stale(&sim), cause(&sim, ROUTES[0])), (3, Some(StaleCause::Refresh)));
    say(&mut sim, ROUTES[0]);
    assert_eq!((stale(&sim), cause(&sim, ROUTES[0])), (2, None));
    sim.withdraw(FEEDER, HUB, ROUTES[1]);
    assert_eq!(stale(&sim), 1);
    // Of another family nothing began.
    mark(&mut sim, RouteRefresh::new(AfiSafi::Ipv6Unicast, RefreshSubtype::End));
    sim.run_for(SOON);
    assert_eq!(sim.updates[&(HUB, FAR)], told + 1, "the withdrawal");
    assert_eq!(sim.learned(FAR, HUB).len(), 2, "stale routes stay in use");
    end(&mut sim);
    assert_eq!((left(&sim), stale(&sim)), (vec![ROUTES[0].to_owned()], 0));
    assert_eq!(removed(&sim), [(1, StaleEnd::EndOfRefresh)]);
    sim.run_until("everybody", SOON, |sim| sim.learned(FAR, HUB).len() == 1);
}

#[test]
fn a_refresh_that_begins_again_confirms_nothing_of_before() {
    let mut sim = network(RESTARTS, &[]);
    begin(&mut sim);
    say(&mut sim, ROUTES[0]);
    begin(&mut sim);
    say(&mut sim, ROUTES[1]);
    // Withdrawn and announced: the last word counts.
    say(&mut sim, ROUTES[2]);
    sim.withdraw(FEEDER, HUB, ROUTES[2]);
    say(&mut sim, ROUTES[2]);
    assert_eq!(stale(&sim), 1);
    end(&mut sim);
    assert_eq!(left(&sim), ROUTES[1..]);
}

#[test]
fn a_refresh_that_never_ends_has_a_bound() {
    let mut sim = network(NO_RESTARTS, &[]);
    begin(&mut sim);
    say(&mut sim, ROUTES[2]);
    let before = sim.now;
    sim.run_until("patience at its end", MINUTE, |sim| left(sim).len() == 1);
    assert_eq!((sim.now - before).as_secs(), 20, "stale-time");
    assert_eq!(removed(&sim), [(2, StaleEnd::Overdue)]);
    end(&mut sim);
    assert_eq!((left(&sim).len(), ignored(&sim)), (1, vec![IgnoredRefresh::NotBegun(V4)]));
}

#[test]
fn what_is_ignored_and_why() {
    let mut sim = network(RESTARTS, &[]);
    let foreign = RouteRefresh { afi: 25, safi: 70, subtype: RefreshSubtype::Begin };
    let unknown = RouteRefresh::new(V4, RefreshSubtype::Unknown(3));
    for refresh in [foreign, unknown, RouteRefresh::new(V4, RefreshSubtype::End)] {
        mark(&mut sim, refresh);
    }
    let expected =
        vec![IgnoredRefresh::Family { afi: 25, safi: 70 }, IgnoredRefresh::Subtype(3), IgnoredRefresh::NotBegun(V4)];
    assert_eq!((ignored(&sim), stale(&sim), left(&sim).len()), (expected, 0, 3));
    assert!(sim.session(HUB, FEEDER).is_some());
}

#[test]
fn a_refresh_does_not_begin_before_end_of_rib() {
    // Whoever announces graceful restart says when it has told all: nothing begins again before.
    for (restarts, waits) in [(RESTARTS, true), (NO_RESTARTS, false)] {
        let mut sim = network(restarts, &[]);
        sim.reset(FEEDER, HUB);
        sim.run_until("two ends", SOON, |sim| sim.session(FEEDER, HUB).is_none());
        sim.stall(FEEDER, HUB);
        sim.run_until("the session", MINUTE, |sim| sim.session(HUB, FEEDER).is_some());
        say(&mut sim, ROUTES[0]);
        begin(&mut sim);
        assert_eq!(ignored(&sim), if waits { vec![IgnoredRefresh::BeforeEndOfRib(V4)] } else { Vec::new() });
        // With graceful restart the two that have not come yet are stale already, and stay so for that reason.
        let peer = sim.speakers[HUB].peer(feeder(&sim)).expect("a peer");
        let expected = if waits { (2, StaleCause::Restart) } else { (1, StaleCause::Refresh) };
        assert_eq!((stale(&sim), peer.stale().cause_in(V4)), (expected.0, Some(expected.1)));
        sim.unstall(FEEDER, HUB);
        sim.run_for(SOON);
        // The feeder's own End-of-RIB; it ends no refresh.
        assert_eq!(left(&sim), ROUTES[..1], "{restarts}");
        end(&mut sim);
        assert_eq!(left(&sim).len(), usize::from(waits));
    }
}

#[test]
fn a_session_that_is_lost_in_a_refresh() {
    // Without graceful restart all goes; with it a route that waited for its turn is as good as the others.
    for (restarts, kept) in [(NO_RESTARTS, 0), (RESTARTS, 3)] {
        let mut sim = network(restarts, &[]);
        begin(&mut sim);
        say(&mut sim, ROUTES[0]);
        sim.kill(FEEDER);
        assert_eq!((left(&sim).len(), stale(&sim)), (kept, kept), "{restarts}");
        if kept > 0 {
            let peer = sim.speakers[HUB].peer(feeder(&sim)).expect("a peer");
            assert_eq!(peer.stale().cause_in(V4), Some(StaleCause::Restart));
            sim.run_until("patience at its end", 3 * MINUTE, |sim| left(sim).is_empty());
            assert_eq!(removed(&sim), [(3, StaleEnd::Overdue)]);
        }
    }
}

#[test]
fn marks_are_for_those_who_know_them() {
    for (config, unsaid) in [
        (RESTARTS.to_owned(), &[capability::ENHANCED_ROUTE_REFRESH][..]),
        (format!("{RESTARTS}\nenhanced-refresh = false"), &[][..]),
    ] {
        no_marks(&mut network(&config, unsaid));
    }
}

/// The hub neither sends marks nor knows any.
fn no_marks(sim: &mut Sim) {
    let asked = sim.operate(HUB, |speaker, now| {
        let feeder = speaker.peer_of_address([10, 13, 76, 10].into()).expect("a peer");
        speaker.refresh_in(feeder, now)
    });
    assert!(matches!(asked, Refreshed::Asked { marked: false, .. }), "{asked:?}");
    sim.run_for(SOON);
    assert!(sim.refreshes.iter().all(|(.., subtype)| *subtype == RefreshSubtype::Request), "{:?}", sim.refreshes);
    // The octet is reserved then, and this a request like any other (RFC 2918 §3).
    let told = sim.updates[&(HUB, FEEDER)];
    end(sim);
    begin(sim);
    sim.run_for(SOON);
    assert_eq!((stale(sim), left(sim).len(), ignored(sim)), (0, 3, Vec::new()));
    assert_eq!(sim.updates.get(&(HUB, FEEDER)), Some(&told), "the feeder has told all that there is");
}
