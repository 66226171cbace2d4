//! A router with two interfaces whose tables are written by hand, and what one frame makes of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::support::bpf::{Program, XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX};
use crate::support::netns::{BpfFs, NetNs, link};
use crate::support::wire::Wire;
use nva::fib::mirror::{Adjacency, GroupId, GroupState, Member, XdpOp};
use nva::host::Hop;
use nva::net::Prefix;
use nva::xdp::{Capacity, Dataplane, LookupSource, SourceCheck, XdpOptions};
use nva_common::{Counters, Reason, Verdict};

pub const IN_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
pub const OUT_MAC: [u8; 6] = [2, 0, 0, 0, 2, 1];
pub const NEIGHBOUR: [u8; 6] = [2, 0, 0, 0, 9, 9];

/// A router with an interface `in` and an interface `out`, and its data plane.
pub struct Router {
    pub ns: NetNs,
    peers: NetNs,
    bpffs: BpfFs,
    pub ingress: u32,
    pub egress: u32,
}

impl Router {
    pub fn new() -> Router {
        let (ns, peers) = (NetNs::new(), NetNs::new());
        link((&ns, "in", "02:00:00:00:01:01"), (&peers, "a", "02:00:00:00:01:02"));
        link((&ns, "out", "02:00:00:00:02:01"), (&peers, "b", "02:00:00:00:02:02"));
        ns.set("ip_forward", 1);
        ns.set6("conf.all.forwarding", 1);
        ns.set6("conf.in.disable_ipv6", 0);
        let (ingress, egress) = (ns.index("in"), ns.index("out"));
        Router { ns, peers, bpffs: BpfFs::new(), ingress, egress }
    }

    pub fn open(&self, capacity: Capacity) -> Dataplane {
        self.open_with(XdpOptions { capacity, ..XdpOptions::default() })
    }

    /// The same with checks of sources.
    pub fn open_checking(&self, capacity: Capacity, source_checks: BTreeMap<String, SourceCheck>) -> Dataplane {
        self.open_with(XdpOptions { capacity, source_checks, ..XdpOptions::default() })
    }

    /// Where everything is pinned.
    pub fn bpffs(&self) -> &Path {
        self.bpffs.path()
    }

    /// The same with the forwarder that samples every packet.
    pub fn open_debug(&self) -> Dataplane {
        self.open_with(XdpOptions { debug_samples: Some(Duration::ZERO), ..XdpOptions::default() })
    }

    /// A data plane that looks up routes in this place, which holds what these operations say.
    pub fn open_filled(&self, lookup: LookupSource, ops: &[XdpOp]) -> Dataplane {
        if lookup == LookupSource::Kernel {
            self.install(ops);
        }
        let mut dataplane = self.open_with(XdpOptions { lookup, ..XdpOptions::default() });
        dataplane.replace(ops).expect("routes");
        assert_eq!(dataplane.lookup_source(), lookup);
        dataplane
    }

    /// Gives the kernel the routes that the operations would write into our tables.
    fn install(&self, ops: &[XdpOp]) {
        self.ns.set6("conf.out.disable_ipv6", 0);
        self.ns.ip("link add name other index 4000 type veth peer name other-end");
        self.ns.ip("link set dev other up");
        self.ns.ip("link set dev other-end up");
        let mut lines = Vec::new();
        for device in ["in", "out", "other"] {
            for gateway in ["10.0.0.9", "fe80::9"] {
                let neighbour = format!("{gateway} lladdr 02:00:00:00:09:09 nud permanent");
                lines.push(format!("neighbour add {neighbour} dev {device}"));
            }
        }
        let groups: BTreeMap<GroupId, &GroupState> = (ops.iter())
            .filter_map(|op| match op {
                XdpOp::SetGroup { id, state, .. } => Some((*id, state)),
                _ => None,
            })
            .collect();
        lines.extend(ops.iter().filter_map(|op| match op {
            XdpOp::SetRoute { prefix, group } => Some(self.as_kernel_route(*prefix, groups[group])),
            _ => None,
        }));
        self.ns.ip_batch(&lines);
    }

    fn as_kernel_route(&self, prefix: Prefix, state: &GroupState) -> String {
        let ipv4 = prefix.address().is_ipv4();
        match state {
            GroupState::Forward(members) => {
                let Hop { gateway, link, .. } = members[0].hop;
                let last = gateway.map(|gateway| gateway.to_string()).and_then(|text| text.bytes().last());
                let last = char::from(last.expect("a gateway"));
                let device = match link {
                    link if link == self.ingress => "in",
                    link if link == self.egress => "out",
                    _ => "other",
                };
                let via = if ipv4 { format!("10.0.0.{last}") } else { format!("fe80::{last}") };
                let mtu = members[0].adjacency.map_or(1500, |adjacency| adjacency.mtu);
                format!("route add {prefix} via {via} dev {device} onlink mtu lock {mtu}")
            }
            GroupState::Local(_) => format!("route add local {prefix} dev lo"),
            GroupState::Blackhole(_) => format!("route add blackhole {prefix}"),
            GroupState::Unresolved => format!("route add {prefix} dev out"),
            GroupState::Refused => format!("route add unreachable {prefix}"),
            GroupState::Broadcast if ipv4 => format!("route add broadcast {prefix} dev out"),
            // IPv6 has no broadcasts; what is multicast is not forwarded either.
            GroupState::Broadcast => format!("route add multicast {prefix} dev out"),
            GroupState::Kernel if ipv4 => format!("route add {prefix} via 10.0.0.9 dev other onlink"),
            GroupState::Kernel => format!("route add {prefix} via fe80::9 dev other"),
        }
    }

    /// The same with any options but where to pin.
    pub fn open_with(&self, options: XdpOptions) -> Dataplane {
        let options = XdpOptions { bpffs: self.bpffs.path().to_owned(), ..options };
        let mut dataplane = Dataplane::open(&options).expect("open the data plane");
        for (index, name) in [(self.ingress, "in"), (self.egress, "out")] {
            dataplane.attach(index, name).expect("attach");
        }
        dataplane
    }

    /// What is plugged into the interface `in`.
    pub fn wire(&self) -> Wire {
        Wire::open(&self.peers, "a")
    }

    /// Detaches and removes everything.
    pub fn remove(&self) {
        Dataplane::remove(self.bpffs.path()).expect("remove");
    }

    pub fn ports(&self) -> Vec<XdpOp> {
        let port = |link, mac| XdpOp::SetPort { link, mac };
        vec![port(self.ingress, IN_MAC), port(self.egress, OUT_MAC)]
    }

    pub fn member(&self, link: u32, last: u8, own_mac: [u8; 6], mtu: u32) -> Member {
        let hop = Hop { gateway: Some([10, 0, 0, last].into()), link, weight: 1 };
        let mac = [2, 0, 0, 0, 9, last];
        Member { hop, adjacency: Some(Adjacency { link, own_mac, mac, mtu }) }
    }
}

/// The reason that is met where routes are looked up there: the kernel does not say what exactly a route that does not
/// forward is, and knows of no interface that is not ours. `looked_up`: no check before the lookup has met it.
pub fn reason_in(lookup: LookupSource, reason: Reason, looked_up: bool) -> Reason {
    match (lookup, reason) {
        (LookupSource::Kernel, Reason::NoRoute | Reason::Local) => Reason::NotForwarded,
        (LookupSource::Kernel, Reason::GroupAddress) if looked_up => Reason::NotForwarded,
        (LookupSource::Kernel, Reason::KernelRoute) => Reason::CannotTransmit,
        _ => reason,
    }
}

/// A group, and a prefix that leads to it.
pub fn route(id: u32, prefix: &str, state: GroupState) -> [XdpOp; 2] {
    let prefix: Prefix = prefix.parse().expect(prefix);
    [XdpOp::SetGroup { id: GroupId(id), state, links: Vec::new() }, XdpOp::SetRoute { prefix, group: GroupId(id) }]
}

fn counters(dataplane: &Dataplane) -> Vec<(Reason, Counters)> {
    let stats = dataplane.stats().expect("counters");
    stats.reasons.iter().map(|reason| (reason.reason, reason.counters)).collect()
}

/// Runs one frame and checks everything that can be seen of it.
pub fn check(dataplane: &Dataplane, name: &str, frame: &[u8], ifindex: u32, expected: (Reason, Vec<u8>)) {
    let (reason, expected_frame) = expected;
    let before = counters(dataplane);
    let (action, out) = Program::by_id(dataplane.forwarder_id()).run(frame, ifindex);
    let action_of_reason = match (reason.verdict(), reason) {
        (Verdict::Forward, Reason::Hairpin) => XDP_TX,
        (Verdict::Forward, _) => XDP_REDIRECT,
        (Verdict::Pass, _) => XDP_PASS,
        (Verdict::Drop, _) => XDP_DROP,
    };
    let moved: Vec<(Reason, u64, u64)> = (counters(dataplane).iter().zip(&before))
        .filter(|(after, before)| after != before)
        .map(|((reason, after), (_, before))| (*reason, after.packets - before.packets, after.bytes - before.bytes))
        .collect();
    assert_eq!(moved, [(reason, 1, frame.len() as u64)], "{name}");
    assert_eq!(action, action_of_reason, "{name}");
    assert_eq!(out, expected_frame, "{name}");
}
