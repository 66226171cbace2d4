//! UPDATE messages with something wrong in them: RFC 7606, clause by clause.

use super::*;
use crate::attributes::PathAttributes;

const ORIGIN: &str = "40 01 01 00";
const AS_PATH: &str = "40 02 06 0201 0000fde8";
const NEXT_HOP: &str = "40 03 04 c0000201";
const LOCAL_PREF: &str = "40 05 04 00000064";
const NLRI: &str = "18 cb0071";
const REACH: &str = "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8";

/// What is to become of a message that announces 203.0.113.0/24.
enum Fate {
    /// The route stays, the attribute of this type is discarded.
    Discard(u8),
    /// The route is withdrawn because of the attribute of this type.
    Withdraw(u8),
    /// The session ends, with this subcode of UPDATE Message Error and this data.
    Reset(u8, &'static str),
}
use Fate::{Discard, Reset, Withdraw};

fn assert_fate(context: &CodecContext, attributes: &[&str], fate: Fate) {
    let octets = update_message("", attributes, NLRI);
    let what = attributes.join(" | ");
    let result = decode_update(&octets, context);
    match (fate, result) {
        (Discard(kind), Ok(update)) => {
            assert_eq!(update.announced.len(), 1, "{what}");
            assert_eq!(treatments(&update), [(Some(kind), Treatment::AttributeDiscard)], "{what}");
        }
        (Withdraw(kind), Ok(update)) => {
            assert_eq!(update.withdrawn, prefixes(&["203.0.113.0/24"]), "{what}");
            assert_eq!((update.announced.len(), &update.attributes), (0, &PathAttributes::default()), "{what}");
            assert_eq!(treatments(&update), [(Some(kind), Treatment::TreatAsWithdraw)], "{what}");
        }
        (Reset(subcode, data), Err(error)) => {
            let notification = error.notification();
            assert_eq!(
                (notification.code, notification.subcode, &*notification.data),
                (3, subcode, &*hex(data)),
                "{what}"
            );
        }
        (Discard(_) | Withdraw(_), Err(error)) => panic!("{what}: {error}"),
        (Reset(..), Ok(update)) => panic!("{what}: {update:?}"),
    }
}

fn treatments(update: &Update) -> Vec<(Option<u8>, Treatment)> {
    update.faults.iter().map(|fault| (fault.attribute, fault.treatment)).collect()
}

fn reset(octets: &[u8], context: &CodecContext) -> (u8, u8, Vec<u8>) {
    let notification = decode_update(octets, context).expect_err("a reset").notification();
    (notification.code, notification.subcode, notification.data.into_vec())
}

#[test]
fn mandatory_attributes_that_are_missing() {
    // RFC 7606 §3 d.
    assert_fate(&external(), &[AS_PATH, NEXT_HOP], Withdraw(1));
    assert_fate(&external(), &[ORIGIN, NEXT_HOP], Withdraw(2));
    assert_fate(&external(), &[ORIGIN, AS_PATH], Withdraw(3));
    assert_fate(&internal(), &[ORIGIN, AS_PATH, NEXT_HOP], Withdraw(5));
}

#[test]
fn flags_that_do_not_suit_the_type() {
    // RFC 7606 §3 c.
    for flags in ["00", "80", "c0"] {
        assert_fate(&external(), &[&format!("{flags} 01 01 00"), AS_PATH, NEXT_HOP], Withdraw(1));
        assert_fate(&external(), &[ORIGIN, AS_PATH, &format!("{flags} 03 04 c0000201")], Withdraw(3));
    }
    let good = [ORIGIN, AS_PATH, NEXT_HOP];
    let with = |attribute: &'static str| [&good[..], &[attribute]].concat();
    assert_fate(&external(), &with("c0 04 04 00000001"), Withdraw(4));
    assert_fate(&external(), &with("80 06 00"), Withdraw(6));
    assert_fate(&external(), &with("80 07 08 00010000 c0000201"), Withdraw(7));
    assert_fate(&external(), &with("40 08 04 00010001"), Withdraw(8));
    assert_fate(&external(), &with("80 10 08 0002fde800000064"), Withdraw(16));
    assert_fate(&external(), &with("40 20 0c 0000fde80000000100000002"), Withdraw(32));
    assert_fate(&internal(), &[ORIGIN, AS_PATH, NEXT_HOP, "c0 05 04 00000064"], Withdraw(5));
    assert_fate(&internal(), &[ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, "40 09 04 01010101"], Withdraw(9));
    // The Partial bit and the lower four are not looked at.
    let update = update_message("", &["6f 01 01 00", AS_PATH, NEXT_HOP], NLRI);
    assert_eq!(decode_update(&update, &external()).expect("well formed").faults, []);
}

#[test]
fn values_that_are_malformed() {
    let withdraw = |attribute: &'static str, kind: u8| {
        let good = [(1, ORIGIN), (2, AS_PATH), (3, NEXT_HOP), (5, LOCAL_PREF)];
        let others = good.iter().filter(|(other, _)| *other != kind).map(|(_, octets)| *octets);
        let attributes: Vec<&str> = others.chain([attribute]).collect();
        (attributes, kind)
    };
    let internal_table = [
        // RFC 7606 §7.1.
        withdraw("40 01 00", 1),
        withdraw("40 01 02 0000", 1),
        withdraw("40 01 01 03", 1),
        // RFC 7606 §7.2: type, length, overrun, octet left over; RFC 7607 §2.
        withdraw("40 02 06 0501 0000fde8", 2),
        withdraw("40 02 06 0001 0000fde8", 2),
        withdraw("40 02 02 0200", 2),
        withdraw("40 02 06 0202 0000fde8", 2),
        withdraw("40 02 07 0201 0000fde8 02", 2),
        withdraw("40 02 06 0201 00000000", 2),
        // RFC 7606 §7.3; RFC 4271 §6.3.
        withdraw("40 03 03 c00002", 3),
        withdraw("40 03 05 c000020100", 3),
        withdraw("40 03 04 00000000", 3),
        withdraw("40 03 04 7f000001", 3),
        withdraw("40 03 04 e0000001", 3),
        withdraw("40 03 04 ffffffff", 3),
        // RFC 7606 §7.4, §7.5.
        withdraw("80 04 03 000001", 4),
        withdraw("40 05 05 0000000001", 5),
        // RFC 7606 §7.8.
        withdraw("c0 08 00", 8),
        withdraw("c0 08 05 0001000100", 8),
        // RFC 7606 §7.14; RFC 8092 §6.
        withdraw("c0 10 00", 16),
        withdraw("c0 10 07 0002fde8000000", 16),
        withdraw("c0 10 0c 0002fde800000064 00000000", 16),
        withdraw("c0 20 00", 32),
        withdraw("c0 20 08 0000fde800000001", 32),
        withdraw("c0 20 0d 0000fde80000000100000002 00", 32),
        // RFC 9234 §5.
        withdraw("c0 23 00", 35),
        withdraw("c0 23 03 00fde8", 35),
        withdraw("c0 23 05 0000fde800", 35),
        withdraw("80 23 04 0000fde8", 35),
        // RFC 7606 §7.9, §7.10.
        withdraw("80 09 05 0101010101", 9),
        withdraw("80 0a 00", 10),
        withdraw("80 0a 06 010101010101", 10),
    ];
    for (attributes, kind) in internal_table {
        assert_fate(&internal(), &attributes, Withdraw(kind));
    }
    // RFC 5065 §5.
    assert_fate(&external(), &[ORIGIN, NEXT_HOP, "40 02 06 0301 0000fde8"], Withdraw(2));
    assert_fate(&external(), &[ORIGIN, NEXT_HOP, "40 02 06 0401 0000fde8"], Withdraw(2));
}

#[test]
fn attributes_that_are_discarded() {
    let with = |attribute: &'static str| [ORIGIN, AS_PATH, NEXT_HOP, attribute];
    // RFC 7606 §7.6, §7.7; RFC 7607 §2.
    assert_fate(&external(), &with("40 06 01 00"), Discard(6));
    assert_fate(&external(), &with("c0 07 06 0001 c0000201"), Discard(7));
    assert_fate(&external(), &with("c0 07 08 00000000 c0000201"), Discard(7));
    // RFC 7606 §7.5, §7.9, §7.10: whatever their value.
    assert_fate(&external(), &with("40 05 04 00000064"), Discard(5));
    assert_fate(&external(), &with("40 05 01 00"), Discard(5));
    assert_fate(&external(), &with("80 09 04 01010101"), Discard(9));
    assert_fate(&external(), &with("80 0a 04 01010101"), Discard(10));
    // RFC 6793 §4.1.
    assert_fate(&external(), &with("c0 11 06 0201 0000fde8"), Discard(17));
    assert_fate(&external(), &with("c0 12 08 0000fde8 c0000201"), Discard(18));
    // RFC 6793 §6.
    let with = |attribute: &'static str| [ORIGIN, "40 02 04 0201 5ba0", NEXT_HOP, attribute];
    for malformed in
        ["c0 11 00", "c0 11 02 0200", "c0 11 05 0201 000001", "c0 11 06 0501 0000fde8", "c0 11 06 0201 00000000"]
    {
        assert_fate(&two_octet(), &with(malformed), Discard(17));
    }
    assert_fate(&two_octet(), &with("c0 12 06 fde8 c0000201"), Discard(18));
    assert_fate(&two_octet(), &with("c0 07 08 0000fde8 c0000201"), Discard(7));
}

#[test]
fn repetitions() {
    // RFC 7606 §3 g: the first one counts.
    assert_fate(&external(), &[ORIGIN, "40 01 01 09", AS_PATH, NEXT_HOP], Discard(1));
    assert_fate(&external(), &[ORIGIN, AS_PATH, NEXT_HOP, "c0 64 00", "c0 64 01 00"], Discard(0x64));
    assert_fate(&external(), &[REACH, REACH, ORIGIN, AS_PATH, NEXT_HOP], Reset(1, ""));
    let unreach = "80 0f 03 0002 01";
    assert_fate(&external(), &[unreach, unreach, ORIGIN, AS_PATH, NEXT_HOP], Reset(1, ""));
}

#[test]
fn attributes_that_run_over_their_field() {
    // RFC 7606 §4: the NLRI is where the total length says.
    assert_fate(&external(), &[ORIGIN, AS_PATH, "40 03 05 c0000201"], Withdraw(3));
    let octets = update_message("", &[ORIGIN, AS_PATH, NEXT_HOP, "80 04"], NLRI);
    let update = decode_update(&octets, &external()).expect("no reset");
    assert_eq!(update.withdrawn, prefixes(&["203.0.113.0/24"]));
    assert_eq!(update.faults[0].problem, AttributeProblem::TruncatedHeader);
    assert_eq!(update.faults[0].offset, 23 + 4 + 9 + 7);
    // What would have said more routes cannot be withdrawn.
    assert_fate(&external(), &[ORIGIN, AS_PATH, NEXT_HOP, "80 0e 05 0002 01"], Reset(9, "80 0e 05 0002 01"));
    assert_fate(&external(), &[ORIGIN, AS_PATH, NEXT_HOP, "90 0f 00"], Reset(1, ""));
}

#[test]
fn multiprotocol_attributes_that_cannot_be_read() {
    // RFC 7606 §5.3, §7.11, §7.12; RFC 4760 §7. Each is the data of the NOTIFICATION.
    let table = [
        "80 0e 04 0002 01 10",
        "80 0e 05 0002 01 10 20",
        // A next hop of 15 and of 4 octets for IPv6, of 16 for IPv4.
        "80 0e 14 0002 01 0f 20010db80000000000000000000000 00",
        "80 0e 09 0002 01 04 c0000201 00",
        "80 0e 15 0001 01 10 20010db8000000000000000000000001 00",
        // A prefix that is too long, and one that is cut.
        "80 0e 17 0002 01 10 20010db8000000000000000000000001 00 81 20",
        "80 0e 17 0002 01 10 20010db8000000000000000000000001 00 20 20",
        "80 0f 02 0002",
        "80 0f 05 0002 01 81 20",
        "80 0f 05 0002 01 20 20",
    ];
    for attribute in table {
        assert_fate(&external(), &[ORIGIN, AS_PATH, NEXT_HOP, attribute], Reset(9, attribute));
    }
}

/// A session that gives up a family rather than itself.
fn disabling() -> CodecContext {
    CodecContext { disable_families: true, ..external() }
}

#[test]
fn a_family_that_cannot_be_read_is_disabled_and_the_rest_is_taken() {
    let next_hop = "20010db8000000000000000000000001";
    let unreadable = [
        "80 0e 03 0002 01".to_owned(),
        "80 0e 04 0002 01 10".to_owned(),
        format!("80 0e 14 0002 01 10 {next_hop}"),
        format!("80 0e 15 0002 01 0f {next_hop} 00"),
        "80 0e 05 0002 01 00 00".to_owned(),
        format!("80 0e 16 0002 01 10 {next_hop} 00 81"),
        format!("80 0e 17 0002 01 10 {next_hop} 00 20 20"),
        format!("c0 0e 17 0002 01 10 {next_hop} 00 20 20"),
        "80 0f 04 0002 01 81".to_owned(),
        "80 0f 05 0002 01 20 20".to_owned(),
    ];
    for attribute in &unreadable {
        let octets = update_message("10 0a00", &[attribute, ORIGIN, AS_PATH, NEXT_HOP], NLRI);
        assert_eq!(reset(&octets, &external()).1, 9, "{attribute}: RFC 4760 §7");
        // Alone in its session it takes that with it: a session that carries nothing helps nobody.
        let only = CodecContext { families: vec![AfiSafi::Ipv6Unicast], ..disabling() };
        assert_eq!(reset(&octets, &only).1, 9, "{attribute}");
        let update = decode_update(&octets, &disabling()).expect("IPv4 is left");
        assert_eq!(update.disabled, [AfiSafi::Ipv6Unicast], "{attribute}");
        assert!(treatments(&update).iter().any(|(_, treatment)| *treatment == Treatment::FamilyDisable), "{attribute}");
        let announced: Vec<Prefix> = update.announced.into_iter().flat_map(|one| one.prefixes).collect();
        let flags_suit = attribute.starts_with("80");
        let (withdrawn, left) = if flags_suit {
            (prefixes(&["10.0.0.0/16"]), prefixes(&["203.0.113.0/24"]))
        } else {
            (prefixes(&["10.0.0.0/16", "203.0.113.0/24"]), Vec::new())
        };
        assert_eq!((update.withdrawn, announced), (withdrawn, left), "{attribute}");
        // Once disabled, it is ignored, whatever it is.
        let disabled = CodecContext { families: vec![AfiSafi::Ipv4Unicast], ..disabling() };
        let update = decode_update(&octets, &disabled).expect("ignored");
        assert_eq!((update.disabled, update.announced.len()), (vec![], flags_suit.into()), "{attribute}");
    }
}

#[test]
fn what_disables_no_family() {
    // Whose family it is cannot be read; it runs over its field; it is there twice (RFC 7606 §3 g).
    let repeated = [REACH, REACH].concat();
    for (attribute, subcode) in
        [("80 0e 00", 9), ("80 0e 02 0002", 9), ("80 0f 02 0002", 9), ("80 0e 40 0002 01 10", 9), (&repeated, 1)]
    {
        let octets = update_message("", &[ORIGIN, AS_PATH, NEXT_HOP, attribute], NLRI);
        assert_eq!(reset(&octets, &disabling()).1, subcode, "{attribute}");
    }
    // One after the other, until none is left.
    let (v4, v6) = ("80 0f 04 0001 01 21", "80 0e 04 0002 01 10");
    let octets = update_message("", &[v4, v6, ORIGIN, AS_PATH], "");
    assert_eq!(reset(&octets, &disabling()).1, 9);
    // IPv4 in a multiprotocol attribute is the same family as in the fields of the message.
    let octets = update_message("10 0a00", &[v4, REACH, ORIGIN, AS_PATH], NLRI);
    let update = decode_update(&octets, &disabling()).expect("IPv6 is left");
    let announced: Vec<Prefix> = update.announced.into_iter().flat_map(|one| one.prefixes).collect();
    assert_eq!((update.disabled, update.withdrawn), (vec![AfiSafi::Ipv4Unicast], vec![]));
    assert_eq!(announced, prefixes(&["2001:db8::/32"]), "and NEXT_HOP is needed by nothing");
}

#[test]
fn multiprotocol_attributes_that_can_be_read_but_not_used() {
    // RFC 7606 §3 c: the flags are wrong, the routes are there.
    let flags = REACH.replacen("80", "c0", 1);
    let next_hop = REACH.replacen("20010db8000000000000000000000001", "ff020000000000000000000000000001", 1);
    for reach in [flags, next_hop] {
        let octets = update_message("", &[&reach, ORIGIN, AS_PATH], "");
        let update = decode_update(&octets, &external()).expect("no reset");
        assert_eq!((update.withdrawn, update.announced), (prefixes(&["2001:db8::/32"]), vec![]));
    }
    let octets = update_message("", &["c0 0f 08 0002 01 20 20010db8"], "");
    let update = decode_update(&octets, &external()).expect("a withdrawal is one anyway");
    assert_eq!(update.withdrawn, prefixes(&["2001:db8::/32"]));
}

#[test]
fn next_hop_does_not_matter_beside_mp_reach_alone() {
    // RFC 4760 §3.
    let octets = update_message("", &[REACH, ORIGIN, AS_PATH, "40 03 01 00"], "");
    let update = decode_update(&octets, &external()).expect("well formed");
    assert_eq!((update.announced.len(), update.faults), (1, vec![]));
    let octets = update_message("", &[REACH, ORIGIN, AS_PATH, "40 03 01 00"], NLRI);
    let update = decode_update(&octets, &external()).expect("no reset");
    assert_eq!(update.withdrawn, prefixes(&["203.0.113.0/24", "2001:db8::/32"]));
}

#[test]
fn without_a_route_to_withdraw_the_session_is_reset() {
    // RFC 7606 §5.2.
    let bad = "40 01 01 07";
    assert_eq!(reset(&update_message("", &[bad], ""), &external()), (3, 6, hex(bad)));
    assert_eq!(
        reset(&update_message("10 0a00", &[AS_PATH, "40 03 04 00000000"], ""), &external()),
        (3, 8, hex("40 03 04 00000000"))
    );
    assert_eq!(reset(&update_message("", &["80 0f 03 0002 01", bad], ""), &external()), (3, 6, hex(bad)));
    assert_eq!(reset(&update_message("", &["c0 08 01 00"], ""), &external()), (3, 5, hex("c0 08 01 00")));
    assert_eq!(reset(&update_message("", &["40 02 01 02"], ""), &external()), (3, 11, vec![]));
    assert_eq!(reset(&update_message("", &["80 04 04 00"], ""), &external()), (3, 5, hex("80 04 04 00")));
    assert_eq!(reset(&update_message("", &["80 01 01 00"], ""), &external()), (3, 4, hex("80 01 01 00")));
    // What is only discarded does no harm, and neither does a mandatory attribute that nothing needs.
    let update = decode_update(&update_message("10 0a00", &["40 06 01 00"], ""), &external()).expect("no reset");
    assert_eq!(update.withdrawn, prefixes(&["10.0.0.0/16"]));
}

#[test]
fn an_unknown_well_known_attribute_resets_the_session() {
    assert_fate(&external(), &[ORIGIN, AS_PATH, NEXT_HOP, "40 64 01 aa"], Reset(2, "40 64 01 aa"));
    assert_fate(&external(), &["00 64 00", ORIGIN, AS_PATH, NEXT_HOP], Reset(2, "00 64 00"));
}

#[test]
fn fields_that_are_longer_than_the_message() {
    // RFC 7606 §3 a.
    for body in ["0001 0000", "0000 0001", "ffff 0000", "0000 ffff", "0002 0000 00", "0001 00 00 01"] {
        assert_eq!(reset(&message(2, &hex(body)), &external()), (3, 1, vec![]), "{body}");
    }
}

#[test]
fn prefixes_that_cannot_be_read() {
    // RFC 7606 §3 i and j, §5.3.
    for bad in ["21 cb007100", "18 cb00", "ff"] {
        assert_eq!(reset(&update_message(bad, &[], ""), &external()), (3, 10, vec![]), "withdrawn {bad}");
        let octets = update_message("", &[ORIGIN, AS_PATH, NEXT_HOP], bad);
        assert_eq!(reset(&octets, &external()), (3, 10, vec![]), "announced {bad}");
    }
}

#[test]
fn the_strongest_treatment_wins() {
    // RFC 7606 §3 h.
    let octets = update_message("", &["40 01 01 07", AS_PATH, NEXT_HOP, "40 06 01 00"], NLRI);
    let update = decode_update(&octets, &external()).expect("no reset");
    assert_eq!(treatments(&update), [(Some(1), Treatment::TreatAsWithdraw), (Some(6), Treatment::AttributeDiscard)]);
    assert_eq!(update.announced, []);
    assert_eq!(reset(&update_message("", &["40 01 01 07", "40 64 00"], NLRI), &external()), (3, 2, hex("40 64 00")));
}

#[test]
fn faults_are_told_with_their_place() {
    let octets = update_message("", &[ORIGIN, AS_PATH, "40 03 04 7f000001"], NLRI);
    let update = decode_update(&octets, &external()).expect("no reset");
    assert_eq!(
        update.faults[0].to_string(),
        "NEXT_HOP at offset 36: next hop 127.0.0.1 is not the address of a host (treated as withdraw)"
    );
    let octets = update_message("", &["80 0e 17 0002 01 10 20010db8000000000000000000000001 00 81 20"], "");
    let error = decode_update(&octets, &external()).expect_err("a reset");
    assert_eq!(
        error.to_string(),
        "UPDATE, MP_REACH_NLRI at offset 47: prefix length 129 is too long for ipv6-unicast (session reset)"
    );
}

#[test]
fn repetitions_without_end_do_not_fill_the_memory() {
    let attributes = vec!["c0 64 00"; 1300];
    let octets = update_message("", &[&[ORIGIN, AS_PATH, NEXT_HOP][..], &attributes].concat(), NLRI);
    let update = decode_update(&octets, &external()).expect("no reset");
    assert!(update.faults.len() <= 32, "{} faults", update.faults.len());
    // And those in front do not hide why the route is gone.
    let octets = update_message("", &[&attributes[..], &[ORIGIN, AS_PATH]].concat(), NLRI);
    let update = decode_update(&octets, &external()).expect("no reset");
    assert!(treatments(&update).contains(&(Some(3), Treatment::TreatAsWithdraw)));
}
