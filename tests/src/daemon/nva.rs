//! `nva` itself, through its configuration file and its command line.

use std::env;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::view::parse_path;
use super::{Peer, Program, Relation, Route, Router, Session, Setup, TowardsRouteServer};

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
        setup.write("nva.toml", &configuration(setup))
    }

    fn commands(&self, setup: &Setup) -> anyhow::Result<Vec<Command>> {
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
        let learned = routes.rows.into_iter().filter(|row| row.source != "local");
        learned.filter(|row| !row.prefix.contains(':')).map(|row| row.route()).collect()
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
}

impl RouteRow {
    fn route(&self) -> anyhow::Result<Route> {
        let Ok(next_hop) = self.next_hop.parse::<Ipv4Addr>() else {
            bail!("{} has next hop {:?}", self.prefix, self.next_hop);
        };
        let peer = self.source.clone();
        Ok(Route { prefix: self.prefix.parse()?, next_hop, as_path: parse_path(&self.as_path), peer })
    }
}

/// The configuration file.
pub(super) fn configuration(setup: &Setup) -> String {
    let router = &setup.router;
    let Router { asn, address, .. } = router;
    let socket = setup.text_path("nva.sock");
    let mut text = format!(
        "[router]\nasn = {asn}\nrouter-id = \"{address}\"\nlisten = [\"{address}\"]\ncontrol-socket = \"{socket}\"\n\n"
    );
    text += POLICIES;
    for peer in &router.peers {
        text += &peer_table(peer, router);
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
    text.replace("LEAVES", LEAVES)
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

fn peer_table(peer: &Peer, router: &Router) -> String {
    let Peer { name, asn, address, relation } = peer;
    let (export, more) = match relation {
        Relation::Router => ("everything", ""),
        Relation::Hub => ("own", ""),
        Relation::Leaf => ("to-leaves", "passive = true\n"),
        Relation::RouteServer(TowardsRouteServer::Keep) => ("to-route-servers", "group = \"route-servers\"\n"),
        Relation::RouteServer(TowardsRouteServer::Oneself) => {
            ("to-route-servers-as-self", "group = \"route-servers\"\n")
        }
    };
    let hold_time = router.hold_time;
    format!(
        "[[peer]]\nname = \"{name}\"\n{more}asn = {asn}\naddress = \"{address}\"\nlocal-address = \"{}\"\n\
         hold-time = {hold_time}\nconnect-retry = 2\nimport = [\"everything\"]\nexport = [\"{export}\"]\n\n",
        router.address
    )
}
