//! Passwords and TTLs.

use std::fs;

use super::{Config, config, problems};
use crate::transport::{Password, Ttl};

const ROUTER: &str = "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n";

fn peer(more: &str) -> String {
    format!("{ROUTER}[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 1\n{more}\n")
}

fn group(group: &str, peer: &str) -> String {
    let group = format!("[[peer-group]]\nname = \"g\"\n{group}\n");
    format!("{ROUTER}{group}[[peer]]\nname = \"a\"\ngroup = \"g\"\naddress = \"10.0.0.2\"\nasn = 1\n{peer}\n")
}

fn secret(text: &str) -> Option<Password> {
    Some(Password::new(text).expect("a password"))
}

#[test]
fn distances() {
    let table = [
        ("", Ttl::Limited(1), false),
        ("multihop = 4", Ttl::Limited(4), true),
        ("ttl-security = false", Ttl::Limited(1), false),
        ("ttl-security = true", Ttl::AtLeast(255), false),
        ("ttl-security = 1", Ttl::AtLeast(255), false),
        ("ttl-security = 3", Ttl::AtLeast(253), true),
        ("ttl-security = 254", Ttl::AtLeast(2), true),
        ("ttl-security = false\nmultihop = 4", Ttl::Limited(4), true),
    ];
    for (written, ttl, multihop) in table {
        let config = config(&peer(written));
        assert_eq!((config.reach[0].ttl, config.speaker.peers[0].multihop), (ttl, multihop), "{written}");
    }
}

#[test]
fn a_peers_own_distance_wins_over_its_groups() {
    let table = [
        ("multihop = 4", "ttl-security = true", Ttl::AtLeast(255)),
        ("ttl-security = true", "multihop = 4", Ttl::Limited(4)),
        ("ttl-security = true", "ttl-security = false", Ttl::Limited(1)),
        ("ttl-security = true", "", Ttl::AtLeast(255)),
    ];
    for (of_group, own, ttl) in table {
        assert_eq!(config(&group(of_group, own)).reach[0].ttl, ttl, "{of_group}; {own}");
    }
}

/// An address is a peer's, or in the longest of the ranges that groups listen for.
#[test]
fn what_holds_for_an_address() {
    let group = |name: &str, range: &str, more: &str| {
        format!("[[peer-group]]\nname = \"{name}\"\nlisten = [\"{range}\"]\nasn = \"65100-65109\"\n{more}\n")
    };
    let all = [
        peer("ttl-security = 3\nlocal-address = \"10.0.0.9\""),
        group("wide", "10.0.0.0/8", "multihop = 4\nlocal-address = \"10.0.0.8\""),
        group("near", "10.1.0.0/16", "ttl-security = 1\nlocal-address = \"10.0.0.7\""),
        group("six", "2001:db8::/32", "local-address = \"2001:db8::1\""),
        group("any", "10.1.1.0/24", ""),
    ];
    let config = config(&all.concat());
    for (address, ttl, local) in [
        ("10.0.0.2", Some(Ttl::AtLeast(253)), Some("10.0.0.9")),
        ("10.0.0.3", Some(Ttl::Limited(4)), Some("10.0.0.8")),
        ("10.1.0.2", Some(Ttl::AtLeast(255)), Some("10.0.0.7")),
        ("10.1.1.2", Some(Ttl::Limited(1)), None),
        ("2001:db8::2", Some(Ttl::Limited(1)), Some("2001:db8::1")),
        ("192.0.2.1", None, None),
    ] {
        let address = address.parse().expect("an address");
        let local = local.map(|text| text.parse().expect("an address"));
        assert_eq!((config.ttl_of(address), config.local_towards(address)), (ttl, local), "{address}");
        for ours in ["10.0.0.9", "10.0.0.8", "10.0.0.7", "2001:db8::1", "192.0.2.2"] {
            let ours = ours.parse().expect("an address");
            assert_eq!(config.takes_at(address, ours), local.is_none_or(|local| local == ours), "{address} to {ours}");
        }
    }
}

#[test]
fn a_password_is_the_peers_own_or_its_groups_or_a_files_first_line() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("secret"), "from file\nnothing else\n").expect("written");
    let table = [
        (peer(""), None),
        (peer("password = \"hunter2\""), secret("hunter2")),
        (group("password = \"hunter2\"", ""), secret("hunter2")),
        (
            group("password-file = \"nowhere\"", "password = \"hunter2\"").replace("nowhere", "secret"),
            secret("hunter2"),
        ),
        (group("password = \"hunter2\"", "password-file = \"secret\""), secret("from file")),
        (peer("password-file = \"secret\""), secret("from file")),
        (peer(&format!("password-file = \"{}/secret\"", directory.path().display())), secret("from file")),
    ];
    let name = directory.path().join("nva.toml").display().to_string();
    for (text, password) in table {
        let config = Config::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.reach[0].password, password, "{text}");
    }
}

#[test]
fn nobody_is_shown_a_password() {
    let first = "password = \"hunter2\" # not hunter3";
    let text = group(first, "").replace("asn = 1\n", "asn = 1\npassword = '''hunter2'''\n");
    let config = config(&text);
    let shown = text.replace("\"hunter2\"", "\"********\"").replace("'''hunter2'''", "\"********\"");
    assert_eq!(config.text, shown);
    assert!(!format!("{config:?}").contains("hunter2"));
    for written in ["hunter2", "\"hunter2", "[\"hunter2\"]", "{ x = \"hunter2\" }", "\"hunter2\" hunter2", "'hunter2"] {
        let problems = problems(&peer(&format!("password = {written}")));
        assert!(problems.iter().all(|problem| !problem.contains("hunter2")), "{problems:?}");
    }
    let number = problems(&peer("password = 4711"));
    assert_eq!(number, ["nva.toml:8:12: expected a password in quotes"]);
}

#[test]
fn mistakes() {
    let azure = |more: &str| {
        format!("{ROUTER}[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nkind = \"azure-route-server\"\n{more}\n")
    };
    let long = "x".repeat(81);
    let hops = "expected true for a peer on a connected subnet, or its distance in hops, from 1 to 254";
    let table = [
        (
            peer("ttl-security = true\nmultihop = 4"),
            "9:12: multihop limits the TTL that ttl-security wants to be 255: keep one of them (ttl-security = 3 admits \
             a peer up to three hops away)",
        ),
        (peer("ttl-security = 0"), "8:16: no peer is 0 hops away: 1 is a peer on a connected subnet, 254 the furthest"),
        (peer("ttl-security = \"yes\""), &format!("8:16: {hops}")),
        (
            azure("ttl-security = true"),
            "8:16: an Azure Route Server does not send with a TTL of 255: leave ttl-security out",
        ),
        (azure("password = \"x\""), "8:12: an Azure Route Server knows no TCP MD5: leave the password out"),
        (peer("password = \"\""), "8:12: the password is empty"),
        (peer(&format!("password = \"{long}\"")), "8:12: the password has 81 octets: TCP MD5 takes 80 at most"),
        (
            peer("password = \"x\"\npassword-file = \"y\""),
            "9:17: there is a password already: keep one of password and password-file",
        ),
        (
            peer("password-file = \"/nonexistent\""),
            "8:17: cannot read the password from /nonexistent: No such file or directory (os error 2)",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(problems(&text), [format!("nva.toml:{expected}")], "{text}");
    }
}
