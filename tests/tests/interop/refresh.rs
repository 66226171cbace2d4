//! Route refresh in both directions: plain (RFC 2918), and enhanced, between two marks (RFC 7313).

use anyhow::ensure;
use ipnet::IpNet;
use nva_tests::daemon::{Kind, Options};

use crate::common::capture::Captured;
use crate::common::route;
use crate::scene::{Cast, NVA_ASN, OTHER_ASN, Scene, from_nva, from_other, next_hop_of, prefix};

const FROM_NVA: &str = "198.51.100.0/25";
const FROM_OTHER: &str = "192.0.2.0/24";

/// Each asks the other one, and is told everything once more.
pub fn refresh(kind: Kind) {
    // ExaBGP bears no peer that announces more.
    let plain = kind.answers_refresh(false) && !kind.answers_refresh(true);
    let options = Options { plain_refresh: plain, ..Options::default() };
    let mut cast = Cast::ipv4(kind).options(&options, &Options::default());
    cast.nva.networks = vec![prefix(FROM_NVA)];
    cast.other.networks = vec![prefix(FROM_OTHER)];
    let mut scene = cast.start(&[]);
    scene.wait_established();
    let peer = scene.nva_peer().expect("the peer");
    assert!(!plain || peer["enhanced_refresh"] == false, "{peer}");

    let directions = [
        ("nva", "other", FROM_OTHER, from_other(), kind.answers_refresh(!plain)),
        ("other", "nva", FROM_NVA, from_nva(), kind.asks_for_refresh()),
    ];
    for (asks, asked, told, sender, _) in directions.into_iter().filter(|(.., possible)| *possible) {
        let network = told.split('/').next().unwrap_or_default();
        let updates = format!("{sender} && bgp.nlri_prefix == {network}");
        let before = scene.wait_for(&format!("{told} from {asked}"), || {
            let count = scene.capture().count_now(&updates)?;
            ensure!(count > 0, "none");
            Ok(count)
        });
        scene.daemon(asks).ask_again(asked).expect("asks");
        scene.wait_for(&format!("{told} from {asked} once more"), || {
            let now = scene.capture().count_now(&updates)?;
            ensure!(now > before, "{now} announcements after {before}");
            Ok(())
        });
    }
    scene.wait_for_routes("nva", vec![route(FROM_OTHER, next_hop_of("other", FROM_OTHER), &[OTHER_ASN], "other")]);
    scene.wait_for_routes("other", vec![route(FROM_NVA, next_hop_of("nva", FROM_NVA), &[NVA_ASN], "nva")]);
    assert_one_session(&scene.well_formed());
}

/// Nobody ended the session, and none began once somebody had asked.
fn assert_one_session(captured: &Captured) {
    captured.never_down();
    let refreshes = captured.packets("bgp.type == 5");
    let first = refreshes.first().and_then(|packet| packet.split_whitespace().next()).expect("a number");
    assert_eq!(captured.packets(&format!("bgp.type == 1 && frame.number > {first}")), Vec::<String>::new());
}

/// What each of them originates.
const OF_NVA: [&str; 2] = [FROM_NVA, "198.51.100.128/25"];
const OF_OTHER: [&str; 2] = [FROM_OTHER, "192.0.3.0/24"];

/// Seconds.
const RESTART_TIME: u16 = 60;

/// The end of what is sent again, in Wireshark's language (RFC 7313 §3.2).
const END: &str = "bgp.route_refresh.subtype == 2";

/// Each asks the other one, is told everything once more between two marks, and loses nothing.
pub fn enhanced(kind: Kind) {
    // So that OpenBGPD sends an End-of-RIB: without it, it begins a refresh with the session and never ends it.
    let options = Options { graceful_restart: Some(RESTART_TIME), ..Options::default() };
    let mut cast = Cast::ipv4(kind).options(&options, &options);
    cast.nva.networks = OF_NVA.map(prefix).into();
    cast.other.networks = OF_OTHER.map(prefix).into();
    let mut scene = cast.start(&[]);
    wait_for_all(&scene);
    let peer = scene.nva_peer().expect("the peer");
    assert_eq!(peer["enhanced_refresh"], true, "{peer}");

    // On one connection an answer shows that everything before the question was taken in, an earlier answer above all.
    let turns = [
        ("nva", "other", from_other(), kind.answers_refresh(true)),
        ("other", "nva", from_nva(), kind.asks_for_refresh()),
        ("nva", "other", from_other(), kind.answers_refresh(true)),
    ];
    for (asks, asked, sender, _) in turns.iter().filter(|(.., possible)| *possible) {
        let ends = format!("{sender} && {END}");
        let before = scene.capture().count_now(&ends).expect("counted");
        scene.daemon(asks).ask_again(asked).expect("asks");
        scene.wait_for(&format!("the end of what {asked} sends again"), || {
            let now = scene.capture().count_now(&ends)?;
            ensure!(now > before, "{now} ends after {before}");
            Ok(())
        });
    }
    scene.wait_for("everything to be confirmed", || {
        let peer = scene.nva_peer()?;
        ensure!(peer["refreshing"] == serde_json::json!([]) && peer["stale"] == 0, "{peer}");
        Ok(())
    });
    let peer = scene.nva_peer().expect("the peer");
    assert_eq!((&peer["stale_removed"], &peer["ignored_refreshes"]), (&0.into(), &0.into()), "{peer}");
    wait_for_all(&scene);

    let captured = scene.well_formed();
    assert_one_session(&captured);
    for (sender, told, answers) in [
        (from_other(), OF_OTHER, if kind.answers_refresh(true) { 2 } else { 0 }),
        (from_nva(), OF_NVA, usize::from(kind.asks_for_refresh())),
    ] {
        let sent_again = sent_again(&captured, &sender);
        assert_eq!(sent_again.len(), answers, "{sender}: {sent_again:#?}");
        for mut prefixes in sent_again {
            // FRR tells its peer, too, what it has from it.
            prefixes.retain(|prefix| told.contains(&prefix.as_str()));
            assert_eq!(prefixes, told, "{sender}");
        }
        for network in told.map(|told| prefix(told).addr()) {
            let withdrawn = captured.packets(&format!("{sender} && bgp.withdrawn_prefix == {network}"));
            assert_eq!(withdrawn, Vec::<String>::new(), "{network} was always there");
        }
    }
}

/// Until each has what the other one originates.
fn wait_for_all(scene: &Scene) {
    let told = |by: &str, networks: [&str; 2], asn| {
        networks.map(|network| route(network, next_hop_of(by, network), &[asn], by)).to_vec()
    };
    scene.wait_for_routes("nva", told("other", OF_OTHER, OTHER_ASN));
    scene.wait_for_routes("other", told("nva", OF_NVA, NVA_ASN));
}

/// The prefixes that a sender announces between each beginning and the end after it, in order. A mark without its
/// counterpart is a failure.
fn sent_again(captured: &Captured, sender: &str) -> Vec<Vec<String>> {
    let mut answers = Vec::new();
    let mut current: Option<Vec<String>> = None;
    for line in captured.messages(&format!("{sender} && bgp")) {
        let line = line.trim();
        if line.starts_with("Subtype: Demarcation of the beginning") {
            assert_eq!(current.replace(Vec::new()), None, "{sender} begins twice");
        } else if line.starts_with("Subtype: Demarcation of the ending") {
            let mut prefixes = current.take().expect("a beginning before the end");
            prefixes.sort();
            answers.push(prefixes);
        } else if let (Some(prefixes), Ok(_)) = (current.as_mut(), line.parse::<IpNet>()) {
            prefixes.push(line.to_owned());
        }
    }
    assert_eq!(current, None, "{sender} does not end what it begins");
    answers
}
