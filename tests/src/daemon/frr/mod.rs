//! FRR: zebra, which knows the machine's routes, and bgpd, which is given its peers once it knows the rest.

mod configuration;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use ipnet::IpNet;
use nix::unistd::{User, chown};
use serde::Deserialize;
use serde_json::Value;

use super::view::parse_path;
use super::{Community, Family, Peer, Program, Route, Router, Run, START_PATIENCE, Session, Setup};
use crate::wait::wait_until;

/// Where Debian keeps FRR's daemons.
const DAEMONS: &str = "/usr/lib/frr";

/// The user as which its daemons run: they insist on one who is in the group that they were built with.
const USER: &str = "frr";

/// The part of bgpd's configuration that it gets last.
const PEERS: &str = "peers.conf";

pub(super) struct Frr;

impl Program for Frr {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        ensure!(setup.router.loopbacks.is_empty(), "the lab gives FRR networks to originate, not interfaces");
        let user = User::from_name(USER)?.context("there is no user frr: is the package frr installed?")?;
        chown(&setup.directory, Some(user.uid), Some(user.gid))?;
        setup.write("zebra.conf", "frr defaults traditional\n")?;
        setup.write("bfdd.conf", &configuration::bfd())?;
        setup.write("bgpd.conf", &configuration::without_peers(&setup.router))?;
        setup.write(PEERS, &configuration::peers(&setup.router)?)
    }

    fn commands(&self, setup: &Setup, _run: Run) -> anyhow::Result<Vec<Command>> {
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
        let mut commands = vec![daemon("zebra", &[])?];
        if setup.router.uses_bfd() {
            commands.push(daemon("bfdd", &["--bfdctl", &setup.text_path("bfdd.sock")])?);
        }
        commands.push(daemon("bgpd", no_kernel)?);
        Ok(commands)
    }

    fn after_start(&self, setup: &Setup) -> anyhow::Result<()> {
        wait_until(START_PATIENCE, "bgpd to know what its peers' sessions need", || {
            knows_addresses(setup)?;
            if setup.router.uses_bfd() { knows_bfdd(setup) } else { Ok(()) }
        })?;
        let (sockets, peers) = (setup.directory.display().to_string(), setup.text_path(PEERS));
        setup.namespace.run(&["vtysh", "--vty_socket", &sockets, "-d", "bgpd", "-f", &peers]).map(drop)
    }

    fn sessions(&self, setup: &Setup) -> anyhow::Result<Vec<Session>> {
        let text = vtysh(setup, "show bgp neighbors json")?;
        let rows: BTreeMap<String, Value> = serde_json::from_str(&text).with_context(|| format!("bgpd says {text}"))?;
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
        let mut routes = Vec::new();
        for family in setup.router.families() {
            let text = vtysh(setup, &format!("show bgp {} unicast json", family_name(family)))?;
            let table: Table = serde_json::from_str(&text).with_context(|| format!("bgpd says {text}"))?;
            for (prefix, paths) in table.routes {
                for path in paths {
                    let (Ok(peer), Some(hop)) = (setup.router.peer_at(path.peer()), path.nexthops.first()) else {
                        continue;
                    };
                    let as_path = parse_path(&path.path)?;
                    routes.push(Route { prefix, next_hop: hop.ip, as_path, peer: peer.name.clone() });
                }
            }
        }
        Ok(routes)
    }

    fn withdraw(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<()> {
        let family = family_name(Family::of(prefix.addr()));
        let commands = [
            "configure terminal".to_owned(),
            format!("router bgp {}", setup.router.asn),
            format!("address-family {family} unicast"),
            format!("no network {prefix}"),
        ];
        let commands: Vec<&str> = commands.iter().flat_map(|command| ["-c", command]).collect();
        let sockets = setup.directory.display().to_string();
        let words = [&["vtysh", "--vty_socket", &sockets, "-d", "bgpd"], commands.as_slice()].concat();
        setup.namespace.run(&words).map(drop)
    }

    fn communities(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<Vec<Community>> {
        let family = family_name(Family::of(prefix.addr()));
        let text = vtysh(setup, &format!("show bgp {family} unicast {prefix} json"))?;
        let reply: Value = serde_json::from_str(&text).with_context(|| format!("bgpd says {text}"))?;
        let mut communities = Vec::new();
        for path in reply["paths"].as_array().into_iter().flatten() {
            for (kind, read) in [
                ("community", Community::parse as fn(&str) -> anyhow::Result<Community>),
                ("largeCommunity", Community::parse),
                ("extendedCommunity", |text| Community::parse_target(text.trim_start_matches("RT:"))),
            ] {
                let text = path[kind]["string"].as_str().unwrap_or_default();
                for word in text.split_whitespace() {
                    communities.push(read(word)?);
                }
            }
        }
        Ok(communities)
    }

    fn ask_again(&self, setup: &Setup, peer: &Peer) -> anyhow::Result<()> {
        for family in &peer.families {
            vtysh(setup, &format!("clear bgp {} unicast {} soft in", family_name(*family), peer.address))?;
        }
        Ok(())
    }

    fn session_command(&self, setup: &Setup) -> anyhow::Result<(&'static str, Vec<String>)> {
        let sockets = setup.directory.display().to_string();
        let words = ["vtysh", "--vty_socket", &sockets, "-d", "bgpd", "-c", "show bgp summary"].map(str::to_owned);
        Ok(("vtysh -c 'show bgp summary'", words.into()))
    }
}

#[derive(Deserialize)]
struct Table {
    routes: BTreeMap<IpNet, Vec<TablePath>>,
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
    ip: IpAddr,
}

impl TablePath {
    /// Our own routes have `(unspec)` there.
    fn peer(&self) -> IpAddr {
        self.peer.as_deref().and_then(|peer| peer.parse().ok()).unwrap_or(Ipv4Addr::UNSPECIFIED.into())
    }
}

/// Asks bgpd.
fn vtysh(setup: &Setup, command: &str) -> anyhow::Result<String> {
    ask(setup, "bgpd", command)
}

fn ask(setup: &Setup, daemon: &str, command: &str) -> anyhow::Result<String> {
    let sockets = setup.directory.display().to_string();
    setup.namespace.run(&["vtysh", "--vty_socket", &sockets, "-d", daemon, "-c", command])
}

/// zebra has told bgpd of the router's addresses: a session that is up before has no IPv6 address on its interface, and
/// tells IPv6 routes over IPv4 with ::ffff:10.13.76.30 as next hop (FRR 8.4).
fn knows_addresses(setup: &Setup) -> anyhow::Result<()> {
    let Router { address, address6, .. } = setup.router;
    let text = vtysh(setup, "show bgp martian next-hop")?;
    let known: Vec<&str> = text.split([' ', ',']).collect();
    for own in [Some(IpAddr::V4(address)), address6.map(IpAddr::V6)].into_iter().flatten() {
        ensure!(known.contains(&own.to_string().as_str()), "bgpd does not know {own} yet: {text}");
    }
    Ok(())
}

/// zebra knows of bfdd: what bgpd wants from it before is lost (FRR 8.4).
fn knows_bfdd(setup: &Setup) -> anyhow::Result<()> {
    let clients = ask(setup, "zebra", "show zebra client summary")?;
    ensure!(clients.contains("bfd"), "{clients}");
    Ok(())
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}
