//! The optional attributes.

use super::Change::{Attribute, More};
use super::Fate::{Accept, Discard, Reset, Withdraw};
use super::{BOTH, EXTERNAL, INTERNAL, Row, TWO_OCTET, row};

pub(super) const MULTI_EXIT_DISC: &[Row] = &[
    row("MULTI_EXIT_DISC", "length 0", Attribute("80 04 00"), BOTH, Withdraw, "RFC 7606 §7.4"),
    row("MULTI_EXIT_DISC", "length 3", Attribute("80 04 03 000001"), BOTH, Withdraw, "RFC 7606 §7.4"),
    row("MULTI_EXIT_DISC", "length 5", Attribute("80 04 05 0000000001"), BOTH, Withdraw, "RFC 7606 §7.4"),
    row("MULTI_EXIT_DISC", "flagged transitive", Attribute("c0 04 04 00000001"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("MULTI_EXIT_DISC", "flagged well-known", Attribute("40 04 04 00000001"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("MULTI_EXIT_DISC", "Partial bit set", Attribute("a0 04 04 00000001"), BOTH, Accept, "RFC 7606 §3 c"),
    row("MULTI_EXIT_DISC", "twice", More("80 04 04 00000001 80 04 04 00000002"), BOTH, Discard, "RFC 7606 §3 g"),
    row("MULTI_EXIT_DISC", "longer than the attributes", Attribute("80 04 05 00000001"), BOTH, Withdraw, "RFC 7606 §4"),
];

pub(super) const AGGREGATOR: &[Row] = &[
    row("AGGREGATOR", "length 0", Attribute("c0 07 00"), BOTH, Discard, "RFC 7606 §7.7"),
    row("AGGREGATOR", "length 6", Attribute("c0 07 06 fdea c0000201"), BOTH, Discard, "RFC 7606 §7.7"),
    row("AGGREGATOR", "length 9", Attribute("c0 07 09 AS c0000201 00"), BOTH, Discard, "RFC 7606 §7.7"),
    row("AGGREGATOR", "length 8", Attribute("c0 07 08 0000fdea c0000201"), TWO_OCTET, Discard, "RFC 7606 §7.7"),
    row("AGGREGATOR", "AS 0", Attribute("c0 07 08 00000000 c0000201"), BOTH, Discard, "RFC 7607 §2"),
    row("AGGREGATOR", "flagged non-transitive", Attribute("80 07 08 AS c0000201"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("AGGREGATOR", "flagged well-known", Attribute("40 07 08 AS c0000201"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("AGGREGATOR", "longer than the attributes", Attribute("c0 07 09 AS c0000201"), BOTH, Withdraw, "RFC 7606 §4"),
];

pub(super) const COMMUNITIES: &[Row] = &[
    row("COMMUNITIES", "length 0", Attribute("c0 08 00"), BOTH, Withdraw, "RFC 7606 §7.8"),
    row("COMMUNITIES", "length 3", Attribute("c0 08 03 fdea00"), BOTH, Withdraw, "RFC 7606 §7.8"),
    row("COMMUNITIES", "length 5", Attribute("c0 08 05 fdea000100"), BOTH, Withdraw, "RFC 7606 §7.8"),
    row("COMMUNITIES", "flagged non-transitive", Attribute("80 08 04 fdea0001"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("COMMUNITIES", "flagged well-known", Attribute("40 08 04 fdea0001"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("COMMUNITIES", "Partial bit set", Attribute("e0 08 04 fdea0001"), BOTH, Accept, "RFC 7606 §3 c"),
    row("COMMUNITIES", "extended length for 4 octets", Attribute("d0 08 0004 fdea0001"), BOTH, Accept, "RFC 4271 §4.3"),
    row("COMMUNITIES", "twice", More("c0 08 04 fdea0001 c0 08 04 fdea0002"), BOTH, Discard, "RFC 7606 §3 g"),
    row("COMMUNITIES", "longer than the attributes", Attribute("c0 08 08 fdea0001"), BOTH, Withdraw, "RFC 7606 §4"),
];

pub(super) const WIDE_COMMUNITIES: &[Row] = &[
    row("EXTENDED_COMMUNITIES", "length 0", Attribute("c0 10 00"), BOTH, Withdraw, "RFC 7606 §7.14"),
    row("EXTENDED_COMMUNITIES", "length 7", Attribute("c0 10 07 0002fdea000000"), BOTH, Withdraw, "RFC 7606 §7.14"),
    row("EXTENDED_COMMUNITIES", "length 9", Attribute("c0 10 09 0002fdea0000000100"), BOTH, Withdraw, "RFC 7606 §7.14"),
    row(
        "EXTENDED_COMMUNITIES",
        "flagged non-transitive",
        Attribute("80 10 08 0002fdea00000001"),
        BOTH,
        Withdraw,
        "RFC 7606 §3 c",
    ),
    row("EXTENDED_COMMUNITIES", "unknown type", Attribute("c0 10 08 3fff000000000001"), BOTH, Accept, "RFC 7606 §7.14"),
    row(
        "EXTENDED_COMMUNITIES",
        "twice",
        More("c0 10 08 0002fdea00000001 c0 10 08 0002fdea00000002"),
        BOTH,
        Discard,
        "RFC 7606 §3 g",
    ),
    row("LARGE_COMMUNITY", "length 0", Attribute("c0 20 00"), BOTH, Withdraw, "RFC 8092 §6"),
    row("LARGE_COMMUNITY", "length 11", Attribute("c0 20 0b 0000fdea00000001000000"), BOTH, Withdraw, "RFC 8092 §6"),
    row(
        "LARGE_COMMUNITY",
        "length 13",
        Attribute("c0 20 0d 0000fdea000000010000000200"),
        BOTH,
        Withdraw,
        "RFC 8092 §6",
    ),
    row(
        "LARGE_COMMUNITY",
        "flagged non-transitive",
        Attribute("80 20 0c 0000fdea0000000100000002"),
        BOTH,
        Withdraw,
        "RFC 7606 §3 c",
    ),
    row(
        "LARGE_COMMUNITY",
        "twice",
        More("c0 20 0c 0000fdea0000000100000002 c0 20 0c 0000fdea0000000100000003"),
        BOTH,
        Discard,
        "RFC 7606 §3 g",
    ),
];

pub(super) const ONLY_TO_CUSTOMER: &[Row] = &[
    row("ONLY_TO_CUSTOMER", "length 0", Attribute("c0 23 00"), BOTH, Withdraw, "RFC 9234 §5"),
    row("ONLY_TO_CUSTOMER", "length 3", Attribute("c0 23 03 00fdea"), BOTH, Withdraw, "RFC 9234 §5"),
    row("ONLY_TO_CUSTOMER", "length 5", Attribute("c0 23 05 0000fdea00"), BOTH, Withdraw, "RFC 9234 §5"),
    row("ONLY_TO_CUSTOMER", "flagged non-transitive", Attribute("80 23 04 0000fdea"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("ONLY_TO_CUSTOMER", "Partial bit set", Attribute("e0 23 04 0000fdea"), BOTH, Accept, "RFC 7606 §3 c"),
    row("ONLY_TO_CUSTOMER", "twice", More("c0 23 04 0000fdea c0 23 04 0000fdeb"), BOTH, Discard, "RFC 7606 §3 g"),
];

pub(super) const REFLECTION: &[Row] = &[
    row("ORIGINATOR_ID", "length 0", Attribute("80 09 00"), INTERNAL, Withdraw, "RFC 7606 §7.9"),
    row("ORIGINATOR_ID", "length 3", Attribute("80 09 03 c00002"), INTERNAL, Withdraw, "RFC 7606 §7.9"),
    row("ORIGINATOR_ID", "length 5", Attribute("80 09 05 c000020100"), INTERNAL, Withdraw, "RFC 7606 §7.9"),
    row("ORIGINATOR_ID", "flagged transitive", Attribute("c0 09 04 c0000201"), INTERNAL, Withdraw, "RFC 7606 §3 c"),
    row("ORIGINATOR_ID", "from an external peer", Attribute("80 09 04 c0000201"), EXTERNAL, Discard, "RFC 7606 §7.9"),
    row(
        "ORIGINATOR_ID",
        "from an external peer, length 3",
        Attribute("80 09 03 c00002"),
        EXTERNAL,
        Discard,
        "RFC 7606 §7.9",
    ),
    row("CLUSTER_LIST", "length 0", Attribute("80 0a 00"), INTERNAL, Withdraw, "RFC 7606 §7.10"),
    row("CLUSTER_LIST", "length 6", Attribute("80 0a 06 c00002010000"), INTERNAL, Withdraw, "RFC 7606 §7.10"),
    row("CLUSTER_LIST", "flagged transitive", Attribute("c0 0a 04 c0000201"), INTERNAL, Withdraw, "RFC 7606 §3 c"),
    row("CLUSTER_LIST", "from an external peer", Attribute("80 0a 04 c0000201"), EXTERNAL, Discard, "RFC 7606 §7.10"),
    row(
        "CLUSTER_LIST",
        "from an external peer, length 6",
        Attribute("80 0a 06 c00002010000"),
        EXTERNAL,
        Discard,
        "RFC 7606 §7.10",
    ),
];

pub(super) const UNKNOWN: &[Row] = &[
    row("unknown", "flagged well-known", Attribute("40 64 01 aa"), BOTH, Reset(2), "RFC 4271 §6.3"),
    row("unknown", "flagged well-known non-transitive", Attribute("00 64 01 aa"), BOTH, Reset(2), "RFC 4271 §6.3"),
    row("unknown", "optional non-transitive", Attribute("80 64 01 aa"), BOTH, Discard, "RFC 4271 §5"),
    row("unknown", "optional transitive", Attribute("c0 64 01 aa"), BOTH, Accept, "RFC 4271 §5"),
    row("unknown", "optional transitive, twice", More("c0 64 01 aa c0 64 01 bb"), BOTH, Discard, "RFC 7606 §3 g"),
];
