//! Truth tables of conditions and actions, and the hub's policies of the article.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::attributes::{AsPath, Community, PathAttributes};
use crate::net::Asn;
use crate::route::{NextHop, PeerId, Route, Source, SourceKind};

fn community(text: &str) -> Community {
    text.parse().expect(text)
}

fn communities(texts: &[&str]) -> Vec<Community> {
    texts.iter().map(|text| community(text)).collect()
}

fn attributes(path: &[u32], carried: &[&str]) -> PathAttributes {
    PathAttributes {
        as_path: AsPath::sequence(path.iter().copied().map(Asn)),
        communities: communities(carried),
        ..PathAttributes::default()
    }
}

fn from(kind: SourceKind, prefix: &str, attributes: PathAttributes) -> Route {
    Route {
        prefix: prefix.parse().expect(prefix),
        next_hop: match &kind {
            SourceKind::Local => NextHop::Own,
            SourceKind::Peer { address, .. } => NextHop::Via(*address),
        },
        attributes: attributes.into(),
        source: Arc::new(Source { kind, local_asn: Asn(65000) }),
    }
}

/// A route of the peer nva0 in the group leaves.
fn learned(prefix: &str, attributes: PathAttributes) -> Route {
    let kind = SourceKind::Peer {
        id: PeerId(1),
        name: "nva0".into(),
        group: Some("leaves".into()),
        asn: Asn(65100),
        router_id: [10, 13, 76, 100].into(),
        address: IpAddr::from([10, 13, 76, 100]),
    };
    from(kind, prefix, attributes)
}

fn local(prefix: &str) -> Route {
    from(SourceKind::Local, prefix, attributes(&[], &[]))
}

fn policy(name: &str, statements: impl IntoIterator<Item = (Match, Actions)>) -> Arc<Policy> {
    let statements = statements.into_iter().map(|(matches, actions)| Statement { name: None, matches, actions });
    Arc::new(Policy { name: name.into(), statements: statements.collect() })
}

fn chain(policies: impl IntoIterator<Item = Arc<Policy>>) -> Chain {
    Chain { policies: policies.into_iter().collect(), default: Disposition::Reject }
}

fn accept() -> Actions {
    Actions { disposition: Some(Disposition::Accept), ..Actions::default() }
}

fn reject() -> Actions {
    Actions { disposition: Some(Disposition::Reject), ..Actions::default() }
}

fn by_path(text: &str) -> Match {
    Match { as_path: Some(text.parse().expect(text)), ..Match::default() }
}

fn by_source(source: SourceMatch) -> Match {
    Match { source: Some(source), ..Match::default() }
}

fn is_accepted(matches: Match, route: &Route) -> bool {
    match evaluate(&chain([policy("p", [(matches, accept())])]), route) {
        Outcome::Accept { .. } => true,
        Outcome::Reject { .. } => false,
    }
}

/// What a single statement with these actions, accepting, changes the attributes to.
fn changed(actions: Actions, route: &Route) -> Option<PathAttributes> {
    let actions = Actions { disposition: Some(Disposition::Accept), ..actions };
    accepted(&chain([policy("p", [(Match::default(), actions)])]), route).0
}

fn accepted(chain: &Chain, route: &Route) -> (Option<PathAttributes>, Option<NextHopMode>, String) {
    match evaluate(chain, route) {
        Outcome::Accept { attributes, next_hop, decided_by } => (attributes, next_hop, decided_by.to_string()),
        Outcome::Reject { decided_by } => panic!("rejected by {decided_by}"),
    }
}

fn rejected(chain: &Chain, route: &Route) -> String {
    match evaluate(chain, route) {
        Outcome::Accept { decided_by, .. } => panic!("accepted by {decided_by}"),
        Outcome::Reject { decided_by } => decided_by.to_string(),
    }
}

#[test]
fn sources() {
    let (nva, own) = (learned("100.0.0.100/32", attributes(&[65100], &[])), local("100.0.0.200/32"));
    for (source, of_nva, of_own) in [
        (SourceMatch::Local, false, true),
        (SourceMatch::Peer("nva0".into()), true, false),
        (SourceMatch::Peer("nva1".into()), false, false),
        (SourceMatch::Peer("leaves".into()), false, false),
        (SourceMatch::Peer("local".into()), false, false),
        (SourceMatch::Group("leaves".into()), true, false),
        (SourceMatch::Group("nva0".into()), false, false),
    ] {
        assert_eq!(is_accepted(by_source(source.clone()), &nva), of_nva, "{source}");
        assert_eq!(is_accepted(by_source(source.clone()), &own), of_own, "{source}");
    }
}

#[test]
fn communities_match_if_any_is_carried() {
    let route = learned("10.0.0.0/8", attributes(&[1], &["65000:1", "65000:2"]));
    for (wanted, matches) in
        [(&["65000:1"][..], true), (&["65000:3", "65000:2"], true), (&["65000:3", "no-export"], false), (&[], false)]
    {
        let condition = Match { communities: Some(communities(wanted)), ..Match::default() };
        assert_eq!(is_accepted(condition, &route), matches, "{wanted:?}");
    }
}

/// Every combination of conditions that hold, that do not, and that are absent: accepted unless one does not hold.
#[test]
fn all_conditions_must_hold_and_none_is_everything() {
    let route = learned("10.1.0.0/16", attributes(&[65100], &["65000:1"]));
    let choice = |number: u32, place: u32| number / 3u32.pow(place) % 3;
    for number in 0..81 {
        let list = |text: &str| PrefixList::new([text.parse::<PrefixMatch>().expect(text)]);
        let matches = Match {
            prefixes: [None, Some(list("10.0.0.0/8 ge 16")), Some(list("10.0.0.0/8"))][choice(number, 0) as usize]
                .clone(),
            as_path: [None, Some("^6510"), Some("^65000")][choice(number, 1) as usize]
                .map(|text| text.parse().expect(text)),
            source: [None, Some(SourceMatch::Peer("nva0".into())), Some(SourceMatch::Local)]
                [choice(number, 2) as usize]
                .clone(),
            communities: [None, Some("65000:1"), Some("65000:2")][choice(number, 3) as usize]
                .map(|text| communities(&[text])),
        };
        let expected = (0..4).all(|place| choice(number, place) != 2);
        assert_eq!(is_accepted(matches.clone(), &route), expected, "{matches:?}");
    }
}

#[test]
fn nothing_is_changed_by_actions_that_change_nothing() {
    let set = PathAttributes { med: Some(5), local_pref: Some(200), ..attributes(&[65100], &["65000:1", "65000:2"]) };
    let route = learned("10.0.0.0/8", set);
    for actions in [
        Actions::default(),
        Actions { med: Some(5), local_pref: Some(200), ..Actions::default() },
        Actions { prepend: Some(Prepend { asn: None, times: 0 }), ..Actions::default() },
        Actions { next_hop: Some(NextHopMode::Keep), ..Actions::default() },
        Actions {
            communities: CommunityActions {
                add: communities(&["65000:2"]),
                remove: communities(&["65000:3"]),
                set: Some(communities(&["65000:2", "65000:1"])),
            },
            ..Actions::default()
        },
    ] {
        assert_eq!(changed(actions.clone(), &route), None, "{actions:?}");
    }
}

#[test]
fn attributes_are_set() {
    let route = learned("10.0.0.0/8", attributes(&[65100], &[]));
    let set = changed(Actions { med: Some(7), local_pref: Some(0), ..Actions::default() }, &route);
    assert_eq!(set, Some(PathAttributes { med: Some(7), local_pref: Some(0), ..attributes(&[65100], &[]) }));
}

#[test]
fn prepending_our_own_as_or_another() {
    let path_of = |prepend, route: &Route| {
        changed(Actions { prepend: Some(prepend), ..Actions::default() }, route).expect("a longer path").as_path
    };
    let nva = learned("10.0.0.0/8", attributes(&[65100, 64512], &[]));
    assert_eq!(path_of(Prepend { asn: None, times: 2 }, &nva).to_string(), "65000 65000 65100 64512");
    assert_eq!(path_of(Prepend { asn: Some(Asn(65010)), times: 1 }, &nva).to_string(), "65010 65100 64512");
    assert_eq!(path_of(Prepend { asn: None, times: 3 }, &local("10.0.0.0/8")).to_string(), "65000 65000 65000");
    assert_eq!(path_of(Prepend { asn: None, times: 255 }, &nva).hop_count(), 257);
}

#[test]
fn communities_are_set_then_removed_then_added() {
    let route = learned("10.0.0.0/8", attributes(&[1], &["65000:1", "65000:2"]));
    for (set, remove, add, result) in [
        (None, &[][..], &["65000:0", "65000:3"][..], &["65000:0", "65000:1", "65000:2", "65000:3"][..]),
        (None, &["65000:1", "65000:9"], &[], &["65000:2"]),
        (None, &["65000:1"], &["65000:1", "65000:3"], &["65000:1", "65000:2", "65000:3"]),
        (Some(&["no-export", "65000:7", "65000:7"][..]), &[], &[], &["65000:7", "no-export"]),
        (Some(&["65000:7", "65000:8"]), &["65000:7"], &["65000:1"], &["65000:1", "65000:8"]),
        (Some(&[]), &[], &[], &[]),
    ] {
        let actions =
            CommunityActions { set: set.map(communities), remove: communities(remove), add: communities(add) };
        let result = communities(result);
        let got = changed(Actions { communities: actions.clone(), ..Actions::default() }, &route);
        assert_eq!(got.expect("changed").communities, result, "{actions:?}");
    }
}

#[test]
fn without_disposition_the_changed_route_goes_on() {
    let tag = Actions {
        communities: CommunityActions { add: communities(&["65000:66"]), ..CommunityActions::default() },
        prepend: Some(Prepend { asn: None, times: 1 }),
        next_hop: Some(NextHopMode::Keep),
        ..Actions::default()
    };
    let tagged = Match { communities: Some(communities(&["65000:66"])), ..Match::default() };
    let chain = chain([
        policy("tag", [(by_path("^65100$"), tag)]),
        policy(
            "decide",
            [
                // Not even after the prepending: the path is matched as it was received.
                (by_path("^65000"), reject()),
                (tagged, Actions { med: Some(1), next_hop: Some(NextHopMode::SelfAddress), ..Actions::default() }),
                (by_path("^65100$"), accept()),
            ],
        ),
    ]);
    let (attributes, next_hop, decided_by) = accepted(&chain, &learned("10.0.0.0/8", attributes(&[65100], &[])));
    let attributes = attributes.expect("changed");
    assert_eq!(attributes.as_path.to_string(), "65000 65100");
    assert_eq!(attributes.communities, communities(&["65000:66"]));
    assert_eq!(attributes.med, Some(1));
    assert_eq!(next_hop, Some(NextHopMode::SelfAddress), "the last one said");
    assert_eq!(decided_by, "policy decide, statement 3");
}

#[test]
fn what_a_later_statement_undoes_is_no_change() {
    let set = |med| (Match::default(), Actions { med: Some(med), ..Actions::default() });
    let mut chain = chain([policy("p", [set(1), set(5)])]);
    chain.default = Disposition::Accept;
    let route = learned("10.0.0.0/8", PathAttributes { med: Some(5), ..attributes(&[1], &[]) });
    assert_eq!(accepted(&chain, &route), (None, None, "no statement matched (default: accept)".into()));
}

#[test]
fn the_first_decision_counts_and_says_who_made_it() {
    let route = local("100.0.0.200/32");
    assert_eq!(rejected(&chain([]), &route), "no statement matched (default: reject, RFC 8212)");
    let first = policy("first", [(by_path("^65100"), accept()), (by_path("^$"), reject())]);
    let second = policy("second", [(Match::default(), accept())]);
    assert_eq!(rejected(&chain([Arc::clone(&first), Arc::clone(&second)]), &route), "policy first, statement 2");
    let (.., decided_by) = accepted(&chain([second, first]), &route);
    assert_eq!(decided_by, "policy second, statement 1");

    let named = Statement { name: Some("ours".into()), matches: Match::default(), actions: accept() };
    let named = Arc::new(Policy { name: "to-ars".into(), statements: vec![named] });
    assert_eq!(accepted(&chain([named]), &route).2, "policy to-ars, statement ours");
}

/// The article's hub: the NVAs' routes with their next hop, its own with itself, nothing else.
#[test]
fn the_hub_of_the_article() {
    let to_ars = policy(
        "to-ars",
        [
            (by_path("^6510[0-9]"), Actions { next_hop: Some(NextHopMode::Keep), ..accept() }),
            (by_source(SourceMatch::Local), Actions { next_hop: Some(NextHopMode::SelfAddress), ..accept() }),
        ],
    );
    let chain = chain([to_ars]);
    for (route, result) in [
        (learned("100.0.0.100/32", attributes(&[65100], &[])), Some((NextHopMode::Keep, 1))),
        (learned("100.0.0.109/32", attributes(&[65109, 65109], &[])), Some((NextHopMode::Keep, 1))),
        (local("100.0.0.200/32"), Some((NextHopMode::SelfAddress, 2))),
        (learned("10.13.76.0/24", attributes(&[65515], &[])), None),
        (learned("100.0.0.100/32", attributes(&[65000, 65100], &[])), None),
    ] {
        match (result, evaluate(&chain, &route)) {
            (Some((mode, number)), Outcome::Accept { attributes, next_hop, decided_by }) => {
                assert_eq!((attributes, next_hop), (None, Some(mode)), "{}", route.prefix);
                assert_eq!(decided_by.to_string(), format!("policy to-ars, statement {number}"));
            }
            (None, Outcome::Reject { decided_by }) => {
                assert_eq!(decided_by, Decider::Default(Disposition::Reject));
            }
            (_, outcome) => panic!("{}: {outcome:?}", route.prefix),
        }
    }
}

#[test]
fn equality_is_structural() {
    let make = |text: &str| chain([policy("p", [(by_path(text), accept())])]);
    assert_eq!(make("^6510[0-9]"), make("^6510[0-9]"));
    assert_ne!(make("^6510[0-9]"), make("^6510[0-8]"));
    assert_ne!(make("^1"), Chain { default: Disposition::Accept, ..make("^1") });
}
