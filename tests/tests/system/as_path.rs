//! AS numbers at the border, as other daemons see them: peers that believe us to be in another AS, and what of paths is
//! hidden from them.

use nva_tests::daemon::{Kind, Relation};
use nva_tests::topology::{Machine, in_vnet};

use crate::common::custom::Custom;
use crate::common::{lab_of, route, speaker, wait_established, wait_for_routes};

const HUB: u8 = 20;
/// Knows the hub by its `local-as`.
const BIRD: u8 = 30;
/// Knows the hub by the AS that it is in.
const FRR: u8 = 31;
/// Is in the same AS as BIRD.
const TWIN: u8 = 32;

const CONFIGURATION: &str = r#"
[router]
asn = 65000
router-id = "10.13.76.20"
control-socket = "SOCKET"
[[policy]]
name = "all"
statement = [{ then = { accept = true } }]
[[peer-group]]
name = "sites"
import = ["all"]
export = ["all"]
connect-retry = 1
local-as = { asn = 65010, replace = true, dual = true }
[[peer]]
name = "bird"
group = "sites"
address = "10.13.76.30"
asn = 65101
[[peer]]
name = "frr"
group = "sites"
address = "10.13.76.31"
asn = 3356
remove-private-as = true
[[peer]]
name = "twin"
group = "sites"
address = "10.13.76.32"
asn = 65101
local-as = false
as-override = true
[fib]
install = false
"#;

#[test]
fn each_peer_sees_the_numbers_that_are_meant_for_it() {
    let machine = |name: &str, last: u8, kind, asn, hub, network: &str| {
        let router = speaker(asn, last, &[network]).peer("hub", hub, in_vnet(HUB), Relation::Router);
        Machine::new(name, in_vnet(last)).running(kind, router)
    };
    let [of_bird, of_frr, of_twin] = ["203.0.113.0/26", "203.0.113.64/26", "203.0.113.128/26"];
    let lab = lab_of(vec![
        Machine::new("hub", in_vnet(HUB)),
        machine("bird", BIRD, Kind::Bird2, 65101, 65010, of_bird),
        machine("frr", FRR, Kind::Frr, 3356, 65000, of_frr),
        machine("twin", TWIN, Kind::Nva, 65101, 65000, of_twin),
    ]);
    let hub = Custom::start(&lab, "hub", CONFIGURATION);
    wait_established(&lab, &["bird", "frr", "twin"]);
    for (peer, asn) in [("bird", "65010"), ("frr", "65000"), ("twin", "65000")] {
        let row = hub.peer(peer).expect("a peer");
        assert_eq!(row["local_asn"], asn, "{row}");
    }
    // The routes are BIRD's and FRR's own decision: a loop would not be among them.
    wait_for_routes(&lab, "bird", &[route(of_frr, in_vnet(FRR), &[65010, 3356], "hub")]);
    wait_for_routes(
        &lab,
        "frr",
        &[route(of_bird, in_vnet(BIRD), &[65000], "hub"), route(of_twin, in_vnet(TWIN), &[65000], "hub")],
    );
    wait_for_routes(
        &lab,
        "twin",
        &[
            route(of_bird, in_vnet(BIRD), &[65000, 65010, 65000], "hub"),
            route(of_frr, in_vnet(FRR), &[65000, 3356], "hub"),
        ],
    );
    let shown = hub.tell(&["show", "peers", "bird"]).expect("shown");
    assert!(shown.contains("our AS           65010"), "{shown}");
}
