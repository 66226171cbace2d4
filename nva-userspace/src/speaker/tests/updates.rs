//! What goes over a session: packing, refreshing, routes that do not fit, readers that are slow.

use std::net::IpAddr;

use super::sim::Sim;
use super::{OPEN, SOON, established, path, speaker};
use crate::attributes::{Community, PathAttributes};
use crate::net::Prefix;
use crate::packet::{self, Message, RefreshSubtype, RouteRefresh};
use crate::speaker::Notice;

const FEEDER: usize = 0;
const A: usize = 1;
const B: usize = 2;

/// The feeder is told nothing and says what the test has it say. B takes messages of 4096 octets only.
fn line(a_to_b: &str) -> Sim {
    line_to(a_to_b, &format!("{OPEN}\nextended-messages = false"))
}

fn line_to(a_to_b: &str, b_to_a: &str) -> Sim {
    let longer = "[[policy]]\nname = \"longer\"\n[[policy.statement]]\nthen = { prepend = 20, accept = true }\n";
    let configs = [
        speaker(65009, 9, "", "", &[(10, 65001, "")]),
        speaker(65001, 10, "", longer, &[(9, 65009, "import = [\"all\"]"), (20, 65002, a_to_b)]),
        speaker(65002, 20, "", "", &[(10, 65001, b_to_a)]),
    ];
    let mut sim = established(Sim::new(5, &configs));
    sim.run_for(SOON);
    sim
}

fn prefixes(count: u32) -> Vec<Prefix> {
    (0..count).map(|number| Prefix::host(IpAddr::from((0x6440_0000 + number).to_be_bytes()))).collect()
}

fn feed(sim: &mut Sim, prefixes: &[Prefix], attributes: &PathAttributes) {
    sim.inject(FEEDER, A, |context, out| {
        let mut rest = prefixes;
        while !rest.is_empty() {
            let next_hop = IpAddr::from([10, 13, 76, 9]).into();
            let taken = packet::encode_announcement(attributes, next_hop, rest, context, out);
            rest = &rest[taken.expect("small attributes")..];
        }
    });
}

#[test]
fn ten_thousand_routes_arrive_once_in_few_messages() {
    let mut sim = line(OPEN);
    let before = sim.updates[&(A, B)];
    let all = prefixes(10_000);
    sim.stall(A, B);
    feed(&mut sim, &all, &path(&[65009]));
    sim.unstall(A, B);
    sim.run_until("all of them", SOON, |sim| sim.learned(B, A).len() == 10_000);
    // Five octets each: 807 to a message.
    let messages = sim.updates[&(A, B)] - before;
    assert_eq!(messages, 13);
    let counted = sim.speakers[A].peers().iter().nth(1).expect("two peers").session().counters().sent.update;
    assert_eq!(counted, u64::try_from(sim.updates[&(A, B)]).expect("few"), "every UPDATE is counted");
    sim.run_for(SOON);
    assert_eq!(sim.updates[&(A, B)] - before, messages, "and nothing again");
}

#[test]
fn a_peer_that_takes_extended_messages_gets_them() {
    // Our own end says no: it is the receiver's word that counts (RFC 8654 §4).
    let mut sim = line_to(&format!("{OPEN}\nextended-messages = false"), OPEN);
    let before = sim.updates[&(A, B)];
    let all = prefixes(10_000);
    sim.stall(A, B);
    feed(&mut sim, &all, &path(&[65009]));
    sim.unstall(A, B);
    sim.run_until("all of them", SOON, |sim| sim.learned(B, A).len() == 10_000);
    assert_eq!(sim.updates[&(A, B)] - before, 1, "50 kB");

    // Attributes that no other message would hold.
    let many = (0..3000).map(|value| Community::new(65009, value)).collect();
    feed(&mut sim, &all[..1], &PathAttributes { communities: many, ..path(&[65009, 64512]) });
    sim.run_for(SOON);
    let route = sim.received(B, A, &all[0].to_string()).expect("a route");
    assert_eq!(route.attributes.communities.len(), 3000);
}

#[test]
fn a_refresh_tells_everything_again_and_only_what_was_asked_for() {
    let mut sim = line(OPEN);
    feed(&mut sim, &prefixes(10), &path(&[65009]));
    sim.run_for(SOON);
    let (told, before) = (sim.learned(B, A), sim.updates[&(A, B)]);
    assert_eq!(told.len(), 10);
    for (afi, safi, more) in [(1, 1, 1), (2, 1, 0), (1, 128, 0)] {
        let before = sim.updates[&(A, B)];
        sim.inject(B, A, |context, out| {
            let refresh = Message::RouteRefresh(RouteRefresh { afi, safi, subtype: RefreshSubtype::Request });
            packet::encode(&refresh, context, out).expect("it fits");
        });
        sim.run_for(SOON);
        assert_eq!(sim.updates[&(A, B)] - before, more, "AFI {afi}, SAFI {safi}");
    }
    assert_eq!(sim.updates[&(A, B)] - before, 1);
    assert_eq!(sim.learned(B, A), told);
}

#[test]
fn a_route_that_fits_into_no_message_is_withdrawn_and_reported() {
    let mut sim = line("export = [\"longer\"]");
    let prefix = prefixes(1)[0];
    feed(&mut sim, &[prefix], &path(&[65009]));
    sim.run_for(SOON);
    assert_eq!(sim.learned(B, A).len(), 1);

    let many = (0..1000).map(|value| Community::new(65009, value)).collect();
    feed(&mut sim, &[prefix], &PathAttributes { communities: many, ..path(&[65009]) });
    sim.run_for(SOON);
    assert_eq!(sim.loc_rib(A).len(), 1);
    assert_eq!(sim.learned(B, A), [], "the old one does not hold any more");
    let reported = |(index, notice): &(usize, Notice)| {
        *index == A && matches!(notice, Notice::RouteTooLarge { prefixes, .. } if *prefixes == [prefix])
    };
    assert_eq!(sim.notices.iter().filter(|notice| reported(notice)).count(), 1);
    let (peer, _) = sim.session(A, B).expect("the session lives on");
    let up = sim.speakers[A].peer(peer).and_then(|peer| peer.established()).expect("up");
    assert!(up.adj_ribs_out().all(|(_, rib)| rib.is_empty()), "nobody believes that it was told");
    assert_eq!(up.too_large().len(), 1);
    let reason = sim.exported(A, B, &prefix.to_string()).expect_err("not told");
    assert_eq!(reason, "its attributes fit into no message to this peer: at most 4096 octets (RFC 8654)");

    feed(&mut sim, &[prefix], &path(&[65009]));
    sim.run_for(SOON);
    assert_eq!(sim.learned(B, A).len(), 1);
    assert!(sim.exported(A, B, &prefix.to_string()).is_ok(), "it is told again");
}

#[test]
fn a_slow_reader_is_told_the_last_state_only() {
    let mut sim = line(OPEN);
    let (before, said) = (sim.updates[&(A, B)], sim.pending[&A]);
    sim.stall(A, B);
    let two = prefixes(2);
    for med in 0..50 {
        feed(&mut sim, &two, &PathAttributes { med: Some(med), ..path(&[65009, 64512 + med]) });
    }
    sim.withdraw(FEEDER, A, &two[1].to_string());
    sim.run_for(SOON);
    assert_eq!(sim.pending[&A] - said, 1, "one word is enough for who cannot send");
    sim.unstall(A, B);
    sim.run_for(SOON);
    assert_eq!(sim.learned(B, A), [(two[0].to_string(), "10.13.76.9".into(), "65001 65009 64561".into())]);
    assert_eq!(sim.updates[&(A, B)] - before, 1);
}

/// A batch that is half sent when its prefixes change must not undo the change.
#[test]
fn what_is_left_of_a_batch_goes_out_before_what_came_later() {
    let mut sim = line(OPEN);
    sim.stall(A, B);
    let all = prefixes(1000);
    feed(&mut sim, &all, &path(&[65009]));
    sim.read_some(A, B, 1);
    sim.run_for(SOON);
    let first = sim.learned(B, A).len();
    assert!((1..900).contains(&first), "{first} in the first message");
    // One that was told, one that is in the rest, and the last of the rest is withdrawn.
    for index in [0, 900] {
        feed(&mut sim, &all[index..=index], &path(&[65009, 64999]));
    }
    sim.withdraw(FEEDER, A, &all[999].to_string());
    sim.unstall(A, B);
    sim.run_for(SOON);
    let told = sim.learned(B, A);
    assert_eq!(told.len(), 999);
    let long = told.iter().filter(|(.., path)| path.ends_with("64999")).map(|(prefix, ..)| prefix.clone());
    assert_eq!(long.collect::<Vec<_>>(), [all[0].to_string(), all[900].to_string()]);
}
