//! What others have installed in the kernel, and we tell of.

use super::sim::{ETH0, Sim, link, route};
use super::{OPEN, SOON, established, path, speaker};
use crate::host::{HostEvent, HostRoute, PROTOCOL_BGP, RouteKind, Via};
use crate::speaker::Unformed;

const NVA: usize = 0;
const PEER: usize = 1;

const STATIC: u8 = 4;
const BRANCH: &str = "10.20.0.0/16";

const REDISTRIBUTE: &str = "[[redistribute]]\nprotocol = \"static\"\n";

fn configs(tables: &str) -> Vec<String> {
    let peer = speaker(65001, 1, "", "", &[(10, 65000, OPEN)]);
    vec![speaker(65000, 10, "", tables, &[(1, 65001, OPEN)]), peer]
}

/// A static route of the machine's.
fn fixed(prefix: &str) -> HostRoute {
    HostRoute { protocol: STATIC, ..route(prefix, Some("10.13.76.7"), ETH0) }
}

fn told(sim: &Sim) -> Vec<String> {
    sim.learned(PEER, NVA).into_iter().map(|(prefix, ..)| prefix).collect()
}

#[track_caller]
fn is_told(sim: &mut Sim, expected: &[&str]) {
    sim.run_until(&format!("{expected:?}"), SOON, |sim| told(sim) == expected);
}

#[test]
fn static_routes_are_told_as_they_come_and_go() {
    let mut sim = established(Sim::new(1, &configs(REDISTRIBUTE)));
    is_told(&mut sim, &[]);
    sim.host(NVA, HostEvent::RouteAdded(fixed(BRANCH)));
    is_told(&mut sim, &[BRANCH]);
    let received = sim.received(PEER, NVA, BRANCH).expect("a route");
    assert_eq!(
        (received.next_hop.to_string(), received.attributes.as_path.to_string()),
        ("10.13.76.10".into(), "65000".into())
    );
    assert_eq!(received.attributes.origin.to_string(), "incomplete");
    // Metrics, links and owners change.
    let better = HostRoute { protocol: 2, metric: 0, ..fixed(BRANCH) };
    sim.host(NVA, HostEvent::RouteRemoved(fixed(BRANCH)));
    sim.host(NVA, HostEvent::RouteAdded(HostRoute { metric: 50, ..fixed(BRANCH) }));
    is_told(&mut sim, &[BRANCH]);
    sim.host(NVA, HostEvent::RouteAdded(better.clone()));
    is_told(&mut sim, &[]);
    sim.host(NVA, HostEvent::RouteRemoved(better));
    is_told(&mut sim, &[BRANCH]);
    assert_eq!(sim.kernel(NVA).len(), 0, "the kernel has its route already");
}

#[test]
fn a_route_counts_while_its_link_is_up() {
    const ETH1: u32 = 3;
    let mut sim = established(Sim::new(1, &configs(REDISTRIBUTE)));
    let beyond = HostRoute { protocol: STATIC, ..route(BRANCH, Some("10.30.0.1"), ETH1) };
    sim.host(NVA, HostEvent::RouteAdded(beyond));
    is_told(&mut sim, &[]);
    sim.host(NVA, HostEvent::LinkSet(link(ETH1, "eth1", true)));
    is_told(&mut sim, &[BRANCH]);
    sim.host(NVA, HostEvent::LinkSet(link(ETH1, "eth1", false)));
    is_told(&mut sim, &[]);
    let nailed = HostRoute { kind: RouteKind::Blackhole, via: Via::Hops(Vec::new()), ..fixed("10.21.0.0/16") };
    sim.host(NVA, HostEvent::RouteAdded(nailed));
    is_told(&mut sim, &["10.21.0.0/16"]);
}

/// Which routes there are must not depend on which came first.
#[test]
fn a_route_of_bgp_does_not_keep_a_worse_one_of_the_kernel_away() {
    for kernel_first in [true, false] {
        let mut sim = established(Sim::new(1, &configs(REDISTRIBUTE)));
        let worse = HostEvent::RouteAdded(HostRoute { metric: 1000, ..fixed(BRANCH) });
        if kernel_first {
            sim.host(NVA, worse.clone());
        }
        sim.announce(PEER, NVA, BRANCH, "10.13.76.1", &path(&[65001]));
        assert_eq!(sim.kernel(NVA).contains_key(BRANCH), !kernel_first);
        if !kernel_first {
            sim.host(NVA, worse);
        }
        is_told(&mut sim, &[BRANCH]);
        assert!(sim.kernel(NVA).is_empty(), "it leads where the kernel's leads: {:?}", sim.kernel(NVA));
    }
    // Routes of other BGP daemons are nobody's to tell.
    let mut sim = established(Sim::new(1, &configs("[[redistribute]]\nprotocol = \"kernel\"\n")));
    is_told(&mut sim, &["0.0.0.0/0", "10.13.76.0/24"]);
    sim.host(NVA, HostEvent::RouteAdded(HostRoute { protocol: PROTOCOL_BGP, metric: 20, ..fixed(BRANCH) }));
    sim.host(NVA, HostEvent::RouteAdded(HostRoute { protocol: 2, ..fixed("169.254.9.0/24") }));
    sim.host(NVA, HostEvent::RouteAdded(HostRoute { protocol: 2, table: 100, ..fixed("10.22.0.0/16") }));
    is_told(&mut sim, &["0.0.0.0/0", "10.13.76.0/24"]);
}

#[test]
fn policies_choose_and_change_what_is_told() {
    let tables = "[[policy]]\nname = \"branches\"\n[[policy.statement]]\n\
                  match = { prefixes = \"10.0.0.0/8 le 24\" }\n\
                  then = { med = 30, add-communities = [\"65000:7\"], accept = true }\n\
                  [[redistribute]]\nprotocol = \"connected\"\n\
                  [[redistribute]]\nprotocol = \"static\"\ntable = 100\npolicy = [\"branches\"]\n";
    let mut texts = configs(tables);
    let export = "[[policy]]\nname = \"out\"\n[[policy.statement]]\nmatch = { source = \"redistributed\" }\n\
                  then = { med = { add = 1 }, accept = true }\n";
    texts[NVA] = texts[NVA]
        .replace("export = [\"all\"]", "export = [\"out\"]")
        .replace("[originate]", &format!("{export}[originate]"));
    let mut sim = established(Sim::new(1, &texts));
    let in_100 = |prefix| HostRoute { table: 100, ..fixed(prefix) };
    for prefix in [BRANCH, "10.99.0.1/32", "192.0.2.0/24"] {
        sim.host(NVA, HostEvent::RouteAdded(in_100(prefix)));
    }
    sim.host(NVA, HostEvent::RouteAdded(fixed("10.98.0.0/16")));
    is_told(&mut sim, &["10.13.76.0/24", BRANCH]);
    let received = sim.received(PEER, NVA, BRANCH).expect("a route");
    let communities: Vec<String> = received.attributes.communities.iter().map(ToString::to_string).collect();
    assert_eq!((received.attributes.med, communities), (Some(31), vec!["65000:7".to_owned()]));
    // A reload follows.
    let changes = sim.reload(NVA, &texts[NVA].replace("10.0.0.0/8 le 24", "0.0.0.0/0 le 32"));
    assert_eq!(changes, ["redistributed routes of the kernel follow"]);
    is_told(&mut sim, &["10.13.76.0/24", BRANCH, "10.99.0.1/32", "192.0.2.0/24"]);
    sim.reload(NVA, &texts[NVA].replace(tables, ""));
    is_told(&mut sim, &[]);
    assert_eq!(sim.established(NVA), 1);
}

#[test]
fn what_is_originated_comes_before_it_and_aggregates_behind() {
    let originate = "prefixes = [\"10.20.0.0/16\"]";
    let aggregate = "[[aggregate]]\nprefix = \"10.20.0.0/16\"\n";
    let mut texts = configs(&format!("{REDISTRIBUTE}{aggregate}"));
    let mut sim = established(Sim::new(1, &texts));
    sim.announce(PEER, NVA, "10.20.1.0/24", "10.13.76.1", &path(&[65001]));
    let source = |sim: &Sim| {
        let route = sim.speakers[NVA].rib().received(BRANCH.parse().expect("a prefix"), None);
        route.map(|received| received.route.source.name().to_owned())
    };
    let unformed = |sim: &Sim| {
        let speaker = &sim.speakers[NVA];
        let aggregate = speaker.aggregates().get(BRANCH.parse().expect("a prefix")).expect("configured");
        speaker.unformed(aggregate)
    };
    sim.run_until("the aggregate", SOON, |sim| source(sim).as_deref() == Some("aggregate"));
    assert_eq!(sim.kernel(NVA)[BRANCH], Vec::<String>::new(), "packets are dropped");

    sim.host(NVA, HostEvent::RouteAdded(fixed(BRANCH)));
    sim.run_until("the static route", SOON, |sim| source(sim).as_deref() == Some("static"));
    assert_eq!((unformed(&sim), sim.kernel(NVA).contains_key(BRANCH)), (Some(Unformed::Redistributed), false));

    texts[NVA] = texts[NVA].replace("[originate]", &format!("[originate]\n{originate}"));
    let with_aggregate = texts[NVA].clone();
    sim.reload(NVA, &with_aggregate.replace(aggregate, ""));
    assert_eq!(source(&sim).as_deref(), Some("local"));
    sim.host(NVA, HostEvent::RouteSet(HostRoute { metric: 0, ..fixed(BRANCH) }));
    sim.run_for(SOON);
    assert_eq!(source(&sim).as_deref(), Some("local"));
    sim.reload(NVA, &with_aggregate.replace(originate, ""));
    sim.run_until("the static route again", SOON, |sim| source(sim).as_deref() == Some("static"));
    sim.host(NVA, HostEvent::RouteRemoved(fixed(BRANCH)));
    sim.run_until("the aggregate again", SOON, |sim| source(sim).as_deref() == Some("aggregate"));
}
