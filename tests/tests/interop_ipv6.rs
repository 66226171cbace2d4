//! IPv6 unicast (RFC 4760, RFC 2545) between `nva` and other daemons, over a session on IPv6 itself.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use common::PATIENCE;
use nva_tests::daemon::nva_binary;
use nva_tests::instance::Instance;
use nva_tests::netns::Namespace;
use nva_tests::process::Process;
use nva_tests::resources::Resources;
use nva_tests::wait::wait_until;
use serde_json::Value;

const NVA: &str = "2001:db8:0:1::1";
const OTHER: &str = "2001:db8:0:1::2";
const NVA_LOOPBACK: &str = "2001:db8:1::1";
const OTHER_LOOPBACK: &str = "2001:db8:2::1";

/// Two machines on one wire, each with an address on its loopback. The fabric has no IPv6.
struct Wire {
    nva: Namespace,
    other: Namespace,
    directory: PathBuf,
    resources: Resources,
}

impl Wire {
    fn new() -> Wire {
        let instance = Instance::unique();
        let resources = Resources::new(&instance).expect("resources");
        let namespace = |name: &str| {
            let namespace = resources.namespace(&instance.namespace_name(name)).expect("a namespace");
            let on = [("ipv6/conf/all/disable_ipv6", "0"), ("ipv6/conf/default/disable_ipv6", "0")];
            namespace.sysctl(&on).expect("IPv6");
            namespace
        };
        let (nva, other) = (namespace("nva"), namespace("other"));
        nva.ip(&["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", other.name()])
            .expect("a wire");
        for (namespace, address, loopback) in [(&nva, NVA, NVA_LOOPBACK), (&other, OTHER, OTHER_LOOPBACK)] {
            namespace
                .ip_batch(&format!(
                    "addr add {address}/64 dev eth0 nodad\nlink set eth0 up\naddr add {loopback}/128 dev lo\n"
                ))
                .expect("addresses");
        }
        Wire { nva, other, directory: instance.directory(), resources }
    }

    fn start(&self, namespace: &Namespace, program: &Path, arguments: &[&str], name: &str) -> Process {
        let mut command: Command = namespace.command(&program.display().to_string()).expect("a command");
        command.args(arguments);
        let log = self.directory.join(format!("{name}.log"));
        self.resources.process(name, &mut command, &log).expect("started")
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// The rows of `nva show routes` from the peer.
    fn learned(&self) -> anyhow::Result<Vec<Value>> {
        let (binary, socket) = (nva_binary()?.display().to_string(), self.file("nva.sock"));
        let text = self.nva.run(&[&binary, "--socket", &socket, "show", "routes", "--all", "--json"])?;
        let reply: Value = serde_json::from_str(&text)?;
        let rows = reply["rows"].as_array().cloned().unwrap_or_default();
        Ok(rows.into_iter().filter(|row| row["source"] == "other").collect())
    }

    fn nva_configuration(&self) -> String {
        format!(
            "[router]\nasn = 65001\nrouter-id = \"192.0.2.1\"\nlisten = [\"[{NVA}]:179\"]\ncontrol-socket = \"{}\"\n\
             [[policy]]\nname = \"all\"\nstatement = [{{ then = {{ accept = true }} }}]\n\
             [[peer]]\nname = \"other\"\naddress = \"{OTHER}\"\nlocal-address = \"{NVA}\"\nasn = 65002\nconnect-retry = 2\n\
             import = [\"all\"]\nexport = [\"all\"]\n[originate]\ninterfaces = [\"lo\"]\n",
            self.file("nva.sock")
        )
    }

    fn bird_configuration(&self) -> String {
        format!(
            "log \"{}\" all;\nrouter id 192.0.2.2;\nprotocol device {{ scan time 1; }}\n\
             protocol direct {{ ipv6; interface \"lo\", \"eth0\"; }}\n\
             protocol bgp nva {{ local {OTHER} as 65002; neighbor {NVA} as 65001; connect delay time 1; \
             connect retry time 2; ipv6 {{ import all; export where ifname = \"lo\"; }}; }}\n",
            self.file("messages.log")
        )
    }

    fn birdc(&self, words: &str) -> anyhow::Result<String> {
        self.other.run(&["/usr/sbin/birdc", "-s", &self.file("bird.ctl"), words])
    }
}

#[test]
fn bird2() {
    let wire = Wire::new();
    std::fs::write(wire.file("nva.toml"), wire.nva_configuration()).expect("written");
    std::fs::write(wire.file("bird.conf"), wire.bird_configuration()).expect("written");
    let bird = Path::new("/usr/sbin/bird");
    let (config, socket) = (wire.file("bird.conf"), wire.file("bird.ctl"));
    wire.start(&wire.other, bird, &["-f", "-c", &config, "-s", &socket], "bird2");
    let binary = nva_binary().expect("nva is built");
    let nva = wire.start(&wire.nva, &binary, &["run", "-c", &wire.file("nva.toml")], "nva");

    let theirs = format!("{OTHER_LOOPBACK}/128");
    wait_until(PATIENCE, "the route from BIRD", || {
        nva.check_alive()?;
        let rows = wire.learned()?;
        let [row] = rows.as_slice() else { anyhow::bail!("{rows:#?}\n{}", nva.log_tail()) };
        ensure!(row["prefix"] == theirs.as_str() && row["next_hop"] == OTHER && row["as_path"] == "65002", "{row}");
        Ok(())
    })
    .expect("learned");
    wait_until(PATIENCE, "the route in the kernel", || {
        let routes = wire.nva.ip(&["-6", "route", "show", "proto", "bgp"])?;
        ensure!(
            routes.contains(&format!("{OTHER_LOOPBACK} via {OTHER} dev eth0")) && routes.contains("metric 79"),
            "{routes}"
        );
        Ok(())
    })
    .expect("installed");

    let ours = format!("{NVA_LOOPBACK}/128");
    wait_until(PATIENCE, "the route at BIRD", || {
        let routes = wire.birdc("show route all protocol nva")?;
        let parts = [&ours, "BGP.as_path: 65001", &format!("BGP.next_hop: {NVA}")];
        ensure!(parts.iter().all(|part| routes.contains(*part)), "{routes}");
        Ok(())
    })
    .expect("told");

    wire.nva.ip(&["addr", "del", &ours, "dev", "lo"]).expect("deleted");
    wire.other.ip(&["addr", "del", &theirs, "dev", "lo"]).expect("deleted");
    wait_until(PATIENCE, "the withdrawals", || {
        let (routes, rows) = (wire.birdc("show route protocol nva")?, wire.learned()?);
        ensure!(!routes.contains(NVA_LOOPBACK) && rows.is_empty(), "{routes}\n{rows:?}");
        let kernel = wire.nva.ip(&["-6", "route", "show", "proto", "bgp"])?;
        ensure!(!kernel.contains(OTHER_LOOPBACK), "{kernel}");
        Ok(())
    })
    .expect("withdrawn");
}
