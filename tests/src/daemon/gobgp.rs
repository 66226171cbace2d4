//! GoBGP: gobgpd, which speaks BGP and forwards nothing.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::Value;

use super::{Community, Family, Options, Peer, Program, Relation, Route, Router, Run, Session, Setup};

/// The value of `session_state` that means Established.
const ESTABLISHED: u64 = 6;

/// Attribute types (RFC 4271 §5, RFC 4760 §3, RFC 1997, RFC 4360, RFC 8092).
const AS_PATH: u64 = 2;
/// A segment's type (RFC 4271 §4.3).
const AS_SEQUENCE: u64 = 2;
const NEXT_HOP: u64 = 3;
const COMMUNITIES: u64 = 8;
const MP_REACH_NLRI: u64 = 14;
const EXTENDED_COMMUNITIES: u64 = 16;
const LARGE_COMMUNITIES: u64 = 32;

pub(super) struct Gobgp;

impl Program for Gobgp {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        ensure!(setup.router.loopbacks.is_empty(), "the lab gives GoBGP networks to originate, not interfaces");
        setup.write("gobgpd.toml", &configuration(setup)?)
    }

    fn commands(&self, setup: &Setup, run: Run) -> anyhow::Result<Vec<Command>> {
        let config = setup.text_path("gobgpd.toml");
        let restarted: &[&str] = if setup.router.restarts(run) { &["--graceful-restart"] } else { &[] };
        let words = [&["-f", &config, "--pprof-disable"], restarted].concat();
        Ok(vec![setup.command(Path::new("gobgpd"), &words)?])
    }

    fn after_start(&self, setup: &Setup) -> anyhow::Result<()> {
        for prefix in &setup.router.networks {
            let family = family_name(Family::of(prefix.addr()));
            let next_hop = setup.router.own_next_hop(*prefix)?.to_string();
            let prefix = prefix.to_string();
            let mut words = vec!["global", "rib", "add", "-a", family, &prefix, "nexthop", &next_hop];
            let communities = community_words(&setup.router.communities);
            words.extend(communities.iter().map(String::as_str));
            gobgp(setup, &words)?;
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
        let mut routes = Vec::new();
        for family in setup.router.families() {
            let text = gobgp(setup, &["-j", "global", "rib", "-a", family_name(family)])?;
            let table: BTreeMap<IpNet, Vec<TablePath>> =
                serde_json::from_str(&text).with_context(|| format!("gobgp says {text}"))?;
            for (prefix, paths) in table {
                for path in paths {
                    // Its own routes have no neighbour.
                    let Some(from) = path.neighbour.as_deref().and_then(|text| text.parse().ok()) else { continue };
                    let Ok(peer) = setup.router.peer_at(from) else { continue };
                    let next_hop = path.next_hop().with_context(|| format!("{prefix} has no next hop"))?;
                    routes.push(Route { prefix, next_hop, as_path: path.as_path()?, peer: peer.name.clone() });
                }
            }
        }
        Ok(routes)
    }

    fn withdraw(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<()> {
        let family = family_name(Family::of(prefix.addr()));
        gobgp(setup, &["global", "rib", "del", "-a", family, &prefix.to_string()]).map(drop)
    }

    fn communities(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<Vec<Community>> {
        let family = family_name(Family::of(prefix.addr()));
        let text = gobgp(setup, &["-j", "global", "rib", "-a", family])?;
        let table: BTreeMap<IpNet, Vec<TablePath>> =
            serde_json::from_str(&text).with_context(|| format!("gobgp says {text}"))?;
        let path = table.get(&prefix).and_then(|paths| paths.first()).with_context(|| format!("no {prefix}"))?;
        path.communities()
    }

    fn ask_again(&self, _setup: &Setup, peer: &Peer) -> anyhow::Result<()> {
        bail!("GoBGP asks {} for nothing again: its `softresetin` looks at what it kept", peer.name)
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

    fn next_hop(&self) -> Option<IpAddr> {
        self.attribute(NEXT_HOP).or_else(|| self.attribute(MP_REACH_NLRI))?["nexthop"].as_str()?.parse().ok()
    }

    fn communities(&self) -> anyhow::Result<Vec<Community>> {
        let list = |number, key: &str| {
            let values = self.attribute(number).and_then(|attribute| attribute[key].as_array());
            values.cloned().unwrap_or_default()
        };
        let number = |value: &Value| value.as_u64().and_then(|value| u32::try_from(value).ok()).context("a number");
        let mut communities = Vec::new();
        for value in list(COMMUNITIES, "communities") {
            let value = number(&value)?;
            communities.push(Community::parse(&format!("{}:{}", value >> 16, value & 0xffff))?);
        }
        for value in list(EXTENDED_COMMUNITIES, "value") {
            let text = value["value"].as_str().with_context(|| format!("no value in {value}"))?;
            communities.push(Community::parse_target(text)?);
        }
        for value in list(LARGE_COMMUNITIES, "value") {
            let (global, first) = (number(&value["ASN"])?, number(&value["LocalData1"])?);
            communities.push(Community::Large(global, first, number(&value["LocalData2"])?));
        }
        Ok(communities)
    }

    fn as_path(&self) -> anyhow::Result<Vec<u32>> {
        let segments = self.attribute(AS_PATH).and_then(|attribute| attribute["as_paths"].as_array());
        let mut path = Vec::new();
        for segment in segments.into_iter().flatten() {
            ensure!(segment["segment_type"] == AS_SEQUENCE, "not a sequence of AS numbers: {segment}");
            path.extend(serde_json::from_value::<Vec<u32>>(segment["asns"].clone())?);
        }
        Ok(path)
    }
}

/// `community 65010:1,65010:2 rt 65010:7 rt 65010:8 large-community 65010:1:2`
fn community_words(communities: &[Community]) -> Vec<String> {
    let (mut standard, mut targets, mut large) = (Vec::new(), Vec::new(), Vec::new());
    for community in communities {
        match community {
            Community::Standard(..) => standard.push(community.numbers()),
            Community::RouteTarget(..) => targets.extend(["rt".to_owned(), community.numbers()]),
            Community::Large(..) => large.push(community.numbers()),
        }
    }
    let mut words = targets;
    for (name, values) in [("community", standard), ("large-community", large)] {
        if !values.is_empty() {
            words.extend([name.to_owned(), values.join(",")]);
        }
    }
    words
}

fn session_options(peer: &Peer) -> anyhow::Result<String> {
    let Options { password: _, ttl_security, graceful_restart, extended_messages, plain_refresh: _, role, bfd } =
        &peer.options;
    ensure!(!extended_messages && role.is_none() && !bfd, "GoBGP has neither extended messages nor roles nor BFD");
    let mut text = String::new();
    if *ttl_security {
        text += "  [neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255\n";
    }
    if let Some(seconds) = graceful_restart {
        let _ =
            writeln!(text, "  [neighbors.graceful-restart.config]\n    enabled = true\n    restart-time = {seconds}");
    }
    Ok(text)
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn gobgp(setup: &Setup, arguments: &[&str]) -> anyhow::Result<String> {
    setup.namespace.run(&[&["gobgp"], arguments].concat())
}

fn configuration(setup: &Setup) -> anyhow::Result<String> {
    let router = &setup.router;
    let listen: Vec<String> = router.local_addresses()?.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "[global.config]\n  as = {}\n  router-id = \"{}\"\n  local-address-list = {listen:?}\n",
        router.asn, router.address
    );
    for peer in &router.peers {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{}\"\n    peer-as = {}\n{}  \
             [neighbors.timers.config]\n    hold-time = {}\n    keepalive-interval = {}\n    connect-retry = 2\n  \
             [neighbors.transport.config]\n    local-address = \"{}\"\n    passive-mode = {}\n",
            peer.address,
            peer.asn,
            peer.options.password.as_ref().map(|text| format!("    auth-password = {text:?}\n")).unwrap_or_default(),
            router.hold_time,
            router.hold_time / 3,
            router.local_address(peer)?,
            peer.relation == Relation::Leaf
        );
        text += &session_options(peer)?;
        for family in &peer.families {
            let (name, restart) = (family_name(*family), peer.options.graceful_restart.is_some());
            let _ = write!(
                text,
                "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = \"{name}-unicast\"\n    \
                 [neighbors.afi-safis.mp-graceful-restart.config]\n      enabled = {restart}\n"
            );
        }
        if let Relation::RouteServer(_) = peer.relation {
            bail!("the lab has no policies for GoBGP towards route servers: it tells {} everything", peer.name)
        }
    }
    Ok(text + &own_only(router))
}

/// What has hubs told nothing but our own routes.
fn own_only(router: &Router) -> String {
    let hubs = router.peers.iter().filter(|peer| peer.relation == Relation::Hub);
    let addresses: Vec<String> = hubs.map(|peer| peer.address.to_string()).collect();
    if addresses.is_empty() {
        return String::new();
    }
    let statement = |name: &str, condition: &str, disposition: &str| {
        format!(
            "  [[policy-definitions.statements]]\n    name = {name:?}\n    \
             [policy-definitions.statements.conditions.match-neighbor-set]\n      neighbor-set = \"hubs\"\n{condition}    \
             [policy-definitions.statements.actions]\n      route-disposition = \"{disposition}-route\"\n"
        )
    };
    let local = "    [policy-definitions.statements.conditions.bgp-conditions]\n      route-type = \"local\"\n";
    format!(
        "[[defined-sets.neighbor-sets]]\n  neighbor-set-name = \"hubs\"\n  neighbor-info-list = {addresses:?}\n\
         [[policy-definitions]]\n  name = \"own-only\"\n{}{}[global.apply-policy.config]\n  \
         export-policy-list = [\"own-only\"]\n  default-export-policy = \"accept-route\"\n",
        statement("own", local, "accept"),
        statement("learned", "", "reject")
    )
}
