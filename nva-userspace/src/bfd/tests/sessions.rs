//! Which session a datagram is for, and what is refused.

use std::net::{IpAddr, Ipv4Addr};

use super::*;

const NEAR: Path = Path { peer: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), hops: Hops::Single };
const FAR: Path = Path { peer: IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9)), hops: Hops::Multi };
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 66));

/// Both paths are watched; the far one wants a TTL of 250.
fn both() -> (Sessions, Discriminator, Discriminator) {
    let mut sessions = Sessions::new(1);
    let near = sessions.add(NEAR, 1, config(), at(0));
    let far = sessions.add(FAR, 250, config(), at(0));
    while sessions.poll_transmit().is_some() {}
    (sessions, near, far)
}

fn state(sessions: &Sessions, id: Discriminator) -> State {
    sessions.get(id).expect("a session").0.state()
}

fn send(sessions: &mut Sessions, path: Path, ttl: Option<u8>, packet: ControlPacket) -> Result<(), Discard> {
    let octets = packet.encode();
    sessions.handle_datagram(Datagram { source: path.peer, hops: path.hops, ttl, octets: &octets }, at(1))
}

fn first(state: State) -> ControlPacket {
    ControlPacket { your_discriminator: None, ..from_peer(state) }
}

#[test]
fn a_packet_finds_its_session_by_number_or_by_address() {
    let (mut sessions, near, far) = both();
    assert_ne!(near, far);
    assert_eq!(send(&mut sessions, NEAR, Some(255), first(State::Down)), Ok(()));
    assert_eq!((state(&sessions, near), state(&sessions, far)), (State::Init, State::Down));
    let packet = ControlPacket { your_discriminator: Some(far), ..from_peer(State::Init) };
    assert_eq!(send(&mut sessions, FAR, Some(250), packet), Ok(()));
    assert_eq!((state(&sessions, near), state(&sessions, far)), (State::Init, State::Up));
    let sent: Vec<_> = std::iter::from_fn(|| sessions.poll_transmit()).map(|outgoing| outgoing.session).collect();
    assert_eq!(sent, [near, far], "each tells its own peer");
    assert_eq!(std::iter::from_fn(|| sessions.poll_event()).map(|(id, _)| id).collect::<Vec<_>>(), [near, far]);
}

#[test]
fn what_belongs_to_nobody_is_counted_by_reason() {
    let (mut sessions, near, far) = both();
    let to = |id| ControlPacket { your_discriminator: Some(id), ..from_peer(State::Init) };
    let other_port =
        |path: Path| Path { hops: if path.hops == Hops::Single { Hops::Multi } else { Hops::Single }, ..path };
    let stranger = |path: Path| Path { peer: STRANGER, ..path };
    let nobody = discriminator(near.0.get() ^ far.0.get() ^ 1);
    let cases = [
        (NEAR, Some(255), to(nobody), Discard::UnknownDiscriminator),
        (NEAR, Some(255), first(State::Up), Discard::StateWithoutDiscriminator),
        (NEAR, Some(255), first(State::Init), Discard::StateWithoutDiscriminator),
        (stranger(NEAR), Some(255), first(State::Down), Discard::UnknownPeer),
        (other_port(NEAR), Some(255), first(State::Down), Discard::UnknownPeer),
        (other_port(FAR), Some(255), first(State::Down), Discard::UnknownPeer),
        // The port of multihop sessions is no way around the TTL check.
        (other_port(NEAR), Some(255), to(near), Discard::Port),
        (other_port(FAR), Some(255), to(far), Discard::Port),
        (stranger(NEAR), Some(255), to(near), Discard::Source),
        (NEAR, Some(254), to(near), Discard::Ttl),
        (NEAR, Some(254), first(State::Down), Discard::Ttl),
        (NEAR, None, to(near), Discard::Ttl),
        (FAR, Some(249), to(far), Discard::Ttl),
    ];
    let mut expected = Discards::default();
    for (path, ttl, packet, reason) in cases {
        assert_eq!(send(&mut sessions, path, ttl, packet), Err(reason), "{path:?} {ttl:?} {packet:?}");
        expected.count(reason);
    }
    assert_eq!(sessions.discards(), &expected);
    assert_eq!((state(&sessions, near), state(&sessions, far)), (State::Down, State::Down));
    let of_near = &sessions.get(near).expect("a session").0.counters().discards;
    assert_eq!((of_near.of(Discard::Ttl), of_near.of(Discard::Source), of_near.of(Discard::Port)), (3, 1, 1));
}

#[test]
fn a_session_that_is_removed_says_goodbye_and_goes() {
    let (mut sessions, near, _) = both();
    let packet = ControlPacket { your_discriminator: Some(near), ..from_peer(State::Init) };
    send(&mut sessions, NEAR, Some(255), packet).expect("taken");
    while sessions.poll_transmit().is_some() {}
    sessions.remove(near, at(10));
    let goodbye = sessions.poll_transmit().expect("a last word");
    let packet = ControlPacket::decode(&goodbye.octets).expect("well formed");
    assert_eq!((packet.state, packet.diagnostic), (State::AdminDown, Diagnostic::AdministrativelyDown));
    // It is told for a detection time: three times a second, as it is not Up any more.
    let mut goodbyes = 0;
    while let Some(due) = sessions.poll_timeout().filter(|due| *due <= at(20_000)) {
        sessions.handle_timeout(due);
        while let Some(outgoing) = sessions.poll_transmit() {
            goodbyes += usize::from(outgoing.session == near);
        }
        assert!(sessions.get(near).is_some() || due >= at(3010), "gone at {due}");
    }
    assert!(goodbyes >= 2, "{goodbyes}");
    assert!(sessions.get(near).is_none());
    assert_eq!(send(&mut sessions, NEAR, Some(255), first(State::Down)), Err(Discard::UnknownPeer));
}

#[test]
fn a_path_that_is_watched_again_in_time_goes_on() {
    let (mut sessions, near, _) = both();
    sessions.remove(near, at(10));
    assert_eq!(send(&mut sessions, NEAR, Some(255), first(State::Down)), Err(Discard::AdminDown));
    assert_eq!(sessions.add(NEAR, 1, SessionConfig { multiplier: 5, ..config() }, at(20)), near);
    assert_eq!(state(&sessions, near), State::Down);
    while let Some(due) = sessions.poll_timeout().filter(|due| *due <= at(20_000)) {
        sessions.handle_timeout(due);
    }
    assert_eq!(sessions.get(near).expect("it stays").0.config().multiplier, 5);
    let again = sessions.add(NEAR, 1, config(), at(20_000));
    assert_eq!(again, near, "a changed configuration is no new session");
}
