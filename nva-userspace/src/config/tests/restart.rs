//! What is said about restarts (RFC 4724).

use std::time::Duration;

use super::{config, problems};
use crate::fsm::SessionConfig;
use crate::net::AfiSafi;

const ROUTER: &str = "[router]\nasn = 65000\nrouter-id = \"10.13.76.84\"\n";
const PEER: &str = "[[peer]]\nname = \"a\"\naddress = \"10.13.76.100\"\nasn = 65100\n";

/// What the peer's OPEN says of restarts: seconds, and for how many families.
fn announced(session: &SessionConfig) -> Option<(u16, usize)> {
    session.graceful_restart.as_ref().map(|restart| (restart.time, restart.families.len()))
}

#[test]
fn the_role_the_times_and_their_defaults() {
    for (text, expected, stale) in [
        ("", Some((120, 0)), 300),
        ("graceful-restart = \"helper\"\n", Some((120, 0)), 300),
        ("graceful-restart = true\n", Some((120, 2)), 300),
        ("graceful-restart = true\nfamilies = [\"ipv6-unicast\"]\nrestart-time = 4095\n", Some((4095, 1)), 300),
        ("graceful-restart = false\nstale-time = 1\n", None, 1),
        ("restart-time = 1\nstale-time = 65535\n", Some((1, 0)), 65535),
    ] {
        let config = config(&format!("{ROUTER}{PEER}{text}"));
        let peer = &config.speaker.peers[0];
        assert_eq!((announced(&peer.session), peer.stale_time), (expected, Duration::from_secs(stale)), "{text}");
    }
}

#[test]
fn a_peers_own_word_wins_over_its_groups_and_a_route_servers_default_is_silence() {
    let group = "[[peer-group]]\nname = \"g\"\ngraceful-restart = true\nrestart-time = 60\nstale-time = 90\n";
    let member = PEER.replace("asn = 65100", "asn = 65100\ngroup = \"g\"");
    for (text, expected, stale) in [
        (member.clone(), Some((60, 2)), 90),
        (format!("{member}graceful-restart = false\n"), None, 90),
        (format!("{member}restart-time = 7\nstale-time = 8\n"), Some((7, 2)), 8),
    ] {
        let config = config(&format!("{ROUTER}{group}{text}"));
        let peer = &config.speaker.peers[0];
        assert_eq!((announced(&peer.session), peer.stale_time), (expected, Duration::from_secs(stale)), "{text}");
    }
    let server = "[[peer]]\nname = \"rs0\"\nkind = \"azure-route-server\"\naddress = \"10.13.76.4\"\n";
    for (more, expected) in [("", None), ("graceful-restart = \"helper\"\n", Some((120, 0)))] {
        let config = config(&format!("{ROUTER}{server}{more}"));
        let session = &config.speaker.peers[0].session;
        assert_eq!(
            (announced(session), session.families.as_slice()),
            (expected, &[AfiSafi::Ipv4Unicast][..]),
            "{more}"
        );
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, expected) in [
        ("graceful-restart = \"yes\"", "8:20: \"yes\" is no role: write true, false or \"helper\""),
        ("graceful-restart = 1", "8:20: expected true, false or \"helper\""),
        ("graceful-restarts = true", "8:1: unknown key `graceful-restarts`: did you mean `graceful-restart`?"),
        ("restart-time = 0", "8:16: restart-time is 0: choose from 1 to 4095 seconds (RFC 4724 §3)"),
        ("restart-time = 4096", "8:16: restart-time is 4096: choose from 1 to 4095 seconds (RFC 4724 §3)"),
        ("stale-time = 0", "8:14: stale-time is at least 1 second: graceful-restart = false keeps no routes"),
    ] {
        let found = problems(&format!("{ROUTER}{PEER}{text}\n"));
        assert_eq!(found, [format!("nva.toml:{expected}")], "{text}");
    }
    // In a group that nobody is in, too.
    let group = "[[peer-group]]\nname = \"g\"\ngraceful-restart = \"yes\"\nrestart-time = 0\n";
    let found = problems(&format!("{ROUTER}{group}"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("nva.toml:6:20: \"yes\" is no role"), "{found:?}");
}
