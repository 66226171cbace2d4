//! Two systems under one virtual clock: loss, reordering, timers that change, death.

use proptest::prelude::*;

use super::world::{GOOD, Link, World};
use super::*;

const BOTH_UP: [State; 2] = [State::Up; 2];

fn up(seed: u64, configs: [SessionConfig; 2], link: Link) -> World {
    let mut world = World::new(seed, configs, link);
    let came_up = world.run_until(at(60_000), |world| world.states() == BOTH_UP);
    assert!(came_up, "{:?}", world.states());
    world
}

fn a_config() -> impl Strategy<Value = SessionConfig> {
    (20_u32..1500, 20_u32..1500, 2_u8..6).prop_map(|(tx, rx, multiplier)| SessionConfig {
        desired_min_tx: MS * tx,
        required_min_rx: MS * rx,
        multiplier,
    })
}

#[test]
fn two_systems_come_up_at_once_and_settle_on_the_slower_interval() {
    let configs = [config(), SessionConfig { desired_min_tx: 250 * MS, required_min_rx: 50 * MS, multiplier: 4 }];
    let mut world = up(1, configs, GOOD);
    assert!(world.now <= at(10), "a handshake needs no timer: {}", world.now);
    world.run(3000 * MS);
    assert_eq!(world.session(0).transmit_interval(), Some(100 * MS));
    assert_eq!(world.session(1).transmit_interval(), Some(250 * MS));
    assert_eq!(world.session(0).detection_time(), Some(4 * 250 * MS));
    assert_eq!(world.session(1).detection_time(), Some(3 * 100 * MS));
    assert_eq!(world.states(), BOTH_UP);
    let before = world.session(0).counters().sent;
    world.run(10_000 * MS);
    let sent = world.session(0).counters().sent - before;
    assert!((100..=134).contains(&sent), "{sent} packets in 10 s");
}

#[test]
fn a_goodbye_is_no_failure_and_a_death_is_one() {
    let mut world = up(2, [config(); 2], GOOD);
    world.run(1000 * MS);
    world.remove(1);
    world.run(50 * MS);
    let (system, event) = *world.log.last().expect("something happened");
    assert_eq!((system, event.from, event.to, event.reason), (0, State::Up, State::Down, Reason::PeerAdminDown));

    let mut world = up(3, [config(); 2], GOOD);
    world.run(1000 * MS);
    world.kill(1);
    world.run(500 * MS);
    let (system, event) = *world.log.last().expect("something happened");
    assert_eq!((system, event.to, event.reason), (0, State::Down, Reason::DetectionTimeExpired));
    assert_eq!(world.log.iter().filter(|(_, event)| event.from == State::Up).count(), 1, "told once");
    world.revive(1, config());
    assert!(world.run_until(at(10_000), |world| world.states() == BOTH_UP), "it comes back");
}

#[test]
fn a_peer_that_was_restarted_in_no_time_is_noticed() {
    let mut world = up(4, [config(); 2], GOOD);
    world.run(1000 * MS);
    world.kill(1);
    world.revive(1, config());
    world.run(50 * MS);
    let downs: Vec<_> = world.log.iter().filter(|(system, event)| *system == 0 && event.from == State::Up).collect();
    assert_eq!(downs.len(), 1);
    assert_eq!(downs[0].1.reason, Reason::PeerDown(Diagnostic::None));
    assert!(world.run_until(at(10_000), |world| world.states() == BOTH_UP));
}

#[test]
fn a_link_that_works_one_way_only_is_down_on_both_sides() {
    let mut world = up(5, [config(); 2], GOOD);
    world.run(1000 * MS);
    world.log.clear();
    world.link.mute = Some(1);
    world.run(900 * MS);
    let downs: Vec<_> = world.log.iter().filter(|(_, event)| event.from == State::Up).collect();
    let [(0, silent), (1, told)] = downs[..] else { panic!("{downs:?}") };
    assert_eq!(silent.reason, Reason::DetectionTimeExpired);
    assert_eq!(told.reason, Reason::PeerDown(Diagnostic::DetectionTimeExpired), "the other side says so");
    world.run(30_000 * MS);
    assert!(world.states().iter().all(|state| *state != State::Up), "{:?}", world.states());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However bad the link is, both come up once it is good.
    #[test]
    fn loss_and_reordering_end_where_quiet_ends(
        seed in any::<u64>(), configs in [a_config(), a_config()], loss in 0.0..0.9, spread in 0_u32..3000,
        kill_at in 0_u32..20_000, victim in 0_usize..2,
    ) {
        let mut world = World::new(seed, configs, Link { loss, latency: MS, spread: MS * spread, mute: None });
        world.run(MS * kill_at);
        world.kill(victim);
        world.run(700 * MS);
        world.revive(victim, configs[victim]);
        world.run(20_000 * MS);
        world.link = GOOD;
        // What is still under way must have arrived, and the longest detection time be over.
        world.run(25_000 * MS);
        prop_assert_eq!(world.states(), BOTH_UP);
        world.log.clear();
        world.run(30_000 * MS);
        prop_assert_eq!(&world.log, &vec![]);
    }

    /// Whatever is changed of intervals and multipliers, and however often: no session that is Up is lost over it as
    /// long as the link is good (RFC 5880 §6.8.3 is there for this).
    #[test]
    fn changing_timers_never_takes_a_session_down(
        seed in any::<u64>(), configs in [a_config(), a_config()], latency in 0_u32..15,
        changes in prop::collection::vec((0_usize..2, a_config(), 1_u32..6000), 1..12),
    ) {
        let mut world = up(seed, configs, Link { latency: MS * latency, ..GOOD });
        world.log.clear();
        for (system, config, wait) in changes {
            world.reconfigure(system, config);
            world.run(MS * wait);
        }
        world.run(10_000 * MS);
        prop_assert_eq!(&world.log, &vec![]);
        for system in 0..2 {
            let (ours, theirs) = (world.session(system), world.session(1 - system));
            let (config, peer) = (ours.config(), theirs.config());
            let interval = config.desired_min_tx.max(peer.required_min_rx);
            prop_assert_eq!(ours.transmit_interval(), Some(interval));
            prop_assert_eq!(theirs.detection_time(), Some(interval * u32::from(config.multiplier)));
        }
    }

    /// Never is one side Up for longer than the detection time after the other has died.
    #[test]
    fn a_death_is_noticed_within_the_detection_time(
        seed in any::<u64>(), configs in [a_config(), a_config()], loss in 0.0..0.3, spread in 0_u32..10,
        lived in 0_u32..20_000, victim in 0_usize..2,
        change in prop::option::of(a_config()),
    ) {
        let link = Link { loss, latency: MS, spread: MS * spread, mute: None };
        let mut world = World::new(seed, configs, link);
        world.run(MS * lived);
        if let Some(config) = change {
            world.reconfigure(victim, config);
            world.run(MS * (lived / 8));
        }
        world.kill(victim);
        let died = world.now;
        // The last words arrive.
        world.run(link.latency + link.spread);
        let heard = world.now;
        let bound = world.session(1 - victim).detection_time().unwrap_or_default();
        world.run(bound);
        prop_assert!(world.session(1 - victim).state() != State::Up, "{bound:?} after {died}, {heard}");
        world.run(30_000 * MS);
        prop_assert_eq!(world.session(1 - victim).state(), State::Down);
    }
}
