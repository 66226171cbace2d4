//! Route leaks on the wire (RFC 9234 §5): whoever sends a route that is only for customers to its provider, its lateral
//! peer or its route server is not believed, and `nva` says why. Peers that say no role are held to ours.

use nva_tests::wait::seen;

use crate::common::octets::{Identity, announcement_with, numbered};
use crate::common::place::{Place, member};

/// Somebody else, who has marked a route.
const MARKER: u32 = 64_999;

/// What we are to each of them; the last one is told what there is.
const OURS: [&str; 4] = ["provider", "rs", "peer", "provider"];

/// Seconds: nobody is to fall silent in here.
const HOLD_TIME: u16 = 90;

/// `[[peer]]` tables with these roles, beside the crowd's group.
fn peers() -> String {
    let table = |(number, role): (u8, &str)| {
        let Identity { address, asn, .. } = member(number, HOLD_TIME);
        format!(
            "[[peer]]\nname = \"p{number}\"\naddress = \"{address}\"\nasn = {asn}\nmultihop = 2\npassive = true\nrole = \"{role}\"\n\
             import = [\"all\"]\nexport = [\"all\"]\n"
        )
    };
    (1..).zip(OURS).map(table).collect()
}

/// A route that is marked as only to customers (attribute 35), or not marked.
fn route(number: u8, mark: Option<u32>, prefix: u32) -> Vec<u8> {
    let attribute = mark.map(|marker| [&[0xc0, 35, 4][..], &marker.to_be_bytes()].concat());
    let Identity { address, asn, .. } = member(number, HOLD_TIME);
    announcement_with(&attribute.unwrap_or_default(), &[asn], address, &[numbered(prefix)])
}

#[test]
fn a_leak_is_refused_with_its_reason() {
    let place = Place::new(&peers());
    let peers = [1, 2, 3, 4].map(|number| place.peer_with(member(number, HOLD_TIME)));
    peers.iter().for_each(|peer| place.wait_established(peer));

    // Who sends it, how it is marked, and whether it is a leak: a lateral peer may mark what it sends itself. What is
    // fair comes after the leaks, so that these have had their turn when it arrives.
    let own = |number| member(number, HOLD_TIME).asn;
    let sent = [
        (1, Some(MARKER), true),
        (1, Some(own(1)), true),
        (1, None, false),
        (2, Some(MARKER), true),
        (2, None, false),
        (3, Some(MARKER), true),
        (3, None, false),
        (3, Some(own(3)), false),
    ];
    for (prefix, (number, mark, _)) in (0..).zip(sent) {
        let sender = &peers[usize::from(number) - 1];
        sender.send(&route(number, mark, prefix)).expect("the hub reads");
    }

    let fair = (0..).zip(sent).filter(|(_, (.., leak))| !leak).map(|(prefix, _)| numbered(prefix)).collect();
    place.wait("what is fair", || {
        let told = peers[3].log().routes.clone();
        seen(told == fair, || format!("{told:?}"))
    });
    for (prefix, (number, mark, leak)) in (0..).zip(sent) {
        let (network, length) = numbered(prefix);
        let row = place.wait("the routes", || {
            let reply = place.show("routes --all");
            let row = rows(&reply).iter().find(|row| row["prefix"] == format!("{network}/{length}")).cloned();
            row.ok_or_else(|| reply.to_string())
        });
        let marked = format!("route leak: AS {} marked it as only to customers (RFC 9234)", mark.unwrap_or_default());
        assert_eq!(row["source"], format!("p{number}"), "{row}");
        assert_eq!(row["standing"] == "rejected", leak, "{row}");
        assert_eq!(row["reason"] == marked, leak, "{row}");
    }
    peers.iter().for_each(|peer| assert_eq!(peer.log().ended, None, "a leak is no reason to end a session"));
}

fn rows(reply: &serde_json::Value) -> &[serde_json::Value] {
    reply["rows"].as_array().map(Vec::as_slice).unwrap_or_default()
}
