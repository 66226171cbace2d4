//! The network of the machine under test: a router and three end hosts, each in a namespace with NICs of its own.
//!
//! ```text
//! left (10.1.0.2, fd00:0:0:1::2) ──┬── left  router  right ── right (10.2.0.2, fd00:0:0:2::2)
//! other (10.3.0.2, fd00:0:0:3::2) ─┘
//! ```
//! The wires are hubs of qemu's. `left` and `other` share one, and reach each other only through the router, which sends
//! back by the NIC by which it received.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use nva_tests::instance::Instance;
use nva_tests::netns::{Namespace, ip};
use nva_tests::resources::Resources;
use nva_tests::wait::wait_until;

/// How long anything may take: the machine is emulated.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The router's interfaces.
pub const INTERFACES: [&str; 2] = ["left", "right"];

/// An end host has one interface.
const UPLINK: &str = "uplink";

/// The NICs by the last octet of their MACs, as `cargo xtask kernels` plugs them in.
const ROUTER_NICS: [(u8, &str); 2] = [(1, INTERFACES[0]), (2, INTERFACES[1])];
const HOST_NICS: [(u8, &str); 3] = [(3, "left"), (4, "right"), (5, "other")];

/// The router's addresses: interface and number of the network.
const ROUTER_NETS: [(&str, u8); 3] = [(INTERFACES[0], 1), (INTERFACES[1], 2), (INTERFACES[0], 3)];

/// All of it. The machine ends with it, so that nothing has to be removed but what [`Resources`] does by itself.
pub struct Place {
    pub router: Namespace,
    pub left: Namespace,
    pub right: Namespace,
    pub other: Namespace,
    pub directory: PathBuf,
    pub resources: Resources,
}

impl Place {
    /// Sorts the NICs into namespaces and gives them addresses.
    pub fn build() -> anyhow::Result<Place> {
        let instance = Instance::unique();
        let resources = Resources::new(&instance)?;
        let namespace = |name: &str| resources.namespace(&instance.namespace_name(name));
        let router = namespace("router")?;
        prepare(&router, true)?;
        for (nic, interface) in ROUTER_NICS {
            plug(nic, &router, interface)?;
        }
        for (interface, net) in ROUTER_NETS {
            router.ip_batch(&addresses(interface, net, 1))?;
        }
        let mut hosts = Vec::new();
        for ((nic, name), net) in HOST_NICS.into_iter().zip(1..) {
            let host = namespace(name)?;
            prepare(&host, false)?;
            plug(nic, &host, UPLINK)?;
            host.ip_batch(&addresses(UPLINK, net, 2))?;
            host.ip_batch(&format!("route add default via 10.{net}.0.1\nroute add default via fd00:0:0:{net}::1\n"))?;
            hosts.push(host);
        }
        let [left, right, other] = <[Namespace; 3]>::try_from(hosts).ok().context("three hosts")?;
        let directory = instance.directory();
        resources.bpffs(&directory.join("bpf"))?;
        Ok(Place { router, left, right, other, directory, resources })
    }

    /// Where `nva` pins.
    pub fn pins(&self) -> PathBuf {
        self.directory.join("bpf/nva")
    }
}

/// What is set before there is an interface that it could be too late for.
fn prepare(namespace: &Namespace, forwarding: bool) -> anyhow::Result<()> {
    let forwarding = if forwarding { "1" } else { "0" };
    namespace.sysctl(&[
        ("ipv4/ip_forward", forwarding),
        ("ipv6/conf/all/disable_ipv6", "0"),
        ("ipv6/conf/default/disable_ipv6", "0"),
        ("ipv6/conf/default/accept_dad", "0"),
        ("ipv6/conf/all/forwarding", forwarding),
        // Hosts on one wire would otherwise be told to leave the router out.
        ("ipv4/conf/all/send_redirects", "0"),
        ("ipv4/conf/default/send_redirects", "0"),
        ("ipv4/conf/all/accept_redirects", "0"),
        ("ipv4/conf/default/accept_redirects", "0"),
        ("ipv6/conf/default/accept_redirects", "0"),
    ])
}

/// Moves the NIC into the namespace, under another name.
fn plug(nic: u8, namespace: &Namespace, interface: &str) -> anyhow::Result<()> {
    let name = wait_until(PATIENCE, &format!("the NIC {nic}"), || name_of(nic))?;
    ip(&["link", "set", "dev", &name, "netns", namespace.name()])?;
    namespace.ip_batch(&format!("link set dev {name} name {interface}\nlink set dev {interface} up\n"))
}

/// What the kernel has called the NIC with this last octet of the MAC.
fn name_of(nic: u8) -> anyhow::Result<String> {
    let mac = format!("52:54:00:00:00:{nic:02x}");
    let interfaces = fs::read_dir("/sys/class/net").context("cannot list the interfaces")?;
    let found = interfaces.flatten().find(|interface| {
        let address = fs::read_to_string(interface.path().join("address")).unwrap_or_default();
        address.trim() == mac
    });
    let found = found.with_context(|| format!("no interface has the MAC {mac}: is the driver virtio_net loaded?"))?;
    found.file_name().into_string().ok().context("an interface with an unreadable name")
}

fn addresses(interface: &str, net: u8, host: u8) -> String {
    format!("addr add 10.{net}.0.{host}/24 dev {interface}\naddr add fd00:0:0:{net}::{host}/64 dev {interface} nodad\n")
}
