//! AS-path expressions with the meaning that they have at Cisco and in FRR.
//!
//! An expression is searched for in the text of the path as [`AsPath`] prints it: AS numbers separated by spaces, the
//! nearest first, `{1,2}` for an AS_SET, `(1 2)` and `[1,2]` for the confederation kinds, nothing for an empty path. The
//! path is the one that the route came with: our own AS is not in front of it yet.
//!
//! | written | means |
//! |---|---|
//! | `65100` | these digits, **anywhere**: also inside 465100 or 651001; write `_65100_` for the AS |
//! | `_` | a border of an AS number: start, end, space, comma, brace, parenthesis, bracket |
//! | `^`, `$` | the start, the end; `^$` is the empty path, that is a route of our own AS |
//! | `.` | any one character |
//! | `[0-9]`, `[^1-3]`, `[[:digit:]]` | one character of these, or none of these |
//! | `*`, `+`, `?` | the thing before: any number of times, at least once, at most once |
//! | `[0-9]{5}`, `(_1){2,}`, `.{2,4}` | the thing before so many times, if it is a digit, `.`, brackets or a group |
//! | `(65100\|65101)` | grouping and alternatives |
//! | `_{1,2}` | an AS_SET: behind anything else, braces are themselves; `\{` always is |
//! | `\(`, `\)`, `\[`, `\]` | the brackets of confederation segments |
//!
//! Everything else is refused, because it could never match or would mean something else than where it was copied from.
//! Matching takes time linear in the path, whatever the expression: the `regex` crate has no backtracking.
//!
//! Where Cisco and FRR differ: Cisco's IOS has no counts, FRR's expressions are those of POSIX with `_` replaced. A brace
//! is a count here where a path could not have one for an AS_SET (`6510{2}`), and an AS_SET where nobody counts (`_{1,2}`
//! would be a border or two to FRR). docs/policy.md lists what else is not as in FRR.

#[cfg(test)]
mod model_tests;
mod subject;
#[cfg(test)]
mod tests;
mod translate;

pub(super) use subject::PathText;
pub use translate::{AsPathRegexError, AsPathRegexProblem};

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};

use crate::attributes::AsPath;

/// A compiled AS-path expression. Two are equal if their texts are.
#[derive(Clone)]
pub struct AsPathRegex {
    text: String,
    regex: Regex,
}

impl AsPathRegex {
    /// The most memory that a compiled expression may take, in octets; some thousand characters of text.
    const SIZE_LIMIT: usize = 1 << 20;
    /// How deep groups may nest.
    const NEST_LIMIT: u32 = 64;

    /// Whether the expression is found in the path.
    pub fn is_match(&self, path: &AsPath) -> bool {
        self.is_match_text(&PathText::of(path))
    }

    /// The same on a path that is text already, for several expressions on one path.
    pub(super) fn is_match_text(&self, path: &PathText) -> bool {
        self.regex.is_match(path.octets())
    }
}

impl FromStr for AsPathRegex {
    type Err = AsPathRegexError;

    fn from_str(text: &str) -> Result<AsPathRegex, AsPathRegexError> {
        let regex = RegexBuilder::new(&translate::translate(text)?)
            .unicode(false)
            .size_limit(AsPathRegex::SIZE_LIMIT)
            .nest_limit(AsPathRegex::NEST_LIMIT)
            .build()
            .map_err(|_| AsPathRegexError::TooComplex)?;
        Ok(AsPathRegex { text: text.to_owned(), regex })
    }
}

impl fmt::Display for AsPathRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for AsPathRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsPathRegex({:?})", self.text)
    }
}

impl PartialEq for AsPathRegex {
    fn eq(&self, other: &AsPathRegex) -> bool {
        self.text == other.text
    }
}

impl Eq for AsPathRegex {}
