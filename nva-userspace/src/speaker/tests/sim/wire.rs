//! What passes the wire between speakers: counted, and changed where a test wants that.

use super::*;
use crate::packet::{Message, iana};

impl Sim {
    /// Counts a message, and changes it where a test wants that.
    pub(super) fn on_its_way(&mut self, from: usize, to: usize, frame: &[u8]) -> Vec<u8> {
        let families = AfiSafi::ALL.to_vec();
        let largest = packet::MAX_EXTENDED_MESSAGE;
        let context = CodecContext {
            four_octet_as: true,
            internal: true,
            families,
            max_send: largest,
            max_receive: largest,
            enhanced_refresh: true,
            disable_families: false,
        };
        match frame[packet::HEADER_LEN - 1] {
            iana::message_type::UPDATE => *self.updates.entry((from, to)).or_default() += 1,
            iana::message_type::NOTIFICATION => {
                if let Ok(Message::Notification(notification)) = packet::decode(frame, &context) {
                    self.notifications.push((from, notification.to_string()));
                }
            }
            iana::message_type::ROUTE_REFRESH => {
                if let Ok(Message::RouteRefresh(refresh)) = packet::decode(frame, &context) {
                    self.refreshes.push((from, to, refresh.subtype));
                }
            }
            iana::message_type::OPEN => {
                let Ok(Message::Open(mut open)) = packet::decode(frame, &context) else { panic!("an OPEN") };
                let said = |code| !self.unsaid.contains(&(from.min(to), from.max(to), code));
                open.capabilities.retain(|capability| said(capability.code()));
                let mut octets = Vec::new();
                packet::encode(&Message::Open(open), &context, &mut octets).expect("no longer than before");
                return octets;
            }
            _ => {}
        }
        frame.to_vec()
    }
}

/// The messages that stand behind each other.
pub(super) fn frames(mut octets: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while !octets.is_empty() {
        let length =
            packet::frame_length(octets, packet::MAX_EXTENDED_MESSAGE).ok().flatten().expect("whole messages only");
        let (frame, behind) = octets.split_at(length);
        frames.push(frame);
        octets = behind;
    }
    frames
}
