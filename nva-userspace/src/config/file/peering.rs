//! What peers and peer groups have that can be written in more than one way.

use serde::Deserialize;

use super::AsnText;

/// `receive-limit = 1000` or `receive-limit = { prefixes = 1000, action = "block" }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    rename_all_fields = "kebab-case",
    expecting = "expected a number of prefixes, false, or a table with any of prefixes, ipv4-unicast, ipv6-unicast, \
                 warn-at (in percent), action and restart-after (in seconds), such as { prefixes = 1000, action = \
                 \"block\" }"
)]
pub enum LimitValue {
    /// Whether there is one.
    Wanted(bool),
    /// So many of each family.
    Prefixes(u32),
    /// As given.
    Given {
        /// So many of each family that has no number of its own.
        prefixes: Option<u32>,
        /// So many of this one.
        ipv4_unicast: Option<u32>,
        /// So many of this one.
        ipv6_unicast: Option<u32>,
        /// The percentage of the limit from which on there is a warning.
        warn_at: Option<u8>,
        /// What happens above it.
        action: Option<String>,
        /// Seconds that the session rests when it was ended.
        restart_after: Option<u16>,
    },
}

/// `remove-private-as = true`, `"leading"` or `{ which = "leading", replace = true }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    rename_all_fields = "kebab-case",
    expecting = "expected true, false, \"all\", \"leading\", or a table with any of which and replace, such as \
                 { which = \"all\", replace = true }"
)]
pub enum RemovePrivateAsValue {
    /// All of them, or none.
    Wanted(bool),
    /// `"all"` or `"leading"`.
    Which(String),
    /// As given.
    Given {
        /// `"all"` or `"leading"`.
        which: Option<String>,
        /// Whether our AS takes their place.
        replace: Option<bool>,
    },
}

/// `local-as = 65010` or `local-as = { asn = 65010, prepend = false }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    rename_all_fields = "kebab-case",
    expecting = "expected an AS number from 1 to 4294967295, false, or a table with asn and any of prepend, replace \
                 and dual, such as { asn = 65010, replace = true }"
)]
pub enum LocalAsValue {
    /// Whether there is one.
    Wanted(bool),
    /// `65010`
    Number(u32),
    /// `"65010"`
    Text(String),
    /// As given.
    Given {
        /// The AS.
        asn: AsnText,
        /// Whether it stands in front of the paths that the peer sends.
        prepend: Option<bool>,
        /// Whether the peer is told it in the place of our own.
        replace: Option<bool>,
        /// Whether the peer may know us by our own.
        dual: Option<bool>,
    },
}
