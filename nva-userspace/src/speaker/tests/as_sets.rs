//! AS_SET and AS_CONFED_SET: nobody is to send them (RFC 9774), and whoever is still sent them may say so.

use super::sim::Sim;
use super::{OPEN, SOON, established, path, speaker};
use crate::attributes::{AsPath, PathAttributes, Segment, SegmentKind};
use crate::net::Asn;
use crate::packet::iana::capability;

const WEST: usize = 0;
const HUB: usize = 1;
const EAST: usize = 2;
const INSIDE: usize = 3;
const PREFIX: &str = "100.64.0.0/24";
const REASON: &str = "an AS_SET or AS_CONFED_SET is in the AS path (RFC 9774, allow-as-sets)";

/// A hub with two external peers and an internal one, and what is said about each of the three.
fn hub(west: &str, east: &str, inside: &str) -> String {
    let peer = |more: &str| format!("{OPEN}\n{more}");
    speaker(65000, 84, "", "", &[(101, 65101, &peer(west)), (102, 65102, &peer(east)), (103, 65000, &peer(inside))])
}

fn network(hub: String, two_octets: bool) -> Sim {
    let other = |asn, last| speaker(asn, last, "", "", &[(84, 65000, &format!("{OPEN}\nallow-as-sets = true"))]);
    let mut sim = Sim::new(1, &[other(65101, 101), hub, other(65102, 102), other(65000, 103)]);
    if two_octets {
        sim.unsaid.insert((WEST, HUB, capability::FOUR_OCTET_AS));
    }
    established(sim)
}

fn ending_in(first: &[u32], kind: SegmentKind) -> PathAttributes {
    let mut attributes = path(first);
    attributes.as_path.segments.push(Segment { kind, asns: vec![Asn(64512), Asn(64513)] });
    attributes
}

fn standing(sim: &Sim) -> String {
    sim.speakers[HUB].rib().candidates(PREFIX.parse().expect("a prefix"))[0].standing.to_string()
}

fn counted(sim: &Sim, from: usize) -> u64 {
    let (peer, _) = sim.session(HUB, from).expect("a session");
    sim.speakers[HUB].peer(peer).expect("a peer").as_set_updates()
}

#[test]
fn a_route_with_a_set_counts_as_withdrawn_and_says_why() {
    let mut sim = network(hub("", "", ""), false);
    sim.announce(WEST, HUB, PREFIX, "10.13.76.101", &path(&[65101]));
    sim.run_for(SOON);
    assert!(sim.received(EAST, HUB, PREFIX).is_some());
    sim.announce(WEST, HUB, PREFIX, "10.13.76.101", &ending_in(&[65101], SegmentKind::Set));
    sim.run_for(SOON);
    assert_eq!(standing(&sim), REASON);
    assert_eq!(sim.received(EAST, HUB, PREFIX), None, "what was told before is withdrawn");
    assert_eq!((counted(&sim, WEST), counted(&sim, EAST)), (1, 0));
    assert_eq!(sim.established(HUB), 3, "and every session goes on");
}

#[test]
fn a_confederation_set_of_an_internal_peer_is_none_the_better() {
    let mut sim = network(hub("", "", ""), false);
    sim.announce(INSIDE, HUB, PREFIX, "10.13.76.103", &ending_in(&[], SegmentKind::ConfedSet));
    sim.run_for(SOON);
    assert_eq!(standing(&sim), REASON);
    assert_eq!(counted(&sim, INSIDE), 1);
}

/// AS4_PATH counts also where it is not merged into the path: here it has more hops than that.
#[test]
fn a_set_in_as4_path_counts_whatever_becomes_of_it() {
    for (numbers, hops) in
        [("0201 0000fe4d 0101 00011170", "merged"), ("0203 0000fe4d 0000fe4d 0000fe4d 0101 00000001", "ignored")]
    {
        let mut sim = network(hub("", "", ""), true);
        let as4 = octets(numbers);
        sim.inject(WEST, HUB, |_, out| {
            let path = [&[0x40, 2, 6, 2, 2][..], &65101_u16.to_be_bytes(), &23456_u16.to_be_bytes()].concat();
            let next_hop = [0x40, 3, 4, 10, 13, 76, 101];
            let length = u8::try_from(as4.len()).expect("short");
            let attributes = [&[0x40, 1, 1, 0][..], &path, &next_hop, &[0xc0, 17, length], &as4].concat();
            let nlri = [24, 100, 64, 0];
            let total = u16::try_from(19 + 4 + attributes.len() + nlri.len()).expect("short");
            let field = u16::try_from(attributes.len()).expect("short");
            out.extend([0xff; 16]);
            out.extend(total.to_be_bytes());
            out.extend([2, 0, 0]);
            out.extend(field.to_be_bytes());
            out.extend(attributes);
            out.extend(nlri);
        });
        assert_eq!(standing(&sim), REASON, "{hops}");
        assert_eq!(counted(&sim, WEST), 1, "{hops}");
    }
}

fn octets(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("octets")).collect()
}

/// Who still lives with sets says so, for each peer; a change of mind needs no new session and no new UPDATE.
#[test]
fn allow_as_sets_takes_them_in_and_passes_them_on_to_those_who_allow_them_too() {
    let allow = "allow-as-sets = true";
    let mut sim = network(hub(allow, "", allow), false);
    sim.announce(WEST, HUB, PREFIX, "10.13.76.101", &ending_in(&[65101], SegmentKind::Set));
    sim.run_for(SOON);
    assert_eq!(counted(&sim, WEST), 0);
    assert_eq!(sim.received(EAST, HUB, PREFIX), None, "RFC 9774 §3: it must not be told");
    assert_eq!(sim.exported(HUB, EAST, PREFIX).expect_err("not told"), REASON);
    let inside = sim.received(INSIDE, HUB, PREFIX).expect("told");
    assert_eq!(inside.attributes.as_path.to_string(), "65101 {64512,64513}");

    let changes = sim.reload(HUB, &hub(allow, allow, allow));
    assert_eq!(changes.len(), 2, "what comes in and what goes out: {changes:?}");
    sim.run_for(SOON);
    let east = sim.received(EAST, HUB, PREFIX).expect("told");
    assert_eq!(east.attributes.as_path.to_string(), "65000 65101 {64512,64513}");

    sim.reload(HUB, &hub("", allow, allow));
    sim.run_for(SOON);
    assert_eq!(standing(&sim), REASON);
    assert_eq!(sim.received(EAST, HUB, PREFIX), None);
    assert_eq!(sim.established(HUB), 3);
}

/// The policy sees the path before it is judged: what has no set any more may go out.
#[test]
fn a_policy_may_take_the_set_out() {
    let strip = "[[policy]]\nname = \"strip\"\n[[policy.statement]]\n\
                 then = { remove-as = [64512, 64513], accept = true }\n";
    let peers = [
        (101, 65101, "import = [\"all\"]\nallow-as-sets = true"),
        (102, 65102, "export = [\"strip\"]"),
        (103, 65000, ""),
    ];
    let mut sim = network(speaker(65000, 84, "", strip, &peers), false);
    sim.announce(WEST, HUB, PREFIX, "10.13.76.101", &ending_in(&[65101], SegmentKind::Set));
    sim.run_for(SOON);
    let east = sim.received(EAST, HUB, PREFIX).expect("told");
    assert_eq!(east.attributes.as_path, AsPath::sequence([Asn(65000), Asn(65101)]));
}
