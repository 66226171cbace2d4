//! A host, an `nva` and a router behind it, in both families: what the tests of forwarded traffic run in.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use anyhow::ensure;
use nva_tests::daemon::nva_binary;
use nva_tests::instance::Instance;
use nva_tests::netns::Namespace;
use nva_tests::process::Process;
use nva_tests::resources::Resources;
use nva_tests::wait::wait_until;
use serde_json::Value;

use crate::common::PATIENCE;

/// Behind the far router.
pub const BEYOND: &str = "2001:db8:60::/48";
pub const BEYOND_HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x60, 0, 0, 0, 0, 1);
pub const BEYOND_IPV4: &str = "10.60.0.0/24";
pub const BEYOND_HOST_IPV4: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 1);

/// The host on the near side.
pub const NEAR_HOST: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 2);
pub const NEAR_HOST_IPV4: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);

/// ```text
/// near (fd00:0:0:1::2, 10.0.1.2) ── eth1 nva eth0 ── far (fd00:0:0:2::2, 10.0.2.2; 2001:db8:60::1, 10.60.0.1 on lo)
/// ```
/// The `nva` is `::1` and `.1` on both links. The near host's default route leads to it; nothing else is routed.
pub struct Chain {
    pub near: Namespace,
    pub nva: Namespace,
    pub far: Namespace,
    pub directory: PathBuf,
    pub resources: Resources,
}

impl Chain {
    pub fn new() -> Chain {
        let instance = Instance::unique();
        let resources = Resources::new(&instance).expect("a directory");
        let [near, nva, far] = ["near", "nva", "far"]
            .map(|name| resources.namespace(&instance.namespace_name(name)).expect("a network namespace: run as root"));
        for namespace in [&near, &nva, &far] {
            let settings = [
                ("ipv6/conf/all/disable_ipv6", "0"),
                ("ipv6/conf/default/disable_ipv6", "0"),
                ("ipv6/conf/default/accept_dad", "0"),
                ("ipv6/conf/all/forwarding", "1"),
                ("ipv4/ip_forward", "1"),
            ];
            namespace.sysctl(&settings).expect("set");
        }
        for (interface, net, other) in [("eth1", 1, &near), ("eth0", 2, &far)] {
            nva.ip_batch(&format!("link add {interface} type veth peer name eth0 netns {}\n", other.name()))
                .expect("veth");
            let ends = [(&nva, interface, 1), (other, "eth0", 2)];
            for (namespace, name, _) in ends {
                let offloads = ["ethtool", "-K", name, "gro", "on", "tx", "off", "tso", "off", "gso", "off"];
                namespace.run(&offloads).expect("offloads");
            }
            // Only now: what an end may redirect to the other is settled when it comes up.
            for (namespace, name, host) in ends {
                let up = format!(
                    "addr add fd00:0:0:{net}::{host}/64 dev {name} nodad\naddr add 10.0.{net}.{host}/24 dev {name}\n\
                     link set {name} up\n"
                );
                namespace.ip_batch(&up).expect("addresses");
            }
        }
        near.ip_batch("route add default via fd00:0:0:1::1\nroute add default via 10.0.1.1\n").expect("routes");
        let loopback = format!("addr add {BEYOND_HOST}/128 dev lo\naddr add {BEYOND_HOST_IPV4}/32 dev lo\n");
        far.ip_batch(&loopback).expect("addresses");
        let directory = instance.directory();
        resources.bpffs(&directory.join("bpf")).expect("a bpffs");
        Chain { near, nva, far, directory, resources }
    }

    /// Starts a daemon: `router` is put into the section `[router]`, and `keys` behind it.
    pub fn start(&self, name: &str, namespace: &Namespace, router: &str, keys: &str) -> Process {
        let path = |ending: &str| self.directory.join(format!("{name}.{ending}"));
        let text = format!("[router]\ncontrol-socket = {:?}\n{router}\n{keys}\n", path("sock"));
        std::fs::write(path("toml"), text).expect("written");
        let mut command =
            namespace.command(&nva_binary().expect("nva is built").display().to_string()).expect("a namespace");
        command.args(["run", "-c"]).arg(path("toml"));
        self.resources.process(name, &mut command, &path("log")).expect("started")
    }

    /// The section that has the `nva` forward between its interfaces in XDP.
    pub fn xdp(&self) -> String {
        let pins = self.directory.join("bpf/nva");
        format!("[xdp]\ninterfaces = [\"eth0\", \"eth1\"]\npin-directory = {pins:?}\n")
    }

    /// What the `nva` says.
    pub fn ask(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let (binary, socket) = (nva_binary()?.display().to_string(), self.directory.join("nva.sock"));
        let socket = socket.display().to_string();
        let words = [&[binary.as_str(), "--socket", &socket], arguments, &["--json"]].concat();
        Ok(serde_json::from_str(&self.nva.run(&words)?)?)
    }

    /// Packets that were sent out of another interface, and all counters.
    pub fn redirected(&self) -> anyhow::Result<(u64, Value)> {
        let xdp = self.ask(&["show", "xdp"])?;
        Ok((count(&xdp["counters"], "redirect", "packets"), xdp["counters"].clone()))
    }

    /// Waits until both ways between the near host and this address are taken in XDP.
    pub fn wait_for_fast_path(&self, nva: &Process, host: &str) {
        wait_until(PATIENCE, "the fast path to take both ways", || {
            let (before, _) = self.redirected()?;
            self.near.run(&["ping", "-n", "-q", "-c", "1", "-W", "1", host])?;
            let (after, counters) = self.redirected()?;
            ensure!(after >= before + 2, "{before} redirected before, and then {counters}");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}\n{}", nva.log_tail()));
    }
}

/// The packets or bytes of a reason, in the counters of `nva show xdp`.
pub fn count(counters: &Value, reason: &str, what: &str) -> u64 {
    let rows = counters.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter(|row| row["reason"] == reason).filter_map(|row| row[what].as_u64()).sum()
}
