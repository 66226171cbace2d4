//! What a busy hub owes to a peer that is quiet: KEEPALIVEs on time, and its routes.

use std::net::Ipv4Addr;
use std::time::Duration;

use nva_tests::wait::seen;

use crate::common::octets::{Identity, announcement, numbered, withdrawal};
use crate::common::place::{Place, member};
use crate::common::raw::Raw;
use crate::turn;

/// Short, so that a late KEEPALIVE is seen soon.
const HOLD_TIME: u16 = 9;

/// How late a KEEPALIVE may be: it is due after a third of the hold time at most (RFC 4271 §4.4).
const MARGIN: Duration = Duration::from_secs(1);

/// The table that one peer sends.
const ROUTES: u32 = 200_000;

/// Peers that are told all of it.
const LISTENERS: u8 = 20;

/// Not a member of the crowd's group: it is told nothing, and so hears only KEEPALIVEs.
const QUIET: Ipv4Addr = Ipv4Addr::new(10, 13, 72, 200);

fn keys() -> String {
    format!(
        "hold-time = {HOLD_TIME}\n[[peer]]\nname = \"quiet\"\naddress = \"{QUIET}\"\nasn = 65200\nmultihop = 2\n\
         passive = true\nhold-time = {HOLD_TIME}\n"
    )
}

/// The first `ROUTES` of the numbered prefixes, 200 to a message, with a thousand different paths.
fn send_table(from: &Raw, origin: u32) {
    for first in (0..ROUTES).step_by(200) {
        let prefixes: Vec<_> = (first..first + 200).map(numbered).collect();
        let path = [from.identity.asn, origin, 100_000 + first % 1000];
        from.send(&announcement(&path, from.identity.address, &prefixes)).expect("the hub reads");
    }
}

fn check(phase: &str, quiet: &Raw) {
    let gap = quiet.take_longest_gap();
    println!("{phase}: at most {gap:?} without a KEEPALIVE");
    assert_eq!(quiet.log().ended, None, "{phase}");
    assert!(gap <= Duration::from_secs(u64::from(HOLD_TIME)) / 3 + MARGIN, "{phase}: {gap:?} without a KEEPALIVE");
}

#[test]
fn keepalives_are_on_time_whatever_there_is_to_decide() {
    let _turn = turn();
    let place = Place::new(&keys());
    let quiet = place.peer_with(Identity { address: QUIET, asn: 65200, hold_time: HOLD_TIME, extended: false });
    let member = |last| place.peer_with(member(last, HOLD_TIME));
    let listeners: Vec<Raw> = (1..=LISTENERS).map(member).collect();
    let feeder = member(LISTENERS + 1);
    listeners.iter().chain([&feeder, &quiet]).for_each(|peer| place.wait_established(peer));
    check("sessions come up", &quiet);
    let all = usize::try_from(ROUTES).expect("a number");
    let wait_for = |what: &str, goal: usize, of: fn(&Raw) -> usize| {
        let (least, most) = (|| listeners.iter().map(of).min(), || listeners.iter().map(of).max());
        place.wait(what, || seen(least() >= Some(goal), || format!("{:?} to {:?} of {goal}", least(), most())));
    };
    send_table(&feeder, 65_010);
    wait_for("the table", all, |peer| peer.log().announced);
    check("a table comes in and goes out to many", &quiet);
    place.reload("then = { med = 7, accept = true }", &keys());
    wait_for("the table with the new policy", 2 * all, |peer| peer.log().announced);
    check("a policy changes", &quiet);
    send_table(&feeder, 65_011);
    for first in (0..ROUTES).step_by(500) {
        let prefixes: Vec<_> = (first..first + 500).map(numbered).collect();
        feeder.send(&withdrawal(&prefixes)).expect("the hub reads");
    }
    wait_for("the withdrawals", 1, |peer| usize::from(peer.log().routes.is_empty()));
    check("a table changes and is withdrawn", &quiet);
    println!("memory: {} KiB", place.memory());
}
