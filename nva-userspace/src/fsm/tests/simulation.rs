//! Sessions that talk to each other through a network that fails, and then heals (level 3 of the test ladder).

use super::network::{Faults, Network};
use super::*;
use crate::packet::iana::cease as cease_subcode;

const LOW: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const HIGH: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn pair(router_ids: [Ipv4Addr; 2], passive: [bool; 2]) -> Vec<SessionConfig> {
    let asns = [Asn(65000), Asn(65001)];
    let side = |own: usize| SessionConfig {
        passive: passive[own],
        ..SessionConfig::new(asns[own], router_ids[own], RemoteAs::Exactly(asns[1 - own]))
    };
    vec![side(0), side(1)]
}

fn millis(count: u64) -> Instant {
    Instant::from_origin(Duration::from_millis(count))
}

#[test]
fn two_that_connect_at_once_agree_on_one_connection() {
    for (router_ids, higher) in [([LOW, HIGH], 1), ([HIGH, LOW], 0)] {
        for latency in [1, 50, 700] {
            for head_start in [0, 1, 2, 3, 10, 49, 51, 99, 101, 350, 699, 701, 1399, 1401, 2101, 5000] {
                let case = format!("{router_ids:?} {latency} {head_start}");
                let mut network = Network::new(pair(router_ids, [false, false]), head_start);
                network.latency = (Duration::from_millis(latency), Duration::from_millis(latency));
                network.at(millis(head_start), 0, Event::Start);
                network.at(millis(0), 1, Event::Start);
                network.run_until(seconds(60));
                let agreed = network.agreed(0).unwrap_or_else(|| panic!("{case}: not one connection"));
                assert_eq!(network.downs, 0, "{case}: with one latency there is no race");
                if head_start < latency {
                    assert_eq!(network.openers[&agreed], higher, "{case}: the higher identifier's connection");
                }
            }
        }
    }
}

#[test]
fn one_side_passive() {
    for (passive, opener) in [([true, false], 1), ([false, true], 0)] {
        let mut network = Network::new(pair([LOW, HIGH], passive), 1);
        network.at(seconds(0), 0, Event::Start);
        network.at(seconds(3), 1, Event::Start);
        network.run_until(seconds(60));
        let agreed = network.agreed(0).expect("Established");
        assert_eq!(network.openers[&agreed], opener);
    }
}

#[test]
fn a_reset_by_the_operator_is_over_at_once() {
    let mut network = Network::new(pair([LOW, HIGH], [false, false]), 1);
    network.at(seconds(0), 0, Event::Start);
    network.at(seconds(0), 1, Event::Start);
    network.run_until(seconds(100));
    let before = network.agreed(0).expect("Established");
    let reset = Notification::cease(cease_subcode::ADMINISTRATIVE_RESET);
    network.at(seconds(100), 0, Event::Stop { notification: reset });
    network.at(seconds(100), 0, Event::Start);
    network.run_until(seconds(110));
    let after = network.agreed(0).expect("Established again");
    assert_ne!(before, after);
    assert_eq!(network.downs, 2);
}

#[test]
fn two_that_have_failed_together_do_not_refuse_each_other_forever() {
    for seed in 0..100 {
        let mut network = Network::new(pair([LOW, HIGH], [false, false]), seed);
        network.at(seconds(0), 0, Event::Start);
        network.at(seconds(0), 1, Event::Start);
        network.run_until(seconds(10));
        let connection = network.agreed(0).expect("Established");
        for speaker in [0, 1] {
            let reason = "reset by peer".to_owned();
            network.at(seconds(10), speaker, Event::ConnectionClosed { connection, reason });
        }
        network.run_until(seconds(10 + 5 + 1));
        assert!(network.agreed(0).is_some(), "seed {seed}: both are back after one idle hold");
        assert_eq!(network.downs, 2, "seed {seed}");
    }
}

#[test]
fn silence_is_noticed_after_the_hold_time() {
    let mut network = Network::new(pair([LOW, HIGH], [false, false]), 1);
    network.at(seconds(0), 0, Event::Start);
    network.at(seconds(0), 1, Event::Start);
    network.run_until(seconds(10));
    network.faults.silence = 1.0;
    network.run_until(seconds(10 + 60));
    assert_eq!(network.downs, 0);
    network.run_until(seconds(10 + 60 + 91));
    assert_eq!(network.downs, 2, "both have noticed");
    network.faults = Faults::default();
    network.run_until(seconds(161 + 300));
    assert!(network.agreed(0).is_some());
    for speaker in [0, 1] {
        let down = network.session(speaker).last_down().expect("it went down");
        assert_eq!(down.reason.notification(), Some(&Notification::hold_timer_expired()));
    }
}

/// Everything fails for ten minutes and operators meddle; then the network heals.
fn chaos(pairs: usize, seed: u64) -> u64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let configs = (0..pairs).flat_map(|_| {
        let router_ids = if random.bool() { [LOW, HIGH] } else { [HIGH, LOW] };
        let passive = random.u8(..4);
        let mut configs = pair(router_ids, [passive == 0, passive == 1]);
        configs[0].hold_time = random.u16(3..90);
        configs
    });
    let mut network = Network::new(configs.collect(), seed);
    network.latency = (Duration::from_micros(100), Duration::from_millis(1 + random.u64(..800)));
    let share = |random: &mut fastrand::Rng, most: f64| if random.bool() { random.f64() * most } else { 0.0 };
    network.faults = Faults {
        refused: share(&mut random, 0.5),
        unanswered: share(&mut random, 0.5),
        silence: share(&mut random, 0.1),
        cut: share(&mut random, 0.1),
        twice: share(&mut random, 0.1),
        garbled: share(&mut random, 0.1),
    };
    let heals = seconds(600);
    for speaker in 0..pairs * 2 {
        for _ in 0..random.u8(..3) {
            let when = millis(random.u64(..600_000));
            network.at(when, speaker, Event::Stop { notification: shutdown() });
        }
        for _ in 0..3 {
            network.at(millis(random.u64(..600_000)), speaker, Event::Start);
        }
    }
    network.run_until(heals);
    network.faults = Faults::default();
    // Only what an operator stopped needs an operator again.
    for speaker in 0..pairs * 2 {
        let session = network.session(speaker);
        if session.state() == State::Idle && session.idle_until().is_none() {
            network.at(heals, speaker, Event::Start);
        }
    }
    // The longest way back: an OPEN awaited on a silent connection, an idle hold at its maximum, another attempt.
    network.run_until(seconds(600 + 240 + 120 + 90 + 60));
    let downs = network.downs;
    for pair in 0..pairs {
        assert!(network.agreed(pair).is_some(), "seed {seed}: pair {pair} is not Established");
    }
    network.run_until(seconds(1500));
    assert_eq!(network.downs, downs, "seed {seed}: and stays so");
    downs
}

#[test]
fn a_pair_always_comes_back() {
    let downs: u64 = (0..300).map(|seed| chaos(1, seed)).sum();
    assert!(downs > 1000, "the faults must have hit: {downs} sessions went down");
}

#[test]
fn many_pairs_always_come_back() {
    for seed in 1000..1010 {
        chaos(20, seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_course() {
    let course = |seed| {
        let mut network = Network::new(pair([LOW, HIGH], [false, false]), seed);
        network.faults = Faults { cut: 0.2, garbled: 0.1, ..Faults::default() };
        network.latency.1 = Duration::from_millis(300);
        network.at(seconds(0), 0, Event::Start);
        network.at(seconds(0), 1, Event::Start);
        network.run_until(seconds(1000));
        [0, 1].map(|speaker| (*network.session(speaker).counters(), network.session(speaker).since()))
    };
    assert_eq!(course(5), course(5));
    assert_ne!(course(5), course(6));
}
