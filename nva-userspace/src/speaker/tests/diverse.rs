//! Hubs that share out equal paths: `n` hubs, `m` NVAs that announce the same prefix to each hub, a route server.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::sim::{Sim, loopback_added};
use super::{MINUTE, SOON, speaker};
use crate::net::Instant;
use crate::speaker::{HubStanding, Notice};

const SERVER: usize = 0;
const PREFIX: &str = "100.0.0.100/32";

/// The hold time of all sessions but those with the route server, plus what the timers may be late.
const HOLD: Duration = Duration::from_secs(10);

const TIMERS: &str = "hold-time = 9\nconnect-retry = 2";

struct Network {
    sim: Sim,
    hubs: Vec<usize>,
    nvas: Vec<usize>,
    dead: BTreeSet<usize>,
}

/// The last octets of the hubs' and the NVAs' addresses.
fn hub(number: usize) -> u8 {
    84 + u8::try_from(number).expect("few hubs")
}

fn nva(number: usize) -> u8 {
    100 + u8::try_from(number).expect("few NVAs")
}

fn nva_asn(number: usize) -> u32 {
    65000 + u32::from(nva(number))
}

impl Network {
    /// All sessions are coming up.
    fn new(seed: u64, hubs: usize, nvas: usize) -> Network {
        Network::with(seed, hubs, nvas, "")
    }

    /// The same with these keys for the sessions between the hubs.
    fn with(seed: u64, hubs: usize, nvas: usize, fellow: &str) -> Network {
        let to_server = format!(
            "kind = \"azure-route-server\"\ndiverse-paths = true\nexport = [\"all\"]\nnext-hop = \"keep\"\n{TIMERS}"
        );
        let from_nva = format!("import = [\"all\"]\n{TIMERS}");
        let to_hub = format!("export = [\"all\"]\n{TIMERS}");
        let far = format!("import = [\"all\"]\nmultihop = 8\n{TIMERS}");
        let fellow = format!("kind = \"hub\"\n{TIMERS}\n{fellow}");
        let server_peers: Vec<_> = (0..hubs).map(|number| (hub(number), 65000, far.as_str())).collect();
        let mut configs = vec![speaker(65515, 4, "", "", &server_peers)];
        for own in 0..hubs {
            let mut peers = vec![(4, 65515, to_server.as_str())];
            peers.extend((0..nvas).map(|number| (nva(number), nva_asn(number), from_nva.as_str())));
            peers.extend((0..hubs).filter(|number| *number != own).map(|number| (hub(number), 65000, fellow.as_str())));
            configs.push(speaker(65000, hub(own), "", "", &peers));
        }
        for number in 0..nvas {
            let peers: Vec<_> = (0..hubs).map(|number| (hub(number), 65000, to_hub.as_str())).collect();
            configs.push(speaker(nva_asn(number), nva(number), "", "", &peers));
        }
        let mut sim = Sim::new(seed, &configs);
        let (hubs, nvas): (Vec<usize>, Vec<usize>) = ((1..=hubs).collect(), (hubs + 1..configs.len()).collect());
        nvas.iter().for_each(|nva| sim.host(*nva, loopback_added([100, 0, 0, 100])));
        Network { sim, hubs, nvas, dead: BTreeSet::new() }
    }

    /// Lets it converge: nothing goes on but keepalives.
    fn converged(seed: u64, hubs: usize, nvas: usize) -> Network {
        Network::new(seed, hubs, nvas).converge()
    }

    fn converge(self) -> Network {
        let mut network = self;
        let expected = network.expected(&network.hubs, &network.nvas);
        let hubs = network.hubs.clone();
        network.sim.run_until("every path", MINUTE, |sim| {
            // Every hub counts every other.
            expected == told(sim, &hubs) && hubs.iter().all(|hub| sharing(sim, *hub) == hubs.len())
        });
        network
    }

    /// What these hubs tell of these NVAs when all is done.
    fn expected(&self, hubs: &[usize], nvas: &[usize]) -> BTreeSet<String> {
        let mut next_hops: Vec<String> =
            nvas.iter().map(|nva| format!("10.13.76.{}", 100 + nva - 1 - self.hubs.len())).collect();
        next_hops.sort();
        (0..hubs.len()).filter_map(|number| Some(next_hops.get(number % next_hops.len().max(1))?.clone())).collect()
    }

    /// Nobody hears of this one any more.
    fn kill(&mut self, index: usize) {
        (0..self.sim.speakers.len()).filter(|other| *other != index).for_each(|other| self.sim.cut(index, other));
        self.dead.insert(index);
    }

    fn revive(&mut self, index: usize) {
        self.dead.remove(&index);
        let alive = (0..self.sim.speakers.len()).filter(|other| *other != index && !self.dead.contains(other));
        alive.for_each(|other| self.sim.mend(index, other));
    }

    /// The same, and everybody sees so at once.
    fn reset(&mut self, index: usize) {
        self.kill(index);
        for other in 0..self.sim.speakers.len() {
            if other != index {
                self.sim.mend(index, other);
                self.sim.reset(index, other);
                self.sim.cut(index, other);
            }
        }
    }

    /// A hub comes back: no path is missing for longer than a message travels. Those who count first move first.
    fn comes_back(&mut self, how: &str) {
        let slice = Duration::from_millis(10);
        let mut without = Duration::ZERO;
        while !self.hubs.iter().all(|hub| sharing(&self.sim, *hub) == 3) {
            self.sim.run_for(slice);
            let told = told(&self.sim, &self.hubs).len();
            assert!(told > 0, "never none");
            without += if told < 2 { slice } else { Duration::ZERO };
            assert!(self.sim.now < Instant::ZERO + 10 * MINUTE, "the hub comes back");
        }
        assert!(without <= 5 * slice, "{how}: one path was missing for {without:?}");
    }

    fn run_until_told(&mut self, what: &str, patience: Duration, hubs: &[usize], expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        self.sim.run_until(what, patience, |sim| {
            let told = told(sim, hubs);
            assert!(!told.is_empty(), "the route server has a path at all times");
            told == expected
        });
    }
}

/// The next hops that the route server has from these hubs.
fn told(sim: &Sim, hubs: &[usize]) -> BTreeSet<String> {
    let from = |hub: &usize| sim.received(SERVER, *hub, PREFIX).map(|route| route.next_hop.to_string());
    hubs.iter().filter_map(from).collect()
}

/// How many hubs share, as a hub sees it.
fn sharing(sim: &Sim, hub: usize) -> usize {
    let Some(server) = sim.speakers[hub].shared_servers().next() else { return 0 };
    let fellows = sim.speakers[hub].fellow_hubs(server);
    1 + fellows.filter(|(_, standing)| matches!(standing, HubStanding::Sharing(_))).count()
}

#[test]
fn each_of_two_hubs_tells_another_of_two_paths() {
    let network = Network::converged(1, 2, 2);
    let told: Vec<_> = network.hubs.iter().map(|hub| told(&network.sim, &[*hub])).collect();
    assert_eq!(told, [BTreeSet::from(["10.13.76.100".to_owned()]), BTreeSet::from(["10.13.76.101".to_owned()])]);
    let exported = network.sim.exported(network.hubs[1], SERVER, PREFIX).expect("told");
    assert_eq!(exported.path.map(|path| path.to_string()).as_deref(), Some("path 2 of 2 (hub 2 of 2)"));
}

#[test]
fn the_survivor_of_two_hubs_has_one_path_and_shares_again_when_the_other_is_back() {
    let mut network = Network::converged(2, 2, 2);
    let hubs = network.hubs.clone();
    for hub in &hubs {
        network.kill(*hub);
        network.run_until_told("one path left", HOLD, &hubs, &["10.13.76.100"]);
        network.revive(*hub);
        network.run_until_told("both paths again", 2 * MINUTE, &hubs, &["10.13.76.100", "10.13.76.101"]);
    }
}

#[test]
fn three_hubs_lose_no_path_of_two_for_longer_than_a_second_after_the_loss_of_a_hub_is_seen() {
    for lost in 0..3 {
        let mut network = Network::converged(3, 3, 2);
        let hubs = network.hubs.clone();
        network.reset(hubs[lost]);
        network.run_until_told("both paths", SOON, &hubs, &["10.13.76.100", "10.13.76.101"]);
        network.sim.run_for(SOON);
        assert_eq!(told(&network.sim, &hubs).len(), 2, "and it stays so");
    }
}

/// A hub that is back counts only when it has something to tell: nobody hands over a path to somebody without it.
#[test]
fn three_hubs_keep_both_paths_while_one_comes_back() {
    // With graceful restart the others still have of it that it shared, before it says so again.
    for fellow in ["", "graceful-restart = true"] {
        let mut network = Network::with(4, 3, 2, fellow).converge();
        for hub in network.hubs.clone() {
            network.reset(hub);
            network.run_until_told("both paths", SOON, &network.hubs.clone(), &["10.13.76.100", "10.13.76.101"]);
            network.revive(hub);
            network.comes_back(fellow);
        }
    }
}

#[test]
fn a_lost_nva_takes_its_path_along_and_nothing_else() {
    let mut network = Network::converged(5, 2, 3);
    let hubs = network.hubs.clone();
    assert_eq!(told(&network.sim, &hubs).len(), 2, "with fewer hubs than paths one is hidden");
    let server = network.sim.speakers[hubs[0]].shared_servers().next().expect("a route server");
    assert_eq!(network.sim.speakers[hubs[0]].spread_towards(server), (1, 1));
    let hidden = |notice: &Notice| matches!(notice, Notice::Share { hidden: 1, .. });
    assert!(network.sim.notices.iter().any(|(_, notice)| hidden(notice)), "and the operator is told");
    let before = network.sim.updates.clone();
    let nva = network.nvas[0];
    network.reset(nva);
    network.run_until_told("the other two", SOON, &hubs, &["10.13.76.101", "10.13.76.102"]);
    for hub in &hubs {
        let sent = network.sim.updates[&(*hub, SERVER)] - before[&(*hub, SERVER)];
        assert!(sent <= 2, "hub {hub} sent {sent} UPDATEs");
    }
}

/// After a restart the others still have of a hub that it shared: that counts no more than what it says now.
#[test]
fn a_hub_that_is_back_without_the_route_server_does_not_count() {
    for fellow in ["", "graceful-restart = true"] {
        let mut network = Network::with(9, 3, 2, fellow).converge();
        let (lost, left) = (network.hubs[0], network.hubs[1..].to_vec());
        network.reset(lost);
        let others = left.iter().chain(&network.nvas);
        others.for_each(|other| network.sim.mend(lost, *other));
        network.sim.run_until("the sessions with the fellows", MINUTE, |sim| {
            left.iter().all(|hub| sim.session(*hub, lost).is_some())
        });
        for _ in 0..100 {
            assert!(left.iter().all(|hub| sharing(&network.sim, *hub) == 2), "{fellow}");
            network.sim.run_for(Duration::from_millis(100));
        }
        assert_eq!(told(&network.sim, &network.hubs).len(), 2, "{fellow}");
    }
}

/// A hub without its route server tells nobody its share there: the others must know.
#[test]
fn a_hub_that_loses_the_route_server_alone_no_longer_counts() {
    let mut network = Network::converged(6, 3, 2);
    let hubs = network.hubs.clone();
    network.sim.reset(hubs[1], SERVER);
    network.sim.cut(hubs[1], SERVER);
    network.sim.run_until("two hubs", SOON, |sim| sharing(sim, hubs[0]) == 2 && sharing(sim, hubs[2]) == 2);
    network.run_until_told("both paths", SOON, &[hubs[0], hubs[2]], &["10.13.76.100", "10.13.76.101"]);
    network.sim.mend(hubs[1], SERVER);
    network.sim.run_until("three again", 2 * MINUTE, |sim| hubs.iter().all(|hub| sharing(sim, *hub) == 3));
}

/// Such a hub still tells its fellows their shares, without counting itself among them, as they do not count it.
#[test]
fn a_hub_without_the_route_server_has_a_path_told_that_only_it_has() {
    let mut network = Network::converged(6, 3, 2);
    let (hubs, nva) = (network.hubs.clone(), network.nvas[0]);
    for (one, other) in [(hubs[0], SERVER), (hubs[1], nva), (hubs[2], nva)] {
        network.sim.reset(one, other);
        network.sim.cut(one, other);
    }
    network.sim.run_for(SOON);
    network.run_until_told("both paths", SOON, &hubs[1..], &["10.13.76.100", "10.13.76.101"]);
}

/// Before maintenance, its own or the route server's, a hub hands its share over while it still tells it itself.
#[test]
fn a_drained_hub_no_longer_counts() {
    for router in [true, false] {
        let mut network = Network::converged(10, 3, 2);
        let hubs = network.hubs.clone();
        let (server, _) = network.sim.session(hubs[0], SERVER).expect("a session");
        network.sim.operate(hubs[0], |speaker, now| match router {
            true => speaker.drain_router(true, now),
            false => speaker.drain(server, true, now),
        });
        network.sim.run_until("two hubs", MINUTE, |sim| sharing(sim, hubs[1]) == 2 && sharing(sim, hubs[2]) == 2);
        network.sim.run_for(SOON);
        network.reset(hubs[0]);
        assert_eq!(told(&network.sim, &hubs[1..]).len(), 2, "its fellows tell all already");
    }
}

/// Hubs that do not hear of each other tell the same path: that hides one, and loses none.
#[test]
fn hubs_that_are_parted_tell_the_same_path() {
    let mut network = Network::converged(7, 2, 2);
    let hubs = network.hubs.clone();
    network.sim.cut(hubs[0], hubs[1]);
    network.run_until_told("one path from both", HOLD, &hubs, &["10.13.76.100"]);
    network.sim.mend(hubs[0], hubs[1]);
    network.run_until_told("both paths", MINUTE, &hubs, &["10.13.76.100", "10.13.76.101"]);
}

/// An NVA that has lost its session with one hub is still heard of through the other one.
#[test]
fn a_path_that_one_hub_lost_is_told_all_the_same() {
    for (hub, nva) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut network = Network::converged(8, 2, 2);
        let hubs = network.hubs.clone();
        let (hub, nva) = (hubs[hub], network.nvas[nva]);
        network.sim.reset(hub, nva);
        network.sim.cut(hub, nva);
        network.sim.run_for(SOON);
        network.run_until_told("both paths", SOON, &hubs, &["10.13.76.100", "10.13.76.101"]);
    }
}

/// The presence of a hub is no route: nothing is forwarded by it, and nobody else is told of it.
#[test]
fn presences_are_no_routes() {
    let network = Network::converged(9, 2, 1);
    let hub = &network.sim.speakers[network.hubs[0]];
    let presence = "10.13.76.4/32".parse().expect("a prefix");
    assert!(hub.rib().selected(presence).is_none());
    let standing = hub.rib().candidates(presence)[0].standing.to_string();
    assert_eq!(standing, "no route, but a sign that the hub shares out paths to p4");
    for index in network.nvas.iter().chain([&SERVER]) {
        assert!(network.sim.speakers[*index].rib().candidates(presence).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whoever dies and comes back: in the end every equal path is told if there are hubs enough, else as many as there
    /// are hubs.
    #[test]
    fn all_paths_are_told_as_far_as_there_are_hubs(
        seed in any::<u64>(), hubs in 2..5_usize, nvas in 1..5_usize,
        deaths in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..6),
    ) {
        let mut network = Network::new(seed, hubs, nvas);
        network.sim.run_for(MINUTE);
        for (who, silent) in deaths {
            let who = 1 + who.index(hubs + nvas);
            match (network.dead.contains(&who), silent) {
                (true, _) => network.revive(who),
                (false, true) => network.kill(who),
                (false, false) => network.reset(who),
            }
            network.sim.run_for(Duration::from_secs(3));
        }
        network.sim.run_for(2 * MINUTE);
        let alive = |all: &[usize]| all.iter().copied().filter(|one| !network.dead.contains(one)).collect::<Vec<_>>();
        let (hubs, nvas) = (alive(&network.hubs), alive(&network.nvas));
        prop_assert_eq!(told(&network.sim, &network.hubs), network.expected(&hubs, &nvas));
    }
}
