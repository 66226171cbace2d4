//! The text that AS-path expressions are matched against.

use std::fmt::{self, Write};

use crate::attributes::AsPath;

/// An AS path as text: on the stack unless it is very long, since every route meets every expression.
pub(in crate::policy) struct PathText {
    inline: Inline,
    /// The text where it does not fit inline.
    long: Option<String>,
}

struct Inline {
    octets: [u8; Inline::CAPACITY],
    used: usize,
}

impl PathText {
    pub(in crate::policy) fn of(path: &AsPath) -> PathText {
        let mut inline = Inline { octets: [0; Inline::CAPACITY], used: 0 };
        let long = match write!(inline, "{path}") {
            Ok(()) => None,
            Err(fmt::Error) => Some(path.to_string()),
        };
        PathText { inline, long }
    }

    pub(in crate::policy) fn octets(&self) -> &[u8] {
        match &self.long {
            Some(text) => text.as_bytes(),
            None => &self.inline.octets[..self.inline.used],
        }
    }
}

impl Inline {
    /// Some thirty AS numbers: six times the length of the average path in the Internet.
    const CAPACITY: usize = 192;
}

impl Write for Inline {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        self.octets.get_mut(self.used..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Asn;

    #[test]
    fn short_and_long_paths_are_the_same_text() {
        for hops in [0, 1, 26, 27, 28, 32, 33, 300, 4000] {
            let path = AsPath::sequence((0..hops).map(|hop| Asn(65000 + hop)));
            assert_eq!(PathText::of(&path).octets(), path.to_string().as_bytes(), "{hops} hops");
        }
    }
}
