//! TCP MD5 (RFC 2385) and GTSM (RFC 5082) between two `nva`: who is meant gets in, and nobody else ever does.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nva_tests::lab::Lab;
use nva_tests::topology::{Machine, in_vnet};
use nva_tests::wait::wait_until;

use crate::common::custom::Custom;
use crate::common::netstat::{WRONG_KEY, counted};
use crate::common::{PATIENCE, quiet_lab_of};

const HUB: u8 = 20;

/// A hub's leaves: last octet, and what the two say of each other.
struct Leaf {
    last: u8,
    hubs: &'static str,
    own: &'static str,
    gets_in: bool,
}

/// Whoever knows the password may come from here, and whoever is near enough from there.
const RANGES: &str = "\
    [[peer-group]]\nname = \"range\"\nlisten = [\"10.13.76.80/29\"]\nasn = \"65080-65087\"\npassword = \"ranged\"\n\
    [[peer-group]]\nname = \"near\"\nlisten = [\"10.13.76.88/29\"]\nasn = \"65088-65095\"\nttl-security = 2\n";

/// An attempt sends its first segment at once and after 1, 3 and 7 s: by then a peer that gets in has got in.
const TRIED: Duration = Duration::from_secs(12);

/// Segments that the hub's kernel has thrown away until an attempt counts as refused.
const REFUSED: u64 = 3;

fn configuration(last: u8, peers: &[(u8, &str)]) -> String {
    let peer = |(last, more): &(u8, &str)| {
        format!(
            "[[peer]]\nname = \"p{last}\"\naddress = \"10.13.76.{last}\"\nasn = {}\nconnect-retry = 1\n{more}\n",
            65000 + u32::from(*last)
        )
    };
    format!(
        "[router]\nasn = {}\nrouter-id = \"10.13.76.{last}\"\ncontrol-socket = \"SOCKET\"\n{}",
        65000 + u32::from(last),
        peers.iter().map(peer).collect::<String>()
    )
}

fn state(daemon: &Custom, peer: &str) -> anyhow::Result<(String, u64)> {
    let row = daemon.peer(peer)?;
    let seconds = row["state_seconds"].as_u64().context("no state_seconds")?;
    Ok((row["state"].as_str().context("no state")?.to_owned(), seconds))
}

/// Waits until a daemon has a session with a peer; `hub` has something to say if it does not come.
fn wait_established(daemon: &Custom, peer: &str, hub: &Custom) {
    wait_until(PATIENCE, &format!("the session with {peer}"), || {
        let (state, _) = state(daemon, peer)?;
        ensure!(state == "Established", "{state}; {}", hub.log());
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// What a daemon logs of a session that comes up.
fn established(peer: &str) -> String {
    format!("session established peer=\"{peer}\"")
}

/// One hub and these leaves, each tried long enough.
fn try_all(leaves: &[Leaf]) -> (Lab, Custom, Vec<Custom>) {
    let name = |last: u8| format!("m{last}");
    let machines = leaves.iter().map(|leaf| leaf.last).chain([HUB, 81, 82, 89, 90]);
    let lab = quiet_lab_of(machines.map(|last| Machine::new(&name(last), in_vnet(last))).collect());
    let peers: Vec<_> = leaves.iter().map(|leaf| (leaf.last, leaf.hubs)).collect();
    let hub = Custom::start(&lab, &name(HUB), &(configuration(HUB, &peers) + RANGES));
    let start = |leaf: &Leaf| Custom::start(&lab, &name(leaf.last), &configuration(leaf.last, &[(HUB, leaf.own)]));
    let daemons: Vec<Custom> = leaves.iter().map(start).collect();
    for leaf in leaves.iter().filter(|leaf| leaf.gets_in) {
        wait_established(&hub, &format!("p{}", leaf.last), &hub);
    }
    (lab, hub, daemons)
}

/// Those that must not get in have not, although they had the time.
fn nobody_else(hub: &Custom, daemons: &[Custom], leaves: &[Leaf]) {
    let good = leaves.iter().find(|leaf| leaf.gets_in).expect("one that gets in");
    assert!(hub.log().contains(&established(&format!("p{}", good.last))), "{}", hub.log());
    wait_until(PATIENCE + TRIED, "the others' attempts", || {
        let (_, seconds) = state(hub, &format!("p{}", good.last))?;
        ensure!(seconds >= TRIED.as_secs(), "{seconds} s so far");
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    for (leaf, daemon) in leaves.iter().zip(daemons).filter(|(leaf, _)| !leaf.gets_in) {
        let both = [(hub, format!("p{}", leaf.last)), (daemon, format!("p{HUB}"))];
        for (end, peer) in &both {
            let row = end.peer(peer).expect("a peer");
            assert_ne!(row["state"], "Established", "{row}");
            assert!(!end.log().contains(&established(peer)), "{}", end.log());
        }
    }
}

/// Starts a machine with these words about the hub, and waits until the hub's kernel has thrown away its attempts.
fn try_in_vain(lab: &Lab, last: u8, words: &str, counters: &[&str]) -> Custom {
    let hub = lab.namespace(&format!("m{HUB}")).expect("the hub");
    let before = counted(hub, counters).expect("counters");
    let daemon = Custom::start(lab, &format!("m{last}"), &configuration(last, &[(HUB, words)]));
    wait_until(PATIENCE, "attempts of a stranger", || {
        let now = counted(hub, counters)?;
        ensure!(now >= before + REFUSED, "{counters:?} are {now} after {before}");
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    daemon
}

fn wait_for_log(daemon: &Custom, words: &str) {
    wait_until(PATIENCE, words, || if daemon.log().contains(words) { Ok(()) } else { bail!("{}", daemon.log()) })
        .unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn only_the_right_password_makes_a_session() {
    let leaves = [
        Leaf { last: 31, hubs: "password = \"right\"", own: "password = \"right\"", gets_in: true },
        Leaf { last: 32, hubs: "", own: "", gets_in: true },
        Leaf { last: 33, hubs: "password = \"right\"", own: "password = \"wrong\"", gets_in: false },
        Leaf { last: 34, hubs: "password = \"right\"", own: "", gets_in: false },
        Leaf { last: 35, hubs: "", own: "password = \"right\"", gets_in: false },
    ];
    let (lab, hub, daemons) = try_all(&leaves);
    nobody_else(&hub, &daemons, &leaves);
    for words in ["a wrong MD5 signature", "no MD5 signature", "an MD5 signature: a peer has a password"] {
        wait_for_log(&hub, words);
    }
    let member = Custom::start(&lab, "m81", &configuration(81, &[(HUB, "password = \"ranged\"")]));
    wait_established(&member, &format!("p{HUB}"), &hub);
    assert!(hub.log().contains(&established("range-10.13.76.81")), "{}", hub.log());
    let stranger = try_in_vain(&lab, 82, "password = \"strange\"", &WRONG_KEY);
    assert_ne!(state(&stranger, &format!("p{HUB}")).expect("a peer").0, "Established");
    assert!(!hub.log().contains("range-10.13.76.82"), "{}", hub.log());
    let shown = hub.tell(&["show", "config"]).expect("an answer");
    assert!(shown.contains("password = \"********\"") && !shown.contains("right"), "{shown}");
    for daemon in daemons.iter().chain([&hub]) {
        assert!(!daemon.log().contains("right") && !daemon.log().contains("wrong\""), "{}", daemon.log());
    }
}

/// The fabric takes one from a TTL of 255, so that two machines are two hops apart, and leaves any other as it is.
#[test]
fn who_is_further_away_than_allowed_gets_no_session() {
    let leaves = [
        Leaf { last: 41, hubs: "ttl-security = 2", own: "ttl-security = 2", gets_in: true },
        Leaf { last: 42, hubs: "ttl-security = 2", own: "multihop = 254", gets_in: true },
        Leaf { last: 43, hubs: "ttl-security = 4", own: "multihop = 252", gets_in: true },
        Leaf { last: 44, hubs: "ttl-security = true", own: "ttl-security = true", gets_in: false },
        Leaf { last: 45, hubs: "ttl-security = 2", own: "multihop = 253", gets_in: false },
        Leaf { last: 46, hubs: "ttl-security = 4", own: "multihop = 251", gets_in: false },
    ];
    let (lab, hub, daemons) = try_all(&leaves);
    nobody_else(&hub, &daemons, &leaves);
    let member = Custom::start(&lab, "m89", &configuration(89, &[(HUB, "ttl-security = 2")]));
    wait_established(&member, &format!("p{HUB}"), &hub);
    // Too far away, nobody becomes a member.
    let stranger = Custom::start(&lab, "m90", &configuration(90, &[(HUB, "multihop = 253")]));
    wait_until(PATIENCE, "the refusal", || {
        let row = stranger.peer(&format!("p{HUB}"))?;
        ensure!(row["last_error"].to_string().contains("closed by the peer"), "{row}");
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    let peers = hub.ask(&["show", "peers"]).expect("an answer").to_string();
    assert!(peers.contains("near-10.13.76.89") && !peers.contains("10.13.76.90"), "{peers}");
    let connections = hub.ask(&["show", "connections"]).expect("an answer");
    let too_far = connections["refused"].as_array().and_then(|rows| rows.iter().find(|row| row["reason"] == "too-far"));
    assert!(too_far.is_some_and(|row| row["count"].as_u64() > Some(0)), "{connections}");
    wait_for_log(&hub, "too low a TTL");
}

/// The hub has but one address, and that is not the one on which it wants the session.
#[test]
fn who_comes_to_another_address_than_the_sessions_is_refused() {
    let name = |last: u8| format!("m{last}");
    let lab = quiet_lab_of([HUB, 61].map(|last| Machine::new(&name(last), in_vnet(last))).to_vec());
    let elsewhere = "passive = true\nlocal-address = \"10.13.76.99\"";
    let hub = Custom::start(&lab, "m20", &configuration(HUB, &[(61, elsewhere)]));
    let leaf = Custom::start(&lab, "m61", &configuration(61, &[(HUB, "")]));
    wait_until(PATIENCE, "the refusal", || {
        let connections = hub.ask(&["show", "connections"])?;
        let refused =
            connections["refused"].as_array().and_then(|rows| rows.iter().find(|row| row["reason"] == "local-address"));
        ensure!(refused.is_some_and(|row| row["count"].as_u64() > Some(1)), "{connections}");
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    assert_ne!(state(&leaf, &format!("p{HUB}")).expect("a peer").0, "Established");
}

/// Sessions outlive another password for as long as the hold time lasts, and begin anew with a first or a last one.
#[test]
fn passwords_change_while_sessions_live() {
    let name = |last: u8| format!("m{last}");
    let lab = quiet_lab_of([HUB, 51].map(|last| Machine::new(&name(last), in_vnet(last))).to_vec());
    let text = |last, of, password: &str| configuration(last, &[(of, &format!("hold-time = 9\n{password}"))]);
    let hubs = |password: &str| text(HUB, 51, password);
    let leafs = |password: &str| text(51, HUB, password);
    let one = "password = \"one\"";
    let (hub, leaf) = (Custom::start(&lab, "m20", &hubs(one)), Custom::start(&lab, "m51", &leafs(one)));
    let ends = [(&hub, "p51"), (&leaf, "p20")];
    let established = || {
        for (daemon, peer) in ends {
            wait_until(PATIENCE, "the session", || {
                let (state, _) = state(daemon, peer)?;
                ensure!(state == "Established", "{state}; {}", daemon.log());
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{error:#}"));
        }
    };
    let messages = |daemon: &Custom, peer: &str| daemon.peer(peer).expect("a peer")["messages_in"].as_u64();
    established();
    let said = hub.reload(&hubs("password = \"two\"")).expect("reloaded");
    assert!(said.contains("p51") && said.contains("password: connections go on with the new one"), "{said}");
    leaf.reload(&leafs("password = \"two\"")).expect("reloaded");
    for (daemon, peer) in ends {
        let before = messages(daemon, peer);
        wait_until(PATIENCE, "keepalives with the new password", || {
            ensure!(messages(daemon, peer) > before.map(|before| before + 1), "{}", daemon.log());
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error:#}"));
        assert!(!daemon.log().contains("session down"), "{}", daemon.log());
    }
    let said = hub.reload(&hubs("")).expect("reloaded");
    assert!(said.contains("session reset"), "{said}");
    leaf.reload(&leafs("")).expect("reloaded");
    wait_for_log(&hub, "session down");
    established();
}
