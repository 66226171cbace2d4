//! Roles and Only to Customer (RFC 9234), with a router between a customer, a provider and a lateral peer.

use super::sim::{Sim, loopback_added};
use super::{MINUTE, OPEN, SOON, established, path, speaker};
use crate::attributes::PathAttributes;
use crate::fsm::{Role, State};
use crate::net::Asn;
use crate::packet::iana::capability;

const US: usize = 0;
const CUSTOMER: usize = 1;
const PROVIDER: usize = 2;
const PEER: usize = 3;
const INSIDE: usize = 4;
const PREFIX: &str = "100.64.0.0/24";

/// The AS and the address of each.
const WHO: [(u32, u8); 5] = [(65000, 10), (65001, 11), (65002, 12), (65003, 13), (65000, 14)];

/// What is said of the neighbours at our end and at theirs. The one inside has no role, and takes what we have as it is.
fn network(ours: [&str; 3], theirs: [&str; 3]) -> Sim {
    network_with("", ours, theirs)
}

/// The same with further tables in our configuration.
fn network_with(tables: &str, ours: [&str; 3], theirs: [&str; 3]) -> Sim {
    let at = |index: usize, more: &str| (WHO[index].1, WHO[index].0, format!("{OPEN}\n{more}"));
    let inside = "next-hop = \"self\"";
    let peers = [at(CUSTOMER, ours[0]), at(PROVIDER, ours[1]), at(PEER, ours[2]), at(INSIDE, inside)];
    let peers: Vec<(u8, u32, &str)> = peers.iter().map(|(last, asn, more)| (*last, *asn, more.as_str())).collect();
    let mut configs = vec![speaker(65000, 10, "", tables, &peers)];
    for (index, more) in [theirs[0], theirs[1], theirs[2], inside].into_iter().enumerate() {
        let (last, asn, more) = at(US, more);
        configs.push(speaker(WHO[index + 1].0, WHO[index + 1].1, "", "", &[(last, asn, more.as_str())]));
    }
    Sim::new(11, &configs)
}

const OURS: [&str; 3] = ["role = \"provider\"", "role = \"customer\"", "role = \"peer\""];

/// We have roles, and the others say none: ours hold all the same (RFC 9234 §4.2), and the test says what they send.
fn one_sided() -> Sim {
    established(network(OURS, [""; 3]))
}

fn marked(path_of: &[u32], by: Option<u32>) -> PathAttributes {
    PathAttributes { only_to_customer: by.map(Asn), ..path(path_of) }
}

/// The neighbour sends a route that somebody has marked, or nobody.
fn announce(sim: &mut Sim, from: usize, by: Option<u32>) {
    let (asn, last) = WHO[from];
    sim.announce(from, US, PREFIX, &format!("10.13.76.{last}"), &marked(&[asn, 64999], by));
    sim.run_for(SOON);
}

/// What a neighbour was told: by whom it is marked; `None` if it was not told.
fn told(sim: &Sim, to: usize) -> Option<Option<u32>> {
    sim.received(to, US, PREFIX).map(|route| route.attributes.only_to_customer.map(|asn| asn.0))
}

#[test]
fn a_customers_route_goes_everywhere() {
    let mut sim = one_sided();
    announce(&mut sim, CUSTOMER, None);
    // A lateral peer is to tell it to its customers only; a provider to all.
    let expected = [Some(None), Some(Some(65000)), Some(None)];
    assert_eq!([PROVIDER, PEER, INSIDE].map(|to| told(&sim, to)), expected);
}

#[test]
fn what_a_provider_or_a_peer_sends_goes_to_customers_only() {
    for (from, forbidden, to) in [(PROVIDER, PEER, "p13"), (PEER, PROVIDER, "p12")] {
        let mut sim = one_sided();
        announce(&mut sim, from, None);
        let mark = Some(WHO[from].0);
        assert_eq!((told(&sim, CUSTOMER), told(&sim, INSIDE)), (Some(mark), Some(mark)), "kept inside and outside");
        assert_eq!(told(&sim, forbidden), None);
        let reason = sim.exported(US, forbidden, PREFIX).expect_err(to);
        assert_eq!(reason, format!("AS {} marked it as only to customers (RFC 9234)", WHO[from].0));
        let received = sim.received(US, from, PREFIX).expect("a route");
        assert_eq!(received.attributes.only_to_customer, mark.map(Asn), "marked as it came in");
    }
}

/// An aggregate goes where one of its contributors may go.
#[test]
fn an_aggregate_of_marked_routes_alone_is_marked() {
    let aggregate = "100.64.0.0/16";
    let tables = format!("[[aggregate]]\nprefix = \"{aggregate}\"\nto-contributors = true\n");
    let mut sim = established(network_with(&tables, OURS, [""; 3]));
    let told = |sim: &Sim| {
        [CUSTOMER, PROVIDER, PEER, INSIDE].map(|to| {
            let route = sim.received(to, US, aggregate);
            route.map(|route| route.attributes.only_to_customer.map(|asn| asn.0))
        })
    };
    let ours = Some(Some(65000));
    announce(&mut sim, PROVIDER, None);
    assert_eq!(told(&sim), [ours, None, None, ours]);
    for to in [PROVIDER, PEER] {
        let reason = sim.exported(US, to, aggregate).expect_err("not told");
        assert_eq!(reason, "AS 65000 marked it as only to customers (RFC 9234)");
    }
    let another = "100.64.1.0/24";
    sim.announce(CUSTOMER, US, another, "10.13.76.11", &marked(&[65001], None));
    sim.run_for(SOON);
    assert_eq!(told(&sim), [ours, Some(None), ours, Some(None)], "a customer's is in it");
    sim.announce(PEER, US, another, "10.13.76.13", &marked(&[65003], None));
    sim.withdraw(CUSTOMER, US, another);
    sim.run_for(SOON);
    assert_eq!(told(&sim), [ours, None, None, ours], "it has been marked by two now");
}

#[test]
fn a_leak_is_not_let_in_and_says_so() {
    // Who sends it, who marked it, and whether it is a leak.
    let table = [
        (CUSTOMER, Some(64999), true),
        (CUSTOMER, Some(65001), true),
        (PEER, Some(64999), true),
        (PEER, Some(65003), false),
        (PROVIDER, Some(64999), false),
    ];
    for (from, by, leaks) in table {
        let mut sim = one_sided();
        announce(&mut sim, from, by);
        let route = sim.speakers[US].rib().candidates(PREFIX.parse().expect("a prefix"));
        let [candidate] = &route[..] else { panic!("{route:?}") };
        let expected = if leaks {
            format!("route leak: AS {} marked it as only to customers (RFC 9234)", by.expect("a mark"))
        } else {
            "best".to_owned()
        };
        assert_eq!(candidate.standing.to_string(), expected, "{from} {by:?}");
        assert_eq!(told(&sim, INSIDE), if leaks { None } else { Some(by) });
    }
}

/// A lateral peer takes for a leak what is marked with another AS than that of our OPEN.
#[test]
fn the_mark_is_the_as_that_the_peer_knows_us_by() {
    let to_peer = format!("{OPEN}\nrole = \"peer\"\nlocal-as = 65010");
    let to_us = format!("{OPEN}\nrole = \"peer\"");
    let configs =
        [speaker(65000, 10, "", "", &[(13, 65003, &to_peer)]), speaker(65003, 13, "", "", &[(10, 65010, &to_us)])];
    let mut sim = established(Sim::new(11, &configs));
    sim.host(US, loopback_added([100, 0, 0, 1]));
    sim.run_for(SOON);
    let told = sim.received(1, US, "100.0.0.1/32").expect("told");
    assert_eq!(told.attributes.only_to_customer, Some(Asn(65010)));
    assert_eq!(sim.loc_rib(1).len(), 1, "it is no leak");
}

#[test]
fn without_a_role_a_mark_is_passed_on_as_it_came() {
    let mut sim = established(network([""; 3], [""; 3]));
    announce(&mut sim, CUSTOMER, Some(64999));
    assert_eq!([PROVIDER, PEER, INSIDE].map(|to| told(&sim, to)), [Some(Some(64999)); 3]);
}

#[test]
fn both_ends_say_their_roles() {
    let theirs = ["role = \"customer\"\nrole-strict = true", "role = \"provider\"", "role = \"peer\""];
    let sim = established(network(OURS, theirs));
    let (peer, _) = sim.session(US, CUSTOMER).expect("a session");
    let negotiated = sim.speakers[US].peer(peer).and_then(|peer| peer.established()).expect("up").negotiated();
    assert_eq!((negotiated.role, negotiated.peer_role()), (Some(Role::Provider), Some(Role::Customer)));
}

#[test]
fn roles_that_do_not_suit_each_other_keep_a_session_down() {
    // Both believe to be the customer; the peer insists on a role and we have none.
    let theirs = ["role = \"customer\"", "role = \"customer\"", "role = \"peer\"\nrole-strict = true"];
    let mut sim = network(["role = \"provider\"", "role = \"customer\"", ""], theirs);
    let up = |sim: &Sim, index: usize| sim.session(US, index).is_some();
    sim.run_until("the others", MINUTE, |sim| up(sim, CUSTOMER) && up(sim, INSIDE));
    sim.run_for(2 * MINUTE);
    assert!(!up(&sim, PROVIDER) && !up(&sim, PEER));
    let refusals: Vec<&String> = sim.notifications.iter().map(|(_, text)| text).collect();
    assert!(refusals.iter().any(|text| text.as_str() == "OPEN Message Error/Role Mismatch"), "{refusals:?}");
    let provider = sim.speakers[US].peer_of_address([10, 13, 76, 12].into()).expect("a peer");
    let session = sim.speakers[US].peer(provider).expect("a peer").session();
    assert!(session.state() < State::Established);
    let error = session.last_error().expect("it failed").reason.to_string();
    assert!(error.contains("Role Mismatch"), "{error}");
    // It comes up as soon as the operators agree.
    let theirs = ["role = \"customer\"", "role = \"provider\"", "role = \"peer\""];
    let mut sim = network(OURS, theirs);
    sim.unsaid.insert((US, PEER, capability::ROLE));
    established(sim);
}
