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
    warnings: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Problems<'a> {
        Problems { file, text, found: Vec::new(), warnings: Vec::new() }
    }

    /// The file as it was named.
    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    /// Notes a problem at this place (in octets from the start of the file).
    pub(super) fn add(&mut self, place: Range<usize>, message: impl fmt::Display) {
        let problem = self.at(place, message);
        self.found.push(problem);
    }

    /// Notes what is no mistake for certain.
    pub(super) fn warn(&mut self, place: Range<usize>, message: impl fmt::Display) {
        let warning = self.at(place, format_args!("warning: {message}"));
        self.warnings.push(warning);
    }

    /// The warnings, in the order of their places.
    pub(super) fn take_warnings(&mut self) -> Vec<Problem> {
        in_order(std::mem::take(&mut self.warnings))
    }

    fn at(&self, place: Range<usize>, message: impl fmt::Display) -> Problem {
        let (line, column) = self.line_and_column(place);
        Problem { file: self.file.to_owned(), line, column, message: message.to_string() }
    }

    /// Where a place (in octets from the start of the file) begins: line and column, the first being 1.
    pub(super) fn line_and_column(&self, place: Range<usize>) -> (usize, usize) {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// The value, if nothing was wrong.
    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            Some(_) | None => Err(ConfigError::Invalid { problems: in_order(self.found) }),
        }
    }
}

fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| (problem.line, problem.column));
    // What a group says wrong is wrong for each of its members.
    problems.dedup();
    problems
}
