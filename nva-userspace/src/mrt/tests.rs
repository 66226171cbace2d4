//! Records of every kind, and octets of none.

use proptest::prelude::*;

use super::fixtures::{attributes, entries, index, message, record};
use super::*;

/// Cuts a file into its records, and decodes them.
fn decode(file: &[u8]) -> Vec<Result<Record, MrtError>> {
    let (mut decoder, mut records, mut rest) = (Decoder::default(), Vec::new(), file);
    while let Some((header, after)) = rest.split_first_chunk::<HEADER_LEN>() {
        let header = Header::decode(*header);
        let length = header.body_len().expect("a sensible length");
        records.push(decoder.decode(header, &after[..length]));
        rest = &after[length..];
    }
    records
}

/// All routes as lines: peer, prefix, next hop, path.
fn lines(file: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for record in decode(file) {
        match record {
            Ok(Record::Peers(count)) => lines.push(format!("{count} peers")),
            Ok(Record::Skipped(why)) => lines.push(why.to_owned()),
            Ok(Record::Routes(routes)) => {
                for route in &routes {
                    let peer = format!("{} AS {}", route.peer.address, route.peer.asn);
                    let announced = route.announced().map(|(prefix, next_hop, attributes)| {
                        format!("{peer}: {prefix} via {next_hop}, path {}", attributes.as_path)
                    });
                    lines.extend(announced);
                }
            }
            Err(error) => lines.push(error.to_string()),
        }
    }
    lines
}

/// An UPDATE of 10.1.0.0/16 with a path of 2-octet or 4-octet numbers.
fn update(four_octet_as: bool) -> Vec<u8> {
    let path = if four_octet_as { "02010000fe4d" } else { "0201fe4d" };
    let octets = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("digits")).collect()
    };
    let attributes = octets(&format!("40010100 4002{:02x}{path} 400304c0000201", path.len() / 2).replace(' ', ""));
    let length = u8::try_from(attributes.len()).expect("few");
    let body = [&[0, 0, 0, length][..], &attributes, &[16, 10, 1]].concat();
    let length = u16::try_from(19 + body.len()).expect("few").to_be_bytes();
    [&[0xff; 16][..], &length, &[2], &body].concat()
}

#[test]
fn tables_of_both_families_with_and_without_path_identifiers() {
    let (v4, v6) = (attributes(&[65101, 65102], "192.0.2.1"), attributes(&[65102], "2001:db8::2"));
    let file = [
        index(&[("192.0.2.1", 65101), ("2001:db8::2", 4_200_000_000)]),
        entries("10.0.0.0/8", false, &[(0, v4.clone()), (1, attributes(&[], "192.0.2.9"))]),
        entries("2001:db8::/33", false, &[(1, v6.clone())]),
        entries("0.0.0.0/0", true, &[(0, v4)]),
        entries("::/0", true, &[(1, v6)]),
    ];
    assert_eq!(
        lines(&file.concat()),
        [
            "2 peers",
            "192.0.2.1 AS 65101: 10.0.0.0/8 via 192.0.2.1, path 65101 65102",
            "2001:db8::2 AS 4200000000: 10.0.0.0/8 via 192.0.2.9, path ",
            "2001:db8::2 AS 4200000000: 2001:db8::/33 via 2001:db8::2, path 65102",
            "192.0.2.1 AS 65101: 0.0.0.0/0 via 192.0.2.1, path 65101 65102",
            "2001:db8::2 AS 4200000000: ::/0 via 2001:db8::2, path 65102",
        ]
    );
}

#[test]
fn messages_of_both_widths_of_as_numbers() {
    let keepalive = [&[0xff; 16][..], &[0, 19, 4]].concat();
    let with_time = [&[0, 0, 0, 9][..], &message(4, &update(true))[HEADER_LEN..]].concat();
    let file = [
        message(4, &update(true)),
        message(1, &update(false)),
        record(17, 4, &with_time),
        message(4, &keepalive),
        record(16, 5, &[0; 20]),
        message(9, &update(true)),
        record(16, 77, &[]),
        record(13, 3, &[]),
        record(12, 1, &[]),
    ];
    let route = "192.0.2.1 AS 65101: 10.1.0.0/16 via 192.0.2.1, path 65101";
    assert_eq!(
        lines(&file.concat()),
        [
            route,
            route,
            route,
            "a message that is no UPDATE",
            "a change of a session's state",
            "a message of a session with ADD-PATH",
            "another type of BGP4MP record than messages",
            "another table than of unicast routes",
            "another type than TABLE_DUMP_V2 and BGP4MP",
        ]
    );
}

#[test]
fn what_is_wrong_is_said() {
    let good = attributes(&[1], "192.0.2.1");
    let long_prefix = record(13, 2, &[0, 0, 0, 1, 33, 1, 2, 3, 4, 5, 0, 0]);
    let whole = entries("10.0.0.0/8", false, &[(0, good.clone())]);
    let cut = record(13, 2, &whole[HEADER_LEN..whole.len() - 1]);
    let no_family = record(16, 4, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9]);
    let file = [entries("10.0.0.0/8", false, &[(7, good)]), long_prefix, cut, no_family, record(13, 1, &[0; 7])];
    assert_eq!(
        lines(&file.concat()),
        [
            "there is no peer 7 in the index table",
            "a prefix of length 33",
            "the record ends within its table entries",
            "an address family 9",
            "the record ends within its index table",
        ]
    );
    let huge = Header::decode([0, 0, 0, 0, 0, 13, 0, 2, 0xff, 0, 0, 0]);
    assert!(huge.body_len().expect_err("too long").to_string().contains("is this an MRT file?"));
}

#[test]
fn a_malformed_route_says_so_and_the_others_are_there() {
    let file = [
        index(&[("192.0.2.1", 1)]),
        entries("10.0.0.0/8", false, &[(0, vec![0x40, 1, 1, 9]), (0, attributes(&[1], "192.0.2.1"))]),
    ];
    let Ok(Record::Routes(routes)) = decode(&file.concat()).remove(1) else { panic!("routes") };
    let faults = routes[0].update.as_ref().expect("no reset").faults.len();
    assert!(faults > 0 && routes[0].announced().next().is_none());
    assert_eq!(routes[1].announced().count(), 1);
}

proptest! {
    #[test]
    fn any_octets_are_a_record_or_refused(
        kind in prop_oneof![Just(13u16), Just(16), Just(17), any::<u16>()],
        subtype in 0u16..12,
        body in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut decoder = Decoder { peers: vec![MrtPeer { address: IpAddr::from([1, 1, 1, 1]), asn: Asn(1) }] };
        let file = record(kind, subtype, &body);
        let (header, body) = file.split_first_chunk::<HEADER_LEN>().expect("a header");
        if let Ok(Record::Routes(routes)) = decoder.decode(Header::decode(*header), body) {
            for route in &routes {
                prop_assert!(route.update.is_err() || route.announced().count() <= body.len());
            }
        }
    }
}
