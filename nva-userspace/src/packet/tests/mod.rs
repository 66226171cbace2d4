//! The codec as a whole: octets written by hand, in both directions, and properties.

mod faults;
mod messages;
mod packing;
mod properties;
mod strategies;
mod updates;

use super::*;
use crate::net::{AfiSafi, Prefix};

/// An external session with 4-octet AS numbers, both families and enhanced route refresh.
fn external() -> CodecContext {
    CodecContext {
        four_octet_as: true,
        internal: false,
        families: AfiSafi::ALL.to_vec(),
        max_send: MAX_MESSAGE,
        max_receive: MAX_MESSAGE,
        enhanced_refresh: true,
        disable_families: false,
    }
}

/// The same, internal.
fn internal() -> CodecContext {
    CodecContext { internal: true, ..external() }
}

/// The same as external, with extended messages in both directions.
fn extended() -> CodecContext {
    CodecContext { max_send: MAX_EXTENDED_MESSAGE, max_receive: MAX_EXTENDED_MESSAGE, ..external() }
}

/// The same as external, with a peer that has 2-octet AS numbers.
fn two_octet() -> CodecContext {
    CodecContext { four_octet_as: false, ..external() }
}

/// The octets of a text of hexadecimal digits; spaces do not count.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).expect("a hexadecimal digit")).collect();
    assert!(digits.len().is_multiple_of(2), "half an octet in {text}");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits")).collect()
}

/// A message of this type with this body.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER_LEN + body.len()).expect("a short body");
    [&[0xff; 16][..], &length.to_be_bytes(), &[kind], body].concat()
}

/// An UPDATE of these three fields, in hexadecimal digits.
fn update_message(withdrawn: &str, attributes: &[&str], nlri: &str) -> Vec<u8> {
    let (withdrawn, attributes, nlri) = (hex(withdrawn), hex(&attributes.concat()), hex(nlri));
    let length = |octets: &[u8]| u16::try_from(octets.len()).expect("a short field").to_be_bytes();
    let body = [&length(&withdrawn)[..], &withdrawn, &length(&attributes)[..], &attributes, &nlri].concat();
    message(2, &body)
}

fn decode_update(octets: &[u8], context: &CodecContext) -> Result<Update, DecodeError> {
    decode(octets, context).map(|message| match message {
        Message::Update(update) => *update,
        other => panic!("not an UPDATE: {other:?}"),
    })
}

fn encoded(message: &Message, context: &CodecContext) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    encode(message, context, &mut out).map(|()| out)
}

/// The octets are the message, and the message is the octets.
fn assert_both_directions(message: &Message, octets: &[u8], context: &CodecContext) {
    assert_eq!(decode(octets, context).as_ref(), Ok(message));
    assert_eq!(encoded(message, context).as_deref(), Ok(octets), "{message:?}");
    assert_eq!(frame_length(octets, context.max_receive), Ok(Some(octets.len())));
}

fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    texts.iter().map(|text| text.parse().expect("a prefix")).collect()
}
