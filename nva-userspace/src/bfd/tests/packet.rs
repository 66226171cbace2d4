//! The codec: octets both ways, every fault, any octets.

use proptest::prelude::*;

use super::*;

/// Version 1, diagnostic 3, Up, P and C, three times 300 ms, 1 s, no echo.
const OCTETS: [u8; CONTROL_LEN] = [
    0x23, 0xe8, 3, 24, 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x22, 0x22, 0x00, 0x04, 0x93, 0xe0, 0x00, 0x0f, 0x42, 0x40,
    0, 0, 0, 0,
];

fn packet() -> ControlPacket {
    ControlPacket {
        diagnostic: Diagnostic::NeighborSignaledDown,
        state: State::Up,
        poll: true,
        control_plane_independent: true,
        my_discriminator: discriminator(OURS),
        your_discriminator: Some(discriminator(THEIRS)),
        desired_min_tx: 300 * MS,
        required_min_rx: 1000 * MS,
        ..from_peer(State::Up)
    }
}

#[test]
fn octets_and_fields_agree() {
    assert_eq!(packet().encode(), OCTETS);
    assert_eq!(ControlPacket::decode(&OCTETS), Ok(packet()));
}

#[test]
fn every_fault_has_its_name() {
    let with = |changes: &[(usize, u8)]| {
        let mut octets = OCTETS.to_vec();
        changes.iter().for_each(|&(place, octet)| octets[place] = octet);
        octets
    };
    let cases = [
        (vec![], Discard::Truncated),
        (OCTETS[..3].to_vec(), Discard::Truncated),
        (with(&[(0, 0x03)]), Discard::Version),
        (with(&[(0, 0x43)]), Discard::Version),
        (with(&[(3, 23)]), Discard::Length),
        (with(&[(3, 25), (1, 0xc4)]), Discard::Length),
        (with(&[(3, 25)]), Discard::Truncated),
        (with(&[(3, 26), (1, 0xc4)]), Discard::Truncated),
        (OCTETS[..23].to_vec(), Discard::Truncated),
        (with(&[(2, 0)]), Discard::ZeroMultiplier),
        (with(&[(1, 0xc1)]), Discard::Multipoint),
        (with(&[(4, 0), (5, 0), (6, 0), (7, 0)]), Discard::ZeroDiscriminator),
        // Of several faults the first one counts, in the order of RFC 5880 §6.8.6.
        (with(&[(0, 0), (2, 0), (3, 0)]), Discard::Version),
        (with(&[(2, 0), (3, 0)]), Discard::Length),
        (with(&[(1, 0xc1), (2, 0)]), Discard::ZeroMultiplier),
    ];
    for (octets, expected) in cases {
        assert_eq!(ControlPacket::decode(&octets), Err(expected), "{octets:02x?}");
    }
}

#[test]
fn what_follows_the_packet_is_nothing_of_ours() {
    let padded = [&OCTETS[..], &[0xff; 8]].concat();
    assert_eq!(ControlPacket::decode(&padded), Ok(packet()));
    let mut authenticated = padded;
    authenticated[1] |= 0x04;
    authenticated[3] = 32;
    let decoded = ControlPacket::decode(&authenticated).expect("well formed");
    assert!(decoded.authenticated, "it is the session that refuses it");
}

#[test]
fn an_interval_that_does_not_fit_is_the_longest_that_does() {
    let octets = ControlPacket { desired_min_tx: Duration::from_secs(10_000), ..packet() }.encode();
    assert_eq!(ControlPacket::decode(&octets).expect("well formed").desired_min_tx.as_micros(), u32::MAX.into());
}

proptest! {
    #[test]
    fn decoding_is_total(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(packet) = ControlPacket::decode(&octets) {
            prop_assert!(octets.len() >= CONTROL_LEN && packet.multiplier > 0);
        }
    }

    #[test]
    fn what_is_decoded_is_encoded_to_the_same(mut octets in any::<[u8; CONTROL_LEN]>()) {
        octets[0] = octets[0] & 0x1f | 0x20;
        octets[1] &= !0x05;
        octets[2] = octets[2].max(1);
        octets[3] = 24;
        octets[4] |= 1;
        let packet = ControlPacket::decode(&octets).expect("well formed");
        prop_assert_eq!(packet.encode(), octets);
    }
}
