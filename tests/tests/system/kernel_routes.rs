//! The kernel's routes and what peers are told: static ones that are redistributed, and learned ones that are held back
//! until the kernel has taken them.

use anyhow::ensure;
use nva_tests::daemon::Route;
use nva_tests::topology::in_vnet;

use crate::common::between::{BIRD, FRR, NVA, between_bird_and_frr};
use crate::common::{nva_json, route, wait_for, wait_for_routes};

const LEARNED: [&str; 2] = ["10.200.1.0/24", "10.200.2.0/24"];
const FIXED: &str = "10.210.0.0/16";

const TABLES: &str = r#"
[fib]
suppress-until-installed = true

[[policy]]
name = "no-default"
statement = [{ match = { not = { prefixes = "0.0.0.0/0" } }, then = { med = 7, accept = true } }]

[[redistribute]]
protocol = "static"
policy = ["no-default"]
"#;

fn learned(prefix: &str) -> Route {
    route(prefix, in_vnet(BIRD), &[65000, 65100], "nva")
}

#[test]
fn static_routes_are_told_and_learned_ones_when_the_kernel_has_them() {
    let mut lab = between_bird_and_frr("nva", TABLES, &LEARNED);
    let all = LEARNED.map(learned);
    wait_for_routes(&lab, "frr", &all);

    let fixed = format!("{FIXED} via {} proto static", in_vnet(BIRD));
    let nva = lab.namespace("nva").expect("a machine").clone();
    nva.ip(&[&["route", "add"], &fixed.split(' ').collect::<Vec<_>>()[..]].concat()).expect("a static route");
    let with_fixed = [&all[..], &[route(FIXED, in_vnet(NVA), &[65000], "nva")]].concat();
    wait_for_routes(&lab, "frr", &with_fixed);
    let shown = nva_json(&lab, "nva", &["show", "routes", FIXED]).expect("routes");
    let row = &shown["rows"][0];
    assert!(row["source"] == "static" && row["origin"] == "incomplete" && row["med"] == 7, "{shown}");
    nva.ip(&["route", "del", FIXED]).expect("gone");
    wait_for_routes(&lab, "frr", &all);

    // Somebody else takes the place of one of our routes while its peer is away.
    lab.daemon_mut("bird").and_then(|bird| bird.kill()).expect("killed");
    wait_for_routes(&lab, "frr", &[]);
    let (frr, [taken, free]) = (in_vnet(FRR).to_string(), LEARNED);
    nva.ip(&["route", "add", taken, "via", &frr, "metric", "79", "proto", "99"]).expect("a route of the same metric");
    lab.restart("bird").expect("restarted");
    wait_for_routes(&lab, "frr", &[learned(free)]);
    wait_for(&lab, "the reason", || {
        let told = nva_json(&lab, "nva", &["show", "routes", "--advertised-to", "frr", "--all"])?;
        let reason =
            "not in the kernel (suppress-until-installed): another route to 10.200.1.0/24 with metric 79 is there";
        ensure!(told.to_string().contains(reason), "{told}");
        Ok(())
    });
    nva.ip(&["route", "del", taken, "proto", "99"]).expect("gone");
    wait_for_routes(&lab, "frr", &all);
}
