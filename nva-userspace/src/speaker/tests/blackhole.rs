//! The community BLACKHOLE (RFC 7999): obeyed where an import policy permits it, and nowhere else.

use super::sim::Sim;
use super::{OPEN, SOON, established, path, speaker};
use crate::attributes::{Community, PathAttributes};
use crate::host::RouteKind;
use crate::route::NextHop;

const VICTIM_OF: usize = 0;
const HUB: usize = 1;
const OTHER: usize = 2;
const INSIDE: usize = 3;
const VICTIM: &str = "203.0.113.66/32";

/// Permits what is in the neighbour's own range, and only single addresses.
const POLICY: &str = "[[policy]]\nname = \"drop\"\n[[policy.statement]]\n\
    match = { prefixes = \"203.0.113.0/24 ge 32\", communities = \"blackhole\" }\n\
    then = { honour-blackhole = true, accept = true }\n[[policy.statement]]\nthen = { accept = true }\n";

fn hub(import: &str) -> String {
    let from = format!("import = [{import:?}]\nexport = [\"all\"]");
    speaker(65000, 84, "multipath-relax = true", POLICY, &[(101, 65101, &from), (102, 65102, OPEN), (103, 65000, OPEN)])
}

fn network(import: &str) -> Sim {
    let other = |asn, last| speaker(asn, last, "", "", &[(84, 65000, OPEN)]);
    established(Sim::new(1, &[other(65101, 101), hub(import), other(65102, 102), other(65000, 103)]))
}

fn tagged(communities: &[Community]) -> PathAttributes {
    PathAttributes { communities: communities.to_vec(), ..path(&[65101]) }
}

fn announce(sim: &mut Sim, prefix: &str, communities: &[Community]) {
    sim.announce(VICTIM_OF, HUB, prefix, "10.13.76.101", &tagged(communities));
    sim.run_for(SOON);
}

/// What the kernel does by our route: the gateways, or `blackhole`.
fn kernel(sim: &Sim, prefix: &str) -> Option<String> {
    let route = sim.speakers[HUB].host().best_route(prefix.parse().expect("a prefix"))?;
    match route.kind {
        RouteKind::Blackhole => Some("blackhole".to_owned()),
        _ => sim.kernel(HUB).get(prefix).map(|gateways| gateways.join(" ")),
    }
}

#[test]
fn packets_are_dropped_while_it_is_announced_and_forwarded_before_and_after() {
    let mut sim = network("drop");
    announce(&mut sim, VICTIM, &[]);
    assert_eq!(kernel(&sim, VICTIM).as_deref(), Some("10.13.76.101"));
    announce(&mut sim, VICTIM, &[Community::BLACKHOLE]);
    assert_eq!(kernel(&sim, VICTIM).as_deref(), Some("blackhole"));
    announce(&mut sim, "203.0.113.67/32", &[]);
    assert_eq!(kernel(&sim, "203.0.113.67/32").as_deref(), Some("10.13.76.101"), "its neighbour");
    announce(&mut sim, VICTIM, &[]);
    assert_eq!(kernel(&sim, VICTIM).as_deref(), Some("10.13.76.101"));
    announce(&mut sim, VICTIM, &[Community::BLACKHOLE]);
    sim.withdraw(VICTIM_OF, HUB, VICTIM);
    assert_eq!(kernel(&sim, VICTIM), None);
}

#[test]
fn what_the_policy_does_not_permit_is_forwarded() {
    for (import, prefix) in [("all", VICTIM), ("drop", "203.0.113.64/26"), ("drop", "198.51.100.1/32")] {
        let mut sim = network(import);
        announce(&mut sim, prefix, &[Community::BLACKHOLE]);
        assert_eq!(kernel(&sim, prefix).as_deref(), Some("10.13.76.101"), "{import} {prefix}");
        let told = sim.received(OTHER, HUB, prefix).expect("told");
        assert_eq!(told.attributes.communities, [Community::BLACKHOLE], "passed on as it came");
    }
}

/// A change of the policy is enough; no session ends and nobody announces anything again.
#[test]
fn permission_comes_and_goes_with_a_reload() {
    let mut sim = network("all");
    announce(&mut sim, VICTIM, &[Community::BLACKHOLE]);
    for (import, expected) in [("drop", "blackhole"), ("all", "10.13.76.101")] {
        sim.reload(HUB, &hub(import));
        sim.run_for(SOON);
        assert_eq!(kernel(&sim, VICTIM).as_deref(), Some(expected));
    }
    assert_eq!(sim.established(HUB), 3);
}

/// RFC 7999 §3.2: it stays in our AS, where others may drop as well, unless it says that nobody is to know.
#[test]
fn nobody_outside_is_told() {
    for (communities, expected) in [
        (&[Community::BLACKHOLE][..], Some(vec![Community::BLACKHOLE, Community::NO_EXPORT])),
        (&[Community::BLACKHOLE, Community::NO_EXPORT], Some(vec![Community::BLACKHOLE, Community::NO_EXPORT])),
        (&[Community::BLACKHOLE, Community::NO_ADVERTISE], None),
    ] {
        let mut sim = network("drop");
        announce(&mut sim, VICTIM, communities);
        assert_eq!(sim.received(OTHER, HUB, VICTIM), None);
        let inside = sim.received(INSIDE, HUB, VICTIM);
        assert_eq!(inside.as_ref().map(|route| route.attributes.communities.clone()), expected);
        // With the next hop that it came with, for those who do not drop.
        let next_hop = NextHop::Via([10, 13, 76, 101].into());
        assert!(inside.is_none_or(|route| route.next_hop == next_hop));
        assert_eq!(kernel(&sim, VICTIM).as_deref(), Some("blackhole"));
    }
}

/// Beside equal routes that lead somewhere, the best one decides; what is not used is dropped by nobody.
#[test]
fn the_best_route_decides() {
    let mut sim = network("drop");
    let other = |sim: &mut Sim, asns: &[u32]| {
        sim.announce(OTHER, HUB, VICTIM, "10.13.76.102", &path(asns));
        sim.run_for(SOON);
    };
    other(&mut sim, &[65102]);
    announce(&mut sim, VICTIM, &[Community::BLACKHOLE]);
    assert_eq!(kernel(&sim, VICTIM).as_deref(), Some("blackhole"), "as good, and of the lower router id");
    other(&mut sim, &[]);
    assert_eq!(kernel(&sim, VICTIM).as_deref(), Some("blackhole"), "refused: the first AS is not the peer's");
    sim.announce(
        VICTIM_OF,
        HUB,
        VICTIM,
        "10.13.76.101",
        &PathAttributes { communities: vec![Community::BLACKHOLE], ..path(&[65101, 65101]) },
    );
    other(&mut sim, &[65102]);
    assert_eq!(kernel(&sim, VICTIM).as_deref(), Some("10.13.76.102"), "a shorter path");
}

/// Nothing has to lead to a next hop through which nothing goes.
#[test]
fn the_next_hop_need_not_be_reachable() {
    let far = "import = [\"drop\"]\nexport = [\"all\"]\nmultihop = 8";
    let hub = speaker(65000, 84, "", POLICY, &[(101, 65101, far)]);
    let mut sim = Sim::new(1, &[speaker(65101, 101, "", "", &[(84, 65000, OPEN)]), hub]);
    sim = established(sim);
    sim.host(
        HUB,
        crate::host::HostEvent::RouteRemoved(super::sim::route("0.0.0.0/0", Some("10.13.76.1"), super::sim::ETH0)),
    );
    sim.announce(VICTIM_OF, HUB, VICTIM, "192.0.2.1", &tagged(&[Community::BLACKHOLE]));
    sim.run_for(SOON);
    assert_eq!(kernel(&sim, VICTIM).as_deref(), Some("blackhole"));
}
