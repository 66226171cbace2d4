//! Decoding gives back what was encoded, and takes anything at all.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::strategies::{context, message_in_context};
use super::*;

/// Whatever it is, it is judged: a message, or an error that has a NOTIFICATION which can be sent and a text.
fn assert_judged(octets: &[u8], context: &CodecContext) {
    match decode(octets, context) {
        Ok(Message::Update(update)) => assert_sound(&update, octets.len()),
        Ok(Message::Open(_) | Message::Notification(_) | Message::Keepalive | Message::RouteRefresh(_)) => {}
        Err(error) => {
            let notification = error.notification();
            assert!(matches!(notification.code, 1..=3 | 7), "{error}: {notification}");
            assert!(encoded(&Message::Notification(notification), context).is_ok(), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
    let framed = frame_length(octets, context.max_receive);
    assert!(!matches!(framed, Ok(Some(length)) if !(HEADER_LEN..=context.max_receive).contains(&length)));
}

/// What every UPDATE that was accepted has in common.
fn assert_sound(update: &Update, length: usize) {
    assert!(update.announced.iter().all(|announced| !announced.prefixes.is_empty()));
    let withdraws = update.faults.iter().any(|fault| fault.treatment == Treatment::TreatAsWithdraw);
    assert!(!withdraws || update.announced.is_empty());
    assert!(update.faults.iter().all(|fault| fault.treatment != Treatment::SessionReset && fault.offset <= length));
    let prefixes: usize = update.announced.iter().map(|announced| announced.prefixes.len()).sum();
    assert!(prefixes + update.withdrawn.len() <= length);
    assert!(update.attributes.unknown.is_sorted_by(|a, b| a.kind < b.kind));
    assert!(update.attributes.communities.is_sorted_by(|a, b| a < b));
    assert!(update.attributes.extended_communities.is_sorted_by(|a, b| a < b));
    assert!(update.attributes.large_communities.is_sorted_by(|a, b| a < b));
    let segments = &update.attributes.as_path.segments;
    assert!(segments.iter().all(|segment| (1..=255).contains(&segment.asns.len())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn decoding_gives_back_what_was_encoded((context, message) in message_in_context()) {
        let octets = encoded(&message, &context).expect("it is short enough");
        prop_assert_eq!(frame_length(&octets, context.max_receive), Ok(Some(octets.len())));
        prop_assert_eq!(decode(&octets, &context), Ok(message));
    }

    #[test]
    fn decoding_takes_any_octets(context in context(), octets in vec(any::<u8>(), 0..100)) {
        assert_judged(&octets, &context);
    }

    #[test]
    fn decoding_takes_any_body(context in context(), kind in 1u8..=5, body in vec(any::<u8>(), 0..200)) {
        assert_judged(&message(kind, &body), &context);
    }

    #[test]
    fn decoding_takes_messages_with_octets_changed(
        (context, original) in message_in_context(),
        other in context(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut octets = encoded(&original, &context).expect("it is short enough");
        // The header stays: what is behind it is of interest here.
        let (_, body) = octets.split_at_mut(HEADER_LEN);
        for (at, value) in &changes {
            // A KEEPALIVE has none.
            if let length @ 1.. = body.len() {
                body[at.index(length)] = *value;
            }
        }
        assert_judged(&octets, &context);
        assert_judged(&octets, &other);
    }

    #[test]
    fn decoding_takes_messages_that_are_cut_or_joined(
        (context, original) in message_in_context(),
        cut in any::<Index>(),
        tail in vec(any::<u8>(), 0..20),
    ) {
        let octets = encoded(&original, &context).expect("it is short enough");
        let body = &octets[HEADER_LEN..];
        let changed = [&body[..cut.index(body.len() + 1)], &tail].concat();
        assert_judged(&message(octets[18], &changed), &context);
        assert_judged(&octets[..cut.index(octets.len())], &context);
    }
}

/// Every message that is accepted and can be written again is, after that, what it was: a fixed point.
#[test]
fn what_is_written_again_stays_the_same() {
    proptest!(ProptestConfig::with_cases(300), |((context, original) in message_in_context(), at in any::<Index>(), value in any::<u8>())| {
        let mut octets = encoded(&original, &context).expect("it is short enough");
        let at = at.index(octets.len());
        octets[at] = value;
        if let Ok(first) = decode(&octets, &context)
            && let Ok(again) = encoded(&first, &context)
        {
            let second = decode(&again, &context).expect("we wrote it");
            prop_assert_eq!(encoded(&second, &context), Ok(again));
        }
    });
}
