//! Whatever happens, carrying out the operations makes the kernel's table what it should be.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Want(u8, Vec<u8>),
    Discard(u8),
    Unwant(u8),
    Link(u32, bool),
    Way(u8, Option<u32>),
    Pin(u8),
    Unpin(u8),
    Interfere(u8, Option<u8>),
    /// Only where there are next-hop objects.
    LoseCarrier(u32),
    Work(u8),
    Refuse,
}

/// Prefixes of every kind: one inside the other, over the peers, over the next hops.
const NETS: [&str; 7] =
    ["0.0.0.0/0", "10.0.0.0/16", "10.0.1.96/28", "172.16.0.0/16", "172.16.9.0/24", "172.16.9.9/32", "100.0.0.1/32"];
const NEXT_HOPS: [&str; 6] = ["10.0.1.100", "10.0.2.101", "172.16.9.9", "192.0.2.1", "10.0.1.9", "2001:db8::1"];
const PEERS: [&str; 3] = ["10.0.1.100", "172.16.9.9", "192.0.2.1"];
const WAYS: [&str; 3] = ["0.0.0.0/0", "172.16.0.0/16", "192.0.2.0/28"];

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..7u8, prop::collection::vec(0..6u8, 1..3)).prop_map(|(net, next_hops)| Step::Want(net, next_hops)),
        2 => (0..7u8).prop_map(Step::Discard),
        2 => (0..7u8).prop_map(Step::Unwant),
        1 => (1..3u32, any::<bool>()).prop_map(|(link, up)| Step::Link(link, up)),
        2 => (0..3u8, proptest::option::of(1..3u32)).prop_map(|(way, link)| Step::Way(way, link)),
        1 => (0..3u8).prop_map(Step::Pin),
        1 => (0..3u8).prop_map(Step::Unpin),
        1 => (0..7u8, proptest::option::of(0..2u8)).prop_map(|(net, gateway)| Step::Interfere(net, gateway)),
        1 => (1..3u32).prop_map(Step::LoseCarrier),
        3 => (1..8u8).prop_map(Step::Work),
        1 => Just(Step::Refuse),
    ]
}

impl Bench {
    fn step(&mut self, step: Step) {
        match step {
            Step::Want(net, next_hops) => {
                let next_hops: Vec<&str> = next_hops.iter().map(|at| NEXT_HOPS[usize::from(*at)]).collect();
                self.want(NETS[usize::from(net)], &next_hops);
            }
            Step::Discard(net) => self.discard(NETS[usize::from(net)]),
            Step::Unwant(net) => self.unwant(NETS[usize::from(net)]),
            Step::Link(index, up) => self.tell(HostEvent::LinkSet(link(index, up))),
            Step::Way(way, over) => {
                let net = WAYS[usize::from(way)];
                let mut old: Vec<HostRoute> = self.host.routes_of(prefix(net)).to_vec();
                old.retain(|route| !self.fib.config().is_ours(route));
                for route in old {
                    self.tell(HostEvent::RouteRemoved(route));
                }
                if let Some(link) = over {
                    self.tell(HostEvent::RouteAdded(foreign(net, 4, &[via(&format!("10.0.{link}.1"), link)])));
                }
            }
            Step::Pin(peer) => self.fib.pin(ip(PEERS[usize::from(peer)]), &self.host),
            Step::Unpin(peer) => self.fib.unpin(ip(PEERS[usize::from(peer)])),
            Step::Interfere(net, gateway) => {
                let net = NETS[usize::from(net)];
                let held = |route: &&HostRoute| self.fib.config().is_ours(route);
                if let Some(route) = self.host.routes_of(prefix(net)).iter().find(held).cloned() {
                    self.tell(HostEvent::RouteRemoved(route));
                }
                if let Some(last) = gateway {
                    self.tell(HostEvent::RouteAdded(ours(net, &[via(&format!("10.0.1.{}", 200 + last), 1)])));
                }
            }
            Step::LoseCarrier(index) => {
                if self.host.has_next_hop_objects() {
                    self.lose_carrier(index);
                }
            }
            Step::Work(count) => {
                for _ in 0..count {
                    let Some(op) = self.fib.poll_op() else { break };
                    let possible = self.lacks(&op).is_none();
                    if possible {
                        self.carry_out(&op);
                    }
                    self.fib.acknowledge(&op, if possible { Ok(()) } else { Err("something is not there".into()) });
                }
            }
            Step::Refuse => {
                if let Some(op) = self.fib.poll_op() {
                    self.fib.acknowledge(&op, Err("refused".into()));
                }
            }
        }
    }

    /// What the kernel should hold of ours, worked out from nothing by another and slower way than `Fib`'s. What is wanted
    /// through nothing is to be dropped.
    fn should_hold(&self, wanted: &BTreeMap<Prefix, Vec<IpAddr>>, pins: &[IpAddr]) -> BTreeMap<Prefix, Vec<Hop>> {
        let mut want = BTreeMap::new();
        for (prefix, next_hops) in wanted {
            let mut hops: Vec<Hop> = Vec::new();
            for next_hop in next_hops.iter().filter(|next_hop| !self.host.is_own_address(**next_hop)) {
                let found = self.host.resolve(*next_hop).map(|way| way.hops).unwrap_or_default();
                hops.extend(found.iter().map(|hop| Hop { gateway: hop.gateway.or(Some(*next_hop)), ..*hop }));
            }
            hops.sort();
            hops.dedup();
            if !hops.is_empty() || next_hops.is_empty() {
                want.insert(*prefix, hops);
            }
        }
        let bgp: Vec<Prefix> = want.keys().copied().collect();
        for peer in pins {
            let Some(way) = self.host.resolve(*peer) else { continue };
            if bgp.iter().any(|prefix| prefix.contains(*peer) && prefix.len() >= way.prefix.len()) {
                want.insert(Prefix::host(*peer), way.hops);
            }
        }
        want
    }

    fn holds(&self) -> BTreeMap<Prefix, Vec<Hop>> {
        let ours = self.host.routes().filter(|route| self.fib.config().is_ours(route));
        ours.map(|route| (route.prefix, self.host.hops(route).to_vec())).collect()
    }
}

proptest! {
    /// apply(diff(have, want)) == want, whatever came before.
    #[test]
    fn the_kernel_ends_up_with_what_it_should_hold(
        objects in any::<bool>(),
        steps in prop::collection::vec(any_step(), 0..60),
    ) {
        let mut bench = if objects { Bench::with_objects() } else { Bench::new() };
        bench.fib.reconcile();
        let (mut wanted, mut pins) = (BTreeMap::new(), Vec::new());
        for step in steps {
            match &step {
                Step::Want(net, next_hops) => {
                    let next_hops = next_hops.iter().map(|at| ip(NEXT_HOPS[usize::from(*at)])).collect();
                    wanted.insert(prefix(NETS[usize::from(*net)]), next_hops);
                }
                Step::Discard(net) => { wanted.insert(prefix(NETS[usize::from(*net)]), Vec::new()); }
                Step::Unwant(net) => { wanted.remove(&prefix(NETS[usize::from(*net)])); }
                Step::Pin(peer) => pins.push(ip(PEERS[usize::from(*peer)])),
                Step::Unpin(peer) => pins.retain(|pinned| *pinned != ip(PEERS[usize::from(*peer)])),
                Step::Link(..) | Step::Way(..) | Step::Interfere(..) | Step::LoseCarrier(_) | Step::Work(_) | Step::Refuse => (),
            }
            bench.step(step);
        }
        bench.fib.retry_failed();
        bench.run();
        prop_assert_eq!(bench.holds(), bench.should_hold(&wanted, &pins));
        prop_assert_eq!(bench.run(), Vec::<String>::new(), "there is nothing left to do");
        let groups: Vec<&Vec<GroupMember>> = bench.host.next_hop_objects().filter_map(|object| match &object.kind {
            NextHopKind::Group(members) => Some(members),
            NextHopKind::Hop(_) | NextHopKind::Discard | NextHopKind::Opaque => None,
        }).collect();
        let shared: BTreeSet<BTreeSet<IpAddr>> = wanted.values().filter(|next_hops| !next_hops.is_empty())
            .map(|next_hops| next_hops.iter().copied().collect()).collect();
        prop_assert!(groups.len() <= shared.len(), "{} groups for {} sets of next hops", groups.len(), shared.len());
        let members: BTreeSet<u32> = groups.iter().copied().flatten().map(|member| member.id).collect();
        prop_assert_eq!(bench.host.next_hop_objects().count(), groups.len() + members.len(), "a way out that nobody needs");

        // A second life that finds the same routes has nothing to do either.
        let mut second = Bench { host: HostState::default(), fib: Fib::new(FibConfig::default()) };
        second.resync(bench.snapshot());
        for (net, next_hops) in &wanted {
            let wanted = match next_hops.as_slice() {
                [] => Wanted::Discard,
                some => Wanted::through(some.iter().copied().map(NextHop::Via)),
            };
            second.fib.want(*net, Some(wanted), &second.host);
        }
        for peer in &pins {
            second.fib.pin(*peer, &second.host);
        }
        second.fib.reconcile();
        prop_assert_eq!(second.run(), Vec::<String>::new());
    }
}
