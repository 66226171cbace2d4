//! The mistake: hubs that put themselves as next hop draw all traffic, and their own NICs send it back to them.

use std::net::Ipv4Addr;

use anyhow::Context;
use serde::Deserialize;

use super::{Checks, ping_all};
use crate::az;
use crate::lab::Lab;
use crate::topology::{NVAS, in_vnet, nva_loopback};

const PINGS: u32 = 5;

const HUBS: [&str; 2] = ["hub0", "hub1"];

/// Prints and checks everything.
pub(super) fn show(lab: &Lab, checks: &mut Checks) -> anyhow::Result<()> {
    let report = lab.state.report()?;
    println!("{}", az::learned_routes(&report, 0, in_vnet(84)));
    let routes = lab.state.effective_routes("vm")?;
    println!("$ az network nic show-effective-route-table -n vmVMNic -o table\n{}", az::effective_route_table(&routes));
    for number in 0..NVAS {
        let prefix = nva_loopback(number).into();
        let found = routes.iter().find(|route| route.address_prefix == [prefix]);
        let next_hops = found.map(|route| route.next_hop_ip_address.clone()).unwrap_or_default();
        checks.equal(format!("the NIC of vm sends {prefix} to the hubs"), &next_hops, &vec![in_vnet(84), in_vnet(85)]);
    }
    let before = received_by_hubs(lab)?;
    let targets: Vec<Ipv4Addr> = (0..NVAS).map(nva_loopback).collect();
    let mut sent = 0;
    for pings in ping_all(lab.namespace("vm")?, &targets, PINGS, "0.2")? {
        sent += u64::from(pings.sent);
        // The hub's NIC has the same route as the VM's: what the hub forwards comes back until its TTL is used up.
        checks.equal(format!("{}: {}", pings.target, pings.summary), &pings.received, &0);
    }
    let received = received_by_hubs(lab)?.saturating_sub(before);
    checks.holds(format!("the hubs got {received} packets for {sent} pings"), received >= sent, || {
        format!("at least {sent} were expected")
    });
    println!();
    Ok(())
}

fn received_by_hubs(lab: &Lab) -> anyhow::Result<u64> {
    let mut packets = 0;
    for hub in HUBS {
        let text = lab.namespace(hub)?.ip(&["-s", "-j", "link", "show", "dev", "eth0"])?;
        let links: Vec<Link> = serde_json::from_str(&text)?;
        packets += links.first().context("no eth0")?.statistics.received.packets;
    }
    Ok(packets)
}

#[derive(Deserialize)]
struct Link {
    #[serde(rename = "stats64")]
    statistics: Statistics,
}

#[derive(Deserialize)]
struct Statistics {
    #[serde(rename = "rx")]
    received: Direction,
}

#[derive(Deserialize)]
struct Direction {
    packets: u64,
}
