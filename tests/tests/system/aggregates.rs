//! Aggregates between real daemons: BIRD announces the parts, FRR is told of the whole.

use std::fs;

use anyhow::ensure;
use nva_tests::lab::Lab;
use nva_tests::topology::in_vnet;

use crate::common::between::{self, between_bird_and_frr};
use crate::common::{logs, nva_json, nva_text, route, wait_for, wait_for_routes};

const PARTS: [&str; 2] = ["10.200.1.0/24", "10.200.2.0/24"];
const WHOLE: &str = "10.200.0.0/16";

const AGGREGATE: &str = "[[aggregate]]\nprefix = \"10.200.0.0/16\"\nsummary-only = true\n";

fn through_hub(prefix: &str, behind: &[u32]) -> nva_tests::daemon::Route {
    // The parts keep the next hop that is on the subnet of all three.
    let next_hop = if behind.is_empty() { between::NVA } else { between::BIRD };
    route(prefix, in_vnet(next_hop), &[&[65000], behind].concat(), "hub")
}

/// What the hub's kernel does with packets for an address of the whole that is in no part.
fn wait_for_kernel(lab: &Lab, kind: &str) {
    wait_for(lab, &format!("10.200.99.1 to be {kind}"), || {
        let explained = nva_json(lab, "hub", &["explain", "10.200.99.1"])?;
        ensure!(explained["kernel"]["kind"] == kind, "{explained}");
        Ok(())
    });
}

#[test]
fn the_whole_is_told_while_a_part_is_there() {
    let mut lab = between_bird_and_frr("hub", AGGREGATE, &PARTS);
    wait_for_routes(&lab, "frr", &[through_hub(WHOLE, &[])]);
    wait_for_kernel(&lab, "blackhole");
    let rows = nva_json(&lab, "hub", &["show", "routes", PARTS[0]]).expect("routes");
    let reason = rows["rows"][0]["reason"].as_str().unwrap_or_default();
    assert_eq!(reason, "suppressed towards peers by the aggregate 10.200.0.0/16 (summary-only)", "{rows}");
    let told = nva_json(&lab, "hub", &["show", "routes", "--advertised-to", "bird", "--all"]).expect("routes");
    assert!(told.to_string().contains("AS 65100 contributes to this aggregate"), "{told}");
    let of_bird = lab.daemon("bird").and_then(|bird| bird.routes()).expect("routes");
    assert!(of_bird.iter().all(|route| route.prefix.to_string() != WHOLE), "{of_bird:?}");

    lab.daemon_mut("bird").and_then(|bird| bird.kill()).expect("killed");
    wait_for_routes(&lab, "frr", &[]);
    wait_for_kernel(&lab, "forward");
    lab.restart("bird").expect("restarted");
    wait_for_routes(&lab, "frr", &[through_hub(WHOLE, &[])]);

    // Without summary-only the parts come, too, over the same session.
    let setup = &lab.daemon("hub").expect("a daemon").setup;
    let path = setup.directory.join("nva.toml");
    let text = fs::read_to_string(&path).expect("a file").replace("summary-only = true", "summary-only = false");
    fs::write(&path, text).expect("written");
    let output = nva_text(lab.daemon("hub").expect("a daemon"), &["reload"])
        .unwrap_or_else(|error| panic!("{error:#}\n{}", logs(&lab)));
    assert!(output.contains("aggregates are formed anew"), "{output}");
    let parts = PARTS.map(|part| through_hub(part, &[65100]));
    wait_for_routes(&lab, "frr", &[&[through_hub(WHOLE, &[])], &parts[..]].concat());
}
