//! The route server's emulator does what is known of Azure's.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use ipnet::{IpNet, Ipv4Net};
use nva_tests::daemon::{Kind, Relation, Router, TowardsRouteServer};
use nva_tests::instance::Instance;
use nva_tests::lab::Lab;
use nva_tests::route_server::Report;
use nva_tests::topology::{
    MOST_PEERS, Machine, Peering, ROUTE_SERVER_ASN, RouteServerInstance, Topology, VNET, in_vnet,
};
use nva_tests::wait::wait_until;

use crate::common::{PATIENCE, answers, prefix, route};

const INSTANCES: [(&str, u8); 2] = [("rs0", 4), ("rs1", 5)];

/// A VM, and speakers that peer with the named instances; each originates 100.0.0.1/32 and up, and `shared` too.
fn lab_with(kind: Kind, speakers: &[(&str, u8, &[&str])], shared: Option<&str>) -> Lab {
    let mut machines = vec![Machine::new("vm", in_vnet(10))];
    let mut peerings = Vec::new();
    for (number, (name, last, towards)) in (1_u8..).zip(speakers) {
        let mut router = Router::new(65100 + u32::from(number), in_vnet(*last));
        router.networks = vec![Ipv4Net::from(Ipv4Addr::new(100, 0, 0, number)).into()];
        router.networks.extend(shared.map(|text| IpNet::from(prefix(text))));
        for (instance, address) in INSTANCES.iter().filter(|(instance, _)| towards.contains(instance)) {
            let relation = Relation::RouteServer(TowardsRouteServer::Keep);
            router = router.peer(instance, ROUTE_SERVER_ASN, in_vnet(*address), relation);
        }
        peerings.push(Peering { name: format!("to-{name}"), asn: router.asn, address: router.address });
        let mut machine = Machine::new(name, in_vnet(*last)).running(kind, router);
        machine.loopbacks = vec![Ipv4Net::from(Ipv4Addr::new(100, 0, 0, number))];
        machine.loopbacks.extend(shared.map(prefix));
        machines.push(machine);
    }
    let instance = |(name, last): (&str, u8)| RouteServerInstance { name: name.to_owned(), address: in_vnet(last) };
    let topology = Topology { vnet: VNET, route_server: INSTANCES.map(instance).into(), peerings, machines };
    Lab::up(Instance::unique(), topology).expect("the lab comes up")
}

/// Waits until the route server's report is as it should be.
fn wait_for_report(lab: &Lab, what: &str, check: impl Fn(&Report) -> anyhow::Result<()>) -> Report {
    let result = wait_until(PATIENCE, what, || {
        let report = lab.state.report()?;
        check(&report).map(|()| report)
    });
    result.expect(what)
}

fn wait_for_next_hops(lab: &Lab, machine: &str, wanted: &str, expected: &[Ipv4Addr]) {
    wait_until(PATIENCE, &format!("the next hops of {wanted} at {machine}"), || {
        let routes = lab.state.effective_routes(machine)?;
        let found = routes.into_iter().find(|route| route.address_prefix == [prefix(wanted)]);
        let next_hops = found.map(|route| route.next_hop_ip_address).unwrap_or_default();
        ensure!(next_hops == expected, "{next_hops:?}");
        Ok(())
    })
    .expect("programmed");
}

const BOTH: &[&str] = &["rs0", "rs1"];

#[test]
fn the_ninth_peer_is_refused() {
    let names: Vec<String> = (0..9).map(|number| format!("leaf{number}")).collect();
    let speakers: Vec<(&str, u8, &[&str])> =
        (100_u8..).zip(&names).map(|(last, name)| (name.as_str(), last, BOTH)).collect();
    let lab = lab_with(Kind::Bird1, &speakers, None);
    let report = wait_for_report(&lab, "eight sessions with each instance", |report| {
        for instance in &report.instances {
            let up = instance.peers.iter().filter(|peer| peer.established).count();
            ensure!(up == MOST_PEERS, "{} has {up}", instance.name);
            ensure!(instance.learned.len() == MOST_PEERS, "{} has {} routes", instance.name, instance.learned.len());
        }
        Ok(())
    });
    let refused: Vec<&str> = report.refused.iter().map(|refused| refused.peering.name.as_str()).collect();
    assert_eq!(refused, ["to-leaf8"]);
    let sessions = lab.daemon("leaf8").and_then(|leaf| leaf.sessions()).expect("the ninth runs");
    assert!(sessions.iter().all(|session| !session.established), "{sessions:?}");
    wait_for_next_hops(&lab, "vm", "100.0.0.8/32", &[in_vnet(107)]);
    wait_for_next_hops(&lab, "vm", "100.0.0.9/32", &[]);
}

#[test]
fn a_peer_of_one_instance_is_known_to_that_one_only() {
    let lab = lab_with(Kind::Bird1, &[("leaf", 100, &["rs1"])], None);
    let report = wait_for_report(&lab, "the route", |report| {
        ensure!(report.instances.iter().any(|instance| !instance.learned.is_empty()), "nobody has it");
        Ok(())
    });
    let counts: Vec<usize> = report.instances.iter().map(|instance| instance.learned.len()).collect();
    assert_eq!(counts, [0, 1], "the instances share nothing");
    // Azure's NICs get it all the same; which of them do is not known.
    wait_for_next_hops(&lab, "vm", "100.0.0.1/32", &[in_vnet(100)]);
}

#[test]
fn equal_paths_share_traffic_and_a_withdrawn_one_leaves_every_nic() {
    let mut lab = lab_with(Kind::Bird1, &[("left", 100, BOTH), ("right", 101, BOTH)], Some("100.0.1.1/32"));
    let shared = Ipv4Addr::new(100, 0, 1, 1);
    for machine in ["vm", "left", "right", "rs0"] {
        wait_for_next_hops(&lab, machine, "100.0.1.1/32", &[in_vnet(100), in_vnet(101)]);
    }
    assert!(answers(&lab, "vm", shared));

    lab.daemon_mut("left").and_then(|left| left.stop()).expect("stops");
    for machine in ["vm", "left", "right", "rs0"] {
        wait_for_next_hops(&lab, machine, "100.0.1.1/32", &[in_vnet(101)]);
        wait_for_next_hops(&lab, machine, "100.0.0.1/32", &[]);
    }
    assert!(answers(&lab, "vm", shared), "the other goes on");
}

#[test]
fn peers_are_told_the_vnet_and_nothing_of_each_other() {
    let lab = lab_with(Kind::Nva, &[("left", 100, BOTH), ("right", 101, BOTH)], None);
    wait_for_report(&lab, "both routes", |report| {
        for instance in &report.instances {
            let learned: Vec<_> =
                instance.learned.iter().map(|route| (route.as_path.as_str(), route.next_hop)).collect();
            if learned != [("65101", in_vnet(100)), ("65102", in_vnet(101))] {
                bail!("{}: {learned:?}", instance.name);
            }
        }
        Ok(())
    });
    let daemon = lab.daemon("left").expect("a daemon");
    let routes = wait_until(PATIENCE, "what left is told", || {
        let routes = daemon.routes()?;
        ensure!(routes.len() >= 2, "{routes:?}");
        Ok::<_, anyhow::Error>(routes)
    });
    let vnet = |number: usize| {
        let (name, last) = INSTANCES[number];
        route("10.13.76.0/24", in_vnet(last), &[ROUTE_SERVER_ASN], name)
    };
    assert_eq!(routes.expect("told"), [vnet(0), vnet(1)]);
}

#[test]
fn a_dead_leaf_leaves_every_nic_within_its_hold_time() {
    let mut lab = lab_with(Kind::Nva, &[("left", 100, BOTH), ("right", 101, BOTH)], None);
    for machine in ["vm", "right"] {
        wait_for_next_hops(&lab, machine, "100.0.0.1/32", &[in_vnet(100)]);
        wait_for_next_hops(&lab, machine, "100.0.0.2/32", &[in_vnet(101)]);
    }
    // Its namespace loses its link, so that not even a TCP reset tells anybody; 9 s of hold time are what it proposed.
    let hold_time = lab.daemon("left").expect("a daemon").setup.router.hold_time;
    lab.namespace("left").and_then(|left| left.ip(&["link", "set", "eth0", "down"])).expect("down");
    lab.daemon_mut("left").and_then(|left| left.kill()).expect("killed");
    let start = Instant::now();
    // The report costs no process to look at: the time that is taken is the route server's own.
    let gone = prefix("100.0.0.1/32");
    wait_for_report(&lab, "no route to the dead leaf", |report| {
        ensure!(report.programmed.iter().all(|(programmed, _)| *programmed != gone), "{:?}", report.programmed);
        Ok(())
    });
    // Half a second more for programming.
    let limit = Duration::from_millis(u64::from(hold_time) * 1000 + 500);
    let elapsed = start.elapsed();
    assert!(elapsed <= limit, "gone after {elapsed:?}");
    wait_for_next_hops(&lab, "vm", "100.0.0.1/32", &[]);
    assert!(answers(&lab, "vm", Ipv4Addr::new(100, 0, 0, 2)), "the other goes on");
    let report = lab.state.report().context("the report").expect("it answers");
    assert_eq!(report.programmed, [(prefix("100.0.0.2/32"), vec![in_vnet(101)])]);
}
