//! Limits on the number of prefixes.

use std::time::Duration;

use super::{config, problems};
use crate::net::AfiSafi;
use crate::speaker::{Limit, LimitAction, LimitKind, Limits};

const V4: AfiSafi = AfiSafi::Ipv4Unicast;
const V6: AfiSafi = AfiSafi::Ipv6Unicast;
const RECEIVE: LimitKind = LimitKind::Receive;

/// A group with these keys, and a member of it with those.
fn text(group: &str, peer: &str) -> String {
    format!(
        "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n[[peer-group]]\nname = \"g\"\n{group}\n\
         [[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 1\ngroup = \"g\"\n{peer}\n"
    )
}

fn limits(group: &str, peer: &str) -> Limits {
    config(&text(group, peer)).speaker.peers[0].limits.clone()
}

#[test]
fn a_number_is_for_each_family_and_a_table_says_more() {
    let limit = |prefixes, warn_at, action| Limit { prefixes, warn_at, action };
    let plain = limit(1000, 750, LimitAction::Shutdown);
    let of = |entries: &[(LimitKind, AfiSafi, Limit)]| {
        Limits(entries.iter().map(|(kind, family, limit)| ((*kind, *family), *limit)).collect())
    };
    let restart = |seconds| LimitAction::Restart(Duration::from_secs(seconds));
    for (group, peer, expected) in [
        ("", "", of(&[])),
        ("", "receive-limit = 1000", of(&[(RECEIVE, V4, plain), (RECEIVE, V6, plain)])),
        ("receive-limit = 1000", "", of(&[(RECEIVE, V4, plain), (RECEIVE, V6, plain)])),
        ("receive-limit = 1000", "families = [\"ipv4-unicast\"]", of(&[(RECEIVE, V4, plain)])),
        ("receive-limit = 1000", "receive-limit = false", of(&[])),
        // The whole value is the group's or the peer's.
        (
            "receive-limit = 1000",
            "receive-limit = { ipv6-unicast = 7, warn-at = 50, action = \"block\" }",
            of(&[(RECEIVE, V6, limit(7, 4, LimitAction::Block))]),
        ),
        (
            "import-limit = { prefixes = 10, action = \"restart\" }",
            "export-limit = { prefixes = 10, ipv4-unicast = 20, action = \"restart\", restart-after = 30 }",
            of(&[
                (LimitKind::Import, V4, limit(10, 8, restart(300))),
                (LimitKind::Import, V6, limit(10, 8, restart(300))),
                (LimitKind::Export, V4, limit(20, 15, restart(30))),
                (LimitKind::Export, V6, limit(10, 8, restart(30))),
            ]),
        ),
        (
            "",
            "import-limit = { ipv4-unicast = 0, action = \"warn\" }",
            of(&[(LimitKind::Import, V4, limit(0, 1, LimitAction::Warn))]),
        ),
    ] {
        assert_eq!(limits(group, peer), expected, "{group} / {peer}");
    }
}

#[test]
fn mistakes() {
    let forms = "expected a number of prefixes, false, or a table with any of prefixes, ipv4-unicast, ipv6-unicast, \
                 warn-at (in percent), action and restart-after (in seconds), such as { prefixes = 1000, action = \
                 \"block\" }";
    for (written, expected) in [
        ("-1", forms),
        ("\"1000\"", forms),
        ("{ prefixes = 10, actoin = \"block\" }", forms),
        ("true", "how many prefixes? Write a number, or false for no limit"),
        (
            "{ action = \"warn\" }",
            "import-limit has no number: write prefixes = 1000 for each family, or ipv4-unicast = 1000 for one",
        ),
        ("{ prefixes = 10, warn-at = 0 }", "warn-at is 0: choose from 1 to 100 percent of import-limit"),
        ("{ prefixes = 10, warn-at = 101 }", "warn-at is 101: choose from 1 to 100 percent of import-limit"),
        (
            "{ prefixes = 10, action = \"drop\" }",
            "\"drop\" is nothing that import-limit can do: choose from \"warn\", \"block\", \"restart\" and \"shutdown\"",
        ),
        ("{ prefixes = 10, restart-after = 9 }", "restart-after is for action = \"restart\""),
        ("{ prefixes = 10, action = \"restart\", restart-after = 0 }", "restart-after is at least 1 second"),
    ] {
        for (text, line) in
            [(text("", &format!("import-limit = {written}")), 12), (text(&format!("import-limit = {written}"), ""), 6)]
        {
            assert_eq!(problems(&text), [format!("nva.toml:{line}:16: {expected}")], "{text}");
        }
    }
    let one_family = "families = [\"ipv4-unicast\"]\nreceive-limit = { ipv4-unicast = 1, ipv6-unicast = 1 }";
    let advice = "leave this limit out, or add the family to families";
    let expected =
        format!("nva.toml:13:17: receive-limit is for ipv6-unicast, which this peer does not have: {advice}");
    assert_eq!(problems(&text("", one_family)), [expected]);
}
