//! What is around the attributes: their list, and the fields of the message.

use super::Change::{Lengths, More, Nlri, NoRoute, Withdrawn};
use super::Fate::{Reset, Withdraw};
use super::{BOTH, Row, row};

pub(super) const FRAMING: &[Row] = &[
    row("attribute list", "ends with 1 octet", More("80"), BOTH, Withdraw, "RFC 7606 §4"),
    row("attribute list", "ends with 2 octets", More("80 04"), BOTH, Withdraw, "RFC 7606 §4"),
    row("attribute list", "ends within an extended length", More("90 04 00"), BOTH, Withdraw, "RFC 7606 §4"),
    row("attribute list", "unknown attribute overruns", More("c0 64 02 aa"), BOTH, Withdraw, "RFC 7606 §4"),
    row("attribute list", "extended length overruns", More("d0 08 1000 fdea0001"), BOTH, Withdraw, "RFC 7606 §4"),
    row("attribute list", "malformed ORIGIN and no route", NoRoute("40 01 01 07"), BOTH, Reset(6), "RFC 7606 §5.2"),
    row(
        "attribute list",
        "malformed COMMUNITIES and no route",
        NoRoute("c0 08 03 fdea00"),
        BOTH,
        Reset(5),
        "RFC 7606 §5.2",
    ),
];

pub(super) const FIELDS: &[Row] = &[
    row("Total Path Attribute Length", "beyond the message", Lengths(0, 1000), BOTH, Reset(1), "RFC 7606 §3 a"),
    row("Withdrawn Routes Length", "beyond the message", Lengths(1000, 0), BOTH, Reset(1), "RFC 7606 §3 a"),
    row("Withdrawn Routes", "prefix of 33 bits", Withdrawn("21 6440000080"), BOTH, Reset(10), "RFC 7606 §5.3"),
    row("Withdrawn Routes", "prefix overruns", Withdrawn("18 6440"), BOTH, Reset(10), "RFC 7606 §5.3"),
    row("NLRI", "prefix of 33 bits", Nlri("21 6440000080"), BOTH, Reset(10), "RFC 7606 §5.3"),
    row("NLRI", "prefix of 255 bits", Nlri("ff"), BOTH, Reset(10), "RFC 7606 §5.3"),
    row("NLRI", "prefix overruns", Nlri("18 6440"), BOTH, Reset(10), "RFC 7606 §5.3"),
];
