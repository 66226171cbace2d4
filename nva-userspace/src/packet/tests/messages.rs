//! OPEN, NOTIFICATION, KEEPALIVE and ROUTE-REFRESH.

use super::*;
use crate::net::Asn;

fn open(capabilities: Vec<Capability>) -> Message {
    Message::Open(Open { my_as: 65000, hold_time: 180, router_id: [10, 13, 76, 84].into(), capabilities })
}

/// The ten octets of an OPEN that is in order, up to the length of the optional parameters.
const FIXED: &str = "04 fde8 00b4 0a0d4c54";

fn open_octets(parameters: &str) -> Vec<u8> {
    message(1, &hex(&format!("{FIXED}{parameters}")))
}

#[test]
fn open_without_capabilities() {
    assert_both_directions(&open(vec![]), &open_octets("00"), &external());
}

#[test]
fn open_with_every_capability() {
    let capabilities = vec![
        Capability::multiprotocol(AfiSafi::Ipv4Unicast),
        Capability::multiprotocol(AfiSafi::Ipv6Unicast),
        Capability::Multiprotocol { afi: 25, safi: 70 },
        Capability::RouteRefresh,
        Capability::ExtendedMessage,
        Capability::Role(3),
        Capability::GracefulRestart(GracefulRestart::default()),
        Capability::FourOctetAs(Asn(4_200_000_000)),
        Capability::EnhancedRouteRefresh,
        Capability::Unknown { code: 73, value: [1, 0x78, 0].into() },
    ];
    let octets = open_octets(concat!(
        "2c 02 2a  0104 0001 0001  0104 0002 0001  0104 0019 0046  0200  0600  0901 03  4002 0000",
        " 4104 fa56ea00  4600  4903 01 78 00",
    ));
    assert_both_directions(&open(capabilities), &octets, &external());
}

#[test]
fn graceful_restart_in_every_form() {
    let family = |family, forwarding| RestartFamily::new(family, forwarding);
    let (v4, v6) = (AfiSafi::Ipv4Unicast, AfiSafi::Ipv6Unicast);
    let foreign = RestartFamily { afi: 25, safi: 70, forwarding: true };
    let table = [
        ("06 02 04  4002 0078", (false, false, 120), vec![]),
        ("06 02 04  4002 8fff", (true, false, 4095), vec![]),
        ("0a 02 08  4006 4000 0001 01 80", (false, true, 0), vec![family(v4, true)]),
        (
            "12 02 10  400e c001 0001 01 00 0002 01 80 0019 46 80",
            (true, true, 1),
            vec![family(v4, false), family(v6, true), foreign],
        ),
    ];
    for (octets, (restarted, notification, time), families) in table {
        let restart = GracefulRestart { restarted, notification, time, families };
        let message = open(vec![Capability::GracefulRestart(restart)]);
        assert_both_directions(&message, &open_octets(octets), &external());
    }
    assert_eq!((family(v6, true).family(), foreign.family()), (Some(v6), None));
}

#[test]
fn unassigned_bits_of_graceful_restart_are_not_looked_at() {
    let octets = open_octets("0a 02 08  4006 3001 0001 01 7f");
    let families = vec![RestartFamily::new(AfiSafi::Ipv4Unicast, false)];
    let restart = GracefulRestart { time: 1, families, ..GracefulRestart::default() };
    assert_eq!(decode(&octets, &external()), Ok(open(vec![Capability::GracefulRestart(restart)])));
}

#[test]
fn graceful_restart_that_does_not_fit() {
    let restart = |time, count| {
        let families = vec![RestartFamily::new(AfiSafi::Ipv4Unicast, true); count];
        open(vec![Capability::GracefulRestart(GracefulRestart { time, families, ..GracefulRestart::default() })])
    };
    let longest = open_octets("06 02 04  4002 0fff");
    assert_eq!(encoded(&restart(u16::MAX, 0), &external()), Ok(longest), "RFC 4724 §3: 12 bits");
    assert!(encoded(&restart(0, 63), &external()).is_ok());
    assert_eq!(encoded(&restart(0, 64), &external()), Err(EncodeError::CapabilityTooLong { code: 64 }));
}

#[test]
fn of_several_graceful_restarts_the_last_one_counts() {
    let restart = |time| Capability::GracefulRestart(GracefulRestart { time, ..GracefulRestart::default() });
    match decode(&open_octets("0a 02 08  4002 0001 4002 0002"), &external()) {
        Ok(Message::Open(open)) => {
            assert_eq!(open.capabilities, [restart(1), restart(2)]);
            assert_eq!(open.graceful_restart().map(|restart| restart.time), Some(2));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn open_with_a_parameter_for_each_capability() {
    let octets = open_octets("0c 02 06 0104 0001 0001  02 02 0200");
    let capabilities = vec![Capability::multiprotocol(AfiSafi::Ipv4Unicast), Capability::RouteRefresh];
    assert_eq!(decode(&octets, &external()), Ok(open(capabilities)));
}

#[test]
fn open_with_extended_parameters() {
    // RFC 9072 §2: the length before the type 255 says nothing, but 0.
    let capabilities = vec![Capability::RouteRefresh];
    for length in ["ff", "01"] {
        let octets = open_octets(&format!("{length} ff 0005 02 0002 0200"));
        assert_eq!(decode(&octets, &external()), Ok(open(capabilities.clone())));
    }
    let value: Box<[u8]> = [7; 250].into();
    let long = open(vec![Capability::Unknown { code: 200, value: value.clone() }, Capability::RouteRefresh]);
    let octets = open_octets(&format!("ff ff 0101 02 00fe c8fa {} 0200", "07".repeat(250)));
    assert_both_directions(&long, &octets, &external());
}

#[test]
fn the_longest_parameters_that_are_not_extended() {
    let long = |length: usize| open(vec![Capability::Unknown { code: 200, value: vec![7; length].into() }]);
    let octets = open_octets(&format!("ff 02 fd c8fb {}", "07".repeat(251)));
    assert_both_directions(&long(251), &octets, &external());
    assert_both_directions(
        &long(252),
        &open_octets(&format!("ff ff 0101 02 00fe c8fc {}", "07".repeat(252))),
        &external(),
    );
    assert_eq!(encoded(&long(256), &external()), Err(EncodeError::CapabilityTooLong { code: 200 }));
}

#[test]
fn every_open_error_and_its_notification() {
    let table: [(&str, u8, &[u8], usize); 28] = [
        ("03 fde8 00b4 0a0d4c54 00", 1, &[0, 4], 19),
        ("05 fde8 00b4 0a0d4c54 00", 1, &[0, 4], 19),
        ("04 0000 00b4 0a0d4c54 00", 2, &[], 20),
        ("04 fde8 0001 0a0d4c54 00", 6, &[], 22),
        ("04 fde8 0002 0a0d4c54 00", 6, &[], 22),
        ("04 fde8 00b4 00000000 00", 3, &[], 24),
        // Lengths of the parameters: too long, too short, cut.
        ("04 fde8 00b4 0a0d4c54 05 02 02 0200", 0, &[], 28),
        ("04 fde8 00b4 0a0d4c54 03 02 02 0200", 0, &[], 28),
        ("04 fde8 00b4 0a0d4c54 00 02 02 0200", 0, &[], 28),
        ("04 fde8 00b4 0a0d4c54 01 02", 0, &[], 29),
        ("04 fde8 00b4 0a0d4c54 ff ff 0006 02 0002 0200", 0, &[], 28),
        ("04 fde8 00b4 0a0d4c54 ff ff 00", 0, &[], 28),
        // Authentication, which is no more, and 255 where it does not say that what follows is extended.
        ("04 fde8 00b4 0a0d4c54 03 01 01 00", 4, &[], 29),
        ("04 fde8 00b4 0a0d4c54 07 02 02 0200 ff 01 00", 4, &[], 33),
        // Capabilities.
        ("04 fde8 00b4 0a0d4c54 03 02 01 02", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 05 02 03 0202 00", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 07 02 05 0103 000100", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 07 02 05 4103 00fde8", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 08 02 06 4104 00000000", 2, &[], 31),
        ("04 fde8 00b4 0a0d4c54 05 02 03 0601 00", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 05 02 03 4601 00", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 04 02 02 0900", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 06 02 04 0902 0304", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 04 02 02 4000", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 05 02 03 4001 00", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 07 02 05 4003 000000", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 09 02 07 4005 0000 000101", 0, &[], 31),
        ("04 fde8 00b4 0a0d4c54 0b 02 09 0200 4005 0000 000101", 0, &[], 33),
    ];
    for (body, subcode, data, offset) in table {
        let error = decode(&message(1, &hex(body)), &external()).expect_err(body);
        let notification = error.notification();
        assert_eq!(
            (notification.code, notification.subcode, &*notification.data),
            (2, subcode, data),
            "{body}: {error}"
        );
        assert!(matches!(error, DecodeError::Open { offset: at, .. } if at == offset), "{body}: {error}");
    }
}

#[test]
fn an_open_is_never_extended() {
    // RFC 8654 §4: also where the session has agreed on more.
    let long = open(vec![Capability::Unknown { code: 200, value: vec![7; 255].into() }; 16]);
    assert_eq!(encoded(&long, &extended()), Err(EncodeError::TooLong { max: MAX_MESSAGE }));
}

#[test]
fn errors_say_what_and_where() {
    let error = decode(&message(1, &hex("03 fde8 00b4 0a0d4c54 00")), &external()).expect_err("version 3");
    assert_eq!(error.to_string(), "OPEN at offset 19: version 3 is not supported");
    let error = decode(&message(4, &[0]), &external()).expect_err("a KEEPALIVE with a body");
    assert_eq!(error.to_string(), "message header at offset 16: 20 is not a possible length of KEEPALIVE");
}

#[test]
fn the_as_of_an_open_is_that_of_the_capability() {
    let asn = |capabilities| match open(capabilities) {
        Message::Open(open) => open.asn(),
        other => panic!("{other:?}"),
    };
    assert_eq!(asn(vec![]), Asn(65000));
    assert_eq!(asn(vec![Capability::RouteRefresh, Capability::FourOctetAs(Asn(70000))]), Asn(70000));
}

#[test]
fn notifications() {
    let with_text = Notification::administrative_shutdown("maintenance");
    let octets = message(3, &hex("06 02 0b 6d61696e74656e616e6365"));
    assert_both_directions(&Message::Notification(with_text), &octets, &external());
    let bare = Message::Notification(Notification::hold_timer_expired());
    assert_both_directions(&bare, &message(3, &[4, 0]), &external());
}

#[test]
fn a_notification_with_as_much_data_as_fits() {
    let full = Message::Notification(Notification::new(3, 9, &[1; 5000]));
    assert_eq!(encoded(&full, &external()).map(|octets| octets.len()), Ok(MAX_MESSAGE));
    let longer = Message::Notification(Notification { code: 3, subcode: 9, data: [1; 4076].into() });
    assert_eq!(encoded(&longer, &external()), Err(EncodeError::TooLong { max: MAX_MESSAGE }));
}

#[test]
fn keepalive() {
    assert_both_directions(&Message::Keepalive, &message(4, &[]), &external());
}

#[test]
fn route_refresh() {
    use RefreshSubtype::{Begin, End, Request, Unknown};
    for (subtype, octets) in [(Request, "0002 00 01"), (Begin, "0002 01 01"), (End, "0002 02 01")] {
        let refresh = RouteRefresh::new(AfiSafi::Ipv6Unicast, subtype);
        assert_eq!(refresh.family(), Some(AfiSafi::Ipv6Unicast));
        assert_both_directions(&Message::RouteRefresh(refresh), &message(5, &hex(octets)), &external());
        // RFC 2918 §3: without the capability the octet is reserved.
        let before = RouteRefresh { subtype: Request, ..refresh };
        assert_eq!(decode(&message(5, &hex(octets)), &plain_refresh()), Ok(Message::RouteRefresh(before)));
    }
    let other = RouteRefresh { afi: 25, safi: 70, subtype: Unknown(255) };
    assert_both_directions(&Message::RouteRefresh(other), &message(5, &hex("0019 ff 46")), &external());
    assert_eq!(other.family(), None);
}

/// A session without enhanced route refresh.
fn plain_refresh() -> CodecContext {
    CodecContext { enhanced_refresh: false, ..external() }
}

#[test]
fn the_length_of_a_route_refresh() {
    let with_filters = "0001 00 01 01 80 0000";
    // The body, what it is with enhanced route refresh, and what without: code and subcode, or the subtype.
    type Expected = Result<u8, (u8, u8)>;
    let table: [(&str, Expected, Expected); 12] = [
        ("", Err((1, 2)), Err((1, 2))),
        ("0001", Err((1, 2)), Err((1, 2))),
        ("0001 00", Err((1, 2)), Err((1, 2))),
        ("0001 00 01 00", Err((1, 2)), Err((1, 2))),
        // RFC 5291 §4: we ask nobody for outbound filters.
        (with_filters, Err((1, 2)), Err((1, 2))),
        ("0001 01", Err((7, 1)), Err((1, 2))),
        ("0001 01 01 00", Err((7, 1)), Err((1, 2))),
        ("0001 02", Err((7, 1)), Err((1, 2))),
        ("0001 02 01 00", Err((7, 1)), Err((1, 2))),
        ("0001 03", Ok(3), Err((1, 2))),
        ("0001 03 01", Ok(3), Ok(0)),
        ("0001 03 01 0000", Ok(3), Err((1, 2))),
    ];
    for (body, enhanced, plain) in table {
        let octets = message(5, &hex(body));
        for (context, expected) in [(external(), enhanced), (plain_refresh(), plain)] {
            let result = decode(&octets, &context).map_err(|error| error.notification());
            match (result, expected) {
                (Ok(Message::RouteRefresh(refresh)), Ok(code)) => assert_eq!(refresh.subtype.code(), code, "{body}"),
                (Err(notification), Err(codes)) => {
                    assert_eq!((notification.code, notification.subcode), codes, "{body}");
                    // RFC 4271 §6.1: the length; RFC 7313 §5: the whole message.
                    let data = if codes.0 == 1 { &octets[16..18] } else { &octets };
                    assert_eq!(&*notification.data, data, "{body}");
                }
                (result, _) => panic!("{body}: {result:?}, not {expected:?}"),
            }
        }
    }
    let longest = message(5, &[&[0, 1, 1, 1][..], &[0; MAX_MESSAGE - HEADER_LEN - 4]].concat());
    let notification = decode(&longest, &external()).expect_err("too long").notification();
    assert_eq!(*notification.data, longest[..MAX_MESSAGE - HEADER_LEN - 2], "as much as fits");
    assert_eq!(notification.to_string(), "ROUTE-REFRESH Message Error/Invalid Message Length");
}
