//! OpenBGPD.

use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use ipnet::Ipv4Net;
use serde::Deserialize;

use super::view::parse_path;
use super::{Program, Relation, Route, Session, Setup, TowardsRouteServer};

/// Where it confines itself; systemd would make it.
const CHROOT: &str = "/run/openbgpd";

pub(super) struct Openbgpd;

impl Program for Openbgpd {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        ensure!(setup.router.loopbacks.is_empty(), "the lab gives OpenBGPD networks to originate, not interfaces");
        fs::create_dir_all(CHROOT).with_context(|| format!("cannot make {CHROOT}"))?;
        setup.write("bgpd.conf", &configuration(setup))
    }

    fn commands(&self, setup: &Setup) -> anyhow::Result<Vec<Command>> {
        let config = setup.text_path("bgpd.conf");
        Ok(vec![setup.command(Path::new("/usr/sbin/bgpd"), &["-d", "-f", &config])?])
    }

    fn sessions(&self, setup: &Setup) -> anyhow::Result<Vec<Session>> {
        let text = bgpctl(setup, &["show", "neighbor"])?;
        let reply: Neighbours = serde_json::from_str(&text).with_context(|| format!("bgpctl says {text}"))?;
        let session =
            |row: Neighbour| Ok(setup.router.peer_at(row.remote_addr)?.session(row.state == "Established", &row.state));
        reply.neighbors.into_iter().map(session).collect()
    }

    fn routes(&self, setup: &Setup) -> anyhow::Result<Vec<Route>> {
        let text = bgpctl(setup, &["show", "rib"])?;
        let reply: Rib = serde_json::from_str(&text).with_context(|| format!("bgpctl says {text}"))?;
        let learned = reply.rib.into_iter().filter_map(|row| {
            // Our own routes are no peer's.
            let peer = setup.router.peer_at(row.neighbor.remote_addr?.parse().ok()?).ok()?;
            let as_path = parse_path(&row.as_path);
            Some(Route { prefix: row.prefix, next_hop: row.exit_nexthop, as_path, peer: peer.name.clone() })
        });
        Ok(learned.collect())
    }

    fn session_command(&self, setup: &Setup) -> anyhow::Result<(&'static str, Vec<String>)> {
        let socket = setup.text_path("bgpd.sock");
        Ok(("bgpctl show summary", ["bgpctl", "-s", &socket, "show", "summary"].map(str::to_owned).into()))
    }
}

#[derive(Deserialize)]
struct Neighbours {
    #[serde(default)]
    neighbors: Vec<Neighbour>,
}

#[derive(Deserialize)]
struct Neighbour {
    remote_addr: Ipv4Addr,
    state: String,
}

#[derive(Deserialize)]
struct Rib {
    #[serde(default)]
    rib: Vec<RibRow>,
}

#[derive(Deserialize)]
struct RibRow {
    prefix: Ipv4Net,
    #[serde(default, rename = "aspath")]
    as_path: String,
    exit_nexthop: Ipv4Addr,
    neighbor: RibNeighbour,
}

#[derive(Deserialize)]
struct RibNeighbour {
    remote_addr: Option<String>,
}

fn bgpctl(setup: &Setup, arguments: &[&str]) -> anyhow::Result<String> {
    let socket = setup.text_path("bgpd.sock");
    setup.namespace.run(&[&["bgpctl", "-j", "-s", &socket], arguments].concat())
}

fn configuration(setup: &Setup) -> String {
    let router = &setup.router;
    let mut text = format!(
        "AS {}\nrouter-id {}\nlisten on {}\nsocket \"{}\"\nfib-update {}\n",
        router.asn,
        router.address,
        router.address,
        setup.text_path("bgpd.sock"),
        if router.install { "yes" } else { "no" }
    );
    let mut filters = String::from("allow from any\n");
    for prefix in &router.networks {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "network {prefix}");
    }
    for peer in &router.peers {
        let address = peer.address;
        let more = match peer.relation {
            Relation::Router | Relation::Hub => "",
            Relation::Leaf => "passive",
            Relation::RouteServer(_) => "multihop 8",
        };
        let _ = writeln!(
            text,
            "neighbor {address} {{\n    remote-as {}\n    local-address {}\n    holdtime {}\n    {more}\n}}",
            peer.asn, router.address, router.hold_time
        );
        let _ = match peer.relation {
            Relation::Router | Relation::Leaf => writeln!(filters, "allow to {address}"),
            Relation::Hub => writeln!(filters, "allow to {address} source-as {}", router.asn),
            Relation::RouteServer(TowardsRouteServer::Keep) => {
                writeln!(filters, "allow to {address} set nexthop no-modify")
            }
            Relation::RouteServer(TowardsRouteServer::Oneself) => {
                writeln!(filters, "allow to {address} set nexthop self")
            }
        };
    }
    text + &filters
}
