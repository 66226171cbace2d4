//! What a peer that means harm, or does it by accident, does to others: nothing. Each test has a peer that misbehaves, and
//! two that go on exchanging routes over the same hub, with KEEPALIVEs on time.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use nva_tests::speaker::{connect, message};
use nva_tests::wait::seen;

use crate::common::octets::{self, Identity, UPDATE, announcement, announcement_with, numbered, withdrawal};
use crate::common::place::{self, HUB, MOST_CONNECTIONS, Place, hub};
use crate::common::raw::Raw;
use crate::turn;

/// Short, so that a late KEEPALIVE is seen soon.
const HOLD_TIME: u16 = 9;

/// How long a peer may take nothing of what it is sent, in seconds.
const SEND_HOLD_TIME: u16 = 10;

/// How late a KEEPALIVE may be: it is due after a third of the hold time at most (RFC 4271 §4.4).
const MARGIN: Duration = Duration::from_secs(1);

/// How much more memory the hub may have than before, in KiB: what a few connections' queues may hold, several times.
const MORE_MEMORY: u64 = 64 * 1024;

/// A hub, and two peers that mean well.
struct Scene {
    place: Place,
    source: Raw,
    witness: Raw,
    told: u16,
}

impl Scene {
    fn new() -> Scene {
        let place = Place::new(&format!("hold-time = {HOLD_TIME}\nsend-hold-time = {SEND_HOLD_TIME}"));
        let (source, witness) = (member(&place, 1, false), member(&place, 2, false));
        let mut scene = Scene { place, source, witness, told: 0 };
        scene.is_unharmed();
        scene
    }

    /// A route gets from one of the two to the other, and neither had to wait too long for a KEEPALIVE.
    fn is_unharmed(&mut self) {
        self.told += 1;
        let prefix = (Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 0)) + (u32::from(self.told) << 8)), 24);
        let own = self.source.identity;
        self.source.send(&announcement(&[own.asn], own.address, &[prefix])).expect("the hub reads");
        self.place.wait("the route of an honest peer", || {
            let log = self.witness.log();
            seen(log.routes.contains(&prefix), || format!("{} others", log.routes.len()))
        });
        for peer in [&self.source, &self.witness] {
            let gap = peer.take_longest_gap();
            assert_eq!(peer.log().ended, None);
            assert!(gap <= Duration::from_secs(u64::from(HOLD_TIME)) / 3 + MARGIN, "{gap:?} without a message");
        }
    }

    /// Waits for the end of a peer's session: what the hub shows as its last error.
    fn end_of(&self, peer: &Raw) -> String {
        self.place.wait("the end of the session", || self.error_of(peer))
    }

    /// What the hub shows as the last error of a peer; the whole row, if there was none.
    fn error_of(&self, peer: &Raw) -> Result<String, String> {
        let row = self.place.peer(peer.identity.address);
        row["last_error"].as_str().map(str::to_owned).ok_or_else(|| row.to_string())
    }
}

fn member(place: &Place, last: u8, extended: bool) -> Raw {
    let peer = place.peer_with(Identity { extended, ..place::member(last, HOLD_TIME) });
    place.wait_established(&peer);
    peer
}

#[test]
fn an_update_that_never_ends_ends_with_the_hold_time() {
    let _turn = turn();
    let mut scene = Scene::new();
    let hostile = member(&scene.place, 3, false);
    hostile.send_no_keepalives();
    let update = announcement(&[hostile.identity.asn], hostile.identity.address, &[numbered(1)]);
    let begun = Instant::now();
    let mut octets = update.iter().take(update.len() - 1);
    scene.place.wait("the end of the session", || {
        // One octet after the other, and never the last one.
        if let Some(octet) = octets.next() {
            let _ = hostile.send(&[*octet]);
        }
        let ended = hostile.log().ended.clone();
        seen(ended.is_some(), || "it goes on")
    });
    assert_eq!(hostile.log().ended.as_deref(), Some("notification 4/0"));
    assert!(begun.elapsed() >= Duration::from_secs(u64::from(HOLD_TIME)) - MARGIN);
    assert!(scene.end_of(&hostile).contains("Hold Timer Expired: nothing came from the peer for 9 s"));
    scene.is_unharmed();
}

#[test]
fn half_opened_connections_of_a_peer_are_few() {
    let _turn = turn();
    let mut scene = Scene::new();
    let member = place::member(3, HOLD_TIME);
    let open = octets::open(member);
    let mut half: Vec<TcpStream> = Vec::new();
    scene.place.wait("refusals", || {
        let mut stream = connect(&scene.place.crowd, member.address, HUB).map_err(|error| error.to_string())?;
        // Refused ones are closed already.
        let _ = stream.write_all(&open[..20]);
        half.push(stream);
        let refused = scene.place.refused("too-many-connections");
        seen(refused >= 5, || format!("{refused} of {}", half.len()))
    });
    // Beside those of the two that go on.
    let open = scene.place.show("connections")["open"].as_u64().expect("a count");
    assert!(open <= 2 + MOST_CONNECTIONS, "{open} of {}", half.len());
    scene.is_unharmed();
}

#[test]
fn ten_thousand_connections_of_strangers_cost_nothing_and_delay_nobody() {
    let _turn = turn();
    let mut scene = Scene::new();
    let before = scene.place.memory();
    let crowd = scene.place.crowd.clone();
    let strangers = std::thread::scope(|scope| {
        // The machine's own address is none of a peer.
        let connect = || (0..10_000_u64).filter(|_| TcpStream::connect(hub()).is_ok()).count();
        let storm = scope.spawn(move || crowd.enter(connect).expect("a namespace"));
        while !storm.is_finished() {
            scene.is_unharmed();
        }
        u64::try_from(storm.join().expect("no panic")).expect("few")
    });
    assert!(strangers > 9_000, "{strangers} could connect");
    scene.place.wait("the end of the strangers", || {
        let refused = scene.place.refused("no-peer");
        seen(refused >= strangers, || format!("{refused} of {strangers}"))
    });
    scene.is_unharmed();
    let after = scene.place.memory();
    println!("{strangers} connections of strangers: memory {before} KiB before, {after} KiB after");
    assert!(after < before + MORE_MEMORY, "{before} KiB before, {after} KiB after");
}

#[test]
fn a_peer_that_never_reads_is_left_after_the_send_hold_time() {
    let _turn = turn();
    let mut scene = Scene::new();
    let hostile = member(&scene.place, 3, false);
    hostile.read_nothing();
    let before = scene.place.memory();
    let mut rounds = 0;
    // Every route again and again, until the sockets take no more: what waits then is the newest state and no queue.
    let error = loop {
        if let Ok(error) = scene.error_of(&hostile) {
            break error;
        }
        assert!(rounds < 100, "the session goes on: {:?}", scene.error_of(&hostile));
        for first in (0..100_000).step_by(200) {
            let prefixes: Vec<_> = (first..first + 200).map(numbered).collect();
            let own = scene.source.identity;
            let path = [own.asn, 1 + rounds, 1 + first];
            scene.source.send(&announcement(&path, own.address, &prefixes)).expect("the hub reads");
        }
        scene.is_unharmed();
        rounds += 1;
    };
    println!("the table was sent {rounds} times");
    assert!(error.contains("Send Hold Timer Expired: nothing that we sent was taken by the peer for 10 s"), "{error}");
    scene.is_unharmed();
    let after = scene.place.memory();
    println!("memory: {before} KiB before, {after} KiB after a table of 100000 routes for three peers");
    assert!(after < before + 4 * MORE_MEMORY, "{before} KiB before, {after} KiB after");
}

#[test]
fn a_path_of_4096_hops_goes_to_those_that_can_take_it() {
    let _turn = turn();
    let mut scene = Scene::new();
    let (hostile, able) = (member(&scene.place, 3, true), member(&scene.place, 4, true));
    let path: Vec<u32> = std::iter::once(hostile.identity.asn).chain(100_000..104_095).collect();
    assert_eq!(path.len(), 4096);
    hostile.send(&announcement(&path, hostile.identity.address, &[numbered(1)])).expect("the hub reads");
    scene.place.wait("the long path", || {
        let log = able.log();
        seen(log.routes.contains(&numbered(1)), || format!("{:?}", log.ended))
    });
    scene.is_unharmed();
    assert!(!scene.witness.log().routes.contains(&numbered(1)), "4096 octets do not hold it");
    let too_large = |peer: &Raw| scene.place.peer(peer.identity.address)["too_large"].clone();
    assert_eq!([too_large(&scene.witness), too_large(&able)], [1, 0]);
    assert_eq!((&hostile.log().ended, &able.log().ended), (&None, &None));
}

#[test]
fn a_flood_of_updates_delays_nobody_and_grows_nothing() {
    let _turn = turn();
    let mut scene = Scene::new();
    let hostile = member(&scene.place, 3, false);
    let before = scene.place.memory();
    let own = hostile.identity;
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            for round in 0..200_u32 {
                for first in (0..10_000).step_by(100) {
                    let prefixes: Vec<_> = (first..first + 100).map(numbered).collect();
                    hostile.send(&announcement(&[own.asn, 1 + round, first + 1], own.address, &prefixes))?;
                    hostile.send(&withdrawal(&prefixes))?;
                }
            }
            std::io::Result::Ok(())
        });
        let mut looks = 0;
        while !flood.is_finished() {
            scene.is_unharmed();
            looks += 1;
        }
        flood.join().expect("no panic").expect("the hub reads");
        println!("a route got through {looks} times during the flood");
    });
    scene.is_unharmed();
    let after = scene.place.memory();
    println!("memory: {before} KiB before, {after} KiB after");
    assert!(after < before + MORE_MEMORY, "{before} KiB before, {after} KiB after");
    assert_eq!(hostile.log().ended, None);
}

/// Whatever a peer can make the hub say as often as messages come is said a few times, and counted.
#[test]
fn a_flood_of_what_is_worth_a_line_each_fills_no_log() {
    let _turn = turn();
    let mut scene = Scene::new();
    let hostile = member(&scene.place, 3, false);
    let own = hostile.identity;
    // MULTI_EXIT_DISC of no octets (RFC 7606 §7.4), and End-of-RIB.
    let malformed = announcement_with(&[0x80, 4, 0], &[own.asn], own.address, &[numbered(1)]);
    for _ in 0..200 {
        hostile.send(&malformed.repeat(100)).expect("the hub reads");
        hostile.send(&message(UPDATE, &[0; 4]).repeat(100)).expect("the hub reads");
        scene.is_unharmed();
    }
    scene.place.wait("all of it", || {
        let count = scene.place.peer(own.address)["malformed_updates"].clone();
        seen(count == 20_000, || count.to_string())
    });
    let log = || fs::read_to_string(&scene.place.daemon.log).expect("a log");
    for kind in ["malformed UPDATE", "End-of-RIB"] {
        let words =
            format!("left out of the log: too many in a short time peer=\"crowd-{}\" kind=\"{kind}\"", own.address);
        scene.place.wait("the number of those left out", || seen(log().contains(&words), log));
    }
    let lines = log().lines().count();
    assert!(lines < 1000, "{lines} lines for 40000 messages");
    scene.is_unharmed();
}

#[test]
fn who_changes_its_mind_in_the_middle_of_a_message_harms_itself() {
    let _turn = turn();
    let mut scene = Scene::new();
    let hostile = member(&scene.place, 3, false);
    let update = announcement(&[hostile.identity.asn], hostile.identity.address, &[numbered(1)]);
    hostile.send(&update[..update.len() / 2]).expect("the hub reads");
    drop(hostile);
    let closed = |error: &str| error.contains("closed by the peer in the middle of a message");
    scene.place.wait("the end", || {
        let row = scene.place.peer(Ipv4Addr::new(10, 13, 72, 3));
        seen(row["last_error"].as_str().is_some_and(closed), || row.to_string())
    });
    scene.is_unharmed();
    let hostile = member(&scene.place, 4, false);
    let half = message(UPDATE, &[0; 100]);
    hostile.send(&[&half[..60], &[0xAB; 3000][..]].concat()).expect("the hub reads");
    scene.place.wait("a NOTIFICATION", || {
        let ended = hostile.log().ended.clone();
        seen(ended.is_some(), || "it goes on")
    });
    let ended = hostile.log().ended.clone();
    assert!(ended.as_deref().is_some_and(|ended| ended.starts_with("notification ")), "{ended:?}");
    scene.is_unharmed();
}
