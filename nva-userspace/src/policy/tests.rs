//! Truth tables of conditions and actions, and the hub's policies of the article.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::*;
use crate::attributes::{AsPath, Community, Origin, Partial, PathAttributes, Segment, SegmentKind};
use crate::net::{AfiSafi, Asn};
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
            SourceKind::Local | SourceKind::Aggregate | SourceKind::Redistributed(_) => NextHop::Own,
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
    Match(vec![Condition::AsPath(vec![text.parse().expect(text)])])
}

fn by_source(text: &str) -> Match {
    Match(vec![Condition::Source(vec![text.parse().expect(text)])])
}

fn wanted(texts: &[&str]) -> Vec<CommunityMatch> {
    texts.iter().map(|text| CommunityMatch::Pattern(text.parse().expect(text))).collect()
}

fn standard(texts: &[&str]) -> Communities {
    texts.iter().map(|text| text.parse::<AnyCommunity>().expect(text)).collect()
}

fn prefixes(texts: &[&str]) -> Condition {
    Condition::Prefix(vec![Arc::new(texts.iter().map(|text| text.parse::<PrefixMatch>().expect(text)).collect())])
}

fn asns(text: &str) -> AsnSet {
    text.parse().expect(text)
}

fn is_accepted(matches: Match, route: &Route) -> bool {
    match evaluate(&chain([policy("p", [(matches, accept())])]), route, None) {
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
    match evaluate(chain, route, None) {
        Outcome::Accept { attributes, next_hop, decided_by, .. } => (attributes, next_hop, decided_by.to_string()),
        Outcome::Reject { decided_by } => panic!("rejected by {decided_by}"),
    }
}

fn rejected(chain: &Chain, route: &Route) -> String {
    match evaluate(chain, route, None) {
        Outcome::Accept { decided_by, .. } => panic!("accepted by {decided_by}"),
        Outcome::Reject { decided_by } => decided_by.to_string(),
    }
}

const RS0: Party<'static> = Party {
    name: "rs0",
    group: None,
    asn: Asn(65515),
    own_asn: Asn(65000),
    address: IpAddr::V4(Ipv4Addr::new(10, 13, 76, 4)),
    external: true,
};

/// Each condition with routes that meet it and routes that do not.
#[test]
fn every_condition() {
    let nva = || {
        let set = attributes(&[65100, 64512], &["65000:1"]);
        let set = PathAttributes { med: Some(5), origin: Origin::Egp, only_to_customer: Some(Asn(65100)), ..set };
        learned("10.1.0.0/16", set)
    };
    let v6 = || learned("2001:db8::/32", attributes(&[], &[]));
    let range = |text: &str| -> NumberRange { text.parse().expect(text) };
    // The second and third: a route of nva0 through two ASes, and a route of our own.
    for (condition, of_nva, of_own) in [
        (Condition::Source(vec![PeerMatch::Local]), false, true),
        (Condition::Source(vec![PeerMatch::Local, PeerMatch::External]), true, true),
        (Condition::To(vec![PeerMatch::External]), false, false),
        (Condition::Family(AfiSafi::Ipv4Unicast), true, true),
        (Condition::Family(AfiSafi::Ipv6Unicast), false, false),
        (Condition::Origin(vec![Origin::Egp, Origin::Incomplete]), true, false),
        (Condition::LocalPref(range("100")), true, true),
        (Condition::LocalPref(range("> 100")), false, false),
        (Condition::Med(range("5-6")), true, false),
        (Condition::Med(range("0")), false, false),
        (Condition::PathLength(range(">= 2")), true, false),
        (Condition::PathLength(range("0")), false, true),
        (Condition::OriginAs(asns("64512-64513")), true, false),
        (Condition::OriginAs(asns("65100")), false, false),
        (Condition::NeighbourAs(asns("65100")), true, false),
        (Condition::NeighbourAs(asns("64512")), false, false),
        (Condition::ContainsAs(asns("private")), true, false),
        (Condition::ContainsAs(asns("1-64511")), false, false),
        (Condition::OnlyToCustomer(MarkMatch::Present), true, false),
        (Condition::OnlyToCustomer(MarkMatch::Absent), false, true),
        (Condition::OnlyToCustomer(MarkMatch::By(asns("65100-65109"))), true, false),
        (Condition::OnlyToCustomer(MarkMatch::By(asns("64512"))), false, false),
        (prefixes(&["10.0.0.0/8 ge 16", "192.0.2.0/24"]), true, true),
        (prefixes(&["10.0.0.0/8"]), false, false),
        (Condition::NextHop(vec!["10.13.76.0/24".parse().expect("a prefix")]), true, false),
        (Condition::NextHop(vec!["10.13.77.0/24".parse().expect("a prefix")]), false, false),
        (Condition::Communities(Quantifier::Any, wanted(&["65000:1", "65000:2"])), true, false),
        (Condition::Communities(Quantifier::All, wanted(&["65000:1", "65000:2"])), false, false),
        (Condition::Communities(Quantifier::None, wanted(&["65000:1", "65000:2"])), false, true),
        (Condition::AsPath(vec!["^$".parse().expect("one"), "_64512$".parse().expect("two")]), true, true),
        (Condition::AsPath(vec!["^64512".parse().expect("one")]), false, false),
        (Condition::Any(vec![by_source("local"), by_path("^65100")]), true, true),
        (Condition::Any(vec![by_source("peer rs0"), by_path("^65101")]), false, false),
        (Condition::Not(by_source("local")), true, false),
        (Condition::Not(Match(vec![prefixes(&["10.0.0.0/8 ge 16"]), Condition::Med(range("5"))])), false, true),
    ] {
        let matches = Match(vec![condition]);
        assert_eq!(is_accepted(matches.clone(), &nva()), of_nva, "{matches:?}");
        assert_eq!(is_accepted(matches.clone(), &local("10.2.0.0/16")), of_own, "{matches:?}");
        let opposite = Match(vec![Condition::Not(matches.clone())]);
        assert_eq!(is_accepted(opposite, &nva()), !of_nva, "not {matches:?}");
    }
    assert!(is_accepted(Match(vec![Condition::Family(AfiSafi::Ipv6Unicast)]), &v6()));
}

#[test]
fn where_a_route_goes_is_asked_on_its_way_out() {
    let chain = chain([policy("p", [(Match(vec![Condition::To(vec![PeerMatch::Group("rs".into())])]), accept())])]);
    let route = local("10.0.0.0/8");
    let to = |group| Party { group, ..RS0 };
    for (to, accepted) in [(None, false), (Some(to(None)), false), (Some(to(Some("rs"))), true)] {
        assert_eq!(matches!(evaluate(&chain, &route, to), Outcome::Accept { .. }), accepted, "{to:?}");
    }
}

/// Every combination of conditions that hold, that do not, and that are absent: accepted unless one does not hold.
#[test]
fn all_conditions_must_hold_and_none_is_everything() {
    let route = learned("10.1.0.0/16", attributes(&[65100], &["65000:1"]));
    let choice = |number: u32, place: u32| number / 3u32.pow(place) % 3;
    let path = |text: &str| Condition::AsPath(vec![text.parse().expect(text)]);
    let source = |text: &str| Condition::Source(vec![text.parse().expect(text)]);
    let communities = |text: &str| Condition::Communities(Quantifier::Any, wanted(&[text]));
    let choices = [
        [None, Some(prefixes(&["10.0.0.0/8 ge 16"])), Some(prefixes(&["10.0.0.0/8"]))],
        [None, Some(path("^6510")), Some(path("^65000"))],
        [None, Some(source("peer nva0")), Some(source("local"))],
        [None, Some(communities("65000:1")), Some(communities("65000:2"))],
    ];
    for number in 0..81 {
        let chosen = choices.iter().zip(0..).filter_map(|(of, place)| of[choice(number, place) as usize].clone());
        let matches = Match(chosen.collect());
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
        Actions {
            med: Some(NumberChange::Set(5)),
            local_pref: Some(NumberChange::Set(200)),
            origin: Some(Origin::Igp),
            ..Actions::default()
        },
        Actions { med: Some(NumberChange::Subtract(0)), local_pref: Some(NumberChange::Add(0)), ..Actions::default() },
        Actions { prepend: Some(Prepend { asn: PrependAs::Own, times: 0 }), ..Actions::default() },
        Actions { remove_as: asns("64512"), replace_as: asns("1-65099"), ..Actions::default() },
        Actions { next_hop: Some(NextHopMode::Keep), ..Actions::default() },
        Actions {
            communities: CommunityActions {
                add: standard(&["65000:2"]),
                remove: wanted(&["65000:3", "65001:*", "rt:*:*", "*:*:*"]),
                set: Some(standard(&["65000:2", "65000:1"])),
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
    let actions = Actions {
        med: Some(NumberChange::Set(7)),
        local_pref: Some(NumberChange::Subtract(100)),
        origin: Some(Origin::Incomplete),
        ..Actions::default()
    };
    let origin = Origin::Incomplete;
    let expected = PathAttributes { med: Some(7), local_pref: Some(0), origin, ..attributes(&[65100], &[]) };
    assert_eq!(changed(actions, &route), Some(expected));
    let med = |med| learned("10.0.0.0/8", PathAttributes { med, ..attributes(&[65100], &[]) });
    let remove = || Actions { med: Some(NumberChange::Remove), ..Actions::default() };
    assert_eq!(changed(remove(), &med(Some(0))), Some(attributes(&[65100], &[])));
    assert_eq!(changed(remove(), &med(None)), None);
}

#[test]
fn prepending_our_own_as_or_another() {
    let path_of = |asn, times, route: &Route| {
        let prepend = Some(Prepend { asn, times });
        changed(Actions { prepend, ..Actions::default() }, route).expect("a longer path").as_path
    };
    let nva = learned("10.0.0.0/8", attributes(&[65100, 64512], &[]));
    assert_eq!(path_of(PrependAs::Own, 2, &nva).to_string(), "65000 65000 65100 64512");
    assert_eq!(path_of(PrependAs::Given(Asn(65010)), 1, &nva).to_string(), "65010 65100 64512");
    assert_eq!(path_of(PrependAs::Neighbour, 2, &nva).to_string(), "65100 65100 65100 64512");
    assert_eq!(path_of(PrependAs::Own, 3, &local("10.0.0.0/8")).to_string(), "65000 65000 65000");
    assert_eq!(path_of(PrependAs::Own, 255, &nva).hop_count(), 257);
    let prepend = Some(Prepend { asn: PrependAs::Neighbour, times: 2 });
    assert_eq!(changed(Actions { prepend, ..Actions::default() }, &local("10.0.0.0/8")), None, "from nobody");
}

#[test]
fn ases_are_removed_then_replaced_then_prepended() {
    let mut set = attributes(&[65100, 3356, 64512, 4_200_000_000], &[]);
    let closing = Segment { kind: SegmentKind::Set, asns: vec![Asn(64513), Asn(64514)] };
    set.as_path.segments.push(closing);
    let route = learned("10.0.0.0/8", set);
    let own = Prepend { asn: PrependAs::Own, times: 1 };
    for (remove, replace, prepend, path) in [
        (Some("private"), None, None, "3356"),
        (Some("64513"), None, None, "65100 3356 64512 4200000000 {64514}"),
        (None, Some("64512-64513"), None, "65100 3356 65000 4200000000 {64514,65000}"),
        (Some("64512-64513"), Some("64512-64514"), Some(own), "65000 65100 3356 4200000000 {65000}"),
    ] {
        let set = |text: Option<&str>| text.map(asns).unwrap_or_default();
        let actions = Actions { remove_as: set(remove), replace_as: set(replace), prepend, ..Actions::default() };
        let changed = changed(actions.clone(), &route).expect("another path");
        assert_eq!(changed.as_path.to_string(), path, "{actions:?}");
    }
}

#[test]
fn a_set_has_our_as_once_and_a_confederation_keeps_its_members() {
    let came: AsPath = "(64512 64513) 3356 {64513,64514}".parse().expect("a path");
    let route = learned("10.0.0.0/8", PathAttributes { as_path: came.clone(), ..attributes(&[], &[]) });
    let path_after = |actions: Actions| changed(actions, &route).expect("another path").as_path;
    let segments = |confederation: &[u32], sequence: &[u32], set: &[u32]| {
        let segment = |kind, asns: &[u32]| Segment { kind, asns: asns.iter().copied().map(Asn).collect() };
        [
            segment(SegmentKind::ConfedSequence, confederation),
            segment(SegmentKind::Sequence, sequence),
            segment(SegmentKind::Set, set),
        ]
    };
    let replaced = path_after(Actions { replace_as: asns("private"), ..Actions::default() });
    assert_eq!(replaced.segments, segments(&[64512, 64513], &[3356], &[65000]));
    let removed = path_after(Actions { remove_as: asns("private"), ..Actions::default() });
    assert_eq!(removed.segments, segments(&[64512, 64513], &[3356], &[])[..2]);
    let inside = Actions { remove_as: asns("64512"), ..Actions::default() };
    assert_eq!(changed(inside, &route), None, "a member is no AS");
}

#[test]
fn communities_are_set_then_removed_then_added() {
    let carried = PathAttributes {
        large_communities: vec!["65000:1:2".parse().expect("large")],
        extended_communities: vec!["rt:65000:1".parse().expect("extended")],
        partial: Partial { large_communities: true, extended_communities: true, ..Partial::default() },
        ..attributes(&[1], &["65000:1", "65000:2"])
    };
    let route = learned("10.0.0.0/8", carried);
    let all = |set: &PathAttributes| {
        let texts = set.communities.iter().map(ToString::to_string);
        let texts = texts.chain(set.large_communities.iter().map(ToString::to_string));
        texts.chain(set.extended_communities.iter().map(ToString::to_string)).collect::<Vec<_>>().join(" ")
    };
    for (set, remove, add, result) in [
        (None, &[][..], &["65000:0", "65000:3"][..], "65000:0 65000:1 65000:2 65000:3 65000:1:2 rt:65000:1"),
        (None, &["65000:1", "65000:9"], &[], "65000:2 65000:1:2 rt:65000:1"),
        (None, &["65000:*", "*:*:*"], &["65000:7:7", "rt:1:1"], "65000:7:7 rt:1:1 rt:65000:1"),
        (None, &["65000:1"], &["65000:1", "65000:3"], "65000:1 65000:2 65000:3 65000:1:2 rt:65000:1"),
        (Some(&["no-export", "65000:7", "65000:7"][..]), &[], &[], "65000:7 no-export"),
        (Some(&["65000:7", "65000:8"]), &["65000:7"], &["65000:1"], "65000:1 65000:8"),
        (Some(&[]), &[], &[], ""),
    ] {
        let actions = CommunityActions { set: set.map(standard), remove: wanted(remove), add: standard(add) };
        let got = changed(Actions { communities: actions.clone(), ..Actions::default() }, &route).expect("changed");
        assert_eq!(all(&got), result, "{actions:?}");
        assert_eq!(got.partial.large_communities, !got.large_communities.is_empty(), "RFC 4271 §5");
    }
}

/// A called policy sees what the statement did, decides if it can, and leaves the rest to the caller.
#[test]
fn a_called_policy_decides_or_hands_back() {
    let called = policy(
        "called",
        [
            (by_path("^65101"), reject()),
            (by_path("^65102"), Actions { local_pref: Some(NumberChange::Add(50)), ..accept() }),
            (Match::default(), Actions { local_pref: Some(NumberChange::Add(1)), ..Actions::default() }),
        ],
    );
    let call = Actions { local_pref: Some(NumberChange::Set(10)), call: Some(called), ..Actions::default() };
    let chain = chain([policy(
        "caller",
        [(Match(vec![Condition::Not(by_path("^65103"))]), call), (Match::default(), accept())],
    )]);
    let of = |asn| learned("10.0.0.0/8", attributes(&[asn], &[]));
    assert_eq!(rejected(&chain, &of(65101)), "policy called, statement 1");
    for (asn, local_pref, decider) in [
        (65102, Some(60), "policy called, statement 2"),
        (65100, Some(11), "policy caller, statement 2"),
        (65103, None, "policy caller, statement 2"),
    ] {
        let (changed, _, decided_by) = accepted(&chain, &of(asn));
        assert_eq!((changed.and_then(|set| set.local_pref), decided_by.as_str()), (local_pref, decider), "{asn}");
    }
}

#[test]
fn a_trace_has_every_statement_that_held_and_what_it_left() {
    let set = |med| Actions { med: Some(NumberChange::Set(med)), ..Actions::default() };
    let called = policy("called", [(by_path("^9"), reject()), (Match::default(), set(2))]);
    let chain = chain([
        policy("first", [(by_path("^9"), reject()), (Match::default(), Actions { call: Some(called), ..set(1) })]),
        policy("second", [(Match::default(), accept()), (Match::default(), reject())]),
    ]);
    let route = learned("10.0.0.0/8", attributes(&[65100], &[]));
    let (outcome, steps) = trace(&chain, &route, None);
    assert_eq!(outcome, evaluate(&chain, &route, None));
    let steps: Vec<_> =
        steps.iter().map(|step| (step.policy.name.as_str(), step.statement, step.depth, step.attributes.med)).collect();
    assert_eq!(steps, [("first", 1, 0, Some(1)), ("called", 1, 1, Some(2)), ("second", 0, 0, Some(2))]);
}

#[test]
fn equality_is_of_the_whole_structure() {
    let calling = |asn: u32| {
        let called = policy("called", [(Match(vec![Condition::OriginAs(Asn(asn).into())]), accept())]);
        policy("p", [(by_path("^1"), Actions { call: Some(called), ..Actions::default() })])
    };
    assert_eq!(calling(1), calling(1));
    assert_ne!(calling(1), calling(2), "a policy that it calls is part of a policy");
}

#[test]
fn without_disposition_the_changed_route_goes_on() {
    let tag = Actions {
        communities: CommunityActions { add: standard(&["65000:66"]), ..CommunityActions::default() },
        prepend: Some(Prepend { asn: PrependAs::Own, times: 1 }),
        next_hop: Some(NextHopMode::Keep),
        ..Actions::default()
    };
    let tagged = Match(vec![Condition::Communities(Quantifier::Any, wanted(&["65000:66"]))]);
    let chain = chain([
        policy("tag", [(by_path("^65100$"), tag)]),
        policy(
            "decide",
            [
                // Not even after the prepending: the path is matched as it was received.
                (by_path("^65000"), reject()),
                (
                    tagged,
                    Actions {
                        med: Some(NumberChange::Set(1)),
                        next_hop: Some(NextHopMode::SelfAddress),
                        ..Actions::default()
                    },
                ),
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

/// Statements see the MED that came; a further AS does not (RFC 4271 §5.1.4), but for one that they set.
#[test]
fn a_received_med_is_seen_and_stays_at_the_border() {
    let with = |med| learned("10.0.0.0/8", PathAttributes { med, ..attributes(&[65100], &[]) });
    let internal = Party { external: false, ..RS0 };
    let says = |med| Actions { med, ..accept() };
    let sees = Match(vec![Condition::Med("50".parse().expect("a range"))]);
    for (to, change, goes_out) in [
        (RS0, None, None),
        (internal, None, Some(50)),
        (RS0, Some(NumberChange::Add(10)), Some(60)),
        (RS0, Some(NumberChange::Set(50)), Some(50)),
        (internal, Some(NumberChange::Add(10)), Some(60)),
    ] {
        let chain = chain([policy("p", [(sees.clone(), says(change))])]);
        let Outcome::Accept { attributes: changed, .. } = evaluate(&chain, &with(Some(50)), Some(to)) else {
            panic!("the MED is not seen");
        };
        let unchanged = with(Some(50)).attributes;
        assert_eq!(changed.as_ref().unwrap_or(&unchanged).med, goes_out, "{change:?} {to:?}");
    }
    let own = local("100.0.0.200/32");
    let own = Route { attributes: PathAttributes { med: Some(5), ..(*own.attributes).clone() }.into(), ..own };
    let all = chain([policy("p", [(Match::default(), accept())])]);
    assert!(matches!(evaluate(&all, &own, Some(RS0)), Outcome::Accept { attributes: None, .. }), "ours is ours");
}

#[test]
fn what_a_later_statement_undoes_is_no_change() {
    let set = |med| (Match::default(), Actions { med: Some(NumberChange::Set(med)), ..Actions::default() });
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
            (by_source("local"), Actions { next_hop: Some(NextHopMode::SelfAddress), ..accept() }),
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
        match (result, evaluate(&chain, &route, None)) {
            (Some((mode, number)), Outcome::Accept { attributes, next_hop, decided_by, .. }) => {
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
