//! `nva` in a machine's routing: what goes into the kernel's main table, what stays out of it, and what survives whom.

use std::time::Instant;

use anyhow::{bail, ensure};
use nix::sys::signal::Signal;
use nva_tests::daemon::{Kind, Relation, Router};
use nva_tests::lab::Lab;
use nva_tests::netns::Namespace;
use nva_tests::topology::{Machine, in_vnet};
use serde_json::Value;

use crate::common::{self, lab_of, prefix, speaker, wait_established, wait_for};

/// `metric` in the documentation of `[fib]`.
const METRIC: u64 = 79;

/// What both neighbours announce, and what the first one alone does.
const SHARED: &str = "203.0.113.1";
const SINGLE: &str = "198.51.100.1";

/// `dut` with two neighbours in one other AS; all of them follow their loopbacks.
fn two_neighbours(first_networks: &[&str]) -> Vec<Machine> {
    let neighbour = |name: &str, last, networks: &[&str], loopbacks: &[&str]| {
        let mut router = speaker(65010, last, networks).peer("dut", 65001, in_vnet(20), Relation::Router);
        router.loopbacks = vec!["lo".to_owned()];
        let mut machine = Machine::new(name, in_vnet(last));
        machine.loopbacks = loopbacks.iter().map(|address| prefix(&format!("{address}/32"))).collect();
        machine.running(Kind::Bird2, router)
    };
    vec![
        dut(Router::new(65001, in_vnet(20)).peer("first", 65010, in_vnet(31), Relation::Router).peer(
            "second",
            65010,
            in_vnet(32),
            Relation::Router,
        )),
        neighbour("first", 31, first_networks, &[SHARED, SINGLE]),
        neighbour("second", 32, &[], &[SHARED]),
    ]
}

fn dut(mut router: Router) -> Machine {
    router.loopbacks = vec!["lo".to_owned()];
    Machine::new("dut", router.address).running(Kind::Nva, router)
}

/// The kernel's routes of one machine.
struct Kernel {
    namespace: Namespace,
}

impl Kernel {
    fn of(lab: &Lab, machine: &str) -> Kernel {
        Kernel { namespace: lab.namespace(machine).expect("a machine").clone() }
    }

    /// Every route of the main table.
    fn routes(&self) -> Vec<Value> {
        let text = self.namespace.ip(&["-j", "route", "show", "table", "main"]).expect("routes");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Everybody's routes but those of `nva`.
    fn foreign(&self) -> Vec<Value> {
        self.routes().into_iter().filter(|route| route["protocol"] != "bgp" || route["metric"] != METRIC).collect()
    }

    /// The gateways of `nva`'s route for a destination, in order; `None`: there is no route.
    fn gateways(&self, destination: &str) -> Option<Vec<String>> {
        let ours =
            |route: &Value| route["dst"] == destination && route["protocol"] == "bgp" && route["metric"] == METRIC;
        let route = self.routes().into_iter().find(ours)?;
        let hops = route["nexthops"].as_array().cloned().unwrap_or_else(|| vec![route.clone()]);
        let mut gateways: Vec<String> =
            hops.iter().filter_map(|hop| hop["gateway"].as_str().map(str::to_owned)).collect();
        gateways.sort();
        Some(gateways)
    }

    /// The gateway to an address as the kernel would choose it now; `None`: it is on the link.
    fn gateway_now(&self, address: &str) -> Option<String> {
        let text = self.namespace.ip(&["-j", "route", "get", address]).expect("a route");
        let routes: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        routes.first().and_then(|route| route["gateway"].as_str()).map(str::to_owned)
    }

    fn wait_for_gateways(&self, lab: &Lab, destination: &str, expected: Option<&[&str]>) {
        wait_for(lab, &format!("the kernel's route for {destination}"), || {
            let gateways = self.gateways(destination);
            let expected = expected.map(|names| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
            ensure!(gateways == expected, "{gateways:?} instead of {expected:?}");
            Ok(())
        });
    }
}

fn remove_loopback(lab: &Lab, machine: &str, address: &str) {
    let namespace = lab.namespace(machine).expect("a machine");
    namespace.ip(&["addr", "del", &format!("{address}/32"), "dev", "lo"]).expect("deleted");
}

const FIRST: &str = "10.13.76.31";
const SECOND: &str = "10.13.76.32";

#[test]
fn learned_routes_come_and_go_and_foreign_ones_stay() {
    let mut lab = common::quiet_lab_of(two_neighbours(&[]));
    let kernel = Kernel::of(&lab, "dut");
    kernel
        .namespace
        .ip_batch(
            "route add 192.0.2.0/25 via 10.13.76.1 proto static\n\
             route add 192.0.2.128/25 via 10.13.76.1 proto bird metric 79\n\
             route add 192.0.3.0/24 via 10.13.76.1 proto bgp metric 20\n\
             route add 203.0.113.1/32 via 10.13.76.1 proto static metric 4000\n",
        )
        .expect("foreign routes");
    let foreign = kernel.foreign();
    assert!(foreign.len() >= 6, "{foreign:#?}");
    common::start_daemons(&mut lab);
    wait_established(&lab, &["dut", "first", "second"]);

    kernel.wait_for_gateways(&lab, SHARED, Some(&[FIRST, SECOND]));
    kernel.wait_for_gateways(&lab, SINGLE, Some(&[FIRST]));
    remove_loopback(&lab, "second", SHARED);
    kernel.wait_for_gateways(&lab, SHARED, Some(&[FIRST]));
    remove_loopback(&lab, "first", SHARED);
    kernel.wait_for_gateways(&lab, SHARED, None);
    assert_eq!(kernel.foreign(), foreign);

    lab.daemon_mut("dut").and_then(|dut| dut.stop()).expect("SIGTERM ends it");
    assert_eq!(kernel.gateways(SINGLE).as_deref(), Some(&[FIRST.to_owned()][..]), "it leaves its routes");
    assert_eq!(kernel.foreign(), foreign);
}

#[test]
fn a_killed_daemon_finds_its_routes_again() {
    let mut lab = lab_of(two_neighbours(&[]));
    let kernel = Kernel::of(&lab, "dut");
    wait_established(&lab, &["dut", "first", "second"]);
    kernel.wait_for_gateways(&lab, SHARED, Some(&[FIRST, SECOND]));
    kernel.wait_for_gateways(&lab, SINGLE, Some(&[FIRST]));

    lab.daemon_mut("dut").and_then(|dut| dut.kill()).expect("killed");
    // While nobody looks, one route loses its only announcer and the other one of two.
    remove_loopback(&lab, "first", SINGLE);
    remove_loopback(&lab, "second", SHARED);
    let changes = RouteLog::start(&lab, "dut");
    assert!(kernel.gateways(SINGLE).is_some() && kernel.gateways(SHARED).is_some(), "they outlive the daemon");
    lab.restart("dut").expect("restarted");

    kernel.wait_for_gateways(&lab, SINGLE, None);
    kernel.wait_for_gateways(&lab, SHARED, Some(&[FIRST]));
    let changes = changes.stop();
    assert!(changes.contains(&format!("Deleted {SINGLE} ")), "{changes}");
    assert!(!changes.contains(&format!("Deleted {SHARED} ")), "a confirmed route was there all the time: {changes}");
}

#[test]
fn routes_that_nobody_confirms_go_when_their_time_is_over() {
    let mut lab = lab_of(two_neighbours(&[]));
    let kernel = Kernel::of(&lab, "dut");
    wait_established(&lab, &["dut", "first", "second"]);
    kernel.wait_for_gateways(&lab, SINGLE, Some(&[FIRST]));
    kernel.wait_for_gateways(&lab, SHARED, Some(&[FIRST, SECOND]));

    lab.daemon_mut("dut").and_then(|dut| dut.kill()).expect("killed");
    lab.daemon_mut("first").and_then(|first| first.kill()).expect("killed");
    let config = lab.machine_directory("dut").join("nva.toml");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    std::fs::write(&config, text.replace("[fib]\n", "[fib]\nreconcile-after = 4\n")).expect("written");
    let start = Instant::now();
    lab.restart("dut").expect("restarted");
    wait_for(&lab, "the session with the second", || {
        let peer = common::nva_peer(&lab, "dut", "second")?;
        ensure!(peer["state"] == "Established", "{peer}");
        Ok(())
    });
    let early = kernel.gateways(SINGLE);
    assert!(early.is_some() || start.elapsed().as_secs() >= 4, "the first may still come and confirm it");
    kernel.wait_for_gateways(&lab, SINGLE, None);
    assert!(start.elapsed().as_secs() >= 3, "gone after {:?}", start.elapsed());
    kernel.wait_for_gateways(&lab, SHARED, Some(&[SECOND]));
}

/// The commonest way in which a router loses its peer: a route from one peer that covers another.
#[test]
fn no_route_captures_a_peer() {
    let lab = lab_of(two_neighbours(&["10.13.76.0/26", "10.13.76.32/32", "10.13.77.0/24"]));
    let kernel = Kernel::of(&lab, "dut");
    wait_established(&lab, &["dut", "first", "second"]);
    // The last one says that the others have arrived, too.
    kernel.wait_for_gateways(&lab, "10.13.77.0/24", Some(&[FIRST]));
    kernel.wait_for_gateways(&lab, "10.13.76.0/26", Some(&[FIRST]));
    assert_eq!(kernel.gateway_now("10.13.76.33"), Some(FIRST.to_owned()), "BGP's route is used");
    assert_eq!(kernel.gateway_now(SECOND), None, "but not for the peer: {:#?}", kernel.routes());
    assert_eq!(kernel.gateway_now(FIRST), None, "nor for the one that announced it: {:#?}", kernel.routes());

    let since = messages_in(&lab);
    wait_for(&lab, "more messages of the second", || {
        let now = messages_in(&lab);
        ensure!(now >= since + 3, "{} messages", now - since);
        Ok(())
    });
    assert_eq!(kernel.gateway_now(SECOND), None);
    let peer = common::nva_peer(&lab, "dut", "second").expect("a peer");
    assert_eq!(peer["state"], "Established", "{peer}");
}

fn messages_in(lab: &Lab) -> u64 {
    common::nva_peer(lab, "dut", "second").ok().and_then(|peer| peer["messages_in"].as_u64()).expect("a count")
}

#[test]
fn loopback_addresses_are_followed_within_a_second() {
    let machine = |name: &str, router: Router| {
        let mut router = router;
        router.loopbacks = vec!["lo".to_owned()];
        Machine::new(name, router.address).running(Kind::Nva, router)
    };
    let lab = lab_of(vec![
        machine("here", Router::new(65001, in_vnet(20)).peer("there", 65002, in_vnet(30), Relation::Router)),
        machine("there", Router::new(65002, in_vnet(30)).peer("here", 65001, in_vnet(20), Relation::Router)),
    ]);
    wait_established(&lab, &["here", "there"]);
    let (here, kernel) = (lab.namespace("here").expect("a machine"), Kernel::of(&lab, "there"));
    for (change, expected) in [("add", Some(&["10.13.76.20"][..])), ("del", None)] {
        let start = Instant::now();
        here.ip(&["addr", change, "203.0.113.9/32", "dev", "lo"]).expect("changed");
        kernel.wait_for_gateways(&lab, "203.0.113.9", expected);
        // A second is the promise on a machine that has time; the deadline only finds what hangs.
        println!("addr {change}: in the other machine's kernel after {:?}", start.elapsed());
    }
}

/// A leaf that falls silent without a word: its route goes within the hold time, the other leaf's stays.
#[test]
fn the_routes_of_a_silent_peer_go_within_its_hold_time() {
    let mut machines = two_neighbours(&[]);
    for machine in &mut machines {
        if let Some((_, router)) = &mut machine.runs {
            router.hold_time = 6;
        }
    }
    let lab = lab_of(machines);
    let kernel = Kernel::of(&lab, "dut");
    wait_established(&lab, &["dut", "first", "second"]);
    kernel.wait_for_gateways(&lab, SHARED, Some(&[FIRST, SECOND]));
    kernel.wait_for_gateways(&lab, SINGLE, Some(&[FIRST]));
    let start = Instant::now();
    lab.daemon("first").and_then(|first| first.signal(Signal::SIGSTOP)).expect("stopped");
    kernel.wait_for_gateways(&lab, SINGLE, None);
    let took = start.elapsed();
    println!("gone after {took:?} with a hold time of 6 s");
    kernel.wait_for_gateways(&lab, SHARED, Some(&[SECOND]));
    // SIGTERM does not reach who is stopped.
    lab.daemon("first").and_then(|first| first.signal(Signal::SIGCONT)).expect("goes on");
    assert!(took.as_secs() < 12, "{took:?}");
}

/// `ip monitor route`: every change, in order.
struct RouteLog {
    process: nva_tests::process::Process,
    namespace: Namespace,
}

impl RouteLog {
    fn start(lab: &Lab, machine: &str) -> RouteLog {
        let namespace = lab.namespace(machine).expect("a machine").clone();
        let mut command = namespace.command("ip").expect("a command");
        command.args(["monitor", "route"]);
        let log = lab.machine_directory(machine).join("routes.log");
        let process = lab.resources().process("ip monitor", &mut command, &log).expect("started");
        let started = RouteLog { process, namespace };
        started.marker(lab);
        started
    }

    /// Changes a route of our own until the log has it: then it also has everything before.
    fn marker(&self, lab: &Lab) {
        let add = ["route", "replace", "192.0.2.99/32", "via", "10.13.76.1"];
        wait_for(lab, "the log of route changes", || {
            self.namespace.ip(&add)?;
            self.namespace.ip(&["route", "del", "192.0.2.99/32"])?;
            if !self.text().contains("192.0.2.99") {
                bail!("{}", self.text());
            }
            Ok(())
        });
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.process.log).unwrap_or_default()
    }

    fn stop(self) -> String {
        self.process.kill().expect("ends");
        self.text()
    }
}
