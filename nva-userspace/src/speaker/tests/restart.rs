//! Graceful restart (RFC 4724, RFC 8538): what peers keep and for how long, and what a speaker that restarted says when.

use std::time::Duration;

use super::sim::{ETH0, Sim, loopback_added, own_address};
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::fsm::DownReason;
use crate::host::HostEvent;
use crate::net::AfiSafi;
use crate::packet::{self, Message, Notification};
use crate::rib::Rejection;
use crate::speaker::{Notice, Peer};

const LEAF: usize = 0;
const HUB: usize = 1;
const FAR: usize = 2;
const PREFIX: &str = "100.0.0.1/32";
const FEED: &str = "100.64.0.0/24";

const RESTARTS: &str = "graceful-restart = true\nrestart-time = 60\nstale-time = 90";

/// A leaf, which may restart, a hub between, and somebody far away who knows nothing of restarts. The leaf originates
/// a prefix.
fn network(leaf: &str, hub: &str) -> Sim {
    let plain = format!("{OPEN}\ngraceful-restart = false");
    begun(leaf, &speaker(65002, 20, "", "", &[(10, 65001, &format!("{OPEN}\n{hub}")), (30, 65003, &plain)]), &plain)
}

/// The same with this configuration of the hub, and these keys of the one far away.
fn begun(leaf: &str, hub: &str, far: &str) -> Sim {
    let configs = [
        speaker(65001, 10, "", "", &[(20, 65002, &format!("{OPEN}\n{leaf}"))]),
        hub.to_owned(),
        speaker(65003, 30, "", "", &[(20, 65002, far)]),
    ];
    let mut sim = established(Sim::new(7, &configs));
    sim.host(LEAF, loopback_added([100, 0, 0, 1]));
    sim.run_until("the prefix everywhere", SOON, |sim| knows(sim, FAR));
    sim
}

fn knows(sim: &Sim, index: usize) -> bool {
    sim.loc_rib(index).iter().any(|(prefix, ..)| prefix.to_string() == PREFIX)
}

fn stale(sim: &Sim) -> usize {
    let peer = sim.speakers[HUB].peer_of_address([10, 13, 76, 10].into()).expect("a peer");
    sim.speakers[HUB].stale_routes(peer)
}

#[test]
fn routes_outlive_a_restart_and_nobody_else_notices() {
    let mut sim = network(RESTARTS, RESTARTS);
    sim.announce(FAR, HUB, FEED, "10.13.76.30", &path(&[65003]));
    sim.run_until("the leaf's kernel", SOON, |sim| sim.kernel(LEAF).contains_key(FEED));
    let told = sim.updates[&(HUB, FAR)];
    sim.kill(LEAF);
    sim.run_for(SOON);
    assert_eq!((stale(&sim), knows(&sim, HUB), knows(&sim, FAR)), (1, true, true));
    assert!(sim.kernel(HUB).contains_key(PREFIX), "forwarding goes on");
    sim.revive(LEAF);
    sim.host(LEAF, loopback_added([100, 0, 0, 1]));
    sim.run_until("the session", MINUTE, |sim| sim.session(HUB, LEAF).is_some());
    sim.run_until("all confirmed", MINUTE, |sim| stale(sim) == 0);
    assert!(knows(&sim, HUB) && knows(&sim, FAR));
    assert_eq!(sim.updates[&(HUB, FAR)], told, "nothing was said of it");
}

#[test]
fn routes_outlive_any_number_of_restarts() {
    let mut sim = network(RESTARTS, RESTARTS);
    sim.announce(FAR, HUB, FEED, "10.13.76.30", &path(&[65003]));
    sim.run_until("the leaf's kernel", SOON, |sim| sim.kernel(LEAF).contains_key(FEED));
    let told = sim.updates[&(HUB, FAR)];
    for round in 0..6 {
        sim.run_for(10 * SOON);
        sim.kill(LEAF);
        sim.revive(LEAF);
        sim.host(LEAF, loopback_added([100, 0, 0, 1]));
        sim.run_until("the session", SOON, |sim| sim.session(HUB, LEAF).is_some());
        sim.run_until("all confirmed", MINUTE, |sim| stale(sim) == 0);
        assert!(knows(&sim, HUB), "round {round}");
    }
    assert_eq!(sim.updates[&(HUB, FAR)], told, "nothing was said of it");
}

#[test]
fn what_end_of_rib_leaves_out_goes() {
    let mut sim = network(RESTARTS, RESTARTS);
    sim.announce(FAR, HUB, FEED, "10.13.76.30", &path(&[65003]));
    sim.run_until("the leaf's kernel", SOON, |sim| sim.kernel(LEAF).contains_key(FEED));
    sim.kill(LEAF);
    // It comes back without its prefix, and its forwarding has gone on.
    sim.revive(LEAF);
    sim.run_until("the session", MINUTE, |sim| sim.session(HUB, LEAF).is_some());
    sim.run_until("the end of RIB", MINUTE, |sim| stale(sim) == 0);
    assert!(!knows(&sim, HUB));
    sim.run_until("everybody", SOON, |sim| !knows(sim, FAR));
}

#[test]
fn who_lost_its_forwarding_loses_its_routes_at_once() {
    let mut sim = network(RESTARTS, RESTARTS);
    sim.kill(LEAF);
    assert_eq!(stale(&sim), 1);
    // Its kernel had no route of BGP's, so that nothing tells it that it forwarded before: F is not set.
    sim.revive(LEAF);
    sim.run_until("the session", MINUTE, |sim| sim.session(HUB, LEAF).is_some());
    assert_eq!((stale(&sim), knows(&sim, HUB)), (0, false));
}

/// A hub with a leaf that is away, whose kernel has gone on forwarding.
fn without_the_leaf() -> Sim {
    let mut sim = network(RESTARTS, RESTARTS);
    sim.announce(FAR, HUB, FEED, "10.13.76.30", &path(&[65003]));
    sim.run_until("the leaf's kernel", SOON, |sim| sim.kernel(LEAF).contains_key(FEED));
    sim.kill(LEAF);
    sim
}

#[test]
fn who_is_back_and_tells_nothing_loses_its_routes_after_a_while() {
    let mut sim = without_the_leaf();
    let before = sim.now;
    sim.revive(LEAF);
    sim.stall(LEAF, HUB);
    sim.run_until("the session", MINUTE, |sim| sim.session(HUB, LEAF).is_some());
    assert_eq!(stale(&sim), 1, "it has said that its forwarding went on");
    sim.run_until("patience at its end", 3 * MINUTE, |sim| !knows(sim, HUB));
    assert!((89..=91).contains(&(sim.now - before).as_secs()), "stale-time, not the time that it may be away");
    assert!(sim.session(HUB, LEAF).is_some());
}

#[test]
fn who_is_back_as_another_loses_its_routes_at_once() {
    for more in ["graceful-restart = false", "graceful-restart = \"helper\"", "families = [\"ipv6-unicast\"]"] {
        let mut sim = without_the_leaf();
        sim.revive_as(LEAF, &speaker(65001, 10, "", "", &[(20, 65002, &format!("{OPEN}\n{more}"))]));
        sim.stall(LEAF, HUB);
        sim.run_until("the session", MINUTE, |sim| sim.session(HUB, LEAF).is_some());
        assert_eq!((stale(&sim), knows(&sim, HUB)), (0, false), "{more}");
    }
}

/// What was there before a restart is not counted beside what comes after it.
#[test]
fn limits_count_what_a_peer_has_sent_since() {
    for key in ["receive-limit", "import-limit"] {
        let mut sim = network(RESTARTS, &format!("{RESTARTS}\n{key} = {{ prefixes = 3, action = \"shutdown\" }}"));
        sim.announce(FAR, HUB, FEED, "10.13.76.30", &path(&[65003]));
        sim.run_until("the leaf's kernel", SOON, |sim| sim.kernel(LEAF).contains_key(FEED));
        let announce = |sim: &mut Sim, numbers: std::ops::RangeInclusive<u8>| {
            for number in numbers {
                sim.announce(LEAF, HUB, &format!("100.1.0.{number}/32"), "10.13.76.10", &path(&[65001]));
            }
        };
        announce(&mut sim, 1..=2);
        sim.kill(LEAF);
        sim.revive(LEAF);
        sim.stall(LEAF, HUB);
        sim.run_until("the session", MINUTE, |sim| sim.session(HUB, LEAF).is_some());
        assert_eq!(stale(&sim), 3);
        announce(&mut sim, 11..=13);
        sim.inject(LEAF, HUB, |_, out| packet::encode_end_of_rib(AfiSafi::Ipv4Unicast, out));
        sim.run_for(SOON);
        assert_eq!((stale(&sim), sim.learned(HUB, LEAF).len()), (0, 3), "{key}");
        announce(&mut sim, 14..=14);
        sim.run_for(SOON);
        assert!(sim.session(HUB, LEAF).is_none(), "{key}");
    }
}

#[test]
fn who_stays_away_too_long_loses_its_routes() {
    let mut sim = network(RESTARTS, RESTARTS);
    let before = sim.now;
    sim.kill(LEAF);
    sim.run_until("patience at its end", 2 * MINUTE, |sim| !knows(sim, HUB));
    let waited = sim.now - before;
    assert!((59..=61).contains(&waited.as_secs()), "the leaf's restart-time, not {waited:?}");
    let mut sim = network(RESTARTS, "graceful-restart = true\nstale-time = 20");
    let before = sim.now;
    sim.kill(LEAF);
    sim.run_until("patience at its end", 2 * MINUTE, |sim| !knows(sim, HUB));
    assert!((19..=21).contains(&(sim.now - before).as_secs()), "our own stale-time bounds it");
}

#[test]
fn roles() {
    // What the leaf says, what the hub says, and whether the hub keeps the leaf's routes.
    let table = [
        (RESTARTS, RESTARTS, true),
        (RESTARTS, "graceful-restart = \"helper\"", true),
        (RESTARTS, "", true),
        (RESTARTS, "graceful-restart = false", false),
        ("graceful-restart = \"helper\"", RESTARTS, false),
        ("", RESTARTS, false),
        ("graceful-restart = false", RESTARTS, false),
    ];
    for (leaf, hub, kept) in table {
        let mut sim = network(leaf, hub);
        sim.kill(LEAF);
        assert_eq!(knows(&sim, HUB), kept, "{leaf:?} {hub:?}");
    }
}

#[test]
fn what_begins_a_restart_and_what_ends_for_good() {
    let with = |notification: Notification| {
        let mut sim = network(RESTARTS, RESTARTS);
        sim.inject(LEAF, HUB, |context, out| {
            packet::encode(&Message::Notification(notification.clone()), context, out).expect("it fits");
        });
        knows(&sim, HUB)
    };
    let cease = Notification::administrative_reset("");
    assert!(with(cease.clone()), "RFC 8538 §4: any NOTIFICATION");
    assert!(!with(Notification::hard_reset(&cease)), "but a Hard Reset");
    // Silence.
    let mut sim = network(&format!("{RESTARTS}\nhold-time = 9"), RESTARTS);
    sim.cut(LEAF, HUB);
    sim.run_until("the hold time", MINUTE, |sim| sim.session(HUB, LEAF).is_none());
    assert!(knows(&sim, HUB));
    // What the leaf itself does.
    let mut sim = network(RESTARTS, RESTARTS);
    sim.notifications.clear();
    sim.leave(LEAF);
    sim.run_until("the connection's end", SOON, |sim| sim.session(HUB, LEAF).is_none());
    assert_eq!((knows(&sim, HUB), sim.notifications.len()), (true, 0), "it comes back");
    let mut sim = network(RESTARTS, RESTARTS);
    sim.notifications.clear();
    sim.shutdown(LEAF);
    sim.run_until("the connection's end", SOON, |sim| sim.session(HUB, LEAF).is_none());
    let reset = "Cease/Hard Reset (Cease/Administrative Shutdown)".to_owned();
    assert_eq!((knows(&sim, HUB), &sim.notifications), (false, &vec![(LEAF, reset)]));
    // Who knows nothing of restarts is told as ever.
    let mut sim = network(RESTARTS, RESTARTS);
    sim.notifications.clear();
    sim.leave(HUB);
    assert_eq!(sim.notifications, [(HUB, "Cease/Administrative Shutdown".to_owned())]);
    sim.run_until("both ends", SOON, |sim| sim.session(LEAF, HUB).is_none() && sim.session(FAR, HUB).is_none());
}

/// RFC 4724 §4, RFC 8538 §4: what keeps the routes of a peer that says that it restarts after a NOTIFICATION as well, and
/// of one that does not.
#[test]
fn what_keeps_routes_if_the_peer_is_older() {
    let sim = network(RESTARTS, RESTARTS);
    let (leaf, _) = sim.session(HUB, LEAF).expect("a session");
    let newer = sim.speakers[HUB].peer(leaf).and_then(Peer::established).expect("up").negotiated().clone();
    let mut older = newer.clone();
    older.graceful_restart.as_mut().expect("agreed on").notification = false;
    let sent = |notification| DownReason::Sent { notification, problem: String::new() };
    let silence = Notification::new(4, 0, &[]);
    for (reason, keeps, older_keeps) in [
        (DownReason::Closed { reason: String::new() }, true, true),
        (sent(silence), true, false),
        (sent(Notification::administrative_reset("")), true, false),
        (DownReason::Received { notification: Notification::administrative_reset("") }, true, false),
        (DownReason::Received { notification: Notification::cease(10) }, false, false),
        (DownReason::Stopped { notification: Notification::administrative_reset("") }, false, false),
    ] {
        let kept = [&newer, &older].map(|agreed| agreed.kept_families(&reason).contains(&AfiSafi::Ipv4Unicast));
        assert_eq!(kept, [keeps, older_keeps], "{reason}");
    }
}

#[test]
fn an_operator_who_stops_a_peer_does_not_wait_for_it() {
    let mut sim = network(RESTARTS, RESTARTS);
    sim.kill(LEAF);
    let leaf = sim.speakers[HUB].peer_of_address([10, 13, 76, 10].into()).expect("a peer");
    assert!(sim.operate(HUB, |hub, now| hub.disable(leaf, "", now)));
    assert_eq!((stale(&sim), knows(&sim, HUB)), (0, false));
}

#[test]
fn a_second_restart_ends_the_first_ones_patience() {
    let mut sim = network(RESTARTS, RESTARTS);
    sim.announce(LEAF, HUB, FEED, "10.13.76.10", &path(&[65001]));
    sim.run_until("the feed", SOON, |sim| sim.received(HUB, LEAF, FEED).is_some());
    sim.announce(FAR, HUB, "100.65.0.0/24", "10.13.76.30", &path(&[65003]));
    sim.run_until("the leaf's kernel", SOON, |sim| !sim.kernel(LEAF).is_empty());
    sim.kill(LEAF);
    assert_eq!(stale(&sim), 2);
    sim.revive(LEAF);
    sim.stall(LEAF, HUB);
    sim.run_until("the session", MINUTE, |sim| sim.session(HUB, LEAF).is_some());
    assert_eq!(stale(&sim), 2, "F is set, and nothing was said yet");
    // One of the two is confirmed before it goes again.
    sim.announce(LEAF, HUB, FEED, "10.13.76.10", &path(&[65001]));
    sim.kill(LEAF);
    assert_eq!(stale(&sim), 1, "RFC 4724 §4.2");
    assert!(sim.received(HUB, LEAF, FEED).is_some() && !knows(&sim, HUB));
}

#[test]
fn a_restarted_peer_replaces_its_own_session() {
    let mut sim = network(RESTARTS, RESTARTS);
    let (_, old) = sim.session(HUB, LEAF).expect("a session");
    // The leaf dies with its machine, and nobody tells the hub.
    sim.cut(LEAF, HUB);
    sim.kill(LEAF);
    sim.mend(LEAF, HUB);
    assert_eq!(sim.session(HUB, LEAF).map(|(_, connection)| connection), Some(old), "the hub knows nothing");
    sim.revive(LEAF);
    sim.host(LEAF, loopback_added([100, 0, 0, 1]));
    sim.run_until("another session", MINUTE, |sim| {
        sim.session(LEAF, HUB).is_some() && sim.session(HUB, LEAF).is_some_and(|(_, connection)| connection != old)
    });
    sim.run_until("all confirmed", MINUTE, |sim| stale(sim) == 0 && knows(sim, HUB));
}

#[test]
fn a_restarted_speaker_says_nothing_before_it_knows_what() {
    // The hub restarts between a leaf and somebody who knows nothing of restarts.
    let mut sim = network(RESTARTS, RESTARTS);
    sim.run_until("the hub's kernel", SOON, |sim| sim.kernel(HUB).contains_key(PREFIX));
    sim.announce(FAR, HUB, FEED, "10.13.76.30", &path(&[65003]));
    sim.run_until("the feed", SOON, |sim| sim.received(LEAF, HUB, FEED).is_some());
    sim.fib_ops.clear();
    sim.kill(HUB);
    assert!(sim.received(LEAF, HUB, FEED).is_some(), "the leaf keeps what the hub told it");
    sim.revive(HUB);
    sim.stall(LEAF, HUB);
    let start = sim.now;
    sim.run_until("the sessions", MINUTE, |sim| sim.established(HUB) == 2 && sim.session(LEAF, HUB).is_some());
    sim.announce(FAR, HUB, FEED, "10.13.76.30", &path(&[65003]));
    let (peer, _) = sim.session(LEAF, HUB).expect("a session");
    let restart = sim.speakers[LEAF].peer(peer).and_then(|peer| peer.established()).expect("up").negotiated();
    let restart = restart.graceful_restart.clone().expect("agreed on");
    let [ipv4, ipv6] = &restart.families[..] else { panic!("{restart:?}") };
    assert!(restart.restarted && ipv4.forwarding && !ipv6.forwarding, "nothing of IPv6 was in its kernel: {restart:?}");
    assert!(!knows(&sim, FAR), "it has no end of RIB from the leaf yet");
    assert!(sim.fib_ops.iter().all(|(index, _)| *index != HUB), "the kernel keeps what it has: {:?}", sim.fib_ops);
    sim.unstall(LEAF, HUB);
    sim.run_until("the far end", SOON, |sim| knows(sim, FAR));
    let is_over = |(index, notice): &(usize, Notice)| *index == HUB && matches!(notice, Notice::DeferralOver);
    sim.run_until("the end", MINUTE, |sim| sim.notices.iter().any(is_over));
    assert!(sim.now - start < Duration::from_secs(30), "it did not wait for who has nothing to say");
    sim.run_for(SOON);
    assert!(sim.received(LEAF, HUB, FEED).is_some());
    assert_eq!(sim.notices.iter().filter(|notice| is_over(notice)).count(), 1);
}

/// Each says that it has restarted, so that neither waits for the other's End-of-RIB (RFC 4724 §4.1).
#[test]
fn two_that_restart_together_do_not_wait_for_each_other() {
    let mut sim = without_the_leaf();
    sim.kill(HUB);
    sim.notices.clear();
    let start = sim.now;
    for index in [LEAF, HUB] {
        sim.revive(index);
    }
    sim.host(LEAF, loopback_added([100, 0, 0, 1]));
    let over = |sim: &Sim| sim.notices.iter().filter(|(_, notice)| matches!(notice, Notice::DeferralOver)).count();
    sim.run_until("both to tell all", MINUTE, |sim| over(sim) == 2);
    assert!(sim.now - start < Duration::from_secs(25), "{:?}", sim.now - start);
    sim.run_until("the far end", MINUTE, |sim| knows(sim, FAR));
}

/// Whoever keeps our routes waits for a peer that does not come, for a while; whoever keeps nothing does not starve.
#[test]
fn a_peer_that_does_not_come_delays_a_restart_for_a_while_only() {
    let leaves =
        format!("[[peer-group]]\nname = \"leaves\"\nlisten = [\"10.13.76.8/29\"]\nasn = 65001\n{OPEN}\n{RESTARTS}\n");
    let helper = format!("{OPEN}\n{RESTARTS}");
    let plain = format!("{OPEN}\ngraceful-restart = false");
    let hub = |far: &str| speaker(65002, 20, "", "", &[(10, 65001, &helper), (30, 65003, far)]);
    let listening = |far: &str| speaker(65002, 20, "", &leaves, &[(30, 65003, far)]);
    let plain_leaves = leaves.replace(RESTARTS, "graceful-restart = false");
    let listening_plainly = |far: &str| speaker(65002, 20, "", &plain_leaves, &[(30, 65003, far)]);
    for (hub, far, patience) in [
        (hub(&helper), &helper, 25..=40),
        (hub(&plain), &plain, 0..=15),
        (listening(OPEN), &OPEN.to_owned(), 0..=15),
        (listening(&helper), &helper, 25..=40),
        (listening(&plain), &plain, 0..=15),
        (listening_plainly(&helper), &helper, 0..=15),
    ] {
        let mut sim = begun(RESTARTS, &hub, far);
        sim.run_until("the hub's kernel", SOON, |sim| sim.kernel(HUB).contains_key(PREFIX));
        sim.kill(HUB);
        sim.kill(LEAF);
        sim.revive(HUB);
        sim.host(HUB, loopback_added([100, 0, 0, 2]));
        let start = sim.now;
        let own = |(prefix, ..): &(_, _, _)| prefix == "100.0.0.2/32";
        sim.run_until("the far end", MINUTE, |sim| sim.learned(FAR, HUB).iter().any(own));
        let waited = (sim.now - start).as_secs();
        assert!(patience.contains(&waited), "{waited} s: {far} {hub}");
        assert!(sim.kernel(HUB).contains_key(PREFIX), "the kernel waits");
        assert_eq!(sim.established(HUB), 1, "the leaf is away");
    }
}

/// The hub's configuration with this import policy for the leaf.
fn hub_with(import: &str) -> String {
    let tables = "[[policy]]\nname = \"marked\"\n[[policy.statement]]\n\
                  then = { add-communities = [\"65002:7\"], accept = true }\n\
                  [[policy]]\nname = \"none\"\n[[policy.statement]]\nthen = { accept = false }\n";
    let leaf = format!("import = [\"{import}\"]\nexport = [\"all\"]\n{RESTARTS}");
    let plain = format!("{OPEN}\ngraceful-restart = false");
    speaker(65002, 20, "", tables, &[(10, 65001, &leaf), (30, 65003, &plain)])
}

#[test]
fn another_import_policy_is_for_what_was_kept_too() {
    let mut sim = begun(RESTARTS, &hub_with("all"), &format!("{OPEN}\ngraceful-restart = false"));
    sim.kill(LEAF);
    sim.reload(HUB, &hub_with("marked"));
    sim.run_for(SOON);
    let communities = |sim: &Sim| sim.received(FAR, HUB, PREFIX).map(|route| route.attributes.communities.len());
    assert_eq!((stale(&sim), communities(&sim)), (1, Some(1)), "decided anew, and as stale as before");
    sim.reload(HUB, &hub_with("none"));
    sim.run_for(SOON);
    assert_eq!((stale(&sim), knows(&sim, HUB), knows(&sim, FAR)), (1, false, false));
    assert!(!sim.kernel(HUB).contains_key(PREFIX));
    sim.reload(HUB, &hub_with("all"));
    sim.run_for(SOON);
    assert_eq!((knows(&sim, HUB), communities(&sim)), (true, Some(0)));
    assert!(sim.kernel(HUB).contains_key(PREFIX));
    sim.run_until("the end of patience", 2 * MINUTE, |sim| !knows(sim, HUB));
}

#[test]
fn who_is_away_can_be_drained() {
    let mut sim = without_the_leaf();
    let leaf = sim.speakers[HUB].peer_of_address([10, 13, 76, 10].into()).expect("a peer");
    let preference = |sim: &Sim| {
        let prefix = PREFIX.parse().expect("a prefix");
        sim.speakers[HUB].rib().selected(prefix).and_then(|selected| selected.best.attributes.local_pref)
    };
    for (drained, expected) in [(true, Some(0)), (false, None)] {
        sim.operate(HUB, |speaker, now| speaker.drain(leaf, drained, now));
        sim.run_for(SOON);
        assert_eq!((preference(&sim), stale(&sim)), (expected, 1));
        let told = sim.received(FAR, HUB, PREFIX).expect("a route");
        assert_eq!(told.attributes.communities.len(), usize::from(drained), "others hear of it");
    }
}

#[test]
fn what_was_kept_follows_our_addresses() {
    let mut sim = without_the_leaf();
    // The leaf's address becomes ours: a route through it leads nowhere.
    let taken = HostEvent::AddressAdded(own_address(ETH0, [10, 13, 76, 10].into()));
    sim.host(HUB, taken);
    sim.run_for(SOON);
    assert_eq!((stale(&sim), knows(&sim, HUB), knows(&sim, FAR)), (1, false, false));
    let leaf = sim.speakers[HUB].peer_of_address([10, 13, 76, 10].into()).expect("a peer");
    let received = sim.speakers[HUB].rib().received(PREFIX.parse().expect("a prefix"), leaf).expect("it is kept");
    assert!(matches!(received.import, Err(Rejection::OwnNextHop { .. })), "{:?}", received.import);
}

#[test]
fn an_import_limit_holds_for_what_was_kept() {
    let limited = |import: &str| {
        let limit = "import-limit = { prefixes = 1, action = \"block\" }";
        hub_with(import).replacen(RESTARTS, &format!("{RESTARTS}\n{limit}"), 1)
    };
    let mut sim = begun(RESTARTS, &limited("all"), &format!("{OPEN}\ngraceful-restart = false"));
    sim.host(LEAF, loopback_added([100, 0, 0, 2]));
    sim.run_for(SOON);
    let before = sim.learned(FAR, HUB).len();
    sim.kill(LEAF);
    assert_eq!(stale(&sim), 2);
    sim.reload(HUB, &limited("marked"));
    sim.run_for(SOON);
    assert_eq!((before, sim.learned(FAR, HUB).len()), (1, 1));
    assert!(knows(&sim, HUB), "what was there first keeps its place");
}
