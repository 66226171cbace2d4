//! What the article shows, and what it could not show.

use std::net::Ipv4Addr;

use super::xdp::Counters;
use super::{Checks, ping_all};
use crate::az;
use crate::daemon::Kind;
use crate::fabric::EffectiveRoute;
use crate::lab::Lab;
use crate::topology::{BRANCH_HOST, NVAS, in_vnet, nva_address, nva_asn, nva_loopback};
use crate::wait::{seen, wait_until};

/// Pings to each prefix, as in the article.
const PINGS: u32 = 10;

/// Pings through the NVA that has a branch behind it.
const TRANSIT_PINGS: u32 = 100;

/// Prints and checks everything.
pub(super) fn show(lab: &Lab, checks: &mut Checks) -> anyhow::Result<()> {
    hubs(lab, checks)?;
    route_server(lab, checks)?;
    effective_routes(lab, checks)?;
    pings(lab, checks)?;
    transit(lab, checks)
}

fn hubs(lab: &Lab, checks: &mut Checks) -> anyhow::Result<()> {
    for name in ["hub0", "hub1"] {
        let hub = lab.daemon(name)?;
        if name == "hub0" {
            println!("{}", hub.show_sessions()?);
        }
        let up = hub.sessions()?.iter().filter(|session| session.established).count();
        checks.equal(format!("{name} has 12 sessions established"), &up, &12);
    }
    println!();
    Ok(())
}

fn route_server(lab: &Lab, checks: &mut Checks) -> anyhow::Result<()> {
    let report = lab.state.report()?;
    println!("$ az network routeserver peering list -o table\n{}", az::peering_list(&report));
    checks.equal("the route server has 2 peers", &report.peerings.len(), &2);
    let query = "--query RouteServiceRole_IN_0 -n peer1 -o table";
    println!(
        "\n$ az network routeserver peering list-learned-routes {query}\n{}",
        az::learned_routes(&report, 0, in_vnet(84))
    );
    for number in 0..NVAS {
        let prefix = nva_loopback(number).into();
        let expected = (format!("65000-{}", nva_asn(number)), nva_address(number));
        let learned =
            report.instances.iter().flat_map(|instance| &instance.learned).filter(|route| route.network == prefix);
        let learned: Vec<_> = learned.map(|route| (route.as_path.clone(), route.next_hop)).collect();
        let statement = format!(
            "{prefix} has AS path {} and next hop {}, from both hubs at both instances",
            expected.0, expected.1
        );
        checks.equal(statement, &learned, &vec![expected; 4]);
    }
    println!();
    Ok(())
}

fn effective_routes(lab: &Lab, checks: &mut Checks) -> anyhow::Result<()> {
    let routes = lab.state.effective_routes("vm")?;
    println!("$ az network nic show-effective-route-table -n vmVMNic -o table\n{}", az::effective_route_table(&routes));
    for number in 0..NVAS {
        let prefix = nva_loopback(number).into();
        let of_prefix = |route: &&EffectiveRoute| route.address_prefix == [prefix];
        let next_hops: Vec<Ipv4Addr> =
            routes.iter().filter(of_prefix).flat_map(|route| route.next_hop_ip_address.clone()).collect();
        checks.equal(format!("the NIC of vm sends {prefix} to one next hop"), &next_hops, &vec![nva_address(number)]);
    }
    println!();
    Ok(())
}

fn pings(lab: &Lab, checks: &mut Checks) -> anyhow::Result<()> {
    println!("vm$ for i in $(seq 0 9); do ping -q 100.0.0.10$i -c {PINGS}; done");
    let targets: Vec<Ipv4Addr> = (0..NVAS).map(nva_loopback).collect();
    for pings in ping_all(lab.namespace("vm")?, &targets, PINGS, "0.2")? {
        checks.equal(format!("{}: {}", pings.target, pings.summary), &pings.received, &PINGS);
    }
    println!();
    Ok(())
}

/// The branch behind the first NVA: traffic that the NVA forwards.
fn transit(lab: &Lab, checks: &mut Checks) -> anyhow::Result<()> {
    let (vm, nva) = (lab.namespace("vm")?, lab.daemon("nva0")?);
    if nva.kind != Kind::Nva {
        let pings = ping_all(vm, &[BRANCH_HOST], PINGS, "0.2")?.remove(0);
        checks.equal(format!("{BRANCH_HOST} behind nva0: {}", pings.summary), &pings.received, &PINGS);
        return Ok(());
    }
    println!("What the article could not show: nva0 forwards to the network behind it in XDP.");
    // The first packets go through the kernel, which resolves the neighbours.
    wait_until(std::time::Duration::from_secs(10), "the fast path to know the way to the branch", || {
        let before = Counters::of(nva).map_err(|error| error.to_string())?;
        ping_all(vm, &[BRANCH_HOST], 1, "0.2").map_err(|error| error.to_string())?;
        let forwarded = Counters::of(nva).map_err(|error| error.to_string())?.forwarded_since(&before);
        seen(forwarded >= 2, || format!("XDP forwarded {forwarded} of a ping and its answer"))
    })?;
    let before = Counters::of(nva)?;
    let pings = ping_all(vm, &[BRANCH_HOST], TRANSIT_PINGS, "0.01")?.remove(0);
    let after = Counters::of(nva)?;
    println!("nva0$ nva show xdp\n{}", nva.show(&["xdp"])?);
    checks.equal(format!("{BRANCH_HOST} behind nva0: {}", pings.summary), &pings.received, &TRANSIT_PINGS);
    let (forwarded, expected) = (after.forwarded_since(&before), u64::from(2 * TRANSIT_PINGS));
    checks.holds(
        format!("XDP forwarded {forwarded} packets for {TRANSIT_PINGS} pings and their answers"),
        forwarded >= expected,
        || format!("at least {expected} were expected"),
    );
    for number in 0..NVAS {
        let delivered = Counters::of(lab.daemon(&format!("nva{number}"))?)?.delivered_to(nva_loopback(number));
        checks.holds(
            format!("nva{number}'s XDP counted {delivered} packets delivered to {}", nva_loopback(number)),
            delivered >= u64::from(PINGS),
            || format!("at least {PINGS} were expected"),
        );
    }
    println!();
    Ok(())
}
