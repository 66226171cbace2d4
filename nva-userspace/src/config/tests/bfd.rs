//! `bfd` of peers and groups.

use std::time::Duration;

use super::{config, problems};
use crate::bfd::Hops;

const BASE: &str = "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n\
    [[peer-group]]\nname = \"leaves\"\nbfd = { interval = 100 }\n";

/// A peer with this in its table.
fn with(table: &str) -> String {
    format!("{BASE}[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\n{table}\n")
}

#[test]
fn intervals_hops_and_ttl_are_understood() {
    let cases = [
        ("asn = 65100", None),
        ("asn = 65100\nbfd = false", None),
        ("asn = 65100\nbfd = true", Some((300, 3, Hops::Single, 1))),
        ("asn = 65100\nbfd = { multiplier = 5 }", Some((300, 5, Hops::Single, 1))),
        ("asn = 65100\nbfd = { interval = 50, multiplier = 1 }", Some((50, 1, Hops::Single, 1))),
        ("asn = 65100\ngroup = \"leaves\"", Some((100, 3, Hops::Single, 1))),
        ("asn = 65100\ngroup = \"leaves\"\nbfd = false", None),
        ("asn = 65100\nmultihop = 4\nbfd = true", Some((300, 3, Hops::Multi, 1))),
        ("asn = 65000\nbfd = { minimum-ttl = 250 }", Some((300, 3, Hops::Multi, 250))),
        ("asn = 65000\nbfd = { multihop = false }", Some((300, 3, Hops::Single, 1))),
        ("asn = 65100\nbfd = { multihop = true, minimum-ttl = 254 }", Some((300, 3, Hops::Multi, 254))),
    ];
    for (table, expected) in cases {
        let config = config(&with(table));
        let peer = &config.speaker.peers[0];
        let got = peer.bfd.map(|bfd| {
            assert_eq!(bfd.session.desired_min_tx, bfd.session.required_min_rx);
            (bfd.session.desired_min_tx, bfd.session.multiplier, bfd.hops, bfd.minimum_ttl)
        });
        let expected = expected.map(|(ms, multiplier, hops, ttl)| (Duration::from_millis(ms), multiplier, hops, ttl));
        assert_eq!(got, expected, "{table}");
        assert_eq!(peer.bfd_path().map(|path| path.peer), expected.map(|_| peer.address));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let cases = [
        ("asn = 1\nbfd = { interval = 9 }", "interval is 9: choose from 10 to 60000"),
        ("asn = 1\nbfd = { interval = 60001 }", "interval is 60001"),
        ("asn = 1\nbfd = { multiplier = 0 }", "multiplier is 0"),
        ("asn = 1\nbfd = { minimum-ttl = 250 }", "minimum-ttl is for several hops"),
        ("asn = 1\nbfd = { intervall = 9 }", "expected true, false, or a table with any of interval"),
        ("asn = 1\nbfd = 300", "expected true, false, or a table"),
        ("kind = \"azure-route-server\"\nbfd = true", "Azure Route Server has no BFD"),
    ];
    for (table, expected) in cases {
        let text = with(table);
        let problems = problems(&text);
        let line = text.lines().position(|line| line.contains("bfd") && !line.contains("100")).map(|line| line + 1);
        let place = format!("nva.toml:{}:7: ", line.expect("there is one"));
        assert_eq!(problems.len(), 1, "{table}: {problems:?}");
        assert!(problems[0].starts_with(&format!("{place}{expected}")), "{table}: {problems:?}");
    }
}
