//! Internal peers, what crosses the border of an AS, and well-known communities.
//!
//! East (65001) – a – b – c (65000, but a and c are no peers) and b – west (65009).

use super::sim::{Sim, loopback_added};
use super::{OPEN, SOON, established, path, speaker};
use crate::attributes::{Community, LargeCommunity, Partial, PathAttributes, Reflection};

const EAST: usize = 0;
const A: usize = 1;
const B: usize = 2;
const C: usize = 3;
const WEST: usize = 4;
const PREFIX: &str = "100.64.0.0/24";

fn network(b_to_west: &str) -> Sim {
    let prefer = "[[policy]]\nname = \"prefer\"\n[[policy.statement]]\nthen = { local-pref = 200, accept = true }\n\
                  [[policy]]\nname = \"med\"\n[[policy.statement]]\nthen = { med = 7, local-pref = 9, accept = true }\n";
    let inside = "";
    let configs = [
        speaker(65001, 1, "", "", &[(10, 65000, "")]),
        speaker(65000, 10, "", prefer, &[(1, 65001, "import = [\"prefer\"]"), (20, 65000, inside)]),
        speaker(65000, 20, "", prefer, &[(10, 65000, inside), (30, 65000, inside), (9, 65009, b_to_west)]),
        speaker(65000, 30, "", "", &[(20, 65000, inside)]),
        speaker(65009, 9, "", "", &[(20, 65000, OPEN)]),
    ];
    established(Sim::new(3, &configs))
}

fn announced(b_to_west: &str, attributes: &PathAttributes) -> Sim {
    let mut sim = network(b_to_west);
    sim.announce(EAST, A, PREFIX, "10.13.76.1", attributes);
    sim.run_for(SOON);
    sim
}

fn with_med() -> PathAttributes {
    PathAttributes { med: Some(50), ..path(&[65001]) }
}

#[test]
fn an_internal_peer_is_told_the_route_as_it_is() {
    let sim = announced(OPEN, &with_med());
    let route = sim.received(B, A, PREFIX).expect("told");
    assert_eq!(route.next_hop.to_string(), "10.13.76.1", "RFC 4271 §5.1.3 item 1");
    assert_eq!(*route.attributes, PathAttributes { local_pref: Some(200), ..with_med() });
}

#[test]
fn internal_routes_are_not_reflected() {
    let sim = announced(OPEN, &with_med());
    assert!(sim.received(C, B, PREFIX).is_none(), "RFC 4271 §9.2");
    let reason = sim.exported(B, C, PREFIX).expect_err("not told");
    assert_eq!(reason, "internal routes are not told to internal peers");
}

#[test]
fn at_the_border_the_path_grows_and_what_is_internal_stays() {
    let sim = announced(OPEN, &with_med());
    let route = sim.received(WEST, B, PREFIX).expect("told");
    assert_eq!(*route.attributes, path(&[65000, 65001]), "neither LOCAL_PREF nor a foreign MED");
    assert_eq!(route.next_hop.to_string(), "10.13.76.1", "third party: all on one subnet");
}

#[test]
fn a_med_of_our_own_goes_out() {
    let sim = announced("export = [\"med\"]", &with_med());
    let route = sim.received(WEST, B, PREFIX).expect("told");
    assert_eq!(*route.attributes, PathAttributes { med: Some(7), ..path(&[65000, 65001]) });
}

#[test]
fn our_own_route_has_an_empty_path_inside_and_a_default_preference() {
    let mut sim = network(OPEN);
    sim.host(B, loopback_added([100, 0, 0, 2]));
    sim.run_for(SOON);
    for inside in [A, C] {
        let route = sim.received(inside, B, "100.0.0.2/32").expect("told");
        assert_eq!(*route.attributes, PathAttributes { local_pref: Some(100), ..path(&[]) });
        assert_eq!(route.next_hop.to_string(), "10.13.76.20");
    }
    let route = sim.received(WEST, B, "100.0.0.2/32").expect("told");
    assert_eq!(*route.attributes, path(&[65000]));
}

/// A reflector (here A) passes internal routes on, and says whose they were: RFC 4456 §8.
#[test]
fn a_reflected_route_is_used_unless_it_was_ours_and_the_border_shows_nothing_of_it() {
    let reflected = |originator: [u8; 4]| PathAttributes {
        reflection: Some(Box::new(Reflection {
            originator_id: Some(originator.into()),
            cluster_list: vec![[10, 13, 76, 10].into()],
        })),
        ..path(&[65001])
    };
    let mut sim = network(OPEN);
    sim.announce(A, B, PREFIX, "10.13.76.1", &reflected([10, 13, 76, 77]));
    sim.announce(A, B, "100.64.1.0/24", "10.13.76.1", &reflected([10, 13, 76, 20]));
    sim.run_for(SOON);
    let inside = sim.received(B, A, PREFIX).expect("told");
    assert_eq!(inside.attributes.reflection, reflected([10, 13, 76, 77]).reflection);
    let outside = sim.received(WEST, B, PREFIX).expect("told");
    assert_eq!(*outside.attributes, path(&[65000, 65001]));
    assert_eq!(sim.received(WEST, B, "100.64.1.0/24"), None);
    let own = "100.64.1.0/24".parse().expect("a prefix");
    let candidates = sim.speakers[B].rib().candidates(own);
    assert_eq!(candidates[0].standing.to_string(), "our own router id 10.13.76.20 is its originator");
}

/// RFC 1997: who is told a route with a well-known community.
#[test]
fn well_known_communities_are_obeyed() {
    for (community, inside, outside) in [
        (Community::new(65001, 1), true, true),
        (Community::NO_EXPORT, true, false),
        (Community::NO_EXPORT_SUBCONFED, true, false),
        (Community::NO_ADVERTISE, false, false),
    ] {
        let sim = announced(OPEN, &PathAttributes { communities: vec![community], ..path(&[65001]) });
        assert_eq!(sim.loc_rib(A).len(), 1, "{community}");
        assert_eq!(sim.received(B, A, PREFIX).is_some(), inside, "{community}");
        assert_eq!(sim.received(WEST, B, PREFIX).is_some(), outside, "{community}");
    }
}

/// RFC 4360 §6: what is not transitive stays in the AS; all else goes through it, Partial bits included.
#[test]
fn extended_and_large_communities_pass_the_border_if_they_may() {
    let [target, bandwidth] = ["rt:65001:1", "0x4004fde94b3ebc20"].map(|text| text.parse().expect(text));
    let attributes = PathAttributes {
        extended_communities: vec![target, bandwidth],
        large_communities: vec![LargeCommunity::new(65001, 1, 2)],
        partial: Partial { extended_communities: true, large_communities: true, ..Partial::default() },
        ..path(&[65001])
    };
    let sim = announced(OPEN, &attributes);
    let inside = sim.received(B, A, PREFIX).expect("told");
    assert_eq!(*inside.attributes, PathAttributes { local_pref: Some(200), ..attributes.clone() });
    let outside = sim.received(WEST, B, PREFIX).expect("told");
    let expected =
        PathAttributes { extended_communities: vec![target], as_path: path(&[65000, 65001]).as_path, ..attributes };
    assert_eq!(*outside.attributes, expected);
}

#[test]
fn loops_and_foreign_first_ases_are_refused() {
    for (asns, reason) in [
        (&[65001, 65000][..], "our own AS 65000 is in the AS path"),
        (&[65002, 65001], "does not begin with the peer's AS 65001"),
        (&[], "does not begin with the peer's AS 65001"),
    ] {
        let sim = announced(OPEN, &path(asns));
        assert!(sim.loc_rib(A).is_empty(), "{asns:?}");
        let candidates = sim.speakers[A].rib().candidates(PREFIX.parse().expect("a prefix"));
        let standing = candidates[0].standing.to_string();
        assert!(standing.contains(reason), "{standing}");
    }
}
