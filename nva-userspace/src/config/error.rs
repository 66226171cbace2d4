//! What is wrong with a configuration, and where.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file says something that is wrong; every problem that was found.
    #[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid {
        /// The problems, in the order of their places.
        problems: Vec<Problem>,
    },
}

/// One problem and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Collects problems while the configuration is understood, so that one run shows all of them.
pub struct Problems<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Problems<'a> {
        Problems { file, text, found: Vec::new() }
    }

    /// Notes a problem at this place (in octets from the start of the file).
    pub(super) fn add(&mut self, place: Range<usize>, message: impl fmt::Display) {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.found.push(Problem { file: self.file.to_owned(), line, column, message: message.to_string() });
    }

    /// The value, if nothing was wrong.
    pub(super) fn into_result<T>(mut self, value: Option<T>) -> Result<T, ConfigError> {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        // What a group says wrong is wrong for each of its members.
        self.found.dedup();
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            Some(_) | None => Err(ConfigError::Invalid { problems: self.found }),
        }
    }
}
