//! The configurations of docs/examples, in the networks that they are for.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use ipnet::Ipv4Net;
use nva_tests::daemon::{Kind, Relation, Router, TowardsRouteServer};
use nva_tests::instance::Instance;
use nva_tests::lab::Lab;
use nva_tests::topology::{
    HUB_ASN, Machine, Peering, ROUTE_SERVER_ASN, RouteServerInstance, Topology, VNET, in_vnet, nva_address, nva_asn,
    nva_loopback, nva_name,
};

use crate::common::{self, answers, prefix, wait_for};

const HUB_THAT_IS_AN_NVA: &str = include_str!("../../../docs/examples/hub-that-is-an-nva.toml");
const HUB_OF_THREE: &str = include_str!("../../../docs/examples/hub-of-three.toml");

/// The first hub's address; the others follow.
const FIRST_HUB: u8 = 84;

/// What the hub that is an NVA is responsible for.
const GREEN: Ipv4Addr = Ipv4Addr::new(100, 0, 0, 200);

/// What two NVAs announce.
const SHARED: Ipv4Addr = Ipv4Addr::new(100, 0, 0, 150);

fn hub_name(number: u8) -> String {
    format!("hub{number}")
}

/// Hubs with the file of the first of them, which do not forward: what reaches an NVA has not come through a hub.
fn hubs(text: &str, count: u8, nvas: u8, loopbacks: &[Ipv4Addr]) -> Vec<Machine> {
    let hub = |number: u8| {
        let address = in_vnet(FIRST_HUB + number);
        let mut router = Router::new(HUB_ASN, address);
        for (name, last) in [("rs0", 4), ("rs1", 5)] {
            let relation = Relation::RouteServer(TowardsRouteServer::Keep);
            router = router.peer(name, ROUTE_SERVER_ASN, in_vnet(last), relation);
        }
        for nva in 0..nvas {
            router = router.peer(&nva_name(nva), nva_asn(nva), nva_address(nva), Relation::Leaf);
        }
        for fellow in (0..count).filter(|fellow| *fellow != number) {
            router = router.peer(&hub_name(fellow), HUB_ASN, in_vnet(FIRST_HUB + fellow), Relation::Router);
        }
        router.configuration = Some(of_hub(text, number));
        let mut machine = Machine::new(&hub_name(number), address).running(Kind::Nva, router);
        machine.forwards = false;
        machine.loopbacks = loopbacks.iter().copied().map(Ipv4Net::from).collect();
        machine
    };
    (0..count).map(hub).collect()
}

/// The first hub's file with its address and name exchanged for those of another one.
fn of_hub(text: &str, number: u8) -> String {
    let exchange =
        |text: &str, one: &str, other: &str| text.replace(one, "\u{0}").replace(other, one).replace("\u{0}", other);
    let text = exchange(text, &in_vnet(FIRST_HUB).to_string(), &in_vnet(FIRST_HUB + number).to_string());
    exchange(&text, "\"hub0\"", &format!("\"hub{number}\""))
}

/// An NVA that announces its loopback addresses to every hub.
fn nva(number: u8, kind: Kind, hubs: u8, loopbacks: &[Ipv4Addr]) -> Machine {
    let mut router = Router::new(nva_asn(number), nva_address(number));
    // Some of the daemons are given networks only, and some have no policies here: what they tell one hub of the
    // other's routes has our own AS in its path.
    router.networks = loopbacks.iter().map(|address| Ipv4Net::from(*address).into()).collect();
    for hub in 0..hubs {
        router = router.peer(&hub_name(hub), HUB_ASN, in_vnet(FIRST_HUB + hub), Relation::Router);
    }
    let mut machine = Machine::new(&nva_name(number), nva_address(number));
    machine.loopbacks = loopbacks.iter().copied().map(Ipv4Net::from).collect();
    machine.running(kind, router)
}

fn lab(hubs: Vec<Machine>, nvas: Vec<Machine>) -> Lab {
    let instance = |(name, last): (&str, u8)| RouteServerInstance { name: name.to_owned(), address: in_vnet(last) };
    let peering = |(hub, number): (&Machine, u8)| Peering {
        name: format!("peer{}", number + 1),
        asn: HUB_ASN,
        address: hub.address,
    };
    let topology = Topology {
        vnet: VNET,
        route_server: [("rs0", 4), ("rs1", 5)].map(instance).into(),
        peerings: hubs.iter().zip(0..).map(peering).collect(),
        machines: [vec![Machine::new("vm", in_vnet(10))], hubs, nvas].concat(),
    };
    Lab::up(Instance::unique(), topology).expect("the lab comes up")
}

/// Where the VM's NIC sends packets for an address.
fn next_hops(lab: &Lab, target: Ipv4Addr) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
    let routes = lab.state.effective_routes("vm")?;
    let of_target = routes.iter().filter(|route| route.address_prefix == [Ipv4Net::from(target)]);
    Ok(of_target.flat_map(|route| route.next_hop_ip_address.clone()).collect())
}

/// The article's open question: the hubs are themselves the next hop for what they are responsible for, and the NVAs are for
/// theirs, whichever daemon they run.
#[test]
fn a_hub_that_is_an_nva_itself() {
    let kinds = [Kind::Nva, Kind::Bird1, Kind::Bird2, Kind::Frr, Kind::Gobgp, Kind::Openbgpd];
    let nvas: Vec<Machine> =
        kinds.iter().zip(0..).map(|(kind, number)| nva(number, *kind, 2, &[nva_loopback(number)])).collect();
    let count = u8::try_from(nvas.len()).expect("few NVAs");
    let lab = lab(hubs(HUB_THAT_IS_AN_NVA, 2, 10, &[GREEN]), nvas);
    for number in 0..count {
        lab.daemon(&nva_name(number)).and_then(nva_tests::daemon::Daemon::wait_ready).expect("it answers");
    }

    let expected = |hub: Ipv4Addr| {
        let blue = (0..count).map(|number| {
            (Ipv4Net::from(nva_loopback(number)), format!("65000-{}", nva_asn(number)), nva_address(number))
        });
        blue.chain([(Ipv4Net::from(GREEN), "65000".to_owned(), hub)]).collect::<Vec<_>>()
    };
    wait_for(&lab, "what both instances learn from both hubs", || {
        let report = lab.state.report()?;
        ensure!(report.instances.len() == 2, "{report:?}");
        for instance in &report.instances {
            for hub in [in_vnet(84), in_vnet(85)] {
                let of_hub = instance.learned.iter().filter(|route| route.source_peer == hub);
                let mut learned: Vec<_> =
                    of_hub.map(|route| (route.network, route.as_path.clone(), route.next_hop)).collect();
                learned.sort();
                ensure!(learned == expected(hub), "{} has from {hub} {learned:#?}", instance.name);
            }
        }
        Ok(())
    });
    wait_for(&lab, "the NIC's routes", || {
        for number in 0..count {
            let next_hops = next_hops(&lab, nva_loopback(number))?;
            ensure!(next_hops == [nva_address(number)].into(), "{}: {next_hops:?}", nva_loopback(number));
        }
        let green = next_hops(&lab, GREEN)?;
        ensure!(green == [in_vnet(84), in_vnet(85)].into(), "{GREEN}: {green:?}");
        Ok(())
    });
    // The hubs alone have the green address, each NVA alone its own, and no hub forwards.
    for target in (0..count).map(nva_loopback).chain([GREEN]) {
        wait_for(&lab, &format!("{target} to answer"), || {
            ensure!(answers(&lab, "vm", target), "no answer");
            Ok(())
        });
    }
}

/// Waits until the NIC spreads the shared prefix over these NVAs; returns for how long it did not. An answer is there at all
/// times.
fn wait_for_nvas(lab: &Lab, what: &str, nvas: &[u8]) -> Duration {
    let expected: BTreeSet<Ipv4Addr> = nvas.iter().copied().map(nva_address).collect();
    let start = Instant::now();
    wait_for(lab, what, || {
        let seen = next_hops(lab, SHARED)?;
        assert!(!seen.is_empty(), "{what}: the NIC has lost every route");
        assert!(answers(lab, "vm", SHARED), "{what}: {SHARED} does not answer, the NIC has {seen:?}");
        ensure!(seen == expected, "{seen:?}");
        Ok(())
    });
    start.elapsed()
}

/// Waits until the NIC has the shared prefix at all, through both NVAs.
fn wait_for_both(lab: &Lab) {
    wait_for(lab, "both NVAs in the NIC", || {
        let seen = next_hops(lab, SHARED)?;
        ensure!(seen == [nva_address(0), nva_address(1)].into(), "{seen:?}");
        Ok(())
    });
}

/// What each instance has from each hub of the shared prefix.
fn told_by_hub(lab: &Lab) -> anyhow::Result<Vec<(Ipv4Addr, Ipv4Addr, Ipv4Addr)>> {
    let report = lab.state.report()?;
    let learned = report.instances.iter().flat_map(|instance| &instance.learned);
    let mut told: Vec<_> = learned
        .filter(|route| route.network == prefix(&format!("{SHARED}/32")))
        .map(|route| (route.local_address, route.source_peer, route.next_hop))
        .collect();
    told.sort();
    Ok(told)
}

/// Waits until every hub counts that many hubs towards both instances.
fn wait_counted(lab: &Lab, hubs: &[u8], count: u64) {
    wait_for(lab, &format!("{hubs:?} to count {count} hubs"), || {
        for hub in hubs {
            let reply = common::nva_json(lab, &hub_name(*hub), &["show", "hubs"])?;
            let rows = reply["rows"].as_array().into_iter().flatten();
            let counted: Vec<_> = rows.map(|row| row["hubs"].as_u64()).collect();
            ensure!(counted == [Some(count); 2], "hub{hub}: {reply}");
        }
        Ok(())
    });
}

fn shared_by_two(hubs_count: u8) -> Lab {
    let nvas = (0..2).map(|number| nva(number, Kind::Nva, hubs_count, &[SHARED])).collect();
    let lab = lab(hubs(HUB_OF_THREE, hubs_count, 2, &[]), nvas);
    wait_for_both(&lab);
    lab
}

/// Two of the three hubs: each tells another NVA. With one left one NVA is, and with both both are again.
#[test]
fn two_hubs_share_out_two_nvas() {
    let mut text_hubs = hubs(HUB_OF_THREE, 3, 2, &[]);
    text_hubs.truncate(2);
    let nvas = (0..2).map(|number| nva(number, Kind::Nva, 2, &[SHARED])).collect();
    let mut lab = lab(text_hubs, nvas);
    wait_for_both(&lab);
    wait_counted(&lab, &[0, 1], 2);
    let path = |instance: u8, hub: u8, nva: u8| (in_vnet(instance), in_vnet(FIRST_HUB + hub), nva_address(nva));
    let expected = [path(4, 0, 0), path(4, 1, 1), path(5, 0, 0), path(5, 1, 1)];
    wait_for(&lab, "each hub's share at each instance", || {
        let told = told_by_hub(&lab)?;
        ensure!(told == expected, "{told:?}");
        Ok(())
    });
    let explained = common::nva_json(&lab, "hub1", &["explain", &SHARED.to_string()]).expect("explained");
    assert!(explained.to_string().contains("path 2 of 2 (hub 2 of 2)"), "{explained}");

    for hub in 0..2 {
        lab.daemon_mut(&hub_name(hub)).and_then(|daemon| daemon.kill()).expect("killed");
        wait_for_nvas(&lab, "one NVA after the loss of a hub", &[0]);
        lab.restart(&hub_name(hub)).expect("started again");
        let took = wait_for_nvas(&lab, "both NVAs again", &[0, 1]);
        println!("hub{hub} was back and both NVAs were in use after {took:?}");
        wait_counted(&lab, &[0, 1], 2);
    }
}

/// Any one of three hubs may be killed, and two NVAs remain in use.
#[test]
fn three_hubs_lose_no_nva_with_a_hub() {
    let mut lab = shared_by_two(3);
    wait_counted(&lab, &[0, 1, 2], 3);
    for hub in 0..3 {
        let others: Vec<u8> = (0..3).filter(|other| *other != hub).collect();
        lab.daemon_mut(&hub_name(hub)).and_then(|daemon| daemon.kill()).expect("killed");
        let start = Instant::now();
        wait_counted(&lab, &others, 2);
        wait_for_nvas(&lab, "both NVAs with one hub less", &[0, 1]);
        let took = start.elapsed();
        println!("hub{hub} was killed, and both NVAs were in use by the other hubs after {took:?}");
        // The kernel of a killed process closes its connections, so that is seen at once; the rest is a busy machine.
        assert!(took < Duration::from_secs(5), "{took:?}");
        lab.restart(&hub_name(hub)).expect("started again");
        wait_counted(&lab, &[0, 1, 2], 3);
        wait_for_nvas(&lab, "both NVAs with all hubs", &[0, 1]);
    }
}
