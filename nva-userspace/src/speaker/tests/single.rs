//! One speaker under a magnifying glass, with a neighbour on the other side of each rule.

use std::time::Duration;

use super::path;
use super::sim::{Sim, loopback_added};
use crate::rib::Standing;

const SECONDS_30: Duration = Duration::from_secs(30);

fn pair(left: &str, right: &str, left_policies: &str, right_policies: &str) -> Vec<String> {
    let one = |own: &str, own_asn: u32, other: &str, other_asn: u32, peer: &str, extra: &str| {
        format!(
            "[router]\nasn = {own_asn}\nrouter-id = \"{own}\"\n[originate]\ninterfaces = [\"lo\"]\n{extra}\n\
             [[policy]]\nname = \"all\"\n[[policy.statement]]\nthen = {{ accept = true }}\n\
             [[peer]]\nname = \"other\"\naddress = \"{other}\"\nasn = {other_asn}\n{peer}\n"
        )
    };
    vec![
        one("10.13.76.10", 65001, "10.13.76.20", 65002, left_policies, left),
        one("10.13.76.20", 65002, "10.13.76.10", 65001, right_policies, right),
    ]
}

fn up(configs: &[String]) -> Sim {
    let mut sim = Sim::new(7, configs);
    sim.run_until("the session", SECONDS_30, |sim| sim.established(0) == 1 && sim.established(1) == 1);
    sim
}

#[test]
fn without_policies_external_peers_exchange_nothing() {
    let mut sim = up(&pair("", "", "", ""));
    sim.host(0, loopback_added([100, 0, 0, 1]));
    sim.run_for(SECONDS_30);
    assert_eq!(sim.learned(1, 0), [], "RFC 8212: no export without a policy");
}

#[test]
fn a_rejected_route_is_kept_with_its_reason() {
    let mut sim = up(&pair("", "", "export = [\"all\"]", ""));
    sim.host(0, loopback_added([100, 0, 0, 1]));
    sim.run_until("the announcement", SECONDS_30, |sim| sim.learned(1, 0).len() == 1);
    assert!(sim.loc_rib(1).is_empty(), "RFC 8212: no import without a policy");
    let prefix = "100.0.0.1/32".parse().expect("a prefix");
    let candidates = sim.speakers[1].rib().candidates(prefix);
    assert!(matches!(candidates[0].standing, Standing::Rejected(_)));
    assert_eq!(candidates[0].standing.to_string(), "no statement matched (default: reject, RFC 8212)");
}

/// Shorter prefixes that begin with the same address may be one half of everything.
#[test]
fn a_prefix_without_machines_behind_a_router_is_rejected() {
    let mut sim = up(&pair("", "", "", "import = [\"all\"]"));
    for (prefix, expected) in [
        ("0.0.0.0/8", "0.0.0.0/8 is reserved for machines that do not know their network (RFC 4271 §6.3)"),
        ("224.1.0.0/16", "224.1.0.0/16 is reserved for multicast (RFC 4271 §6.3)"),
        ("0.0.0.0/0", "best"),
        ("0.0.0.0/1", "best"),
    ] {
        sim.announce(0, 1, prefix, "10.13.76.10", &path(&[65001]));
        sim.run_for(SECONDS_30);
        let candidates = sim.speakers[1].rib().candidates(prefix.parse().expect("a prefix"));
        assert_eq!(candidates[0].standing.to_string(), expected);
    }
}

#[test]
fn what_a_peer_taught_is_not_taught_back() {
    let both = "import = [\"all\"]\nexport = [\"all\"]";
    let mut sim = up(&pair("", "", both, both));
    sim.host(0, loopback_added([100, 0, 0, 1]));
    sim.run_until("the announcement", SECONDS_30, |sim| !sim.loc_rib(1).is_empty());
    sim.run_for(SECONDS_30);
    assert_eq!(sim.learned(0, 1), []);
    let peer = sim.speakers[1].peer_of_address([10, 13, 76, 10].into()).expect("a peer");
    let told = sim.speakers[1].exported(peer, "100.0.0.1/32".parse().expect("a prefix"));
    let reason = told.expect("there is a route").expect_err("not told").to_string();
    assert_eq!(reason, "learned from this peer");
}

#[test]
fn an_export_policy_sets_communities() {
    let mark = "[[policy]]\nname = \"mark\"\n[[policy.statement]]\n\
                then = { set-communities = [\"no-export\", \"65001:7\"], accept = true }";
    let mut sim = up(&pair(mark, "", "export = [\"mark\"]", "import = [\"all\"]"));
    sim.host(0, loopback_added([100, 0, 0, 1]));
    sim.run_until("the announcement", SECONDS_30, |sim| !sim.loc_rib(1).is_empty());
    let prefix = "100.0.0.1/32".parse().expect("a prefix");
    let selected = sim.speakers[1].rib().selected(prefix).expect("selected");
    let communities: Vec<String> = selected.best.attributes.communities.iter().map(ToString::to_string).collect();
    assert_eq!(communities, ["65001:7", "no-export"]);
}
