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
        Capability::FourOctetAs(Asn(4_200_000_000)),
        Capability::Unknown { code: 64, value: [0x40, 0x78].into() },
    ];
    let octets =
        open_octets("20 02 1e  0104 0001 0001  0104 0002 0001  0104 0019 0046  0200  4104 fa56ea00  4002 4078");
    assert_both_directions(&open(capabilities), &octets, &external());
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
    let table: [(&str, u8, &[u8], usize); 19] = [
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
    let request = RouteRefresh::of(AfiSafi::Ipv6Unicast);
    assert_eq!(request.family(), Some(AfiSafi::Ipv6Unicast));
    assert_both_directions(&Message::RouteRefresh(request), &message(5, &hex("0002 00 01")), &external());
    let reserved = message(5, &hex("0019 02 46"));
    let other = RouteRefresh { afi: 25, safi: 70 };
    assert_eq!(decode(&reserved, &external()), Ok(Message::RouteRefresh(other)));
    assert_eq!(other.family(), None);
}
