//! Roles.

use super::{config, problems};
use crate::fsm::Role;

const ROUTER: &str = "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n";

fn peer(asn: &str, more: &str) -> String {
    format!("{ROUTER}[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = {asn}\n{more}\n")
}

#[test]
fn every_role() {
    let table = [
        ("", None, false),
        ("role = \"provider\"", Some(Role::Provider), false),
        ("role = \"customer\"\nrole-strict = true", Some(Role::Customer), true),
        ("role = \"rs\"", Some(Role::RouteServer), false),
        ("role = \"rs-client\"\nrole-strict = false", Some(Role::RouteServerClient), false),
        ("role = \"peer\"", Some(Role::Peer), false),
    ];
    for (written, role, strict) in table {
        let session = config(&peer("1", written)).speaker.peers[0].session.clone();
        assert_eq!((session.role, session.role_strict), (role, strict), "{written}");
    }
}

#[test]
fn a_peer_has_its_groups_role_or_its_own() {
    let group = "[[peer-group]]\nname = \"g\"\nrole = \"provider\"\nrole-strict = true\n";
    let whole = |more: &str| format!("{}{group}", peer("1", &format!("group = \"g\"\n{more}")));
    let session = |more: &str| config(&whole(more)).speaker.peers[0].session.clone();
    assert_eq!((session("").role, session("").role_strict), (Some(Role::Provider), true));
    let own = session("role = \"peer\"\nrole-strict = false");
    assert_eq!((own.role, own.role_strict), (Some(Role::Peer), false));
}

#[test]
fn mistakes() {
    let table = [
        (
            "1",
            "role = \"upstream\"",
            "nva.toml:8:8: \"upstream\" is no role: write \"provider\", \"customer\", \"rs\", \"rs-client\" or \"peer\"",
        ),
        ("1", "role-strict = true", "nva.toml:8:15: role-strict asks for the peer's role: say ours with role"),
        ("65000", "role = \"peer\"", "nva.toml:8:8: roles are for external peers: this one may be in our own AS 65000"),
        (
            "\"64999-65001\"",
            "role = \"peer\"",
            "nva.toml:8:8: roles are for external peers: this one may be in our own AS 65000",
        ),
    ];
    for (asn, written, expected) in table {
        assert_eq!(problems(&peer(asn, written)), [expected], "{asn} {written}");
    }
}
