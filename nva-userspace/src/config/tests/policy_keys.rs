//! Each key of a `match` and of a `then` does what it says, from the file to the decision: none is forgotten, and none is
//! mistaken for another on the way.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::config;
use super::reference::keys_of;
use crate::attributes::{Origin, PathAttributes};
use crate::net::Asn;
use crate::policy::{Chain, NextHopMode, Outcome, Party, evaluate};
use crate::route::{NextHop, PeerId, Route, Source, SourceKind};

/// Each key with what holds for [`route`], and what does not.
const MATCHES: [(&str, &str, &str); 30] = [
    ("prefixes", "\"10.0.0.0/8\"", "\"10.0.0.0/8 ge 9\""),
    ("family", "\"ipv4-unicast\"", "\"ipv6-unicast\""),
    ("source", "\"peer other\"", "\"peer another\""),
    ("source", "\"group others\"", "\"group leaves\""),
    ("source", "\"external\"", "\"internal\""),
    ("source", "\"as 65100-65109\"", "\"as 9\""),
    ("source", "\"address 10.0.0.3\"", "\"address 10.0.0.2\""),
    ("source", "[\"local\", \"external\"]", "[\"local\", \"aggregate\"]"),
    ("to", "\"peer up\"", "\"peer other\""),
    ("to", "\"address 10.0.0.0/24\"", "\"address 10.0.0.3\""),
    ("to", "\"as 3356\"", "\"internal\""),
    ("as-path", "\"^65100_9$\"", "\"^9\""),
    ("as-path-length", "2", "\">= 3\""),
    ("origin-as", "9", "65100"),
    ("neighbour-as", "65100", "9"),
    ("contains-as", "\"private\"", "8"),
    ("only-to-customer", "65100", "false"),
    ("communities", "[\"65000:7\", \"1:1\"]", "[\"1:1\"]"),
    ("communities", "\"65000:1:*\"", "\"65000:2:*\""),
    ("communities", "\"rt:65000:1-9\"", "\"soo:*:*\""),
    ("all-communities", "[\"65000:7\", \"no-export\"]", "[\"65000:7\", \"1:1\"]"),
    ("no-communities", "\"1:1\"", "\"65000:*\""),
    ("local-pref", "150", "100"),
    ("med", "\"<= 7\"", "\"> 7\""),
    ("origin", "[\"igp\", \"egp\"]", "\"igp\""),
    ("next-hops", "\"192.0.2.0/24\"", "\"192.0.2.2\""),
    ("any", "[{ med = 8 }, { med = 7 }]", "[{ med = 8 }, { med = 9 }]"),
    ("not", "{ med = 8 }", "{ med = 7 }"),
    ("not", "{ not = { med = 7 } }", "{ any = [{ med = 7 }] }"),
    ("any", "[{ family = \"ipv4-unicast\", med = 7 }]", "[{ family = \"ipv6-unicast\", med = 7 }]"),
];

/// Each key with what it makes of [`route`].
const ACTIONS: [(&str, &str, &str); 21] = [
    ("next-hop", "\"10.9.9.9\"", "next-hop 10.9.9.9"),
    ("next-hop", "\"keep\"", "next-hop keep"),
    ("remove-as", "65100", "path 9"),
    ("replace-as", "\"private\"", "path 65000 9"),
    ("prepend", "2", "path 65000 65000 65100 9"),
    ("prepend", "{ asn = 64999, times = 1 }", "path 64999 65100 9"),
    ("prepend", "{ asn = \"neighbour\", times = 1 }", "path 65100 65100 9"),
    ("set-communities", "[\"1:1\"]", "communities 1:1"),
    ("remove-communities", "[\"65000:*\", \"rt:*:*\"]", "communities no-export 65000:1:2"),
    ("add-communities", "[\"1:1\"]", "communities 1:1 65000:7 no-export 65000:1:2 rt:65000:9"),
    ("local-pref", "99", "local-pref 99"),
    ("local-pref", "{ add = 5 }", "local-pref 155"),
    ("local-pref", "{ subtract = 200 }", "local-pref 0"),
    ("med", "99", "med 99"),
    ("med", "{ add = 5 }", "med 12"),
    ("med", "{ subtract = 5 }", "med 2"),
    ("med", "\"remove\"", "med none"),
    ("origin", "\"incomplete\"", "origin incomplete"),
    ("call", "\"called\"", "med 1"),
    ("honour-blackhole", "true", "honours blackhole"),
    ("accept", "false", "rejected"),
];

fn route() -> Route {
    let kind = SourceKind::Peer {
        id: PeerId(0),
        name: "other".into(),
        group: Some("others".into()),
        asn: Asn(65100),
        router_id: [1, 1, 1, 1].into(),
        address: IpAddr::from([10, 0, 0, 3]),
    };
    let attributes = PathAttributes {
        origin: Origin::Egp,
        as_path: "65100 9".parse().expect("a path"),
        med: Some(7),
        local_pref: Some(150),
        communities: ["65000:7", "no-export"].map(|text| text.parse().expect(text)).into(),
        extended_communities: vec!["rt:65000:9".parse().expect("one")],
        large_communities: vec!["65000:1:2".parse().expect("one")],
        only_to_customer: Some(Asn(65100)),
        ..PathAttributes::default()
    };
    Route {
        prefix: "10.0.0.0/8".parse().expect("a prefix"),
        next_hop: NextHop::Via([192, 0, 2, 1].into()),
        attributes: attributes.into(),
        source: Arc::new(Source { kind, local_asn: Asn(65000) }),
    }
}

/// The policies of a peer in this direction, of one statement.
fn chain(direction: &str, matches: &str, then: &str) -> Chain {
    let text = format!(
        "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n\
         [[policy]]\nname = \"called\"\n[[policy.statement]]\nthen = {{ med = 1 }}\n\
         [[policy]]\nname = \"p\"\n[[policy.statement]]\nmatch = {{ {matches} }}\nthen = {{ {then} }}\n\
         [[policy.statement]]\nthen = {{ accept = {} }}\n\
         [[peer-group]]\nname = \"leaves\"\n[[peer-group]]\nname = \"others\"\n\
         [[peer]]\nname = \"another\"\naddress = \"10.0.0.4\"\nasn = 4\n\
         [[peer]]\nname = \"other\"\naddress = \"10.0.0.3\"\nasn = 65100\n\
         [[peer]]\nname = \"up\"\naddress = \"10.0.0.2\"\nasn = 3356\n{direction} = [\"p\"]\n",
        // Where the first statement is about conditions, what it does not hold for is rejected.
        then != "accept = true",
    );
    let peers = config(&text).speaker.peers;
    let up = peers.into_iter().find(|peer| peer.name == "up").expect("the last one");
    if direction == "import" { up.import } else { up.export }
}

fn up() -> Party<'static> {
    let address = IpAddr::from([10, 0, 0, 2]);
    Party { name: "up", group: None, asn: Asn(3356), own_asn: Asn(65000), address, external: true }
}

/// The keys that stand in the table of all of them there.
fn all_keys(table: &str) -> BTreeSet<String> {
    let path = ["policy", "statement", table].map(str::to_owned);
    keys_of(&path).expect("a table").into_iter().collect()
}

#[test]
fn every_condition_holds_where_it_should() {
    for (key, holds, fails) in MATCHES {
        let (direction, to) = if key == "to" { ("export", Some(up())) } else { ("import", None) };
        let accepts = |value: &str| {
            let chain = chain(direction, &format!("{key} = {value}"), "accept = true");
            matches!(evaluate(&chain, &route(), to), Outcome::Accept { .. })
        };
        assert_eq!((accepts(holds), accepts(fails)), (true, false), "{key} = {holds}, {fails}");
    }
    let tried: BTreeSet<String> = MATCHES.iter().map(|(key, ..)| (*key).to_owned()).collect();
    assert_eq!(tried, all_keys("match"));
}

#[test]
fn every_action_does_what_it_says() {
    for (key, value, expected) in ACTIONS {
        let direction = if value == "\"keep\"" { "export" } else { "import" };
        // Whose packets may be dropped has to be said.
        let matches = "prefixes = \"10.0.0.0/8\"";
        let outcome = evaluate(&chain(direction, matches, &format!("{key} = {value}")), &route(), None);
        assert_eq!(said(outcome), expected, "{key} = {value}");
    }
    let tried: BTreeSet<String> = ACTIONS.iter().map(|(key, ..)| (*key).to_owned()).collect();
    assert_eq!(tried, all_keys("then"));
}

/// What became of [`route`], in words: all that is not what it was.
fn said(outcome: Outcome) -> String {
    let Outcome::Accept { attributes, next_hop, honour_blackhole, .. } = outcome else { return "rejected".into() };
    let before = route().attributes;
    let after = attributes.unwrap_or_else(|| (*before).clone());
    let number = |number: Option<u32>| number.map_or("none".into(), |number| number.to_string());
    let communities = |of: &PathAttributes| {
        let standard = of.communities.iter().map(ToString::to_string);
        let large = of.large_communities.iter().map(ToString::to_string);
        let extended = of.extended_communities.iter().map(ToString::to_string);
        standard.chain(large).chain(extended).collect::<Vec<_>>().join(" ")
    };
    let shown = |of: &PathAttributes| {
        [
            format!("path {}", of.as_path),
            format!("communities {}", communities(of)),
            format!("local-pref {}", number(of.local_pref)),
            format!("med {}", number(of.med)),
            format!("origin {}", of.origin),
        ]
    };
    let changed = shown(&after).into_iter().zip(shown(&before)).filter(|(after, before)| after != before);
    let next_hop = next_hop.map(|mode: NextHopMode| format!("next-hop {mode}"));
    let honours = honour_blackhole.then(|| "honours blackhole".to_owned());
    changed.map(|(after, _)| after).chain(next_hop).chain(honours).collect::<Vec<_>>().join(", ")
}
