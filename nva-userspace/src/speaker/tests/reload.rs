//! A new configuration while everything runs: exactly what changed is done again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::sim::{Sim, loopback_added};
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::config::Config;
use crate::fsm::State;
use crate::speaker::Notice;

const HUB: usize = 0;
const LEAF: usize = 1;
const FIRST: usize = 2;
const SECOND: usize = 3;
const PREFIX: &str = "100.64.0.0/24";

/// A policy that accepts everything and marks it.
fn mark(name: &str, mark: &str) -> String {
    format!(
        "[[policy]]\nname = \"{name}\"\n[[policy.statement]]\nthen = {{ add-communities = [\"65000:{mark}\"], accept = true }}\n"
    )
}

fn hub(tables: &str, leaf: &str, first: &str, second: &str) -> String {
    speaker(65000, 84, "", tables, &[(101, 65101, leaf), (4, 65515, first), (5, 65516, second)])
}

fn usual() -> String {
    let tables = mark("out", "1") + &mark("in", "2");
    let to = "export = [\"out\"]\nhold-time = 9";
    hub(&tables, "import = [\"in\"]", to, to)
}

/// A leaf at a hub, which tells two others.
fn network(config: &str) -> Sim {
    let configs = [
        config.to_owned(),
        speaker(65101, 101, "", "", &[(84, 65000, OPEN)]),
        speaker(65515, 4, "", "", &[(84, 65000, OPEN)]),
        speaker(65516, 5, "", "", &[(84, 65000, OPEN)]),
    ];
    let mut sim = established(Sim::new(1, &configs));
    sim.announce(LEAF, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim.run_for(SOON);
    // Both sides opened a connection, and one had to go.
    sim.notifications.clear();
    sim
}

fn communities(sim: &Sim, of: usize) -> Vec<String> {
    let route = sim.received(of, HUB, PREFIX).expect("a route");
    route.attributes.communities.iter().map(ToString::to_string).collect()
}

/// UPDATEs that the hub sent to the two, and sessions that it lost, while something was done.
fn during(sim: &mut Sim, what: impl FnOnce(&mut Sim)) -> [usize; 2] {
    let sent = |sim: &Sim| [FIRST, SECOND].map(|to| sim.updates.get(&(HUB, to)).copied().unwrap_or_default());
    let before = sent(sim);
    what(sim);
    sim.run_for(SOON);
    let after = sent(sim);
    [after[0] - before[0], after[1] - before[1]]
}

#[test]
fn the_same_again_changes_nothing() {
    let mut sim = network(&usual());
    let sent = during(&mut sim, |sim| assert_eq!(sim.reload(HUB, &usual()), [""; 0]));
    assert_eq!(sent, [0, 0]);
}

#[test]
fn an_export_policy_is_told_by_to_those_who_have_it() {
    let mut sim = network(&usual());
    let to = "export = [\"out\"]\nhold-time = 9";
    let new = hub(
        &(mark("out", "1") + &mark("in", "2") + &mark("other", "7")),
        "import = [\"in\"]",
        "export = [\"other\"]\nhold-time = 9",
        to,
    );
    let sent = during(&mut sim, |sim| {
        assert_eq!(sim.reload(HUB, &new), ["p4: export: told what is another now"]);
    });
    assert_eq!(sent, [1, 0], "one UPDATE in place of what was told, and nobody else hears anything");
    assert_eq!(communities(&sim, FIRST), ["65000:2", "65000:7"]);
    assert_eq!(communities(&sim, SECOND), ["65000:1", "65000:2"]);
    assert!(sim.notifications.is_empty(), "no session ended");
}

#[test]
fn an_import_policy_runs_again_over_what_came_in() {
    let mut sim = network(&usual());
    let new = usual().replace("65000:2", "65000:8");
    let sent = during(&mut sim, |sim| {
        assert_eq!(sim.reload(HUB, &new), ["p101: import: what it sent is looked at again"]);
    });
    assert_eq!(sent, [1, 1]);
    assert_eq!(communities(&sim, FIRST), ["65000:1", "65000:8"]);
    assert!(sim.notifications.is_empty(), "no session ended");
}

/// A set and a called policy are part of the policies that use them; where a policy stands, and what nobody has, is not.
#[test]
fn what_a_policy_uses_is_part_of_it_and_where_it_stands_is_not() {
    let shared = |member: &str| {
        format!(
            "[[prefix-set]]\nname = \"inner\"\nmembers = [\"{member}\"]\n\
             [[policy]]\nname = \"shared\"\n[[policy.statement]]\nmatch = {{ prefixes = \"set inner\" }}\n\
             then = {{ add-communities = [\"65000:5\"] }}\n"
        )
    };
    let calling = "[[policy]]\nname = \"in\"\n[[policy.statement]]\nthen = { call = \"shared\", accept = true }\n";
    let to = "export = [\"out\"]\nhold-time = 9";
    let config = |tables: [&str; 3]| hub(&tables.concat(), "import = [\"in\"]", to, to);
    let (out, none, all) = (mark("out", "1"), shared("100.65.0.0/16"), shared("100.64.0.0/16 ge 16"));
    let mut sim = network(&config([&out, &none, calling]));
    assert_eq!(communities(&sim, FIRST), ["65000:1"]);
    let moved = config([calling, &none, &(format!("# A remark.\n{out}") + &mark("nobodys", "9"))]);
    let sent = during(&mut sim, |sim| assert_eq!(sim.reload(HUB, &moved), [""; 0]));
    assert_eq!(sent, [0, 0]);
    let sent = during(&mut sim, |sim| {
        let new = config([&out, &all, calling]);
        assert_eq!(sim.reload(HUB, &new), ["p101: import: what it sent is looked at again"]);
    });
    assert_eq!(sent, [1, 1], "the route is another now");
    assert_eq!(communities(&sim, FIRST), ["65000:1", "65000:5"]);
}

#[test]
fn only_parameters_of_a_session_end_it() {
    for other in ["hold-time = 12", "hold-time = 9\nenhanced-refresh = false"] {
        resets(&usual().replacen("hold-time = 9", other, 1));
    }
}

#[test]
fn attempts_to_connect_follow_each_other_as_the_file_says() {
    let mut sim = network(&usual());
    let retry =
        |seconds: u16| usual().replacen("hold-time = 9", &format!("hold-time = 9\nconnect-retry = {seconds}"), 1);
    assert_eq!(
        sim.reload(HUB, &retry(3600)),
        ["p4: connect-retry: attempts to connect follow each other as it says now"]
    );
    sim.run_for(SOON);
    assert_eq!((sim.established(HUB), sim.notifications.len()), (3, 0), "no session ended");
    // From now on nobody answers: what is waited for then is an hour, and no more than a second once that is said.
    sim.shutdown(FIRST);
    sim.run_for(10 * MINUTE);
    let attempts = |sim: &Sim| {
        let peer = sim.speakers[HUB].peers().iter().find(|peer| peer.config().name == "p4").expect("a peer");
        peer.session().counters().connect_attempts
    };
    let before = attempts(&sim);
    sim.run_for(10 * MINUTE);
    assert_eq!(attempts(&sim), before);
    sim.reload(HUB, &retry(1));
    sim.run_for(MINUTE);
    assert!(attempts(&sim) > before + 30);
}

/// One session of the hub ends for what is new, and begins again.
fn resets(new: &str) {
    let mut sim = network(&usual());
    assert_eq!(sim.reload(HUB, new), ["p4: session reset, as its parameters change"]);
    sim.run_for(SOON);
    let notifications = sim.notifications.iter().map(|(_, text)| text.as_str());
    let notifications: Vec<&str> = notifications.filter(|text| !text.contains("Collision")).collect();
    assert_eq!(notifications.len(), 1, "{notifications:?}");
    assert!(notifications[0].contains("Other Configuration Change"), "{notifications:?}");
    let removed = |(_, notice): &(usize, Notice)| matches!(notice, Notice::PeerRemoved { .. });
    assert!(!sim.notices.iter().any(removed), "it is still a peer");
    sim.run_until("the session again", MINUTE, |sim| sim.established(HUB) == 3);
    sim.run_for(SOON);
    assert_eq!(communities(&sim, FIRST), ["65000:1", "65000:2"]);
}

#[test]
fn peers_come_and_go() {
    let mut sim = network(&usual());
    let to = "export = [\"out\"]\nhold-time = 9";
    let tables = mark("out", "1") + &mark("in", "2");
    let without = speaker(65000, 84, "", &tables, &[(101, 65101, "import = [\"in\"]"), (5, 65516, to)]);
    assert_eq!(sim.reload(HUB, &without), ["p4: removed"]);
    sim.run_for(SOON);
    assert_eq!(sim.established(HUB), 2);
    assert!(sim.received(FIRST, HUB, PREFIX).is_none());
    assert_eq!(sim.reload(HUB, &usual()), ["p4: added"]);
    sim.run_until("the session again", MINUTE, |sim| sim.established(HUB) == 3);
    sim.run_for(SOON);
    assert_eq!(communities(&sim, FIRST), ["65000:1", "65000:2"]);

    let without_leaf = speaker(65000, 84, "", &tables, &[(4, 65515, to), (5, 65516, to)]);
    assert_eq!(sim.reload(HUB, &without_leaf), ["p101: removed"]);
    sim.run_for(SOON);
    assert!(sim.received(FIRST, HUB, PREFIX).is_none(), "its routes go with it");
}

#[test]
fn origination_and_decision_follow() {
    let mut sim = network(&usual());
    sim.host(HUB, loopback_added([100, 0, 0, 84]));
    sim.run_for(SOON);
    let told = |sim: &Sim| sim.received(FIRST, HUB, "100.0.0.84/32").is_some();
    assert!(told(&sim));
    let new = usual().replace("interfaces = [\"lo\"]", "interfaces = []");
    assert_eq!(sim.reload(HUB, &new), ["originated prefixes follow"]);
    sim.run_for(SOON);
    assert!(!told(&sim));
    let new = new.replace("[originate]", "max-paths = 2\n[originate]");
    assert_eq!(sim.reload(HUB, &new), ["every best route is chosen again"]);
}

#[test]
fn install_follows() {
    let mut sim = network(&usual());
    assert!(sim.kernel(HUB).contains_key(PREFIX));
    let new = usual().replace("import = [\"in\"]", "import = [\"in\"]\ninstall = false");
    assert_eq!(sim.reload(HUB, &new), ["p101: kernel routes follow install"]);
    sim.run_for(SOON);
    assert!(!sim.kernel(HUB).contains_key(PREFIX));
}

#[test]
fn what_an_operator_said_outlives_a_reload() {
    let mut sim = network(&usual());
    let peer = sim.session(HUB, FIRST).expect("a session").0;
    let now = sim.now;
    sim.speakers[HUB].disable(peer, "noon", now);
    let new = usual().replacen("hold-time = 9", "hold-time = 12", 1);
    assert_eq!(sim.reload(HUB, &new), ["p4: session reset, as its parameters change"]);
    sim.run_for(2 * MINUTE);
    let peer = sim.speakers[HUB].peers().iter().find(|peer| peer.config().name == "p4").expect("a peer");
    assert_eq!(peer.session().state(), State::Idle);
    assert_eq!(peer.session().since(), now, "since the reload, not since the start");
}

#[test]
fn who_came_from_a_range_follows_the_group() {
    let group = |community: &str| {
        mark("out", community)
            + "[[peer-group]]\nname = \"leaves\"\nlisten = [\"10.13.76.96/28\"]\nasn = \"65100-65109\"\nexport = [\"out\"]\n"
    };
    let own = "[originate]\nprefixes = [\"100.0.0.84/32\"]\n";
    let hub =
        |community: &str| format!("[router]\nasn = 65000\nrouter-id = \"10.13.76.84\"\n{own}{}", group(community));
    let mut sim = Sim::new(2, &[hub("1"), speaker(65101, 101, "", "", &[(84, 65000, OPEN)])]);
    sim.run_until("the route", MINUTE, |sim| sim.received(1, 0, "100.0.0.84/32").is_some());
    let changes = sim.reload(0, &hub("2"));
    assert_eq!(
        changes,
        ["leaves-10.13.76.101: export: told what is another now", "other ranges or limits of peers that connect"]
    );
    sim.run_for(SOON);
    let route = sim.received(1, 0, "100.0.0.84/32").expect("a route");
    assert_eq!(route.attributes.communities.iter().map(ToString::to_string).collect::<Vec<_>>(), ["65000:2"]);
    let without = format!("[router]\nasn = 65000\nrouter-id = \"10.13.76.84\"\n{own}");
    sim.reload(0, &without);
    sim.run_for(Duration::from_secs(30));
    assert_eq!((sim.established(0), sim.speakers[0].peers().len()), (0, 0));
}

#[test]
fn what_takes_a_restart_is_refused_as_a_whole() {
    let sim = network(&usual());
    let new = usual().replace("asn = 65000", "asn = 65001").replace("65000:1", "65000:9");
    let new = Config::parse("new", &new).expect("a configuration").speaker;
    let refused = sim.speakers[HUB].changes(&new, &BTreeSet::new()).expect_err("takes a restart");
    assert_eq!(refused.to_string(), "[router] asn cannot change while nva runs: nothing was changed, restart it");
}
