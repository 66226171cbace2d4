//! Which OPENs are accepted, and what follows from them.

use super::*;
use crate::fsm::negotiation::{negotiate, our_open};
use crate::fsm::{Negotiated, OpenRefusal, Role};
use crate::net::AfiSafi;
use crate::packet::{CodecContext, GracefulRestart, RestartFamily};

const IPV4: Capability = Capability::Multiprotocol { afi: 1, safi: 1 };
const IPV6: Capability = Capability::Multiprotocol { afi: 2, safi: 1 };
const EVPN: Capability = Capability::Multiprotocol { afi: 25, safi: 70 };

fn both_families() -> SessionConfig {
    SessionConfig { families: vec![AfiSafi::Ipv6Unicast, AfiSafi::Ipv4Unicast], ..config() }
}

fn open(my_as: u16, capabilities: &[Capability]) -> Open {
    Open { my_as, capabilities: capabilities.to_vec(), ..peer_open() }
}

/// What we agree on with a peer that sent this OPEN.
fn agree(config: &SessionConfig, open: &Open) -> Result<Negotiated, OpenRefusal> {
    negotiate(config, &our_open(config), open)
}

#[test]
fn our_open_announces_what_is_configured() {
    let config = SessionConfig { local_asn: Asn(4_200_000_000), hold_time: 30, ..both_families() };
    let expected = Open {
        my_as: 23456,
        hold_time: 30,
        router_id: config.router_id,
        capabilities: vec![
            IPV6,
            IPV4,
            Capability::RouteRefresh,
            Capability::EnhancedRouteRefresh,
            Capability::ExtendedMessage,
            Capability::FourOctetAs(Asn(4_200_000_000)),
        ],
    };
    assert_eq!(our_open(&config), expected);
}

#[test]
fn a_whole_negotiation() {
    let peer = Open { hold_time: 30, ..peer_open() };
    let expected = Negotiated {
        local_asn: Asn(65000),
        remote_asn: Asn(65001),
        remote_router_id: peer.router_id,
        hold_time: 30,
        keepalive: Duration::from_secs(10),
        context: CodecContext {
            four_octet_as: true,
            internal: false,
            families: vec![AfiSafi::Ipv4Unicast],
            max_send: 4096,
            max_receive: 65535,
            enhanced_refresh: false,
            disable_families: true,
        },
        route_refresh: true,
        graceful_restart: None,
        role: None,
        our_capabilities: our_open(&config()).capabilities,
        peer_capabilities: peer.capabilities.clone(),
    };
    assert_eq!(agree(&config(), &peer), Ok(expected));
}

#[test]
fn graceful_restart_is_agreed_on_if_both_announce_it() {
    let restart = |time| GracefulRestart {
        time,
        families: vec![RestartFamily::new(AfiSafi::Ipv4Unicast, true)],
        ..GracefulRestart::default()
    };
    let capability = |time| Capability::GracefulRestart(restart(time));
    let able = SessionConfig { graceful_restart: Some(restart(120)), ..config() };
    assert!(our_open(&able).capabilities.contains(&capability(120)));
    let table = [
        (&able, vec![capability(60)], Some(restart(60))),
        // RFC 4724 §3: of several the last one counts.
        (&able, vec![capability(60), capability(90)], Some(restart(90))),
        (&able, vec![], None),
        (&config(), vec![capability(60)], None),
    ];
    for (config, theirs, agreed) in table {
        let negotiated = agree(config, &open(65001, &theirs)).expect("acceptable");
        assert_eq!(negotiated.graceful_restart, agreed, "{theirs:?}");
        assert_eq!(negotiated.our_capabilities, our_open(config).capabilities);
        assert_eq!(negotiated.peer_capabilities, theirs);
    }
}

#[test]
fn each_side_says_for_itself_how_long_messages_may_be() {
    for (ours, theirs, expected) in [
        (false, false, (4096, 4096)),
        (true, false, (4096, 65535)),
        (false, true, (65535, 4096)),
        (true, true, (65535, 65535)),
    ] {
        let config = SessionConfig { extended_messages: ours, ..config() };
        let capabilities: &[_] = if theirs { &[Capability::ExtendedMessage] } else { &[] };
        let context = agree(&config, &open(65001, capabilities)).expect("acceptable").context;
        assert_eq!((context.max_send, context.max_receive), expected, "announced by us {ours}, by the peer {theirs}");
    }
}

#[test]
fn route_refresh_is_marked_if_both_announce_it() {
    let marked = |ours: &Open, theirs: &[Capability]| {
        negotiate(&config(), ours, &open(65001, theirs)).expect("acceptable").context.enhanced_refresh
    };
    let ours = our_open(&config());
    assert!(marked(&ours, &[Capability::EnhancedRouteRefresh]));
    assert!(!marked(&ours, &[Capability::RouteRefresh]));
    assert!(!marked(&Open { capabilities: Vec::new(), ..ours }, &[Capability::EnhancedRouteRefresh]));
    let plain = our_open(&SessionConfig { enhanced_refresh: false, ..config() });
    assert!(!marked(&plain, &[Capability::RouteRefresh, Capability::EnhancedRouteRefresh]));
    assert!(plain.capabilities.contains(&Capability::RouteRefresh), "plain requests are taken all the same");
}

#[test]
fn roles_have_to_be_each_others_counterparts() {
    let mismatch = Notification::new(2, 11, &[]);
    for ours in Role::ALL {
        let config = SessionConfig { role: Some(ours), ..config() };
        assert!(our_open(&config).capabilities.contains(&Capability::Role(ours.code())));
        for code in 0..=255 {
            let result = agree(&config, &open(65001, &[Capability::Role(code)]));
            if Some(ours.counterpart()) == Role::from_code(code) {
                let agreed = result.expect("what we need");
                assert_eq!((agreed.role, agreed.peer_role()), (Some(ours), Some(ours.counterpart())));
            } else {
                assert_eq!(result.expect_err("not what we need").notification(), mismatch, "{ours} {code}");
            }
        }
    }
}

#[test]
fn roles_that_are_not_said_or_twice() {
    let role = |strict| SessionConfig { role: Some(Role::Customer), role_strict: strict, ..config() };
    let (provider, peer) = (Capability::Role(0), Capability::Role(4));
    // RFC 9234 §4.2: our own role holds where the peer says nothing.
    let agreed = agree(&role(false), &open(65001, &[])).expect("nobody insists");
    assert_eq!((agreed.role, agreed.peer_role()), (Some(Role::Customer), None));
    let missing = agree(&role(true), &open(65001, &[])).expect_err("we insist");
    assert_eq!((missing.notification().subcode, missing), (11, OpenRefusal::RoleMissing { ours: Role::Customer }));
    assert!(agree(&role(true), &open(65001, &[provider.clone(), provider.clone()])).is_ok(), "the same twice");
    let two = agree(&role(false), &open(65001, &[provider.clone(), peer])).expect_err("two that differ");
    let text = "the peer says that it is provider and peer, but as customer we need a peer that is provider";
    assert_eq!((two.notification().subcode, two.to_string().as_str()), (11, text));
    let unknown = agree(&role(false), &open(65001, &[Capability::Role(9)])).expect_err("nobody knows it");
    assert!(unknown.to_string().starts_with("the peer says that it is 9,"), "{unknown}");
    // Whoever has no role does not look at the peer's.
    let agreed = agree(&config(), &open(65001, &[provider])).expect("of no concern");
    assert_eq!((agreed.role, agreed.peer_role()), (None, Some(Role::Provider)));
    // RFC 9234 §4.1: there are no roles inside an AS.
    let internal = SessionConfig { remote_as: RemoteAs::OneOf(vec![Asn(65000)..=Asn(65001)]), ..role(true) };
    let agreed = agree(&internal, &open(65000, &[])).expect("internal");
    assert_eq!((agreed.context.internal, agreed.role), (true, None));
}

#[test]
fn what_is_said_about_restarts_changes_with_the_next_open() {
    let mut session = session_in(State::Connect, config(), seconds(0));
    let restart = GracefulRestart { restarted: true, ..GracefulRestart::default() };
    session.set_graceful_restart(Some(restart.clone()));
    let sent = step(&mut session, opened(1, Direction::Outgoing), seconds(0));
    let announced = match &sent[..] {
        [Action::Send { message: Message::Open(open), .. }] => open.graceful_restart(),
        other => panic!("{other:?}"),
    };
    assert_eq!(announced, Some(&restart));
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
        let result = agree(&config, &open(65001, theirs));
        match common {
            Some(common) => {
                assert_eq!(result.expect("a common family").context.families, common, "{ours:?} {theirs:?}");
            }
            None => {
                let Err(OpenRefusal::NoCommonFamily { ours: named, .. }) = result else { panic!("{result:?}") };
                assert_eq!(named, ours);
            }
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
        match (agree(&config, &open), expected) {
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
    assert!(agree(&config(), &of(65001, ours)).is_ok(), "the same one in another AS is unique enough");
    assert!(agree(&config(), &of(65001, Ipv4Addr::new(224, 0, 0, 1))).is_ok(), "it is no address");
    let zero = agree(&config(), &of(65001, Ipv4Addr::UNSPECIFIED)).expect_err("0.0.0.0");
    assert_eq!((zero.notification(), zero), (bad.clone(), OpenRefusal::RouterIdZero));
    let own = agree(&internal, &of(65000, ours)).expect_err("our own");
    assert_eq!((own.notification(), own), (bad, OpenRefusal::RouterIdOurs { router_id: ours }));
    let other = agree(&internal, &of(65000, Ipv4Addr::new(10, 0, 0, 6))).expect("another one");
    assert!(other.context.internal);
}

#[test]
fn the_hold_time_is_the_smaller_one() {
    let table = [(90, 90, 90), (90, 3, 3), (3, 90, 3), (0, 90, 0), (90, 0, 0), (65535, 65534, 65534)];
    for (ours, theirs, agreed) in table {
        let config = SessionConfig { hold_time: ours, ..config() };
        let negotiated = agree(&config, &Open { hold_time: theirs, ..peer_open() }).expect("acceptable");
        assert_eq!(negotiated.hold_time, agreed);
        assert_eq!(negotiated.keepalive.as_millis(), u128::from(agreed) * 1000 / 3);
    }
    for seconds in [1, 2] {
        let refusal = agree(&config(), &Open { hold_time: seconds, ..peer_open() }).expect_err("too short");
        assert_eq!(
            (refusal.notification(), refusal),
            (Notification::new(2, 6, &[]), OpenRefusal::HoldTime { seconds })
        );
    }
}

#[test]
fn a_missing_family_is_named_to_the_peer() {
    let evpn = Capability::Multiprotocol { afi: 25, safi: 70 };
    let refusal = agree(&both_families(), &open(65001, &[evpn])).expect_err("nothing in common");
    assert_eq!(refusal.notification(), Notification::new(2, 7, &[1, 4, 0, 2, 0, 1, 1, 4, 0, 1, 0, 1]));
    let expected = "the peer offers AFI 25, SAFI 70, and we only ipv6-unicast and ipv4-unicast: set `families` alike on both sides";
    assert_eq!(refusal.to_string(), expected);
    let v6 = SessionConfig { families: vec![AfiSafi::Ipv6Unicast], ..config() };
    let silent = agree(&v6, &open(65001, &[])).expect_err("nothing in common");
    let expected = "the peer offers ipv4-unicast, and we only ipv6-unicast: set `families` alike on both sides";
    assert_eq!(silent.to_string(), expected);
}

#[test]
fn the_context_changes_with_the_peers_open() {
    let before = CodecContext {
        four_octet_as: false,
        internal: false,
        families: AfiSafi::ALL.to_vec(),
        max_send: 4096,
        max_receive: 65535,
        enhanced_refresh: false,
        disable_families: false,
    };
    let mut session = session_in(State::OpenSent, config(), seconds(0));
    assert_eq!(*session.codec_context(ConnectionId(1)), before);
    session.handle_event(received(1, Message::Open(peer_open())), seconds(0));
    assert!(session.codec_context(ConnectionId(1)).four_octet_as);
    assert_eq!(session.codec_context(ConnectionId(1)).families, [AfiSafi::Ipv4Unicast]);
    let nobodys = CodecContext { max_receive: 4096, ..before };
    assert_eq!(*session.codec_context(ConnectionId(2)), nobodys, "that one is not there");
}

#[test]
fn who_finds_us_in_the_wrong_as_is_told_the_other_one() {
    let config = || SessionConfig { alternative_asn: Some(Asn(64999)), ..config() };
    let bad_peer_as = || received(1, Message::Notification(Notification::bad_peer_as()));
    let told = |session: &mut Session| match step(session, opened(2, Direction::Outgoing), seconds(300)).last() {
        Some(Action::Send { message: Message::Open(open), .. }) => open.asn(),
        other => panic!("an OPEN, not {other:?}"),
    };
    for (state, event, expected) in [
        (State::OpenSent, bad_peer_as(), 64999),
        (State::OpenConfirm, bad_peer_as(), 64999),
        // It had found us in the right one.
        (State::Established, bad_peer_as(), 65000),
        (State::OpenSent, received(1, Message::Notification(Notification::bad_identifier())), 65000),
        (State::OpenSent, closed(1), 65000),
    ] {
        let mut session = session_in(state, config(), seconds(0));
        step(&mut session, event, seconds(1));
        session.handle_timeout(seconds(200));
        assert_eq!(told(&mut session), Asn(expected), "{state}");
    }
    // It says so over both connections of a collision.
    let mut session = session_in(State::OpenSent, config(), seconds(0));
    step(&mut session, opened(9, Direction::Incoming), seconds(0));
    step(&mut session, bad_peer_as(), seconds(1));
    step(&mut session, received(9, Message::Notification(Notification::bad_peer_as())), seconds(1));
    session.handle_timeout(seconds(200));
    assert_eq!(told(&mut session), Asn(64999));
    let again = Event::Received {
        connection: ConnectionId(2),
        message: Ok(Message::Notification(Notification::bad_peer_as())),
    };
    step(&mut session, again, seconds(301));
    session.handle_timeout(seconds(500));
    let last = step(&mut session, opened(3, Direction::Outgoing), seconds(501));
    assert!(matches!(last.last(), Some(Action::Send { message: Message::Open(open), .. }) if open.asn() == Asn(65000)));
}
