//! FRR: zebra, which knows the machine's routes, and bgpd.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use ipnet::Ipv4Net;
use nix::unistd::{User, chown};
use serde::Deserialize;

use super::view::parse_path;
use super::{Program, Relation, Route, Session, Setup, TowardsRouteServer};

/// Where Debian keeps FRR's daemons.
const DAEMONS: &str = "/usr/lib/frr";

/// The user as which its daemons run: they insist on one who is in the group that they were built with.
const USER: &str = "frr";

pub(super) struct Frr;

impl Program for Frr {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        ensure!(setup.router.loopbacks.is_empty(), "the lab gives FRR networks to originate, not interfaces");
        let user = User::from_name(USER)?.context("there is no user frr: is the package frr installed?")?;
        chown(&setup.directory, Some(user.uid), Some(user.gid))?;
        setup.write("zebra.conf", "frr defaults traditional\n")?;
        setup.write("bgpd.conf", &configuration(setup))
    }

    fn commands(&self, setup: &Setup) -> anyhow::Result<Vec<Command>> {
        let daemon = |name: &str, more: &[&str]| {
            let (config, pid) = (setup.text_path(&format!("{name}.conf")), setup.text_path(&format!("{name}.pid")));
            let (sockets, zebra) = (setup.directory.display().to_string(), setup.text_path("zserv.api"));
            let log = format!("file:{}", setup.text_path(&format!("{name}-messages.log")));
            let common = [
                "-f",
                &config,
                "-i",
                &pid,
                "-z",
                &zebra,
                "--vty_socket",
                &sockets,
                "-A",
                "127.0.0.1",
                "-P",
                "0",
                "-u",
                USER,
                "-g",
                USER,
                "--log",
                &log,
            ];
            setup.command(&Path::new(DAEMONS).join(name), &[&common, more].concat())
        };
        let no_kernel: &[&str] = if setup.router.install { &[] } else { &["--no_kernel"] };
        Ok(vec![daemon("zebra", &[])?, daemon("bgpd", no_kernel)?])
    }

    fn sessions(&self, setup: &Setup) -> anyhow::Result<Vec<Session>> {
        let text = vtysh(setup, "show bgp neighbors json")?;
        let rows: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&text).with_context(|| format!("bgpd says {text}"))?;
        let mut sessions = Vec::new();
        for (address, row) in &rows {
            // The reply has keys that are no peers.
            let Ok(address) = address.parse() else { continue };
            let state = row["bgpState"].as_str().unwrap_or_default();
            sessions.push(setup.router.peer_at(address)?.session(state == "Established", state));
        }
        Ok(sessions)
    }

    fn routes(&self, setup: &Setup) -> anyhow::Result<Vec<Route>> {
        let text = vtysh(setup, "show bgp ipv4 unicast json")?;
        let table: Table = serde_json::from_str(&text).with_context(|| format!("bgpd says {text}"))?;
        let mut routes = Vec::new();
        for (prefix, paths) in table.routes {
            for path in paths {
                let (Ok(peer), Some(hop)) = (setup.router.peer_at(path.peer()), path.nexthops.first()) else {
                    continue;
                };
                let as_path = parse_path(&path.path);
                routes.push(Route { prefix, next_hop: hop.ip, as_path, peer: peer.name.clone() });
            }
        }
        Ok(routes)
    }

    fn session_command(&self, setup: &Setup) -> anyhow::Result<(&'static str, Vec<String>)> {
        let sockets = setup.directory.display().to_string();
        let words = ["vtysh", "--vty_socket", &sockets, "-d", "bgpd", "-c", "show bgp summary"].map(str::to_owned);
        Ok(("vtysh -c 'show bgp summary'", words.into()))
    }
}

#[derive(Deserialize)]
struct Table {
    routes: BTreeMap<Ipv4Net, Vec<TablePath>>,
}

#[derive(Deserialize)]
struct TablePath {
    #[serde(rename = "peerId")]
    peer: Option<String>,
    path: String,
    #[serde(default)]
    nexthops: Vec<Hop>,
}

#[derive(Deserialize)]
struct Hop {
    ip: Ipv4Addr,
}

impl TablePath {
    /// Our own routes have `(unspec)` there.
    fn peer(&self) -> Ipv4Addr {
        self.peer.as_deref().and_then(|peer| peer.parse().ok()).unwrap_or(Ipv4Addr::UNSPECIFIED)
    }
}

fn vtysh(setup: &Setup, command: &str) -> anyhow::Result<String> {
    let sockets = setup.directory.display().to_string();
    setup.namespace.run(&["vtysh", "--vty_socket", &sockets, "-d", "bgpd", "-c", command])
}

fn configuration(setup: &Setup) -> String {
    let router = &setup.router;
    let mut text = format!(
        "frr defaults traditional\nbgp as-path access-list OWN permit ^$\nrouter bgp {}\n bgp router-id {}\n \
         no bgp ebgp-requires-policy\n no bgp network import-check\n",
        router.asn, router.address
    );
    let mut family = String::new();
    for prefix in &router.networks {
        // Writing to a String cannot fail.
        let _ = writeln!(family, "  network {prefix}");
    }
    let keepalive = router.hold_time / 3;
    for peer in &router.peers {
        let address = peer.address;
        let _ = writeln!(
            text,
            " neighbor {address} remote-as {}\n neighbor {address} update-source {}\n neighbor {address} timers {keepalive} {}\n \
             neighbor {address} timers connect 2",
            peer.asn, router.address, router.hold_time
        );
        match peer.relation {
            Relation::Router => {}
            Relation::Leaf => {
                let _ = writeln!(text, " neighbor {address} passive");
            }
            Relation::Hub => {
                let _ = writeln!(family, "  neighbor {address} filter-list OWN out");
            }
            Relation::RouteServer(next_hop) => {
                let _ = writeln!(text, " neighbor {address} ebgp-multihop 8");
                if next_hop == TowardsRouteServer::Keep {
                    let _ = writeln!(family, "  neighbor {address} attribute-unchanged next-hop");
                }
            }
        }
    }
    format!("{text} address-family ipv4 unicast\n{family} exit-address-family\n")
}
