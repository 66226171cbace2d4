//! What operators get wrong, and what they are told.

use super::{config, problems};

const ROUTER: &str = "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n";
const PEER: &str = "[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 1\n";
const STATEMENT: &str = "[[policy]]\nname = \"p\"\n[[policy.statement]]\n";

/// Every text, after `start`, has exactly this one problem, in this line and column.
#[track_caller]
fn each(start: &str, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let whole = format!("{start}{text}");
        assert_eq!(problems(&whole), [format!("nva.toml:{expected}")], "{whole}");
    }
}

#[test]
fn in_the_router_table() {
    let numbers = "expected an AS number from 1 to 4294967295; several stand in quotes, such as \"65100-65109\"";
    let router = |asn: &str| format!("[router]\nasn = {asn}\nrouter-id = \"10.0.0.1\"\n");
    for asn in ["-1", "4294967296", "65000.5", "[65000]"] {
        each(&router(asn), &[("", &format!("2:7: {numbers}"))]);
    }
    each("", &[("", "1:1: there is no [router] table: it needs asn and router-id")]);
    each("[router]\nasn = 65000\n", &[("", "1:1: the key `router-id` is missing in this table")]);
    each(
        "[router]\nasn = 65000\n",
        &[
            ("router_id = \"10.0.0.1\"\n", "3:1: unknown key `router_id`: did you mean `router-id`?"),
            (
                "router-id = 10.0.0.1\n",
                "3:17: invalid float, expected nothing: text such as an address stands in quotes",
            ),
        ],
    );
    each(
        ROUTER,
        &[
            ("listen = \"0.0.0.0\"\n", "4:10: expected a list: write [\"0.0.0.0\"]"),
            ("listen = [\"::1\", \"[::1]:179\"]\n", "4:18: [::1]:179 is listened on twice"),
            ("max-paths = -1\n", "4:13: expected a whole number, not -1"),
            ("max-paths = 65\n", "4:13: max-paths is 65: choose from 1 to 64"),
            ("multipath-relax = \"yes\"\n", "4:19: expected true or false, not \"yes\""),
            ("control-socket = \"\"\n", "4:18: the path is empty: leave the key out for \"/run/nva/nva.sock\""),
            ("[router]\nasn = 1\n", "4:2: `router` stands here for the second time"),
        ],
    );
}

#[test]
fn in_the_names_of_tables() {
    each(
        ROUTER,
        &[
            ("[[peers]]\n", "4:3: unknown key `peers`: did you mean `peer`?"),
            (
                "[[neighbor]]\n",
                "4:3: unknown key `neighbor`: this table has router, policy, peer-group, peer, originate, fib, xdp",
            ),
            (
                "[peer]\nname = \"a\"\n",
                "4:1: expected several tables: write the name in double brackets, such as [[peer]]",
            ),
            ("[[router]]\nasn = 1\n", "4:3: `router` stands here for the second time"),
            ("[[fib]]\ninstall = true\n", "4:1: expected one table: write its name in single brackets, such as [fib]"),
        ],
    );
}

#[test]
fn in_a_peer() {
    each(
        &format!("{ROUTER}{PEER}"),
        &[
            ("hold_time = 9\n", "8:1: unknown key `hold_time`: did you mean `hold-time`?"),
            ("hold-time = \"9s\"\n", "8:13: expected a whole number from 0 to 65535, not \"9s\""),
            ("multihop = true\n", "8:12: expected a whole number from 0 to 255, not true"),
            ("multihop = 256\n", "8:12: expected a whole number from 0 to 255, not 256"),
            ("families = []\n", "8:12: a session needs at least one family: leave the key out for both"),
            (
                "families = [\"ipv4\"]\n",
                "8:13: \"ipv4\" is not a family: choose from \"ipv4-unicast\" and \"ipv6-unicast\"",
            ),
            ("import = \"p\"\n", "8:10: expected a list: write [\"p\"]"),
            ("kind = \"ars\"\n", "8:8: unknown variant `ars`, expected `router` or `azure-route-server`"),
            ("port = 0\n", "8:8: nobody listens on port 0: leave the key out for 179"),
            ("asn = 2\n", "8:1: `asn` stands here for the second time"),
            ("local-address = \"eth0\"\n", "8:17: \"eth0\" is not an IPv4 or IPv6 address"),
            (
                "next-hop = \"own\"\n",
                "8:12: \"own\" is not a next hop: write auto, self, keep, gateway, peer-address or an IP address",
            ),
        ],
    );
    each(&format!("{ROUTER}[[peer]]\n"), &[("asn = 1\n", "4:1: the key `name` is missing in this table")]);
    let nameless = "name = \"\"\naddress = \"10.0.0.2\"\nasn = 1\n";
    each(&format!("{ROUTER}[[peer]]\n"), &[(nameless, "5:8: \"\" is no name: it is empty, or has space around it")]);
}

#[test]
fn in_the_address_or_the_as_of_a_peer() {
    each(
        &format!("{ROUTER}[[peer]]\nname = \"a\"\nasn = 1\n"),
        &[
            (
                "address = \"10.0.0.2/24\"\n",
                "7:11: \"10.0.0.2/24\" is a prefix: write the address alone, such as \"10.0.0.2\"",
            ),
            ("address = \"nva0.local\"\n", "7:11: \"nva0.local\" is not an IPv4 or IPv6 address"),
            ("address = \"0.0.0.0\"\n", "7:11: 0.0.0.0 is not the address of a single machine"),
            ("address = \"ff02::1\"\n", "7:11: ff02::1 is not the address of a single machine"),
            (
                "address = \"fe80::1\"\n",
                "7:11: fe80::1 is a link-local address: sessions need another, which is clear without an interface",
            ),
        ],
    );
    each(
        &format!("{ROUTER}[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\n"),
        &[
            (
                "asn = \"AS1\"\n",
                "7:7: \"AS1\" is not an AS number: write a whole number from 0 to 4294967295, or a range such as \
                 \"65100-65109\"",
            ),
            ("asn = \"0-9\"\n", "7:7: \"0-9\": no peer can have its first AS (RFC 7607, RFC 6793)"),
            (
                "asn = \"65515-65516\"\nkind = \"azure-route-server\"\n",
                "7:7: an Azure Route Server is always AS 65515: leave asn out",
            ),
        ],
    );
    let azure = "[router]\nasn = 65515\nrouter-id = \"10.0.0.1\"\n[[peer]]\nname = \"rs\"\naddress = \"10.0.1.4\"\n";
    let own = "7:8: AS 65515 is Azure Route Server's own: give [router] asn another number, such as 65000";
    each(azure, &[("kind = \"azure-route-server\"\n", own)]);
    let mapped = config(&format!("{ROUTER}[[peer]]\nname = \"a\"\nasn = 1\naddress = \"::ffff:10.0.0.2\"\n"));
    assert_eq!(mapped.reach[0].remote.to_string(), "10.0.0.2:179");
}

#[test]
fn in_a_policy() {
    let accept = "then = { accept = true }\n";
    let matches = [
        ("prefix = [\"10.0.0.0/8\"]", "7:11: unknown key `prefix`: did you mean `prefixes`?"),
        ("prefixes = []", "7:22: an empty list matches no route: leave the key out to match every route"),
        ("communities = []", "7:25: an empty list matches no route: leave the key out to match every route"),
        ("source = \"rs0\"", "7:20: \"rs0\" is not a source: write `local`, `peer NAME` or `group NAME`"),
    ];
    for (text, expected) in matches {
        each(&format!("{ROUTER}{STATEMENT}match = {{ {text} }}\n{accept}"), &[("", expected)]);
    }
    let prepend = "expected how often our AS is prepended, from 1 to 255, or { asn = 65100, times = 2 } for another AS";
    let nothing = "7:8: this statement does nothing: say accept = true, accept = false, or what to change";
    each(
        &format!("{ROUTER}{STATEMENT}"),
        &[
            ("match = {}\n", "6:1: the key `then` is missing in this table"),
            ("then = \"accept\"\n", "7:8: expected a table such as { accept = true }, not \"accept\""),
            ("then = { accept = 1 }\n", "7:19: expected true or false, not 1"),
            ("then = { add-communities = [] }\n", nothing),
            ("then = { prepend = 300 }\n", &format!("7:20: {prepend}")),
            ("then = { prepend = { asn = 1, times = 2, more = 3 } }\n", &format!("7:20: {prepend}")),
            ("then = { prepend = 0 }\n", "7:20: prepending 0 times does nothing: leave the key out"),
            ("then = { prepend = { asn = 0, times = 2 } }\n", "7:20: AS 0 has no place in a path (RFC 7607, RFC 6793)"),
            (
                "then = { add-community = [\"65000:1\"] }\n",
                "7:10: unknown key `add-community`: did you mean `add-communities`?",
            ),
        ],
    );
    let wrong = problems(&format!("{ROUTER}{STATEMENT}then = {{ add-communities = [\"70000:1\"] }}\n"));
    assert_eq!(wrong.len(), 1, "not that it does nothing, too: {wrong:?}");
    assert!(wrong[0].starts_with("nva.toml:7:29: \"70000:1\" is not a community"), "{wrong:?}");
}

#[test]
fn in_the_other_tables() {
    each(
        ROUTER,
        &[
            ("[fib]\ntable = \"main\"\n", "5:9: expected a whole number from 0 to 4294967295, not \"main\""),
            ("[fib]\nreconcile-after = -1\n", "5:19: expected a whole number from 0 to 65535, not -1"),
            ("[originate]\ninterfaces = [\"\"]\n", "5:15: \"\" cannot be the name of an interface"),
            ("[originate]\nconnected = \"eth0\"\n", "5:13: expected a list: write [\"eth0\"]"),
            (
                "[originate]\nprefixes = [\"10.0.0.1/24\"]\n",
                "5:13: 10.0.0.1/24 has host bits set: did you mean 10.0.0.0/24?",
            ),
            ("[xdp]\ninterfaces = [\"eth0\", \"eth0\"]\n", "5:23: interface \"eth0\" is listed twice"),
            ("[xdp]\ninterfaces = [\"eth0/1\"]\n", "5:15: \"eth0/1\" cannot be the name of an interface"),
            ("[xdp]\nmode = \"native\"\n", "5:1: unknown key `mode`: this table has interfaces, pin-directory, debug"),
        ],
    );
}

#[test]
fn what_a_group_says_wrong_is_told_once_whoever_belongs_to_it() {
    let group = "[[peer-group]]\nname = \"g\"\nlocal-address = \"zz\"\nmultihop = 0\nimport = [\"nope\"]\n";
    let members: String = (2..5)
        .map(|host| format!("[[peer]]\nname = \"{host}\"\ngroup = \"g\"\nasn = 1\naddress = \"10.0.0.{host}\"\n"))
        .collect();
    let alone = problems(&format!("{ROUTER}{group}"));
    let places: Vec<_> = alone.iter().map(|problem| problem.split(": ").next().expect("a place")).collect();
    assert_eq!(places, ["nva.toml:6:17", "nva.toml:7:12", "nva.toml:8:11"], "{alone:#?}");
    assert_eq!(problems(&format!("{ROUTER}{group}{members}")), alone);
}
