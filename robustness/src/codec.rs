//! The BGP codec: octets that may be anything, in every kind of session.

use std::net::IpAddr;

use nva::net::{AfiSafi, Prefix};
use nva::packet::{
    self, CodecContext, DecodeError, EncodeError, HEADER_LEN, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, Message, Treatment,
    Update, frame_length, iana,
};

use crate::mentioned::Mentioned;

/// Attributes that every announcement needs, in an external session with 4-octet AS numbers.
const MANDATORY: [&[u8]; 3] = [&[0x40, 1, 1, 0], &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8], &[0x40, 3, 4, 192, 0, 2, 1]];

/// A message, and the session on which it comes.
pub type Received = (Vec<u8>, CodecContext);

/// The kind of session that an octet chooses.
pub fn context(choice: u8) -> CodecContext {
    let families = match choice & 0x0c {
        0 => vec![AfiSafi::Ipv4Unicast],
        4 => vec![AfiSafi::Ipv6Unicast],
        _ => AfiSafi::ALL.to_vec(),
    };
    let largest = if choice & 0x10 == 0 { MAX_MESSAGE } else { MAX_EXTENDED_MESSAGE };
    CodecContext {
        four_octet_as: choice & 1 != 0,
        internal: choice & 2 != 0,
        families,
        max_send: largest,
        max_receive: largest,
        enhanced_refresh: choice & 0x20 != 0,
        disable_families: choice & 0x40 != 0,
    }
}

/// An octet that chooses the session, one that is the message's type, and its body.
pub fn message(octets: &[u8]) {
    judge_all(&message_frames(octets));
}

/// What [`message`] makes of an input.
pub fn message_frames(octets: &[u8]) -> Vec<Received> {
    let [choice, kind, body @ ..] = octets else { return Vec::new() };
    vec![(framed(*kind, body), context(*choice))]
}

/// An octet that chooses the session, and path attributes that stand among well-formed ones: the first half of the
/// choices puts them behind those, the second in front.
pub fn attributes(octets: &[u8]) {
    judge_all(&attributes_frames(octets));
}

/// What [`attributes`] makes of an input.
pub fn attributes_frames(octets: &[u8]) -> Vec<Received> {
    let [choice, attributes @ ..] = octets else { return Vec::new() };
    let mandatory = MANDATORY.concat();
    let attributes =
        if choice & 0x80 == 0 { [&mandatory, attributes].concat() } else { [attributes, &mandatory].concat() };
    vec![(update(&[], &attributes, &[24, 203, 0, 113]), context(*choice))]
}

/// An octet that chooses the session, one that says how many octets are withdrawn routes, and routes: as IPv4 in the
/// fields for it, and as IPv6 in the multiprotocol attributes.
pub fn routes(octets: &[u8]) {
    judge_all(&routes_frames(octets));
}

/// What [`routes`] makes of an input.
pub fn routes_frames(octets: &[u8]) -> Vec<Received> {
    let [choice, split, routes @ ..] = octets else { return Vec::new() };
    let (withdrawn, announced) = routes.split_at(usize::from(*split).min(routes.len()));
    let classic = update(withdrawn, &MANDATORY.concat(), announced);
    let next_hop = [&[16, 0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[1, 0]].concat();
    let reach = attribute(14, &[&[0, 2, 1][..], &next_hop, announced].concat());
    let unreach = attribute(15, &[&[0, 2, 1][..], withdrawn].concat());
    let multiprotocol = update(&[], &[reach, unreach, MANDATORY.concat()].concat(), &[]);
    vec![(classic, context(*choice)), (multiprotocol, context(*choice))]
}

/// The capabilities of an OPEN, in one parameter of either length (RFC 9072 §2).
pub fn capabilities(octets: &[u8]) {
    let fixed = [4, 0xfd, 0xe8, 0, 90, 192, 0, 2, 1];
    if let Ok(length) = u8::try_from(octets.len().saturating_add(2)) {
        let body = [&fixed[..], &[length, 2, length - 2], octets].concat();
        judge(&framed(1, &body), &context(0xff));
    }
    if let Ok(length) = u16::try_from(octets.len().saturating_add(3)) {
        let body = [&fixed[..], &[255, 255], &length.to_be_bytes(), &[2], &(length - 3).to_be_bytes(), octets].concat();
        judge(&framed(1, &body), &context(0xff));
    }
}

/// An octet that chooses the session, and a stream as it comes out of a connection: cut into messages, and read
/// to the first error.
pub fn framing(octets: &[u8]) {
    let [choice, stream @ ..] = octets else { return };
    let context = context(*choice);
    let mut rest = stream;
    loop {
        match frame_length(rest, context.max_receive) {
            Ok(Some(length)) => {
                assert!((HEADER_LEN..=context.max_receive).contains(&length));
                let Some((frame, more)) = rest.split_at_checked(length) else { return };
                judge(frame, &context);
                rest = more;
            }
            Ok(None) => {
                assert!(rest.len() < HEADER_LEN);
                return;
            }
            Err(error) => {
                judge_error(&error, &context);
                // What is found as soon as the header is there is found again when all is there.
                assert!(packet::decode(rest, &context).is_err());
                return;
            }
        }
    }
}

fn judge_all(received: &[Received]) {
    received.iter().for_each(|(frame, context)| judge(frame, context));
}

/// Whatever it is, it becomes a message or an error that can be answered, and what can be written again is the same.
fn judge(frame: &[u8], context: &CodecContext) {
    match packet::decode(frame, context) {
        Ok(message) => {
            if let Message::Update(update) = &message {
                judge_update(update, frame, context);
            }
            judge_written_again(&message, context);
        }
        Err(error) => judge_error(&error, context),
    }
}

fn judge_error(error: &DecodeError, context: &CodecContext) {
    let notification = error.notification();
    assert!((1..=3).contains(&notification.code) || notification.code == 7, "{error}: {notification}");
    assert!(!error.to_string().is_empty() && !notification.to_string().is_empty());
    let mut out = Vec::new();
    packet::encode(&Message::Notification(notification), context, &mut out).expect("a NOTIFICATION that can be sent");
}

/// What holds for every UPDATE that was accepted.
fn judge_update(update: &Update, frame: &[u8], context: &CodecContext) {
    assert!(update.announced.iter().all(|announced| !announced.prefixes.is_empty()));
    let withdrawn = update.faults.iter().any(|fault| fault.treatment == Treatment::TreatAsWithdraw);
    assert!(!withdrawn || update.announced.is_empty(), "treated as withdraw, and announces");
    for fault in &update.faults {
        assert!(fault.treatment != Treatment::SessionReset && fault.offset <= frame.len(), "{fault}");
        assert!(!fault.to_string().is_empty());
    }
    let kept = update.announced.iter().flat_map(|announced| &announced.prefixes).chain(&update.withdrawn);
    // RFC 7606 §3 j: treat-as-withdraw is for messages of which every prefix could be read.
    let left = context.families.iter().copied().filter(|family| !update.disabled.contains(family)).collect();
    let left = CodecContext { families: left, ..context.clone() };
    assert!(update.disabled.is_empty() || !left.families.is_empty() && context.disable_families);
    assert_eq!(Mentioned::of(kept.copied()), Mentioned::in_update(frame, &left), "prefixes got lost, or came up");
    assert!(update.attributes.unknown.is_sorted_by(|a, b| a.kind < b.kind));
    assert!(update.attributes.communities.is_sorted_by(|a, b| a < b));
    let segments = &update.attributes.as_path.segments;
    assert!(segments.iter().all(|segment| (1..=255).contains(&segment.asns.len())));
}

/// What is written again reads as the same, once what decoding has taken away is gone.
fn judge_written_again(message: &Message, context: &CodecContext) {
    let mut octets = Vec::new();
    if let Err(error) = packet::encode(message, context, &mut octets) {
        // Reading takes an UPDATE of more than one kind of routes, which nobody writes, and one that grows: 2-octet AS
        // numbers are written with 4 octets, or a second time in AS4_PATH.
        let may_be = matches!(error, EncodeError::Mixed | EncodeError::TooLong { .. });
        assert!(may_be && matches!(message, Message::Update(_)), "{error}: {message:?}");
        return;
    }
    assert_eq!(frame_length(&octets, context.max_send), Ok(Some(octets.len())));
    let again = packet::decode(&octets, context).expect("we wrote it");
    match (message, &again) {
        (Message::Update(read), Message::Update(again)) => judge_same_update(read, again),
        _ => assert_eq!(message, &again),
    }
    let mut second = Vec::new();
    packet::encode(&again, context, &mut second).expect("we wrote it before");
    assert_eq!(octets, second, "{message:?}");
}

/// An UPDATE that was read, and what it became when it was written and read again: nothing is wrong with it any more.
fn judge_same_update(read: &Update, again: &Update) {
    assert_eq!((&again.disabled, &again.faults), (&vec![], &vec![]));
    assert_eq!((&read.withdrawn, read.end_of_rib), (&again.withdrawn, again.end_of_rib));
    let announced = |update: &Update| -> Vec<(IpAddr, Vec<Prefix>)> {
        update.announced.iter().map(|of| (of.next_hop.address, of.prefixes.clone())).collect()
    };
    assert_eq!(announced(read), announced(again));
    if !read.announced.is_empty() {
        assert_eq!(read.attributes, again.attributes);
    }
}

/// A message of this type with this body.
pub fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER_LEN + body.len()).unwrap_or(u16::MAX);
    [&[0xff; 16][..], &length.to_be_bytes(), &[kind], body].concat()
}

/// An UPDATE of these three fields.
pub fn update(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = |field: &[u8]| u16::try_from(field.len()).unwrap_or(u16::MAX).to_be_bytes();
    let body = [&length(withdrawn)[..], withdrawn, &length(attributes)[..], attributes, nlri].concat();
    framed(iana::message_type::UPDATE, &body)
}

/// An optional non-transitive attribute with a length in 2 octets.
fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0x90, kind][..], &length, value].concat()
}
