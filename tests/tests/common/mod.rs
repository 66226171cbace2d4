//! What the tests in namespaces share.

#![expect(dead_code, reason = "each test program uses a part of it")]

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::bail;
use ipnet::Ipv4Net;
use nva_tests::daemon::{Kind, Relation, Route, Router};
use nva_tests::instance::Instance;
use nva_tests::lab::Lab;
use nva_tests::topology::{Machine, Topology, VNET, in_vnet};
use nva_tests::wait::wait_until;

/// How long sessions may take to come up and routes to arrive.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A network without a route server, with daemons started and not waited for.
pub fn lab_of(machines: Vec<Machine>) -> Lab {
    let topology = Topology { vnet: VNET, route_server: Vec::new(), peerings: Vec::new(), machines };
    Lab::up(Instance::unique(), topology).expect("the lab comes up")
}

/// A machine with a daemon that originates `networks` and is told nothing of peers yet.
pub fn speaker(asn: u32, last: u8, networks: &[&str]) -> Router {
    let mut router = Router::new(asn, in_vnet(last));
    router.networks = networks.iter().map(|text| prefix(text)).collect();
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
pub fn route(text: &str, next_hop: Ipv4Addr, as_path: &[u32], peer: &str) -> Route {
    Route { prefix: prefix(text), next_hop, as_path: as_path.to_vec(), peer: peer.to_owned() }
}

/// Waits until a daemon has exactly these routes from its peers, in the order of their prefixes.
pub fn wait_for_routes(lab: &Lab, machine: &str, expected: &[Route]) {
    let daemon = lab.daemon(machine).expect("a daemon");
    let result = wait_until(PATIENCE, &format!("the routes of {machine}"), || {
        let routes = daemon.routes()?;
        if routes != expected {
            bail!("{routes:#?}\ninstead of {expected:#?}");
        }
        Ok(())
    });
    result.unwrap_or_else(|error| {
        panic!("{error}\n{}", daemon.processes.iter().map(|p| p.log_tail()).collect::<String>())
    });
}

/// Whether a ping is answered.
pub fn answers(lab: &Lab, from: &str, to: Ipv4Addr) -> bool {
    let namespace = lab.namespace(from).expect("a machine");
    namespace.output(&["ping", "-n", "-q", "-c", "1", "-W", "1", &to.to_string()]).expect("ping runs").status.success()
}
