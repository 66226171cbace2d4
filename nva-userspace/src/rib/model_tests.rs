//! The RIB against a model that recomputes everything from scratch by the letter of the RFC, and by example.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::fixtures::{Everywhere, LOCAL_ASN, Metrics, ip, local, peer, prefix, route, with};
use super::*;
use crate::attributes::{AsPath, Origin};
use crate::net::Asn;
use crate::route::{NextHop, Source, SourceKind};

const PREFIXES: [&str; 6] =
    ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.1/32", "2001:db8::/32", "2001:db8::1/128"];
const NEXT_HOPS: [&str; 3] = ["10.9.0.1", "10.9.0.2", "10.9.0.3"];

/// Ourselves, three external peers in two ASes and two internal ones.
fn sources() -> [Arc<Source>; 6] {
    [local(), peer(1, 65001), peer(2, 65001), peer(3, 65002), peer(4, LOCAL_ASN.0), peer(5, LOCAL_ASN.0)]
}

/// What a source says, with the import result.
type Held = BTreeMap<(Prefix, Option<PeerId>), (Route, Import)>;

#[derive(Clone, Debug)]
enum Op {
    Update(Box<(Route, Import)>),
    Withdraw(Prefix, Option<PeerId>),
    WithdrawPeer(PeerId),
    /// Next hops change, and those prefixes are decided again that this may concern, or all.
    Metrics(Metrics, bool),
    /// The import policy of a source changes: it sets this LOCAL_PREF, or rejects.
    Reimport(Option<PeerId>, Option<u32>),
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    prop::sample::select(PREFIXES.to_vec()).prop_map(prefix)
}

fn any_source() -> impl Strategy<Value = Arc<Source>> {
    prop::sample::select(sources().to_vec())
}

fn any_route() -> impl Strategy<Value = Route> {
    let paths: Vec<Vec<u32>> = vec![vec![], vec![65001], vec![65002], vec![65001, 7], vec![65002, 7], vec![65001, 8]];
    let attributes = (
        prop::sample::select(paths),
        prop::option::weighted(0.2, 99..102_u32),
        prop::sample::select(vec![Origin::Igp, Origin::Igp, Origin::Igp, Origin::Egp]),
        prop::option::of(0..3_u32),
    );
    (any_prefix(), any_source(), attributes, prop::sample::select(NEXT_HOPS.to_vec())).prop_map(
        |(prefix, source, (path, local_pref, origin, med), next_hop)| {
            let next_hop = if source.is_local() { NextHop::Own } else { NextHop::Via(ip(next_hop)) };
            let route = with(route(&source, &[]), |a| {
                a.as_path = AsPath::sequence(path.into_iter().map(Asn));
                (a.local_pref, a.origin, a.med) = (local_pref, origin, med);
            });
            Route { prefix, next_hop, ..route }
        },
    )
}

/// Unchanged, with another next hop and no MED, or rejected.
fn any_update() -> impl Strategy<Value = (Route, Import)> {
    (any_route(), 0..6_u8, prop::sample::select(NEXT_HOPS.to_vec())).prop_map(|(received, kind, next_hop)| {
        let import = match kind {
            0 => Import::Rejected(Rejection::OwnAs { asn: LOCAL_ASN, times: 1, allowed: 0 }),
            1 if !received.source.is_local() => {
                let changed = with(received.clone(), |a| a.med = None);
                Import::Accepted(Route { next_hop: NextHop::Via(ip(next_hop)), ..changed })
            }
            _ => Import::Accepted(received.clone()),
        };
        (received, import)
    })
}

fn any_metrics() -> impl Strategy<Value = Metrics> {
    prop::collection::vec(prop::option::weighted(0.8, 0..2_u32), NEXT_HOPS.len()).prop_map(|metrics| {
        Metrics(NEXT_HOPS.iter().zip(metrics).filter_map(|(address, metric)| Some((ip(address), metric?))).collect())
    })
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => any_update().prop_map(|update| Op::Update(Box::new(update))),
        4 => (any_prefix(), any_source()).prop_map(|(prefix, source)| Op::Withdraw(prefix, source.peer())),
        1 => (1..6_u32).prop_map(|id| Op::WithdrawPeer(PeerId(id))),
        2 => (any_metrics(), any::<bool>()).prop_map(|(metrics, only)| Op::Metrics(metrics, only)),
        1 => (any_source(), prop::option::of(99..102_u32)).prop_map(|(source, pref)| Op::Reimport(source.peer(), pref)),
    ]
}

fn any_config() -> impl Strategy<Value = DecisionConfig> {
    (0..5_usize, any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2), any::<bool>()).prop_map(
        |(max_paths, multipath_relax, ignore_med, always_compare_med, diverse)| DecisionConfig {
            max_paths,
            multipath_relax,
            ignore_med,
            always_compare_med,
            diverse,
        },
    )
}

/// Leaves those for which this is lowest.
fn keep_lowest<K: Ord>(routes: &mut Vec<Route>, key: impl Fn(&Route) -> K) {
    if let Some(lowest) = routes.iter().map(&key).min() {
        routes.retain(|route| key(route) == lowest);
    }
}

fn peer_key(route: &Route) -> (std::net::Ipv4Addr, Option<IpAddr>) {
    match &route.source.kind {
        SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => {
            (std::net::Ipv4Addr::UNSPECIFIED, None)
        }
        SourceKind::Peer { router_id, address, .. } => (*router_id, Some(*address)),
    }
}

fn cost(route: &Route, metrics: &Metrics) -> Option<u32> {
    match route.next_hop {
        NextHop::Own | NextHop::Discard(_) => Some(0),
        NextHop::Via(address) => metrics.0.get(&address).copied(),
    }
}

/// RFC 4271 §9.1.2.2 as it is written, MED as its pseudo-code has it.
fn choose(mut routes: Vec<Route>, metrics: &Metrics, config: DecisionConfig) -> Option<Selected> {
    routes.retain(|route| cost(route, metrics).is_some());
    keep_lowest(&mut routes, |route| !route.source.is_local());
    keep_lowest(&mut routes, |route| std::cmp::Reverse(route.attributes.local_pref.unwrap_or(100)));
    keep_lowest(&mut routes, |route| route.attributes.as_path.hop_count());
    keep_lowest(&mut routes, |route| route.attributes.origin);
    if !config.ignore_med {
        let neighbour = |route: &Route| match (&route.source.kind, route.attributes.as_path.asns().next()) {
            (_, Some(first)) => first,
            (SourceKind::Peer { asn, .. }, None) => *asn,
            (SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_), None) => LOCAL_ASN,
        };
        let med = |route: &Route| route.attributes.med.unwrap_or(0);
        let all = routes.clone();
        routes.retain(|m| {
            !all.iter().any(|n| (config.always_compare_med || neighbour(m) == neighbour(n)) && med(n) < med(m))
        });
    }
    let diverse = if config.diverse { shared_out(&routes, metrics) } else { Vec::new() };
    keep_lowest(&mut routes, |route| !route.source.is_external());
    keep_lowest(&mut routes, |route| cost(route, metrics));
    routes.sort_by_key(peer_key);
    let best = routes.first()?.clone();
    let mut seen = BTreeSet::new();
    routes.retain(|route| config.multipath_relax || route.attributes.as_path == best.attributes.as_path);
    routes.retain(|route| seen.insert(route.next_hop));
    routes.truncate(config.max_paths.max(1));
    routes.sort_by_key(|route| route.next_hop);
    Some(Selected { best, multipath: routes, diverse })
}

/// For each next hop the route that would be best if there were only those with this next hop.
fn shared_out(routes: &[Route], metrics: &Metrics) -> Vec<Route> {
    let next_hops: BTreeSet<NextHop> = routes.iter().map(|route| route.next_hop).collect();
    let preferred = |next_hop: NextHop| {
        let through = routes.iter().filter(|route| route.next_hop == next_hop);
        through.min_by_key(|route| (!route.source.is_external(), cost(route, metrics), peer_key(route))).cloned()
    };
    next_hops.into_iter().filter_map(preferred).collect()
}

fn choose_all(held: &Held, metrics: &Metrics, config: DecisionConfig) -> BTreeMap<Prefix, Selected> {
    let mut by_prefix: BTreeMap<Prefix, Vec<Route>> = BTreeMap::new();
    for ((prefix, _), (_, import)) in held {
        if let Import::Accepted(route) = import {
            by_prefix.entry(*prefix).or_default().push(route.clone());
        }
    }
    by_prefix.into_iter().filter_map(|(prefix, routes)| Some((prefix, choose(routes, metrics, config)?))).collect()
}

/// What follows when the answers about these next hops have changed.
fn decide_all_through(rib: &mut Rib, next_hops: &[IpAddr], metrics: &Metrics) -> Vec<RibDelta> {
    rib.prefixes_through(next_hops).into_iter().filter_map(|prefix| rib.decide(prefix, metrics)).collect()
}

/// The RIB, the model, and a follower that knows the deltas alone.
struct Trial {
    rib: Rib,
    config: DecisionConfig,
    metrics: Metrics,
    held: Held,
    follower: BTreeMap<Prefix, Selected>,
}

impl Trial {
    fn run(&mut self, op: Op) -> Vec<RibDelta> {
        match op {
            Op::Update(update) => {
                let (received, import) = *update;
                self.held.insert((received.prefix, received.source.peer()), (received.clone(), import.clone()));
                self.rib.update(received, import, &self.metrics).into_iter().collect()
            }
            Op::Withdraw(prefix, source) => {
                self.held.remove(&(prefix, source));
                self.rib.withdraw(prefix, source, &self.metrics).into_iter().collect()
            }
            Op::WithdrawPeer(peer) => {
                self.held.retain(|(_, source), _| *source != Some(peer));
                let prefixes: Vec<Prefix> = self.rib.prefixes_of(peer).collect();
                let withdraw = |prefix| self.rib.withdraw(prefix, peer, &self.metrics);
                prefixes.into_iter().filter_map(withdraw).collect()
            }
            Op::Metrics(metrics, changed_only) => {
                let changed = |a: &IpAddr| !changed_only || metrics.0.get(a) != self.metrics.0.get(a);
                let changed: Vec<IpAddr> = NEXT_HOPS.map(ip).into_iter().filter(changed).collect();
                self.metrics = metrics;
                decide_all_through(&mut self.rib, &changed, &self.metrics)
            }
            Op::Reimport(source, local_pref) => {
                let import = |received: &Route| match local_pref {
                    Some(_) => Import::Accepted(with(received.clone(), |a| a.local_pref = local_pref)),
                    None => Import::Rejected(Rejection::Policy { decided_by: "policy x, statement 1".into() }),
                };
                for ((_, other), (received, result)) in &mut self.held {
                    if *other == source {
                        *result = import(received);
                    }
                }
                let received: Vec<Route> = self.rib.routes_of(source).map(|one| one.route.clone()).collect();
                let again = |received| {
                    let import = import(&received);
                    self.rib.update(received, import, &self.metrics)
                };
                received.into_iter().filter_map(again).collect()
            }
        }
    }

    fn follow(&mut self, deltas: Vec<RibDelta>) -> Result<(), TestCaseError> {
        for RibDelta { prefix, old, new } in deltas {
            prop_assert_ne!(&old, &new, "a delta that changes nothing");
            prop_assert_eq!(old.as_ref(), self.follower.get(&prefix));
            match new {
                Some(new) => self.follower.insert(prefix, new),
                None => self.follower.remove(&prefix),
            };
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let expected = choose_all(&self.held, &self.metrics, self.config);
        let selected: BTreeMap<Prefix, Selected> = AfiSafi::ALL
            .into_iter()
            .flat_map(|family| self.rib.iter_selected(family))
            .map(|(prefix, selected)| (prefix, selected.clone()))
            .collect();
        prop_assert_eq!(&selected, &expected);
        prop_assert_eq!(&self.follower, &expected);
        prop_assert_eq!(self.rib.selected_len(), expected.len());
        for address in ["10.1.1.1", "10.1.1.2", "10.2.0.0", "11.0.0.0", "2001:db8::1", "2001:db8::2", "::"].map(ip) {
            let longest = expected.iter().filter(|(prefix, _)| prefix.contains(address)).max_by_key(|(p, _)| p.len());
            prop_assert_eq!(self.rib.longest_match(address), longest.map(|(prefix, selected)| (*prefix, selected)));
        }
        for source in sources() {
            self.check_source(source.peer(), &expected)?;
        }
        let mut used: BTreeSet<IpAddr> = BTreeSet::new();
        for (_, import) in self.held.values() {
            if let Import::Accepted(Route { next_hop: NextHop::Via(address), .. }) = import {
                used.insert(*address);
            }
        }
        prop_assert_eq!(self.rib.next_hops().collect::<BTreeSet<_>>(), used);
        Ok(())
    }

    fn check_source(&self, source: Option<PeerId>, expected: &BTreeMap<Prefix, Selected>) -> Result<(), TestCaseError> {
        let held: Vec<_> = self.held.iter().filter(|((_, other), _)| *other == source).map(|(_, held)| held).collect();
        let counts = Counts {
            received: held.len(),
            accepted: held.iter().filter(|(_, import)| matches!(import, Import::Accepted(_))).count(),
            best: expected.values().filter(|selected| selected.best.source.peer() == source).count(),
        };
        prop_assert_eq!(self.rib.counts(source), counts);
        let listed: Vec<_> = self.rib.routes_of(source).collect();
        prop_assert_eq!(listed.len(), held.len());
        for (listed, (received, import)) in listed.iter().zip(held) {
            prop_assert_eq!(listed.route, received);
            match import {
                Import::Accepted(route) => prop_assert_eq!(listed.import, Ok(route)),
                Import::Rejected(reason) => prop_assert_eq!(listed.import, Err(reason)),
            }
        }
        Ok(())
    }

    /// The explanation agrees with the selection, and leaves nobody out.
    fn check_candidates(&self) -> Result<(), TestCaseError> {
        for prefix in PREFIXES.map(prefix) {
            let candidates = self.rib.candidates(prefix);
            prop_assert_eq!(candidates.len(), self.held.keys().filter(|(other, _)| *other == prefix).count());
            let mut beside: Vec<&Route> = Vec::new();
            let mut best = None;
            for candidate in &candidates {
                match (candidate.standing, candidate.accepted) {
                    (Standing::Best, Some(route)) => {
                        prop_assert!(best.replace(route).is_none(), "two are best");
                        beside.push(route);
                    }
                    (Standing::Multipath, Some(route)) => beside.push(route),
                    (Standing::Lost { to, at }, Some(route)) => {
                        let winner = candidates.iter().find(|other| *other.received.source == *to).expect("the winner");
                        let by = compare(contender(winner), contender(candidate), &self.config);
                        prop_assert_eq!(by, (std::cmp::Ordering::Less, at), "{} lost wrongly", route.source.name());
                    }
                    (Standing::Ineligible(_), Some(route)) => prop_assert_eq!(cost(route, &self.metrics), None),
                    (Standing::Rejected(_), None) => {}
                    (standing, accepted) => prop_assert!(false, "{standing} with {accepted:?}"),
                }
            }
            beside.sort_by_key(|route| route.next_hop);
            let selected = self.rib.selected(prefix);
            prop_assert_eq!(best, selected.map(|selected| &selected.best));
            let multipath = selected.map_or(&[][..], |selected| &selected.multipath);
            prop_assert_eq!(beside, multipath.iter().collect::<Vec<_>>());
        }
        Ok(())
    }
}

fn contender<'a>(candidate: &Candidate<'a>) -> Contender<'a> {
    let (route, metric) = candidate.accepted.zip(candidate.metric).expect("it took part");
    Contender { route, metric }
}

proptest! {
    #[test]
    fn agrees_with_the_model_after_every_step(
        config in any_config(),
        metrics in any_metrics(),
        ops in prop::collection::vec(any_op(), 1..80),
    ) {
        let (held, follower) = (Held::new(), BTreeMap::new());
        let mut trial = Trial { rib: Rib::new(config), config, metrics, held, follower };
        for op in ops {
            let deltas = trial.run(op);
            trial.follow(deltas)?;
            trial.check()?;
        }
        trial.check_candidates()?;
        // Everybody leaves: nothing stays behind, in the indices neither.
        for source in sources() {
            for prefix in PREFIXES.map(prefix) {
                trial.rib.withdraw(prefix, source.peer(), &trial.metrics);
            }
        }
prop_assert_eq!(format!("{:?}", trial.rib.table), format!("{:?}", Table::default()));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        config in any_config(),
        metrics in any_metrics(),
        (updates, shuffled) in prop::collection::vec(any_update(), 1..40).prop_map(|mut updates| {
            // Of one source and prefix only the last counts; which that is must not depend on the order.
            let mut seen = BTreeSet::new();
            updates.retain(|(route, _)| seen.insert((route.prefix, route.source.peer())));
            updates
        }).prop_flat_map(|updates| (Just(updates.clone()), Just(updates).prop_shuffle())),
    ) {
        let [first, second] = [updates, shuffled].map(|updates| {
            let mut rib = Rib::new(config);
            for (received, import) in updates {
                rib.update(received, import, &metrics);
            }
            rib
        });
        for prefix in PREFIXES.map(prefix) {
            prop_assert_eq!(first.selected(prefix), second.selected(prefix));
            let standings = |rib: &Rib| -> Vec<String> {
                rib.candidates(prefix).iter().map(|c| format!("{} {}", c.received.source.name(), c.standing)).collect()
            };
            prop_assert_eq!(standings(&first), standings(&second));
        }
    }
}

#[test]
fn a_circle_of_med_ends_the_same_however_it_comes_about() {
    let routes = [(1, 65001, 20), (2, 65002, 30), (3, 65001, 10)]
        .map(|(id, asn, med)| with(route(&peer(id, asn), &[asn]), |a| a.med = Some(med)));
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut rib = Rib::new(DecisionConfig::default());
        for index in order {
            rib.update(routes[index].clone(), Import::Accepted(routes[index].clone()), &Everywhere);
        }
        assert_eq!(rib.selected(routes[0].prefix).map(|selected| &selected.best), Some(&routes[1]), "{order:?}");
        let told: Vec<String> = rib
            .candidates(routes[0].prefix)
            .iter()
            .map(|candidate| format!("{}: {}", candidate.received.source.name(), candidate.standing))
            .collect();
        let expected = ["peer2: best", "peer3: lost to peer2: lower router id", "peer1: lost to peer3: lower MED"];
        assert_eq!(told, expected, "{order:?}");
    }
}

#[test]
fn a_next_hop_alone_is_a_change() {
    let mut rib = Rib::new(DecisionConfig::default());
    let first = route(&peer(1, 65001), &[65001]);
    let second = Route { next_hop: NextHop::Via(ip("10.9.0.9")), ..first.clone() };
    let accept = |rib: &mut Rib, route: &Route| rib.update(route.clone(), Import::Accepted(route.clone()), &Everywhere);
    assert!(accept(&mut rib, &first).is_some());
    assert_eq!(accept(&mut rib, &first), None, "the same again");
    let delta = accept(&mut rib, &second).expect("another next hop");
    let best = |selected: Option<Selected>| selected.map(|selected| selected.best);
    assert_eq!((best(delta.old), best(delta.new)), (Some(first), Some(second)));
}

#[test]
fn what_was_rejected_stays_and_says_why() {
    let mut rib = Rib::new(DecisionConfig::default());
    let received = route(&peer(1, 65001), &[65001, LOCAL_ASN.0]);
    let rejected = Import::Rejected(Rejection::OwnAs { asn: LOCAL_ASN, times: 1, allowed: 0 });
    assert_eq!(rib.update(received.clone(), rejected, &Everywhere), None);
    assert_eq!(rib.counts(PeerId(1)), Counts { received: 1, accepted: 0, best: 0 });
    assert_eq!(rib.prefixes(AfiSafi::Ipv4Unicast).collect::<Vec<_>>(), [received.prefix]);
    assert_eq!(rib.candidates(received.prefix)[0].standing.to_string(), "our own AS 65000 is in the AS path");
    assert!(rib.update(received.clone(), Import::Accepted(received), &Everywhere).is_some());
    assert_eq!(rib.counts(PeerId(1)), Counts { received: 1, accepted: 1, best: 1 });
}

#[test]
fn import_cannot_move_a_route_elsewhere() {
    let mut rib = Rib::new(DecisionConfig::default());
    let received = route(&peer(1, 65001), &[65001]);
    let astray = Route { prefix: prefix("198.51.100.0/24"), ..route(&peer(2, 65002), &[65001]) };
    let next_hop = astray.next_hop;
    rib.update(received.clone(), Import::Accepted(astray), &Everywhere);
    let best = rib.selected(received.prefix).map(|selected| &selected.best);
    assert_eq!(best, Some(&Route { next_hop, ..received }));
}

#[test]
fn an_unreachable_next_hop_takes_its_routes_out_and_brings_them_back() {
    let mut rib = Rib::new(DecisionConfig::default());
    let near = route(&peer(1, 65001), &[65001]);
    let far = route(&peer(2, 65001), &[65001, 65009]);
    let both = Metrics([(ip("10.0.0.1"), 0), (ip("10.0.0.2"), 0)].into());
    let only_far = Metrics([(ip("10.0.0.2"), 0)].into());
    for route in [&near, &far] {
        rib.update(route.clone(), Import::Accepted(route.clone()), &both);
    }
    assert_eq!(rib.next_hops().collect::<Vec<_>>(), both.0.keys().copied().collect::<Vec<_>>());
    assert_eq!(decide_all_through(&mut rib, &[ip("10.0.0.1"), ip("10.0.0.2")], &both), []);
    assert_eq!(decide_all_through(&mut rib, &[ip("10.0.0.1")], &only_far).len(), 1);
    assert_eq!(rib.selected(near.prefix).map(|selected| &selected.best), Some(&far));
    let standing = |rib: &Rib| rib.candidates(near.prefix)[1].standing.to_string();
    assert_eq!(standing(&rib), "ineligible: next hop 10.0.0.1 is unreachable");
    assert_eq!(decide_all_through(&mut rib, &[ip("10.0.0.1")], &both).len(), 1);
    assert_eq!(standing(&rib), "lost to peer1: shorter AS path");
}
