//! Peers that come and go: from a range of addresses, and by a change of the configuration.

use std::time::Duration;

use super::sim::{Sim, loopback_added};
use super::{MINUTE, OPEN, SOON, speaker};
use crate::fsm::{ConnectionId, Direction, State};
use crate::net::Instant;
use crate::packet::{Notification, iana};
use crate::rib::Standing;
use crate::speaker::{Input, Notice, Peer, Refusal};

const HUB: usize = 0;
const FIRST: usize = 1;
const SECOND: usize = 2;

const FORGET: Duration = Duration::from_secs(60);

/// A hub that listens for leaves from .96 to .111 in AS 65100 to 65109, with more keys of the group and more tables,
/// and leaves of these last octets and ASes.
fn hub_and_leaves(keys: &str, tables: &str, leaves: &[(u8, u32)]) -> Sim {
    let group = format!(
        "[[peer-group]]\nname = \"leaves\"\nlisten = [\"10.13.76.96/28\"]\nasn = \"65100-65109\"\nlisten-forget = 60\n\
         import = [{import}]\nexport = [\"all\"]\n{keys}\n{tables}",
        import = if tables.contains("\"mark\"") { "\"mark\", \"all\"" } else { "\"all\"" }
    );
    let hub = speaker(65000, 84, "", &group, &[]);
    let leaf = |(last, asn): &(u8, u32)| speaker(*asn, *last, "", "", &[(84, 65000, OPEN)]);
    let configs: Vec<String> = std::iter::once(hub).chain(leaves.iter().map(leaf)).collect();
    Sim::new(5, &configs)
}

fn names(sim: &Sim) -> Vec<&str> {
    sim.speakers[HUB].peers().iter().map(|peer| peer.config().name.as_str()).collect()
}

fn member<'a>(sim: &'a Sim, name: &str) -> Option<&'a Peer> {
    sim.speakers[HUB].peers().iter().find(|peer| peer.config().name == name)
}

#[test]
fn whoever_connects_from_the_range_becomes_a_peer() {
    let mut sim = hub_and_leaves("", "", &[(100, 65100), (101, 65101)]);
    assert!(names(&sim).is_empty());
    sim.run_until("both", MINUTE, |sim| sim.established(HUB) == 2);
    let mut names: Vec<String> = names(&sim).into_iter().map(str::to_owned).collect();
    names.sort_unstable();
    assert_eq!(names, ["leaves-10.13.76.100", "leaves-10.13.76.101"]);
    let peer = member(&sim, "leaves-10.13.76.100").expect("a peer");
    assert!(peer.is_dynamic() && peer.config().group.as_deref() == Some("leaves"));
    sim.host(FIRST, loopback_added([100, 0, 0, 1]));
    sim.run_until("the route", SOON, |sim| sim.learned(SECOND, HUB).len() == 1);
    assert_eq!(sim.learned(SECOND, HUB)[0].2, "65000 65100");
}

#[test]
fn policies_name_members_by_their_group_or_their_name() {
    let sources = [("group leaves", 7), ("peer leaves-10.13.76.100", 7), ("peer leaves-10.13.76.101", 100)];
    for (source, preference) in sources {
        let policy = format!(
            "[[policy]]\nname = \"mark\"\n[[policy.statement]]\nmatch = {{ source = \"{source}\" }}\n\
             then = {{ local-pref = 7 }}\n"
        );
        let mut sim = hub_and_leaves("", &policy, &[(100, 65100)]);
        sim.run_until("the session", MINUTE, |sim| sim.established(HUB) == 1);
        sim.host(FIRST, loopback_added([100, 0, 0, 1]));
        sim.run_until("the route", SOON, |sim| sim.loc_rib(HUB).len() == 1);
        let selected = sim.speakers[HUB].rib().selected("100.0.0.1/32".parse().expect("a prefix")).expect("a route");
        assert_eq!(selected.best.attributes.local_pref.unwrap_or(100), preference, "{source}");
    }
}

#[test]
fn a_peer_in_another_as_is_refused_and_forgotten() {
    let mut sim = hub_and_leaves("", "", &[(100, 65200)]);
    sim.run_until("the refusal", MINUTE, |sim| {
        member(sim, "leaves-10.13.76.100").is_some_and(|peer| peer.session().last_error().is_some())
    });
    let error = member(&sim, "leaves-10.13.76.100").and_then(|peer| peer.session().last_error()).expect("an error");
    assert!(error.reason.to_string().contains("AS 65200, the configuration says 65100-65109"), "{}", error.reason);
    assert_eq!(sim.established(HUB), 0);
    sim.cut(HUB, FIRST);
    sim.run_for(FORGET + SOON);
    assert!(names(&sim).is_empty());
}

#[test]
fn a_member_whose_session_ended_is_remembered_for_a_while() {
    let mut sim = hub_and_leaves("", "", &[(100, 65100)]);
    sim.host(FIRST, loopback_added([100, 0, 0, 1]));
    sim.run_until("the route", MINUTE, |sim| sim.loc_rib(HUB).len() == 1);
    let id = member(&sim, "leaves-10.13.76.100").expect("a peer").id();
    sim.reset(HUB, FIRST);
    sim.run_until("its return", MINUTE, |sim| sim.established(HUB) == 1);
    assert_eq!(member(&sim, "leaves-10.13.76.100").map(Peer::id), Some(id), "it is who it was");
    sim.shutdown(FIRST);
    sim.run_for(FORGET - SOON);
    assert_eq!(names(&sim), ["leaves-10.13.76.100"]);
    sim.run_for(2 * SOON);
    assert!(names(&sim).is_empty());
    let is_gone = |(index, notice): &(usize, Notice)| {
        *index == HUB && matches!(notice, Notice::PeerRemoved { peer } if *peer == id)
    };
    assert!(sim.notices.iter().any(is_gone));
    assert!(sim.loc_rib(HUB).is_empty());
}

#[test]
fn the_limit_is_for_those_who_are_there() {
    let mut sim = hub_and_leaves("listen-limit = 1", "", &[(100, 65100), (101, 65101)]);
    sim.run_until("one", MINUTE, |sim| sim.established(HUB) == 1);
    let first = sim.speakers[HUB].peers().iter().next().map(|peer| peer.config().address).expect("one");
    let other = if first.to_string() == "10.13.76.100" { [10, 13, 76, 101] } else { [10, 13, 76, 100] };
    let now = sim.now;
    assert_eq!(sim.speakers[HUB].admit(other.into(), now), Err(Refusal::ListenLimit));
    assert_eq!(sim.speakers[HUB].admit([10, 13, 76, 112].into(), now), Err(Refusal::NoPeer));
    let (here, gone) = if first.to_string() == "10.13.76.100" { (SECOND, FIRST) } else { (FIRST, SECOND) };
    sim.shutdown(gone);
    sim.run_until("its successor", MINUTE, |sim| {
        sim.session(HUB, here).is_some() && sim.speakers[HUB].peers().len() == 1
    });
}

/// Somebody connects to the hub from here and says nothing.
fn knock(sim: &mut Sim, last: u8) -> Result<(), Refusal> {
    let connection = ConnectionId(1_000_000 + sim.now.since(Instant::ZERO).as_millis() as u64 * 256 + u64::from(last));
    sim.operate(HUB, |speaker, now| {
        let peer = speaker.admit([10, 13, 76, last].into(), now)?;
        let local_address = [10, 13, 76, 84].into();
        let opened = Input::ConnectionOpened { peer, connection, direction: Direction::Incoming, local_address };
        speaker.handle_input(opened, now);
        Ok(())
    })
}

/// The last octets of those who made room.
fn turned_out(sim: &Sim) -> Vec<String> {
    let address = |(_, notice): &(usize, Notice)| match notice {
        Notice::MadeRoom { address } => Some(address.to_string()),
        _ => None,
    };
    sim.notices.iter().filter_map(address).collect()
}

#[test]
fn whoever_connects_and_says_nothing_keeps_nobody_out() {
    let mut sim = hub_and_leaves("listen-limit = 3", "", &[(100, 65100)]);
    for last in [104, 105, 106] {
        assert_eq!(knock(&mut sim, last), Ok(()));
    }
    assert_eq!(names(&sim).len(), 3);
    // Long before the strangers' OPENs are given up, and though they come again and again.
    for second in 0..30 {
        sim.run_for(Duration::from_secs(1));
        assert_eq!(knock(&mut sim, 104 + second % 4), Ok(()));
        assert!(names(&sim).len() <= 3);
    }
    assert_eq!(sim.established(HUB), 1);
    assert!(member(&sim, "leaves-10.13.76.100").is_some_and(|peer| peer.session().state() == State::Established));
    assert_eq!(turned_out(&sim)[..2], ["10.13.76.104", "10.13.76.105"], "the first ones first");
    assert!(sim.notices.iter().all(|(_, notice)| !matches!(notice, Notice::PeerRemoved { .. })), "it is only counted");
}

#[test]
fn who_had_a_session_is_no_stranger() {
    let mut sim = hub_and_leaves("listen-limit = 1", "", &[(100, 65100)]);
    sim.run_until("the session", MINUTE, |sim| sim.established(HUB) == 1);
    assert_eq!(knock(&mut sim, 104), Err(Refusal::ListenLimit));
    sim.reset(HUB, FIRST);
    sim.run_until("another connection", MINUTE, |sim| {
        member(sim, "leaves-10.13.76.100").is_some_and(|peer| peer.session().state() == State::OpenSent)
    });
    assert_eq!(knock(&mut sim, 104), Err(Refusal::ListenLimit));
    sim.run_until("its return", MINUTE, |sim| sim.established(HUB) == 1);
    assert!(turned_out(&sim).is_empty());
}

#[test]
fn a_configured_peer_wins_over_a_range_and_the_longer_range_over_the_shorter() {
    let more = format!(
        "[[peer-group]]\nname = \"narrow\"\nlisten = [\"10.13.76.100/31\"]\nasn = \"65100-65109\"\n{OPEN}\n\
         [[peer]]\nname = \"own\"\naddress = \"10.13.76.101\"\nasn = 65101\npassive = true\n{OPEN}"
    );
    let mut sim = hub_and_leaves("", &more, &[(100, 65100), (101, 65101), (102, 65102)]);
    sim.run_until("all", MINUTE, |sim| sim.established(HUB) == 3);
    let mut found: Vec<String> = names(&sim).into_iter().map(str::to_owned).collect();
    found.sort_unstable();
    assert_eq!(found, ["leaves-10.13.76.102", "narrow-10.13.76.100", "own"]);
}

#[test]
fn a_member_that_an_operator_disabled_is_not_forgotten() {
    let mut sim = hub_and_leaves("", "", &[(100, 65100)]);
    sim.run_until("the session", MINUTE, |sim| sim.established(HUB) == 1);
    let id = member(&sim, "leaves-10.13.76.100").expect("a peer").id();
    sim.operate(HUB, |speaker, now| speaker.disable(id, "", now));
    sim.run_for(10 * FORGET);
    let now = sim.now;
    assert_eq!(sim.speakers[HUB].admit([10, 13, 76, 100].into(), now), Err(Refusal::Disabled));
    sim.operate(HUB, |speaker, now| speaker.enable(id, now));
    sim.run_until("the session", 5 * MINUTE, |sim| sim.established(HUB) == 1);
}

/// A member whose session begins anew is who it was, whether it is there or kept away.
#[test]
fn what_an_operator_said_of_a_member_outlives_a_reload() {
    let hub = |keys: &str| {
        let group = format!(
            "[[peer-group]]\nname = \"leaves\"\nlisten = [\"10.13.76.96/28\"]\nasn = \"65100-65109\"\n\
             listen-forget = 60\n{OPEN}\n{keys}"
        );
        speaker(65000, 84, "", &group, &[])
    };
    let mut sim = hub_and_leaves("", "", &[(100, 65100), (101, 65101)]);
    sim.run_until("both", MINUTE, |sim| sim.established(HUB) == 2);
    let id = |sim: &Sim, name| member(sim, name).expect("a peer").id();
    let (disabled, drained) = (id(&sim, "leaves-10.13.76.100"), id(&sim, "leaves-10.13.76.101"));
    sim.operate(HUB, |speaker, now| speaker.disable(disabled, "noon", now));
    sim.operate(HUB, |speaker, now| speaker.drain(drained, true, now));
    assert_eq!(sim.reload(HUB, &hub("hold-time = 12")).len(), 3, "both sessions, and the group");
    sim.run_until("the one", 5 * MINUTE, |sim| sim.established(HUB) == 1);
    sim.run_for(10 * FORGET);
    assert_eq!(sim.established(HUB), 1);
    let admin = |name| member(&sim, name).map(Peer::admin);
    assert!(admin("leaves-10.13.76.100").is_some_and(|admin| admin.disabled.as_deref() == Some("noon")));
    assert!(admin("leaves-10.13.76.101").is_some_and(|admin| admin.drained));
    assert!(member(&sim, "leaves-10.13.76.101").is_some_and(Peer::is_dynamic), "and goes when it is away for long");
    sim.shutdown(SECOND);
    sim.run_for(FORGET + SOON);
    assert_eq!(names(&sim), ["leaves-10.13.76.100"]);
}

#[test]
fn a_drained_router_drains_members_that_come_later() {
    let mut sim = hub_and_leaves("", "", &[(100, 65100)]);
    sim.host(HUB, loopback_added([100, 0, 0, 9]));
    sim.operate(HUB, |speaker, now| speaker.drain_router(true, now));
    sim.run_until("the route", MINUTE, |sim| sim.learned(FIRST, HUB).len() == 1);
    let route = sim.received(FIRST, HUB, "100.0.0.9/32").expect("a route");
    assert_eq!(route.attributes.communities.iter().map(ToString::to_string).collect::<Vec<_>>(), ["graceful-shutdown"]);
}

#[test]
fn peers_are_removed_and_added_while_others_go_on() {
    let leaf = |last, asn| speaker(asn, last, "", "", &[(84, 65000, OPEN)]);
    let hub = speaker(65000, 84, "", "", &[(100, 65100, OPEN), (101, 65101, OPEN)]);
    let mut sim = super::established(Sim::new(9, &[hub, leaf(100, 65100), leaf(101, 65101)]));
    sim.host(FIRST, loopback_added([100, 0, 0, 1]));
    sim.run_until("the route", SOON, |sim| sim.learned(SECOND, HUB).len() == 1);
    let (id, config) = {
        let peer = sim.speakers[HUB].peers().iter().next().expect("two");
        (peer.id(), peer.config().clone())
    };
    let gone = Notification::cease(iana::cease::PEER_DECONFIGURED);
    sim.operate(HUB, |speaker, now| speaker.remove_peer(id, gone, now));
    sim.run_until("the end of its route", SOON, |sim| sim.learned(SECOND, HUB).is_empty());
    assert!(sim.notifications.contains(&(HUB, "Cease/Peer De-configured".to_owned())));
    assert_eq!(names(&sim), ["p101"]);
    assert_eq!(sim.established(HUB), 1, "the other goes on");
    let new = sim.operate(HUB, |speaker, now| speaker.add_peer(config, now));
    assert_ne!(new, id, "no number is used again");
    sim.run_until("its return", 3 * MINUTE, |sim| sim.learned(SECOND, HUB).len() == 1);
    let peer = sim.speakers[HUB].peer(new).expect("a peer");
    assert_eq!(peer.session().state(), State::Established);
    let candidates = sim.speakers[HUB].rib().candidates("100.0.0.1/32".parse().expect("a prefix"));
    assert_eq!(candidates.len(), 1, "nothing is left of what it was");
    assert!(matches!(candidates[0].standing, Standing::Best));
}
