//! As many prefixes to a message as it holds, and none twice.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::strategies::{attributes, context, next_hop, prefix};
use super::*;
use crate::attributes::{Community, PathAttributes};

/// Sends prefixes until none is left; every message that comes of it.
fn send_all(prefixes: &[Prefix], mut send: impl FnMut(&[Prefix], &mut Vec<u8>) -> usize) -> Vec<Vec<u8>> {
    let mut left = prefixes;
    let mut messages = Vec::new();
    while !left.is_empty() {
        let mut out = Vec::new();
        let taken = send(left, &mut out);
        assert!((1..=left.len()).contains(&taken), "{taken} of {}", left.len());
        left = &left[taken..];
        messages.push(out);
    }
    messages
}

/// Whether one more octet than a message has would have been too many for the next prefix.
fn assert_full(messages: &[Vec<u8>], largest_prefix: usize, max_message: usize) {
    for message in messages {
        assert!(message.len() <= max_message);
    }
    for message in messages.iter().rev().skip(1) {
        assert!(message.len() + largest_prefix > max_message, "{} octets, and more to send", message.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_prefix_is_announced_once(
        (context, attributes) in context().prop_flat_map(|context| { let a = attributes(&context); (Just(context), a) }),
        (next_hop, prefixes) in select(AfiSafi::ALL.to_vec())
            .prop_flat_map(|family| (next_hop(family), vec(prefix(family), 1..1500))),
    ) {
        let messages = send_all(&prefixes, |left, out| {
            encode_announcement(&attributes, next_hop, left, &context, out).expect("there is room")
        });
        assert_full(&messages, 17, context.max_send);
        let mut received = Vec::new();
        for octets in &messages {
            let update = decode_update(octets, &context).expect("we wrote it");
            prop_assert_eq!(&update.attributes, &attributes);
            prop_assert_eq!((update.announced.len(), update.announced[0].next_hop), (1, next_hop));
            prop_assert!(update.withdrawn.is_empty() && update.faults.is_empty());
            received.extend_from_slice(&update.announced[0].prefixes);
        }
        prop_assert_eq!(received, prefixes);
    }

    #[test]
    fn every_prefix_is_withdrawn_once(
        prefixes in select(AfiSafi::ALL.to_vec()).prop_flat_map(|family| vec(prefix(family), 1..1500)),
    ) {
        let context = external();
        let messages = send_all(&prefixes, |left, out| encode_withdrawal(left, &context, out));
        assert_full(&messages, 17, context.max_send);
        let mut received = Vec::new();
        for octets in &messages {
            received.extend(decode_update(octets, &context).expect("we wrote it").withdrawn);
        }
        prop_assert_eq!(received, prefixes);
    }

    #[test]
    fn nothing_is_written_that_the_session_does_not_allow(
        max_message in 23usize..400,
        (next_hop, prefixes) in select(AfiSafi::ALL.to_vec())
            .prop_flat_map(|family| (next_hop(family), vec(prefix(family), 1..40))),
    ) {
        let context = CodecContext { max_send: max_message, ..external() };
        let mut out = vec![1, 2, 3];
        match encode_announcement(&PathAttributes::default(), next_hop, &prefixes, &context, &mut out) {
            Ok(taken) => {
                prop_assert!(taken >= 1 && out.len() - 3 <= max_message);
                let update = decode_update(&out[3..], &context).expect("we wrote it");
                prop_assert_eq!(&update.announced[0].prefixes, &prefixes[..taken]);
            }
            Err(error) => {
                prop_assert_eq!(error, EncodeError::NoRoomForPrefix { max: max_message });
                prop_assert_eq!(out, [1, 2, 3]);
            }
        }
    }
}

fn with_communities(count: u16) -> PathAttributes {
    PathAttributes { communities: (0..count).map(|low| Community::new(1, low)).collect(), ..PathAttributes::default() }
}

#[test]
fn attributes_that_fill_the_message_leave_room_for_nothing() {
    let next_hop = NextHop::from(std::net::IpAddr::from([192, 0, 2, 1]));
    let host = prefixes(&["192.0.2.1/32"]);
    // 23 octets of header and lengths, 14 of attributes, 4 before the communities, 5 for the prefix.
    let most = (MAX_MESSAGE - 23 - 14 - 4 - 5) / 4;
    let count = u16::try_from(most).expect("about a thousand");
    let mut out = Vec::new();
    assert_eq!(encode_announcement(&with_communities(count), next_hop, &host, &external(), &mut out), Ok(1));
    let mut out = Vec::new();
    let error = EncodeError::NoRoomForPrefix { max: MAX_MESSAGE };
    assert_eq!(encode_announcement(&with_communities(count + 1), next_hop, &host, &external(), &mut out), Err(error));
    assert!(out.is_empty());
}

#[test]
fn a_whole_update_that_does_not_fit_is_refused() {
    let all: Vec<Prefix> = (0..2000u32).map(|n| Prefix::host(std::net::Ipv4Addr::from(n << 8).into())).collect();
    let too_long = Err(EncodeError::TooLong { max: MAX_MESSAGE });
    let withdrawal = Update { withdrawn: all.clone(), ..Update::default() };
    assert_eq!(encoded(&Message::Update(withdrawal.into()), &external()), too_long);
    let next_hop = NextHop::from(std::net::IpAddr::from([192, 0, 2, 1]));
    let announced = vec![Announced { next_hop, prefixes: all[..1].to_vec() }];
    let full = Update { announced, attributes: with_communities(1100), ..Update::default() };
    assert_eq!(encoded(&Message::Update(full.into()), &external()), too_long);
    let announced = vec![Announced { next_hop, prefixes: all }];
    let update = Update { announced, ..Update::default() };
    assert_eq!(encoded(&Message::Update(update.into()), &external()), too_long);
}

#[test]
fn an_extended_message_takes_what_else_takes_many() {
    let all: Vec<Prefix> = (0..10_000u32).map(|n| Prefix::host(std::net::Ipv4Addr::from(n << 8).into())).collect();
    let next_hop = NextHop::from(std::net::IpAddr::from([192, 0, 2, 1]));
    let attributes = with_communities(1100);
    let update =
        Update { announced: vec![Announced { next_hop, prefixes: all.clone() }], attributes, ..Update::default() };
    let octets = encoded(&Message::Update(update.clone().into()), &extended()).expect("54 kB are within the limit");
    assert_eq!(decode_update(&octets, &extended()), Ok(update));
    // What each side takes is its own to say (RFC 8654 §4).
    let length = u16::try_from(octets.len()).expect("a length");
    let one_way = CodecContext { max_send: MAX_EXTENDED_MESSAGE, ..external() };
    assert_eq!(decode_update(&octets, &one_way), Err(DecodeError::BadLength { length, kind: None }));
    let withdrawal = Message::Update(Box::new(Update { withdrawn: all, ..Update::default() }));
    assert!(encoded(&withdrawal, &one_way).is_ok());
    let other_way = CodecContext { max_receive: MAX_EXTENDED_MESSAGE, ..external() };
    assert_eq!(encoded(&withdrawal, &other_way), Err(EncodeError::TooLong { max: MAX_MESSAGE }));
}

#[test]
fn one_family_to_a_message() {
    let both = prefixes(&["10.0.0.0/8", "2001:db8::/32", "10.1.0.0/16"]);
    let mut out = Vec::new();
    assert_eq!(encode_withdrawal(&both, &external(), &mut out), 1);
    assert_eq!(encode_withdrawal(&both[1..], &external(), &mut out), 1);
    assert_eq!(encode_withdrawal(&[], &external(), &mut out), 0);
    let first = frame_length(&out, MAX_MESSAGE).expect("we wrote it").expect("it is whole");
    assert_eq!(decode_update(&out[..first], &external()).expect("we wrote it").withdrawn, both[..1]);
    assert_eq!(decode_update(&out[first..], &external()).expect("we wrote it").withdrawn, both[1..2]);
}
