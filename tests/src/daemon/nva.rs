//! `nva` itself, through its configuration file and its command line.

use std::env;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use ipnet::IpNet;
use serde::Deserialize;

use super::view::parse_path;
use super::{
    BFD_INTERVAL, Community, Family, Options, Peer, Program, Relation, Route, Router, Run, Session, Setup,
    TowardsRouteServer,
};

/// The expression of the article's Cisco configuration: what the leaves advertise.
const LEAVES: &str = "^6510[0-9]";

pub(super) struct Nva;

/// The `nva` binary: `NVA_BIN`, or the newest beside this program's own.
pub fn nva_binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("NVA_BIN") {
        return Ok(PathBuf::from(path));
    }
    let own = env::current_exe().context("where this program is")?;
    let profiles =
        own.ancestors().find(|path| path.join("CACHEDIR.TAG").exists()).context("not in a target directory")?;
    let built = ["release", "debug"].map(|profile| profiles.join(profile).join("nva"));
    let age = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    let newest = built.into_iter().filter(|path| path.exists()).max_by_key(age);
    newest.context("nva is not built: run `cargo xtask build`, or set NVA_BIN")
}

impl Program for Nva {
    fn configure(&self, setup: &Setup) -> anyhow::Result<()> {
        let text = match &setup.router.configuration {
            Some(text) => at_home(text, setup),
            None => configuration(setup)?,
        };
        setup.write("nva.toml", &text)
    }

    fn commands(&self, setup: &Setup, _run: Run) -> anyhow::Result<Vec<Command>> {
        let mut command = setup.command(&nva_binary()?, &["run", "-c", &setup.text_path("nva.toml")])?;
        command.env("RUST_BACKTRACE", "1");
        Ok(vec![command])
    }

    fn sessions(&self, setup: &Setup) -> anyhow::Result<Vec<Session>> {
        let peers: Rows<PeerRow> = show(setup, &["peers"])?;
        let session =
            |row: PeerRow| Ok(setup.router.peer_named(&row.name)?.session(row.state == "Established", &row.state));
        peers.rows.into_iter().map(session).collect()
    }

    fn routes(&self, setup: &Setup) -> anyhow::Result<Vec<Route>> {
        let routes: Rows<RouteRow> = show(setup, &["routes", "--all"])?;
        let learned = routes.rows.into_iter().filter(|row| !matches!(row.source.as_str(), "local" | "aggregate"));
        learned.map(|row| row.route()).collect()
    }

    fn communities(&self, setup: &Setup, prefix: IpNet) -> anyhow::Result<Vec<Community>> {
        let routes: Rows<RouteRow> = show(setup, &["routes", &prefix.to_string(), "--all"])?;
        let row = routes.rows.first().with_context(|| format!("no {prefix}"))?;
        let plain = row.communities.iter().chain(&row.large_communities).map(|text| Community::parse(text));
        let extended = row.extended_communities.iter();
        plain.chain(extended.map(|text| Community::parse_target(text.trim_start_matches("rt:")))).collect()
    }

    fn ask_again(&self, setup: &Setup, peer: &Peer) -> anyhow::Result<()> {
        let words = command_line(setup, &["peer", "refresh", &peer.name, "--in"])?;
        setup.namespace.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).map(drop)
    }

    fn session_command(&self, setup: &Setup) -> anyhow::Result<(&'static str, Vec<String>)> {
        Ok(("nva show peers", command_line(setup, &["show", "peers"])?))
    }
}

/// `nva show WHAT`, as it prints it.
pub(super) fn show_text(setup: &Setup, what: &[&str]) -> anyhow::Result<String> {
    let words = [&["show"], what].concat();
    let words = command_line(setup, &words)?;
    setup.namespace.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// `nva show WHAT --json`, read into `T`.
fn show<T: for<'de> Deserialize<'de>>(setup: &Setup, what: &[&str]) -> anyhow::Result<T> {
    let text = show_text(setup, &[what, &["--json"]].concat())?;
    serde_json::from_str(&text).with_context(|| format!("`nva show {}` printed {text}", what.join(" ")))
}

fn command_line(setup: &Setup, words: &[&str]) -> anyhow::Result<Vec<String>> {
    let (binary, socket) = (nva_binary()?.display().to_string(), setup.text_path("nva.sock"));
    let words = words.iter().map(|word| (*word).to_owned());
    Ok([binary, "--socket".to_owned(), socket].into_iter().chain(words).collect())
}

#[derive(Deserialize)]
struct Rows<T> {
    rows: Vec<T>,
}

#[derive(Deserialize)]
struct PeerRow {
    name: String,
    state: String,
}

#[derive(Deserialize)]
struct RouteRow {
    prefix: String,
    next_hop: String,
    as_path: String,
    source: String,
    communities: Vec<String>,
    extended_communities: Vec<String>,
    large_communities: Vec<String>,
}

impl RouteRow {
    fn route(&self) -> anyhow::Result<Route> {
        let Ok(next_hop) = self.next_hop.parse::<IpAddr>() else {
            bail!("{} has next hop {:?}", self.prefix, self.next_hop);
        };
        let peer = self.source.clone();
        Ok(Route { prefix: self.prefix.parse()?, next_hop, as_path: parse_path(&self.as_path)?, peer })
    }
}

/// A configuration file for a machine of its own, with the control socket where the lab looks for it.
fn at_home(text: &str, setup: &Setup) -> String {
    let socket = format!("[router]\ncontrol-socket = \"{}\"\n", setup.text_path("nva.sock"));
    text.replacen("[router]\n", &socket, 1)
}

/// The configuration file.
pub(super) fn configuration(setup: &Setup) -> anyhow::Result<String> {
    let router = &setup.router;
    let Router { asn, address, .. } = router;
    let socket = setup.text_path("nva.sock");
    let listen: Vec<String> = router.local_addresses()?.iter().map(|address| listen_on(*address)).collect();
    let mut text = format!(
        "[router]\nasn = {asn}\nrouter-id = \"{address}\"\nlisten = {listen:?}\ncontrol-socket = \"{socket}\"\n\n"
    );
    text += POLICIES;
    for peer in &router.peers {
        text += &peer_table(peer, router)?;
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "[originate]\ninterfaces = {:?}\nconnected = {:?}\nprefixes = {:?}\n\n[fib]\ninstall = {}\n",
        router.loopbacks,
        router.connected,
        router.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        router.install
    );
    if !router.xdp.is_empty() {
        let _ = write!(text, "\n[xdp]\ninterfaces = {:?}\npin-directory = \"{}\"\n", router.xdp, setup.pins.display());
    }
    Ok(text.replace("LEAVES", LEAVES))
}

fn listen_on(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]:179"),
    }
}

/// Policies for every relation; the groups exist so that they can be named as sources.
const POLICIES: &str = r#"[[policy]]
name = "everything"
statement = [{ then = { accept = true } }]

[[policy]]
name = "own"
statement = [{ match = { source = "local" }, then = { next-hop = "self", accept = true } }]

[[policy]]
name = "to-leaves"
statement = [
    { match = { source = "group route-servers" }, then = { next-hop = "gateway", accept = true } },
    { then = { accept = true } },
]

[[policy]]
name = "to-route-servers"
statement = [
    { name = "leaves", match = { as-path = "LEAVES" }, then = { next-hop = "keep", accept = true } },
    { name = "own", match = { source = "local" }, then = { next-hop = "self", accept = true } },
]

[[policy]]
name = "to-route-servers-as-self"
statement = [{ match = { as-path = "LEAVES" }, then = { next-hop = "self", accept = true } }]

[[peer-group]]
name = "route-servers"
kind = "azure-route-server"

"#;

fn peer_table(peer: &Peer, router: &Router) -> anyhow::Result<String> {
    let Peer { name, asn, address, relation, families, options } = peer;
    let (export, more) = match relation {
        Relation::Router => ("everything", ""),
        Relation::Hub => ("own", ""),
        Relation::Leaf => ("to-leaves", "passive = true\n"),
        Relation::RouteServer(TowardsRouteServer::Keep) => ("to-route-servers", "group = \"route-servers\"\n"),
        Relation::RouteServer(TowardsRouteServer::Oneself) => {
            ("to-route-servers-as-self", "group = \"route-servers\"\n")
        }
    };
    let families: Vec<&str> = families.iter().map(|family| family_name(*family)).collect();
    let hold_time = router.hold_time;
    Ok(format!(
        "[[peer]]\nname = \"{name}\"\n{more}asn = {asn}\naddress = \"{address}\"\nlocal-address = \"{}\"\n\
         families = {families:?}\nhold-time = {hold_time}\nconnect-retry = 2\nimport = [\"everything\"]\n\
         export = [\"{export}\"]\n{}\n",
        router.local_address(peer)?,
        session_options(options)
    ))
}

fn session_options(options: &Options) -> String {
    let Options { password, ttl_security, graceful_restart, extended_messages, plain_refresh, role, bfd } = options;
    let mut text = format!("extended-messages = {extended_messages}\nenhanced-refresh = {}\n", !plain_refresh);
    if let Some(password) = password {
        text += &format!("password = {password:?}\n");
    }
    if *ttl_security {
        text += "ttl-security = true\n";
    }
    // Left alone, it bears with the restarts of others.
    if let Some(seconds) = graceful_restart {
        text += &format!("graceful-restart = true\nrestart-time = {seconds}\n");
    }
    if let Some(role) = role {
        text += &format!("role = {:?}\n", role.name());
    }
    if *bfd {
        text += &format!("bfd = {{ interval = {BFD_INTERVAL} }}\n");
    }
    text
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4-unicast",
        Family::Ipv6 => "ipv6-unicast",
    }
}
