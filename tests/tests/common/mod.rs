//! What the tests in namespaces share.

#![expect(dead_code, reason = "each test program uses a part of it")]

pub mod between;
pub mod capture;
pub mod crowd;
pub mod custom;
pub mod netstat;
pub mod octets;
pub mod place;
pub mod raw;

use std::net::{IpAddr, Ipv4Addr};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, bail};
use ipnet::Ipv4Net;
use nva_tests::daemon::{Daemon, Kind, Relation, Route, Router, TowardsRouteServer, nva_binary};
use nva_tests::instance::Instance;
use nva_tests::lab::Lab;
use nva_tests::netns::Namespace;
use nva_tests::topology::{Choices, Machine, NVAS, Topology, VNET, in_vnet, nva_name};
use nva_tests::wait::wait_until;
use serde_json::Value;

/// How long sessions may take to come up and routes to arrive.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A network without a route server, with daemons started and not waited for.
pub fn lab_of(machines: Vec<Machine>) -> Lab {
    let mut lab = quiet_lab_of(machines);
    start_daemons(&mut lab);
    lab
}

/// A network without a route server and, until [`start_daemons`], without daemons.
pub fn quiet_lab_of(machines: Vec<Machine>) -> Lab {
    let topology = Topology { vnet: VNET, route_server: Vec::new(), peerings: Vec::new(), machines };
    Lab::build(Instance::unique(), topology).expect("the lab comes up")
}

/// Starts every daemon of a lab and does not wait for it.
pub fn start_daemons(lab: &mut Lab) {
    for machine in lab.state.topology.machines.clone() {
        if let Some((kind, router)) = machine.runs {
            lab.start(&machine.name, kind, router).expect("started");
        }
    }
}

/// The article's network with `nva` everywhere and with fewer NVAs.
pub fn small_article(nvas: u8, hold_time: u16) -> Topology {
    let choices = Choices { hubs: Some(Kind::Nva), nvas: Kind::Nva, next_hop: TowardsRouteServer::Keep };
    let mut topology = Topology::article(choices);
    let left_out: Vec<String> = (nvas..NVAS).map(nva_name).collect();
    topology.machines.retain(|machine| !left_out.contains(&machine.name));
    for machine in &mut topology.machines {
        if let Some((_, router)) = &mut machine.runs {
            router.peers.retain(|peer| !left_out.contains(&peer.name));
            router.hold_time = hold_time;
        }
    }
    topology
}

/// A machine with a daemon that originates `networks` and is told nothing of peers yet.
pub fn speaker(asn: u32, last: u8, networks: &[&str]) -> Router {
    let mut router = Router::new(asn, in_vnet(last));
    router.networks = networks.iter().map(|text| prefix(text).into()).collect();
    router
}

/// Two routers that are each other's only peer and tell each other everything.
pub fn pair(a: (&str, Kind, Router), b: (&str, Kind, Router)) -> Lab {
    let (a_name, a_kind, a) = a;
    let (b_name, b_kind, b) = b;
    let a_told = a.clone().peer(b_name, b.asn, b.address, Relation::Router);
    let b_told = b.clone().peer(a_name, a.asn, a.address, Relation::Router);
    lab_of(vec![
        Machine::new(a_name, a.address).running(a_kind, a_told),
        Machine::new(b_name, b.address).running(b_kind, b_told),
    ])
}

/// A prefix.
pub fn prefix(text: &str) -> Ipv4Net {
    text.parse().expect("a prefix")
}

/// A route as a daemon shows it.
pub fn route(text: &str, next_hop: impl Into<IpAddr>, as_path: &[u32], peer: &str) -> Route {
    Route {
        prefix: text.parse().expect("a prefix"),
        next_hop: next_hop.into(),
        as_path: as_path.to_vec(),
        peer: peer.to_owned(),
    }
}

/// Waits until a daemon has exactly these routes from its peers, in the order of their prefixes. Its own routes that a
/// peer tells it again do not count: no daemon uses them (RFC 4271 §9.1.2), and only some show them.
pub fn wait_for_routes(lab: &Lab, machine: &str, expected: &[Route]) {
    wait_for(lab, &format!("the routes of {machine}"), || {
        let daemon = lab.daemon(machine)?;
        let mut routes = daemon.routes()?;
        routes.retain(|route| !route.as_path.contains(&daemon.setup.router.asn));
        if routes != expected {
            bail!("{routes:#?}\ninstead of {expected:#?}");
        }
        Ok(())
    });
}

/// Waits until `look` is content; fails with what it saw last and the ends of all logs.
pub fn wait_for<T>(lab: &Lab, what: &str, look: impl FnMut() -> anyhow::Result<T>) -> T {
    wait_until(PATIENCE, what, look).unwrap_or_else(|error| panic!("{error}\n{}", logs(lab)))
}

/// The ends of the logs of everything that runs in a lab.
pub fn logs(lab: &Lab) -> String {
    lab.state.daemons.iter().map(Daemon::logs).collect()
}

/// Waits until the daemons of these machines answer and have all their sessions.
pub fn wait_established(lab: &Lab, machines: &[&str]) {
    for machine in machines {
        let daemon = lab.daemon(machine).expect("a daemon");
        let up = daemon.wait_ready().and_then(|()| daemon.wait_established(PATIENCE));
        up.unwrap_or_else(|error| panic!("{error:#}\n{}", logs(lab)));
    }
}

/// `nva ARGUMENTS --json`, asked of the daemon of a machine.
pub fn nva_json(lab: &Lab, machine: &str, arguments: &[&str]) -> anyhow::Result<Value> {
    nva_json_of(lab.daemon(machine)?, arguments)
}

/// `nva ARGUMENTS --json`, asked of a daemon.
pub fn nva_json_of(daemon: &Daemon, arguments: &[&str]) -> anyhow::Result<Value> {
    let text = nva_text(daemon, &[arguments, &["--json"]].concat())?;
    serde_json::from_str(&text).with_context(|| format!("nva {} printed {text}", arguments.join(" ")))
}

/// What `nva ARGUMENTS` prints, asked of a daemon; an error if it fails.
pub fn nva_text(daemon: &Daemon, arguments: &[&str]) -> anyhow::Result<String> {
    asked(daemon, arguments, Namespace::run)
}

/// The same, and what came of it.
pub fn nva_output(daemon: &Daemon, arguments: &[&str]) -> anyhow::Result<Output> {
    asked(daemon, arguments, Namespace::output)
}

fn asked<T>(
    daemon: &Daemon,
    arguments: &[&str],
    run: impl FnOnce(&Namespace, &[&str]) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let socket = daemon.setup.directory.join("nva.sock").display().to_string();
    let binary = nva_binary()?.display().to_string();
    run(&daemon.setup.namespace, &[&[binary.as_str(), "--socket", &socket], arguments].concat())
}

/// The row of `nva show peers` about a peer.
pub fn nva_peer(lab: &Lab, machine: &str, peer: &str) -> anyhow::Result<Value> {
    nva_peer_of(lab.daemon(machine)?, peer)
}

/// The row of `nva show peers` of a daemon about a peer.
pub fn nva_peer_of(daemon: &Daemon, peer: &str) -> anyhow::Result<Value> {
    let reply = nva_json_of(daemon, &["show", "peers"])?;
    let row = reply["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["name"] == peer));
    row.cloned().with_context(|| format!("{} has no peer {peer}: {reply}", daemon.setup.machine))
}

/// Whether a ping is answered.
pub fn answers(lab: &Lab, from: &str, to: Ipv4Addr) -> bool {
    let namespace = lab.namespace(from).expect("a machine");
    namespace.output(&["ping", "-n", "-q", "-c", "1", "-W", "1", &to.to_string()]).expect("ping runs").status.success()
}
