//! ExaBGP, which sends what it is told to send and hands on what it receives: it decides and forwards nothing.
//!
//! It speaks with a helper process, here two programs of coreutils: what it received goes as JSON, one message a line,
//! into a file, and lines that are appended to another file are commands for it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use super::{Community, Family, Options, Peer, Program, Relation, Route, Router, Run, Session, Setup};

/// What it tells the helper.
const MESSAGES: &str = "messages.json";

/// What the helper tells it.
const COMMANDS: &str = "commands";

pub(super) struct Exabgp;

impl Program for Exabgp {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        ensure!(setup.router.loopbacks.is_empty(), "the lab gives ExaBGP networks to originate, not interfaces");
        setup.write("helper", &helper(setup))?;
        setup.write(COMMANDS, "")?;
        setup.write("exabgp.conf", &configuration(setup)?)
    }

    fn commands(&self, setup: &Setup, _run: Run) -> anyhow::Result<Vec<Command>> {
        // What an earlier run received is not received any more.
        setup.write(MESSAGES, "")?;
        let mut command = setup.command(Path::new("exabgp"), &[&setup.text_path("exabgp.conf")])?;
        command.envs([
            ("exabgp_daemon_user", "root"),
            ("exabgp_log_destination", "stdout"),
            // Commands come from the helper alone, and nobody reads what is answered.
            ("exabgp_api_cli", "false"),
            ("exabgp_api_ack", "false"),
        ]);
        Ok(vec![command])
    }

    fn sessions(&self, setup: &Setup) -> anyhow::Result<Vec<Session>> {
        let received = Received::read(setup)?;
        let session = |peer: &Peer| {
            let state = received.states.get(&peer.address).map_or("idle", String::as_str);
            peer.session(state == "up", state)
        };
        Ok(setup.router.peers.iter().map(session).collect())
    }

    fn routes(&self, setup: &Setup) -> anyhow::Result<Vec<Route>> {
        Ok(Received::read(setup)?.routes.into_values().collect())
    }

    fn withdraw(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<()> {
        command(setup, &format!("withdraw route {prefix} next-hop {}", setup.router.own_next_hop(prefix)?))
    }

    fn communities(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<Vec<Community>> {
        let received = Received::read(setup)?;
        let found = received.communities.into_iter().find(|((_, of), _)| *of == prefix);
        found.map(|(_, communities)| communities).with_context(|| format!("no {prefix}"))
    }

    fn ask_again(&self, setup: &Setup, peer: &Peer) -> anyhow::Result<()> {
        for family in &peer.families {
            command(setup, &format!("announce route-refresh {} unicast", family_name(*family)))?;
        }
        Ok(())
    }

    fn session_command(&self, setup: &Setup) -> anyhow::Result<(&'static str, Vec<String>)> {
        Ok(("cat messages.json", ["cat", &setup.text_path(MESSAGES)].map(str::to_owned).into()))
    }
}

/// Gives a running ExaBGP a command, as `withdraw route 192.0.2.0/24 next-hop 10.13.76.30`.
fn command(setup: &Setup, text: &str) -> anyhow::Result<()> {
    let path = setup.path(COMMANDS);
    let mut file =
        File::options().append(true).open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    writeln!(file, "{text}").with_context(|| format!("cannot write {}", path.display()))
}

/// Both programs end with ExaBGP, also if it is killed.
fn helper(setup: &Setup) -> String {
    let (commands, messages) = (setup.text_path(COMMANDS), setup.text_path(MESSAGES));
    format!("tail --follow --pid=$PPID --lines=0 {commands} &\nexec cat >> {messages}\n")
}

fn configuration(setup: &Setup) -> anyhow::Result<String> {
    let run = setup.text_path("helper");
    let mut text = format!("process lab {{ run /bin/sh {run}; encoder json; }}\n");
    for peer in &setup.router.peers {
        text += &neighbour(peer, &setup.router)?;
    }
    Ok(text)
}

fn neighbour(peer: &Peer, router: &Router) -> anyhow::Result<String> {
    let mode = match peer.relation {
        Relation::Router | Relation::Hub => "",
        Relation::Leaf => "passive;",
        Relation::RouteServer(_) => bail!("the lab has no policies for ExaBGP: it tells {} its own routes", peer.name),
    };
    let families: String = peer.families.iter().map(|family| format!("{} unicast; ", family_name(*family))).collect();
    let (options, capabilities) = session_options(peer)?;
    let communities = attributes(&router.communities);
    let mut routes = String::new();
    for prefix in router.networks.iter().filter(|prefix| peer.families.contains(&Family::of(prefix.addr()))) {
        routes += &format!("route {prefix} next-hop {} {communities}; ", router.own_next_hop(*prefix)?);
    }
    Ok(format!(
        "neighbor {} {{ router-id {}; local-address {}; local-as {}; peer-as {}; hold-time {}; listen 179; {mode} {options}\n\
         \tfamily {{ {families} }}\n\tcapability {{ route-refresh enable; {capabilities} }}\n\
         \tapi {{ processes [ lab ]; neighbor-changes; receive {{ parsed; update; open; notification; }} }}\n\
         \tstatic {{ {routes} }}\n}}\n",
        peer.address,
        router.address,
        router.local_address(peer)?,
        router.asn,
        peer.asn,
        router.hold_time
    ))
}

fn attributes(communities: &[Community]) -> String {
    let listed = |pick: fn(&Community) -> bool, before: &str| {
        let picked = communities.iter().filter(|community| pick(community));
        picked.map(|community| format!("{before}{} ", community.numbers())).collect::<String>()
    };
    let standard = listed(|community| matches!(community, Community::Standard(..)), "");
    let target = listed(|community| matches!(community, Community::RouteTarget(..)), "target:");
    let large = listed(|community| matches!(community, Community::Large(..)), "");
    let mut text = String::new();
    for (name, values) in [("community", standard), ("extended-community", target), ("large-community", large)] {
        if !values.is_empty() {
            text += &format!("{name} [ {values}] ");
        }
    }
    text
}

/// The options of a session, and those that are capabilities.
fn session_options(peer: &Peer) -> anyhow::Result<(String, String)> {
    let Options { password, ttl_security, graceful_restart, extended_messages, plain_refresh: _, role, bfd } =
        &peer.options;
    ensure!(role.is_none() && !bfd, "ExaBGP has neither roles nor BFD");
    let mut text = String::new();
    if let Some(password) = password {
        text += &format!("md5-password {password:?}; ");
    }
    if *ttl_security {
        text += "incoming-ttl 255; outgoing-ttl 255; ";
    }
    let extended = if *extended_messages { "enable" } else { "disable" };
    let mut capabilities = format!("extended-message {extended}; ");
    if let Some(seconds) = graceful_restart {
        capabilities += &format!("graceful-restart {seconds}; ");
    }
    Ok((text, capabilities))
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

/// What all messages together come to.
#[derive(Default)]
struct Received {
    states: BTreeMap<IpAddr, String>,
    routes: BTreeMap<(IpAddr, IpNet), Route>,
    communities: BTreeMap<(IpAddr, IpNet), Vec<Community>>,
}

/// A line for the helper.
#[derive(Deserialize)]
struct Message {
    neighbor: Neighbour,
}

#[derive(Deserialize)]
struct Neighbour {
    address: Addresses,
    state: Option<String>,
    #[serde(default)]
    message: Value,
}

#[derive(Deserialize)]
struct Addresses {
    peer: IpAddr,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Update {
    attribute: Attributes,
    /// By family and next hop.
    announce: BTreeMap<String, BTreeMap<IpAddr, Vec<Nlri>>>,
    /// By family.
    withdraw: BTreeMap<String, Vec<Nlri>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributes {
    #[serde(rename = "as-path")]
    as_path: Vec<u32>,
    community: Vec<(u16, u16)>,
    #[serde(rename = "large-community")]
    large_community: Vec<(u32, u32, u32)>,
    #[serde(rename = "extended-community")]
    extended_community: Vec<ExtendedCommunity>,
}

#[derive(Deserialize)]
struct ExtendedCommunity {
    string: String,
}

impl Attributes {
    fn communities(&self) -> anyhow::Result<Vec<Community>> {
        let standard = self.community.iter().map(|(global, local)| Ok(Community::Standard(*global, *local)));
        let large = self.large_community.iter();
        let large = large.map(|(global, first, second)| Ok(Community::Large(*global, *first, *second)));
        let extended = self.extended_community.iter().map(|community| &community.string);
        let extended = extended.map(|text| Community::parse_target(text.trim_start_matches("target:")));
        standard.chain(large).chain(extended).collect()
    }
}

#[derive(Deserialize)]
struct Nlri {
    nlri: IpNet,
}

impl Received {
    fn read(setup: &Setup) -> anyhow::Result<Received> {
        let path = setup.path(MESSAGES);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut received = Received::default();
        // The last line may be half written.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            received.add(line, &setup.router).with_context(|| format!("ExaBGP says {line}"))?;
        }
        Ok(received)
    }

    fn add(&mut self, line: &str, router: &Router) -> anyhow::Result<()> {
        let Message { neighbor } = serde_json::from_str(line)?;
        let address = neighbor.address.peer;
        if let Some(state) = neighbor.state {
            if state != "up" {
                self.routes.retain(|(from, _), _| *from != address);
            }
            self.states.insert(address, state);
        }
        let Some(update) = neighbor.message.get("update") else { return Ok(()) };
        let update = Update::deserialize(update)?;
        for Nlri { nlri } in update.withdraw.into_values().flatten() {
            self.routes.remove(&(address, nlri));
        }
        let peer = router.peer_at(address)?;
        for (next_hop, announced) in update.announce.into_values().flatten() {
            for Nlri { nlri } in announced {
                let as_path = update.attribute.as_path.clone();
                let route = Route { prefix: nlri, next_hop, as_path, peer: peer.name.clone() };
                self.routes.insert((address, nlri), route);
                self.communities.insert((address, nlri), update.attribute.communities()?);
            }
        }
        Ok(())
    }
}
