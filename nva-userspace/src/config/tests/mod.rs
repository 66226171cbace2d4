//! Good files mean what they say; bad ones are refused with their places.

mod as_path;
mod bfd;
mod limits;
mod mistakes;
mod policies;
mod policy_keys;
mod reference;
mod restart;
mod roles;
mod security;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::{Config, ConfigError};
use crate::fsm::RemoteAs;
use crate::net::{AfiSafi, Asn};
use crate::policy::{Condition, Disposition, NextHopMode, PeerMatch};
use crate::transport::Ttl;
use crate::xdp::{Capacity, LookupSource, SourceCheck};

/// The hub of the article that is an NVA, too.
const HUB: &str = r#"
[router]
asn = 65000
router-id = "10.13.76.84"

[[policy]]
name = "accept-leaf"
[[policy.statement]]
match = { prefixes = ["100.0.0.0/24 ge 32"], as-path = "^6510[0-9]$" }
then = { accept = true }

[[policy]]
name = "to-ars"
[[policy.statement]]
name = "leaves"
match = { as-path = "^6510[0-9]" }
then = { next-hop = "keep", accept = true }
[[policy.statement]]
match = { source = "local" }
then = { next-hop = "self", prepend = 1, add-communities = ["65000:1"], accept = true }

[[peer-group]]
name = "leaves"
asn = "65100-65109"
import = ["accept-leaf"]
hold-time = 9

[[peer]]
name = "nva0"
group = "leaves"
address = "10.13.76.100"
asn = 65100

[[peer]]
name = "nva1"
group = "leaves"
address = "10.13.76.101"

[[peer]]
name = "rs0"
kind = "azure-route-server"
address = "10.13.76.4"
export = ["to-ars"]

[originate]
interfaces = ["lo"]
prefixes = ["100.0.0.200/32"]

[fib]
install = false

[xdp]
interfaces = ["eth0"]
"#;

fn config(text: &str) -> Config {
    Config::parse("nva.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn problems(text: &str) -> Vec<String> {
    match Config::parse("nva.toml", text) {
        Err(ConfigError::Invalid { problems }) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

/// What waits for a restart is what it was, so that taking it back leaves nothing to say.
#[test]
fn what_takes_a_restart_stays_until_then() {
    let router = |socket: &str, after: u32| {
        format!(
            "[router]\nasn = 65000\nrouter-id = \"10.13.76.84\"\nlisten = [\"192.0.2.1\"]\n\
             control-socket = \"{socket}\"\n[fib]\nreconcile-after = {after}\n"
        )
    };
    let (old, other) = (config(&router("/run/a", 60)), config(&router("/run/b", 70)));
    assert_eq!(old.needs_restart(&other), ["[router] control-socket", "[fib] reconcile-after"]);
    let kept = old.followed_by(other);
    assert_eq!(kept.needs_restart(&old), [""; 0]);
    assert_eq!(kept.needs_restart(&config(&router("/run/a", 80))), ["[fib] reconcile-after"]);
}

#[test]
fn a_reload_changes_where_xdp_looks_up_routes() {
    let with = |xdp: &str| config(&HUB.replace("[xdp]\n", &format!("[xdp]\n{xdp}\n")));
    let (tables, kernel) = (with(""), with("lookup = \"kernel\""));
    assert_eq!((tables.xdp.lookup, kernel.xdp.lookup), (LookupSource::Tables, LookupSource::Kernel));
    assert_eq!(tables.needs_restart(&kernel), [""; 0]);
    let debug = with("lookup = \"kernel\"\ndebug = true");
    assert_eq!(tables.needs_restart(&debug), ["[xdp]"]);
    let followed = tables.followed_by(debug).xdp;
    assert_eq!((followed.lookup, followed.debug), (LookupSource::Kernel, false));
}

#[test]
fn a_hub_is_understood_whole() {
    let hub = config(HUB);
    assert_eq!(hub.speaker.asn, Asn(65000));
    assert_eq!(hub.speaker.router_id, Ipv4Addr::new(10, 13, 76, 84));
    assert!(hub.speaker.fib.is_none());
    assert_eq!(hub.speaker.originate.interfaces, ["lo"]);
    assert_eq!(hub.xdp.interfaces, ["eth0"]);
    let [nva0, nva1, rs0] = &hub.speaker.peers[..] else { panic!("three peers") };
    assert_eq!(nva0.session.remote_as, RemoteAs::Exactly(Asn(65100)), "the peer's own setting wins");
    assert_eq!(nva1.session.remote_as, RemoteAs::OneOf(vec![Asn(65100)..=Asn(65109)]), "the group's holds else");
    assert_eq!(nva1.session.hold_time, 9);
    assert_eq!(nva1.group.as_deref(), Some("leaves"));
    assert!(!nva1.multihop);
    assert!(nva1.install);
    assert_eq!(rs0.session.remote_as, RemoteAs::Exactly(Asn(65515)), "known of every Azure Route Server");
    assert_eq!(rs0.session.families, [AfiSafi::Ipv4Unicast]);
    assert!(rs0.multihop);
    assert_eq!(hub.reach[2].ttl, Ttl::Limited(8));
    assert_eq!(hub.reach[1].ttl, Ttl::Limited(1));
    assert!(!rs0.install, "what a route server teaches stays out of the kernel unless asked for");
    assert_eq!(hub.reach[2].remote.to_string(), "10.13.76.4:179");

    let to_ars = &rs0.export.policies[0];
    assert_eq!(to_ars.name, "to-ars");
    assert_eq!(to_ars.statements[0].name.as_deref(), Some("leaves"));
    assert_eq!(to_ars.statements[0].actions.next_hop, Some(NextHopMode::Keep));
    assert_eq!(to_ars.statements[1].matches.0, [Condition::Source(vec![PeerMatch::Local])]);
    assert_eq!(to_ars.statements[1].actions.disposition, Some(Disposition::Accept));
    assert_eq!(rs0.export.default, Disposition::Reject, "RFC 8212");
    assert_eq!(nva0.export.default, Disposition::Reject, "RFC 8212 without any policy");
    assert!(nva0.export.policies.is_empty());
}

#[test]
fn an_internal_peer_passes_all_unless_a_policy_says_otherwise() {
    let text = r#"
[router]
asn = 65000
router-id = "10.0.0.1"
[[peer]]
name = "other"
address = "2001:db8::2"
asn = 65000
connect-retry = 7
local-address = "2001:db8::1"
"#;
    let config = config(text);
    let peer = &config.speaker.peers[0];
    assert_eq!(peer.import.default, Disposition::Accept);
    assert!(peer.multihop);
    assert_eq!(peer.session.connect_retry, Duration::from_secs(7));
    assert_eq!(config.reach[0].local, "2001:db8::1".parse::<IpAddr>().ok());
    assert_eq!(config.listen.len(), 2, "both families by default");
}

#[test]
fn problems_have_a_line_and_a_column() {
    let cases = [
        ("[router]\nasn = 65000\nrouter-id = 7\n", "nva.toml:3:13: expected text in quotes, not 7"),
        ("[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\nrouter = 1\n", "nva.toml:4:1: unknown key `router`"),
        ("[router]\nasn = 65000\nrouter-id = \"10.0.0\"\n", "nva.toml:3:13: \"10.0.0\" is not a router id"),
        ("[router]\nasn = 0\nrouter-id = \"10.0.0.1\"\n", "nva.toml:2:7: AS 0 is reserved"),
        ("[router\n", "nva.toml:1:8: "),
    ];
    for (text, expected) in cases {
        let problems = problems(text);
        assert!(problems[0].starts_with(expected), "{text:?} gave {problems:?}, not {expected:?}");
    }
}

#[test]
fn every_problem_is_reported_at_once_in_order() {
    let text = r#"[router]
asn = 0
router-id = "10.0.0.0.1"
[[policy]]
name = "p"
[[policy.statement]]
match = { prefixes = ["10.0.0.1/8"], as-path = "(", source = "peer nobody" }
then = { accept = true }
[[peer]]
name = "a"
address = "10.0.0.300"
asn = 65001
import = ["p", "q"]
hold-time = 2
next-hop = "me"
multihop = 0
[[peer]]
name = "a"
address = "10.0.0.2"
asn = 65001
[fib]
metric = 0
"#;
    let problems = problems(text);
    let places: Vec<&str> = problems.iter().map(|problem| problem.split(": ").next().expect("a place")).collect();
    let expected =
        ["2:7", "3:13", "7:23", "7:48", "7:62", "11:11", "13:16", "14:13", "15:12", "16:12", "18:8", "22:10"];
    assert_eq!(places, expected.map(|place| format!("nva.toml:{place}")), "{problems:#?}");
    assert!(problems[2].contains("did you mean 10.0.0.0/8?"), "{}", problems[2]);
    assert!(problems[6].contains("no [[policy]] named \"q\""), "{}", problems[6]);
}

#[test]
fn enhanced_refresh_is_announced_unless_the_peer_or_its_group_says_no() {
    let announced = |group: &str, peer: &str| {
        let text = format!(
            "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n[[peer-group]]\nname = \"g\"\n{group}\n\
             [[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 1\ngroup = \"g\"\n{peer}\n"
        );
        config(&text).speaker.peers[0].session.enhanced_refresh
    };
    let (yes, no) = ("enhanced-refresh = true", "enhanced-refresh = false");
    for (group, peer, expected) in [("", "", true), (no, "", false), (no, yes, true), ("", no, false)] {
        assert_eq!(announced(group, peer), expected, "{group:?} {peer:?}");
    }
}

#[test]
fn what_would_do_nothing_or_clash_is_refused() {
    let base = "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n";
    let cases = [
        ("[[policy]]\nname = \"p\"\n[[policy.statement]]\nthen = {}\n", "does nothing"),
        ("[[policy]]\nname = \"p\"\n", "has no statement"),
        ("[[peer]]\nname = \"a\"\nasn = 1\n", "has no address"),
        ("[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\n", "has no asn"),
        ("[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = \"9-1\"\n", "empty range"),
        ("[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 1\nfamilies = [\"ipv5\"]\n", "not a family"),
        ("[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 1\ngroup = \"g\"\n", "no [[peer-group]] named"),
        ("[[peer-group]]\nname = \"g\"\naddress = \"10.0.0.2\"\n", "a peer-group has no address"),
        ("[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nkind = \"azure-route-server\"\nasn = 1\n", "always AS 65515"),
        ("[xdp]\ninterfaces = [\"a-name-that-is-too-long\"]\n", "cannot be the name"),
        ("[fib]\ntable = 255\n", "belong to the kernel"),
        ("[[redistribute]]\nprotocol = \"bgp\"\n", "be their peer"),
        ("[[redistribute]]\nprotocol = \"rip2\"\n", "no protocol of routes: write one of kernel, boot, static"),
        ("[[redistribute]]\nprotocol = \"4\"\n[[redistribute]]\nprotocol = \"static\"\n", "twice"),
        ("[[redistribute]]\nprotocol = \"static\"\ntable = 255\n", "254 is main"),
        ("[[redistribute]]\nprotocol = \"static\"\npolicy = [\"p\"]\n", "no [[policy]] named \"p\""),
        (
            "[[redistribute]]\nprotocol = \"static\"\npolicy = [\"p\"]\n\
             [[policy]]\nname = \"p\"\n[[policy.statement]]\nthen = { next-hop = \"self\", accept = true }\n",
            "policy \"p\" has next-hop, but a route of the kernel's has no peer",
        ),
        ("[fib]\naudit-interval = 9\n", "choose at least 10, or 0"),
        ("[fib]\ninstall = false\nsuppress-until-installed = true\n", "leave one of the two out"),
        (
            "[[policy]]\nname = \"p\"\n[[policy.statement]]\nthen = { next-hop = \"self\", accept = true }\n\
             [[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 1\nimport = [\"p\"]\n",
            "in an export policy",
        ),
    ];
    for (text, expected) in cases {
        let problems = problems(&format!("{base}{text}"));
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{text:?} gave {problems:?}");
    }
    let twins = "[[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 1\n[[peer]]\nname = \"b\"\naddress = \"10.0.0.2\"\nasn = 1\n";
    assert!(problems(&format!("{base}{twins}"))[0].contains("the same address"));
}

#[test]
fn sources_and_sizes_of_the_data_plane() {
    let base = "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n[xdp]\ninterfaces = [\"eth0\", \"eth1\"]\n";
    let text =
        format!("{base}source-check = {{ eth1 = \"strict\", eth0 = \"loose\" }}\ntable-sizes = {{ groups = 100 }}\n");
    let xdp = config(&text).xdp;
    let checks = [("eth0".to_owned(), SourceCheck::Loose), ("eth1".to_owned(), SourceCheck::Strict)];
    assert_eq!(xdp.source_checks, checks.into());
    assert_eq!(xdp.capacity, Capacity { groups: 100, ..Capacity::default() });
    assert_eq!(config(base).xdp.capacity, Capacity::default());
    for (line, expected) in [
        ("source-check = { eth2 = \"strict\" }\n", "6:18: \"eth2\" is not among the interfaces on which XDP forwards"),
        (
            "source-check = { eth1 = \"loose\" }\nlookup = \"kernel\"\n",
            "6:18: sources are checked by our own tables only: leave this or lookup = \"kernel\" out",
        ),
        ("table-sizes = { next-hops = 15 }\n", "6:29: a table has 16 to 16777216 entries, not 15"),
    ] {
        assert_eq!(problems(&format!("{base}{line}")), [format!("nva.toml:{expected}")]);
    }
}
