//! Policies: which routes come in and go out, and with which attributes and next hop.
//!
//! A [`Chain`] of policies is run over a route by [`evaluate`]: every statement whose conditions hold does its actions,
//! and the first of those that accepts or rejects ends it. A statement that does neither hands the route, changed, to
//! the next one. The chain's default decides in the end: reject, for external peers (RFC 8212).
//!
//! Next hops are not chosen by `evaluate` but by [`outbound_next_hop`] and [`inbound_next_hop`], which need to know the
//! peer and the machine's network.
//!
//! All of it are values with structural equality, so that a change of the configuration can be told apart from a mere
//! reload; and all of it is pure.

mod as_path_regex;
mod evaluate;
mod next_hop;
mod prefix_list;
mod statement;
#[cfg(test)]
mod tests;

pub use as_path_regex::{AsPathRegex, AsPathRegexError, AsPathRegexProblem};
pub use evaluate::{Decider, Outcome, evaluate};
pub use next_hop::{
    Ineligible, NextHopMode, NextHopModeError, NextHopRule, PeerView, Withheld, inbound_next_hop,
    inbound_next_hop_fault, outbound_next_hop,
};
pub use prefix_list::{PrefixList, PrefixMatch, PrefixMatchError};
pub use statement::{
    Actions, Chain, CommunityActions, Disposition, Match, Policy, Prepend, SourceMatch, SourceMatchError, Statement,
};
