//! What a receiver holds is what the sender exports of its Loc-RIB, whatever happened on the way and however slowly it
//! was read.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sim::{ETH0, Sim, link, loopback_added, loopback_removed, own_address, route};
use super::{MINUTE, SOON, established, path, speaker};
use crate::attributes::{Community, PathAttributes};
use crate::host::HostEvent;
use crate::net::{AfiSafi, Prefix};
use crate::packet::{self, Message, RefreshSubtype, RouteRefresh};
use crate::rib::Import;
use crate::route::{Interner, NextHop, Route};
use crate::speaker::import;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const FEEDER: usize = 3;
const SPEAKERS: [usize; 3] = [A, B, C];
const ETH1: u32 = 3;

/// A triangle of which B and C are one AS, and somebody who feeds A and B.
fn network(seed: u64) -> Sim {
    let tables = "[[policy]]\nname = \"some\"\n\
        [[policy.statement]]\nmatch = { communities = [\"1:0\"] }\nthen = { accept = false }\n\
        [[policy.statement]]\nmatch = { communities = [\"1:1\"] }\nthen = { prepend = 3, med = 5, accept = true }\n\
        [[policy.statement]]\nmatch = { communities = [\"1:2\"] }\nthen = { next-hop = \"keep\", accept = true }\n\
        [[policy.statement]]\nmatch = { communities = [\"1:3\"] }\nthen = { next-hop = \"gateway\", accept = true }\n\
        [[policy.statement]]\nthen = { accept = true }\n";
    let some = "import = [\"all\"]\nexport = [\"some\"]";
    let many = format!("{some}\nmultihop = 8");
    let configs = [
        speaker(65001, 10, "", tables, &[(20, 65002, some), (30, 65002, &many), (9, 65009, "import = [\"all\"]")]),
        speaker(65002, 20, "", tables, &[(10, 65001, some), (30, 65002, ""), (9, 65009, "import = [\"all\"]")]),
        speaker(65002, 30, "", tables, &[(10, 65001, &many), (20, 65002, "")]),
        speaker(65009, 9, "", "", &[(10, 65001, ""), (20, 65002, "")]),
    ];
    let mut sim = established(Sim::new(seed, &configs));
    sim.piecemeal = seed % 2 == 1;
    for index in SPEAKERS {
        sim.host(index, HostEvent::RouteSet(route("10.99.0.0/24", None, ETH1)));
    }
    sim
}

fn feed(sim: &mut Sim, rng: &mut fastrand::Rng) {
    let to = if rng.bool() { A } else { B };
    let number = rng.u8(..40);
    if sim.session(to, FEEDER).is_none() {
        return;
    }
    let prefix = format!("100.64.{number}.0/24");
    if rng.u8(..4) == 0 {
        return sim.withdraw(FEEDER, to, &prefix);
    }
    let next_hop = *rng.choice(&["10.13.76.9", "10.13.76.77", "10.13.76.20", "10.99.0.5"]).expect("some");
    let communities = vec![Community::new(1, rng.u16(..6))];
    let med = rng.bool().then(|| rng.u32(..3));
    let asns = [65009, 64512 + rng.u32(..3), 64520];
    let attributes = PathAttributes { med, communities, ..path(&asns[..rng.usize(1..=3)]) };
    sim.announce(FEEDER, to, &prefix, next_hop, &attributes);
}

fn change_machine(sim: &mut Sim, index: usize, rng: &mut fastrand::Rng) {
    let number = rng.u8(..8);
    let eth1 = [10, 99, 0, 10 + u8::try_from(index).expect("few")];
    sim.host(
        index,
        match rng.u8(..8) {
            0 => HostEvent::LinkSet(link(ETH1, "eth1", rng.bool())),
            1 => HostEvent::AddressAdded(own_address(ETH1, eth1.into())),
            2 => HostEvent::AddressRemoved(own_address(ETH1, eth1.into())),
            3 => HostEvent::LinkSet(link(ETH0, "eth0", rng.u8(..4) > 0)),
            4..6 => loopback_removed([100, 0, 0, number]),
            _ => loopback_added([100, 0, 0, number]),
        },
    );
}

fn step(sim: &mut Sim, rng: &mut fastrand::Rng) {
    let (from, to) = (rng.usize(..3), rng.usize(..3));
    match rng.u8(..20) {
        0 if from != to => sim.stall(from, to),
        1 => sim.unstall(from, to),
        2..5 => sim.read_some(from, to, rng.usize(1..4)),
        5 if from != to && sim.session(to, from).is_some() => sim.inject(from, to, |context, out| {
            let refresh = Message::RouteRefresh(RouteRefresh::new(AfiSafi::Ipv4Unicast, RefreshSubtype::Request));
            packet::encode(&refresh, context, out).expect("it fits");
        }),
        6 if from != to && rng.u8(..4) == 0 => sim.reset(from, to),
        7..10 => change_machine(sim, from, rng),
        _ => feed(sim, rng),
    }
    if rng.u8(..3) == 0 {
        sim.run_for(Duration::from_millis(rng.u64(..20)));
    }
}

type Told = BTreeMap<Prefix, (NextHop, PathAttributes)>;

fn held(sim: &Sim, receiver: usize, sender: usize) -> Told {
    let (peer, _) = sim.session(receiver, sender).expect("a session");
    let row = |route: &Route| (route.prefix, (route.next_hop, (*route.attributes).clone()));
    sim.speakers[receiver].rib().routes_of(peer).map(|received| row(received.route)).collect()
}

fn exported(sim: &Sim, sender: usize, receiver: usize) -> Told {
    let (peer, _) = sim.session(sender, receiver).expect("a session");
    let speaker = &sim.speakers[sender];
    let prefixes = AfiSafi::ALL.into_iter().flat_map(|family| speaker.rib().iter_selected(family));
    prefixes
        .filter_map(|(prefix, _)| {
            let exported = speaker.exported(peer, prefix)?.ok()?;
            Some((prefix, (NextHop::Via(exported.next_hop), exported.attributes)))
        })
        .collect()
}

#[test]
fn a_receiver_holds_what_the_sender_exports() {
    let mut compared = 0;
    for seed in 0..12 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut sim = network(seed);
        for round in 0..4 {
            for _ in 0..150 {
                step(&mut sim, &mut rng);
            }
            for index in SPEAKERS {
                SPEAKERS.into_iter().for_each(|to| sim.unstall(index, to));
            }
            let mut sessions = 5 * MINUTE;
            while SPEAKERS.iter().any(|index| sim.established(*index) < sim.speakers[*index].peers().len()) {
                sessions = sessions.checked_sub(SOON).expect("sessions come up again");
                sim.run_for(SOON);
            }
            sim.run_for(SOON);
            for sender in SPEAKERS {
                for receiver in SPEAKERS.into_iter().filter(|receiver| *receiver != sender) {
                    let expected = exported(&sim, sender, receiver);
                    compared += expected.len();
                    assert_eq!(
                        held(&sim, receiver, sender),
                        expected,
                        "seed {seed}, round {round}: what {sender} tells {receiver}"
                    );
                }
            }
        }
    }
    assert!(compared > 1000, "only {compared} routes were compared");
}

/// Import is a function of the machine as it is: judged all at once, everything stands as it does now.
#[test]
fn what_was_let_in_would_be_let_in_today() {
    for seed in 100..110 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut sim = network(seed);
        for _ in 0..300 {
            step(&mut sim, &mut rng);
        }
        for index in SPEAKERS {
            let speaker = &sim.speakers[index];
            for peer in speaker.peers() {
                let Some(sender) = peer.sender() else { continue };
                for received in speaker.rib().routes_of(peer.id()) {
                    let mut interner = Interner::default();
                    let today = import::import(received.route, sender, speaker.host(), &mut interner);
                    let then = match received.import {
                        Ok(route) => Import::Accepted(route.clone()),
                        Err(reason) => Import::Rejected(reason.clone()),
                    };
                    assert_eq!(then, today, "seed {seed}, speaker {index}: {}", received.route.prefix);
                }
            }
        }
    }
}
