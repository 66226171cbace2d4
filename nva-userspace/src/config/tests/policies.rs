//! Policies mean what they say, from the file to the decision about a route.

use std::net::IpAddr;
use std::sync::Arc;

use super::config;
use crate::attributes::{AsPath, PathAttributes};
use crate::net::Asn;
use crate::policy::{Outcome, Party, evaluate};
use crate::route::{NextHop, PeerId, Route, Source, SourceKind};

const POLICIES: &str = r#"
[router]
asn = 65000
router-id = "10.0.0.1"

[[prefix-set]]
name = "ours"
members = ["10.0.0.0/8 le 24", "2001:db8::/32 le 48"]
[[as-path-set]]
name = "customers"
members = ["^65100_", "^65101$"]
[[community-set]]
name = "internal"
members = ["65000:*", "65000:*:*", "rt:65000:*"]
[[next-hop-set]]
name = "edge"
members = ["192.0.2.1", "198.51.100.0/24"]
[[peer-set]]
name = "upstreams"
members = ["peer up", "as 3356"]

[[policy]]
name = "clean"
[[policy.statement]]
match = { communities = "blackhole" }
then = { accept = false }
[[policy.statement]]
then = { remove-communities = ["set internal"] }

[[policy]]
name = "in"
[[policy.statement]]
name = "foreign"
match = { not = { prefixes = ["set ours", "203.0.113.0/24"] } }
then = { accept = false }
[[policy.statement]]
then = { call = "clean" }
[[policy.statement]]
name = "customers"
match = { as-path = "set customers", next-hops = ["set edge"] }
then = { local-pref = { add = 50 }, add-communities = ["65000:1:2"], accept = true }
[[policy.statement]]
name = "upstreams"
match = { any = [{ source = "set upstreams" }, { as-path-length = ">= 3", origin-as = "private" }] }
then = { med = "remove", prepend = { asn = "neighbour", times = 1 }, accept = true }

[[policy]]
name = "out"
[[policy.statement]]
match = { to = ["local", "group none", "peer up"] }
then = { replace-as = ["private"], accept = true }

[[peer-group]]
name = "none"
[[peer]]
name = "up"
address = "10.0.0.2"
asn = 3356
import = ["in"]
export = ["out"]
"#;

fn route(prefix: &str, next_hop: [u8; 4], asns: &[u32], communities: &[&str]) -> Route {
    let kind = SourceKind::Peer {
        id: PeerId(0),
        name: "other".into(),
        group: None,
        asn: Asn(asns[0]),
        router_id: [1, 1, 1, 1].into(),
        address: IpAddr::from([10, 0, 0, 3]),
    };
    let attributes = PathAttributes {
        as_path: AsPath::sequence(asns.iter().copied().map(Asn)),
        communities: communities.iter().map(|text| text.parse().expect(text)).collect(),
        med: Some(7),
        ..PathAttributes::default()
    };
    Route {
        prefix: prefix.parse().expect(prefix),
        next_hop: NextHop::Via(next_hop.into()),
        attributes: attributes.into(),
        source: Arc::new(Source { kind, local_asn: Asn(65000) }),
    }
}

#[test]
fn sets_calls_and_conditions_decide() {
    let peer = &config(POLICIES).speaker.peers[0];
    let edge = [192, 0, 2, 1];
    for (route, expected) in [
        (route("11.0.0.0/8", edge, &[65100], &[]), "reject: policy in, statement foreign"),
        (route("10.0.0.0/25", edge, &[65100], &[]), "reject: policy in, statement foreign"),
        (route("10.0.0.0/24", edge, &[65100], &["blackhole"]), "reject: policy clean, statement 1"),
        (
            route("10.0.0.0/24", edge, &[65100, 9], &["65000:7", "65100:7"]),
            "policy in, statement customers: 65100 9, 65100:7, 65000:1:2, pref 150, med 7",
        ),
        (
            route("203.0.113.0/24", [198, 51, 100, 9], &[65101], &[]),
            "policy in, statement customers: 65101, 65000:1:2, pref 150, med 7",
        ),
        (route("10.0.0.0/8", edge, &[3356, 9], &["65000:7"]), "policy in, statement upstreams: 3356 3356 9"),
        (route("10.0.0.0/8", edge, &[9, 9, 64512], &[]), "policy in, statement upstreams: 9 9 9 64512"),
        (route("10.0.0.0/8", edge, &[9, 64512], &[]), "reject: no statement matched (default: reject, RFC 8212)"),
    ] {
        let said = match evaluate(&peer.import, &route, None) {
            Outcome::Reject { decided_by } => format!("reject: {decided_by}"),
            Outcome::Accept { attributes, decided_by, .. } => {
                let set = attributes.expect("each of these changes something");
                let communities = set.communities.iter().map(ToString::to_string);
                let large = set.large_communities.iter().map(ToString::to_string);
                let pref = set.local_pref.map(|pref| format!("pref {pref}"));
                let med = set.med.map(|med| format!("med {med}"));
                let parts: Vec<String> = [set.as_path.to_string()]
                    .into_iter()
                    .chain(communities)
                    .chain(large)
                    .chain(pref)
                    .chain(med)
                    .collect();
                format!("{decided_by}: {}", parts.join(", "))
            }
        };
        assert_eq!(said, expected, "{}", route.prefix);
    }
}

#[test]
fn an_export_policy_asks_where_to() {
    let peer = &config(POLICIES).speaker.peers[0];
    let to =
        |name| Party { name, group: None, asn: Asn(3356), own_asn: Asn(65000), address: peer.address, external: true };
    let route = route("10.0.0.0/8", [192, 0, 2, 1], &[64512, 9], &[]);
    let Outcome::Accept { attributes: Some(changed), .. } = evaluate(&peer.export, &route, Some(to("up"))) else {
        panic!("accepted and changed");
    };
    assert_eq!(changed.as_path.to_string(), "65000 9");
    assert!(matches!(evaluate(&peer.export, &route, Some(to("down"))), Outcome::Reject { .. }));
}

#[test]
fn two_readings_of_one_file_are_equal_and_a_change_in_a_set_is_one() {
    let chain = |text: &str| config(text).speaker.peers[0].import.clone();
    assert_eq!(chain(POLICIES), chain(POLICIES));
    assert_ne!(chain(POLICIES), chain(&POLICIES.replace("^65101$", "^65102$")));
    assert_ne!(chain(POLICIES), chain(&POLICIES.replace("192.0.2.1", "192.0.2.2")));
}

/// What `only-to-customer` may be, and whether it holds for routes marked by nobody, by AS 65100 and by AS 3356.
#[test]
fn a_mark_is_asked_for_by_its_presence_and_by_its_as() {
    let chain = |value: &str| {
        let text = format!(
            "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n[[policy]]\nname = \"p\"\n[[policy.statement]]\n\
             match = {{ only-to-customer = {value} }}\nthen = {{ accept = true }}\n\
             [[peer]]\nname = \"a\"\naddress = \"10.0.0.2\"\nasn = 65100\nimport = [\"p\"]\n"
        );
        config(&text).speaker.peers[0].import.clone()
    };
    let marked = |by: Option<u32>| {
        let route = route("10.0.0.0/8", [10, 0, 0, 2], &[65100], &[]);
        let attributes = PathAttributes { only_to_customer: by.map(Asn), ..(*route.attributes).clone() };
        Route { attributes: attributes.into(), ..route }
    };
    let table = [
        ("true", [false, true, true]),
        ("false", [true, false, false]),
        ("65100", [false, true, false]),
        ("\"65000-65109\"", [false, true, false]),
        ("\"private\"", [false, true, false]),
        ("[3356, \"65100-65109\"]", [false, true, true]),
        ("[1]", [false, false, false]),
    ];
    for (value, expected) in table {
        let holds = |by| matches!(evaluate(&chain(value), &marked(by), None), Outcome::Accept { .. });
        assert_eq!([None, Some(65100), Some(3356)].map(holds), expected, "{value}");
    }
    for (one, (value, _)) in table.iter().enumerate() {
        for (other, (another, _)) in table.iter().enumerate() {
            assert_eq!(chain(value) == chain(another), one == other, "{value} and {another}");
        }
    }
}
