//! Limits on the number of a peer's prefixes: what each action does, what happens when there is room again.

use std::time::Duration;

use super::sim::{ETH0, Sim, loopback_added, loopback_removed, own_address, route};
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::fsm::State;
use crate::host::HostEvent;
use crate::net::AfiSafi;
use crate::packet;
use crate::route::PeerId;
use crate::speaker::{LimitKind, Nearness, Notice, Peer, Refusal, Speaker};

/// The router with the limits.
const HUB: usize = 0;
/// Its leaf, the sender; another one is told what the hub has.
const LEAF: usize = 1;
const OTHER: usize = 2;
const V4: AfiSafi = AfiSafi::Ipv4Unicast;

/// A hub with these keys for its leaf and for the other; both sides of sessions accept everything.
fn hub(leaf: &str, other: &str) -> String {
    let (leaf, other) = (format!("{OPEN}\n{leaf}"), format!("{OPEN}\n{other}"));
    let odd = "[[policy]]\nname = \"even\"\n[[policy.statement]]\nmatch = { prefixes = [\"100.64.1.0/24\"] }\n\
               then = { accept = false }\n[[policy.statement]]\nthen = { accept = true }\n";
    speaker(65000, 84, "", odd, &[(101, 65101, &leaf), (102, 65102, &other)])
}

fn network(hub: &str) -> Sim {
    let configs = [
        hub.to_owned(),
        speaker(65101, 101, "", "", &[(84, 65000, OPEN)]),
        speaker(65102, 102, "", "", &[(84, 65000, OPEN)]),
    ];
    let mut sim = established(Sim::new(5, &configs));
    sim.notifications.clear();
    sim.notices.clear();
    sim
}

/// The leaf really announces so many prefixes, so that it can be asked for them again.
fn announce(sim: &mut Sim, from: usize, numbers: impl IntoIterator<Item = u8>) {
    for number in numbers {
        sim.host(from, loopback_added([100, 64, 0, number]));
    }
    sim.run_for(SOON);
}

fn withdraw(sim: &mut Sim, from: usize, numbers: impl IntoIterator<Item = u8>) {
    for number in numbers {
        sim.host(from, loopback_removed([100, 64, 0, number]));
    }
    sim.run_for(SOON);
}

/// The last octets of what one has from another.
fn have(sim: &Sim, to: usize, from: usize) -> Vec<u8> {
    let number = |(prefix, ..): (String, String, String)| {
        prefix.trim_start_matches("100.64.0.").trim_end_matches("/32").parse().expect("one of ours")
    };
    sim.learned(to, from).into_iter().map(number).collect()
}

fn peer(sim: &Sim, of: usize, with: usize) -> PeerId {
    let address = [10, 13, 76, [84, 101, 102][with]];
    sim.speakers[of].peer_of_address(address.into()).expect("a peer")
}

fn state(sim: &Sim) -> State {
    sim.speakers[HUB].peer(peer(sim, HUB, LEAF)).expect("a peer").session().state()
}

/// What the hub's operator was told of limits.
fn told(sim: &mut Sim) -> Vec<(Nearness, String)> {
    let notices = std::mem::take(&mut sim.notices);
    let limit = |(index, notice)| match notice {
        Notice::Limit { excess, nearness, .. } if index == HUB => Some((nearness, excess.to_string())),
        _ => None,
    };
    notices.into_iter().filter_map(limit).collect()
}

/// NOTIFICATIONs that the hub sent.
fn said(sim: &Sim) -> Vec<&str> {
    let by_hub = sim.notifications.iter().filter(|(from, words)| *from == HUB && !words.contains("Collision"));
    by_hub.map(|(_, words)| words.as_str()).collect()
}

#[test]
fn a_warning_is_given_once_and_changes_nothing() {
    let mut sim = network(&hub("receive-limit = { prefixes = 4, action = \"warn\" }", ""));
    announce(&mut sim, LEAF, 1..=2);
    assert_eq!(told(&mut sim), []);
    announce(&mut sim, LEAF, [3]);
    let words = |count| format!("{count} prefixes of ipv4-unicast received from the peer, receive-limit is 4");
    assert_eq!(told(&mut sim), [(Nearness::Near, words(3))]);
    announce(&mut sim, LEAF, [4]);
    assert_eq!(told(&mut sim), [], "once");
    announce(&mut sim, LEAF, 5..=9);
    assert_eq!(told(&mut sim), [(Nearness::Above, words(5))]);
    assert_eq!(have(&sim, HUB, LEAF).len(), 9);
    assert_eq!(have(&sim, OTHER, HUB).len(), 9);
    assert_eq!((state(&sim), said(&sim)), (State::Established, vec![]));
}

#[test]
fn what_exceeds_a_receive_limit_is_not_kept_and_asked_for_when_there_is_room() {
    let mut sim = network(&hub("receive-limit = { prefixes = 3, action = \"block\" }", ""));
    announce(&mut sim, LEAF, 1..=5);
    assert_eq!(have(&sim, HUB, LEAF), [1, 2, 3]);
    assert_eq!(have(&sim, OTHER, HUB), [1, 2, 3]);
    let leaf = peer(&sim, HUB, LEAF);
    let refused = |sim: &Sim| sim.speakers[HUB].refused_for(leaf, LimitKind::Receive, V4);
    assert_eq!(refused(&sim), 2);
    assert_eq!(told(&mut sim).last().map(|(nearness, _)| *nearness), Some(Nearness::Above));
    // One that takes another's place needs no room.
    sim.announce(LEAF, HUB, "100.64.0.2/32", "10.13.76.101", &path(&[65101, 65200]));
    assert_eq!(refused(&sim), 2);
    assert_eq!(sim.received(HUB, LEAF, "100.64.0.2/32").expect("it").attributes.as_path.to_string(), "65101 65200");
    withdraw(&mut sim, LEAF, [1]);
    assert_eq!(have(&sim, HUB, LEAF), [2, 3, 4], "the peer was asked, and sent all again");
    assert_eq!(refused(&sim), 3, "5 once more");
    assert_eq!(sim.received(HUB, LEAF, "100.64.0.2/32").expect("it").attributes.as_path.to_string(), "65101");
    withdraw(&mut sim, LEAF, [2]);
    assert_eq!(have(&sim, HUB, LEAF), [3, 4], "a peer is not asked all the time");
    sim.run_for(MINUTE);
    assert_eq!(have(&sim, HUB, LEAF), [3, 4, 5]);
    assert_eq!((state(&sim), said(&sim)), (State::Established, vec![]));
}

/// A limit is of each family by itself (RFC 4486 §4 names it).
#[test]
fn families_are_counted_apart() {
    for key in ["receive-limit", "import-limit"] {
        let mut sim = network(&hub(&format!("{key} = {{ prefixes = 2, action = \"block\" }}"), ""));
        let on_link = own_address(ETH0, "2001:db8:76::84".parse().expect("an address"));
        sim.host(HUB, HostEvent::AddressAdded(on_link));
        sim.host(HUB, HostEvent::RouteSet(route("2001:db8:76::/64", None, ETH0)));
        announce(&mut sim, LEAF, 1..=2);
        for number in 1..=3 {
            let prefix = format!("2001:db8:{number}::/48");
            sim.announce(LEAF, HUB, &prefix, "2001:db8:76::101", &path(&[65101]));
        }
        let leaf = peer(&sim, HUB, LEAF);
        let count = |family| {
            let kind = if key == "receive-limit" { LimitKind::Receive } else { LimitKind::Import };
            let hub = &sim.speakers[HUB];
            (hub.limited_count(leaf, kind, family), hub.refused_for(leaf, kind, family))
        };
        assert_eq!((count(V4), count(AfiSafi::Ipv6Unicast)), ((Some(2), 0), (Some(2), 1)), "{key}");
    }
}

#[test]
fn what_exceeds_an_import_limit_is_kept_with_the_reason_and_let_in_when_there_is_room() {
    let mut sim = network(&hub("import-limit = { prefixes = 2, action = \"block\" }", ""));
    announce(&mut sim, LEAF, 1..=4);
    assert_eq!(have(&sim, HUB, LEAF), [1, 2, 3, 4]);
    assert_eq!(have(&sim, OTHER, HUB), [1, 2]);
    let candidates = sim.speakers[HUB].rib().candidates("100.64.0.3/32".parse().expect("a prefix"));
    assert_eq!(candidates[0].standing.to_string(), "the peer's import-limit of 2 prefixes is reached");
    let leaf = peer(&sim, HUB, LEAF);
    assert_eq!(sim.speakers[HUB].refused_for(leaf, LimitKind::Import, V4), 2);
    let updates = sim.updates[&(LEAF, HUB)];
    withdraw(&mut sim, LEAF, [1]);
    assert_eq!(have(&sim, OTHER, HUB), [2, 3]);
    assert_eq!(sim.updates[&(LEAF, HUB)], updates + 1, "the withdrawal: nothing had to be sent again");
    withdraw(&mut sim, LEAF, 2..=4);
    assert_eq!(have(&sim, OTHER, HUB), [0; 0]);
    announce(&mut sim, LEAF, 7..=9);
    assert_eq!(have(&sim, OTHER, HUB), [7, 8]);
    let refuses = |sim: &Sim| {
        let up = sim.speakers[HUB].peer(leaf).and_then(Peer::established).expect("a session");
        up.limiting.is_refusing(LimitKind::Import, V4)
    };
    assert!(refuses(&sim));
    withdraw(&mut sim, LEAF, [9]);
    assert!(!refuses(&sim), "what is withdrawn is not remembered");
    withdraw(&mut sim, LEAF, [8]);
    assert_eq!(have(&sim, OTHER, HUB), [7]);
}

#[test]
fn what_exceeds_an_export_limit_is_kept_back_with_the_reason() {
    let mut sim = network(&hub("", "export-limit = { prefixes = 2, action = \"block\" }"));
    announce(&mut sim, LEAF, 1..=4);
    assert_eq!(have(&sim, OTHER, HUB), [1, 2]);
    let reason = sim.exported(HUB, OTHER, "100.64.0.3/32").expect_err("kept back");
    assert_eq!(reason, "the peer's export-limit of 2 prefixes is reached");
    assert!(sim.exported(HUB, OTHER, "100.64.0.2/32").is_ok());
    let other = peer(&sim, HUB, OTHER);
    assert_eq!(sim.speakers[HUB].refused_for(other, LimitKind::Export, V4), 2);
    assert_eq!(told(&mut sim).last().map(|(nearness, _)| *nearness), Some(Nearness::Above));
    withdraw(&mut sim, LEAF, [1]);
    assert_eq!(have(&sim, OTHER, HUB), [2, 3]);
    withdraw(&mut sim, LEAF, 2..=4);
    assert_eq!(have(&sim, OTHER, HUB), [0; 0]);
}

#[test]
fn a_session_that_exceeds_a_limit_ends_and_stays_down_until_an_operator_says_so() {
    let word = "Cease/Maximum Number of Prefixes Reached";
    for (limit, count) in [("receive-limit = 3", 4), ("import-limit = 3", 4)] {
        let mut sim = network(&hub(limit, ""));
        announce(&mut sim, LEAF, 1..count);
        assert_eq!(have(&sim, OTHER, HUB), [1, 2, 3]);
        announce(&mut sim, LEAF, [count]);
        assert_eq!(said(&sim), [word], "{limit}");
        assert_eq!(have(&sim, OTHER, HUB), [0; 0], "{limit}");
        sim.run_for(10 * MINUTE);
        assert_eq!(state(&sim), State::Idle, "{limit}");
        let leaf = peer(&sim, HUB, LEAF);
        let known = sim.speakers[HUB].peer(leaf).expect("a peer");
        let error = known.session().last_error().expect("an error").reason.to_string();
        assert!(error.starts_with(&format!("sent {word}: 4 prefixes of ipv4-unicast")), "{error}");
        assert_eq!(known.overrun().expect("an overrun").until, None);
        let refused = sim.operate(HUB, |speaker, now| speaker.admit([10, 13, 76, 101].into(), now));
        assert_eq!(refused, Err(Refusal::Limit));
        withdraw(&mut sim, LEAF, [1]);
        assert!(sim.operate(HUB, |speaker, now| speaker.enable(leaf, now)), "it was down for a reason");
        sim.run_until("the session", 4 * MINUTE, |sim| have(sim, OTHER, HUB) == [2, 3, 4]);
        assert_eq!(sim.speakers[HUB].peer(leaf).expect("a peer").overrun(), None);
    }
}

/// A policy before the count makes the difference between the two.
#[test]
fn only_accepted_prefixes_count_for_an_import_limit() {
    let rejecting = |limit: &str| hub(limit, "").replace("import = [\"all\"]", "import = [\"even\"]");
    for (limit, ends) in [("receive-limit = 1", true), ("import-limit = 1", false)] {
        let mut sim = network(&rejecting(limit));
        for prefix in ["100.64.1.0/24", "100.64.2.0/24"] {
            sim.announce(LEAF, HUB, prefix, "10.13.76.101", &path(&[65101]));
        }
        sim.run_for(SOON);
        assert_eq!(state(&sim) == State::Idle, ends, "{limit}");
    }
}

#[test]
fn a_session_begins_anew_after_the_time_that_is_configured() {
    let mut sim = network(&hub("receive-limit = { prefixes = 3, action = \"restart\", restart-after = 90 }", ""));
    announce(&mut sim, LEAF, 1..=4);
    assert_eq!((state(&sim), said(&sim).len()), (State::Idle, 1));
    sim.run_for(Duration::from_secs(85));
    assert_eq!(state(&sim), State::Idle, "whoever connects is refused meanwhile");
    withdraw(&mut sim, LEAF, [4]);
    sim.run_until("the session", 3 * MINUTE, |sim| have(sim, OTHER, HUB) == [1, 2, 3]);
    // It would happen again, as often as it is tried.
    announce(&mut sim, LEAF, [5]);
    assert_eq!((state(&sim), said(&sim).len()), (State::Idle, 2));
}

/// What began the session anew has nothing to do with its limits: it stays down as long as it would have.
#[test]
fn a_reload_with_the_same_limits_lets_nobody_in() {
    let peer = |sim: &Sim| sim.speakers[HUB].peers().iter().find(|peer| peer.config().name == "p101").map(Peer::id);
    for (action, for_good) in [("action = \"shutdown\"", true), ("action = \"restart\", restart-after = 90", false)] {
        let keys = |limit: u8, hold: u8| {
            hub(&format!("receive-limit = {{ prefixes = {limit}, {action} }}\nhold-time = {hold}"), "")
        };
        let mut sim = network(&keys(3, 90));
        announce(&mut sim, LEAF, 1..=4);
        sim.run_for(Duration::from_secs(30));
        withdraw(&mut sim, LEAF, [4]);
        assert_eq!(sim.reload(HUB, &keys(3, 60)), ["p101: session reset, as its parameters change"]);
        sim.run_for(Duration::from_secs(50));
        let id = peer(&sim).expect("a peer");
        let known = sim.speakers[HUB].peer(id).expect("a peer");
        assert_eq!((known.session().state(), known.overrun().is_some()), (State::Idle, true), "{action}");
        assert!(sim.now.since(known.session().since()) < MINUTE, "idle since the reload");
        if for_good {
            sim.run_for(10 * MINUTE);
            assert_eq!(sim.established(HUB), 1, "the other one");
            sim.reload(HUB, &keys(5, 90));
        }
        sim.run_until("the session", 3 * MINUTE, |sim| have(sim, OTHER, HUB) == [1, 2, 3]);
    }
}

#[test]
fn a_peer_that_would_be_told_too_much_is_not_to_blame() {
    for (action, word) in [("restart", "Reset"), ("shutdown", "Shutdown")] {
        let mut sim = network(&hub("", &format!("export-limit = {{ prefixes = 2, action = \"{action}\" }}")));
        announce(&mut sim, LEAF, 1..=3);
        let told = "3 prefixes of ipv4-unicast to be told to the peer, export-limit is 2";
        assert_eq!(said(&sim), [format!("Cease/Administrative {word} \"{told}\"")]);
        assert_eq!(have(&sim, OTHER, HUB), [0; 0]);
        let other = peer(&sim, HUB, OTHER);
        let overrun = *sim.speakers[HUB].peer(other).expect("a peer").overrun().expect("an overrun");
        assert_eq!(overrun.until.is_some(), action == "restart");
    }
}

/// All that one UPDATE brings counts together, and nobody hears of a session that ends for it.
#[test]
fn nothing_of_what_ended_a_session_was_passed_on() {
    let mut sim = network(&hub("receive-limit = 3", ""));
    let before = sim.updates[&(HUB, OTHER)];
    let prefixes: Vec<_> = (0..10).map(|number| format!("100.64.0.{number}/32").parse().expect("a prefix")).collect();
    sim.inject(LEAF, HUB, |context, out| {
        let next_hop = crate::packet::NextHop::from(std::net::IpAddr::from([10, 13, 76, 101]));
        let taken = packet::encode_announcement(&path(&[65101]), next_hop, &prefixes, context, out);
        assert_eq!(taken, Ok(10));
    });
    sim.run_for(SOON);
    assert_eq!((state(&sim), sim.updates[&(HUB, OTHER)]), (State::Idle, before));
}

#[test]
fn other_limits_take_effect_without_a_reset() {
    let block = |key: &str, count: u8| hub(&format!("{key} = {{ prefixes = {count}, action = \"block\" }}"), "");
    for key in ["receive-limit", "import-limit"] {
        let mut sim = network(&block(key, 4));
        announce(&mut sim, LEAF, 1..=6);
        assert_eq!(have(&sim, OTHER, HUB), [1, 2, 3, 4], "{key}");
        let changes = ["p101: limits: numbers of prefixes are held against them"];
        assert_eq!(sim.reload(HUB, &block(key, 2)), changes);
        sim.run_for(SOON);
        assert_eq!(have(&sim, OTHER, HUB), [1, 2], "{key}: the last go");
        assert_eq!(sim.reload(HUB, &block(key, 5)), changes);
        sim.run_for(SOON);
        assert_eq!(have(&sim, OTHER, HUB), [1, 2, 3, 4, 5], "{key}");
        assert_eq!(sim.reload(HUB, &hub("", "")), changes);
        sim.run_for(MINUTE);
        assert_eq!(have(&sim, OTHER, HUB), [1, 2, 3, 4, 5, 6], "{key}");
        assert_eq!(said(&sim), [""; 0], "{key}");
    }
    let block = |count: u8| hub("", &format!("export-limit = {{ prefixes = {count}, action = \"block\" }}"));
    let mut sim = network(&block(4));
    announce(&mut sim, LEAF, 1..=6);
    for (config, expected) in [(block(2), 2), (block(5), 5), (hub("", ""), 6), (block(3), 3)] {
        sim.reload(HUB, &config);
        sim.run_for(SOON);
        assert_eq!(have(&sim, OTHER, HUB).len(), expected);
    }
}

#[test]
fn a_higher_limit_lets_a_peer_in_that_was_shut_out() {
    let mut sim = network(&hub("receive-limit = 3", ""));
    announce(&mut sim, LEAF, 1..=4);
    assert_eq!(state(&sim), State::Idle);
    sim.reload(HUB, &hub("receive-limit = 8", ""));
    sim.run_until("the session", 4 * MINUTE, |sim| have(sim, OTHER, HUB) == [1, 2, 3, 4]);
}

/// A member of a group is not forgotten while a limit keeps it down: it would come back at once.
#[test]
fn a_dynamic_peer_that_was_shut_out_does_not_come_back_as_another() {
    let hub = "[router]\nasn = 65000\nrouter-id = \"10.13.76.84\"\n\
               [[policy]]\nname = \"all\"\n[[policy.statement]]\nthen = { accept = true }\n\
               [[peer-group]]\nname = \"leaves\"\nasn = 65101\nlisten = [\"10.13.76.96/28\"]\nlisten-forget = 5\n\
               import = [\"all\"]\nreceive-limit = 3\n";
    let leaf = speaker(65101, 101, "", "", &[(84, 65000, OPEN)]);
    let mut sim = Sim::new(6, &[hub.to_owned(), leaf]);
    sim.run_until("the session", MINUTE, |sim| sim.established(HUB) == 1);
    announce(&mut sim, LEAF, 1..=4);
    let peers = |speaker: &Speaker| -> Vec<PeerId> { speaker.peers().iter().map(|peer| peer.id()).collect() };
    let before = peers(&sim.speakers[HUB]);
    sim.run_for(10 * MINUTE);
    assert_eq!((peers(&sim.speakers[HUB]), sim.established(HUB)), (before, 0));
}
