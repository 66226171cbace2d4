//! What becomes of AS paths at a session, besides what policies do: which numbers are ours there, how often they may
//! stand in what a peer sends, and which numbers are not told to it.
//!
//! On the way in, after the import policy: `local-as` is put in front. On the way out, after the export policy and in this
//! order: private numbers go, the peer's own number becomes ours, and ours are put in front (RFC 4271 §5.1.2 b). So
//! policies see paths as they came, the peer's own number is never taken for a private one to be removed but always
//! overridden, and what a policy prepends of our AS stays.

use crate::attributes::{AsPath, SegmentKind};
use crate::net::Asn;
use crate::policy::AsnSet;
use crate::rib::Rejection;

/// What is configured of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsPathRules {
    /// How often our own AS may stand in a path that it sends.
    pub allow_own_as: u8,
    /// Whether it finds our AS where its own was.
    pub as_override: bool,
    /// What becomes of numbers for private use (RFC 6996); `None`: nothing.
    pub remove_private_as: Option<RemovePrivateAs>,
}

/// What becomes of AS numbers for private use. Those of both ends of the session stay: the receiver's so that it sees
/// its own loops, ours because only a policy can have put them there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovePrivateAs {
    /// Only those before the first other number.
    pub leading: bool,
    /// Our AS takes the place of each, so that paths stay as long as they are.
    pub replace: bool,
}

/// An AS that a peer believes us to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAs {
    /// Its number.
    pub asn: Asn,
    /// Whether it stands in front of the paths that the peer sends.
    pub prepend: bool,
    /// Whether the peer is told it in the place of the AS that we are in, and not in front of it.
    pub replace: bool,
    /// Whether the peer may know us by the AS that we are in.
    pub dual: bool,
}

/// Our AS numbers on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAses {
    /// The AS that we are in.
    pub router: Asn,
    /// The one that the peer believes us to be in, if that is another.
    pub local: Option<LocalAs>,
}

impl OwnAses {
    /// The number that stands for us in paths that the peer is told, wherever policies and rules put it.
    pub fn in_paths(self) -> Asn {
        self.local.filter(|local| local.replace).map_or(self.router, |local| local.asn)
    }

    /// The number that the peer knows us by: that of our OPEN.
    pub fn as_known(self) -> Asn {
        self.local.map_or(self.router, |local| local.asn)
    }

    fn contains(self, asn: Asn) -> bool {
        asn == self.router || self.local.is_some_and(|local| local.asn == asn)
    }
}

/// Why a path that came in is a loop (RFC 4271 §9.1.2), if it is one: either of our numbers stands in it. Numbers in sets
/// and in confederation segments count like others.
pub(super) fn own_as_fault(path: &AsPath, own: OwnAses, rules: AsPathRules) -> Option<Rejection> {
    let allowed = usize::from(rules.allow_own_as);
    [Some(own.router), own.local.map(|local| local.asn)].into_iter().flatten().find_map(|own| {
        let times = path.asns().filter(|asn| *asn == own).count();
        (times > allowed).then_some(Rejection::OwnAs { asn: own, times, allowed })
    })
}

/// Makes a path that leaves the export policy what an external peer is told.
pub(super) fn outgoing(path: &mut AsPath, rules: AsPathRules, own: OwnAses, receiver: Asn) {
    // An internal peer may be in a confederation; to an external one its segments are an error.
    path.leave_confederation();
    if let Some(how) = rules.remove_private_as {
        remove_private_as(path, how, own, receiver);
    }
    if rules.as_override {
        path.replace(own.in_paths(), |asn| asn == receiver);
    }
    path.prepend(own.in_paths(), 1);
    if let Some(local) = own.local.filter(|local| !local.replace) {
        path.prepend(local.asn, 1);
    }
}

fn remove_private_as(path: &mut AsPath, how: RemovePrivateAs, own: OwnAses, receiver: Asn) {
    let private = AsnSet::private();
    let goes = |asn: Asn| private.contains(asn) && !own.contains(asn) && asn != receiver;
    let ends = |asn: Asn| how.leading && !private.contains(asn) && !own.contains(asn);
    for segment in path.outside_mut() {
        let end = segment.asns.iter().position(|asn| ends(*asn));
        // A set has no order: what stands in one with another number stands as far behind as that.
        let reach = match (segment.kind, end) {
            (_, None) => segment.asns.len(),
            (SegmentKind::Sequence, Some(end)) => end,
            (SegmentKind::Set | SegmentKind::ConfedSequence | SegmentKind::ConfedSet, Some(_)) => 0,
        };
        let behind = segment.asns.split_off(reach);
        if how.replace {
            segment.replace(own.in_paths(), goes);
        } else {
            segment.asns.retain(|asn| !goes(*asn));
        }
        segment.asns.extend(behind);
        if end.is_some() {
            break;
        }
    }
    path.segments.retain(|segment| !segment.asns.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVER: Asn = Asn(65515);

    fn path(text: &str) -> AsPath {
        text.parse().expect(text)
    }

    fn own(asn: u32) -> OwnAses {
        OwnAses { router: Asn(asn), local: None }
    }

    /// AS 65000, for the peer AS 64999.
    fn with_local(replace: bool) -> OwnAses {
        OwnAses { local: Some(LocalAs { asn: Asn(64999), prepend: true, replace, dual: false }), ..own(65000) }
    }

    #[track_caller]
    fn told(rules: AsPathRules, own: OwnAses, cases: &[(&str, &str)]) {
        for (came, expected) in cases {
            let mut path = path(came);
            outgoing(&mut path, rules, own, RECEIVER);
            assert_eq!(path.to_string(), *expected, "{came}");
            assert!(path.segments.iter().all(|segment| !segment.asns.is_empty()), "{came}");
        }
    }

    fn overriding() -> AsPathRules {
        AsPathRules { as_override: true, ..AsPathRules::default() }
    }

    fn removing(leading: bool, replace: bool) -> AsPathRules {
        AsPathRules { remove_private_as: Some(RemovePrivateAs { leading, replace }), ..AsPathRules::default() }
    }

    #[test]
    fn our_as_may_come_back_as_often_as_it_may() {
        for (text, times) in [
            ("", 0),
            ("65101 1", 0),
            ("65101 65000", 1),
            ("65000 65101 65000 65000", 3),
            ("65101 {1,65000}", 1),
            ("65101 (65000 65001)", 1),
        ] {
            for allowed in 0..4 {
                let rules = AsPathRules { allow_own_as: allowed, ..AsPathRules::default() };
                let expected = Rejection::OwnAs { asn: Asn(65000), times, allowed: allowed.into() };
                let expected = (times > usize::from(allowed)).then_some(expected);
                assert_eq!(own_as_fault(&path(text), own(65000), rules), expected, "{text}, {allowed}");
            }
        }
    }

    #[test]
    fn each_of_our_numbers_counts_by_itself() {
        let rules = AsPathRules { allow_own_as: 1, ..AsPathRules::default() };
        for (text, asn) in
            [("65101 65000 64999", None), ("65101 65000 64999 65000", Some(65000)), ("65101 64999 64999", Some(64999))]
        {
            let expected = asn.map(|asn| Rejection::OwnAs { asn: Asn(asn), times: 2, allowed: 1 });
            assert_eq!(own_as_fault(&path(text), with_local(true), rules), expected, "{text}");
        }
    }

    #[test]
    fn a_peer_finds_our_as_where_its_own_was() {
        told(
            overriding(),
            own(65000),
            &[
                ("", "65000"),
                ("65101", "65000 65101"),
                ("65515", "65000 65000"),
                ("65515 65515 65101 65515", "65000 65000 65000 65101 65000"),
                // What a policy prepended.
                ("65000 65000 65515", "65000 65000 65000 65000"),
                // A set has each number once.
                ("65101 {65515,1}", "65000 65101 {1,65000}"),
                ("65101 {65000,65515}", "65000 65101 {65000}"),
                // Members of a confederation are no ASes, and nobody outside is told of them.
                ("(65515) 65101", "65000 65101"),
                ("(64512) [64513,64514] 65101 (64515)", "65000 65101"),
            ],
        );
    }

    #[test]
    fn every_private_number_goes() {
        told(
            removing(false, false),
            own(65000),
            &[
                ("", "65000"),
                ("65101", "65000"),
                ("65101 65102 65103", "65000"),
                ("64511 64512 65534 65535", "65000 64511 65535"),
                ("4199999999 4200000000 4294967294 4294967295", "65000 4199999999 4294967295"),
                ("65101 3356 65102 174", "65000 3356 174"),
                ("3356 {65101,65102}", "65000 3356"),
                ("3356 {65101,174}", "65000 3356 {174}"),
                // Those of both ends stay.
                ("65000 65000 65101", "65000 65000 65000"),
                ("65101 65515 3356", "65000 65515 3356"),
                ("(65101) 65102", "65000"),
            ],
        );
    }

    #[test]
    fn only_private_numbers_before_the_first_other_one_go() {
        told(
            removing(true, false),
            own(65000),
            &[
                ("65101 65102", "65000"),
                ("65101 3356 65102 174", "65000 3356 65102 174"),
                ("3356 65102", "65000 3356 65102"),
                ("65101 {65102,65103} 65104 3356 65105", "65000 3356 65105"),
                ("65101 {65102,3356} 65104", "65000 {3356,65102} 65104"),
                ("65101 {3356,65102} 65104", "65000 {3356,65102} 65104"),
                // Those of both ends are no others.
                ("65000 65101 65515 65102 3356 65103", "65000 65000 65515 3356 65103"),
                ("(64998) 65101 (64997) 3356", "65000 3356"),
            ],
        );
        // Our own may be a public one.
        told(removing(true, false), own(3320), &[("3320 3320 65101 3356 65102", "3320 3320 3320 3356 65102")]);
    }

    #[test]
    fn our_as_takes_the_place_of_private_ones() {
        let cases = [("65101 3356 65102", "3320 3320 3356 3320"), ("3356 {65101,65102,174}", "3320 3356 {174,3320}")];
        told(removing(false, true), own(3320), &cases);
        told(removing(true, true), own(3320), &[("65101 65515 3356 65102", "3320 3320 65515 3356 65102")]);
    }

    #[test]
    fn the_peers_private_number_is_overridden_and_not_removed() {
        let rules = AsPathRules { as_override: true, ..removing(false, false) };
        told(rules, own(65000), &[("65515 65101 3356 65515", "65000 65000 3356 65000")]);
    }

    #[test]
    fn a_local_as_stands_in_front_of_ours_or_in_its_place() {
        let plain = AsPathRules::default();
        told(plain, with_local(false), &[("", "64999 65000"), ("65101", "64999 65000 65101")]);
        told(plain, with_local(true), &[("", "64999"), ("65101", "64999 65101")]);
        // Nobody who believes us to be in 64999 alone gets to see the other number.
        told(overriding(), with_local(false), &[("65515", "64999 65000 65000")]);
        told(overriding(), with_local(true), &[("65515", "64999 64999")]);
        told(removing(false, true), with_local(true), &[("65101 3356", "64999 64999 3356")]);
        // Both are ours.
        told(removing(false, false), with_local(false), &[("65000 64999 65101", "64999 65000 65000 64999")]);
    }
}
