//! NOTIFICATION (RFC 4271 §4.5): how to make one, and how operators read it.

use std::fmt::{self, Write};

use super::capability;
use super::header::{Frame, HEADER_LEN};
use super::iana::{self, cease, error_code, message_type, open_error};
use super::message::Notification;
use super::reader::Reader;
use super::{EncodeError, MAX_MESSAGE};
use crate::net::AfiSafi;

/// The most octets that a shutdown communication has (RFC 9003 §2).
pub const MAX_COMMUNICATION: usize = 255;

/// The most data that fits behind the header, the code and the subcode.
const MAX_DATA: usize = MAX_MESSAGE - HEADER_LEN - 2;

impl Notification {
    /// Any NOTIFICATION; data that would not fit into a message is cut off.
    pub fn new(code: u8, subcode: u8, data: &[u8]) -> Notification {
        Notification { code, subcode, data: data.get(..MAX_DATA).unwrap_or(data).into() }
    }

    /// Cease, with a subcode of [`iana::cease`] (RFC 4486 §3).
    pub fn cease(subcode: u8) -> Notification {
        Notification::new(error_code::CEASE, subcode, &[])
    }

    /// Cease/Administrative Shutdown with a text for the peer's operator (RFC 9003 §2), of which as much is taken as
    /// fits into 255 octets; none if it is empty.
    pub fn administrative_shutdown(text: &str) -> Notification {
        with_communication(cease::ADMINISTRATIVE_SHUTDOWN, text)
    }

    /// Cease/Administrative Reset with a text for the peer's operator, as in an administrative shutdown.
    pub fn administrative_reset(text: &str) -> Notification {
        with_communication(cease::ADMINISTRATIVE_RESET, text)
    }

    /// Cease/Maximum Number of Prefixes Reached, with the family and the limit (RFC 4486 §4).
    pub fn maximum_prefixes(family: AfiSafi, limit: u32) -> Notification {
        let (afi, safi) = iana::family_codes(family);
        let mut data = Vec::with_capacity(7);
        data.extend_from_slice(&afi.to_be_bytes());
        data.push(safi);
        data.extend_from_slice(&limit.to_be_bytes());
        Notification::new(error_code::CEASE, cease::MAXIMUM_PREFIXES, &data)
    }

    /// Cease/Connection Collision Resolution (RFC 4271 §6.8).
    pub fn collision() -> Notification {
        Notification::cease(cease::COLLISION_RESOLUTION)
    }

    /// Cease/Hard Reset around the NOTIFICATION that says why (RFC 8538 §3): no graceful restart follows it.
    pub fn hard_reset(reason: &Notification) -> Notification {
        let data = [&[reason.code, reason.subcode], &*reason.data].concat();
        Notification::new(error_code::CEASE, cease::HARD_RESET, &data)
    }

    /// Hold Timer Expired (RFC 4271 §6.5).
    pub fn hold_timer_expired() -> Notification {
        Notification::new(error_code::HOLD_TIMER_EXPIRED, iana::UNSPECIFIC, &[])
    }

    /// Send Hold Timer Expired (RFC 9687 §5).
    pub fn send_hold_timer_expired() -> Notification {
        Notification::new(error_code::SEND_HOLD_TIMER_EXPIRED, iana::UNSPECIFIC, &[])
    }

    /// OPEN Message Error (RFC 4271 §6.2), with a subcode of [`iana::open_error`] and no data.
    pub fn open_error(subcode: u8) -> Notification {
        Notification::new(error_code::OPEN_MESSAGE, subcode, &[])
    }

    /// OPEN Message Error/Bad Peer AS.
    pub fn bad_peer_as() -> Notification {
        Notification::open_error(open_error::BAD_PEER_AS)
    }

    /// OPEN Message Error/Bad BGP Identifier.
    pub fn bad_identifier() -> Notification {
        Notification::open_error(open_error::BAD_IDENTIFIER)
    }

    /// OPEN Message Error/Unsupported Capability: the families of which the peer should have announced one, as
    /// capabilities (RFC 5492 §5).
    pub fn no_common_family(required: &[AfiSafi]) -> Notification {
        let mut data = Vec::new();
        for family in required {
            let (afi, safi) = iana::family_codes(*family);
            data.push(iana::capability::MULTIPROTOCOL);
            data.extend_from_slice(&capability::multiprotocol(afi, safi));
        }
        Notification::new(error_code::OPEN_MESSAGE, open_error::UNSUPPORTED_CAPABILITY, &data)
    }

    /// Whether this is a Hard Reset (RFC 8538 §3).
    pub fn is_hard_reset(&self) -> bool {
        self.code == error_code::CEASE && self.subcode == cease::HARD_RESET
    }

    /// What a Hard Reset was sent for (RFC 8538 §3); `None` for anything else, and if it does not say. A Hard Reset
    /// in a Hard Reset says nothing.
    pub fn hard_reset_reason(&self) -> Option<Notification> {
        let mut data = Reader::new(if self.is_hard_reset() { &self.data } else { &[] }, 0);
        let reason = Notification { code: data.u8()?, subcode: data.u8()?, data: data.rest().into() };
        (!reason.is_hard_reset()).then_some(reason)
    }

    /// The text that came with an administrative shutdown or reset (RFC 9003 §2). What is not UTF-8 in it is
    /// replaced; control characters are not.
    pub fn communication(&self) -> Option<String> {
        if self.code != error_code::CEASE
            || !matches!(self.subcode, cease::ADMINISTRATIVE_SHUTDOWN | cease::ADMINISTRATIVE_RESET)
        {
            return None;
        }
        let mut data = Reader::new(&self.data, 0);
        let length = data.u8()?;
        let text = data.field(usize::from(length))?;
        (!text.is_empty()).then(|| String::from_utf8_lossy(text.rest()).into_owned())
    }
}

impl fmt::Display for Notification {
    /// `Cease/Administrative Shutdown "maintenance until noon"`. Numbers stand for what has no name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match iana::error_code::name(self.code) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "error {}", self.code)?,
        }
        match iana::subcode_name(self.code, self.subcode) {
            Some(name) => write!(f, "/{name}")?,
            None if self.subcode == iana::UNSPECIFIC => {}
            None => write!(f, "/{}", self.subcode)?,
        }
        match (self.communication(), self.hard_reset_reason()) {
            (Some(text), _) => write!(f, " {}", Quoted(&text)),
            // It is no Hard Reset itself, so this does not go deeper.
            (None, Some(reason)) => write!(f, " ({reason})"),
            (None, None) => Ok(()),
        }
    }
}

/// Prints a peer's text such that it cannot forge a line of a log, nor turn what stands beside it around (RFC 9003 §6).
/// Letters of all scripts stay as they are.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        // An apostrophe would be escaped as well, and need not be.
        for (index, part) in self.0.split('\'').enumerate() {
            if index > 0 {
                f.write_char('\'')?;
            }
            write!(f, "{}", part.escape_debug())?;
        }
        f.write_char('"')
    }
}

/// Reads what follows the header; nothing in it can be wrong.
pub(super) fn decode(frame: Frame<'_>) -> Option<Notification> {
    let mut body = frame.body;
    Some(Notification { code: body.u8()?, subcode: body.u8()?, data: body.rest().into() })
}

/// Appends the whole message.
pub(super) fn encode(notification: &Notification, max_message: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    super::header::write_message(message_type::NOTIFICATION, max_message, out, |out| {
        out.push(notification.code);
        out.push(notification.subcode);
        out.extend_from_slice(&notification.data);
        Ok(())
    })
}

fn with_communication(subcode: u8, text: &str) -> Notification {
    let fits = (0..=MAX_COMMUNICATION.min(text.len())).rev().find_map(|end| text.get(..end));
    let text = fits.unwrap_or_default();
    let mut data = Vec::new();
    if let Ok(length @ 1..) = u8::try_from(text.len()) {
        data.push(length);
        data.extend_from_slice(text.as_bytes());
    }
    Notification::new(error_code::CEASE, subcode, &data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_operators_read_it() {
        let table = [
            (Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN), "Cease/Administrative Shutdown"),
            (Notification::collision(), "Cease/Connection Collision Resolution"),
            (Notification::hold_timer_expired(), "Hold Timer Expired"),
            (Notification::bad_peer_as(), "OPEN Message Error/Bad Peer AS"),
            (
                Notification::new(error_code::FSM, iana::fsm_error::IN_OPEN_SENT, &[]),
                "Finite State Machine Error/Receive Unexpected Message in OpenSent State",
            ),
            (Notification::new(6, 99, &[]), "Cease/99"),
            (Notification::new(99, 1, &[]), "error 99/1"),
            (Notification::administrative_reset("bye \"all\"\n"), r#"Cease/Administrative Reset "bye \"all\"\n""#),
        ];
        for (notification, text) in table {
            assert_eq!(notification.to_string(), text);
        }
    }

    #[test]
    fn a_text_cannot_change_what_stands_beside_it() {
        let shown = |text: &str| Notification::administrative_shutdown(text).to_string();
        for (text, expected) in [
            ("a\u{202e}b\u{2066}c", r"a\u{202e}b\u{2066}c"),
            ("a\u{2028}b\u{2029}c\u{85}d", r"a\u{2028}b\u{2029}c\u{85}d"),
            ("a\u{200b}b\u{feff}c\u{ad}d\u{e0041}e", r"a\u{200b}b\u{feff}c\u{ad}d\u{e0041}e"),
            ("a\r\n\u{1b}[2J\u{0}\u{9b}", r"a\r\n\u{1b}[2J\0\u{9b}"),
            ("it's \"over\" \\", r#"it's \"over\" \\"#),
            (
                "é e\u{301} Wartung für 保守 обслуживание सेवा บำรุง 🚧",
                "é e\u{301} Wartung für 保守 обслуживание सेवा บำรุง 🚧",
            ),
        ] {
            assert_eq!(shown(text), format!("Cease/Administrative Shutdown \"{expected}\""));
        }
    }

    #[test]
    fn a_hard_reset_carries_its_reason() {
        let reason = Notification::administrative_shutdown("bye");
        let reset = Notification::hard_reset(&reason);
        assert_eq!((reset.code, reset.subcode, &*reset.data), (6, 9, &[6, 2, 3, b'b', b'y', b'e'][..]));
        assert_eq!(reset.hard_reset_reason(), Some(reason.clone()));
        assert_eq!(reset.to_string(), r#"Cease/Hard Reset (Cease/Administrative Shutdown "bye")"#);
        assert_eq!(reason.hard_reset_reason(), None);
        for cut in [&[][..], &[6]] {
            let bare = Notification::new(6, 9, cut);
            assert_eq!((bare.hard_reset_reason(), bare.to_string()), (None, "Cease/Hard Reset".to_owned()));
        }
    }

    #[test]
    fn hard_resets_in_each_other_are_not_followed() {
        // 2000 of them; each as deep on the stack as the peer likes.
        let nested = Notification::new(6, 9, &[6, 9].repeat(2000));
        assert_eq!((nested.hard_reset_reason(), nested.to_string()), (None, "Cease/Hard Reset".to_owned()));
    }

    #[test]
    fn a_communication_is_cut_between_characters() {
        let notification = Notification::administrative_shutdown(&"é".repeat(200));
        assert_eq!(notification.data.len(), 1 + 254);
        assert_eq!(notification.communication(), Some("é".repeat(127)));
    }

    #[test]
    fn a_communication_that_is_not_one_is_none() {
        let shutdown = |data: &[u8]| Notification::new(6, 2, data).communication();
        assert_eq!(shutdown(&[]), None);
        assert_eq!(shutdown(&[0]), None);
        assert_eq!(shutdown(&[3, b'a']), None, "shorter than it says");
        assert_eq!(shutdown(&[2, b'a', 0xff]), Some("a\u{fffd}".to_owned()));
        assert_eq!(Notification::new(6, 3, &[1, b'a']).communication(), None, "not a subcode that has one");
        assert_eq!(Notification::administrative_shutdown(""), Notification::cease(2));
    }

    #[test]
    fn data_of_the_constructors() {
        assert_eq!(*Notification::maximum_prefixes(AfiSafi::Ipv6Unicast, 1000).data, [0, 2, 1, 0, 0, 3, 0xe8]);
        let required = Notification::no_common_family(&AfiSafi::ALL);
        let both: &[u8] = &[1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1];
        assert_eq!((required.code, required.subcode, &*required.data), (2, 7, both));
        assert_eq!(Notification::new(3, 4, &[7; 5000]).data.len(), 4075);
    }
}
