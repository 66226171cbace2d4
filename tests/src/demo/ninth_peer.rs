//! The problem: without hubs the route server refuses the ninth NVA.

use std::net::Ipv4Addr;

use super::{Checks, ping_all};
use crate::az;
use crate::lab::Lab;
use crate::topology::{MOST_PEERS, NVAS, nva_loopback, nva_name};

const PINGS: u32 = 5;

/// Prints and checks everything.
pub(super) fn show(lab: &Lab, checks: &mut Checks) -> anyhow::Result<()> {
    let report = lab.state.report()?;
    println!("$ az network routeserver peering list -o table\n{}", az::peering_list(&report));
    for refused in &report.refused {
        println!(
            "peering with {} (AS {}) was refused: {}",
            refused.peering.address, refused.peering.asn, refused.reason
        );
    }
    checks.equal("the route server has 8 peers", &report.peerings.len(), &MOST_PEERS);
    checks.equal("and refused the ninth and the tenth", &report.refused.len(), &(usize::from(NVAS) - MOST_PEERS));
    for (number, name) in (0..NVAS).map(|number| (usize::from(number), nva_name(number))) {
        let sessions = lab.daemon(&name)?.sessions()?;
        let up = sessions.iter().filter(|session| session.established).count();
        let expected = if number < MOST_PEERS { 2 } else { 0 };
        checks.equal(format!("{name} has {expected} sessions established"), &up, &expected);
    }
    println!("\n$ az network nic show-effective-route-table -n vmVMNic -o table");
    println!("{}", az::effective_route_table(&lab.state.effective_routes("vm")?));
    let targets: Vec<Ipv4Addr> = (0..NVAS).map(nva_loopback).collect();
    for (number, pings) in ping_all(lab.namespace("vm")?, &targets, PINGS, "0.2")?.into_iter().enumerate() {
        let expected = if number < MOST_PEERS { PINGS } else { 0 };
        checks.equal(format!("{}: {}", pings.target, pings.summary), &pings.received, &expected);
    }
    println!();
    Ok(())
}
