//! `nva` and each foreign daemon exchange routes both ways.

mod common;

use common::{pair, route, speaker, wait_for_routes};
use nva_tests::daemon::Kind;
use nva_tests::topology::in_vnet;

/// Both originate two prefixes, and have the other's with its address as next hop and its AS as path.
fn exchange(left: Kind, right: Kind) {
    let lab = pair(
        ("left", left, speaker(65001, 20, &["198.51.100.0/25", "203.0.113.1/32"])),
        ("right", right, speaker(65002, 30, &["192.0.2.0/24", "198.51.100.128/25"])),
    );
    for name in ["left", "right"] {
        lab.daemon(name).and_then(|daemon| daemon.wait_ready()).expect("answers");
    }
    wait_for_routes(
        &lab,
        "left",
        &[
            route("192.0.2.0/24", in_vnet(30), &[65002], "right"),
            route("198.51.100.128/25", in_vnet(30), &[65002], "right"),
        ],
    );
    wait_for_routes(
        &lab,
        "right",
        &[
            route("198.51.100.0/25", in_vnet(20), &[65001], "left"),
            route("203.0.113.1/32", in_vnet(20), &[65001], "left"),
        ],
    );
}

#[test]
fn bird1() {
    exchange(Kind::Bird1, Kind::Bird1);
}

#[test]
fn bird2() {
    exchange(Kind::Bird1, Kind::Bird2);
}

#[test]
fn frr() {
    exchange(Kind::Bird1, Kind::Frr);
}

#[test]
fn gobgp() {
    exchange(Kind::Bird1, Kind::Gobgp);
}

#[test]
fn openbgpd() {
    exchange(Kind::Bird1, Kind::Openbgpd);
}
