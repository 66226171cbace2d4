//! Resolution, pins, restarts and refusals by table.

mod interference;
mod property;

use std::net::IpAddr;

use super::*;
use crate::host::{Address, GroupMember, Hop, HostEvent, HostState, Link, NextHopKind, Snapshot, TABLE_LOCAL};
use crate::route::NextHop;

fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect(text)
}

fn via(gateway: &str, link: u32) -> Hop {
    Hop { gateway: Some(ip(gateway)), link, weight: 1 }
}

fn on(link: u32) -> Hop {
    Hop { gateway: None, link, weight: 1 }
}

fn link(index: u32, up: bool) -> Link {
    Link { index, name: format!("eth{index}"), mac: Some([2; 6]), mtu: 1500, up, loopback: false }
}

fn foreign(net: &str, protocol: u8, hops: &[Hop]) -> HostRoute {
    let (prefix, kind, via) = (prefix(net), RouteKind::Unicast, Via::Hops(hops.to_vec()));
    HostRoute { table: TABLE_MAIN, prefix, metric: 0, protocol, kind, mtu: None, via }
}

/// A route of ours; one that drops packets, if it has no hops.
fn ours(net: &str, hops: &[Hop]) -> HostRoute {
    let kind = if hops.is_empty() { RouteKind::Blackhole } else { RouteKind::Unicast };
    HostRoute { metric: FibConfig::METRIC, kind, ..foreign(net, PROTOCOL_BGP, hops) }
}

/// What was done, where the order does not matter.
fn sorted(mut done: Vec<String>) -> Vec<String> {
    done.sort();
    done
}

/// A kernel that does what it is told, and the daemon's view of it.
#[derive(Debug)]
struct Bench {
    host: HostState,
    fib: Fib,
}

impl Bench {
    /// An NVA as in Azure: a NIC in 10.0.1.0/24 with the default route through .1, a second NIC in 10.0.2.0/24.
    fn new() -> Bench {
        let mut bench = Bench { host: HostState::default(), fib: Fib::new(FibConfig::default()) };
        let own = |link, address, prefix_len| Address { link, address: ip(address), prefix_len, peer: None };
        let local = HostRoute { table: TABLE_LOCAL, kind: RouteKind::Local, ..foreign("10.0.1.9/32", 2, &[on(1)]) };
        for event in [
            HostEvent::LinkSet(link(1, true)),
            HostEvent::LinkSet(link(2, true)),
            HostEvent::AddressAdded(own(1, "10.0.1.9", 24)),
            HostEvent::AddressAdded(own(2, "10.0.2.9", 24)),
            HostEvent::RouteAdded(local),
            HostEvent::RouteAdded(foreign("10.0.1.0/24", 2, &[on(1)])),
            HostEvent::RouteAdded(foreign("10.0.2.0/24", 2, &[on(2)])),
            HostEvent::RouteAdded(foreign("0.0.0.0/0", 16, &[via("10.0.1.1", 1)])),
        ] {
            bench.tell(event);
        }
        bench
    }

    /// The same with a kernel that has next-hop objects.
    fn with_objects() -> Bench {
        let mut bench = Bench::new();
        bench.resync(Snapshot { next_hops: Some(Vec::new()), ..bench.snapshot() });
        bench
    }

    fn tell(&mut self, event: HostEvent) {
        let everything = matches!(event, HostEvent::Resync(_));
        let delta = self.host.apply(event);
        if everything {
            self.fib.adopt(&self.host);
        }
        self.fib.host_changed(&delta, &self.host);
    }

    fn resync(&mut self, snapshot: Snapshot) {
        self.tell(HostEvent::Resync(Box::new(snapshot)));
    }

    fn snapshot(&self) -> Snapshot {
        let objects = || self.host.next_hop_objects().cloned().collect();
        Snapshot {
            links: self.host.links().cloned().collect(),
            addresses: self.host.addresses().copied().collect(),
            neighbours: Vec::new(),
            next_hops: self.host.has_next_hop_objects().then(objects),
            routes: self.host.routes().cloned().collect(),
            audit: None,
        }
    }

    /// A link loses its carrier, and the kernel what leads over it: the objects, their places in groups, the groups that
    /// are empty then, and the routes that name these.
    fn lose_carrier(&mut self, index: u32) {
        self.tell(HostEvent::LinkSet(link(index, false)));
        let mut left = self.snapshot();
        let objects = left.next_hops.as_mut().expect("a kernel with objects");
        objects.retain(|object| !matches!(object.kind, NextHopKind::Hop(hop) if hop.link == index));
        let hops: Vec<u32> = objects.iter().map(|object| object.id).collect();
        for object in objects.iter_mut() {
            if let NextHopKind::Group(members) = &mut object.kind {
                members.retain(|member| hops.contains(&member.id));
            }
        }
        objects.retain(|object| !matches!(&object.kind, NextHopKind::Group(members) if members.is_empty()));
        let there: Vec<u32> = objects.iter().map(|object| object.id).collect();
        left.routes.retain(|route| !matches!(route.via, Via::Object(id) if !there.contains(&id)));
        self.resync(left);
    }

    fn want(&mut self, net: &str, next_hops: &[&str]) {
        let wanted = Wanted::through(next_hops.iter().map(|text| NextHop::Via(ip(text))));
        self.fib.want(prefix(net), Some(wanted), &self.host);
    }

    fn discard(&mut self, net: &str) {
        self.fib.want(prefix(net), Some(Wanted::Discard), &self.host);
    }

    fn unwant(&mut self, net: &str) {
        self.fib.want(prefix(net), None, &self.host);
    }

    /// Carries out everything that is to be done; the kernel confirms and notifies. What was done, in words.
    fn run(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(op) = self.fib.poll_op() {
            done.push(self.carry_out(&op));
            self.fib.acknowledge(&op, Ok(()));
        }
        done
    }

    /// Does what the kernel would do; it does not bear an operation that it would refuse.
    fn carry_out(&mut self, op: &FibOp) -> String {
        let word = match op {
            FibOp::Install(_) => "install",
            FibOp::Replace(_) => "replace",
            FibOp::Withdraw(_) => "withdraw",
        };
        match op.item() {
            FibItem::Route(route) => {
                self.carry_out_route(op, route);
                format!("{word} {}", route.prefix)
            }
            FibItem::Object(object) => {
                self.carry_out_object(op, object);
                format!("{word} {}", if matches!(object.kind, NextHopKind::Group(_)) { "a group" } else { "a way out" })
            }
        }
    }

    /// The next-hop object that an operation needs and that is not there.
    fn lacks(&self, op: &FibOp) -> Option<u32> {
        let (FibOp::Install(item) | FibOp::Replace(item)) = op else { return None };
        let needed: Vec<u32> = match item {
            FibItem::Route(FibRoute { via: Via::Object(id), .. }) => vec![*id],
            FibItem::Object(NextHopObject { kind: NextHopKind::Group(members), .. }) => {
                members.iter().map(|member| member.id).collect()
            }
            FibItem::Route(_) | FibItem::Object(_) => Vec::new(),
        };
        needed.into_iter().find(|id| self.host.next_hop_object(*id).is_none())
    }

    fn carry_out_route(&mut self, op: &FibOp, route: &FibRoute) {
        let at_kernel = HostRoute {
            mtu: None,
            table: route.table,
            prefix: route.prefix,
            metric: route.metric,
            protocol: route.protocol,
            kind: route.kind(),
            via: route.via.clone(),
        };
        let held = self.held_via(route.prefix);
        assert_eq!(self.lacks(op), None, "{op:?}");
        match op {
            FibOp::Install(_) => {
                assert_eq!(held, None, "{} is installed twice", route.prefix);
                self.tell(HostEvent::RouteSet(at_kernel));
            }
            FibOp::Replace(_) => {
                assert!(held.is_some(), "{} is replaced but not there", route.prefix);
                self.tell(HostEvent::RouteSet(at_kernel));
            }
            FibOp::Withdraw(_) => {
                assert_eq!(held.as_ref(), Some(&route.via), "{} is withdrawn but not there", route.prefix);
                self.tell(HostEvent::RouteRemoved(at_kernel));
            }
        }
    }

    fn carry_out_object(&mut self, op: &FibOp, object: &NextHopObject) {
        let there = self.host.next_hop_object(object.id).is_some();
        assert_eq!(self.lacks(op), None, "{op:?}");
        match op {
            FibOp::Install(_) | FibOp::Replace(_) => {
                assert_eq!(there, matches!(op, FibOp::Replace(_)), "{op:?}");
                self.tell(HostEvent::NextHopSet(object.clone()));
            }
            FibOp::Withdraw(_) => {
                assert!(there, "{op:?}");
                let named = |route: &HostRoute| route.via == Via::Object(object.id);
                assert!(!self.host.routes().any(named), "{op:?}: its routes would go with it");
                let member = |one: &NextHopObject| matches!(&one.kind, NextHopKind::Group(members) if members.iter().any(|member| member.id == object.id));
                assert!(!self.host.next_hop_objects().any(member), "{op:?}: it is a member");
                self.tell(HostEvent::NextHopRemoved(object.id));
            }
        }
    }

    /// Our route in the kernel.
    fn held_via(&self, prefix: Prefix) -> Option<Via> {
        let routes = self.host.routes_of(prefix);
        routes.iter().find(|route| self.fib.config().is_ours(route)).map(|route| route.via.clone())
    }

    /// Where our route in the kernel leads.
    fn held(&self, prefix: Prefix) -> Option<Vec<Hop>> {
        let routes = self.host.routes_of(prefix);
        routes.iter().find(|route| self.fib.config().is_ours(route)).map(|route| self.host.hops(route).to_vec())
    }

    fn withheld(&self, net: &str) -> Option<Withheld> {
        self.fib.entry(prefix(net)).and_then(|entry| entry.withheld.cloned())
    }
}

#[test]
fn next_hops_resolve_on_the_link_or_through_a_gateway() {
    let mut bench = Bench::new();
    bench.tell(HostEvent::RouteAdded(foreign("172.16.0.0/16", 4, &[via("10.0.2.1", 2)])));
    for (next_hops, hops) in [
        (&["10.0.1.100"][..], vec![via("10.0.1.100", 1)]),
        (&["192.0.2.1"], vec![via("10.0.1.1", 1)]),
        (&["172.16.9.9"], vec![via("10.0.2.1", 2)]),
        (&["10.0.2.101", "10.0.1.100"], vec![via("10.0.1.100", 1), via("10.0.2.101", 2)]),
        (&["192.0.2.1", "192.0.2.2"], vec![via("10.0.1.1", 1)]),
        (&["10.0.1.100", "2001:db8::1"], vec![via("10.0.1.100", 1)]),
    ] {
        bench.want("100.0.0.1/32", next_hops);
        bench.run();
        assert_eq!(bench.held(prefix("100.0.0.1/32")), Some(hops), "{next_hops:?}");
    }
    bench.unwant("100.0.0.1/32");
    assert_eq!(bench.run(), ["withdraw 100.0.0.1/32"]);
    assert_eq!(bench.fib.entries().count(), 0, "nothing is left behind");
    assert_eq!(bench.fib.next_hop(ip("10.0.1.100")), None);
}

#[test]
fn a_prefix_is_dropped_and_forwarded_again() {
    let mut bench = Bench::new();
    let victim = "100.0.0.1/32";
    bench.want(victim, &["10.0.1.100"]);
    bench.run();
    bench.discard(victim);
    assert_eq!(bench.run(), ["replace 100.0.0.1/32"]);
    assert_eq!(bench.held(prefix(victim)), Some(Vec::new()));
    assert_eq!(bench.host.best_route(prefix(victim)).map(|route| route.kind), Some(RouteKind::Blackhole));
    // Somebody puts a route of his own in its place.
    bench.tell(HostEvent::RouteSet(ours(victim, &[via("10.0.1.1", 1)])));
    assert_eq!(bench.run(), ["replace 100.0.0.1/32"]);
    bench.want(victim, &["10.0.1.100"]);
    assert_eq!(bench.run(), ["replace 100.0.0.1/32"]);
    assert_eq!(bench.held(prefix(victim)), Some(vec![via("10.0.1.100", 1)]));
    bench.discard(victim);
    bench.unwant(victim);
    assert_eq!(bench.run(), ["withdraw 100.0.0.1/32"]);
    bench.discard("10.0.2.0/24");
    assert_eq!(bench.run(), Vec::<String>::new());
    assert_eq!(bench.withheld("10.0.2.0/24"), Some(Withheld::Connected), "not even to drop it");
}

#[test]
fn a_peer_in_a_prefix_that_is_dropped_is_pinned() {
    let mut bench = Bench::new();
    bench.fib.pin(ip("10.0.1.100"), &bench.host);
    bench.discard("10.0.1.96/28");
    assert_eq!(bench.run(), ["install 10.0.1.100/32", "install 10.0.1.96/28"]);
}

#[test]
fn what_must_not_be_installed_is_withheld_with_a_reason() {
    let mut bench = Bench::new();
    bench.fib.want(prefix("100.0.0.9/32"), Some(Wanted::through([NextHop::Own])), &bench.host);
    bench.want("100.0.0.1/32", &["10.0.1.9"]);
    bench.want("100.0.0.2/32", &["2001:db8::1"]);
    bench.want("10.0.2.0/24", &["10.0.1.100"]);
    assert_eq!(bench.run(), Vec::<String>::new());
    assert_eq!(bench.withheld("100.0.0.9/32"), Some(Withheld::OwnNextHop));
    assert_eq!(bench.withheld("100.0.0.1/32"), Some(Withheld::OwnNextHop));
    assert_eq!(bench.withheld("100.0.0.2/32"), Some(Withheld::Unreachable(ip("2001:db8::1"))));
    assert_eq!(bench.withheld("10.0.2.0/24"), Some(Withheld::Connected));
}

#[test]
fn nothing_resolves_through_a_route_of_our_own() {
    let mut bench = Bench::new();
    bench.want("172.16.0.0/16", &["10.0.2.1"]);
    bench.run();
    bench.want("100.0.0.1/32", &["172.16.9.9"]);
    bench.run();
    assert_eq!(bench.held(prefix("100.0.0.1/32")), Some(vec![via("10.0.1.1", 1)]), "by the default route, not by BGP");
}

#[test]
fn routes_follow_their_next_hops_ways() {
    let mut bench = Bench::new();
    bench.want("100.0.0.1/32", &["172.16.9.9"]);
    bench.want("100.0.0.2/32", &["10.0.2.101", "172.16.9.9"]);
    assert_eq!(sorted(bench.run()), ["install 100.0.0.1/32", "install 100.0.0.2/32"]);

    let way = foreign("172.16.0.0/16", 4, &[via("10.0.2.1", 2)]);
    bench.tell(HostEvent::RouteAdded(way.clone()));
    assert_eq!(sorted(bench.run()), ["replace 100.0.0.1/32", "replace 100.0.0.2/32"]);
    assert_eq!(bench.held(prefix("100.0.0.2/32")), Some(vec![via("10.0.2.1", 2), via("10.0.2.101", 2)]));

    bench.tell(HostEvent::LinkSet(link(2, false)));
    assert_eq!(sorted(bench.run()), ["replace 100.0.0.1/32", "replace 100.0.0.2/32"]);
    assert_eq!(bench.held(prefix("100.0.0.2/32")), Some(vec![via("10.0.1.1", 1)]), "the default route is left");

    bench.tell(HostEvent::LinkSet(link(1, false)));
    assert_eq!(sorted(bench.run()), ["withdraw 100.0.0.1/32", "withdraw 100.0.0.2/32"]);
    assert_eq!(bench.withheld("100.0.0.1/32"), Some(Withheld::Unreachable(ip("172.16.9.9"))));

    bench.tell(HostEvent::LinkSet(link(1, true)));
    assert_eq!(sorted(bench.run()), ["install 100.0.0.1/32", "install 100.0.0.2/32"]);
}

#[test]
fn a_peer_is_pinned_before_a_route_that_would_capture_it() {
    let mut bench = Bench::new();
    // The route server: several hops away, through the subnet's router.
    bench.fib.pin(ip("10.13.76.4"), &bench.host);
    assert_eq!(bench.run(), Vec::<String>::new(), "as long as nothing covers it, it needs no pin");

    bench.want("10.13.76.0/24", &["10.0.2.101"]);
    assert_eq!(bench.run(), ["install 10.13.76.4/32", "install 10.13.76.0/24"]);
    assert_eq!(bench.held(prefix("10.13.76.4/32")), Some(vec![via("10.0.1.1", 1)]));
    assert!(bench.fib.entry(prefix("10.13.76.4/32")).is_some_and(|entry| entry.pinned));

    bench.want("10.13.76.4/32", &["10.0.2.101"]);
    assert_eq!(bench.run(), Vec::<String>::new(), "BGP has no say about a peer's own address");

    bench.tell(HostEvent::RouteSet(foreign("0.0.0.0/0", 16, &[via("10.0.1.2", 1)])));
    assert_eq!(bench.run(), ["replace 10.13.76.4/32"], "the pin follows the way without BGP");

    bench.unwant("10.13.76.0/24");
    assert_eq!(bench.run(), ["withdraw 10.13.76.0/24"], "the peer's own /32 would still capture it");
    bench.unwant("10.13.76.4/32");
    assert_eq!(bench.run(), ["withdraw 10.13.76.4/32"]);
    assert_eq!(bench.fib.entries().count(), 0);
}

#[test]
fn a_pin_goes_only_after_the_route_that_made_it_necessary() {
    let mut bench = Bench::new();
    bench.fib.pin(ip("10.13.76.4"), &bench.host);
    bench.want("10.13.76.0/24", &["10.0.2.101"]);
    bench.run();
    bench.unwant("10.13.76.0/24");
    assert_eq!(bench.run(), ["withdraw 10.13.76.0/24", "withdraw 10.13.76.4/32"]);

    bench.want("0.0.0.0/0", &["10.0.2.101"]);
    assert_eq!(bench.run(), ["install 10.13.76.4/32", "install 0.0.0.0/0"], "an equally long route captures as well");
    bench.fib.unpin(ip("10.13.76.4"));
    assert_eq!(bench.run(), ["withdraw 10.13.76.4/32"]);
}

#[test]
fn a_connected_peer_is_pinned_only_against_more_specific_routes() {
    let mut bench = Bench::new();
    bench.fib.pin(ip("10.0.1.100"), &bench.host);
    bench.want("10.0.0.0/16", &["10.0.2.101"]);
    assert_eq!(bench.run(), ["install 10.0.0.0/16"], "the connected subnet is more specific");
    bench.want("10.0.1.96/28", &["10.0.2.101"]);
    assert_eq!(bench.run(), ["install 10.0.1.100/32", "install 10.0.1.96/28"]);
    assert_eq!(bench.held(prefix("10.0.1.100/32")), Some(vec![on(1)]));
}

#[test]
fn a_restart_keeps_what_it_finds_until_it_is_reconciled() {
    let mut bench = Bench::new();
    for (net, gateway) in [("100.0.0.1/32", "10.0.1.100"), ("100.0.0.2/32", "10.0.1.100"), ("100.0.0.3/32", "10.0.1.7")]
    {
        bench.tell(HostEvent::RouteAdded(ours(net, &[via(gateway, 1)])));
    }
    let others = HostRoute { metric: 20, ..ours("100.0.0.4/32", &[via("10.0.1.7", 1)]) };
    bench.tell(HostEvent::RouteAdded(others.clone()));
    bench.fib.adopt(&bench.host);
    assert_eq!(bench.run(), Vec::<String>::new());

    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    assert_eq!(bench.run(), Vec::<String>::new(), "it is there already");
    bench.want("100.0.0.2/32", &["10.0.1.101"]);
    assert_eq!(bench.run(), ["replace 100.0.0.2/32"]);
    bench.want("100.0.0.5/32", &["10.0.1.100"]);
    assert_eq!(bench.run(), ["install 100.0.0.5/32"]);
    assert!(bench.fib.entry(prefix("100.0.0.3/32")).is_some_and(|entry| entry.adopted));

    bench.fib.reconcile();
    assert_eq!(bench.run(), ["withdraw 100.0.0.3/32"]);
    assert_eq!(bench.host.routes_of(others.prefix), [others]);
}

#[test]
fn an_adopted_route_that_bgp_withdraws_goes_at_once() {
    let mut bench = Bench::new();
    bench.tell(HostEvent::RouteAdded(ours("100.0.0.1/32", &[via("10.0.1.100", 1)])));
    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    bench.unwant("100.0.0.1/32");
    assert_eq!(bench.run(), ["withdraw 100.0.0.1/32"]);
}

#[test]
fn a_refusal_is_shown_and_tried_again_on_request() {
    let mut bench = Bench::new();
    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    for attempts in 1..3 {
        let op = bench.fib.poll_op().expect("an operation");
        assert_eq!(bench.fib.poll_op(), None, "one at a time for each prefix");
        bench.fib.acknowledge(&op, Err("Network is unreachable".into()));
        assert_eq!(bench.fib.poll_op(), None, "no hot loop");
        let entry = bench.fib.entry(prefix("100.0.0.1/32")).expect("still wanted");
        assert_eq!(entry.failure, Some(&Failure { reason: "Network is unreachable".into(), attempts }));
        assert_eq!(entry.installed, None);
        bench.fib.retry_failed();
    }
    assert_eq!(bench.run(), ["install 100.0.0.1/32"]);
    assert_eq!(bench.fib.entry(prefix("100.0.0.1/32")).and_then(|entry| entry.failure), None);
}

#[test]
fn what_the_kernel_does_not_replace_does_not_stay_for_ever() {
    let mut bench = Bench::new();
    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    bench.run();
    bench.want("100.0.0.1/32", &["10.0.2.101"]);
    for _ in 0..2 {
        let op = bench.fib.poll_op().expect("an operation");
        assert!(matches!(op, FibOp::Replace(_)), "{op:?}");
        bench.fib.acknowledge(&op, Err("Nexthop has invalid gateway".into()));
        assert_eq!(bench.held(prefix("100.0.0.1/32")), Some(vec![via("10.0.1.100", 1)]));
        bench.fib.retry_failed();
    }
    let op = bench.fib.poll_op().expect("an operation");
    assert_eq!(bench.carry_out(&op), "withdraw 100.0.0.1/32");
    bench.fib.acknowledge(&op, Ok(()));
    assert_eq!(bench.run(), ["install 100.0.0.1/32"], "which is tried again");
    assert_eq!(bench.held(prefix("100.0.0.1/32")), Some(vec![via("10.0.2.101", 2)]));
}

#[test]
fn routes_of_an_object_that_the_kernel_does_not_redirect_do_not_stay_for_ever() {
    let mut bench = Bench::with_objects();
    bench.fib.reconcile();
    bench.want("100.0.0.1/32", &["172.16.9.9"]);
    bench.want("100.0.0.2/32", &["10.0.1.100"]);
    bench.run();
    bench.tell(HostEvent::RouteAdded(foreign("172.16.0.0/16", 4, &[via("10.0.2.1", 2)])));
    let refuse = |bench: &mut Bench| {
        for _ in ["the new way out", "the group"] {
            let op = bench.fib.poll_op().expect("an operation");
            assert!(matches!(op.item(), FibItem::Object(_)), "{op:?}");
            bench.fib.acknowledge(&op, Err("Nexthop has invalid gateway".into()));
        }
    };
    refuse(&mut bench);
    assert_eq!(bench.run(), Vec::<String>::new(), "once may be for want of memory");
    bench.fib.retry_failed();
    refuse(&mut bench);
    assert_eq!(bench.run(), ["withdraw 100.0.0.1/32"]);
    let entry = bench.fib.entry(prefix("100.0.0.1/32")).expect("still wanted");
    assert_eq!(entry.failure.map(|failure| failure.attempts), Some(2));
    // Another one that comes to want the same waits, too, instead of staying where it was.
    bench.want("100.0.0.2/32", &["172.16.9.9"]);
    assert_eq!(bench.run(), ["withdraw 100.0.0.2/32", "withdraw a group", "withdraw a way out"]);
    bench.fib.retry_failed();
    let again = ["install a way out", "replace a group", "install 100.0.0.1/32", "install 100.0.0.2/32"];
    let mut done = bench.run();
    done[2..4].sort();
    assert_eq!(done, [&again[..], &["withdraw a way out"]].concat());
    assert_eq!(bench.held(prefix("100.0.0.1/32")), Some(vec![via("10.0.2.1", 2)]));
}

#[test]
fn weights_are_those_that_every_kernel_has() {
    let mut bench = Bench::with_objects();
    let heavy = Hop { weight: 1000, ..via("10.0.2.1", 2) };
    bench.tell(HostEvent::RouteAdded(foreign("172.16.0.0/16", 4, &[via("10.0.1.1", 1), heavy])));
    bench.want("100.0.0.1/32", &["172.16.9.9", "10.0.2.101"]);
    bench.run();
    let most = Hop { weight: 256, ..heavy };
    let held = bench.held(prefix("100.0.0.1/32"));
    assert_eq!(held, Some(vec![via("10.0.1.1", 1), most, via("10.0.2.101", 2)]));
}

#[test]
fn a_change_of_mind_while_an_operation_is_under_way_is_caught_up() {
    let mut bench = Bench::new();
    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    let op = bench.fib.poll_op().expect("an operation");
    bench.want("100.0.0.1/32", &["10.0.1.101"]);
    assert_eq!(bench.fib.poll_op(), None);
    bench.carry_out(&op);
    bench.fib.acknowledge(&op, Ok(()));
    assert_eq!(bench.run(), ["replace 100.0.0.1/32"]);

    bench.want("100.0.0.1/32", &["10.0.1.100"]);
    let op = bench.fib.poll_op().expect("an operation");
    bench.unwant("100.0.0.1/32");
    bench.carry_out(&op);
    bench.fib.acknowledge(&op, Ok(()));
    assert_eq!(bench.run(), ["withdraw 100.0.0.1/32"]);
}
