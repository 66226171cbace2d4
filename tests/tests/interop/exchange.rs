//! The whole life of a session: routes both ways, withdrawals both ways, keepalives.

use anyhow::ensure;
use nva_tests::daemon::{Family, Kind, Route};

use crate::common::capture::Captured;
use crate::common::route;
use crate::scene::{Cast, NVA_ASN, OTHER_ASN, Scene, from_nva, next_hop_of, prefix};

/// What both originate of one family.
struct Prefixes {
    nva: &'static str,
    /// An address on its loopback, which goes.
    nva_withdraws: &'static str,
    other: &'static str,
    other_withdraws: &'static str,
}

fn prefixes(family: Family) -> Prefixes {
    match family {
        Family::Ipv4 => Prefixes {
            nva: "198.51.100.0/25",
            nva_withdraws: "203.0.113.1/32",
            other: "192.0.2.0/24",
            other_withdraws: "198.51.100.129/32",
        },
        Family::Ipv6 => Prefixes {
            nva: "2001:db8:1::/48",
            nva_withdraws: "2001:db8:1:1::1/128",
            other: "2001:db8:2::/48",
            other_withdraws: "2001:db8:2:1::1/128",
        },
    }
}

/// Over a session on `over`, for `families`.
pub fn exchange(kind: Kind, over: Family, families: &[Family]) {
    let prefixes: Vec<Prefixes> = families.iter().map(|family| prefixes(*family)).collect();
    let mut cast = Cast::new(kind, over, families);
    cast.nva.networks = prefixes.iter().map(|prefixes| prefix(prefixes.nva)).collect();
    cast.other.networks = prefixes.iter().map(|prefixes| prefix(prefixes.other)).collect();
    let both = |prefixes: &Prefixes| [("nva", prefixes.nva_withdraws), ("other", prefixes.other_withdraws)];
    let mut scene = cast.start(&prefixes.iter().flat_map(both).collect::<Vec<_>>());
    let all = |pick: fn(&Prefixes) -> Vec<Route>| prefixes.iter().flat_map(pick).collect::<Vec<_>>();
    let usable = |route: &Route| Family::of(route.prefix.addr()) == over || kind.tells_ipv6_over(over);
    let told = |pick| all(pick).into_iter().filter(usable).collect::<Vec<_>>();
    scene.wait_for_routes("other", all(|it| vec![from_us(it.nva), from_us(it.nva_withdraws)]));
    scene.wait_for_routes("nva", told(|it| vec![from_other(it.other), from_other(it.other_withdraws)]));

    for prefixes in &prefixes {
        scene.daemon("nva").withdraw(prefix(prefixes.nva_withdraws)).expect("withdrawn");
        scene.daemon("other").withdraw(prefix(prefixes.other_withdraws)).expect("withdrawn");
    }
    scene.wait_for_routes("other", all(|it| vec![from_us(it.nva)]));
    scene.wait_for_routes("nva", told(|it| vec![from_other(it.other)]));

    let since = messages_in(&scene);
    scene.wait_for("two keepalives after all that", || {
        let now = messages_in(&scene);
        ensure!(now >= since + 2, "{} messages", now - since);
        Ok(())
    });

    let peer = scene.nva_peer().expect("the peer");
    assert_eq!(peer["state"], "Established", "{peer}");
    let all_usable = all(|it| vec![from_other(it.other)]).iter().all(usable);
    assert_eq!(peer["malformed_updates"] == 0, all_usable, "{peer}");
    let captured = scene.well_formed();
    spoke(&captured);
    captured.never_down();
}

fn from_other(text: &str) -> Route {
    route(text, next_hop_of("other", text), &[OTHER_ASN], "other")
}

fn from_us(text: &str) -> Route {
    route(text, next_hop_of("nva", text), &[NVA_ASN], "nva")
}

fn messages_in(scene: &Scene) -> u64 {
    scene.nva_peer().ok().and_then(|peer| peer["messages_in"].as_u64()).expect("a count")
}

/// `nva` sent each type of message.
fn spoke(captured: &Captured) {
    let (open, update, keepalive) = (1, 2, 4);
    for (number, least) in [(open, 1), (update, 2), (keepalive, 2)] {
        let count = captured.packets(&format!("{} && bgp.type == {number}", from_nva())).len();
        assert!(count >= least, "{count} packets with messages of type {number} among {:#?}", captured.packets("tcp"));
    }
}
