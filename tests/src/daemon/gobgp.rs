//! GoBGP: gobgpd, which speaks BGP and forwards nothing.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use ipnet::Ipv4Net;
use serde::Deserialize;
use serde_json::Value;

use super::{Program, Relation, Route, Session, Setup};

/// The value of `session_state` that means Established.
const ESTABLISHED: u64 = 6;

/// Attribute types (RFC 4271 §5).
const AS_PATH: u64 = 2;
const NEXT_HOP: u64 = 3;

pub(super) struct Gobgp;

impl Program for Gobgp {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        ensure!(setup.router.loopbacks.is_empty(), "the lab gives GoBGP networks to originate, not interfaces");
        setup.write("gobgpd.toml", &configuration(setup)?)
    }

    fn commands(&self, setup: &Setup) -> anyhow::Result<Vec<Command>> {
        let config = setup.text_path("gobgpd.toml");
        Ok(vec![setup.command(Path::new("gobgpd"), &["-f", &config, "--pprof-disable"])?])
    }

    fn after_start(&self, setup: &Setup) -> anyhow::Result<()> {
        for prefix in &setup.router.networks {
            gobgp(setup, &["global", "rib", "add", &prefix.to_string()])?;
        }
        Ok(())
    }

    fn sessions(&self, setup: &Setup) -> anyhow::Result<Vec<Session>> {
        let rows: Vec<Value> = serde_json::from_str(&gobgp(setup, &["-j", "neighbor"])?)?;
        let mut sessions = Vec::new();
        for row in rows {
            let state = &row["state"];
            let address = state["neighbor_address"].as_str().with_context(|| format!("no address in {row}"))?;
            let number = state["session_state"].as_u64().unwrap_or_default();
            let peer = setup.router.peer_at(address.parse()?)?;
            sessions.push(peer.session(number == ESTABLISHED, &format!("state {number}")));
        }
        Ok(sessions)
    }

    fn routes(&self, setup: &Setup) -> anyhow::Result<Vec<Route>> {
        let text = gobgp(setup, &["-j", "global", "rib"])?;
        let table: BTreeMap<Ipv4Net, Vec<TablePath>> =
            serde_json::from_str(&text).with_context(|| format!("gobgp says {text}"))?;
        let mut routes = Vec::new();
        for (prefix, paths) in table {
            for path in paths {
                // Its own routes have no neighbour.
                let Some(IpAddr::V4(from)) = path.neighbour.as_deref().and_then(|text| text.parse().ok()) else {
                    continue;
                };
                let Ok(peer) = setup.router.peer_at(from) else { continue };
                let next_hop = path.next_hop().with_context(|| format!("{prefix} has no next hop"))?;
                routes.push(Route { prefix, next_hop, as_path: path.as_path(), peer: peer.name.clone() });
            }
        }
        Ok(routes)
    }

    fn session_command(&self, _setup: &Setup) -> anyhow::Result<(&'static str, Vec<String>)> {
        Ok(("gobgp neighbor", ["gobgp", "neighbor"].map(str::to_owned).into()))
    }
}

#[derive(Deserialize)]
struct TablePath {
    attrs: Vec<Value>,
    #[serde(rename = "neighbor-ip")]
    neighbour: Option<String>,
}

impl TablePath {
    fn attribute(&self, number: u64) -> Option<&Value> {
        self.attrs.iter().find(|attribute| attribute["type"].as_u64() == Some(number))
    }

    fn next_hop(&self) -> Option<Ipv4Addr> {
        self.attribute(NEXT_HOP)?["nexthop"].as_str()?.parse().ok()
    }

    fn as_path(&self) -> Vec<u32> {
        let segments = self.attribute(AS_PATH).and_then(|attribute| attribute["as_paths"].as_array());
        let numbers = segments.into_iter().flatten().filter_map(|segment| segment["asns"].as_array()).flatten();
        numbers.filter_map(|number| u32::try_from(number.as_u64()?).ok()).collect()
    }
}

fn gobgp(setup: &Setup, arguments: &[&str]) -> anyhow::Result<String> {
    setup.namespace.run(&[&["gobgp"], arguments].concat())
}

fn configuration(setup: &Setup) -> anyhow::Result<String> {
    let router = &setup.router;
    let mut text = format!(
        "[global.config]\n  as = {}\n  router-id = \"{}\"\n  local-address-list = [\"{}\"]\n",
        router.asn, router.address, router.address
    );
    for peer in &router.peers {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{}\"\n    peer-as = {}\n  \
             [neighbors.timers.config]\n    hold-time = {}\n    keepalive-interval = {}\n    connect-retry = 2\n  \
             [neighbors.transport.config]\n    local-address = \"{}\"\n    passive-mode = {}\n",
            peer.address,
            peer.asn,
            router.hold_time,
            router.hold_time / 3,
            router.address,
            peer.relation == Relation::Leaf
        );
        match peer.relation {
            Relation::Router | Relation::Leaf => {}
            Relation::Hub | Relation::RouteServer(_) => {
                bail!("the lab has no policies for GoBGP: it tells {} everything", peer.name)
            }
        }
    }
    Ok(text)
}
