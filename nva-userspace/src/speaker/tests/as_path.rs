//! AS paths at the border: our own AS in what comes in, the peer's and private numbers in what goes out, and peers that
//! believe us to be in another AS.

use super::sim::{Sim, loopback_added};
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::net::Asn;

/// In the middle, AS 65000.
const HUB: usize = 0;
/// On both sides of it.
const WEST: usize = 1;
const EAST: usize = 2;
const PREFIX: &str = "100.64.0.0/24";

/// A hub between two sites, each with its AS and keys of its own; `at` are the hub's keys for each, and `hubs` its AS as
/// the sites know it.
fn network(at: [&str; 2], asns: [u32; 2], hubs: [u32; 2], sites: [&str; 2]) -> Sim {
    let mut sim = Sim::new(8, &configs(at, asns, hubs, sites));
    sim.run_until("both sessions", 4 * MINUTE, |sim| sim.established(HUB) == 2);
    sim.host(WEST, loopback_added([100, 0, 0, 1]));
    sim.run_for(SOON);
    sim
}

fn configs(at: [&str; 2], asns: [u32; 2], hubs: [u32; 2], sites: [&str; 2]) -> [String; 3] {
    let policies = "[[policy]]\nname = \"prepend\"\n[[policy.statement]]\n\
                    match = { as-path = \"^6510[0-9]$\" }\nthen = { prepend = 2, accept = true }\n";
    let (at_west, at_east) = (format!("import = [\"all\"]\n{}", at[0]), format!("import = [\"all\"]\n{}", at[1]));
    let [to_west, to_east] = sites.map(|keys| format!("{OPEN}\n{keys}"));
    [
        speaker(65000, 84, "", policies, &[(101, asns[0], &at_west), (102, asns[1], &at_east)]),
        speaker(asns[0], 101, "", "", &[(84, hubs[0], &to_west)]),
        speaker(asns[1], 102, "", "", &[(84, hubs[1], &to_east)]),
    ]
}

const ALL: &str = "export = [\"all\"]";

/// The path that a site has been told by the hub of what the other one has.
fn told(sim: &Sim) -> Option<String> {
    sim.received(EAST, HUB, "100.0.0.1/32").map(|route| route.attributes.as_path.to_string())
}

/// Why the best of the routes to a prefix is not used.
fn standing(sim: &Sim, of: usize, prefix: &str) -> String {
    let candidates = sim.speakers[of].rib().candidates(prefix.parse().expect("a prefix"));
    candidates.first().expect("a route").standing.to_string()
}

#[test]
fn two_sites_of_one_as_reach_each_other_if_either_side_helps() {
    for (hub, site, path, used) in [
        (ALL, "", "65000 65101", false),
        ("export = [\"all\"]\nas-override = true", "", "65000 65000", true),
        (ALL, "allow-own-as = 1", "65000 65101", true),
    ] {
        let sim = network([ALL, hub], [65101, 65101], [65000, 65000], ["", site]);
        assert_eq!(told(&sim).as_deref(), Some(path), "{hub} {site}");
        let expected = if used { "best" } else { "our own AS 65101 is in the AS path" };
        assert_eq!(standing(&sim, EAST, "100.0.0.1/32"), expected, "{hub} {site}");
    }
}

#[test]
fn more_of_our_own_as_than_allowed_is_refused_with_the_numbers() {
    let mut sim = network([ALL, ALL], [65101, 65102], [65000, 65000], ["", "allow-own-as = 1"]);
    sim.announce(HUB, EAST, PREFIX, "10.13.76.84", &path(&[65000, 65102, 65102]));
    sim.run_for(SOON);
    let reason = "our own AS 65102 is 2 times in the AS path, allow-own-as is 1";
    assert_eq!(standing(&sim, EAST, PREFIX), reason);
}

/// Conditions of the export policy see the path as it came, and what the policy prepends stays.
#[test]
fn private_numbers_go_behind_the_policy() {
    for (key, expected) in [
        ("", "65000 65000 65000 65101"),
        ("remove-private-as = true", "65000 65000 65000"),
        ("remove-private-as = { replace = true }", "65000 65000 65000 65000"),
    ] {
        let keys = format!("export = [\"prepend\"]\n{key}");
        let sim = network([ALL, &keys], [65101, 3356], [65000, 65000], ["", ""]);
        assert_eq!(told(&sim).as_deref(), Some(expected), "{key}");
    }
}

/// East of the hub nothing is known of the other number but what stands in paths.
#[test]
fn a_peer_may_believe_us_to_be_in_another_as() {
    for (flags, comes_as, goes_as) in [
        ("", "65000 65010 65101", "65010 65000 65102"),
        (", prepend = false", "65000 65101", "65010 65000 65102"),
        (", replace = true", "65000 65010 65101", "65010 65102"),
        (", prepend = false, replace = true", "65000 65101", "65010 65102"),
    ] {
        let keys = format!("{ALL}\nlocal-as = {{ asn = 65010{flags} }}");
        let mut sim = network([&keys, ALL], [65101, 65102], [65010, 65000], ["", ""]);
        sim.host(EAST, loopback_added([100, 0, 0, 2]));
        sim.run_for(SOON);
        assert_eq!(told(&sim).as_deref(), Some(comes_as), "{flags}");
        let back = sim.received(WEST, HUB, "100.0.0.2/32").expect("told");
        assert_eq!(back.attributes.as_path.to_string(), goes_as, "{flags}");
        let (west, _) = sim.session(HUB, WEST).expect("a session");
        let up = sim.speakers[HUB].peer(west).and_then(|peer| peer.established()).expect("established");
        assert_eq!(up.negotiated().local_asn, Asn(65010));
        assert!(up.view().external);
        // The route itself stays as it came.
        let came = sim.received(HUB, WEST, "100.0.0.1/32").expect("received");
        assert_eq!(came.attributes.as_path.to_string(), "65101");
    }
}

#[test]
fn what_a_policy_prepends_does_not_give_away_the_as_that_is_hidden() {
    for (replace, expected) in [(true, "65010 65010 65010 65102"), (false, "65010 65000 65000 65000 65102")] {
        let keys = format!("export = [\"prepend\"]\nlocal-as = {{ asn = 65010, replace = {replace} }}");
        let mut sim = network([&keys, ALL], [65101, 65102], [65010, 65000], ["", ""]);
        sim.host(EAST, loopback_added([100, 0, 0, 2]));
        sim.run_for(SOON);
        let back = sim.received(WEST, HUB, "100.0.0.2/32").expect("told");
        assert_eq!(back.attributes.as_path.to_string(), expected);
    }
}

#[test]
fn either_of_our_numbers_in_a_path_is_a_loop() {
    let keys = format!("{ALL}\nlocal-as = {{ asn = 65010, replace = true }}");
    let mut sim = network([&keys, ALL], [65101, 65102], [65010, 65000], ["", ""]);
    for (own, asns) in [(65000, [65101, 65000]), (65010, [65101, 65010])] {
        sim.announce(WEST, HUB, PREFIX, "10.13.76.101", &path(&asns));
        sim.run_for(SOON);
        assert_eq!(standing(&sim, HUB, PREFIX), format!("our own AS {own} is in the AS path"));
    }
}

/// A peer that was told the new number is met by the old one, and one that was not by ours.
#[test]
fn with_dual_the_peer_may_know_us_by_either_number() {
    for (known, expected) in [(65010, "65010 65000 65102"), (65000, "65000 65102")] {
        let keys = format!("{ALL}\nlocal-as = {{ asn = 65010, dual = true }}");
        let mut sim = network([&keys, ALL], [65101, 65102], [known, 65000], ["", ""]);
        sim.host(EAST, loopback_added([100, 0, 0, 2]));
        sim.run_for(SOON);
        let back = sim.received(WEST, HUB, "100.0.0.2/32").expect("told");
        assert_eq!(back.attributes.as_path.to_string(), expected, "{known}");
        let came = if known == 65000 { "65000 65101" } else { "65000 65010 65101" };
        assert_eq!(told(&sim).as_deref(), Some(came), "{known}");
        let refused = sim.notifications.iter().any(|(from, words)| *from == WEST && words.contains("Bad Peer AS"));
        assert_eq!(refused, known == 65000);
    }
}

#[test]
fn without_dual_a_wrong_number_stays_wrong() {
    let keys = format!("{ALL}\nlocal-as = 65010");
    let mut sim = Sim::new(8, &configs([&keys, ALL], [65101, 65102], [65000, 65000], ["", ""]));
    sim.run_for(4 * MINUTE);
    assert_eq!(sim.established(HUB), 1);
}

#[test]
fn a_reload_resets_only_for_another_number() {
    let hub =
        |keys: &str| configs([&format!("{ALL}\n{keys}"), ALL], [65101, 65102], [65010, 65000], ["", ""])[HUB].clone();
    let local = |flags: &str| format!("local-as = {{ asn = 65010{flags} }}");
    let mut sim = established(Sim::new(
        8,
        &configs([&format!("{ALL}\n{}", local("")), ALL], [65101, 65102], [65010, 65000], ["", ""]),
    ));
    sim.host(WEST, loopback_added([100, 0, 0, 1]));
    sim.run_for(SOON);
    sim.notifications.clear();
    let (import, export) = ("p101: import: what it sent is looked at again", "p101: export: told what is another now");
    for (keys, changes, expected) in [
        (local(", prepend = false"), &[import][..], "65000 65101"),
        (local(", prepend = false, replace = true"), &[export], "65000 65101"),
        (local(", replace = true") + "\nallow-own-as = 1", &[import], "65000 65010 65101"),
        (local(", replace = true") + "\nallow-own-as = 1\nas-override = true", &[export], "65000 65010 65101"),
        (local(", replace = true") + "\nremove-private-as = true", &[import, export], "65000 65010 65101"),
    ] {
        assert_eq!(sim.reload(HUB, &hub(&keys)), changes, "{keys}");
        sim.run_for(SOON);
        assert_eq!(told(&sim).as_deref(), Some(expected), "{keys}");
    }
    assert!(sim.notifications.is_empty(), "no session ended");
    assert_eq!(sim.reload(HUB, &hub("local-as = 65011")), ["p101: session reset, as its parameters change"]);
}
