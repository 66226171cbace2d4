//! UPDATE (RFC 4271 §4.3), with the error handling of RFC 7606.

mod decode;
mod encode;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub use encode::{encode_announcement, encode_end_of_rib, encode_withdrawal};
