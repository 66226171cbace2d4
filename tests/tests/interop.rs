//! `nva` and each foreign daemon exchange routes both ways, and Wireshark finds nothing wrong with what `nva` says.

mod common;

use anyhow::ensure;
use common::capture::{Capture, Captured};
use common::{nva_peer, quiet_lab_of, route, speaker, start_daemons, wait_for, wait_for_routes};
use nva_tests::daemon::{Daemon, Kind, Relation};
use nva_tests::lab::Lab;
use nva_tests::topology::{Machine, in_vnet};

const NVA_ASN: u32 = 65001;
const OTHER_ASN: u32 = 4_200_000_002;

/// What `nva` withdraws: an address on its loopback.
const NVA_LOOPBACK: &str = "203.0.113.1/32";

/// What the other one withdraws.
const OTHER_NETWORK: &str = "198.51.100.128/25";

/// The whole life of a session: routes both ways, withdrawals both ways, keepalives.
fn exchange(kind: Kind) {
    let mut lab = nva_and(kind);
    let capture = Capture::start(&lab, "nva");
    start_daemons(&mut lab);
    for machine in ["nva", "other"] {
        lab.daemon(machine).and_then(Daemon::wait_ready).expect("answers");
    }
    let from_other = |text| route(text, in_vnet(30), &[OTHER_ASN], "other");
    let from_nva = |text| route(text, in_vnet(20), &[NVA_ASN], "nva");
    wait_for_routes(&lab, "nva", &[from_other("192.0.2.0/24"), from_other(OTHER_NETWORK)]);
    wait_for_routes(&lab, "other", &[from_nva("198.51.100.0/25"), from_nva(NVA_LOOPBACK)]);

    lab.namespace("nva").and_then(|nva| nva.ip(&["addr", "del", NVA_LOOPBACK, "dev", "lo"])).expect("deleted");
    wait_for_routes(&lab, "other", &[from_nva("198.51.100.0/25")]);
    withdraw(lab.daemon("other").expect("a daemon"));
    wait_for_routes(&lab, "nva", &[from_other("192.0.2.0/24")]);

    let since = messages_in(&lab);
    wait_for(&lab, "two keepalives after all that", || {
        let now = messages_in(&lab);
        ensure!(now >= since + 2, "{} messages", now - since);
        Ok(())
    });

    let peer = nva_peer(&lab, "nva", "other").expect("the peer");
    assert_eq!(peer["state"], "Established", "{peer}");
    assert_eq!(peer["malformed_updates"], 0, "{peer}");
    let captured = capture.stop();
    well_formed(&captured);
    // One of two connections that collide ends with Cease/Connection Collision Resolution (RFC 4271 §6.8).
    let ended = "bgp.type == 3 && !(bgp.notify.major_error == 6 && bgp.notify.minor_error_cease == 7)";
    assert_eq!(captured.packets(ended), Vec::<String>::new(), "no NOTIFICATION: the session never went down");
}

/// Both originate two prefixes: one of them is listed, the other one can be taken away.
fn nva_and(kind: Kind) -> Lab {
    let mut nva = speaker(NVA_ASN, 20, &["198.51.100.0/25"]).peer("other", OTHER_ASN, in_vnet(30), Relation::Router);
    nva.loopbacks = vec!["lo".to_owned()];
    let mut other = speaker(OTHER_ASN, 30, &["192.0.2.0/24"]).peer("nva", NVA_ASN, in_vnet(20), Relation::Router);
    let (mut nva_machine, mut other_machine) = (Machine::new("nva", nva.address), Machine::new("other", other.address));
    nva_machine.loopbacks.push(common::prefix(NVA_LOOPBACK));
    if follows_interfaces(kind) {
        other.loopbacks = vec!["lo".to_owned()];
        other_machine.loopbacks.push(common::prefix(OTHER_NETWORK));
    } else {
        other.networks.push(common::prefix(OTHER_NETWORK));
    }
    quiet_lab_of(vec![nva_machine.running(Kind::Nva, nva), other_machine.running(kind, other)])
}

fn follows_interfaces(kind: Kind) -> bool {
    match kind {
        Kind::Nva | Kind::Bird1 | Kind::Bird2 => true,
        Kind::Frr | Kind::Gobgp | Kind::Openbgpd => false,
    }
}

/// Makes a daemon withdraw [`OTHER_NETWORK`].
fn withdraw(daemon: &Daemon) {
    let directory = daemon.setup.directory.display().to_string();
    let socket = format!("{directory}/bgpd.sock");
    let router = format!("router bgp {OTHER_ASN}");
    let no_network = format!("no network {OTHER_NETWORK}");
    let words: &[&str] = match daemon.kind {
        Kind::Nva | Kind::Bird1 | Kind::Bird2 => &["ip", "addr", "del", OTHER_NETWORK, "dev", "lo"],
        Kind::Frr => &[
            "vtysh",
            "--vty_socket",
            &directory,
            "-d",
            "bgpd",
            "-c",
            "configure terminal",
            "-c",
            &router,
            "-c",
            "address-family ipv4 unicast",
            "-c",
            &no_network,
        ],
        Kind::Gobgp => &["gobgp", "global", "rib", "del", OTHER_NETWORK],
        Kind::Openbgpd => &["bgpctl", "-s", &socket, "network", "delete", OTHER_NETWORK],
    };
    daemon.setup.namespace.run(words).expect("withdrawn");
}

fn messages_in(lab: &Lab) -> u64 {
    nva_peer(lab, "nva", "other").ok().and_then(|peer| peer["messages_in"].as_u64()).expect("a count")
}

/// What `nva` sent in the session is dissected without any complaint.
fn well_formed(captured: &Captured) {
    let from_nva = format!("ip.src == {}", in_vnet(20));
    let (open, update, keepalive) = (1, 2, 4);
    let of_type = |number| captured.packets(&format!("{from_nva} && bgp.type == {number}"));
    for (number, least) in [(open, 1), (update, 2), (keepalive, 2)] {
        let count = of_type(number).len();
        assert!(count >= least, "{count} packets with messages of type {number} among {:#?}", captured.packets("tcp"));
    }
    // Wireshark's severities: 0x600000 is a warning, 0x800000 an error.
    let wrong =
        format!("{from_nva} && (_ws.malformed || (bgp && _ws.expert.severity >= 0x600000 && !tcp.analysis.flags))");
    assert_eq!(captured.packets(&wrong), Vec::<String>::new());
}

#[test]
fn bird1() {
    exchange(Kind::Bird1);
}

#[test]
fn bird2() {
    exchange(Kind::Bird2);
}

#[test]
fn frr() {
    exchange(Kind::Frr);
}

#[test]
fn gobgp() {
    exchange(Kind::Gobgp);
}

#[test]
fn openbgpd() {
    exchange(Kind::Openbgpd);
}

#[test]
fn nva() {
    exchange(Kind::Nva);
}
