//! IPv6 traffic through an `nva`: by routes that BGP brought, forwarded by XDP, and not disturbed by what happens to the
//! daemon.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use anyhow::ensure;
use nva_tests::daemon::nva_binary;
use nva_tests::instance::Instance;
use nva_tests::netns::Namespace;
use nva_tests::process::Process;
use nva_tests::resources::Resources;
use nva_tests::stream::Stream;
use nva_tests::wait::wait_until;
use serde_json::Value;

use crate::common::PATIENCE;

/// Behind the far router, which tells it by BGP.
const BEYOND: &str = "2001:db8:60::/48";
const BEYOND_HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x60, 0, 0, 0, 0, 1);
/// The host on the near side.
const NEAR_HOST: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 2);

/// ```text
/// near (fd00:0:0:1::2) ── eth1 nva eth0 ── far (fd00:0:0:2::2, and 2001:db8:60::1 on lo)
/// ```
struct Chain {
    near: Namespace,
    nva: Namespace,
    far: Namespace,
    directory: PathBuf,
    resources: Resources,
}

impl Chain {
    fn new() -> Chain {
        let instance = Instance::unique();
        let resources = Resources::new(&instance).expect("a directory");
        let [near, nva, far] = ["near", "nva", "far"]
            .map(|name| resources.namespace(&instance.namespace_name(name)).expect("a network namespace: run as root"));
        for namespace in [&near, &nva, &far] {
            let settings = [
                ("all/disable_ipv6", "0"),
                ("default/disable_ipv6", "0"),
                ("default/accept_dad", "0"),
                ("all/forwarding", "1"),
            ];
            for (key, value) in settings {
                namespace.sysctl(&[(&format!("ipv6/conf/{key}"), value)]).expect("set");
            }
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
                let up = format!("addr add fd00:0:0:{net}::{host}/64 dev {name} nodad\nlink set {name} up\n");
                namespace.ip_batch(&up).expect("an address");
            }
        }
        near.ip_batch("route add default via fd00:0:0:1::1\n").expect("a route");
        far.ip_batch(&format!("link set lo up\naddr add {BEYOND_HOST}/128 dev lo\n")).expect("an address");
        let directory = instance.directory();
        resources.bpffs(&directory.join("bpf")).expect("a bpffs");
        Chain { near, nva, far, directory, resources }
    }

    /// Starts a daemon; its peer is at the other end of `eth0`.
    fn start(&self, name: &str, namespace: &Namespace, (own, peer): (u32, u32), keys: &str) -> Process {
        let path = |ending: &str| self.directory.join(format!("{name}.{ending}"));
        let text = format!(
            "[router]\nasn = {}\nrouter-id = \"10.0.0.{own}\"\nlisten = [\"fd00:0:0:2::{own}\"]\n\
             control-socket = {:?}\n[[policy]]\nname = \"all\"\nstatement = [{{ then = {{ accept = true }} }}]\n\
             [[peer]]\nname = \"peer\"\naddress = \"fd00:0:0:2::{peer}\"\nasn = {}\nfamilies = [\"ipv6-unicast\"]\n\
             import = [\"all\"]\nexport = [\"all\"]\ngraceful-restart = true\n{keys}\n",
            65_000 + own,
            path("sock"),
            65_000 + peer,
        );
        std::fs::write(path("toml"), text).expect("written");
        let mut command =
            namespace.command(&nva_binary().expect("nva is built").display().to_string()).expect("a namespace");
        command.args(["run", "-c"]).arg(path("toml"));
        self.resources.process(name, &mut command, &path("log")).expect("started")
    }

    fn start_nva(&self) -> Process {
        let pins = self.directory.join("bpf/nva");
        let keys = format!(
            "[originate]\nconnected = [\"eth1\"]\n[xdp]\ninterfaces = [\"eth0\", \"eth1\"]\npin-directory = {pins:?}"
        );
        self.start("nva", &self.nva, (1, 2), &keys)
    }

    /// What the `nva` says.
    fn ask(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let (binary, socket) = (nva_binary()?.display().to_string(), self.directory.join("nva.sock"));
        let socket = socket.display().to_string();
        let words = [&[binary.as_str(), "--socket", &socket], arguments, &["--json"]].concat();
        Ok(serde_json::from_str(&self.nva.run(&words)?)?)
    }

    /// Packets that were sent out of another interface, and the other counters.
    fn redirected(&self) -> anyhow::Result<(u64, Value)> {
        let xdp = self.ask(&["show", "xdp"])?;
        let rows = xdp["counters"].as_array().cloned().unwrap_or_default();
        let of_reason = rows.iter().filter(|row| row["reason"] == "redirect");
        Ok((of_reason.filter_map(|row| row["packets"].as_u64()).sum(), xdp["counters"].clone()))
    }

    /// Waits until both ways are taken in XDP.
    fn wait_for_fast_path(&self, nva: &Process) {
        wait_until(PATIENCE, "the fast path to take both ways", || {
            let (before, _) = self.redirected()?;
            self.near.run(&["ping", "-n", "-q", "-c", "1", "-W", "1", &BEYOND_HOST.to_string()])?;
            let (after, counters) = self.redirected()?;
            ensure!(after >= before + 2, "{before} redirected before, and then {counters}");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}\n{}", nva.log_tail()));
    }
}

#[test]
fn what_bgp_brought_is_forwarded_by_xdp_through_kill_9_and_restart() {
    let chain = Chain::new();
    let far_keys = format!("[originate]\nprefixes = [\"{BEYOND}\"]");
    let _far = chain.start("far", &chain.far, (2, 1), &far_keys);
    let nva = chain.start_nva();
    chain.wait_for_fast_path(&nva);

    let explained = chain.ask(&["explain", &BEYOND_HOST.to_string()]).expect("an answer");
    assert_eq!(explained["xdp"]["action"], format!("forward by {BEYOND}"), "{explained}");
    assert_eq!(explained["xdp"]["hops"][0]["gateway"], "fd00:0:0:2::2", "{explained}");

    let (before, _) = chain.redirected().expect("counters");
    let stream = Stream::start((&chain.near, NEAR_HOST), (&chain.far, BEYOND_HOST));
    stream.wait_for_more(300);
    nva.kill().expect("killed");
    stream.wait_for_more(500);
    let nva = chain.start_nva();
    wait_until(PATIENCE, "the routes of the new session", || {
        let routes = chain.ask(&["show", "routes", BEYOND])?;
        ensure!(routes.to_string().contains("fd00:0:0:2::2"), "{routes}");
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error}\n{}", nva.log_tail()));
    stream.wait_for_more(500);
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent}\n{}", nva.log_tail());
    // The counters go on where they were, and nothing took the way through the kernel meanwhile.
    let (after, counters) = chain.redirected().expect("counters");
    assert!(after - before >= 2 * sent, "from {before} on, for {sent}: {counters}\n{}", nva.log_tail());
}
