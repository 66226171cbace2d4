//! The message header (RFC 4271 §4.1): framing on the way in, wrapping on the way out.

use super::iana::message_type;
use super::reader::Reader;
use super::{DecodeError, EncodeError};

/// The length of the header.
pub const HEADER_LEN: usize = 19;

/// The largest message of BGP without extensions (RFC 4271 §4.1).
pub const MAX_MESSAGE: usize = 4096;

/// The largest message towards a speaker that has announced extended messages (RFC 8654 §4).
pub const MAX_EXTENDED_MESSAGE: usize = 65535;

const MARKER: [u8; 16] = [0xff; 16];

/// A message whose header is in order.
pub(super) struct Frame<'a> {
    /// The message type; one that we know.
    pub(super) kind: u8,
    /// What follows the header; at least as long as the type requires.
    pub(super) body: Reader<'a>,
}

/// The length of the first message in `octets`, header included; `None` while its header is not all there.
///
/// The body need not be there yet. What is wrong with the header is found as early as that, so that nobody waits for
/// the rest of a message that cannot be one.
pub fn frame_length(octets: &[u8], max_message: usize) -> Result<Option<usize>, DecodeError> {
    if octets.len() < HEADER_LEN {
        return Ok(None);
    }
    read_header(octets, max_message).map(|(length, _)| Some(length))
}

/// Takes the header off a whole message.
pub(super) fn split(octets: &[u8], max_message: usize) -> Result<Frame<'_>, DecodeError> {
    let (length, kind) = read_header(octets, max_message)?;
    let mut body = Reader::new(octets, 0);
    match body.field(HEADER_LEN) {
        Some(_) if length == octets.len() => Ok(Frame { kind, body }),
        Some(_) | None => Err(DecodeError::BadLength { length: saturate(length), kind: None }),
    }
}

/// Appends a message whose body `write_body` appends; leaves `out` as it was if there is an error.
pub(super) fn write_message(
    kind: u8,
    max_message: usize,
    out: &mut Vec<u8>,
    write_body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&MARKER);
    let length_at = out.len();
    out.extend_from_slice(&[0, 0, kind]);
    let result = write_body(out).and_then(|()| {
        let length = out.len().saturating_sub(start);
        match u16::try_from(length) {
            Ok(length) if usize::from(length) <= max_message => {
                put_u16(out, length_at, length);
                Ok(())
            }
            Ok(_) | Err(_) => Err(EncodeError::TooLong { max: max_message }),
        }
    });
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Overwrites the 2 octets at an index that was reserved before.
pub(super) fn put_u16(out: &mut [u8], at: usize, value: u16) {
    if let Some((field, _)) = out.get_mut(at..).and_then(<[u8]>::split_first_chunk_mut) {
        *field = value.to_be_bytes();
    }
}

/// The length and the type, both checked (RFC 4271 §6.1).
fn read_header(octets: &[u8], max_message: usize) -> Result<(usize, u8), DecodeError> {
    let mut reader = Reader::new(octets, 0);
    let too_short = DecodeError::BadLength { length: saturate(octets.len()), kind: None };
    if reader.array().ok_or_else(|| too_short.clone())? != MARKER {
        return Err(DecodeError::NotSynchronized);
    }
    let (Some(length), Some(kind)) = (reader.u16(), reader.u8()) else {
        return Err(too_short);
    };
    let octet_count = usize::from(length);
    if octet_count < HEADER_LEN || octet_count > max_message {
        return Err(DecodeError::BadLength { length, kind: None });
    }
    // RFC 4271 §4.2 to §4.5: the least, and for some of them also the most, that a type has. How wrong the length of a
    // ROUTE-REFRESH is depends on what is in it (RFC 7313 §5).
    let possible = match kind {
        // RFC 8654 §4: never extended.
        message_type::OPEN => (29..=MAX_MESSAGE).contains(&octet_count),
        message_type::UPDATE => octet_count >= 23,
        message_type::NOTIFICATION => octet_count >= 21,
        message_type::KEEPALIVE => octet_count == 19,
        message_type::ROUTE_REFRESH => true,
        _ => return Err(DecodeError::BadType { kind }),
    };
    if possible { Ok((octet_count, kind)) } else { Err(DecodeError::BadLength { length, kind: Some(kind) }) }
}

fn saturate(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: u16, kind: u8) -> Vec<u8> {
        let mut octets = MARKER.to_vec();
        octets.extend_from_slice(&length.to_be_bytes());
        octets.push(kind);
        octets
    }

    #[test]
    fn the_length_is_known_as_soon_as_the_header_is_there() {
        let octets = header(23, 2);
        assert_eq!(frame_length(&octets[..18], 4096), Ok(None));
        assert_eq!(frame_length(&octets, 4096), Ok(Some(23)));
        assert_eq!(frame_length(&[], 4096), Ok(None));
    }

    #[test]
    fn every_header_error_and_its_notification() {
        let mut unsynchronized = header(19, 4);
        unsynchronized[3] = 0xfe;
        let table: [(Vec<u8>, u8, &[u8]); 10] = [
            (unsynchronized, 1, &[]),
            (header(18, 4), 2, &[0, 18]),
            (header(4097, 2), 2, &[0x10, 0x01]),
            (header(u16::MAX, 2), 2, &[0xff, 0xff]),
            (header(28, 1), 2, &[0, 28]),
            (header(22, 2), 2, &[0, 22]),
            (header(20, 3), 2, &[0, 20]),
            (header(20, 4), 2, &[0, 20]),
            (header(19, 0), 3, &[0]),
            (header(19, 6), 3, &[6]),
        ];
        for (octets, subcode, data) in table {
            let notification = frame_length(&octets, 4096).expect_err("a bad header").notification();
            assert_eq!((notification.code, notification.subcode, &*notification.data), (1, subcode, data));
        }
    }

    #[test]
    fn extended_messages() {
        // RFC 8654 §4: all but OPEN and KEEPALIVE.
        for (length, kind, possible) in [
            (4096, 1, true),
            (4097, 1, false),
            (4097, 2, true),
            (u16::MAX, 2, true),
            (u16::MAX, 3, true),
            (4097, 4, false),
        ] {
            let result = frame_length(&header(length, kind), MAX_EXTENDED_MESSAGE);
            if possible {
                assert_eq!(result, Ok(Some(usize::from(length))), "{length} of type {kind}");
            } else {
                let notification = result.expect_err("too long").notification();
                let expected = (1, 2, &length.to_be_bytes()[..]);
                assert_eq!((notification.code, notification.subcode, &*notification.data), expected, "type {kind}");
            }
        }
    }

    #[test]
    fn a_frame_is_exactly_one_message() {
        let mut octets = header(19, 4);
        assert!(split(&octets, 4096).is_ok());
        octets.push(0);
        assert!(split(&octets, 4096).is_err(), "an octet too many");
        assert!(split(&octets[..10], 4096).is_err(), "cut within the header");
        assert!(split(&header(23, 2), 4096).is_err(), "cut behind the header");
    }

    #[test]
    fn what_cannot_be_written_leaves_no_trace() {
        let mut out = vec![1, 2, 3];
        let body = |out: &mut Vec<u8>| {
            out.extend_from_slice(&[0; 100]);
            Ok(())
        };
        assert_eq!(write_message(3, 118, &mut out, body), Err(EncodeError::TooLong { max: 118 }));
        assert_eq!(out, [1, 2, 3]);
        assert_eq!(write_message(3, 119, &mut out, body), Ok(()));
        assert_eq!(out[3 + 16..3 + 19], [0, 119, 3]);
    }
}
