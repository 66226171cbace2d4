//! Numbers in texts.

use std::str::FromStr;

/// A number in decimal digits, and nothing else: `parse` would also take `+1`.
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|digit| digit.is_ascii_digit()))
}
