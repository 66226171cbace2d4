//! Which OPENs are accepted, and what follows from them.

use super::*;
use crate::fsm::negotiation::{negotiate, our_open};
use crate::fsm::{Negotiated, OpenRefusal};
use crate::net::AfiSafi;
use crate::packet::CodecContext;

const IPV4: Capability = Capability::Multiprotocol { afi: 1, safi: 1 };
const IPV6: Capability = Capability::Multiprotocol { afi: 2, safi: 1 };
const EVPN: Capability = Capability::Multiprotocol { afi: 25, safi: 70 };

fn both_families() -> SessionConfig {
    SessionConfig { families: vec![AfiSafi::Ipv6Unicast, AfiSafi::Ipv4Unicast], ..config() }
}

fn open(my_as: u16, capabilities: &[Capability]) -> Open {
    Open { my_as, capabilities: capabilities.to_vec(), ..peer_open() }
}

#[test]
fn our_open_announces_what_is_configured() {
    let config = SessionConfig { local_asn: Asn(4_200_000_000), hold_time: 30, ..both_families() };
    let expected = Open {
        my_as: 23456,
        hold_time: 30,
        router_id: config.router_id,
        capabilities: vec![IPV6, IPV4, Capability::RouteRefresh, Capability::FourOctetAs(Asn(4_200_000_000))],
    };
    assert_eq!(our_open(&config), expected);
}

#[test]
fn a_whole_negotiation() {
    let peer = Open { hold_time: 30, ..peer_open() };
    let expected = Negotiated {
        remote_asn: Asn(65001),
        remote_router_id: peer.router_id,
        hold_time: 30,
        keepalive: Duration::from_secs(10),
        context: CodecContext {
            four_octet_as: true,
            internal: false,
            families: vec![AfiSafi::Ipv4Unicast],
            max_message: 4096,
        },
        route_refresh: true,
        peer_capabilities: peer.capabilities.clone(),
    };
    assert_eq!(negotiate(&config(), &peer), Ok(expected));
}

#[test]
fn families_are_those_of_both() {
    let v4 = vec![AfiSafi::Ipv4Unicast];
    let v6 = vec![AfiSafi::Ipv6Unicast];
    let both = vec![AfiSafi::Ipv6Unicast, AfiSafi::Ipv4Unicast];
    type Row<'a> = (&'a [AfiSafi], &'a [Capability], Option<&'a [AfiSafi]>);
    let table: [Row; 9] = [
        (&both, &[IPV4, IPV6], Some(&both)),
        (&both, &[IPV4], Some(&v4)),
        (&both, &[IPV6, EVPN], Some(&v6)),
        (&v4, &[IPV4, IPV6], Some(&v4)),
        // No family announced at all: IPv4 unicast.
        (&both, &[], Some(&v4)),
        (&v4, &[Capability::RouteRefresh], Some(&v4)),
        (&v6, &[], None),
        (&v4, &[IPV6], None),
        // A family that we do not know is still a family announced.
        (&v4, &[EVPN], None),
    ];
    for (ours, theirs, common) in table {
        let config = SessionConfig { families: ours.to_vec(), ..config() };
        let result = negotiate(&config, &open(65001, theirs));
        match common {
            Some(common) => {
                assert_eq!(result.expect("a common family").context.families, common, "{ours:?} {theirs:?}");
            }
            None => assert_eq!(result, Err(OpenRefusal::NoCommonFamily { ours: ours.to_vec() })),
        }
    }
}

#[test]
fn the_peers_as() {
    let exactly = |asn| RemoteAs::Exactly(Asn(asn));
    let large = Capability::FourOctetAs(Asn(4_200_000_000));
    let small = Capability::FourOctetAs(Asn(65001));
    let table = [
        // A 2-octet speaker.
        (exactly(65001), open(65001, &[]), Ok((65001, false))),
        (exactly(65001), open(65001, std::slice::from_ref(&small)), Ok((65001, true))),
        (exactly(4_200_000_000), open(23456, std::slice::from_ref(&large)), Ok((4_200_000_000, true))),
        // AS_TRANS for a number that would have fitted: odd, and clear all the same.
        (exactly(65001), open(23456, &[small]), Ok((65001, true))),
        (RemoteAs::OneOf(vec![Asn(65000)..=Asn(65009)]), open(65003, &[]), Ok((65003, false))),
        (RemoteAs::OneOf(Vec::new()), open(65001, &[]), Err("says that it is in AS 65001")),
        (exactly(65001), open(65002, &[]), Err("in AS 65002, the configuration says 65001")),
        (exactly(4_200_000_000), open(65001, &[large]), Err("in AS 65001 and, in its capability, in AS 4200000000")),
        (exactly(0), open(0, &[]), Err("in AS 0, which is reserved")),
        (exactly(65001), open(0, &[Capability::FourOctetAs(Asn(65001))]), Err("in AS 0, which is reserved")),
        (exactly(0), open(23456, &[Capability::FourOctetAs(Asn(0))]), Err("in AS 0, which is reserved")),
        (exactly(23456), open(23456, &[]), Err("in AS 23456, which is reserved")),
        (exactly(23456), open(23456, &[Capability::FourOctetAs(Asn(23456))]), Err("in AS 23456, which is reserved")),
    ];
    for (remote_as, open, expected) in table {
        let config = SessionConfig { remote_as, ..config() };
        match (negotiate(&config, &open), expected) {
            (Ok(agreed), Ok((asn, four_octet))) => {
                assert_eq!((agreed.remote_asn, agreed.context.four_octet_as), (Asn(asn), four_octet), "{open:?}");
            }
            (Err(refusal), Err(text)) => {
                assert!(refusal.to_string().contains(text), "{refusal}");
                assert_eq!(refusal.notification(), Notification::new(2, 2, &[]));
            }
            (result, expected) => panic!("{open:?}: {result:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn the_peers_router_id() {
    let ours = config().router_id;
    let internal = SessionConfig { remote_as: RemoteAs::Exactly(Asn(65000)), ..config() };
    let of = |my_as, router_id| Open { router_id, ..open(my_as, &[]) };
    let bad = Notification::new(2, 3, &[]);
    assert!(negotiate(&config(), &of(65001, ours)).is_ok(), "the same one in another AS is unique enough");
    assert!(negotiate(&config(), &of(65001, Ipv4Addr::new(224, 0, 0, 1))).is_ok(), "it is no address");
    let zero = negotiate(&config(), &of(65001, Ipv4Addr::UNSPECIFIED)).expect_err("0.0.0.0");
    assert_eq!((zero.notification(), zero), (bad.clone(), OpenRefusal::RouterIdZero));
    let own = negotiate(&internal, &of(65000, ours)).expect_err("our own");
    assert_eq!((own.notification(), own), (bad, OpenRefusal::RouterIdOurs { router_id: ours }));
    let other = negotiate(&internal, &of(65000, Ipv4Addr::new(10, 0, 0, 6))).expect("another one");
    assert!(other.context.internal);
}

#[test]
fn the_hold_time_is_the_smaller_one() {
    let table = [(90, 90, 90), (90, 3, 3), (3, 90, 3), (0, 90, 0), (90, 0, 0), (65535, 65534, 65534)];
    for (ours, theirs, agreed) in table {
        let config = SessionConfig { hold_time: ours, ..config() };
        let negotiated = negotiate(&config, &Open { hold_time: theirs, ..peer_open() }).expect("acceptable");
        assert_eq!(negotiated.hold_time, agreed);
        assert_eq!(negotiated.keepalive.as_millis(), u128::from(agreed) * 1000 / 3);
    }
    for seconds in [1, 2] {
        let refusal = negotiate(&config(), &Open { hold_time: seconds, ..peer_open() }).expect_err("too short");
        assert_eq!(
            (refusal.notification(), refusal),
            (Notification::new(2, 6, &[]), OpenRefusal::HoldTime { seconds })
        );
    }
}

#[test]
fn a_missing_family_is_named_to_the_peer() {
    let refusal = OpenRefusal::NoCommonFamily { ours: both_families().families };
    assert_eq!(refusal.notification(), Notification::new(2, 7, &[1, 4, 0, 2, 0, 1, 1, 4, 0, 1, 0, 1]));
}

#[test]
fn the_context_changes_with_the_peers_open() {
    let before =
        CodecContext { four_octet_as: false, internal: false, families: AfiSafi::ALL.to_vec(), max_message: 4096 };
    let mut session = session_in(State::OpenSent, config(), seconds(0));
    assert_eq!(*session.codec_context(ConnectionId(1)), before);
    session.handle_event(received(1, Message::Open(peer_open())), seconds(0));
    assert!(session.codec_context(ConnectionId(1)).four_octet_as);
    assert_eq!(session.codec_context(ConnectionId(1)).families, [AfiSafi::Ipv4Unicast]);
    assert_eq!(*session.codec_context(ConnectionId(2)), before, "that one is not there");
}
