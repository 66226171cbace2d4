//! `allow-own-as`, `as-override`, `remove-private-as` and `local-as`.

use super::{config, problems};
use crate::net::Asn;
use crate::speaker::{AsPathRules, LocalAs, PeerConfig, RemovePrivateAs};

/// A group with these keys, and a member of it with those and this AS.
fn text(group: &str, asn: &str, peer: &str) -> String {
    format!(
        "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n[[peer-group]]\nname = \"g\"\n{group}\n\
         [[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\ngroup = \"g\"\nasn = {asn}\n{peer}\n"
    )
}

fn peer(group: &str, own: &str) -> PeerConfig {
    config(&text(group, "65101", own)).speaker.peers[0].clone()
}

#[test]
fn rules_come_from_the_peer_or_its_group() {
    let removing = |leading, replace| AsPathRules {
        remove_private_as: Some(RemovePrivateAs { leading, replace }),
        ..AsPathRules::default()
    };
    for (keys, expected) in [
        ("", AsPathRules::default()),
        ("allow-own-as = 2", AsPathRules { allow_own_as: 2, ..AsPathRules::default() }),
        ("as-override = true", AsPathRules { as_override: true, ..AsPathRules::default() }),
        ("remove-private-as = true", removing(false, false)),
        ("remove-private-as = \"all\"", removing(false, false)),
        ("remove-private-as = \"leading\"", removing(true, false)),
        ("remove-private-as = { replace = true }", removing(false, true)),
        ("remove-private-as = { which = \"leading\", replace = true }", removing(true, true)),
    ] {
        assert_eq!(peer("", keys).as_path, expected, "{keys}");
        assert_eq!(peer(keys, "").as_path, expected, "{keys}");
    }
    let off = "allow-own-as = 0\nas-override = false\nremove-private-as = false\nlocal-as = false";
    let group = "allow-own-as = 2\nas-override = true\nremove-private-as = true\nlocal-as = 65010";
    let peer = peer(group, off);
    assert_eq!((peer.as_path, peer.local_as), (AsPathRules::default(), None));
}

#[test]
fn a_local_as_is_what_the_session_knows() {
    let local = |prepend, replace, dual| LocalAs { asn: Asn(65010), prepend, replace, dual };
    for (keys, expected) in [
        ("local-as = 65010", local(true, false, false)),
        ("local-as = \"65010\"", local(true, false, false)),
        ("local-as = { asn = 65010, prepend = false }", local(false, false, false)),
        ("local-as = { asn = 65010, replace = true, dual = true }", local(true, true, true)),
    ] {
        for peer in [peer("", keys), peer(keys, "")] {
            assert_eq!((peer.own_asn, peer.local_as), (Asn(65000), Some(expected)), "{keys}");
            let alternative = expected.dual.then_some(Asn(65000));
            assert_eq!((peer.session.local_asn, peer.session.alternative_asn), (Asn(65010), alternative), "{keys}");
        }
    }
    assert_eq!(peer("", "").session.local_asn, Asn(65000));
}

#[test]
fn mistakes() {
    let forms = "expected true, false, \"all\", \"leading\", or a table with any of which and replace, such as { which = \
                 \"all\", replace = true }";
    let inside = "paths go to internal peers as they are (RFC 4271 §5.1.2): this is for external ones";
    let local = "expected an AS number from 1 to 4294967295, false, or a table with asn and any of prepend, replace and \
                 dual, such as { asn = 65010, replace = true }";
    for (asn, keys, expected) in [
        ("65101", "allow-own-as = true", "16: expected a whole number from 0 to 255, not true"),
        ("65101", "allow-own-as = 11", "16: allow-own-as is 11: choose from 0 to 10 times"),
        ("65000", "as-override = true", &format!("15: {inside}")),
        ("65000", "remove-private-as = true", &format!("21: {inside}")),
        ("65101", "remove-private-as = 1", &format!("21: {forms}")),
        ("65101", "remove-private-as = { wich = \"all\" }", &format!("21: {forms}")),
        (
            "65101",
            "remove-private-as = \"some\"",
            "21: \"some\" says not which private AS numbers go: choose from \"all\" and \"leading\"",
        ),
        ("65101", "local-as = -1", &format!("12: {local}")),
        ("65101", "local-as = { prepend = false }", &format!("12: {local}")),
        ("65101", "local-as = true", "12: which AS? Write its number, or false for none where the group has one"),
        (
            "65101",
            "local-as = \"AS65010\"",
            "12: \"AS65010\" is not an AS number: write a whole number from 0 to 4294967295",
        ),
        ("65101", "local-as = 0", "12: AS 0 is reserved (RFC 7607, RFC 6793): use one that was assigned to you"),
        ("65101", "local-as = 65000", "12: we are in AS 65000 anyway: leave local-as out"),
        ("65000", "local-as = 65010", "12: local-as is for external peers: this one may be in AS 65000, as we are"),
        (
            "\"65000-65101\"",
            "local-as = 65010",
            "12: local-as is for external peers: this one may be in AS 65000, as we are",
        ),
        ("65010", "local-as = 65010", "12: the peer may be in AS 65010 itself: local-as is for external peers"),
    ] {
        assert_eq!(problems(&text("", asn, keys)), [format!("nva.toml:12:{expected}")], "{asn} {keys}");
    }
    let of_group = problems(&text("local-as = 65000", "65101", ""));
    assert_eq!(of_group, ["nva.toml:6:12: we are in AS 65000 anyway: leave local-as out"]);
}
