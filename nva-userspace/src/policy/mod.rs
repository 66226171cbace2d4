//! Policies: which routes come in and go out, and with which attributes and next hop.
//!
//! A [`Chain`] of policies is run over a route by [`evaluate`]: every statement whose conditions hold does its actions,
//! and the first of those that accepts or rejects ends it. A statement that does neither hands the route, changed, to
//! the next one; one that calls another policy lets that decide first. The chain's default decides in the end: reject,
//! for external peers (RFC 8212).
//!
//! Next hops are not chosen by `evaluate` but by [`outbound_next_hop`] and [`inbound_next_hop`], which need to know the
//! peer and the machine's network.
//!
//! All of it are values with structural equality, so that a change of the configuration can be told apart from a mere
//! reload; and all of it is pure.

mod as_path_regex;
mod change;
mod community_match;
mod evaluate;
mod next_hop;
mod peer_match;
mod prefix_list;
mod ranges;
mod statement;
#[cfg(test)]
mod tests;

pub use as_path_regex::{AsPathRegex, AsPathRegexError, AsPathRegexProblem};
pub use community_match::{
    AnyCommunity, Communities, CommunityMatch, CommunityPattern, CommunityPatternError, Quantifier,
};
pub use evaluate::{Decider, Outcome, Step, evaluate, trace};
pub use next_hop::{
    Ineligible, NextHopMode, NextHopModeError, NextHopRule, PeerView, Withheld, inbound_next_hop,
    inbound_next_hop_fault, outbound_next_hop, set_next_hop,
};
pub use peer_match::{Party, PeerMatch, PeerMatchError};
pub use prefix_list::{PrefixList, PrefixMatch, PrefixMatchError};
pub use ranges::{AsnSet, AsnSetError, NumberRange, NumberRangeError};
pub use statement::{
    Actions, Chain, CommunityActions, Condition, Disposition, MarkMatch, Match, NumberChange, Policy, Prepend,
    PrependAs, Statement,
};
