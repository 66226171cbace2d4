//! BFD: datagrams that may be anything, alone and to a system with sessions.

use std::net::IpAddr;
use std::time::Duration;

use nva::bfd::{ControlPacket, Datagram, Hops, Path, SessionConfig, Sessions};
use nva::net::Instant;

/// The least TTL of the session over several hops.
const MINIMUM_TTL: u8 = 250;

/// Datagrams, each behind an octet that says how it comes in, one that says after how many milliseconds, and one that
/// is its length.
pub fn bfd(octets: &[u8]) {
    judge(octets);
    let peer = |last| IpAddr::from([192, 0, 2, last]);
    let config = SessionConfig {
        desired_min_tx: Duration::from_millis(10),
        required_min_rx: Duration::from_millis(10),
        multiplier: 3,
    };
    let (mut sessions, mut now) = (Sessions::new(7), Instant::ZERO);
    let mut known = Vec::new();
    for (last, hops) in [(1, Hops::Single), (2, Hops::Multi)] {
        known.push(sessions.add(Path { peer: peer(last), hops }, MINIMUM_TTL, config, now));
    }
    let (mut rest, mut taken, mut discarded) = (octets, 0_u64, 0_u64);
    while let [how, milliseconds, length, more @ ..] = rest {
        let (datagram, more) = more.split_at(usize::from(*length).min(more.len()));
        rest = more;
        now = now + Duration::from_millis(u64::from(*milliseconds));
        sessions.handle_timeout(now);
        let hops = if how & 1 == 0 { Hops::Single } else { Hops::Multi };
        let ttl = [Some(255), Some(MINIMUM_TTL), Some(0), None][usize::from(how >> 1 & 3)];
        // What the peer has learnt of us stands in what it sends: without it no session comes up.
        let mut datagram = datagram.to_vec();
        if let (true, Some(field)) = (how & 0x10 != 0, datagram.get_mut(8..12)) {
            field.copy_from_slice(&known[usize::from(how & 1)].0.get().to_be_bytes());
        }
        match sessions.handle_datagram(Datagram { source: peer(1 + (how >> 3 & 1)), hops, ttl, octets: &datagram }, now)
        {
            Ok(()) => taken += 1,
            Err(_) => discarded += 1,
        }
        look(&mut sessions, now);
        judge(&datagram);
    }
    assert_eq!(sessions.discards().iter().map(|(_, count)| count).sum::<u64>(), discarded, "{taken} were taken");
    for id in known {
        assert!(sessions.get(id).is_some(), "a session is gone that nobody removed");
        sessions.remove(id, now);
    }
    look(&mut sessions, now);
}

/// What a system asks for can be sent, and it does not ask to be called again at once.
fn look(sessions: &mut Sessions, now: Instant) {
    while let Some(outgoing) = sessions.poll_transmit() {
        ControlPacket::decode(&outgoing.octets).expect("a packet of ours");
    }
    while let Some((_, event)) = sessions.poll_event() {
        assert_ne!(event.from, event.to, "{event:?}");
    }
    assert!(sessions.poll_timeout().is_none_or(|due| due > now), "a timer that never goes off");
}

/// What can be read is written as it was, but for the authentication section and what follows.
fn judge(datagram: &[u8]) {
    match ControlPacket::decode(datagram) {
        Ok(packet) => {
            let again = ControlPacket::decode(&packet.encode());
            assert_eq!(again, Ok(ControlPacket { authenticated: false, ..packet }));
        }
        Err(reason) => assert!(!reason.name().is_empty()),
    }
}
