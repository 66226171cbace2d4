//! Aggregates: formed, told, suppressing and gone; and that after whatever happened they are what they would be if formed
//! from the Loc-RIB as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::sim::{Sim, loopback_added, loopback_removed};
use super::{OPEN, SOON, established, path, speaker};
use crate::attributes::{Community, Origin, PathAttributes};
use crate::host::RouteKind;
use crate::net::{AfiSafi, Asn, Prefix};
use crate::policy::{self, Outcome};
use crate::route::Route;
use crate::speaker::{AggregateConfig, Notice};

const ONE: usize = 0;
const HUB: usize = 1;
const TWO: usize = 2;
const INSIDE: usize = 3;
const AGGREGATE: &str = "10.200.0.0/16";
const SPECIFIC: &str = "10.200.1.0/24";
const ANOTHER: &str = "10.200.2.0/24";

fn hub(aggregates: &str) -> String {
    speaker(65000, 84, "", aggregates, &[(101, 65101, OPEN), (102, 65102, OPEN), (103, 65000, OPEN)])
}

fn network(aggregates: &str) -> Sim {
    let other = |asn, last| speaker(asn, last, "", "", &[(84, 65000, OPEN)]);
    established(Sim::new(1, &[other(65101, 101), hub(aggregates), other(65102, 102), other(65000, 103)]))
}

fn aggregate(more: &str) -> String {
    format!("[[aggregate]]\nprefix = \"{AGGREGATE}\"\n{more}\n")
}

/// The first peer announces a prefix.
fn announce(sim: &mut Sim, prefix: &str) {
    sim.announce(ONE, HUB, prefix, "10.13.76.101", &path(&[65101]));
    sim.run_for(SOON);
}

fn withdraw(sim: &mut Sim, prefix: &str) {
    sim.withdraw(ONE, HUB, prefix);
    sim.run_for(SOON);
}

/// What the hub tells a peer, of the prefixes that these tests are about.
fn told(sim: &Sim, to: usize) -> BTreeSet<String> {
    sim.learned(to, HUB).into_iter().map(|(prefix, _, _)| prefix).collect()
}

fn names(prefixes: &[&str]) -> BTreeSet<String> {
    prefixes.iter().map(|prefix| (*prefix).to_owned()).collect()
}

/// Whether the kernel drops packets by a route of ours to this prefix.
fn is_discarded(sim: &Sim, prefix: &str) -> bool {
    let route = sim.speakers[HUB].host().best_route(prefix.parse().expect("a prefix"));
    route.is_some_and(|route| route.kind == RouteKind::Blackhole)
}

/// Why the hub's only aggregate is not there.
fn unformed(sim: &Sim) -> Option<String> {
    let speaker = &sim.speakers[HUB];
    let aggregate = speaker.aggregates().iter().next().expect("an aggregate");
    speaker.unformed(aggregate).map(|reason| reason.to_string())
}

/// Why the hub said that an aggregate was gone, each time.
fn gone(sim: &Sim) -> Vec<String> {
    let why = |(_, notice): &(usize, Notice)| match notice {
        Notice::AggregateGone { why, .. } => Some(why.as_ref().map_or("taken out".to_owned(), ToString::to_string)),
        _ => None,
    };
    sim.notices.iter().filter_map(why).collect()
}

#[test]
fn it_comes_with_the_first_contributor_and_goes_with_the_last() {
    let mut sim = network(&aggregate(""));
    assert_eq!(told(&sim, TWO), names(&[]));
    announce(&mut sim, SPECIFIC);
    announce(&mut sim, ANOTHER);
    assert_eq!(told(&sim, TWO), names(&[AGGREGATE, SPECIFIC, ANOTHER]));
    assert!(is_discarded(&sim, AGGREGATE), "what no longer prefix takes goes nowhere");
    withdraw(&mut sim, SPECIFIC);
    assert_eq!(told(&sim, TWO), names(&[AGGREGATE, ANOTHER]));
    withdraw(&mut sim, ANOTHER);
    assert_eq!(told(&sim, TWO), names(&[]));
    assert!(!is_discarded(&sim, AGGREGATE));
    announce(&mut sim, SPECIFIC);
    sim.reload(HUB, &hub(""));
    assert_eq!(gone(&sim), ["nothing contributes", "taken out"]);
    sim.reload(HUB, &hub(&aggregate("")));
    withdraw(&mut sim, SPECIFIC);
    announce(&mut sim, AGGREGATE);
    assert_eq!(told(&sim, TWO), names(&[AGGREGATE]), "somebody else's route to that prefix is no contributor");
    assert_eq!(sim.received(TWO, HUB, AGGREGATE).expect("told").attributes, path(&[65000, 65101]).into());
}

/// RFC 4271 §9.2.2.2, RFC 9774 §6.1.
#[test]
fn its_attributes() {
    let mut sim = network(&aggregate("communities = [\"65000:7\"]"));
    for (prefix, origin, expected) in [
        (SPECIFIC, Origin::Igp, Origin::Igp),
        (ANOTHER, Origin::Incomplete, Origin::Incomplete),
        ("10.200.3.0/24", Origin::Egp, Origin::Incomplete),
    ] {
        let attributes =
            PathAttributes { origin, med: Some(9), communities: vec![Community(1)], ..path(&[65101, 64512]) };
        sim.announce(ONE, HUB, prefix, "10.13.76.101", &attributes);
        sim.run_for(SOON);
        let route = sim.received(TWO, HUB, AGGREGATE).expect("told");
        assert_eq!(route.attributes.origin, expected);
    }
    let route = sim.received(TWO, HUB, AGGREGATE).expect("told");
    let attributes = &route.attributes;
    assert_eq!(attributes.as_path.to_string(), "65000", "our own AS alone");
    assert_eq!(route.next_hop.to_string(), "10.13.76.84");
    assert!(attributes.atomic_aggregate);
    let aggregator = attributes.aggregator.expect("there is one");
    assert_eq!((aggregator.asn, aggregator.router_id.to_string()), (Asn(65000), "10.13.76.84".to_owned()));
    assert_eq!((attributes.med, &*attributes.communities), (None, &[Community::new(65000, 7)][..]));
    sim.withdraw(ONE, HUB, ANOTHER);
    sim.run_for(SOON);
    assert_eq!(sim.received(TWO, HUB, AGGREGATE).expect("told").attributes.origin, Origin::Egp);
}

/// Who contributes cannot see that it is in the aggregate, and so is told of the others' routes instead.
#[test]
fn an_as_that_contributes_is_told_of_the_parts_instead() {
    let mut sim = network(&aggregate("summary-only = true"));
    announce(&mut sim, SPECIFIC);
    sim.announce(INSIDE, HUB, ANOTHER, "10.13.76.103", &path(&[]));
    sim.run_for(SOON);
    assert_eq!(told(&sim, TWO), names(&[AGGREGATE]), "the parts are suppressed");
    assert_eq!(told(&sim, INSIDE), names(&[AGGREGATE]), "inside, too");
    assert_eq!(told(&sim, ONE), names(&[ANOTHER]), "AS 65101 contributes");
    let reason = sim.exported(HUB, ONE, AGGREGATE).expect_err("not told");
    assert_eq!(reason, "AS 65101 contributes to this aggregate (RFC 9774, to-contributors)");
    let reason = sim.exported(HUB, TWO, SPECIFIC).expect_err("not told");
    assert_eq!(reason, "suppressed by the aggregate 10.200.0.0/16 (summary-only)");
    // It is in the path of what another peer brings, too.
    withdraw(&mut sim, SPECIFIC);
    assert_eq!(told(&sim, ONE), names(&[AGGREGATE]), "it contributes no more");
    sim.announce(TWO, HUB, "10.200.3.0/24", "10.13.76.102", &path(&[65102, 65101]));
    sim.run_for(SOON);
    assert_eq!(told(&sim, ONE), names(&[ANOTHER, "10.200.3.0/24"]));
    let changes = sim.reload(HUB, &hub(&aggregate("summary-only = true\nto-contributors = true")));
    assert_eq!(changes, ["aggregates are formed anew where they are others"]);
    sim.run_for(SOON);
    assert_eq!(told(&sim, ONE), names(&[AGGREGATE]));
    assert_eq!(sim.established(HUB), 3);
}

#[test]
fn policies_say_who_contributes_and_what_it_is_told_with() {
    let tables = format!(
        "[[policy]]\nname = \"long\"\n[[policy.statement]]\nmatch = {{ prefixes = \"0.0.0.0/0 ge 24\" }}\n\
         then = {{ accept = true }}\n[[policy]]\nname = \"mark\"\n[[policy.statement]]\n\
         then = {{ med = 30, origin = \"igp\", accept = true }}\n{}",
        aggregate("contributors = [\"long\"]\npolicy = [\"mark\"]\ndiscard = false\nsummary-only = true")
    );
    let mut sim = network(&tables);
    announce(&mut sim, "10.200.0.0/17");
    assert_eq!(told(&sim, TWO), names(&["10.200.0.0/17"]));
    sim.announce(ONE, HUB, SPECIFIC, "10.13.76.101", &PathAttributes { origin: Origin::Egp, ..path(&[65101]) });
    sim.run_for(SOON);
    let route = sim.received(TWO, HUB, AGGREGATE).expect("told");
    assert_eq!((route.attributes.med, route.attributes.origin), (Some(30), Origin::Igp));
    assert!(!is_discarded(&sim, AGGREGATE), "discard = false");
    assert_eq!(told(&sim, TWO), names(&["10.200.0.0/17", AGGREGATE]), "what does not contribute is told as ever");
    sim.reload(HUB, &hub(&tables.replace("med = 30, origin = \"igp\", accept = true", "accept = false")));
    sim.run_for(SOON);
    assert_eq!(told(&sim, TWO), names(&["10.200.0.0/17", SPECIFIC]), "rejected, it takes nobody's place");
    assert_eq!(unformed(&sim).as_deref(), Some("its policy: policy mark, statement 1"));
    assert_eq!(gone(&sim), ["its policy: policy mark, statement 1"]);
    withdraw(&mut sim, SPECIFIC);
    assert_eq!(unformed(&sim).as_deref(), Some("nothing contributes"));
}

#[test]
fn an_aggregate_contributes_to_a_shorter_one() {
    let tables = "[[policy]]\nname = \"short\"\n[[policy.statement]]\nmatch = { source = \"aggregate\" }\n\
        then = { accept = true }\n[[aggregate]]\nprefix = \"10.0.0.0/8\"\ncontributors = [\"short\"]\n\
        summary-only = true\n[[aggregate]]\nprefix = \"10.200.0.0/16\"\n";
    let mut sim = network(tables);
    announce(&mut sim, "10.100.1.0/24");
    assert_eq!(told(&sim, TWO), names(&["10.100.1.0/24"]));
    announce(&mut sim, SPECIFIC);
    assert_eq!(told(&sim, TWO), names(&["10.0.0.0/8", "10.100.1.0/24", SPECIFIC]), "10.200.0.0/16 is suppressed");
    withdraw(&mut sim, SPECIFIC);
    assert_eq!(told(&sim, TWO), names(&["10.100.1.0/24"]));
}

/// What is originated in any case stays what it is; the aggregate takes over when it goes.
#[test]
fn an_originated_prefix_hides_the_aggregate() {
    let mut sim = network("[[aggregate]]\nprefix = \"100.0.0.0/31\"\n");
    sim.host(
        HUB,
        crate::host::HostEvent::AddressAdded(crate::host::Address {
            link: super::sim::LO,
            address: [100, 0, 0, 0].into(),
            prefix_len: 31,
            peer: None,
        }),
    );
    announce(&mut sim, "100.0.0.1/32");
    assert!(!sim.received(TWO, HUB, "100.0.0.0/31").expect("told").attributes.atomic_aggregate);
    let hidden = "its prefix is that of an interface, which is originated instead";
    assert_eq!(unformed(&sim).as_deref(), Some(hidden));
    sim.host(
        HUB,
        crate::host::HostEvent::AddressRemoved(crate::host::Address {
            link: super::sim::LO,
            address: [100, 0, 0, 0].into(),
            prefix_len: 31,
            peer: None,
        }),
    );
    sim.run_for(SOON);
    assert!(sim.received(TWO, HUB, "100.0.0.0/31").expect("told").attributes.atomic_aggregate);
    assert_eq!(unformed(&sim), None);
}

// The model.

/// Prefixes inside of each other and beside each other.
const PREFIXES: [&str; 10] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.0/24",
    "10.1.1.128/25",
    "10.1.2.0/24",
    "10.2.0.0/16",
    "10.2.2.0/24",
    "100.0.0.3/32",
    "100.0.0.0/24",
    "2001:db8:1::/48",
];

/// A random choice of aggregates.
fn any_aggregates(rng: &mut fastrand::Rng) -> String {
    let mut text = String::from(
        "[[policy]]\nname = \"even\"\n[[policy.statement]]\nmatch = { communities = \"1:0\" }\nthen = { accept = true }\n\
         [[policy.statement]]\nmatch = { source = \"aggregate\" }\nthen = { accept = true }\n\
         [[policy]]\nname = \"tagged\"\n[[policy.statement]]\nmatch = { origin = [\"igp\", \"egp\"] }\n\
         then = { med = 3, accept = true }\n",
    );
    for prefix in ["10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.2.0.0/15", "100.0.0.0/24", "2001:db8::/32"] {
        if rng.u8(..3) == 0 {
            continue;
        }
        text += &format!("[[aggregate]]\nprefix = \"{prefix}\"\n");
        for line in [
            "contributors = [\"even\"]",
            "policy = [\"tagged\"]",
            "summary-only = true",
            "to-contributors = true",
            "discard = false",
        ] {
            if rng.bool() {
                text += &format!("{line}\n");
            }
        }
    }
    text
}

fn step(sim: &mut Sim, rng: &mut fastrand::Rng) {
    let from = *rng.choice(&[ONE, TWO, INSIDE]).expect("some");
    match rng.u8(..24) {
        0 => drop(sim.reload(HUB, &hub(&any_aggregates(rng)))),
        1 => sim.reset(HUB, from),
        2 => sim.host(HUB, loopback_added([100, 0, 0, rng.u8(..4)])),
        3 => sim.host(HUB, loopback_removed([100, 0, 0, rng.u8(..4)])),
        4 => sim.run_for(SOON),
        number => {
            if sim.session(HUB, from).is_none() {
                return;
            }
            let prefix = *rng.choice(&PREFIXES).expect("some");
            if number < 12 {
                return sim.withdraw(from, HUB, prefix);
            }
            let (next_hop, asns) = match from {
                ONE => (if prefix.contains(':') { "2001:db8:76::101" } else { "10.13.76.101" }, vec![65101]),
                TWO => (if prefix.contains(':') { "2001:db8:76::102" } else { "10.13.76.102" }, vec![65102]),
                _ => (if prefix.contains(':') { "2001:db8:76::103" } else { "10.13.76.103" }, Vec::new()),
            };
            let behind = *rng.choice(&[&[][..], &[65101], &[65102], &[64512]]).expect("some");
            let origin = *rng.choice(&[Origin::Igp, Origin::Egp, Origin::Incomplete]).expect("some");
            let communities = vec![Community::new(1, rng.u16(..2))];
            let only_to_customer = rng.bool().then_some(Asn(64999));
            let path = path(&[&asns[..], behind].concat());
            let attributes = PathAttributes { origin, communities, only_to_customer, ..path };
            sim.announce(from, HUB, prefix, next_hop, &attributes);
        }
    }
}

/// ORIGIN, MED and Only to Customer of an aggregate.
type Attributes = (Origin, Option<u32>, Option<Asn>);

/// The aggregates that there should be, with attributes and ASes; and what suppresses each prefix, and which ASes know it all
/// the same: worked out from the Loc-RIB without aggregates, the long prefixes first.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    active: BTreeMap<Prefix, Attributes>,
    suppressed: BTreeMap<Prefix, Vec<(bool, BTreeSet<Asn>)>>,
    ases: BTreeMap<Prefix, BTreeSet<Asn>>,
}

fn expected(sim: &Sim) -> Expected {
    let speaker = &sim.speakers[HUB];
    let mut configs: Vec<&AggregateConfig> = speaker.config().aggregates.iter().collect();
    configs.sort_by_key(|config| std::cmp::Reverse(config.prefix.len()));
    let all = || AfiSafi::ALL.into_iter().flat_map(|family| speaker.rib().iter_selected(family));
    let mut expected = Expected::default();
    for config in configs {
        let contributes = |prefix: &Prefix| *prefix != config.prefix && config.prefix.covers(*prefix);
        let inside = all().map(|(prefix, selected)| (prefix, &selected.best)).filter(|(prefix, _)| contributes(prefix));
        // Only those of the shorter aggregates that are there for a reason count.
        let real = inside.filter(|(prefix, best)| !best.source.is_aggregate() || expected.active.contains_key(prefix));
        let taken: Vec<_> = real
            .filter(|(_, best)| match &config.contributors {
                None => true,
                Some(chain) => matches!(policy::evaluate(chain, best, None), Outcome::Accept { .. }),
            })
            .collect();
        let marks = !config.policy.policies.is_empty();
        let origin = taken.iter().map(|(_, best)| best.attributes.origin).max();
        let rejected = marks && origin == Some(Origin::Incomplete);
        let all_marked = taken.iter().all(|(_, best)| best.attributes.only_to_customer.is_some());
        let ases: BTreeSet<Asn> = taken.iter().flat_map(|(_, best)| best.attributes.as_path.asns()).collect();
        if config.summary_only && !rejected {
            for (prefix, _) in &taken {
                expected.suppressed.entry(*prefix).or_default().push((config.to_contributors, ases.clone()));
            }
        }
        if let Some(origin) = origin {
            let originated = all().any(|(prefix, selected)| {
                prefix == config.prefix && selected.best.source.is_local() && !selected.best.source.is_aggregate()
            });
            if !rejected && !originated {
                let mark = all_marked.then_some(Asn(65000));
                expected.active.insert(config.prefix, (origin, marks.then_some(3), mark));
            }
        }
        expected.ases.insert(config.prefix, ases);
    }
    expected
}

/// Holds what there is against what there should be.
fn hold_against_the_model(sim: &Sim, context: &str, seen: &mut Seen) {
    let expected = expected(sim);
    let speaker = &sim.speakers[HUB];
    let selected = || AfiSafi::ALL.into_iter().flat_map(|family| speaker.rib().iter_selected(family));
    let attributes = |route: &Route| {
        let attributes = &route.attributes;
        (attributes.origin, attributes.med, attributes.only_to_customer)
    };
    let found: BTreeMap<Prefix, Attributes> = selected()
        .filter(|(_, selected)| selected.best.source.is_aggregate())
        .map(|(prefix, selected)| (prefix, attributes(&selected.best)))
        .collect();
    assert_eq!(found, expected.active, "{context}");
    seen.active += found.len();
    seen.marked += found.values().filter(|(.., mark)| mark.is_some()).count();
    for peer in speaker.peers().iter().filter(|peer| peer.established().is_some()) {
        let external = peer.receiver().filter(|to| to.view.external).map(|to| to.asn);
        let contributes = |ases: &BTreeSet<Asn>| external.is_some_and(|asn| ases.contains(&asn));
        let told_anyway = |(to_contributors, ases): &(bool, BTreeSet<Asn>)| !to_contributors && contributes(ases);
        for (prefix, _) in selected() {
            let should = expected.suppressed.get(&prefix).is_some_and(|by| !by.iter().all(told_anyway));
            let reason = speaker.exported(peer.id(), prefix).expect("a route").err().map(|reason| reason.to_string());
            let is = reason.as_ref().is_some_and(|reason| reason.starts_with("suppressed by"));
            let other = reason.is_some() && !is;
            assert!(is == should || other, "{context}: {prefix} to {}: {reason:?}", peer.config().name);
            seen.suppressed += usize::from(is);
            seen.withheld += usize::from(reason.is_some_and(|reason| reason.contains("contributes")));
        }
    }
    for aggregate in speaker.aggregates().iter() {
        let prefix = aggregate.prefix();
        let discards = found.contains_key(&prefix) && aggregate.config().discard;
        assert_eq!(is_discarded(sim, &prefix.to_string()), discards, "{context}: {prefix}");
    }
}

/// Each peer holds what is exported to it, once nothing is under way any more.
fn hold_against_the_receivers(sim: &mut Sim, context: &str, seen: &mut Seen) {
    sim.run_for(SOON);
    if sim.established(HUB) < 3 {
        return;
    }
    for to in [ONE, TWO, INSIDE] {
        let (peer, _) = sim.session(HUB, to).expect("a session");
        let speaker = &sim.speakers[HUB];
        let selected = AfiSafi::ALL.into_iter().flat_map(|family| speaker.rib().iter_selected(family));
        let exported = selected.filter(|(prefix, _)| speaker.exported(peer, *prefix).is_some_and(|told| told.is_ok()));
        let exported: BTreeSet<String> = exported.map(|(prefix, _)| prefix.to_string()).collect();
        assert_eq!(told(sim, to), exported, "{context}: what {to} was told");
        seen.told += exported.len();
    }
}

/// How much was looked at.
#[derive(Debug, Default)]
struct Seen {
    active: usize,
    marked: usize,
    suppressed: usize,
    withheld: usize,
    told: usize,
}

#[test]
fn aggregates_are_what_they_would_be_if_formed_now() {
    let mut seen = Seen::default();
    for seed in 0..12 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut sim = network(&any_aggregates(&mut rng));
        for number in 0..200 {
            step(&mut sim, &mut rng);
            let context = format!("seed {seed}, step {number}");
            hold_against_the_model(&sim, &context, &mut seen);
            if number % 4 == 0 {
                hold_against_the_receivers(&mut sim, &context, &mut seen);
            }
        }
    }
    assert!(seen.marked > 100 && seen.marked < seen.active, "{seen:?}");
    assert!(seen.active > 1000 && seen.suppressed > 1000 && seen.withheld > 100 && seen.told > 1000, "{seen:?}");
}
