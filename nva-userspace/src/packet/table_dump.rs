//! Routes as dumps of routing tables have them (MRT, RFC 6396 §4.3): read by the same code as UPDATEs.

use super::attribute;
use super::iana::{attribute as kind, attribute_flag, message_type};
use super::message::{CodecContext, Update};
use super::reader::Reader;
use super::{DecodeError, MAX_EXTENDED_MESSAGE, header, iana, nlri, update};
use crate::net::{AfiSafi, Prefix};

/// Reads the attributes of a route in a table dump: the message that would announce it with them, decoded. What is wrong
/// with them is treated as in a message: then `announced` is empty, and `faults` say why. The flags of well-known
/// attributes alone may be any.
///
/// AS numbers take 4 octets (RFC 6396 §4.3.4). LOCAL_PREF and what else only an internal peer sends is understood where
/// LOCAL_PREF is there.
///
/// # Errors
/// If a session would end over such a message.
pub fn decode_table_entry(prefix: Prefix, attributes: &[u8]) -> Result<Update, DecodeError> {
    let mut rewritten = Rewritten { octets: Vec::with_capacity(attributes.len()), internal: false, reach: false };
    rewritten.read(prefix, attributes);
    let Rewritten { octets, internal, reach } = rewritten;
    let context = CodecContext::of_record(true, internal);
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    let mut frame = Vec::with_capacity(octets.len().saturating_add(64));
    header::write_message(message_type::UPDATE, MAX_EXTENDED_MESSAGE, &mut frame, |out| {
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&octets);
        if !reach && prefix.family() == AfiSafi::Ipv4Unicast {
            nlri::encode(prefix, out);
        }
        Ok(())
    })
    .map_err(|_| DecodeError::BadLength { length: u16::MAX, kind: Some(message_type::UPDATE) })?;
    update::decode(header::split(&frame, MAX_EXTENDED_MESSAGE)?, &context)
}

impl CodecContext {
    /// For reading what was written down of a session of which nothing else is known: whatever it may have had is taken.
    pub fn of_record(four_octet_as: bool, internal: bool) -> CodecContext {
        CodecContext {
            four_octet_as,
            internal,
            families: AfiSafi::ALL.to_vec(),
            max_send: MAX_EXTENDED_MESSAGE,
            max_receive: MAX_EXTENDED_MESSAGE,
            enhanced_refresh: true,
            disable_families: false,
        }
    }
}

/// The attributes as a message would have them.
struct Rewritten {
    octets: Vec<u8>,
    /// LOCAL_PREF is there.
    internal: bool,
    /// MP_REACH_NLRI is there.
    reach: bool,
}

impl Rewritten {
    fn read(&mut self, prefix: Prefix, attributes: &[u8]) {
        let mut field = Reader::new(attributes, 0);
        while !field.is_empty() {
            let Ok(raw) = attribute::next(&mut field) else {
                // The decoder says what is wrong with it.
                self.octets.extend_from_slice(field.rest());
                return;
            };
            self.internal |= raw.kind == kind::LOCAL_PREF;
            if raw.kind == kind::MP_REACH_NLRI
                && let Some(next_hop) = next_hop(raw.value)
            {
                self.write_reach(prefix, next_hop);
            } else {
                // What the flags of a well-known attribute have to be is no news, and a dump has no session that could
                // suffer: BIRD 2 writes 0 for LOCAL_PREF.
                let (length, rest) = (raw.flags & attribute_flag::EXTENDED_LENGTH, raw.octets.get(1..));
                self.octets.push(if is_well_known(raw.kind) { attribute_flag::TRANSITIVE | length } else { raw.flags });
                self.octets.extend_from_slice(rest.unwrap_or_default());
            }
        }
    }

    /// Appends MP_REACH_NLRI with all its fields.
    fn write_reach(&mut self, prefix: Prefix, next_hop: &[u8]) {
        self.reach = true;
        let (afi, safi) = iana::family_codes(prefix.family());
        let mut value = afi.to_be_bytes().to_vec();
        value.push(safi);
        value.push(u8::try_from(next_hop.len()).unwrap_or(u8::MAX));
        value.extend_from_slice(next_hop);
        value.push(0);
        nlri::encode(prefix, &mut value);
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let flags = attribute_flag::OPTIONAL | attribute_flag::EXTENDED_LENGTH;
        self.octets.extend_from_slice(&[flags, kind::MP_REACH_NLRI]);
        self.octets.extend_from_slice(&length.to_be_bytes());
        self.octets.extend_from_slice(&value);
    }
}

/// Whether every speaker knows the type, so that neither of its flags says anything.
fn is_well_known(kind: u8) -> bool {
    attribute::rule(kind).is_some_and(|rule| rule.flags == attribute_flag::TRANSITIVE)
}

/// The next hop in an MP_REACH_NLRI that has nothing else (RFC 6396 §4.3.4), or, as some write it, everything.
fn next_hop(mut value: Reader<'_>) -> Option<&[u8]> {
    let whole = value;
    let short = value.u8().and_then(|length| value.field(usize::from(length))).filter(|_| value.is_empty());
    if let Some(next_hop) = short {
        return Some(next_hop.rest());
    }
    let mut value = whole;
    let _family = value.array::<3>()?;
    let length = value.u8()?;
    value.field(usize::from(length)).map(|next_hop| next_hop.rest())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const ORIGIN_AND_PATH: &[u8] = &[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8];

    fn prefix(text: &str) -> Prefix {
        text.parse().expect(text)
    }

    fn with(more: &[u8]) -> Vec<u8> {
        [ORIGIN_AND_PATH, more].concat()
    }

    #[test]
    fn routes_of_both_families() {
        let v6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let short = [&[0x80, 14, 17, 16][..], &v6].concat();
        let whole = [&[0x80, 14, 26, 0, 2, 1, 16][..], &v6, &[0, 32, 0x20, 1, 0xd, 0xb8]].concat();
        for (route, more, next_hop) in [
            ("10.0.0.0/8", vec![0x40, 3, 4, 192, 0, 2, 1], "192.0.2.1"),
            ("0.0.0.0/0", vec![0x40, 3, 4, 192, 0, 2, 1], "192.0.2.1"),
            ("2001:db8::/32", short.clone(), "2001:db8::1"),
            ("2001:db8:1::/48", whole, "2001:db8::1"),
            ("::/0", short, "2001:db8::1"),
        ] {
            let update = decode_table_entry(prefix(route), &with(&more)).expect("well formed");
            assert_eq!(update.faults, [], "{route}");
            let [announced] = update.announced.as_slice() else { panic!("{update:?}") };
            assert_eq!(announced.prefixes, [prefix(route)]);
            assert_eq!(announced.next_hop.address, next_hop.parse::<IpAddr>().expect("an address"));
            assert_eq!(update.attributes.as_path.to_string(), "65000");
        }
    }

    #[test]
    fn what_only_internal_peers_send_is_understood_beside_local_pref() {
        let next_hop = [0x40, 3, 4, 192, 0, 2, 1];
        let originator = [0x80, 9, 4, 1, 2, 3, 4];
        let local_pref = [0x40, 5, 4, 0, 0, 0, 7];
        let internal = with(&[&next_hop[..], &local_pref, &originator].concat());
        let update = decode_table_entry(prefix("10.0.0.0/8"), &internal).expect("well formed");
        assert_eq!((update.attributes.local_pref, update.faults.len()), (Some(7), 0));
        assert!(update.attributes.reflection.is_some());
        let external = with(&[&next_hop[..], &originator].concat());
        let update = decode_table_entry(prefix("10.0.0.0/8"), &external).expect("well formed");
        assert_eq!((update.attributes.reflection, update.faults.len()), (None, 1));
    }

    #[test]
    fn flags_of_well_known_attributes_may_be_any() {
        let next_hop = [0, 3, 4, 192, 0, 2, 1];
        let more = [&next_hop[..], &[0, 5, 4, 0, 0, 0, 7], &[0x10, 6, 0, 0]].concat();
        let update = decode_table_entry(prefix("10.0.0.0/8"), &with(&more)).expect("well formed");
        assert_eq!((update.faults.len(), update.announced.len()), (0, 1));
        assert_eq!((update.attributes.local_pref, update.attributes.atomic_aggregate), (Some(7), true));
        let optional = [&next_hop[..], &[0x40, 4, 4, 0, 0, 0, 7]].concat();
        let update = decode_table_entry(prefix("10.0.0.0/8"), &with(&optional)).expect("no reset");
        assert_eq!((update.faults.len(), update.announced.len()), (1, 0), "MED is optional");
    }

    #[test]
    fn what_is_wrong_is_treated_as_in_a_message() {
        let no_next_hop = decode_table_entry(prefix("10.0.0.0/8"), ORIGIN_AND_PATH).expect("no reset");
        assert!(no_next_hop.announced.is_empty() && !no_next_hop.faults.is_empty());
        let cut = decode_table_entry(prefix("10.0.0.0/8"), &with(&[0x40, 3, 4, 192])).expect("no reset");
        assert!(cut.announced.is_empty() && !cut.faults.is_empty());
        let nothing = decode_table_entry(prefix("2001:db8::/32"), &with(&[0x80, 14, 1, 0])).expect_err("no next hop");
        assert!(nothing.to_string().contains("next hop"), "{nothing}");
        assert!(decode_table_entry(prefix("10.0.0.0/8"), &vec![0; 70_000]).is_err());
    }
}
