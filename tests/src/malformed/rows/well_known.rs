//! The well-known attributes.

use super::Change::{Attribute, More, Without};
use super::Fate::{Accept, Discard, Withdraw};
use super::{BOTH, EXTERNAL, INTERNAL, Row, row};

pub(super) const ORIGIN: &[Row] = &[
    row("ORIGIN", "missing", Without(1), BOTH, Withdraw, "RFC 7606 §3 d"),
    row("ORIGIN", "length 0", Attribute("40 01 00"), BOTH, Withdraw, "RFC 7606 §7.1"),
    row("ORIGIN", "length 2", Attribute("40 01 02 0000"), BOTH, Withdraw, "RFC 7606 §7.1"),
    row("ORIGIN", "value 3", Attribute("40 01 01 03"), BOTH, Withdraw, "RFC 7606 §7.1"),
    row("ORIGIN", "value 255", Attribute("40 01 01 ff"), BOTH, Withdraw, "RFC 7606 §7.1"),
    row("ORIGIN", "flagged optional", Attribute("c0 01 01 00"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("ORIGIN", "flagged non-transitive", Attribute("00 01 01 00"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("ORIGIN", "flagged optional non-transitive", Attribute("80 01 01 00"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("ORIGIN", "Partial bit set", Attribute("60 01 01 00"), BOTH, Accept, "RFC 7606 §3 c"),
    row("ORIGIN", "unused flag bits set", Attribute("4f 01 01 00"), BOTH, Accept, "RFC 4271 §4.3"),
    row("ORIGIN", "extended length for 1 octet", Attribute("50 01 0001 00"), BOTH, Accept, "RFC 4271 §4.3"),
    row("ORIGIN", "twice, the second other", More("40 01 01 02"), BOTH, Discard, "RFC 7606 §3 g"),
    row("ORIGIN", "twice, the second malformed", More("40 01 01 09"), BOTH, Discard, "RFC 7606 §3 g"),
    row("ORIGIN", "longer than the attributes", Attribute("40 01 ff 00"), BOTH, Withdraw, "RFC 7606 §4"),
];

pub(super) const AS_PATH: &[Row] = &[
    row("AS_PATH", "missing", Without(2), BOTH, Withdraw, "RFC 7606 §3 d"),
    row("AS_PATH", "segment type 0", Attribute("40 02 0a 0002 AS MARK"), BOTH, Withdraw, "RFC 7606 §7.2"),
    row("AS_PATH", "segment type 5", Attribute("40 02 0a 0502 AS MARK"), BOTH, Withdraw, "RFC 7606 §7.2"),
    row(
        "AS_PATH",
        "segment without a number",
        Attribute("40 02 0c 0202 AS MARK 0200"),
        BOTH,
        Withdraw,
        "RFC 7606 §7.2",
    ),
    row("AS_PATH", "nothing but an empty segment", Attribute("40 02 02 0200"), BOTH, Withdraw, "RFC 7606 §7.2"),
    row("AS_PATH", "segment overruns", Attribute("40 02 0a 0203 AS MARK"), BOTH, Withdraw, "RFC 7606 §7.2"),
    row("AS_PATH", "segment underruns by 1", Attribute("40 02 0b 0202 AS MARK 02"), BOTH, Withdraw, "RFC 7606 §7.2"),
    row("AS_PATH", "number cut to 2 octets", Attribute("40 02 04 0201 fdea"), BOTH, Withdraw, "RFC 7606 §7.2"),
    row(
        "AS_PATH",
        "AS_CONFED_SEQUENCE",
        Attribute("40 02 10 0301 0000fdeb 0202 AS MARK"),
        EXTERNAL,
        Withdraw,
        "RFC 5065 §5",
    ),
    row(
        "AS_PATH",
        "AS_CONFED_SET",
        Attribute("40 02 10 0401 0000fdeb 0202 AS MARK"),
        EXTERNAL,
        Withdraw,
        "RFC 5065 §5",
    ),
    row(
        "AS_PATH",
        "AS_CONFED_SET, from an internal peer",
        Attribute("40 02 10 0401 0000fdeb 0202 AS MARK"),
        INTERNAL,
        Withdraw,
        "RFC 9774 §3",
    ),
    row("AS_PATH", "AS_SET", Attribute("40 02 10 0202 AS MARK 0101 0000fdeb"), BOTH, Withdraw, "RFC 9774 §3"),
    row("AS_PATH", "AS 0", Attribute("40 02 0e 0203 AS MARK 00000000"), BOTH, Withdraw, "RFC 7607 §2"),
    row("AS_PATH", "flagged optional", Attribute("c0 02 0a 0202 AS MARK"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("AS_PATH", "flagged non-transitive", Attribute("00 02 0a 0202 AS MARK"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("AS_PATH", "Partial bit set", Attribute("60 02 0a 0202 AS MARK"), BOTH, Accept, "RFC 7606 §3 c"),
    row(
        "AS_PATH",
        "extended length for 10 octets",
        Attribute("50 02 000a 0202 AS MARK"),
        BOTH,
        Accept,
        "RFC 4271 §4.3",
    ),
    row("AS_PATH", "twice", More("40 02 06 0201 AS"), BOTH, Discard, "RFC 7606 §3 g"),
    row("AS_PATH", "longer than the attributes", Attribute("40 02 ff 0202 AS MARK"), BOTH, Withdraw, "RFC 7606 §4"),
];

pub(super) const NEXT_HOP: &[Row] = &[
    row("NEXT_HOP", "missing", Without(3), BOTH, Withdraw, "RFC 7606 §3 d"),
    row("NEXT_HOP", "length 0", Attribute("40 03 00"), BOTH, Withdraw, "RFC 7606 §7.3"),
    row("NEXT_HOP", "length 3", Attribute("40 03 03 0a6301"), BOTH, Withdraw, "RFC 7606 §7.3"),
    row("NEXT_HOP", "length 5", Attribute("40 03 05 NH4 00"), BOTH, Withdraw, "RFC 7606 §7.3"),
    row("NEXT_HOP", "length 16", Attribute("40 03 10 NH6"), BOTH, Withdraw, "RFC 7606 §7.3"),
    row("NEXT_HOP", "0.0.0.0", Attribute("40 03 04 00000000"), BOTH, Withdraw, "RFC 4271 §6.3"),
    row("NEXT_HOP", "127.0.0.1", Attribute("40 03 04 7f000001"), BOTH, Withdraw, "RFC 4271 §6.3"),
    row("NEXT_HOP", "224.0.0.1", Attribute("40 03 04 e0000001"), BOTH, Withdraw, "RFC 4271 §6.3"),
    row("NEXT_HOP", "255.255.255.255", Attribute("40 03 04 ffffffff"), BOTH, Withdraw, "RFC 4271 §6.3"),
    row("NEXT_HOP", "flagged optional", Attribute("c0 03 04 NH4"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("NEXT_HOP", "flagged non-transitive", Attribute("00 03 04 NH4"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("NEXT_HOP", "Partial bit set", Attribute("60 03 04 NH4"), BOTH, Accept, "RFC 7606 §3 c"),
    row("NEXT_HOP", "extended length for 4 octets", Attribute("50 03 0004 NH4"), BOTH, Accept, "RFC 4271 §4.3"),
    row("NEXT_HOP", "twice, the second other", More("40 03 04 0a6300fe"), BOTH, Discard, "RFC 7606 §3 g"),
    row("NEXT_HOP", "longer than the attributes", Attribute("40 03 05 NH4"), BOTH, Withdraw, "RFC 7606 §4"),
];

pub(super) const LOCAL_PREF: &[Row] = &[
    row("LOCAL_PREF", "missing", Without(5), INTERNAL, Withdraw, "RFC 7606 §3 d"),
    row("LOCAL_PREF", "length 0", Attribute("40 05 00"), INTERNAL, Withdraw, "RFC 7606 §7.5"),
    row("LOCAL_PREF", "length 3", Attribute("40 05 03 000064"), INTERNAL, Withdraw, "RFC 7606 §7.5"),
    row("LOCAL_PREF", "length 5", Attribute("40 05 05 0000006400"), INTERNAL, Withdraw, "RFC 7606 §7.5"),
    row("LOCAL_PREF", "flagged optional", Attribute("c0 05 04 00000064"), INTERNAL, Withdraw, "RFC 7606 §3 c"),
    row("LOCAL_PREF", "flagged non-transitive", Attribute("00 05 04 00000064"), INTERNAL, Withdraw, "RFC 7606 §3 c"),
    row(
        "LOCAL_PREF",
        "extended length for 4 octets",
        Attribute("50 05 0004 00000064"),
        INTERNAL,
        Accept,
        "RFC 4271 §4.3",
    ),
    row("LOCAL_PREF", "twice", More("40 05 04 00000309"), INTERNAL, Discard, "RFC 7606 §3 g"),
    row("LOCAL_PREF", "from an external peer", Attribute("40 05 04 00000309"), EXTERNAL, Discard, "RFC 7606 §7.5"),
    row("LOCAL_PREF", "from an external peer, length 1", Attribute("40 05 01 09"), EXTERNAL, Discard, "RFC 7606 §7.5"),
];

pub(super) const ATOMIC_AGGREGATE: &[Row] = &[
    row("ATOMIC_AGGREGATE", "length 1", Attribute("40 06 01 00"), BOTH, Discard, "RFC 7606 §7.6"),
    row("ATOMIC_AGGREGATE", "flagged optional", Attribute("c0 06 00"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("ATOMIC_AGGREGATE", "flagged non-transitive", Attribute("00 06 00"), BOTH, Withdraw, "RFC 7606 §3 c"),
    row("ATOMIC_AGGREGATE", "extended length for nothing", Attribute("50 06 0000"), BOTH, Accept, "RFC 4271 §4.3"),
    row("ATOMIC_AGGREGATE", "twice", More("40 06 00 40 06 00"), BOTH, Discard, "RFC 7606 §3 g"),
    row("ATOMIC_AGGREGATE", "longer than the attributes", Attribute("40 06 01"), BOTH, Withdraw, "RFC 7606 §4"),
];
