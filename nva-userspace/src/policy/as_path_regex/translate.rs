//! From Cisco's expressions to those of the `regex` crate.
//!
//! Nothing is handed through that was not understood: what the output holds was written by this module, so that the
//! other language's own syntax (`\d`, `(?i)`, `a{2}`, `[a&&b]`) cannot creep in.

use thiserror::Error;

use crate::net::number;

/// A border of an AS number. Brackets are in it because [`crate::attributes::AsPath`] prints confederation sets with
/// them.
const BORDER: &str = r"(?:^|[ ,{}()\[\]]|$)";

/// The most that a count may say: what POSIX promises (RE_DUP_MAX).
const MAX_COUNT: u16 = 255;

/// The named classes with their members that occur in AS paths.
const NAMED_CLASSES: [(&str, &str); 3] = [("[:digit:]", "0-9"), ("[:space:]", " "), ("[:blank:]", " ")];

/// An AS-path expression that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AsPathRegexError {
    /// There is nothing.
    #[error("the AS-path expression is empty: write `.*` for every path, `^$` for the empty path")]
    Empty,
    /// Something in it is wrong.
    #[error("AS-path expression, character {position}: {problem}")]
    Syntax {
        /// Which character, the first being 1.
        position: usize,
        /// What is wrong with it.
        problem: AsPathRegexProblem,
    },
    /// It is too long or nests too deep.
    #[error("the AS-path expression is too long or nests too deep: divide it among several statements")]
    TooComplex,
}

/// What is wrong with a character of an AS-path expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AsPathRegexProblem {
    /// A character that no AS path contains.
    #[error("no AS path contains {0:?}: only digits, spaces, commas and (escaped) brackets occur")]
    NeverInPath(char),
    /// A hyphen between AS numbers, as Azure prints paths.
    #[error("AS numbers are separated by spaces: write `_` instead of `-`")]
    Hyphen,
    /// A backslash before a letter or digit.
    #[error("`\\{0}` is not part of this language: write [0-9] for a digit, `_` for a border")]
    LetterEscape(char),
    /// A backslash at the end.
    #[error("nothing follows the backslash")]
    TrailingBackslash,
    /// A repetition sign without anything that it could repeat.
    #[error("`{0}` has nothing before it to repeat")]
    NothingToRepeat(char),
    /// A repetition sign after another.
    #[error("`{0}` follows another repetition sign: leave one out, or put parentheses around what is repeated twice")]
    DoubleRepetition(char),
    /// A brace behind something that can be counted, and what follows is no count.
    #[error(
        "a count is written {{2}}, {{2,}} or {{2,4}}, of numbers up to {MAX_COUNT}, the smaller first; \
         if an AS_SET begins here, write `_{{` or `\\{{`"
    )]
    Count,
    /// `(?`, which starts special groups in Perl's language.
    #[error("`(?` is not part of this language: parentheses only group")]
    SpecialGroup,
    /// Nothing between `(`, `|` and `)`.
    #[error("an alternative is empty and would match every path: put `?` behind a group that may be absent")]
    EmptyAlternative,
    /// `(` without `)`.
    #[error("this parenthesis is never closed (write `\\(` for that of a confederation segment)")]
    UnclosedGroup,
    /// `)` without `(`.
    #[error("this parenthesis closes nothing (write `\\)` for that of a confederation segment)")]
    UnopenedGroup,
    /// `[` without `]`.
    #[error("this bracket is never closed (write `\\[` for that of a confederation segment)")]
    UnclosedBracket,
    /// `]` without `[`.
    #[error("this bracket closes nothing (write `\\]` for that of a confederation segment)")]
    UnopenedBracket,
    /// `_` inside brackets.
    #[error("`_` means nothing inside brackets: write it outside, `(_|[0-9])`")]
    BorderInBrackets,
    /// `[:` inside brackets, and not one of the classes that paths have something of.
    #[error("of the named classes, AS paths have [:digit:], [:space:] and [:blank:] alone")]
    NamedClass,
    /// A range that is not of two digits in order.
    #[error("a range goes from a smaller digit to a larger one, as in [0-9]")]
    Range,
}

use AsPathRegexProblem as Problem;

/// The expression in the language of the `regex` crate.
pub(super) fn translate(text: &str) -> Result<String, AsPathRegexError> {
    if text.is_empty() {
        return Err(AsPathRegexError::Empty);
    }
    let characters: Vec<char> = text.chars().collect();
    Translator { characters: &characters, at: 0, out: String::new(), open: Vec::new(), last: Last::Nothing }
        .run()
        .map_err(|fault| AsPathRegexError::Syntax { position: fault.index + 1, problem: fault.problem })
}

struct Translator<'a> {
    characters: &'a [char],
    /// The index of the next character.
    at: usize,
    out: String,
    /// The indices of the parentheses that are open.
    open: Vec<usize>,
    last: Last,
}

/// What stands before the next character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// The start of an alternative.
    Nothing,
    Anchor,
    /// Something that can be repeated, and after which a brace is that of a set.
    Separator,
    /// Something that can be repeated, and after which a brace begins a count.
    Number,
    Repetition,
}

struct Fault {
    index: usize,
    problem: Problem,
}

impl Translator<'_> {
    fn run(mut self) -> Result<String, Fault> {
        while let Some(character) = self.next() {
            let start = self.at - 1;
            let translated = self.translate(character);
            self.last = translated.map_err(|problem| match problem {
                Problem::UnclosedBracket => Fault { index: start, problem },
                problem => Fault { index: self.at - 1, problem },
            })?;
        }
        match self.open.last() {
            Some(&index) => Err(Fault { index, problem: Problem::UnclosedGroup }),
            None if self.last == Last::Nothing => {
                Err(Fault { index: self.at.saturating_sub(1), problem: Problem::EmptyAlternative })
            }
            None => Ok(self.out),
        }
    }

    fn next(&mut self) -> Option<char> {
        let character = self.characters.get(self.at).copied()?;
        self.at += 1;
        Some(character)
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn translate(&mut self, character: char) -> Result<Last, Problem> {
        match character {
            '0'..='9' => Ok(self.literal(character, Last::Number)),
            '{' if self.last == Last::Number => self.count(),
            ' ' | ',' | '{' | '}' => Ok(self.literal(character, Last::Separator)),
            '^' | '$' => {
                self.out.push(character);
                Ok(Last::Anchor)
            }
            '.' => {
                self.out.push('.');
                Ok(Last::Number)
            }
            '_' => {
                self.out.push_str(BORDER);
                Ok(Last::Separator)
            }
            '*' | '+' | '?' => self.repetition(character),
            '(' if self.peek() == Some('?') => Err(Problem::SpecialGroup),
            '(' => {
                self.open.push(self.at - 1);
                self.out.push_str("(?:");
                Ok(Last::Nothing)
            }
            ')' if self.open.pop().is_none() => Err(Problem::UnopenedGroup),
            ')' | '|' if self.last == Last::Nothing => Err(Problem::EmptyAlternative),
            ')' => {
                self.out.push(')');
                Ok(Last::Number)
            }
            '|' => {
                self.out.push('|');
                Ok(Last::Nothing)
            }
            '[' => self.brackets(),
            ']' => Err(Problem::UnopenedBracket),
            '\\' => self.escape(),
            '-' => Err(Problem::Hyphen),
            other => Err(Problem::NeverInPath(other)),
        }
    }

    fn literal(&mut self, character: char, last: Last) -> Last {
        if !character.is_ascii_digit() && character != ' ' {
            self.out.push('\\');
        }
        self.out.push(character);
        last
    }

    fn repetition(&mut self, sign: char) -> Result<Last, Problem> {
        match self.last {
            Last::Nothing | Last::Anchor => Err(Problem::NothingToRepeat(sign)),
            Last::Repetition => Err(Problem::DoubleRepetition(sign)),
            Last::Separator | Last::Number => {
                self.out.push(sign);
                Ok(Last::Repetition)
            }
        }
    }

    /// A count, of which the opening brace was read.
    fn count(&mut self) -> Result<Last, Problem> {
        let rest = self.characters.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|character| *character == '}').ok_or(Problem::Count)?;
        let inner: String = rest.iter().take(length).collect();
        let number = |text: &str| number(text).filter(|number| *number <= MAX_COUNT).ok_or(Problem::Count);
        let (least, most) = match inner.split_once(',') {
            None => (number(&inner)?, number(&inner)?),
            Some((least, "")) => (number(least)?, MAX_COUNT),
            Some((least, most)) => (number(least)?, number(most)?),
        };
        if least > most {
            return Err(Problem::Count);
        }
        self.at += length + 1;
        self.out.extend(["{", &inner, "}"]);
        Ok(Last::Repetition)
    }

    fn escape(&mut self) -> Result<Last, Problem> {
        match self.escaped()? {
            character @ ('}' | ')' | ']' | '{' | '(' | '[' | ',' | ' ') => Ok(self.literal(character, Last::Separator)),
            other => Err(Problem::NeverInPath(other)),
        }
    }

    fn escaped(&mut self) -> Result<char, Problem> {
        match self.next() {
            None => Err(Problem::TrailingBackslash),
            Some(letter) if letter.is_alphanumeric() => Err(Problem::LetterEscape(letter)),
            Some(character) => Ok(character),
        }
    }

    /// A bracket expression, of which the opening bracket was read. A `]` that stands first is a member (POSIX.2).
    fn brackets(&mut self) -> Result<Last, Problem> {
        self.out.push('[');
        if self.peek() == Some('^') {
            self.at += 1;
            self.out.push('^');
        }
        let first = self.at;
        loop {
            let member = match self.next() {
                None => return Err(Problem::UnclosedBracket),
                Some(']') if self.at - 1 > first => break,
                Some('\\') => self.escaped()?,
                Some('[') if self.peek() == Some(':') => {
                    self.named_class()?;
                    continue;
                }
                Some('_') => return Err(Problem::BorderInBrackets),
                Some('-') => return Err(Problem::Range),
                Some(member) => member,
            };
            match member {
                '0'..='9' if self.peek() == Some('-') => {
                    self.at += 1;
                    match self.next() {
                        Some(end @ '0'..='9') if member <= end => self.out.extend([member, '-', end]),
                        Some(_) | None => return Err(Problem::Range),
                    }
                }
                '0'..='9' | ' ' | ',' | '{' | '}' | '(' | ')' | '[' | ']' => {
                    self.literal(member, Last::Number);
                }
                other => return Err(Problem::NeverInPath(other)),
            }
        }
        self.out.push(']');
        Ok(Last::Number)
    }

    /// A named class inside brackets, of which `[` was read.
    fn named_class(&mut self) -> Result<(), Problem> {
        let rest = self.characters.get(self.at - 1..).unwrap_or_default();
        let is_next = |name: &str| name.chars().eq(rest.iter().copied().take(name.len()));
        let (name, members) = NAMED_CLASSES.iter().find(|(name, _)| is_next(name)).ok_or(Problem::NamedClass)?;
        self.at += name.len() - 1;
        self.out.push_str(members);
        Ok(())
    }
}
