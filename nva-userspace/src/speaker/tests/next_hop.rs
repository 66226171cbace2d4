//! Next hops that must not be told, and decisions about them that must not leak.

use super::sim::Sim;
use super::{OPEN, SOON, established, path, speaker};
use crate::speaker::Peer;

const LEAF: usize = 0;
const HUB: usize = 1;
const OTHER: usize = 2;
const FAR: usize = 3;
const PREFIX: &str = "100.64.0.0/24";

/// A leaf teaches a hub, which tells another leaf and somebody several hops away.
fn network(leaf_import: &str, next_hop: &str) -> Sim {
    let policy = format!(
        "[[policy]]\nname = \"in\"\n[[policy.statement]]\nthen = {{ next-hop = \"{leaf_import}\", accept = true }}\n"
    );
    let told = format!("export = [\"all\"]\n{next_hop}");
    let far = format!("{told}\nmultihop = 8");
    let configs = [
        speaker(65101, 101, "", "", &[(10, 65000, OPEN)]),
        speaker(
            65000,
            10,
            "",
            &policy,
            &[(101, 65101, &format!("import = [\"in\"]\n{told}")), (102, 65102, &told), (4, 65515, &far)],
        ),
        speaker(65102, 102, "", "", &[(10, 65000, OPEN)]),
        speaker(65515, 4, "", "", &[(10, 65000, &format!("{OPEN}\nmultihop = 8"))]),
    ];
    established(Sim::new(1, &configs))
}

fn next_hop(sim: &Sim, of: usize) -> Option<String> {
    sim.received(of, HUB, PREFIX).map(|route| route.next_hop.to_string())
}

/// What `of` would be told but for the next hop.
fn withheld(sim: &Sim, of: usize) -> Vec<String> {
    let (peer, _) = sim.session(HUB, of).expect("a session");
    let established = sim.speakers[HUB].peer(peer).and_then(Peer::established).expect("established");
    established.withheld().map(|prefix| prefix.to_string()).collect()
}

/// One leaf announces another as the next hop.
#[test]
fn p5_nobody_is_told_to_send_to_himself() {
    for mode in ["", "next-hop = \"keep\""] {
        let mut sim = network("auto", mode);
        sim.announce(LEAF, HUB, PREFIX, "10.13.76.102", &path(&[65101]));
        sim.run_for(SOON);
        assert_eq!(next_hop(&sim, OTHER), None);
        assert_eq!(withheld(&sim, OTHER), [PREFIX]);
        let reason = sim.exported(HUB, OTHER, PREFIX).expect_err("withheld");
        assert_eq!(reason, "the next hop 10.13.76.102 is the receiving peer itself (RFC 4271 §5.1.3)");
        let to_far = if mode.is_empty() { "10.13.76.10" } else { "10.13.76.102" };
        assert_eq!(next_hop(&sim, FAR).as_deref(), Some(to_far));

        sim.announce(LEAF, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
        sim.run_for(SOON);
        assert_eq!(next_hop(&sim, OTHER).as_deref(), Some("10.13.76.101"));
        assert_eq!(withheld(&sim, OTHER), [""; 0]);

        sim.announce(LEAF, HUB, PREFIX, "10.13.76.102", &path(&[65101]));
        sim.withdraw(LEAF, HUB, PREFIX);
        sim.run_for(SOON);
        assert_eq!(withheld(&sim, OTHER), [""; 0], "there is nothing left to withhold");
    }
}

/// `keep` of an import policy is about what comes in.
#[test]
fn p1_an_inbound_keep_does_not_leak_into_what_is_told() {
    let mut sim = network("keep", "");
    sim.announce(LEAF, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim.run_for(SOON);
    assert_eq!(next_hop(&sim, FAR).as_deref(), Some("10.13.76.10"), "auto to a multihop peer is ourselves");
}

#[test]
fn an_inbound_address_replaces_the_received_one_for_good() {
    let mut sim = network("peer-address", "next-hop = \"keep\"");
    sim.announce(LEAF, HUB, PREFIX, "10.13.76.77", &path(&[65101]));
    sim.run_for(SOON);
    assert_eq!(next_hop(&sim, FAR).as_deref(), Some("10.13.76.101"));
    assert_eq!(sim.kernel(HUB)[PREFIX], ["10.13.76.101"]);
    let received = sim.received(HUB, LEAF, PREFIX).expect("kept as it came");
    assert_eq!(received.next_hop.to_string(), "10.13.76.77");
}

/// The one that the operator wrote is at fault, not the one that came in.
#[test]
fn an_inbound_address_of_our_own_is_the_one_that_is_named() {
    let mut sim = network("10.13.76.10", "");
    sim.announce(LEAF, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim.run_for(SOON);
    let candidates = sim.speakers[HUB].rib().candidates(PREFIX.parse().expect("a prefix"));
    assert_eq!(candidates[0].standing.to_string(), "next hop 10.13.76.10 is an address of our own");
}

#[test]
fn p3_a_next_hop_alone_is_reason_enough_to_tell_again() {
    let mut sim = network("auto", "next-hop = \"keep\"");
    for last in ["101", "77", "101"] {
        let address = format!("10.13.76.{last}");
        sim.announce(LEAF, HUB, PREFIX, &address, &path(&[65101]));
        sim.run_for(SOON);
        assert_eq!(next_hop(&sim, FAR), Some(address));
    }
}
