//! UPDATE messages that are in order.

use super::*;
use crate::attributes::{
    Aggregator, AsPath, Community, ExtendedCommunity, LargeCommunity, Origin, Partial, PathAttributes, Reflection,
    Segment, SegmentKind, UnknownAttribute,
};
use crate::net::Asn;

const ORIGIN: &str = "40 01 01 00";
const NEXT_HOP: &str = "40 03 04 c0000201";

fn announcement(attributes: PathAttributes, next_hop: &str, texts: &[&str]) -> Message {
    let next_hop = NextHop::from(next_hop.parse::<std::net::IpAddr>().expect("an address"));
    let announced = vec![Announced { next_hop, prefixes: prefixes(texts) }];
    Message::Update(Box::new(Update { announced, attributes, ..Update::default() }))
}

fn extended(text: &str) -> ExtendedCommunity {
    text.parse().expect(text)
}

fn through(asns: &[u32]) -> PathAttributes {
    PathAttributes { as_path: AsPath::sequence(asns.iter().copied().map(Asn)), ..PathAttributes::default() }
}

#[test]
fn the_least_announcement() {
    let octets = update_message("", &[ORIGIN, "40 02 06 0201 0000fde8", NEXT_HOP], "18 cb0071");
    assert_both_directions(&announcement(through(&[65000]), "192.0.2.1", &["203.0.113.0/24"]), &octets, &external());
}

#[test]
fn every_attribute_towards_an_internal_peer() {
    let attributes = PathAttributes {
        origin: Origin::Incomplete,
        as_path: AsPath {
            segments: vec![
                Segment { kind: SegmentKind::ConfedSequence, asns: vec![Asn(64512)] },
                Segment { kind: SegmentKind::ConfedSet, asns: vec![Asn(64513)] },
                Segment { kind: SegmentKind::Sequence, asns: vec![Asn(65000), Asn(4_200_000_000)] },
                Segment { kind: SegmentKind::Set, asns: vec![Asn(1), Asn(2)] },
            ],
        },
        lost_as_sets: false,
        med: Some(10),
        local_pref: Some(200),
        atomic_aggregate: true,
        aggregator: Some(Aggregator { asn: Asn(70000), router_id: [192, 0, 2, 7].into() }),
        communities: vec![Community::new(65000, 100), Community::NO_EXPORT],
        reflection: Some(Box::new(Reflection {
            originator_id: Some([192, 0, 2, 8].into()),
            cluster_list: vec![[192, 0, 2, 9].into(), [0, 0, 0, 1].into()],
        })),
        extended_communities: vec![extended("rt:65000:1"), extended("0x4004fde800000000")],
        large_communities: vec![LargeCommunity::new(65000, 1, 2)],
        only_to_customer: Some(Asn(4_200_000_000)),
        partial: Partial::default(),
        unknown: vec![
            UnknownAttribute { kind: 0, value: [].into() },
            UnknownAttribute { kind: 25, value: [9; 20].into() },
            UnknownAttribute { kind: 34, value: [].into() },
            UnknownAttribute { kind: 200, value: [8].into() },
        ],
    };
    let octets = update_message(
        "",
        &[
            "e0 00 00",
            "40 01 01 02",
            "40 02 20  0301 0000fc00  0401 0000fc01  0202 0000fde8 fa56ea00  0102 00000001 00000002",
            NEXT_HOP,
            "80 04 04 0000000a",
            "40 05 04 000000c8",
            "40 06 00",
            "c0 07 08 00011170 c0000207",
            "c0 08 08 fde80064 ffffff01",
            "80 09 04 c0000208",
            "80 0a 08 c0000209 00000001",
            "c0 10 10 0002fde800000001 4004fde800000000",
            "e0 19 14 0909090909090909090909090909090909090909",
            "c0 20 0c 0000fde8 00000001 00000002",
            "e0 22 00",
            "c0 23 04 fa56ea00",
            "e0 c8 01 08",
        ],
        "20 64000064",
    );
    assert_both_directions(&announcement(attributes, "192.0.2.1", &["100.0.0.100/32"]), &octets, &internal());
}

#[test]
fn ipv6_goes_in_mp_reach_and_that_goes_first() {
    let octets = update_message(
        "",
        &["80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8", ORIGIN, "40 02 06 0201 0000fde8"],
        "",
    );
    assert_both_directions(&announcement(through(&[65000]), "2001:db8::1", &["2001:db8::/32"]), &octets, &external());
}

#[test]
fn ipv6_with_a_link_local_next_hop_too() {
    let reach = |second: &str| {
        let reach = format!("80 0e 2a 0002 01 20 20010db8000000000000000000000001 {second} 00 20 20010db8");
        update_message("", &[&reach, ORIGIN, "40 02 06 0201 0000fde8"], "")
    };
    let link_local = "fe80::2".parse().expect("an address");
    let next_hop = NextHop { address: "2001:db8::1".parse().expect("an address"), link_local: Some(link_local) };
    let announced = vec![Announced { next_hop, prefixes: prefixes(&["2001:db8::/32"]) }];
    let update = Update { announced, attributes: through(&[65000]), ..Update::default() };
    let octets = reach("fe800000000000000000000000000002");
    assert_both_directions(&Message::Update(update.into()), &octets, &external());
    // What is not link-local in the second place is of no use.
    let update = decode_update(&reach("20010db8000000000000000000000002"), &external()).expect("well formed");
    assert_eq!(update.announced[0].next_hop.link_local, None);
    assert_eq!(update.faults, []);
}

#[test]
fn ipv4_in_mp_reach_anywhere_among_the_attributes() {
    let reach = "80 0e 0d 0001 01 04 c0000209 00 18 cb0071";
    let octets = update_message("", &[ORIGIN, "40 02 00", reach], "");
    let update = decode_update(&octets, &external()).expect("well formed");
    let next_hop = NextHop::from(std::net::IpAddr::from([192, 0, 2, 9]));
    assert_eq!(update.announced, [Announced { next_hop, prefixes: prefixes(&["203.0.113.0/24"]) }]);
    assert_eq!(update.faults, []);
}

#[test]
fn withdrawals() {
    let withdrawn = |texts| Message::Update(Box::new(Update { withdrawn: prefixes(texts), ..Update::default() }));
    let octets = update_message("18 cb0071 00", &[], "");
    assert_both_directions(&withdrawn(&["203.0.113.0/24", "0.0.0.0/0"]), &octets, &external());
    let octets = update_message("", &["80 0f 08 0002 01 20 20010db8"], "");
    assert_both_directions(&withdrawn(&["2001:db8::/32"]), &octets, &external());
}

#[test]
fn end_of_rib_markers() {
    let marker = |family| Message::Update(Box::new(Update { end_of_rib: Some(family), ..Update::default() }));
    let ipv4 = update_message("", &[], "");
    let ipv6 = update_message("", &["80 0f 03 0002 01"], "");
    assert_both_directions(&marker(AfiSafi::Ipv4Unicast), &ipv4, &external());
    assert_both_directions(&marker(AfiSafi::Ipv6Unicast), &ipv6, &external());
    // The multiprotocol form is understood for IPv4 too.
    let multiprotocol = update_message("", &["80 0f 03 0001 01"], "");
    assert_eq!(decode(&multiprotocol, &external()), Ok(marker(AfiSafi::Ipv4Unicast)));
    // Of a family that was not negotiated, or with something beside it, it is none.
    let only_ipv4 = CodecContext { families: vec![AfiSafi::Ipv4Unicast], ..external() };
    assert_eq!(decode(&ipv6, &only_ipv4), Ok(Message::Update(Box::default())));
    let no_families = CodecContext { families: vec![], ..external() };
    assert_eq!(decode(&ipv4, &no_families), Ok(Message::Update(Box::default())));
    let beside = update_message("", &["80 0f 03 0002 01", ORIGIN], "");
    assert_eq!(decode(&beside, &external()), Ok(Message::Update(Box::default())));
}

#[test]
fn all_four_kinds_of_route_in_one_message() {
    let octets = update_message(
        "10 0a00",
        &[
            ORIGIN,
            "40 02 00",
            NEXT_HOP,
            "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8",
            "80 0f 08 0002 01 20 20010db9",
        ],
        "18 cb0071",
    );
    let update = decode_update(&octets, &external()).expect("well formed");
    assert_eq!(update.withdrawn, prefixes(&["10.0.0.0/16", "2001:db9::/32"]));
    let announced: Vec<_> = update.announced.iter().map(|a| (a.next_hop.address.to_string(), &*a.prefixes)).collect();
    assert_eq!(
        announced,
        [
            ("192.0.2.1".to_owned(), &*prefixes(&["203.0.113.0/24"])),
            ("2001:db8::1".to_owned(), &*prefixes(&["2001:db8::/32"]))
        ]
    );
    // Not into one message, when it is ours (RFC 7606 §5.1).
    assert_eq!(encoded(&Message::Update(update.into()), &external()), Err(EncodeError::Mixed));
}

#[test]
fn families_that_were_not_negotiated_are_passed_over() {
    let octets = update_message(
        "10 0a00",
        &[
            ORIGIN,
            "40 02 00",
            NEXT_HOP,
            "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8",
            "80 0f 08 0019 46 20 20010db9",
        ],
        "18 cb0071",
    );
    let only = |family| CodecContext { families: vec![family], ..external() };
    let ipv4 = decode_update(&octets, &only(AfiSafi::Ipv4Unicast)).expect("well formed");
    assert_eq!(ipv4.withdrawn, prefixes(&["10.0.0.0/16"]));
    assert_eq!(ipv4.announced.len(), 1);
    assert_eq!(ipv4.announced[0].prefixes, prefixes(&["203.0.113.0/24"]));
    let ipv6 = decode_update(&octets, &only(AfiSafi::Ipv6Unicast)).expect("well formed");
    assert_eq!(ipv6.withdrawn, []);
    assert_eq!(ipv6.announced.len(), 1);
    assert_eq!(ipv6.announced[0].prefixes, prefixes(&["2001:db8::/32"]));
    assert_eq!((ipv4.faults, ipv6.faults), (vec![], vec![]));
}

#[test]
fn a_2_octet_peer_gets_as_trans_and_as4_path() {
    let attributes = PathAttributes {
        aggregator: Some(Aggregator { asn: Asn(70000), router_id: [192, 0, 2, 7].into() }),
        ..through(&[65000, 70000])
    };
    let octets = update_message(
        "",
        &[
            ORIGIN,
            "40 02 06 0202 fde8 5ba0",
            NEXT_HOP,
            "c0 07 06 5ba0 c0000207",
            "c0 11 0a 0202 0000fde8 00011170",
            "c0 12 08 00011170 c0000207",
        ],
        "18 cb0071",
    );
    assert_both_directions(&announcement(attributes, "192.0.2.1", &["203.0.113.0/24"]), &octets, &two_octet());
    // Numbers that fit need no AS4 attributes.
    let octets = update_message("", &[ORIGIN, "40 02 06 0202 fde8 0001", NEXT_HOP], "18 cb0071");
    assert_both_directions(
        &announcement(through(&[65000, 1]), "192.0.2.1", &["203.0.113.0/24"]),
        &octets,
        &two_octet(),
    );
}

#[test]
fn as4_path_does_not_carry_confederation_segments() {
    let confederation = Segment { kind: SegmentKind::ConfedSequence, asns: vec![Asn(64512)] };
    let mut attributes = PathAttributes { local_pref: Some(100), ..through(&[70000]) };
    attributes.as_path.segments.insert(0, confederation);
    let context = CodecContext { internal: true, ..two_octet() };
    let octets = update_message(
        "",
        &[ORIGIN, "40 02 08 0301 fc00 0201 5ba0", NEXT_HOP, "40 05 04 00000064", "c0 11 06 0201 00011170"],
        "18 cb0071",
    );
    assert_both_directions(&announcement(attributes, "192.0.2.1", &["203.0.113.0/24"]), &octets, &context);
    // Nor is one read that came in it (RFC 6793 §6).
    let octets = update_message(
        "",
        &[ORIGIN, "40 02 04 0201 5ba0", NEXT_HOP, "c0 11 0c 0301 0000fc00 0201 00011170"],
        "18 cb0071",
    );
    let update = decode_update(&octets, &two_octet()).expect("well formed");
    assert_eq!(update.attributes.as_path.to_string(), "70000");
}

#[test]
fn local_pref_is_for_internal_peers_only_and_always() {
    let with = PathAttributes { local_pref: Some(200), ..through(&[65000]) };
    let octets = encoded(&announcement(with, "192.0.2.1", &["203.0.113.0/24"]), &external()).expect("short");
    let update = decode_update(&octets, &external()).expect("well formed");
    assert_eq!((update.attributes.local_pref, update.faults), (None, vec![]));
    let without = announcement(through(&[65000]), "192.0.2.1", &["203.0.113.0/24"]);
    let octets = encoded(&without, &internal()).expect("short");
    let update = decode_update(&octets, &internal()).expect("well formed");
    assert_eq!((update.attributes.local_pref, update.faults), (Some(100), vec![]));
}

#[test]
fn the_extended_length_is_read_always_and_written_where_needed() {
    let short = update_message("", &["50 01 0001 00", "50 02 0000", NEXT_HOP], "18 cb0071");
    let update = decode_update(&short, &external()).expect("well formed");
    assert_eq!(update.faults, []);
    let long = |count: u16| PathAttributes {
        communities: (0..count).map(|low| Community::new(65000, low)).collect(),
        ..PathAttributes::default()
    };
    for (count, head) in [(63, &[0xc0, 8, 252][..]), (64, &[0xd0, 8, 1, 0][..])] {
        let octets = encoded(&announcement(long(count), "192.0.2.1", &["203.0.113.0/24"]), &external());
        let octets = octets.expect("short enough");
        // Behind the header, two lengths, ORIGIN, an empty AS_PATH and NEXT_HOP.
        assert_eq!(&octets[19 + 4 + 4 + 3 + 7..][..head.len()], head);
        let update = decode_update(&octets, &external()).expect("well formed");
        assert_eq!(update.attributes, long(count));
    }
}

#[test]
fn communities_are_sorted_and_each_is_there_once() {
    let octets = update_message(
        "",
        &[
            ORIGIN,
            "40 02 00",
            NEXT_HOP,
            "c0 08 0c 00020000 00010000 00020000",
            "c0 10 18 0002fde800000002 0002fde800000001 0002fde800000002",
            "c0 20 24 000000010000000200000003 000000010000000200000002 000000010000000200000003",
        ],
        "18 cb0071",
    );
    let update = decode_update(&octets, &external()).expect("well formed");
    assert_eq!(update.attributes.communities, [Community::new(1, 0), Community::new(2, 0)]);
    assert_eq!(update.attributes.extended_communities, [extended("rt:65000:1"), extended("rt:65000:2")]);
    assert_eq!(update.attributes.large_communities, [LargeCommunity::new(1, 2, 2), LargeCommunity::new(1, 2, 3)]);
    assert_eq!(update.faults, []);
}

#[test]
fn the_partial_bit_of_known_attributes_goes_on() {
    // RFC 4271 §5.
    let of = [
        ("07 08 00010000c0000201", Partial { aggregator: true, ..Partial::default() }),
        ("08 04 00020000", Partial { communities: true, ..Partial::default() }),
        ("10 08 0002fde800000001", Partial { extended_communities: true, ..Partial::default() }),
        ("20 0c 000000010000000200000003", Partial { large_communities: true, ..Partial::default() }),
    ];
    for (attribute, partial) in of {
        for (flags, expected) in [("c0", Partial::default()), ("e0", partial)] {
            let octets =
                update_message("", &[ORIGIN, "40 02 00", NEXT_HOP, &format!("{flags} {attribute}")], "18 cb0071");
            let update = decode_update(&octets, &external()).expect("well formed");
            assert_eq!(update.attributes.partial, expected, "{flags} {attribute}");
            assert_both_directions(&Message::Update(update.into()), &octets, &external());
        }
    }
}

#[test]
fn unknown_attributes_go_on_if_transitive_and_are_dropped_if_not() {
    let octets = update_message(
        "",
        &[ORIGIN, "40 02 00", NEXT_HOP, "c0 64 01 aa", "e0 63 01 bb", "80 62 01 cc", "a0 61 00"],
        "18 cb0071",
    );
    let update = decode_update(&octets, &external()).expect("well formed");
    assert_eq!(
        update.attributes.unknown,
        [UnknownAttribute { kind: 0x63, value: [0xbb].into() }, UnknownAttribute { kind: 0x64, value: [0xaa].into() },]
    );
    assert_eq!(update.faults, []);
    let again = encoded(&Message::Update(update.into()), &external()).expect("short");
    assert!(again.windows(8).any(|octets| octets == hex("e06301bb e06401aa")), "both with the Partial bit");
}

#[test]
fn what_cannot_be_written() {
    let refused = |message: Message| encoded(&message, &external()).expect_err("not possible");
    let v6 = "2001:db8::1".parse().expect("an address");
    assert_eq!(
        refused(announcement(through(&[1]), "2001:db8::1", &["203.0.113.0/24"])),
        EncodeError::NextHopFamily { next_hop: v6, family: AfiSafi::Ipv4Unicast }
    );
    assert_eq!(
        refused(announcement(through(&[1]), "192.0.2.1", &["203.0.113.0/24", "2001:db8::/32"])),
        EncodeError::Mixed
    );
    assert_eq!(refused(Message::Update(Box::default())), EncodeError::Mixed);
    let known = UnknownAttribute { kind: 8, value: [].into() };
    let attributes = PathAttributes { unknown: vec![known], ..through(&[1]) };
    assert_eq!(
        refused(announcement(attributes, "192.0.2.1", &["203.0.113.0/24"])),
        EncodeError::NotUnknown { kind: 8 }
    );
    for length in [0, 256] {
        let segment = Segment { kind: SegmentKind::Sequence, asns: vec![Asn(1); length] };
        let attributes = PathAttributes { as_path: AsPath { segments: vec![segment] }, ..PathAttributes::default() };
        assert_eq!(
            refused(announcement(attributes, "192.0.2.1", &["203.0.113.0/24"])),
            EncodeError::Segment { length }
        );
    }
}
