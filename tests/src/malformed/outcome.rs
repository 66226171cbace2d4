//! What became of a row.

use std::fmt;

use super::Fate;

/// What a daemon was seen to do with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The route is taken, and its attribute shows.
    Accept,
    /// The route is taken, and the attribute does not show.
    Discard,
    /// The route is withdrawn; all others stay, and what came after is there.
    Withdraw,
    /// As if the UPDATE had never come: the route of before stays.
    Ignore,
    /// All routes of the family are gone, and those that came after are not taken; the other family goes on.
    DisableFamily,
    /// The session ended, with this NOTIFICATION if one came.
    Reset(Option<(u8, u8)>),
    /// The daemon ended.
    Crash,
    /// The session is up, and what came after the row did not arrive.
    Stuck,
}

impl Outcome {
    /// Whether this is what the RFCs ask for.
    pub fn is(self, fate: Fate) -> bool {
        match fate {
            Fate::Accept => self == Outcome::Accept,
            Fate::Discard => self == Outcome::Discard,
            Fate::Withdraw => self == Outcome::Withdraw,
            Fate::Ignore => self == Outcome::Ignore,
            Fate::Reset(subcode) => self == Outcome::Reset(Some((3, subcode))),
            Fate::DisableOrReset => matches!(self, Outcome::DisableFamily | Outcome::Reset(Some((3, _)))),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Accept => f.pad("accept"),
            Outcome::Discard => f.pad("discard"),
            Outcome::Withdraw => f.pad("withdraw"),
            Outcome::Ignore => f.pad("ignore UPDATE"),
            Outcome::DisableFamily => f.pad("disable family"),
            Outcome::Reset(Some((code, subcode))) => write!(f, "reset {code}/{subcode}"),
            Outcome::Reset(None) => f.pad("close"),
            Outcome::Crash => f.pad("crash"),
            Outcome::Stuck => f.pad("stuck"),
        }
    }
}
