//! The RIB against a model that decides everything from scratch.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use nva::attributes::{AsPath, Origin, PathAttributes};
use nva::net::{AfiSafi, Asn, Prefix, RouterId};
use nva::rib::{DecisionConfig, Import, NextHops, Rejection, Rib, RibDelta};
use nva::route::{Attributes, NextHop, PeerId, Route, Source, SourceKind};

const LOCAL: Asn = Asn(65000);
const PREFIXES: [&str; 5] = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.1/32", "2001:db8::/32"];

/// Something that happens to the RIB.
#[derive(Arbitrary, Debug)]
enum Step {
    Update { prefix: u8, source: u8, path: u8, origin: u8, med: Option<u8>, pref: Option<u8>, hop: u8, rejected: bool },
    Withdraw { prefix: u8, source: u8 },
    WithdrawPeer { source: u8 },
    Metrics { metrics: [Option<u8>; 3] },
}

/// By next hop's last octet; what is not in it cannot be reached.
#[derive(Default)]
struct Metrics(BTreeMap<IpAddr, u32>);

impl NextHops for Metrics {
    fn metric(&self, next_hop: NextHop) -> Option<u32> {
        match next_hop {
            NextHop::Own | NextHop::Discard(_) => Some(0),
            NextHop::Via(address) => self.0.get(&address).copied(),
        }
    }
}

/// What every source says, with whether it is accepted.
type Held = BTreeMap<(Prefix, PeerId), (Route, bool)>;

/// Steps of the RIB, with the MED compared within a neighbour AS or not at all.
pub fn rib(octets: &[u8]) {
    let mut source = Unstructured::new(octets);
    let Ok(ignore_med) = source.arbitrary() else { return };
    let config = DecisionConfig { ignore_med, ..DecisionConfig::default() };
    let (mut rib, mut held, mut metrics) = (Rib::new(config), Held::new(), Metrics::default());
    let mut follower: BTreeMap<Prefix, Route> = BTreeMap::new();
    while !source.is_empty() {
        let Ok(step) = Step::arbitrary(&mut source) else { return };
        let deltas = perform(step, &mut rib, &mut held, &mut metrics);
        for RibDelta { prefix, old, new } in deltas {
            assert_ne!(old, new, "a delta that changes nothing");
            assert_eq!(old.map(|old| old.best).as_ref(), follower.get(&prefix));
            match new {
                Some(new) => follower.insert(prefix, new.best),
                None => follower.remove(&prefix),
            };
        }
        let expected = choose_all(&held, &metrics, ignore_med);
        let selected: BTreeMap<Prefix, Route> = AfiSafi::ALL
            .into_iter()
            .flat_map(|family| rib.iter_selected(family))
            .map(|(prefix, selected)| (prefix, selected.best.clone()))
            .collect();
        assert_eq!(selected, expected);
        assert_eq!(follower, expected, "who follows the changes alone has other routes");
        for id in 1..=5 {
            let count = held.keys().filter(|(_, source)| *source == PeerId(id)).count();
            assert_eq!(rib.counts(PeerId(id)).received, count);
        }
    }
}

fn perform(step: Step, rib: &mut Rib, held: &mut Held, metrics: &mut Metrics) -> Vec<RibDelta> {
    match step {
        Step::Update { prefix, source, path, origin, med, pref, hop, rejected } => {
            let route = route(prefix, source, path, origin, med, pref, hop);
            let import = if rejected {
                Import::Rejected(Rejection::OwnAs { asn: LOCAL, times: 1, allowed: 0 })
            } else {
                Import::Accepted(route.clone())
            };
            held.insert((route.prefix, peer_id(source)), (route.clone(), !rejected));
            rib.update(route, import, metrics).into_iter().collect()
        }
        Step::Withdraw { prefix, source } => {
            held.remove(&(nth_prefix(prefix), peer_id(source)));
            rib.withdraw(nth_prefix(prefix), peer_id(source), metrics).into_iter().collect()
        }
        Step::WithdrawPeer { source } => {
            held.retain(|(_, other), _| *other != peer_id(source));
            let prefixes: Vec<Prefix> = rib.prefixes_of(peer_id(source)).collect();
            prefixes.into_iter().filter_map(|prefix| rib.withdraw(prefix, peer_id(source), metrics)).collect()
        }
        Step::Metrics { metrics: new } => {
            let hops = (0..).map(next_hop).zip(new);
            metrics.0 = hops.filter_map(|(address, metric)| Some((address, u32::from(metric? % 4)))).collect();
            let used: Vec<IpAddr> = rib.next_hops().collect();
            rib.prefixes_through(&used).into_iter().filter_map(|prefix| rib.decide(prefix, metrics)).collect()
        }
    }
}

/// RFC 4271 §9.1.2.2 as it is written, one step after the other.
fn choose_all(held: &Held, metrics: &Metrics, ignore_med: bool) -> BTreeMap<Prefix, Route> {
    let mut by_prefix: BTreeMap<Prefix, Vec<&Route>> = BTreeMap::new();
    for ((prefix, _), (route, accepted)) in held {
        if *accepted && metrics.metric(route.next_hop).is_some() {
            by_prefix.entry(*prefix).or_default().push(route);
        }
    }
    by_prefix.into_iter().filter_map(|(prefix, routes)| Some((prefix, choose(routes, metrics, ignore_med)?))).collect()
}

fn choose(mut routes: Vec<&Route>, metrics: &Metrics, ignore_med: bool) -> Option<Route> {
    keep_lowest(&mut routes, |route| Reverse(route.attributes.local_pref.unwrap_or(100)));
    keep_lowest(&mut routes, |route| route.attributes.as_path.hop_count());
    keep_lowest(&mut routes, |route| route.attributes.origin);
    if !ignore_med {
        let neighbour = |route: &Route| {
            route.attributes.as_path.asns().next().or(match &route.source.kind {
                SourceKind::Peer { asn, .. } => Some(*asn),
                SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => None,
            })
        };
        let med = |route: &Route| route.attributes.med.unwrap_or(0);
        let all = routes.clone();
        routes.retain(|one| !all.iter().any(|other| neighbour(one) == neighbour(other) && med(other) < med(one)));
    }
    keep_lowest(&mut routes, |route| !route.source.is_external());
    keep_lowest(&mut routes, |route| metrics.metric(route.next_hop));
    // Router ids and addresses are in the order of the peers' numbers.
    keep_lowest(&mut routes, |route| route.source.peer());
    routes.first().map(|route| (*route).clone())
}

/// Leaves those for which this is lowest.
fn keep_lowest<K: Ord>(routes: &mut Vec<&Route>, key: impl Fn(&Route) -> K) {
    if let Some(lowest) = routes.iter().map(|route| key(route)).min() {
        routes.retain(|route| key(route) == lowest);
    }
}

fn route(prefix: u8, source: u8, path: u8, origin: u8, med: Option<u8>, pref: Option<u8>, hop: u8) -> Route {
    let paths: [&[u32]; 6] = [&[], &[65001], &[65002], &[65001, 7], &[65002, 7], &[65001, 8]];
    let attributes = PathAttributes {
        origin: [Origin::Igp, Origin::Egp, Origin::Incomplete][usize::from(origin % 3)],
        as_path: AsPath::sequence(paths[usize::from(path) % paths.len()].iter().copied().map(Asn)),
        med: med.map(|med| u32::from(med % 4)),
        local_pref: pref.map(|pref| 99 + u32::from(pref % 3)),
        ..PathAttributes::default()
    };
    Route {
        prefix: nth_prefix(prefix),
        next_hop: NextHop::Via(next_hop(hop % 3)),
        attributes: Attributes::from(attributes),
        source: peer(source),
    }
}

fn nth_prefix(number: u8) -> Prefix {
    PREFIXES[usize::from(number) % PREFIXES.len()].parse().expect("a prefix")
}

fn next_hop(number: u8) -> IpAddr {
    [10, 9, 0, number].into()
}

fn peer_id(source: u8) -> PeerId {
    PeerId(1 + u32::from(source % 5))
}

/// Three external peers in two ASes, and two internal ones.
fn peer(source: u8) -> Arc<Source> {
    let id = peer_id(source);
    let number = source % 5 + 1;
    let asn = [65001, 65001, 65002, LOCAL.0, LOCAL.0][usize::from(source % 5)];
    let kind = SourceKind::Peer {
        id,
        name: format!("peer{number}"),
        group: None,
        asn: Asn(asn),
        router_id: RouterId::new(1, 1, 1, number),
        address: [10, 0, 0, number].into(),
    };
    Arc::new(Source { kind, local_asn: LOCAL })
}
