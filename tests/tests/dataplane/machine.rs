//! A router with three interfaces, and what is plugged into them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use nva::fib::mirror::Mirror;
use nva::host::HostState;
use nva::kernel::{Monitor, MonitorConfig};
use nva::xdp::{Capacity, Dataplane, LookupSource, XdpOptions};

use crate::support::netns::{NetNs, link};
use crate::support::wire::Wire;

/// The router's interfaces.
pub const INTERFACES: [&str; 3] = ["in", "out1", "out2"];
/// Their MACs.
pub const MACS: [[u8; 6]; 3] = [[2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 2, 1], [2, 0, 0, 0, 3, 1]];

/// A router, and the wires at the other end of its interfaces. It is `.1` in `10.1.0.0/24`, `10.2.0.0/24` and `10.3.0.0/24`,
/// and `::1` in `fd00:1::/64`, `fd00:2::/64` and `fd00:3::/64`. On each of them `.2` to `.9` (`::2` to `::9`, and `fe80::2` to
/// `fe80::9`) are resolved for good.
pub struct Machine {
    pub router: NetNs,
    peer: NetNs,
    pub wires: [Wire; 3],
}

impl Machine {
    /// Builds it.
    pub fn new() -> Machine {
        let (router, peer) = (NetNs::new(), NetNs::new());
        for (index, interface) in INTERFACES.iter().enumerate() {
            let net = index + 1;
            let (own, other) = (format!("02:00:00:00:0{net}:01"), format!("02:00:00:00:0{net}:02"));
            link((&router, interface, &own), (&peer, &format!("p{net}"), &other));
            // Nothing is sent by itself that need not be.
            for (key, value) in [("accept_ra", 0), ("accept_dad", 0), ("router_solicitations", 0), ("disable_ipv6", 0)]
            {
                router.set6(&format!("conf.{interface}.{key}"), value);
            }
            router.ip(&format!("address add 10.{net}.0.1/24 dev {interface}"));
            router.ip(&format!("address add fd00:{net}::1/64 dev {interface} nodad"));
            for last in 2..10 {
                for address in [format!("10.{net}.0.{last}"), format!("fd00:{net}::{last}"), format!("fe80::{last}")] {
                    router.ip(&format!(
                        "neighbour add {address} lladdr 02:00:00:01:0{net}:0{last} nud permanent dev {interface}"
                    ));
                }
            }
        }
        router.set6("conf.all.forwarding", 1);
        for (key, value) in [("ip_forward", 1), ("conf.all.rp_filter", 0)] {
            router.set(key, value);
        }
        for interface in INTERFACES {
            router.set(&format!("conf.{interface}.rp_filter"), 0);
            router.set(&format!("conf.{interface}.send_redirects"), 0);
        }
        router.set("conf.all.send_redirects", 0);
        let wires = [1, 2, 3].map(|net| Wire::open(&peer, &format!("p{net}")));
        Machine { router, peer, wires }
    }

    /// Has frames of up to `mtu` octets and a header come in.
    pub fn widen(&self, mtu: usize) {
        self.router.ip(&format!("link set dev in mtu {mtu}"));
        self.peer.ip(&format!("link set dev p1 mtu {mtu}"));
    }

    /// Puts our programs on the other ends of the interfaces, where they pass everything: an end that redirected frames are
    /// to reach has a program, or merges what it receives.
    pub fn prepare_for_tcp(&self, bpffs: &Path) {
        let capacity = Capacity { blocks: 1, nodes: 64, groups: 16, next_hops: 16 };
        let options = XdpOptions { bpffs: bpffs.to_owned(), capacity, ..XdpOptions::default() };
        self.peer.run(|| {
            let mut dataplane = Dataplane::open(&options).expect("open the data plane");
            for net in 1..=3 {
                let name = format!("p{net}");
                let index = nix::net::if_::if_nametoindex(name.as_str()).expect("an interface");
                // What is pinned stays.
                dataplane.attach(index, &name).expect("attach");
            }
        });
    }

    /// Keeps the interfaces and their other ends from merging the segments of a TCP connection (GRO). To be called when all
    /// programs are there: attaching one switches that on.
    pub fn merge_nothing(&self) {
        for (net, interface) in (1..=3).zip(INTERFACES) {
            self.router.command("ethtool", &format!("-K {interface} gro off"));
            self.peer.command("ethtool", &format!("-K p{net} gro off"));
        }
    }

    /// Lets our data plane forward by the kernel's routes as they are now. To be called in the router's namespace.
    pub fn dataplane(bpffs: &Path) -> (Dataplane, Mirror) {
        Machine::dataplane_with(bpffs, LookupSource::Tables)
    }

    /// The same, by routes that are looked up there.
    pub fn dataplane_with(bpffs: &Path, lookup: LookupSource) -> (Dataplane, Mirror) {
        let capacity = Capacity { blocks: 4_096, nodes: 16_384, groups: 512, next_hops: 128 };
        let options = XdpOptions { bpffs: bpffs.to_owned(), capacity, lookup, ..XdpOptions::default() };
        let mut dataplane = Dataplane::open(&options).expect("open the data plane");
        let mut ports = BTreeSet::new();
        for interface in INTERFACES {
            let index = nix::net::if_::if_nametoindex(interface).expect(interface);
            dataplane.attach(index, interface).expect("attach");
            ports.insert(index);
        }
        let mut mirror = Mirror::new(ports);
        mirror.rebuild(&kernel_state());
        assert_eq!(dataplane.replace(&mirror.everything()).expect("fill the tables").overflowed, 0);
        (dataplane, mirror)
    }
}

/// The network of this thread's namespace as the kernel tells it.
pub fn kernel_state() -> HostState {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let event = runtime.block_on(async {
        let mut monitor = Monitor::start(MonitorConfig::default()).expect("a netlink socket");
        let first = tokio::time::timeout(Duration::from_secs(10), monitor.next()).await;
        first.expect("an answer in time").expect("the state").expect("no error")
    });
    let mut host = HostState::default();
    host.apply(event);
    host
}
