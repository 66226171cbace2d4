//! The article's hubs and leaves, `nva` and BIRD 1.6.8 in every combination: what a hub tells a route server.

use anyhow::ensure;
use ipnet::{IpNet, Ipv4Net};
use nva_tests::daemon::{Kind, Relation, Route, Router, TowardsRouteServer};
use nva_tests::instance::Instance;
use nva_tests::lab::Lab;
use nva_tests::route_server::RouteServer;
use nva_tests::topology::{HUB_ASN, Machine, ROUTE_SERVER_ASN, in_vnet, nva_address, nva_asn, nva_loopback, nva_name};

use crate::common::capture::{Capture, NOTHING, sent_by};
use crate::common::{
    self, prefix, quiet_lab_of, route, small_article, start_daemons, wait_established, wait_for, wait_for_routes,
};

const HUB: u8 = 84;
const OTHER_HUB: u8 = 85;
const SERVER: u8 = 4;

/// A hub's own prefix.
const HUB_NETWORK: &str = "100.0.0.200/32";

/// What the route server originates.
const BEYOND: &str = "10.60.0.0/16";

/// Leaves, which originate the address on their loopback, at these hubs.
fn leaves(kinds: &[Kind], hubs: &[(&str, u8)]) -> Vec<Machine> {
    let leaf = |(number, kind): (usize, &Kind)| {
        let number = u8::try_from(number).expect("few leaves");
        let mut router = Router::new(nva_asn(number), nva_address(number));
        router.loopbacks = vec!["lo".to_owned()];
        for (name, last) in hubs {
            router = router.peer(name, HUB_ASN, in_vnet(*last), Relation::Hub);
        }
        let mut machine = Machine::new(&nva_name(number), nva_address(number));
        machine.loopbacks.push(nva_loopback(number).into());
        machine.running(*kind, router)
    };
    kinds.iter().enumerate().map(leaf).collect()
}

/// A hub that keeps the leaves' next hops towards the route server and has a prefix of its own.
fn hub(name: &str, last: u8, kind: Kind, leaves: u8) -> Machine {
    let mut router = common::speaker(HUB_ASN, last, &[HUB_NETWORK]);
    for number in 0..leaves {
        router = router.peer(&nva_name(number), nva_asn(number), nva_address(number), Relation::Leaf);
    }
    let relation = Relation::RouteServer(TowardsRouteServer::Keep);
    Machine::new(name, in_vnet(last)).running(kind, router.peer("server", ROUTE_SERVER_ASN, in_vnet(SERVER), relation))
}

/// A peer with the route server's AS that originates what is at the other end of a gateway, as a route server does.
fn server(hubs: &[(&str, u8)]) -> Machine {
    let mut router = common::speaker(ROUTE_SERVER_ASN, SERVER, &[BEYOND]);
    router.install = false;
    for (name, last) in hubs {
        router = router.peer(name, HUB_ASN, in_vnet(*last), Relation::Router);
    }
    Machine::new("server", in_vnet(SERVER)).running(Kind::Bird2, router)
}

/// What the route server has from a hub: the leaves' routes with their next hops, and the hub's own with its own.
fn told_by(hub: &str, last: u8, leaves: u8) -> Vec<Route> {
    let leaf = |number| {
        let path = [HUB_ASN, nva_asn(number)];
        route(&format!("{}/32", nva_loopback(number)), nva_address(number), &path, hub)
    };
    let own = route(HUB_NETWORK, in_vnet(last), &[HUB_ASN], hub);
    (0..leaves).map(leaf).chain([own]).collect()
}

/// What leaf `number` of two has from a hub: the other leaf's route and the hub's own.
fn told_to_leaf(lab: &Lab, number: u8, hub: &str, last: u8) {
    let machine = nva_name(number);
    let daemon = lab.daemon(&machine).expect("a daemon");
    let expected: [(IpNet, _); 3] = [
        (prefix(BEYOND).into(), vec![HUB_ASN, ROUTE_SERVER_ASN]),
        (Ipv4Net::from(nva_loopback(1 - number)).into(), vec![HUB_ASN, nva_asn(1 - number)]),
        (prefix(HUB_NETWORK).into(), vec![HUB_ASN]),
    ];
    wait_for(lab, &format!("the routes of {machine}"), || {
        let mut routes = daemon.routes()?;
        routes.retain(|route| route.peer == hub && !route.as_path.contains(&nva_asn(number)));
        let seen: Vec<_> = routes.iter().map(|route| (route.prefix, route.as_path.clone())).collect();
        ensure!(seen == expected, "{routes:#?}");
        let own =
            routes.iter().find(|route| route.prefix == IpNet::from(prefix(HUB_NETWORK))).map(|route| route.next_hop);
        ensure!(own == Some(in_vnet(last).into()), "{routes:#?}");
        Ok(())
    });
}

/// Everybody starts, and what goes over these machines' interfaces is written down.
fn start(machines: Vec<Machine>, at: &[&str]) -> (Lab, Vec<Capture>) {
    let mut lab = quiet_lab_of(machines);
    let captures = at.iter().map(|machine| capture(&lab, machine)).collect();
    start_daemons(&mut lab);
    (lab, captures)
}

fn capture(lab: &Lab, machine: &str) -> Capture {
    Capture::start(lab.resources(), lab.namespace(machine).expect("a machine"), &lab.machine_directory(machine))
}

/// Wireshark has no complaint about what any `nva` of the lab said where it was written down.
fn well_formed(lab: &Lab, captures: Vec<Capture>) {
    let of_nva = lab.state.topology.machines.iter().filter_map(|machine| match &machine.runs {
        Some((Kind::Nva, router)) => Some(router.address.into()),
        _ => None,
    });
    let sent = sent_by(&of_nva.collect::<Vec<_>>());
    captures.into_iter().for_each(|capture| capture.stop().well_formed(&sent, NOTHING));
}

/// Two leaves at one hub at one route server; then a leaf's address goes.
fn one_hub(hub_kind: Kind, leaf_kinds: [Kind; 2]) {
    let mut machines = leaves(&leaf_kinds, &[("hub", HUB)]);
    machines.extend([hub("hub", HUB, hub_kind, 2), server(&[("hub", HUB)])]);
    let (lab, captures) = start(machines, &["hub"]);
    wait_established(&lab, &["nva0", "nva1", "hub", "server"]);
    let told = told_by("hub", HUB, 2);
    wait_for_routes(&lab, "server", &told);
    told_to_leaf(&lab, 0, "hub", HUB);
    told_to_leaf(&lab, 1, "hub", HUB);

    let address = format!("{}/32", nva_loopback(0));
    lab.namespace("nva0").and_then(|nva| nva.ip(&["addr", "del", &address, "dev", "lo"])).expect("deleted");
    wait_for_routes(&lab, "server", &told[1..]);
    well_formed(&lab, captures);
}

#[test]
fn nva_leaves_at_a_bird_hub() {
    one_hub(Kind::Bird1, [Kind::Nva, Kind::Nva]);
}

#[test]
fn bird_leaves_at_an_nva_hub() {
    one_hub(Kind::Nva, [Kind::Bird1, Kind::Bird1]);
}

#[test]
fn hubs_side_by_side_tell_the_route_server_the_same() {
    let hubs = [("hub0", HUB), ("hub1", OTHER_HUB)];
    let mut machines = leaves(&[Kind::Nva, Kind::Bird1], &hubs);
    machines.extend([hub("hub0", HUB, Kind::Nva, 2), hub("hub1", OTHER_HUB, Kind::Bird1, 2), server(&hubs)]);
    let (lab, captures) = start(machines, &["hub0", "hub1"]);
    wait_established(&lab, &["nva0", "nva1", "hub0", "hub1", "server"]);

    let mut expected = [told_by("hub0", HUB, 2), told_by("hub1", OTHER_HUB, 2)].concat();
    expected.sort();
    wait_for_routes(&lab, "server", &expected);

    let routes = lab.daemon("server").and_then(|server| server.routes()).expect("routes");
    let leaf_routes = |hub: &str| -> Vec<_> {
        let of_hub =
            routes.iter().filter(|route| route.peer == hub && route.prefix != IpNet::from(prefix(HUB_NETWORK)));
        of_hub.map(|route| (route.prefix, route.next_hop, route.as_path.clone())).collect()
    };
    assert_eq!(leaf_routes("hub0").len(), 2, "{routes:#?}");
    assert_eq!(leaf_routes("hub0"), leaf_routes("hub1"), "nobody can tell the hubs apart by the leaves' routes");
    well_formed(&lab, captures);
}

/// The same with the lab's route server, as Azure's own commands would show it.
#[test]
fn the_route_server_learns_the_same_from_an_nva_hub_and_a_bird_hub() {
    let leaves = 3;
    let mut topology = small_article(leaves, 9);
    for machine in &mut topology.machines {
        if let ("hub1" | "nva1", Some((kind, router))) = (machine.name.as_str(), &mut machine.runs) {
            *kind = Kind::Bird1;
            router.xdp.clear();
        }
    }
    let mut lab = Lab::build(Instance::unique(), topology).expect("the lab comes up");
    lab.start_route_server().and_then(RouteServer::wait_ready).expect("the route server");
    let captures = ["hub0", "hub1"].map(|hub| capture(&lab, hub)).into();
    start_daemons(&mut lab);
    let expected: Vec<_> = (0..leaves)
        .map(|number| (nva_loopback(number).into(), format!("{HUB_ASN}-{}", nva_asn(number)), nva_address(number)))
        .collect();
    wait_for(&lab, "the route server's learned routes", || {
        let report = lab.state.report()?;
        for instance in &report.instances {
            for hub in [in_vnet(HUB), in_vnet(OTHER_HUB)] {
                let of_hub = instance.learned.iter().filter(|route| route.source_peer == hub);
                // The network behind the first NVA comes by the same way and is not looked at here.
                let mut learned: Vec<_> = of_hub
                    .filter(|route| route.network.prefix_len() == 32)
                    .map(|route| (route.network, route.as_path.clone(), route.next_hop))
                    .collect();
                learned.sort();
                ensure!(learned == expected, "{} has from {hub} {learned:#?}", instance.name);
            }
        }
        ensure!(report.instances.len() == 2, "{report:?}");
        Ok(())
    });
    well_formed(&lab, captures);
}
