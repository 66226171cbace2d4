//! A leaf of the article's network dies without a word.

use std::time::{Duration, Instant};

use anyhow::ensure;
use nix::sys::signal::Signal;
use nva_tests::instance::Instance;
use nva_tests::lab::Lab;
use nva_tests::stream::Stream;
use nva_tests::topology::{in_vnet, nva_address, nva_loopback};

use crate::common::{self, small_article, wait_for};

/// Of the article's ten NVAs; more of them would only take longer to start.
const NVAS: u8 = 3;

/// Seconds.
const HOLD_TIME: u16 = 6;

/// The machines whose NIC has a route to the loopback address of an NVA, and has it through that NVA.
fn nics_with_route(lab: &Lab, number: u8) -> anyhow::Result<Vec<String>> {
    let wanted = [nva_loopback(number).into()];
    let mut found = Vec::new();
    for nic in &lab.state.fabric.nics {
        let routes = lab.state.effective_routes(&nic.machine)?;
        if let Some(route) = routes.iter().find(|route| route.address_prefix == wanted) {
            ensure!(route.next_hop_ip_address == [nva_address(number)], "{}: {route:?}", nic.machine);
            found.push(nic.machine.clone());
        }
    }
    Ok(found)
}

fn wait_for_nics(lab: &Lab, number: u8, expected: usize) {
    wait_for(lab, &format!("the route to {} on {expected} NICs", nva_loopback(number)), || {
        let nics = nics_with_route(lab, number)?;
        ensure!(nics.len() == expected, "{nics:?}");
        Ok(())
    });
}

#[test]
fn a_dead_leafs_prefix_leaves_every_nic_and_the_others_do_not_notice() {
    let lab = Lab::up(Instance::unique(), small_article(NVAS, HOLD_TIME)).expect("the lab comes up");
    let all = lab.state.fabric.nics.len();
    (0..NVAS).for_each(|number| wait_for_nics(&lab, number, all));
    common::wait_established(&lab, &["hub0", "hub1"]);

    let (vm, nva1) = (lab.namespace("vm").expect("a machine"), lab.namespace("nva1").expect("a machine"));
    let stream = Stream::start((vm, in_vnet(10)), (nva1, nva_loopback(1)));
    stream.wait_for_more(100);
    let start = Instant::now();
    lab.daemon("nva0").and_then(|nva0| nva0.signal(Signal::SIGSTOP)).expect("it falls silent");
    wait_for_nics(&lab, 0, 0);
    let took = start.elapsed();
    println!("gone from {all} NICs after {took:?} with a hold time of {HOLD_TIME} s");
    stream.wait_for_more(100);
    let (sent, lost) = stream.stop();
    assert_eq!(lost, 0, "of {sent} datagrams to another NVA");
    assert_eq!(nics_with_route(&lab, 1).expect("routes").len(), all, "the other routes stay");
    // The hold time, and what two hubs, two route servers and the fabric need on a busy machine.
    assert!(took < Duration::from_secs(u64::from(HOLD_TIME)) * 2, "{took:?}");

    lab.daemon("nva0").and_then(|nva0| nva0.signal(Signal::SIGCONT)).expect("it goes on");
    wait_for_nics(&lab, 0, all);
}
