//! Whatever happens on the way, once it stops happening everybody knows what a quiet start would have taught them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::sim::{Sim, loopback_added, loopback_removed};
use crate::speaker::Notice;

const SPEAKERS: usize = 5;
const PREFIXES: u8 = 6;

/// A full mesh of external peers that tell each other everything, each with an AS of its own. Some pairs restart
/// gracefully, some bear with restarts, and some do neither.
fn mesh() -> Vec<String> {
    let config = |own: usize| {
        let mut text = format!(
            "[router]\nasn = {}\nrouter-id = \"10.13.76.{}\"\n[originate]\ninterfaces = [\"lo\"]\n\
             [[policy]]\nname = \"all\"\n[[policy.statement]]\nthen = {{ accept = true }}\n",
            65001 + own,
            10 + own
        );
        for other in (0..SPEAKERS).filter(|other| *other != own) {
            let restart = ["true\nrestart-time = 20", "\"helper\"", "false"][(own + other) % 3];
            text.push_str(&format!(
                "[[peer]]\nname = \"p{other}\"\naddress = \"10.13.76.{}\"\nasn = {}\nhold-time = 9\n\
                 import = [\"all\"]\nexport = [\"all\"]\ngraceful-restart = {restart}\n",
                10 + other,
                65001 + other
            ));
        }
        text
    };
    (0..SPEAKERS).map(config).collect()
}

/// Which loopback addresses each speaker has.
type Wanted = [[bool; PREFIXES as usize]; SPEAKERS];

fn address(owner: usize, index: u8) -> [u8; 4] {
    // Half of the prefixes are announced by two speakers each.
    let net = if index.is_multiple_of(2) { owner } else { owner / 2 };
    [100, 64, u8::try_from(net).expect("few speakers"), index]
}

fn settle(sim: &mut Sim) {
    sim.run_until("every session established", Duration::from_secs(600), |sim| {
        (0..SPEAKERS).all(|index| sim.established(index) == SPEAKERS - 1)
    });
    sim.run_for(Duration::from_secs(60));
    for index in 0..SPEAKERS {
        assert_eq!(sim.established(index), SPEAKERS - 1, "speaker {index} does not stay up");
    }
}

fn quiet(seed: u64, wanted: &Wanted) -> Sim {
    let mut sim = Sim::new(seed, &mesh());
    for (owner, prefixes) in wanted.iter().enumerate() {
        for index in 0..PREFIXES {
            if prefixes[usize::from(index)] {
                sim.host(owner, loopback_added(address(owner, index)));
            }
        }
    }
    settle(&mut sim);
    sim
}

/// A speaker starts again, on a machine whose loopback addresses come back one after the other.
fn revive(sim: &mut Sim, index: usize, wanted: &Wanted) {
    sim.revive(index);
    for (number, there) in (0..PREFIXES).zip(wanted[index]) {
        if there {
            sim.host(index, loopback_added(address(index, number)));
        }
    }
}

#[test]
fn chaos_ends_where_quiet_ends() {
    for seed in 0..12 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut sim = Sim::new(seed, &mesh());
        sim.piecemeal = seed % 2 == 1;
        let mut wanted: Wanted = Default::default();
        let mut dead = BTreeSet::new();
        for _ in 0..120 {
            let (a, b) = (rng.usize(..SPEAKERS), rng.usize(..SPEAKERS));
            match rng.u8(..9) {
                0 if a != b => sim.cut(a, b),
                1 => sim.mend(a, b),
                2 if a != b => sim.reset(a, b),
                3..=5 => {
                    let index = rng.u8(..PREFIXES);
                    let has = &mut wanted[a][usize::from(index)];
                    *has = !*has;
                    let event = if *has { loopback_added } else { loopback_removed };
                    if !dead.contains(&a) {
                        sim.host(a, event(address(a, index)));
                    }
                }
                6 if dead.remove(&a) => revive(&mut sim, a, &wanted),
                6 => {
                    if rng.bool() {
                        sim.leave(a);
                    }
                    sim.kill(a);
                    dead.insert(a);
                }
                _ => {}
            }
            sim.run_for(Duration::from_millis(rng.u64(..3000)));
        }
        for a in 0..SPEAKERS {
            for b in 0..SPEAKERS {
                sim.mend(a, b);
            }
        }
        dead.into_iter().for_each(|index| revive(&mut sim, index, &wanted));
        settle(&mut sim);
        let quiet = quiet(seed + 1000, &wanted);
        for index in 0..SPEAKERS {
            assert_eq!(sim.loc_rib(index), quiet.loc_rib(index), "seed {seed}, speaker {index}");
            assert_eq!(sim.kernel(index), quiet.kernel(index), "seed {seed}, the kernel of speaker {index}");
            let stale = sim.speakers[index].peers().iter().filter(|peer| !peer.stale().is_empty()).count();
            assert_eq!(stale, 0, "seed {seed}, speaker {index}");
        }
    }
}

#[test]
fn two_that_dial_each_other_end_with_one_connection() {
    for seed in 0..200 {
        let mut sim = Sim::new(seed, &mesh()[..2]);
        sim.run_until("both established", Duration::from_secs(120), |sim| {
            (0..2).all(|index| sim.established(index) == 1)
        });
        // RFC 4271 §6.8 leaves a moment in which one side is established on the connection that the other side gives
        // up; it must not go on for ever.
        sim.run_for(Duration::from_secs(60));
        let ups = |sim: &Sim| sim.notices.iter().filter(|(_, notice)| matches!(notice, Notice::PeerUp { .. })).count();
        let settled = ups(&sim);
        assert!(settled <= 4, "seed {seed}: {settled} sessions came up");
        sim.run_for(Duration::from_secs(600));
        assert_eq!(ups(&sim), settled, "seed {seed}: a session came up again");
        for index in 0..2 {
            assert_eq!(sim.established(index), 1, "seed {seed}: speaker {index}");
        }
    }
}
