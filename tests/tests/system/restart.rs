//! Graceful restart between two `nva` (RFC 4724): one is killed and comes back, the other one bears with it, and traffic
//! that needs both their kernels' routes goes on.

use std::net::Ipv4Addr;

use anyhow::ensure;
use nva_tests::daemon::{Kind, Relation, Router};
use nva_tests::lab::Lab;
use nva_tests::stream::Stream;
use nva_tests::topology::{BRANCH, BRANCH_HOST, Behind, Machine, in_vnet};
use serde_json::Value;

use crate::common::{self, answers, logs, nva_peer, prefix, quiet_lab_of, wait_established, wait_for};

/// What is behind the helper.
const BEYOND: &str = "10.60.0.0/24";
const BEYOND_HOST: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 1);

const NVA: u8 = 100;
const HELPER: u8 = 30;

fn configuration(asn: u32, last: u8, peer: (&str, u32, u8), restart: &str, originate: &str) -> String {
    let (peer, peer_asn, peer_last) = peer;
    format!(
        "[router]\nasn = {asn}\nrouter-id = \"{}\"\n[[policy]]\nname = \"all\"\nstatement = [{{ then = {{ accept = true }} \
         }}]\n[[peer]]\nname = \"{peer}\"\naddress = \"{}\"\nasn = {peer_asn}\nimport = [\"all\"]\nexport = [\"all\"]\n\
         connect-retry = 2\n{restart}\n[originate]\n{originate}\n",
        in_vnet(last),
        in_vnet(peer_last)
    )
}

/// ```text
/// branch ── eth1 nva eth0 ── fabric ── helper (10.60.0.1 on lo)
/// ```
/// Neither has a default route: packets between the branch and the helper's network take what BGP brought, on both.
fn network(helper: &str) -> Lab {
    let router = |text: String, asn, last, name: &str, peer_asn, peer_last| {
        let mut router = Router::new(asn, in_vnet(last)).peer(name, peer_asn, in_vnet(peer_last), Relation::Router);
        router.configuration = Some(text);
        router
    };
    let restarts = "graceful-restart = true\nrestart-time = 60";
    let text = configuration(65100, NVA, ("helper", 65010, HELPER), restarts, "connected = [\"eth1\"]");
    let mut nva =
        Machine::new("nva", in_vnet(NVA)).running(Kind::Nva, router(text, 65100, NVA, "helper", 65010, HELPER));
    nva.behind = Some(Behind { name: "branch".to_owned(), network: BRANCH, host: BRANCH_HOST });
    let text = configuration(65010, HELPER, ("nva", 65100, NVA), helper, "interfaces = [\"lo\"]");
    let mut machine =
        Machine::new("helper", in_vnet(HELPER)).running(Kind::Nva, router(text, 65010, HELPER, "nva", 65100, NVA));
    machine.loopbacks = vec![prefix("10.60.0.1/24")];

    let mut lab = quiet_lab_of(vec![nva, machine]);
    let fabric = &lab.state.fabric;
    fabric.add_user_route("helper", BRANCH, in_vnet(NVA)).expect("a user-defined route");
    fabric.add_user_route("nva", prefix(BEYOND), in_vnet(HELPER)).expect("a user-defined route");
    for machine in ["nva", "helper"] {
        let namespace = lab.namespace(machine).expect("a machine");
        namespace.ip(&["route", "del", "default"]).expect("it had one");
    }
    common::start_daemons(&mut lab);
    wait_established(&lab, &["nva", "helper"]);
    wait_for(&lab, "the way there and back", || {
        ensure!(answers(&lab, "branch", BEYOND_HOST), "no answer");
        Ok(())
    });
    lab
}

fn stream(lab: &Lab) -> Stream {
    let (branch, helper) = (lab.namespace("branch").expect("a host"), lab.namespace("helper").expect("a machine"));
    let stream = Stream::start((branch, BRANCH_HOST), (helper, BEYOND_HOST));
    stream.wait_for_more(300);
    stream
}

/// Waits until the helper shows so many stale routes of the other one, among so many received.
fn wait_for_stale(lab: &Lab, stale: u64, received: u64) -> Value {
    wait_for(lab, &format!("{stale} stale routes of {received}"), || {
        let peer = nva_peer(lab, "helper", "nva")?;
        ensure!(peer["stale"] == stale && peer["received"] == received, "{peer}");
        Ok(peer)
    })
}

fn helper_log(lab: &Lab) -> String {
    lab.daemon("helper").expect("a daemon").logs()
}

#[test]
fn a_killed_nva_comes_back_and_no_packet_is_lost() {
    let mut lab = network("");
    let stream = stream(&lab);
    lab.daemon_mut("nva").and_then(|nva| nva.kill()).expect("killed");
    let away = wait_for_stale(&lab, 1, 1);
    assert_ne!(away["state"], "Established", "{away}");
    stream.wait_for_more(500);
    lab.restart("nva").expect("restarted");
    wait_established(&lab, &["nva", "helper"]);
    let back = wait_for_stale(&lab, 0, 1);
    assert_eq!(back["graceful_restart"]["restarted"], true, "it says that it has restarted: {back}");
    let forwarding = &back["graceful_restart"]["forwarding"];
    assert_eq!(forwarding, &serde_json::json!(["ipv4-unicast"]), "and for what it went on forwarding: {back}");
    stream.wait_for_more(500);
    let (sent, lost) = stream.stop();
    println!("{sent} datagrams there and back, {lost} lost");
    assert_eq!(lost, 0, "of {sent}\n{}", logs(&lab));
    let log = helper_log(&lab);
    assert!(log.contains("routes are stale until the peer is back"), "{log}");
    assert!(!log.contains("stale routes removed"), "each was confirmed: {log}");
}

/// The same without a helper: what the test above counts is there to be lost.
#[test]
fn without_graceful_restart_packets_are_lost() {
    let mut lab = network("graceful-restart = false");
    let stream = stream(&lab);
    lab.daemon_mut("nva").and_then(|nva| nva.kill()).expect("killed");
    wait_for_stale(&lab, 0, 0);
    wait_for(&lab, "silence", || {
        ensure!(!answers(&lab, "branch", BEYOND_HOST), "still answered");
        Ok(())
    });
    let (sent, lost) = stream.stop();
    assert!(lost > 0, "of {sent}");
}
