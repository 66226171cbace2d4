//! AS4_PATH and AS4_AGGREGATOR. Where they are to be read, AS_PATH and AGGREGATOR stand beside them with AS_TRANS where
//! the number that needs 4 octets goes: the attributes themselves go no further than the daemon, but what they did
//! shows.

use super::Change::{Attribute, More};
use super::Fate::{Accept, Discard, Withdraw};
use super::{EXTERNAL, Row, TWO_OCTET, row};

pub(super) const PATH: &[Row] = &[
    row("AS4_PATH", "length 0", Attribute("c0 11 00"), TWO_OCTET, Discard, "RFC 6793 §6"),
    row("AS4_PATH", "segment without a number", Attribute("c0 11 02 0200"), TWO_OCTET, Discard, "RFC 6793 §6"),
    row("AS4_PATH", "segment overruns", Attribute("c0 11 06 0202 0000fdea"), TWO_OCTET, Discard, "RFC 6793 §6"),
    row("AS4_PATH", "segment type 5", Attribute("c0 11 06 0501 0000fdea"), TWO_OCTET, Discard, "RFC 6793 §6"),
    row("AS4_PATH", "AS_SET", Attribute("c0 11 0c 0201 AS 0101 MARK"), TWO_OCTET, Withdraw, "RFC 9774 §3"),
    row(
        "AS4_PATH",
        "AS_SET, longer than AS_PATH",
        Attribute("c0 11 14 0203 AS MARK MARK 0101 MARK"),
        TWO_OCTET,
        Withdraw,
        "RFC 9774 §3",
    ),
    // The segment has no place there and is left out; the others count.
    row(
        "AS4_PATH",
        "AS_CONFED_SEQUENCE in front",
        Attribute("PATH2 c0 11 14 0301 0000fdeb 0203 AS WIDE MARK"),
        TWO_OCTET,
        Accept,
        "RFC 6793 §6",
    ),
    row(
        "AS4_PATH",
        "AS_CONFED_SET in front",
        Attribute("PATH2 c0 11 14 0401 0000fdeb 0203 AS WIDE MARK"),
        TWO_OCTET,
        Withdraw,
        "RFC 9774 §3",
    ),
    row("AS4_PATH", "AS 0", Attribute("PATH2 c0 11 0e 0203 AS 00000000 MARK"), TWO_OCTET, Discard, "RFC 7607 §2"),
    row(
        "AS4_PATH",
        "flagged non-transitive",
        Attribute("PATH2 80 11 0e 0203 AS WIDE MARK"),
        TWO_OCTET,
        Withdraw,
        "RFC 7606 §3 c",
    ),
    row(
        "AS4_PATH",
        "flagged well-known",
        Attribute("PATH2 40 11 0e 0203 AS WIDE MARK"),
        TWO_OCTET,
        Withdraw,
        "RFC 7606 §3 c",
    ),
    row(
        "AS4_PATH",
        "Partial bit set",
        Attribute("PATH2 e0 11 0e 0203 AS WIDE MARK"),
        TWO_OCTET,
        Accept,
        "RFC 7606 §3 c",
    ),
    row(
        "AS4_PATH",
        "twice",
        Attribute("PATH2 c0 11 0e 0203 AS WIDE MARK c0 11 0e 0203 AS 00030d42 MARK"),
        TWO_OCTET,
        Discard,
        "RFC 7606 §3 g",
    ),
    row(
        "AS4_PATH",
        "longer than the attributes",
        Attribute("PATH2 c0 11 12 0203 AS WIDE MARK"),
        TWO_OCTET,
        Withdraw,
        "RFC 7606 §4",
    ),
    row("AS4_PATH", "from a 4-octet speaker", Attribute("c0 11 06 0201 0000fdea"), EXTERNAL, Discard, "RFC 6793 §4.1"),
    row(
        "AS4_PATH",
        "from a 4-octet speaker, segment overruns",
        Attribute("c0 11 06 0202 0000fdea"),
        EXTERNAL,
        Discard,
        "RFC 6793 §4.1",
    ),
];

pub(super) const AGGREGATOR: &[Row] = &[
    row("AS4_AGGREGATOR", "length 0", More("AGGREGATOR2 c0 12 00"), TWO_OCTET, Discard, "RFC 6793 §6"),
    row("AS4_AGGREGATOR", "length 6", Attribute("c0 12 06 fdea c0000201"), TWO_OCTET, Discard, "RFC 6793 §6"),
    row("AS4_AGGREGATOR", "AS 0", More("AGGREGATOR2 c0 12 08 00000000 c0000201"), TWO_OCTET, Discard, "RFC 7607 §2"),
    row(
        "AS4_AGGREGATOR",
        "flagged non-transitive",
        More("AGGREGATOR2 80 12 08 WIDE c0000201"),
        TWO_OCTET,
        Withdraw,
        "RFC 7606 §3 c",
    ),
    row(
        "AS4_AGGREGATOR",
        "flagged well-known",
        More("AGGREGATOR2 40 12 08 WIDE c0000201"),
        TWO_OCTET,
        Withdraw,
        "RFC 7606 §3 c",
    ),
    row(
        "AS4_AGGREGATOR",
        "Partial bit set",
        More("AGGREGATOR2 e0 12 08 WIDE c0000201"),
        TWO_OCTET,
        Accept,
        "RFC 7606 §3 c",
    ),
    row(
        "AS4_AGGREGATOR",
        "twice",
        More("AGGREGATOR2 c0 12 08 WIDE c0000201 c0 12 08 WIDE c0000202"),
        TWO_OCTET,
        Discard,
        "RFC 7606 §3 g",
    ),
    row(
        "AS4_AGGREGATOR",
        "longer than the attributes",
        More("AGGREGATOR2 c0 12 09 WIDE c0000201"),
        TWO_OCTET,
        Withdraw,
        "RFC 7606 §4",
    ),
    row(
        "AS4_AGGREGATOR",
        "from a 4-octet speaker",
        Attribute("c0 12 08 0000fdea c0000201"),
        EXTERNAL,
        Discard,
        "RFC 6793 §4.1",
    ),
    row(
        "AS4_AGGREGATOR",
        "from a 4-octet speaker, length 6",
        Attribute("c0 12 06 fdea c0000201"),
        EXTERNAL,
        Discard,
        "RFC 6793 §4.1",
    ),
];
