//! The BGP-4 codec: octets to messages and back (RFC 4271 §4).
//!
//! Pure and total: decoding never panics, on any octets, and every error says which NOTIFICATION or which RFC 7606
//! treatment it asks for. What depends on the session is in a [`CodecContext`], which the session negotiates.

mod message;

pub use message::{Announced, Capability, CodecContext, Message, NextHop, Notification, Open, RouteRefresh, Update};

/// What was wrong with an UPDATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateFault;
