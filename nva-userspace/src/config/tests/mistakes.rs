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
            (
                "listen = [\"fe80::1\"]\n",
                "4:11: fe80::1 is on every interface, and does not say on which: write \"[::]:179\" for all interfaces",
            ),
            (
                "listen = [\"::\", \"[fe80::1]:1179\"]\n",
                "4:17: fe80::1 is on every interface, and does not say on which: write \"[::]:179\" for all interfaces",
            ),
            ("max-paths = -1\n", "4:13: expected a whole number, not -1"),
            ("max-paths = 65\n", "4:13: max-paths is 65: choose from 1 to 64"),
            ("multipath-relax = \"yes\"\n", "4:19: expected true or false, not \"yes\""),
            ("control-socket = \"\"\n", "4:18: the path is empty: leave the key out for \"/run/nva/nva.sock\""),
            ("[router]\nasn = 1\n", "4:2: `router` stands here for the second time"),
        ],
    );
}

#[test]
fn in_a_path_that_no_socket_can_have() {
    let socket = |length: usize| format!("{ROUTER}control-socket = \"/{}\"\n", "s".repeat(length - 1));
    assert_eq!(config(&socket(107)).control_socket.as_os_str().len(), 107);
    each(&socket(108), &[("", "4:18: the path of a socket has at most 107 octets, not 108")]);
    let scoped = config(&format!("{ROUTER}listen = [\"[fe80::1%2]:179\"]\n"));
    assert_eq!(scoped.listen[0].to_string(), "[fe80::1%2]:179");
}

#[test]
fn in_the_names_of_tables() {
    each(
        ROUTER,
        &[
            ("[[peers]]\n", "4:3: unknown key `peers`: did you mean `peer`?"),
            (
                "[[neighbor]]\n",
                "4:3: unknown key `neighbor`: this table has router, policy, prefix-set, as-path-set, community-set, next-hop-set, peer-set, peer-group, peer, azure, originate, redistribute, aggregate, fib, xdp",
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
            ("hold-time = 9.5\n", "8:13: expected a whole number from 0 to 65535, not 9.5"),
            ("multihop = true\n", "8:12: expected a whole number from 0 to 255, not true"),
            ("multihop = 256\n", "8:12: expected a whole number from 0 to 255, not 256"),
            ("families = []\n", "8:12: a session needs at least one family: leave the key out for both"),
            (
                "families = [\"ipv4\"]\n",
                "8:13: \"ipv4\" is not a family: choose from \"ipv4-unicast\" and \"ipv6-unicast\"",
            ),
            ("import = \"p\"\n", "8:10: expected a list: write [\"p\"]"),
            ("kind = \"ars\"\n", "8:8: unknown variant `ars`, expected one of `router`, `azure-route-server`, `hub`"),
            ("port = 0\n", "8:8: nobody listens on port 0: leave the key out for 179"),
            ("asn = 2\n", "8:1: `asn` stands here for the second time"),
            ("local-address = \"eth0\"\n", "8:17: \"eth0\" is not an IPv4 or IPv6 address"),
            (
                "next-hop = \"own\"\n",
                "8:12: \"own\" is not a next hop: write auto, self, keep, gateway, peer-address or an IP address",
            ),
            (
                "next-hop = \"peer-address\"\n",
                "8:12: next-hop peer-address would tell a peer to send to itself (RFC 4271 §5.1.3): write it into an import policy, or `self` here",
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
    let hub = "7:7: a fellow hub is in our own AS 65000: leave asn out";
    let start = "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n[[peer]]\nname = \"hub1\"\naddress = \"10.0.0.2\"\n";
    each(start, &[("asn = 65001\nkind = \"hub\"\n", hub)]);
    let mapped = config(&format!("{ROUTER}[[peer]]\nname = \"a\"\nasn = 1\naddress = \"::ffff:10.0.0.2\"\n"));
    assert_eq!(mapped.reach[0].remote.to_string(), "10.0.0.2:179");
}

#[test]
fn in_a_policy() {
    let accept = "then = { accept = true }\n";
    let matches = [
        ("prefix = [\"10.0.0.0/8\"]", "7:11: unknown key `prefix`: did you mean `prefixes`?"),
        ("prefixes = []", "7:22: an empty list matches no route: leave the key out to match every route"),
        ("source = \"peer rs0\"", "7:20: \"peer rs0\" names no [[peer]] of this configuration"),
        ("source = [\"local\", \"set x\"]", "7:30: there is no [[peer-set]] named \"x\""),
        ("prefixes = [\"10.0.0.0/8\", \"set bogons\"]", "7:37: there is no [[prefix-set]] named \"bogons\""),
        ("as-path = 65100", "7:21: expected text in quotes, not 65100"),
        ("as-path = []", "7:21: an empty list matches no route: leave the key out to match every route"),
        (
            "as-path-length = \"3..5\"",
            "7:28: \"3..5\" is not a range of numbers: write 3, \"3-5\", \">= 3\", \"<= 5\", \"> 3\" or \"< 5\"",
        ),
        ("origin-as = \"9-1\"", "7:23: \"9-1\" names no AS numbers: write 65100, \"65100-65109\" or \"private\""),
        (
            "only-to-customer = \"any\"",
            "7:30: \"any\" names no AS numbers: write 65100, \"65100-65109\" or \"private\"",
        ),
        (
            "only-to-customer = [65100, \"9-1\"]",
            "7:38: \"9-1\" names no AS numbers: write 65100, \"65100-65109\" or \"private\"",
        ),
        ("only-to-customer = []", "7:30: an empty list matches no route: leave the key out to match every route"),
        ("only-to-customer = {}", "7:30: expected true, false, an AS number, or a list of AS numbers, not a table"),
        (
            "only-to-customer = -1",
            "7:30: expected an AS number from 1 to 4294967295; several stand in quotes, such as \"65100-65109\"",
        ),
        ("family = \"ipv4\"", "7:20: \"ipv4\" is not a family: choose from \"ipv4-unicast\" and \"ipv6-unicast\""),
        ("origin = \"IGP\"", "7:20: \"IGP\" is not an origin: write igp, egp or incomplete"),
        ("any = []", "7:17: an empty list matches no route: leave the key out to match every route"),
        ("not = {}", "7:17: an empty `not` matches no route: say what must not hold"),
        (
            "not = { any = [{ med = \"x\" }] }",
            "7:34: \"x\" is not a range of numbers: write 3, \"3-5\", \">= 3\", \"<= 5\", \"> 3\" or \"< 5\"",
        ),
        ("communities = []", "7:25: an empty list matches no route: leave the key out to match every route"),
        (
            "source = \"rs0\"",
            "7:20: \"rs0\" is no peer: write `local`, `aggregate`, `redistributed`, `internal`, `external`, `peer NAME`, `group NAME`, `as 65100-65109` or `address 10.0.0.0/8`",
        ),
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
            (
                "then = { med = \"none\" }\n",
                "7:16: med is \"none\": write a number, { add = 10 }, { subtract = 10 } or \"remove\"",
            ),
            (
                "then = { local-pref = \"remove\" }\n",
                "7:23: local-pref is \"remove\": write a number, { add = 10 }, { subtract = 10 }",
            ),
            ("then = { call = \"q\" }\n", "7:17: there is no [[policy]] named \"q\""),
            ("then = { call = \"p\" }\n", "7:17: policies call each other without end: p calls p"),
            ("then = { remove-communities = [\"set x\"] }\n", "7:32: there is no [[community-set]] named \"x\""),
            (
                "then = { honour-blackhole = true, accept = true }\n",
                "7:29: this drops packets for whatever prefix is announced: say with `prefixes` which ones the neighbour may have dropped (RFC 7999 §3.3)",
            ),
            ("then = { honour-blackhole = false }\n", nothing),
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
fn in_policies_that_call_each_other() {
    let policy = |name: &str, called: &str| {
        format!("[[policy]]\nname = \"{name}\"\n[[policy.statement]]\nthen = {{ call = \"{called}\" }}\n")
    };
    let circle = [policy("a", "b"), policy("b", "c"), policy("c", "b")].concat();
    each(ROUTER, &[(&circle, "15:17: policies call each other without end: b calls c calls b")]);
    let deep: String = (0..20).map(|number| policy(&number.to_string(), &(number + 1).to_string())).collect();
    let end = "[[policy]]\nname = \"20\"\n[[policy.statement]]\nthen = { accept = true }\n";
    each(ROUTER, &[(&format!("{deep}{end}"), "67:17: policies call each other more than 16 deep")]);
}

#[test]
fn in_azure() {
    each(
        ROUTER,
        &[
            ("[azure]\n", "4:1: the key `vnet` is missing in this table"),
            (
                "[azure]\nvnet = []\n",
                "5:8: no next hop is in an empty VNet: leave [azure] out to tell route servers any",
            ),
            ("[azure]\nvnet = [\"10.0.0.1/8\"]\n", "5:9: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?"),
            (
                "[azure]\nvnet = [\"10.0.0.0/8\"]\npeered-vnets = [\"x\"]\n",
                "6:17: \"x\" is not a prefix: write ADDRESS/LENGTH, such as 192.0.2.0/24 or 2001:db8::/32",
            ),
        ],
    );
}

/// What can be meant, and mostly is not.
#[test]
fn that_are_only_likely() {
    let server = "[[policy]]\nname = \"p\"\nstatement = [{ then = { next-hop = \"MODE\", accept = true } }]\n\
                  [[peer]]\nname = \"rs0\"\nkind = \"azure-route-server\"\naddress = \"10.13.76.4\"\nexport = [\"p\"]\n";
    let programs = "rs0: with next-hop MODE, Azure programs whatever it is told into every NIC: say [azure] vnet, and routes \
                    with a next hop outside of it are withheld";
    let vnet = "[azure]\nvnet = [\"10.13.76.0/24\"]\npeered-vnets = [\"10.14.0.0/16\"]\n";
    for (mode, azure, expected) in [
        ("self", "", vec![]),
        ("keep", "", vec![programs.replace("MODE", "keep")]),
        ("192.0.2.1", "", vec![programs.replace("MODE", "192.0.2.1")]),
        ("keep", vnet, vec![]),
        ("10.14.0.9", vnet, vec![]),
        (
            "192.0.2.1",
            vnet,
            vec!["rs0: routes with next-hop 192.0.2.1 are withheld: it is outside of [azure] vnet".to_owned()],
        ),
        (
            "self",
            "[azure]\nvnet = [\"10.14.0.0/16\"]\npeered-vnets = [\"10.13.0.0/16\"]\n",
            vec!["rs0: its address 10.13.76.4 is not in [azure] vnet, where its subnet must be".to_owned()],
        ),
    ] {
        let text = format!("{ROUTER}{}{azure}", server.replace("MODE", mode));
        let warnings: Vec<String> = config(&text).warnings.iter().map(ToString::to_string).collect();
        let expected: Vec<String> = expected.iter().map(|text| format!("nva.toml:8:8: warning: {text}")).collect();
        assert_eq!(warnings, expected, "{text}");
    }
}

#[test]
fn in_an_aggregate() {
    let outward = "[[policy]]\nname = \"p\"\n[[policy.statement]]\nthen = { next-hop = \"self\", accept = true }\n";
    let table = |more: &str| format!("[[aggregate]]\nprefix = {more}\n");
    for (text, expected) in [
        (table("\"10.0.0.1/8\""), "5:10: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?"),
        (table("\"10.0.0.1/32\""), "5:10: 10.0.0.1/32 has no longer prefixes in it that could contribute"),
        (table("\"10.0.0.0/8\"\ncontributors = [\"q\"]"), "6:17: there is no [[policy]] named \"q\""),
        (table("\"10.0.0.0/8\"\nsummary = true"), "6:1: unknown key `summary`: did you mean `summary-only`?"),
        (
            table("\"0.0.0.0/0\""),
            "5:10: this would drop all that has no longer route, and it comes before a default route of DHCP: set discard = false",
        ),
        (
            format!("[originate]\nprefixes = [\"10.0.0.0/8\"]\n{}", table("\"10.0.0.0/8\"")),
            "7:10: 10.0.0.0/8 is originated in any case by [originate]: leave it out of one of the two",
        ),
        (
            [table("\"10.0.0.0/8\""), table("\"10.0.0.0/8\"")].concat(),
            "7:10: there is a second aggregate for 10.0.0.0/8",
        ),
        (
            format!("{outward}{}", table("\"10.0.0.0/8\"\npolicy = [\"p\"]")),
            "10:11: policy \"p\" has next-hop, but an aggregate has no peer that it comes from or goes to",
        ),
    ] {
        each(ROUTER, &[(&text, expected)]);
    }
}

/// What no router takes, and what would be taken for somebody else's.
#[test]
fn in_what_is_originated() {
    for (prefix, what) in [
        ("224.0.0.0/4", "multicast"),
        ("ff0e::/16", "multicast"),
        ("240.0.0.0/4", "future use"),
        ("127.0.0.0/8", "loopback"),
        ("::1/128", "loopback"),
        ("0.0.0.0/8", "machines that do not know their network"),
        ("::/128", "machines that have no address yet"),
        ("fe80::/10", "a single link"),
        ("169.254.0.0/16", "a single link"),
    ] {
        let problem = format!("5:13: {prefix} is reserved for {what}: nobody may be told of it");
        each(ROUTER, &[(&format!("[originate]\nprefixes = [\"{prefix}\"]\n"), &problem)]);
        if !prefix.ends_with("/128") {
            let problem = problem.replace(":13:", ":10:");
            each(ROUTER, &[(&format!("[[aggregate]]\nprefix = \"{prefix}\"\n"), &problem)]);
        }
    }
    config(&format!("{ROUTER}[originate]\nprefixes = [\"0.0.0.0/0\", \"0.0.0.0/1\", \"::/0\", \"169.0.0.0/8\"]\n"));
}

#[test]
fn in_a_set() {
    each(
        ROUTER,
        &[
            (
                "[[prefix-set]]\nname = \"s\"\nmembers = []\n",
                "6:11: prefix-set \"s\" is empty, and so matches no route",
            ),
            (
                "[[prefix-set]]\nname = \"s\"\nmembers = [\"10.0.0.1/8\"]\n",
                "6:12: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?",
            ),
            (
                "[[peer-set]]\nname = \"s\"\nmembers = [\"peer x\"]\n",
                "6:12: \"peer x\" names no [[peer]] of this configuration",
            ),
            ("[[as-path-set]]\nname = \"s\"\n", "4:1: the key `members` is missing in this table"),
            (
                "[[next-hop-set]]\nname = \"s\"\nmembers = [\"10.0.0.1\"]\n[[next-hop-set]]\nname = \"s\"\nmembers = [\"::1\"]\n",
                "8:8: a second next-hop-set is named \"s\": names are unique",
            ),
        ],
    );
}

#[test]
fn in_an_import_policy_that_is_for_export() {
    let policy = "[[policy]]\nname = \"q\"\n[[policy.statement]]\nmatch = { not = { to = \"external\" } }\nthen = { accept = true }\n\
                  [[policy]]\nname = \"p\"\n[[policy.statement]]\nthen = { call = \"q\" }\n";
    each(
        &format!("{ROUTER}{policy}{PEER}"),
        &[(
            "import = [\"p\"]\n",
            "17:11: policy \"p\" has a condition on `to`, but in an import policy no route goes anywhere: ask for its `source`",
        )],
    );
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
            (
                "[xdp]\nmode = \"native\"\n",
                "5:1: unknown key `mode`: this table has interfaces, source-check, table-sizes, pin-directory, debug, lookup",
            ),
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

#[test]
fn in_a_group_that_listens() {
    let group = format!("{ROUTER}[[peer-group]]\nname = \"g\"\n");
    each(
        &format!("{group}asn = 1\n"),
        &[
            ("listen = []\n", "7:10: an empty list of ranges listens for nobody: leave the key out"),
            ("listen = [\"10.0.0.9/8\"]\n", "7:11: 10.0.0.9/8 has host bits set: did you mean 10.0.0.0/8?"),
            ("listen = [\"10.0.0.0/8\", \"10.0.0.0/8\"]\n", "7:25: peer-group \"g\" listens for 10.0.0.0/8 already"),
            (
                "listen = [\"10.0.0.0/8\"]\nlisten-limit = 0\n",
                "8:16: a listen-limit of 0 lets nobody in: leave listen out instead",
            ),
            ("listen = [\"10.0.0.0/8\"]\nlisten-forget = 0\n", "8:17: listen-forget is at least 1 second"),
            (
                "listen = [\"10.0.0.0/8\"]\nlocal-address = \"::1\"\n",
                "8:17: ::1 and the addresses in 10.0.0.0/8 are of different families",
            ),
            (
                "listen-limit = 9\n",
                "7:16: this group listens for nobody: add listen = [\"10.13.76.96/28\"], or leave this out",
            ),
        ],
    );
    each(
        &group,
        &[(
            "listen = [\"10.0.0.0/8\"]\n",
            "6:10: a group that listens needs asn: the AS of its members, or a range of them",
        )],
    );
    each(
        &format!(
            "{group}asn = 1\nlisten = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n[[peer]]\nasn = 2\naddress = \"10.0.0.2\"\n"
        ),
        &[
            (
                "name = \"g-10.1.0.1\"\n",
                "11:8: peer-group \"g\" listens for 10.1.0.1, and calls whoever connects from there \"g-10.1.0.1\": \
                 choose another name",
            ),
            (
                "name = \"g-2001:db8::1\"\n",
                "11:8: peer-group \"g\" listens for 2001:db8::1, and calls whoever connects from there \
                 \"g-2001:db8::1\": choose another name",
            ),
        ],
    );
    // What no member may be named, or only the one whose place it takes.
    for name in ["g-10.0.0.2", "g-11.1.0.1", "h-10.1.0.1", "g-2001:db8:0::1", "g"] {
        let peer = format!(
            "asn = 1\nlisten = [\"10.0.0.0/8\"]\n[[peer]]\nname = \"{name}\"\nasn = 2\naddress = \"10.0.0.2\"\n"
        );
        super::config(&format!("{group}{peer}"));
    }
    each(
        &format!("{ROUTER}[[peer]]\nname = \"a\"\nasn = 1\naddress = \"10.0.0.2\"\n"),
        &[(
            "listen = [\"10.0.0.0/8\"]\n",
            "8:10: a peer has one address: ranges of addresses belong to [[peer-group]]",
        )],
    );
}
