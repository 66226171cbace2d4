//! All rows against one daemon: every row has a peer of its own, so that none disturbs another and all go at once.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::observer::Heard;
use super::trial::{DAEMON_ASN, Place, Trial};
use super::{Change, Outcome, Row, SessionKind, rows};
use crate::daemon::{Daemon, Family, Kind, Options, Peer, Relation, Router, Setup};
use crate::instance::Instance;
use crate::netns::Namespace;
use crate::process::Process;
use crate::resources::Resources;
use crate::speaker::{Identity, Speaker};
use crate::wait::wait_until;

/// The daemon's address.
const DAEMON: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// The peers that listen, an external and an internal one.
const OBSERVERS: [(Ipv4Addr, u32); 2] =
    [(Ipv4Addr::new(10, 99, 0, 2), 65003), (Ipv4Addr::new(10, 99, 0, 3), DAEMON_ASN)];

/// How long all sessions may take to come up.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How long routes may take from the senders to the observers, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// For how long nothing may have changed when what is seen counts as final: longer than any daemon here holds an
/// announcement back. Where a row looks as if the daemon had not come to it yet, it gets [`PATIENCE`].
const QUIET: Duration = Duration::from_secs(3);

/// A daemon with its peers.
struct Stage {
    senders: Vec<(Trial, Speaker)>,
    observers: Vec<(Speaker, Heard)>,
    daemon: Daemon,
    /// Removes all of it.
    _resources: Resources,
}

/// Sends the rows to a daemon, each over each of its sessions; the results are in the order of the table. Those of which
/// `is_left_out` says so are not sent, and count as crashes.
pub fn run(kind: Kind, is_left_out: impl Fn(usize) -> bool) -> anyhow::Result<Vec<(Row, SessionKind, Outcome)>> {
    let sessions = rows().into_iter().flat_map(|row| row.sessions.iter().map(move |session| (row, *session)));
    let trials: Vec<Trial> =
        sessions.zip(1..).map(|((row, session), number)| Trial::new(row, session, number)).collect();
    let mut outcomes = vec![Outcome::Crash; trials.len()];
    let sent = trials.iter().enumerate().filter(|(index, _)| !is_left_out(*index));
    perform(kind, &sent.collect::<Vec<_>>(), &mut outcomes)?;
    Ok(trials.iter().zip(outcomes).map(|(trial, outcome)| (trial.row, trial.session, outcome)).collect())
}

/// Performs trials together; where they end the daemon, in halves, until it is known which of them do.
fn perform(kind: Kind, trials: &[(usize, &Trial)], outcomes: &mut [Outcome]) -> anyhow::Result<()> {
    let mut stage = Stage::build(kind, trials.iter().map(|(_, trial)| *trial))?;
    match (stage.perform(), trials) {
        (Err(_), [(index, _)]) if !stage.is_alive() => outcomes[*index] = Outcome::Crash,
        (Err(_), [_, _, ..]) if !stage.is_alive() => {
            drop(stage);
            let (first, second) = trials.split_at(trials.len() / 2);
            perform(kind, first, outcomes)?;
            perform(kind, second, outcomes)?;
        }
        (result, _) => {
            let found = result.with_context(|| format!("{kind}:\n{}", stage.daemon.logs()))?;
            trials.iter().zip(found).for_each(|((index, _), outcome)| outcomes[*index] = outcome);
        }
    }
    Ok(())
}

impl Stage {
    fn build<'a>(kind: Kind, trials: impl Iterator<Item = &'a Trial>) -> anyhow::Result<Stage> {
        let trials: Vec<Trial> = trials.cloned().collect();
        let instance = Instance::unique();
        let resources = Resources::new(&instance)?;
        let own = resources.namespace(&instance.namespace_name("daemon"))?;
        let peers = resources.namespace(&instance.namespace_name("peers"))?;
        connect(&own, &peers, &trials)?;
        let mut router = Router { install: false, hold_time: 600, ..Router::new(DAEMON_ASN, DAEMON) };
        for (number, (address, asn)) in OBSERVERS.into_iter().enumerate() {
            router = router.with(peer(format!("observer{number}"), asn, address, Relation::Leaf));
        }
        for trial in &trials {
            // Hundreds of peers that were told each other's routes would be most of the daemon's work.
            router = router.with(peer(trial.peer(), trial.identity().asn, trial.address(), Relation::Hub));
        }
        let directory = instance.directory().join("daemon");
        let pins = instance.pins().join("daemon");
        let setup = Setup { machine: "daemon".to_owned(), namespace: own, directory, pins, router };
        let daemon = Daemon::start(kind, setup, &resources)?;
        daemon.wait_ready()?;
        let identity = |(address, asn)| Identity { address, asn, four_octet_as: true, hold_time: 600 };
        let mut waiting: Vec<Identity> = OBSERVERS.into_iter().map(identity).collect();
        waiting.extend(trials.iter().map(Trial::identity));
        let mut speakers = establish(&peers, &waiting)?;
        let senders = speakers.split_off(OBSERVERS.len());
        Ok(Stage {
            senders: trials.into_iter().zip(senders).collect(),
            observers: speakers.into_iter().map(|speaker| (speaker, Heard::default())).collect(),
            daemon,
            _resources: resources,
        })
    }

    fn perform(&mut self) -> anyhow::Result<Vec<Outcome>> {
        for (trial, speaker) in &mut self.senders {
            speaker.send(&trial.announcement(&[Place::Before, Place::Subject]));
        }
        let expected = self.senders.len() * 4;
        wait_until(PATIENCE, "the well-formed routes", || {
            self.pump();
            let heard = self.observers[0].1.len();
            ensure!(heard == expected, "{heard} of {expected}");
            Ok(())
        })?;
        for (trial, speaker) in &mut self.senders {
            speaker.send(&[trial.malformed(), trial.announcement(&[Place::After])].concat());
        }
        self.settle()?;
        ensure!(self.is_alive(), "the daemon ended");
        ensure!(self.observers.iter().all(|(speaker, _)| speaker.is_established()), "an observer's session is over");
        let mut told = Heard::default();
        for (_, speaker) in &mut self.senders {
            speaker.take_updates().iter().for_each(|update| told.update(update));
        }
        ensure!(told.len() == 0, "the senders are told of each other's routes: {told:?}");
        Ok(self.senders.iter().map(|(trial, speaker)| self.outcome(trial, speaker)).collect())
    }

    /// Waits until nothing changes any more.
    fn settle(&mut self) -> anyhow::Result<()> {
        let mut last = (Vec::new(), Instant::now());
        wait_until(2 * PATIENCE + QUIET, "the end of all changes", || {
            self.pump();
            let now: Vec<Outcome> = self.senders.iter().map(|(trial, speaker)| self.outcome(trial, speaker)).collect();
            let enough = if now.contains(&Outcome::Stuck) { PATIENCE } else { QUIET };
            if now != last.0 {
                last = (now, Instant::now());
            }
            let for_good = last.1.elapsed();
            ensure!(for_good >= enough, "a change {for_good:?} ago");
            Ok(())
        })
    }

    fn pump(&mut self) {
        self.senders.iter_mut().for_each(|(_, speaker)| speaker.pump());
        for (speaker, heard) in &mut self.observers {
            speaker.pump();
            speaker.take_updates().iter().for_each(|update| heard.update(update));
        }
    }

    /// How it stands with a trial now.
    fn outcome(&self, trial: &Trial, speaker: &Speaker) -> Outcome {
        if speaker.is_closed() {
            return Outcome::Reset(speaker.notification());
        }
        let told = |place, ipv6| self.observers[0].1.route(&trial.prefix(place, ipv6));
        let ipv6 = trial.is_ipv6();
        let before = [false, true].map(|ipv6| told(Place::Before, ipv6).is_some());
        let after = [false, true].map(|ipv6| told(Place::After, ipv6).is_some());
        let (own, other) = (usize::from(ipv6), usize::from(!ipv6));
        if before[other] && after[other] && !before[own] && !after[own] {
            return Outcome::DisableFamily;
        }
        if !(before[own] && after[own] && before[other] && after[other]) {
            return Outcome::Stuck;
        }
        match told(Place::Subject, ipv6) {
            None => Outcome::Withdraw,
            Some(attributes) if !Trial::is_marked(attributes) => match trial.row.change {
                // There is no second route that could have taken its place.
                Change::NoRoute(_) | Change::Withdrawn(_) => Outcome::Accept,
                _ => Outcome::Ignore,
            },
            Some(_) if self.shows(trial) => Outcome::Accept,
            Some(_) => Outcome::Discard,
        }
    }

    /// Whether an observer sees the attribute that the row is about, or what it does; true if it is about none.
    fn shows(&self, trial: &Trial) -> bool {
        let Some((kind, value)) = trial.attribute() else { return true };
        let shown = self.values(trial, kind);
        let is_more = matches!(trial.row.change, Change::More(_));
        match (kind, trial.session) {
            // Changed on the way out, or not for others to see; that the route was taken says that it was read.
            (2..=4, _) | (5, SessionKind::Internal) if !is_more => true,
            // Any such attribute is one too many, whatever its value.
            (6 | 7, _) if !is_more => shown.iter().any(|values| !values.is_empty()),
            // One looks like the other.
            (6, _) => shown.iter().any(|values| values.len() > 1),
            // Whoever reflects a route puts its own identifier in front.
            (10, _) => shown.concat().iter().any(|list| list.ends_with(&value)),
            // Brought together with the attributes that they are about (RFC 6793 §4.2.3).
            (17, SessionKind::TwoOctet) => self.values(trial, 2).concat().contains(&&*without_confederations(&value)),
            (18, SessionKind::TwoOctet) => self.values(trial, 7).concat().contains(&&*value),
            _ => shown.concat().contains(&&*value),
        }
    }

    /// The values of the attributes of a type, as each observer that is told of the row's route has them.
    fn values(&self, trial: &Trial, kind: u8) -> Vec<Vec<&[u8]>> {
        let prefix = trial.prefix(Place::Subject, trial.is_ipv6());
        let routes = self.observers.iter().filter_map(|(_, heard)| heard.route(&prefix));
        routes
            .map(|route| route.iter().filter(|(other, _)| *other == kind).map(|(_, value)| &**value).collect())
            .collect()
    }

    fn is_alive(&self) -> bool {
        self.daemon.processes.iter().all(Process::is_alive)
    }
}

/// An AS4_PATH without what has no place in it (RFC 6793 §6).
fn without_confederations(mut path: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    while let [kind, count, rest @ ..] = path {
        let (segment, next) = path.split_at(2 + (usize::from(*count) * 4).min(rest.len()));
        if !matches!(kind, 3 | 4) {
            kept.extend_from_slice(segment);
        }
        path = next;
    }
    kept
}

/// A peer that is waited for, with both families on its session.
fn peer(name: String, asn: u32, address: Ipv4Addr, relation: Relation) -> Peer {
    let (families, options) = (Family::ALL.to_vec(), Options::default());
    Peer { name, asn, address: address.into(), relation, families, options }
}

/// The Ethernet address of the machine that has the addresses of all peers.
const PEERS_MAC: &str = "02:00:00:00:00:02";

/// Two machines on one wire: the daemon's, and one that has the addresses of all its peers. The daemon's machine is told who
/// its neighbours are: all machines of this kernel together have room for 1,024 that it finds out about (`gc_thresh3`).
fn connect(own: &Namespace, peers: &Namespace, trials: &[Trial]) -> anyhow::Result<()> {
    for namespace in [own, peers] {
        namespace.sysctl(&[("ipv6/conf/all/disable_ipv6", "0"), ("ipv6/conf/default/disable_ipv6", "0")])?;
    }
    let far_end = ["peer", "name", "eth0", "address", PEERS_MAC, "netns", peers.name()];
    own.ip(&[&["link", "add", "eth0", "type", "veth"], &far_end[..]].concat())?;
    let observers = OBSERVERS.map(|(address, _)| address);
    let addresses = || observers.into_iter().chain(trials.iter().map(Trial::address));
    let mut lines =
        format!("addr add {DAEMON}/16 dev eth0\naddr add 2001:db8:ffff::1/64 dev eth0 nodad\nlink set eth0 up\n");
    for address in addresses() {
        lines += &format!("neigh add {address} lladdr {PEERS_MAC} dev eth0 nud permanent\n");
    }
    own.ip_batch(&lines)?;
    let mut lines = String::from("link set eth0 up\n");
    for address in addresses() {
        lines += &format!("addr add {address}/16 dev eth0\n");
    }
    for trial in trials {
        lines += &format!("addr add {}/64 dev eth0 nodad\n", trial.address6());
    }
    peers.ip_batch(&lines)
}

/// Sessions of all these speakers, in their order. Whoever is refused tries again: some daemons are slow to listen.
fn establish(namespace: &Namespace, identities: &[Identity]) -> anyhow::Result<Vec<Speaker>> {
    let mut speakers: Vec<Option<Speaker>> = identities.iter().map(|_| None).collect();
    wait_until(START_PATIENCE, "all sessions", || {
        for (slot, identity) in speakers.iter_mut().zip(identities) {
            if let Some(speaker) = slot {
                speaker.pump();
            }
            if slot.as_ref().is_none_or(Speaker::is_closed) {
                *slot = Speaker::connect(namespace, *identity, DAEMON).ok();
            }
        }
        let up = speakers.iter().flatten().filter(|speaker| speaker.is_established()).count();
        ensure!(up == identities.len(), "{up} of {}", identities.len());
        Ok(())
    })?;
    Ok(speakers.into_iter().flatten().collect())
}
