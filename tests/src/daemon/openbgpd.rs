//! OpenBGPD.

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use ipnet::IpNet;
use serde::Deserialize;

use super::view::parse_path;
use super::{Community, Family, Options, Peer, Program, Relation, Route, Run, Session, Setup, TowardsRouteServer};

/// Where it confines itself; systemd would make it.
const CHROOT: &str = "/run/openbgpd";

pub(super) struct Openbgpd;

impl Program for Openbgpd {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        ensure!(setup.router.loopbacks.is_empty(), "the lab gives OpenBGPD networks to originate, not interfaces");
        fs::create_dir_all(CHROOT).with_context(|| format!("cannot make {CHROOT}"))?;
        setup.write("bgpd.conf", &configuration(setup)?)
    }

    fn commands(&self, setup: &Setup, _run: Run) -> anyhow::Result<Vec<Command>> {
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
            let peer = setup.router.peer_at(row.neighbor.remote_addr.as_deref()?.parse().ok()?).ok()?;
            Some((row, peer.name.clone()))
        });
        let route = |(row, peer): (RibRow, String)| {
            let as_path = parse_path(&row.as_path)?;
            Ok(Route { prefix: row.prefix, next_hop: row.exit_nexthop, as_path, peer })
        };
        learned.map(route).collect()
    }

    fn withdraw(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<()> {
        let socket = setup.text_path("bgpd.sock");
        setup.namespace.run(&["bgpctl", "-s", &socket, "network", "delete", &prefix.to_string()]).map(drop)
    }

    fn communities(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<Vec<Community>> {
        let text = bgpctl(setup, &["show", "rib", "detail", &prefix.to_string()])?;
        let reply: RibDetail = serde_json::from_str(&text).with_context(|| format!("bgpctl says {text}"))?;
        let mut communities = Vec::new();
        for row in reply.rib {
            for text in row.communities.iter().chain(&row.large_communities) {
                communities.push(Community::parse(text)?);
            }
            for text in &row.extended_communities {
                communities.push(Community::parse_target(text.trim_start_matches("rt "))?);
            }
        }
        Ok(communities)
    }

    fn ask_again(&self, setup: &Setup, peer: &Peer) -> anyhow::Result<()> {
        bgpctl(setup, &["neighbor", &peer.address.to_string(), "refresh"]).map(drop)
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
    remote_addr: IpAddr,
    state: String,
}

#[derive(Deserialize)]
struct Rib {
    #[serde(default)]
    rib: Vec<RibRow>,
}

#[derive(Deserialize)]
struct RibRow {
    prefix: IpNet,
    #[serde(default, rename = "aspath")]
    as_path: String,
    exit_nexthop: IpAddr,
    neighbor: RibNeighbour,
}

#[derive(Deserialize)]
struct RibDetail {
    #[serde(default)]
    rib: Vec<DetailRow>,
}

#[derive(Deserialize)]
struct DetailRow {
    #[serde(default)]
    communities: Vec<String>,
    #[serde(default)]
    large_communities: Vec<String>,
    #[serde(default)]
    extended_communities: Vec<String>,
}

#[derive(Deserialize)]
struct RibNeighbour {
    remote_addr: Option<String>,
}

fn bgpctl(setup: &Setup, arguments: &[&str]) -> anyhow::Result<String> {
    let socket = setup.text_path("bgpd.sock");
    setup.namespace.run(&[&["bgpctl", "-j", "-s", &socket], arguments].concat())
}

fn attribute_set(communities: &[Community]) -> String {
    let word = |community: &Community| match community {
        Community::Standard(..) => format!("community {} ", community.numbers()),
        Community::RouteTarget(..) => format!("ext-community rt {} ", community.numbers()),
        Community::Large(..) => format!("large-community {} ", community.numbers()),
    };
    let words: String = communities.iter().map(word).collect();
    if words.is_empty() { words } else { format!("set {{ {words} }}") }
}

fn session_options(peer: &Peer) -> anyhow::Result<String> {
    // The restart time is not to be set: it announces 0.
    let Options { password, ttl_security, graceful_restart, extended_messages, plain_refresh, role, bfd } =
        &peer.options;
    ensure!(!extended_messages && !bfd, "OpenBGPD has neither extended messages nor BFD");
    let yes_or_no = |yes: bool| if yes { "yes" } else { "no" };
    let (enhanced, restart) = (yes_or_no(!plain_refresh), yes_or_no(graceful_restart.is_some()));
    let mut text = format!("    announce enhanced refresh {enhanced}\n    announce restart {restart}\n");
    if let Some(password) = password {
        text += &format!("    tcp md5sig password {password:?}\n");
    }
    if *ttl_security {
        text += "    ttl-security yes\n";
    }
    if let Some(role) = role {
        text += &format!("    announce policy {}\n", role.name());
    }
    Ok(text)
}

fn configuration(setup: &Setup) -> anyhow::Result<String> {
    let router = &setup.router;
    let mut text = format!(
        "AS {}\nrouter-id {}\nsocket \"{}\"\nfib-update {}\n",
        router.asn,
        router.address,
        setup.text_path("bgpd.sock"),
        if router.install { "yes" } else { "no" }
    );
    let mut filters = String::from("allow from any\n");
    for address in router.local_addresses()? {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "listen on {address}");
    }
    for prefix in &router.networks {
        let _ = writeln!(text, "network {prefix} {}", attribute_set(&router.communities));
    }
    for peer in &router.peers {
        let address = peer.address;
        let more = match peer.relation {
            Relation::Router | Relation::Hub => "",
            Relation::Leaf => "passive",
            Relation::RouteServer(_) => "multihop 8",
        };
        let options = session_options(peer)?;
        let announce = |family| if peer.families.contains(&family) { "unicast" } else { "none" };
        let _ = writeln!(
            text,
            "neighbor {address} {{\n    remote-as {}\n    local-address {}\n    holdtime {}\n    {more}\n    \
             announce IPv4 {}\n    announce IPv6 {}\n{options}}}",
            peer.asn,
            router.local_address(peer)?,
            router.hold_time,
            announce(Family::Ipv4),
            announce(Family::Ipv6)
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
    Ok(text + &filters)
}
