//! Every step of the decision process by itself, in both directions; circles of MED; the multipath set.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::decision::{Contender, DecisionConfig, Step, compare, rank};
use super::fixtures::{LOCAL_ASN, ip, local, peer, peer_with, route, with};
use crate::attributes::{AsPath, Origin, Reflection, Segment, SegmentKind};
use crate::net::{Asn, RouterId};
use crate::route::{NextHop, Route};

type Case = (&'static str, (Route, u32), (Route, u32), Step);

/// Pairs of which the first is better, by this step; where a later step could tell, it speaks for the second.
fn cases() -> Vec<Case> {
    let (low, high) = (peer(1, 65001), peer(2, 65001));
    let internal = peer(3, LOCAL_ASN.0);
    let short = || route(&high, &[65001]);
    let long = || route(&low, &[65001, 65009]);
    let set = with(route(&high, &[65001]), |a| {
        a.as_path.segments.push(Segment { kind: SegmentKind::Set, asns: vec![Asn(1), Asn(2), Asn(3)] });
    });
    let confederation = with(route(&high, &[65001]), |a| {
        a.as_path.segments.insert(0, Segment { kind: SegmentKind::ConfedSequence, asns: vec![Asn(1), Asn(2)] });
    });
    let same_address = |id, router_id| peer_with(id, 65001, router_id, ip("10.0.0.9"));
    let same_id = |id, address| peer_with(id, 65001, RouterId::new(9, 9, 9, 9), ip(address));
    let first = RouterId::new(1, 0, 0, 0);
    let by = |originator_id, clusters: &[RouterId]| {
        Some(Box::new(Reflection { originator_id, cluster_list: clusters.to_vec() }))
    };
    let inside = |id| peer_with(id, LOCAL_ASN.0, RouterId::new(9, 9, 9, 9), IpAddr::from([10, 0, 0, id]));
    vec![
        (
            "ours before any preference",
            (route(&local(), &[]), 0),
            (with(short(), |a| a.local_pref = Some(999)), 0),
            Step::Local,
        ),
        ("LOCAL_PREF before the path", (with(long(), |a| a.local_pref = Some(101)), 0), (short(), 0), Step::LocalPref),
        ("no LOCAL_PREF is 100", (short(), 0), (with(short(), |a| a.local_pref = Some(99)), 0), Step::LocalPref),
        ("shorter path", (with(short(), |a| a.origin = Origin::Incomplete), 0), (long(), 0), Step::AsPathLength),
        ("a set counts one", (set, 0), (route(&low, &[65001, 1, 2]), 0), Step::AsPathLength),
        ("confederations count nothing", (confederation, 0), (long(), 0), Step::AsPathLength),
        ("IGP before EGP", (short(), 9), (with(route(&low, &[65001]), |a| a.origin = Origin::Egp), 0), Step::Origin),
        (
            "EGP before incomplete",
            (with(short(), |a| a.origin = Origin::Egp), 9),
            (with(route(&low, &[65001]), |a| a.origin = Origin::Incomplete), 0),
            Step::Origin,
        ),
        ("no MED is the lowest", (short(), 9), (with(route(&low, &[65001]), |a| a.med = Some(1)), 0), Step::Med),
        (
            "MED of an internal peer's neighbour",
            (with(route(&internal, &[65001]), |a| a.med = Some(4)), 9),
            (with(route(&low, &[65001]), |a| a.med = Some(5)), 0),
            Step::Med,
        ),
        ("external before internal", (short(), 9), (route(&internal, &[65001]), 0), Step::External),
        ("nearer next hop", (short(), 4), (route(&low, &[65001]), 5), Step::InteriorCost),
        (
            "MED of another AS says nothing",
            (with(short(), |a| a.med = Some(5)), 0),
            (with(route(&peer(1, 65002), &[65002]), |a| a.med = Some(4)), 1),
            Step::InteriorCost,
        ),
        (
            "router id",
            (route(&same_address(8, RouterId::new(1, 0, 0, 0)), &[65001]), 0),
            (route(&same_address(7, RouterId::new(2, 0, 0, 0)), &[65001]), 0),
            Step::RouterId,
        ),
        (
            "the originator stands for the reflector",
            (with(route(&inside(8), &[65001]), |a| a.reflection = by(Some(first), &[])), 0),
            (route(&inside(7), &[65001]), 0),
            Step::RouterId,
        ),
        (
            "no cluster before one",
            (route(&inside(8), &[65001]), 0),
            (with(route(&inside(7), &[65001]), |a| a.reflection = by(None, &[first])), 0),
            Step::ClusterList,
        ),
        (
            "address, as a number and not as text",
            (route(&same_id(8, "10.0.0.9"), &[65001]), 0),
            (route(&same_id(7, "10.0.0.10"), &[65001]), 0),
            Step::PeerAddress,
        ),
    ]
}

fn contender((route, metric): &(Route, u32)) -> Contender<'_> {
    Contender { route, metric: *metric }
}

#[test]
fn each_step_decides_in_both_directions() {
    let config = DecisionConfig::default();
    for (name, better, worse, step) in &cases() {
        let (better, worse) = (contender(better), contender(worse));
        assert_eq!(compare(better, worse, &config), (Ordering::Less, *step), "{name}");
        assert_eq!(compare(worse, better, &config), (Ordering::Greater, *step), "{name}, the other way round");
        for (contenders, best) in [([better, worse], 0), ([worse, better], 1)] {
            let ranking = rank(&contenders, &config).expect("there are contenders");
            assert_eq!(ranking.best, best, "{name}");
            assert_eq!(ranking.lost[1 - best], Some((best, *step)), "{name}");
            assert_eq!(ranking.lost[best], None, "{name}");
        }
    }
}

#[test]
fn every_step_has_a_case() {
    let covered: Vec<Step> = cases().iter().map(|(.., step)| *step).collect();
    for step in Step::ALL {
        assert!(covered.contains(&step), "{step:?}");
    }
    assert!(Step::ALL.is_sorted(), "multipath relies on the order of steps");
}

#[test]
fn only_the_same_source_is_equal() {
    let only = route(&peer(1, 65001), &[65001]);
    let contender = Contender { route: &only, metric: 3 };
    assert_eq!(compare(contender, contender, &DecisionConfig::default()).0, Ordering::Equal);
    assert_eq!(rank(&[], &DecisionConfig::default()), None);
}

#[test]
fn where_the_path_names_no_neighbour_the_peer_is_it() {
    // Two internal peers that originated: both are of the local AS, so their MEDs compare. So do those of an external
    // peer that sends an AS_SET first and of one that names itself.
    let config = DecisionConfig::default();
    let internal = |id, med| with(route(&peer(id, LOCAL_ASN.0), &[]), |a| a.med = Some(med));
    let set = |id, med| {
        with(route(&peer(id, 65001), &[]), |a| {
            a.as_path = AsPath { segments: vec![Segment { kind: SegmentKind::Set, asns: vec![Asn(7)] }] };
            a.med = Some(med);
        })
    };
    let named = with(route(&peer(1, 65001), &[65001]), |a| a.med = Some(5));
    for (a, b) in [(internal(2, 4), internal(1, 5)), (set(2, 4), named)] {
        let (a, b) = (Contender { route: &a, metric: 0 }, Contender { route: &b, metric: 0 });
        assert_eq!(compare(a, b, &config), (Ordering::Less, Step::Med));
    }
}

/// In pairs, each of the three beats the next: by router id, by router id, by MED.
fn circle() -> [Route; 3] {
    [
        with(route(&peer(1, 65001), &[65001]), |a| a.med = Some(20)),
        with(route(&peer(2, 65002), &[65002]), |a| a.med = Some(30)),
        with(route(&peer(3, 65001), &[65001]), |a| a.med = Some(10)),
    ]
}

const PERMUTATIONS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[test]
fn a_circle_of_med_has_one_outcome_in_every_order() {
    let (routes, config) = (circle(), DecisionConfig::default());
    let contenders = routes.each_ref().map(|route| Contender { route, metric: 0 });
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        assert_eq!(compare(contenders[a], contenders[b], &config).0, Ordering::Less, "not a circle");
    }
    for order in PERMUTATIONS {
        let place = |index: usize| order.iter().position(|&other| other == index).expect("a permutation");
        let ranking = rank(&order.map(|index| contenders[index]), &config).expect("there are contenders");
        assert_eq!(ranking.best, place(1), "{order:?}");
        // What the explanation says: the third took the first out, then lost to the second.
        assert_eq!(ranking.lost[place(0)], Some((place(2), Step::Med)), "{order:?}");
        assert_eq!(ranking.lost[place(2)], Some((place(1), Step::RouterId)), "{order:?}");
    }
}

#[test]
fn med_can_be_ignored_or_compared_always() {
    let routes = circle();
    let contenders = routes.each_ref().map(|route| Contender { route, metric: 0 });
    let best = |config| rank(&contenders, &config).map(|ranking| ranking.best);
    assert_eq!(best(DecisionConfig { ignore_med: true, ..DecisionConfig::default() }), Some(0));
    assert_eq!(best(DecisionConfig { always_compare_med: true, ..DecisionConfig::default() }), Some(2));
}

/// The peers whose routes are in the multipath set, in its order.
fn multipath(routes: &[Route], metrics: &[u32], config: DecisionConfig) -> Vec<String> {
    let contenders: Vec<_> =
        routes.iter().zip(metrics).map(|(route, metric)| Contender { route, metric: *metric }).collect();
    let ranking = rank(&contenders, &config).expect("there are contenders");
    assert!(ranking.multipath.contains(&ranking.best), "the best is always in it");
    ranking.multipath.iter().map(|&index| routes[index].source.name().to_owned()).collect()
}

#[test]
fn multipath_takes_what_is_equal_through_step_e() {
    let wide = DecisionConfig { max_paths: 8, ..DecisionConfig::default() };
    let relaxed = DecisionConfig { multipath_relax: true, ..wide };
    let routes = [
        route(&peer(3, 65001), &[65001, 65009]),
        route(&peer(1, 65001), &[65001, 65009]),
        route(&peer(2, 65002), &[65002, 65009]),
        route(&peer(4, 65001), &[65001, 65008, 65009]),
        route(&peer(5, LOCAL_ASN.0), &[65001, 65009]),
        route(&peer(6, 65001), &[65001, 65009]),
    ];
    let metrics = [7, 7, 7, 7, 7, 8];
    assert_eq!(multipath(&routes, &metrics, wide), ["peer1", "peer3"]);
    assert_eq!(multipath(&routes, &metrics, relaxed), ["peer1", "peer2", "peer3"]);
    assert_eq!(multipath(&routes, &metrics, DecisionConfig { max_paths: 2, ..relaxed }), ["peer1", "peer2"]);
    for max_paths in [0, 1] {
        assert_eq!(multipath(&routes, &metrics, DecisionConfig { max_paths, ..relaxed }), ["peer1"]);
    }
}

#[test]
fn multipath_uses_a_next_hop_once_and_orders_by_it() {
    let config = DecisionConfig { max_paths: 2, ..DecisionConfig::default() };
    let via = |id, address| Route { next_hop: NextHop::Via(ip(address)), ..route(&peer(id, 65001), &[65001]) };
    let routes = [via(3, "10.9.0.1"), via(2, "10.9.0.2"), via(1, "10.9.0.2")];
    // The second has the best one's next hop; it must not take the place of the third.
    assert_eq!(multipath(&routes, &[0, 0, 0], config), ["peer3", "peer1"]);
}

#[test]
fn what_is_shared_out_is_equal_through_step_c() {
    let via = |source, path: &[u32], address| Route { next_hop: NextHop::Via(ip(address)), ..route(&source, path) };
    let routes = [
        via(peer(3, 65001), &[65001], "10.9.0.3"),
        via(peer(1, LOCAL_ASN.0), &[65002], "10.9.0.2"),
        via(peer(2, 65002), &[65002], "10.9.0.2"),
        via(peer(4, 65004), &[65004], "10.9.0.1"),
        via(peer(5, 65005), &[65005, 65009], "10.9.0.5"),
        with(via(peer(6, 65001), &[65001], "10.9.0.6"), |a| a.med = Some(1)),
    ];
    let metrics = [0, 0, 0, 7, 0, 0];
    let contenders: Vec<_> = routes.iter().zip(metrics).map(|(route, metric)| Contender { route, metric }).collect();
    let ranked =
        |diverse| rank(&contenders, &DecisionConfig { diverse, ..DecisionConfig::default() }).map(|r| r.diverse);
    // Whoever is nearer to us or outside is as good as any to somebody else; longer paths and higher MEDs are not.
    assert_eq!(ranked(true), Some(vec![3, 2, 0]));
    assert_eq!(ranked(false), Some(Vec::new()));
}
