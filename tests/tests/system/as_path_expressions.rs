//! AS-path expressions, asked of a running FRR: it gets paths from a speaker of the test's own, and its access lists find
//! the same ones as `nva`'s expressions. What differs on purpose (docs/policy.md) is here, too, as it differs.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::{Context, ensure};
use nva::attributes::{AsPath, SegmentKind};
use nva::policy::AsPathRegex;
use nva_tests::daemon::{Kind, Relation};
use nva_tests::lab::Lab;
use nva_tests::speaker::{Identity, Speaker, keepalive};
use nva_tests::topology::{Machine, in_vnet};
use serde_json::Value;

use crate::common::octets::update;
use crate::common::{lab_of, speaker, wait_for};

const ASN: u32 = 65000;
const FRR: u8 = 30;
const TELLER: u8 = 40;

const PATHS: [&str; 31] = [
    "",
    "1",
    "2 1",
    "1 2",
    "1 2 3",
    "1 2 3 4",
    "1 2 3 4 5",
    "12",
    "12 1",
    "21 12",
    "65001",
    "65001 65001",
    "65001 65001 65001",
    "65001 2",
    "65001 65002",
    "65002 65001",
    "65001 1 65002 2",
    "165001",
    "650011 7",
    "65001 174",
    "65001 9 3356 1",
    "65001 1740",
    "64512 9",
    "9 65534",
    "4200000000",
    "420000000 1",
    "1 {2}",
    "1 {65001,65002}",
    "3 {12,21} 1",
    "9 8 {1,2,12}",
    "9 {1,2}",
];

/// Expressions that mean the same to both.
const SAME: [&str; 31] = [
    "^$",
    ".*",
    ".+",
    "1",
    "_1_",
    "^1_",
    "_1$",
    "^65001$",
    "^65001_",
    "_65001$",
    "_65001_",
    "_65001_65002_",
    "_65001_(.+_)?65002_",
    "^65001(_65001)*$",
    "^65001(_[0-9]+)?$",
    "^65001_[0-9]*$",
    "^(65001|65002)_",
    "^[0-9]+$",
    "^[0-9]+_[0-9]+$",
    "^[^1]",
    "[^0-9]12",
    "6500[12]{1}$",
    "^6{1}50{2}",
    "65.01",
    "^[0-9]{1,2}$",
    "_(6451[2-9]|645[2-9][0-9]|64[6-9][0-9][0-9]|65[0-4][0-9][0-9]|655[0-2][0-9]|6553[0-4])_",
    "_42[0-9]{8}_",
    "^65001_(.+_)?(174|701|3356)_",
    "\\{",
    "_12,21_",
    "\\{1,2,12\\}$",
];

/// FRR takes the first two's braces for a count of what `_` stands for; and in a repetition, the C library takes `_` for the
/// start or the end where it is neither. docs/policy.md says so.
const DIFFERENT: [&str; 3] = ["_{1,2}", "_{2}", "^([0-9]+_){4,}"];

/// FRR refuses these: it takes no letters, and the C library not everything.
const REFUSED: [&str; 7] = ["^[[:digit:]]$", "\\d", "\\w", "\\b1", "\\<1", "(?:1)", "AS65001"];

#[test]
fn access_lists_find_what_expressions_find() {
    let router = speaker(ASN, FRR, &[]).peer("teller", ASN, in_vnet(TELLER), Relation::Router);
    let lab = lab_of(vec![
        Machine::new("frr", in_vnet(FRR)).running(Kind::Frr, router),
        Machine::new("teller", in_vnet(TELLER)),
    ]);
    lab.daemon("frr").and_then(|frr| frr.wait_ready()).expect("it runs");
    let expressions: Vec<&str> = SAME.iter().chain(&DIFFERENT).copied().collect();
    for expression in REFUSED {
        let refusal = teach(&lab, &[expression]).expect_err(expression).to_string();
        let says_why = ["Invalid character", "can't compile regexp"].iter().any(|reason| refusal.contains(reason));
        assert!(says_why, "{expression}: {refusal}");
    }
    teach(&lab, &expressions).unwrap_or_else(|error| panic!("{error:#}"));
    let mut teller = establish(&lab);
    for (number, path) in PATHS.iter().enumerate() {
        teller.send(&announcement(number, path));
    }
    wait_for(&lab, "FRR to have every path", || {
        teller.pump();
        let found = frr_finds(&lab, "show bgp ipv4 unicast json")?;
        ensure!(found.len() == PATHS.len(), "{} paths", found.len());
        Ok(())
    });

    let mut differing = Vec::new();
    for (number, expression) in expressions.iter().enumerate() {
        let at_frr = frr_finds(&lab, &format!("show bgp ipv4 unicast filter-list E{number} json")).expect("found");
        let regex: AsPathRegex = expression.parse().unwrap_or_else(|error| panic!("{expression}: {error}"));
        let here: BTreeSet<usize> = (0..PATHS.len()).filter(|index| regex.is_match(&path(PATHS[*index]))).collect();
        assert!(!here.is_empty(), "`{expression}` is about none of the paths");
        if at_frr != here {
            let only = |one: &BTreeSet<usize>, other: &BTreeSet<usize>| {
                one.difference(other).map(|index| PATHS[*index]).collect::<Vec<_>>()
            };
            let (more, less) = (only(&at_frr, &here), only(&here, &at_frr));
            differing.push((*expression, format!("`{expression}`: FRR alone finds {more:?}, nva alone {less:?}")));
        }
    }
    let (names, reasons): (Vec<&str>, Vec<String>) = differing.into_iter().unzip();
    assert_eq!(names, DIFFERENT, "{reasons:#?}");
}

/// Gives FRR an access list for each expression.
fn teach(lab: &Lab, expressions: &[&str]) -> anyhow::Result<()> {
    let line =
        |(number, expression): (usize, &&str)| format!("bgp as-path access-list E{number} permit {expression}\n");
    let lines: String = expressions.iter().enumerate().map(line).collect();
    let setup = &lab.daemon("frr")?.setup;
    let file = setup.directory.join("expressions.conf");
    std::fs::write(&file, lines)?;
    let sockets = setup.directory.display().to_string();
    let words = ["vtysh", "--vty_socket", &sockets, "-d", "bgpd", "-f", &file.display().to_string()];
    setup.namespace.run(&words).map(drop)
}

/// The numbers of the paths that bgpd finds.
fn frr_finds(lab: &Lab, command: &str) -> anyhow::Result<BTreeSet<usize>> {
    let setup = &lab.daemon("frr")?.setup;
    let sockets = setup.directory.display().to_string();
    let text = setup.namespace.run(&["vtysh", "--vty_socket", &sockets, "-d", "bgpd", "-c", command])?;
    let table: Value = serde_json::from_str(&text).with_context(|| format!("bgpd says {text}"))?;
    let routes = table["routes"].as_object().with_context(|| format!("no routes: {text}"))?;
    let number = |prefix: &String| prefix.split('.').nth(2)?.parse().ok();
    routes.keys().map(|prefix| number(prefix).with_context(|| prefix.clone())).collect()
}

/// A session with FRR.
fn establish(lab: &Lab) -> Speaker {
    let namespace = lab.namespace("teller").expect("a namespace");
    let identity = Identity { address: in_vnet(TELLER), asn: ASN, four_octet_as: true, hold_time: 180 };
    let mut current: Option<Speaker> = None;
    wait_for(lab, "a session with FRR", || {
        // It refuses us as long as it does not know us.
        let speaker = match current.take().filter(|speaker| !speaker.is_closed()) {
            Some(speaker) => current.insert(speaker),
            None => current.insert(Speaker::connect(namespace, identity, in_vnet(FRR))?),
        };
        speaker.pump();
        ensure!(speaker.is_established(), "not yet");
        Ok(())
    });
    let mut speaker = current.expect("the session");
    speaker.send(&keepalive());
    speaker
}

fn path(text: &str) -> AsPath {
    text.parse().expect(text)
}

/// The UPDATE with the path of this number, for 192.168.NUMBER.0/24, from a peer in FRR's own AS.
fn announcement(number: usize, text: &str) -> Vec<u8> {
    let mut segments = Vec::new();
    for segment in path(text).segments {
        segments.push(match segment.kind {
            SegmentKind::Set => 1,
            SegmentKind::Sequence => 2,
            SegmentKind::ConfedSequence => 3,
            SegmentKind::ConfedSet => 4,
        });
        segments.push(u8::try_from(segment.asns.len()).expect("a short segment"));
        segment.asns.iter().for_each(|asn| segments.extend_from_slice(&asn.0.to_be_bytes()));
    }
    let length = u8::try_from(segments.len()).expect("a short path");
    let origin = [0x40, 1, 1, 0];
    let next_hop = [&[0x40, 3, 4][..], &in_vnet(TELLER).octets()].concat();
    let local_pref = [0x40, 5, 4, 0, 0, 0, 100];
    let attributes = [&origin[..], &[0x40, 2, length], &segments, &next_hop, &local_pref].concat();
    let prefix = Ipv4Addr::new(192, 168, u8::try_from(number).expect("few paths"), 0);
    update(&attributes, &[(prefix, 24)])
}
