//! The BGP-4 codec: octets to messages and back (RFC 4271 §4).
//!
//! Pure and total: decoding never panics, on any octets, and every error says which NOTIFICATION or which RFC 7606
//! treatment it asks for. What depends on the session is in a [`CodecContext`], which the session negotiates.
//!
//! It judges what can be judged from the octets alone. Whether an OPEN suits the peer, whether a path has a loop, whether
//! a prefix is a martian and whether a next hop can be reached is for others to say.

// Invariant 4 of ARCHITECTURE.md; tests may index and expect.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod attribute;
mod capability;
mod error;
mod header;
pub mod iana;
mod message;
mod nlri;
mod notification;
mod open;
mod reader;
mod route_refresh;
mod table_dump;
#[cfg(test)]
mod tests;
mod update;

pub use error::{AttributeProblem, DecodeError, EncodeError, OpenProblem, Treatment, UpdateFault};
pub use header::{HEADER_LEN, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, frame_length};
pub use message::{
    Announced, Capability, CodecContext, GracefulRestart, Message, NextHop, Notification, Open, RefreshSubtype,
    RestartFamily, RouteRefresh, Update,
};
pub use notification::MAX_COMMUNICATION;
pub use route_refresh::encode_refresh;
pub use table_dump::decode_table_entry;
pub use update::{encode_announcement, encode_end_of_rib, encode_withdrawal};

use header::write_message;
use iana::message_type;

/// Reads one whole message, header included.
pub fn decode(frame: &[u8], context: &CodecContext) -> Result<Message, DecodeError> {
    let split = header::split(frame, context.max_receive)?;
    let kind = split.kind;
    // The header has made sure that none of the short messages is too short.
    let too_short =
        || DecodeError::BadLength { length: u16::try_from(frame.len()).unwrap_or(u16::MAX), kind: Some(kind) };
    match kind {
        message_type::OPEN => open::decode(split).map(Message::Open),
        message_type::UPDATE => update::decode(split, context).map(|update| Message::Update(Box::new(update))),
        message_type::NOTIFICATION => notification::decode(split).map(Message::Notification).ok_or_else(too_short),
        message_type::KEEPALIVE => Ok(Message::Keepalive),
        message_type::ROUTE_REFRESH => route_refresh::decode(split, frame, context).map(Message::RouteRefresh),
        kind => Err(DecodeError::BadType { kind }),
    }
}

/// Appends one message, header included; an UPDATE must fit into one as it is. After an error, `out` is as it was.
pub fn encode(message: &Message, context: &CodecContext, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let max = context.max_send;
    match message {
        // RFC 8654 §4: OPEN comes before anything is agreed on, and a KEEPALIVE never needs more.
        Message::Open(open) => open::encode(open, MAX_MESSAGE, out),
        Message::Update(update) => update::encode(update, context, out),
        Message::Notification(notification) => notification::encode(notification, max, out),
        Message::Keepalive => write_message(message_type::KEEPALIVE, MAX_MESSAGE, out, |_| Ok(())),
        Message::RouteRefresh(request) => route_refresh::encode(request, max, out),
    }
}
