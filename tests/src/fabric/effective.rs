//! What a NIC really does: its effective routes, read back from the kernel.

use std::net::Ipv4Addr;

use anyhow::Context;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::programmer::Source;
use super::{Fabric, SINK};

/// A route as `az network nic show-effective-route-table` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveRoute {
    /// The prefix, in a list as Azure has it.
    pub address_prefix: Vec<Ipv4Net>,
    /// Whether the subnet refuses routes of the route server.
    pub disable_bgp_route_propagation: bool,
    /// The next hops.
    pub next_hop_ip_address: Vec<Ipv4Addr>,
    /// `VnetLocal`, `VirtualNetworkGateway`, `VirtualAppliance`, `Internet`.
    pub next_hop_type: String,
    /// `Default`, `VirtualNetworkGateway`, `User`.
    pub source: String,
    /// `Active`, or `Invalid` if another route of the same prefix wins.
    pub state: String,
}

/// The effective routes of a VM's NIC, as the fabric's kernel has them.
pub fn effective_routes(fabric: &Fabric, machine: &str) -> anyhow::Result<Vec<EffectiveRoute>> {
    let table = fabric.nic(machine)?.table.to_string();
    let text = fabric.namespace.ip(&["-j", "route", "show", "table", &table])?;
    let routes: Vec<KernelRoute> = serde_json::from_str(&text).context("ip -j route show")?;
    let mut routes: Vec<(Ipv4Net, Source, KernelRoute)> =
        routes.into_iter().map(|route| Ok((route.prefix()?, route.source()?, route))).collect::<anyhow::Result<_>>()?;
    // What a VM's own address adds is how the fabric delivers inside the VNet; Azure shows the VNet as one route.
    routes.retain(|(prefix, source, _)| !(*source == Source::System && prefix.prefix_len() == 32));
    routes.sort_by_key(|(prefix, source, _)| (prefix.prefix_len() == 0, *prefix, source.metric()));
    let mut effective: Vec<EffectiveRoute> = Vec::new();
    for (prefix, source, route) in routes {
        let beaten = effective.last().is_some_and(|better| better.address_prefix == [prefix]);
        effective.push(describe(fabric.vnet, prefix, source, &route, beaten));
    }
    Ok(effective)
}

fn describe(vnet: Ipv4Net, prefix: Ipv4Net, source: Source, route: &KernelRoute, beaten: bool) -> EffectiveRoute {
    let next_hop_type = match source {
        Source::User => "VirtualAppliance",
        Source::Gateway => "VirtualNetworkGateway",
        Source::System if prefix == vnet => "VnetLocal",
        Source::System => "Internet",
    };
    let source = match source {
        Source::User => "User",
        Source::Gateway => "VirtualNetworkGateway",
        Source::System => "Default",
    };
    EffectiveRoute {
        address_prefix: vec![prefix],
        disable_bgp_route_propagation: false,
        next_hop_ip_address: route.next_hops(),
        next_hop_type: next_hop_type.to_owned(),
        source: source.to_owned(),
        state: if beaten { "Invalid" } else { "Active" }.to_owned(),
    }
}

/// A route as `ip -j` prints it.
#[derive(Debug, Deserialize)]
struct KernelRoute {
    dst: String,
    gateway: Option<Ipv4Addr>,
    dev: Option<String>,
    protocol: Option<String>,
    #[serde(default)]
    nexthops: Vec<KernelHop>,
}

#[derive(Debug, Deserialize)]
struct KernelHop {
    gateway: Option<Ipv4Addr>,
}

impl KernelRoute {
    fn prefix(&self) -> anyhow::Result<Ipv4Net> {
        let text = match self.dst.as_str() {
            "default" => "0.0.0.0/0".to_owned(),
            text if text.contains('/') => text.to_owned(),
            text => format!("{text}/32"),
        };
        text.parse().with_context(|| format!("{text:?} is not a prefix"))
    }

    /// Of routes without a protocol `ip` names none: that is `boot`, which the fabric never uses.
    fn source(&self) -> anyhow::Result<Source> {
        let protocol = self.protocol.as_deref().unwrap_or("boot");
        let source = Source::ALL.into_iter().find(|source| source.protocol() == protocol);
        source.with_context(|| {
            format!("a route to {} through {} by {protocol}", self.dst, self.dev.as_deref().unwrap_or(SINK))
        })
    }

    fn next_hops(&self) -> Vec<Ipv4Addr> {
        self.gateway.into_iter().chain(self.nexthops.iter().filter_map(|hop| hop.gateway)).collect()
    }
}
