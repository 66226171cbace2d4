//! Azure's fabric: one namespace in which every VM's NIC is a router of its own.
//!
//! Each NIC is a veth whose fabric end has a routing table for itself, chosen by `ip rule … iif`. A table holds what
//! Azure calls effective routes: the VNet's own addresses, a default route to the Internet (which drops everything
//! here), and what user-defined routes and the route server put there ([`Programmer`]). Nothing is learned from
//! packets. Every ARP request is answered with [`FABRIC_MAC`], since the default route makes every address one that is
//! reached through another interface, for which the kernel does proxy ARP.
//!
//! The fabric has no addresses: the subnet's gateway answers ARP and nothing else, as in Azure.
//
// GAP(Azure): the IP forwarding flag of a NIC and the protocols that Azure drops are not checked.

mod effective;
mod hop;
mod nic;
mod programmer;

pub use effective::{EffectiveRoute, effective_routes};
pub use nic::Nic;
pub use programmer::{Program, Programmer};

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::instance::Instance;
use crate::netns::Namespace;
use crate::resources::Resources;

/// The MAC address that answers every ARP request in Azure.
pub const FABRIC_MAC: &str = "12:34:56:78:9a:bc";

/// The interface into nowhere: packets for the Internet and for addresses that no VM has end there.
pub(crate) const SINK: &str = "sink";

/// A virtual network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fabric {
    /// Where it is.
    pub namespace: Namespace,
    /// The VNet's addresses, one subnet.
    pub vnet: Ipv4Net,
    /// The NICs, in the order in which they were added.
    pub nics: Vec<Nic>,
    /// The program that hides the kernel's hop from the VMs, where it is pinned.
    program: PathBuf,
}

impl Fabric {
    /// An empty VNet in a new namespace.
    pub fn create(resources: &Resources, instance: &Instance, vnet: Ipv4Net) -> anyhow::Result<Fabric> {
        let namespace = resources.namespace(&instance.namespace_name("fabric"))?;
        namespace.sysctl(&[
            ("ipv4/ip_forward", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
            ("ipv4/conf/all/send_redirects", "0"),
            ("ipv4/conf/default/send_redirects", "0"),
            ("ipv4/conf/default/proxy_arp", "1"),
            // ECMP by the 5-tuple, as Azure does it.
            ("ipv4/fib_multipath_hash_policy", "1"),
        ])?;
        // Without ARP a frame into the sink carries the sink's own MAC address, so its other end takes none of them.
        namespace.ip_batch(&format!(
            "link add {SINK} type veth peer name {SINK}-end\nlink set {SINK} arp off up\nlink set {SINK}-end arp off up\n"
        ))?;
        resources.bpffs(&instance.pins())?;
        let program = instance.pins().join("fabric-no-hop");
        hop::pin_program(&program)?;
        Ok(Fabric { namespace, vnet, nics: Vec::new(), program })
    }

    /// The address of the subnet's gateway: the first one (Azure reserves .0 to .3 and the last).
    pub fn gateway(&self) -> Ipv4Addr {
        gateway(self.vnet)
    }

    /// Plugs a VM in: its namespace gets `eth0` with `address` and a default route to the gateway.
    pub fn connect(&mut self, machine: &str, namespace: &Namespace, address: Ipv4Addr) -> anyhow::Result<()> {
        if !self.vnet.contains(&address) {
            bail!("{machine}: {address} is not in the VNet {}", self.vnet);
        }
        if let Some(other) = self.nics.iter().find(|nic| nic.address == address || nic.machine == machine) {
            bail!("{machine}: the VNet has {} at {} already", other.machine, other.address);
        }
        let number = u32::try_from(self.nics.len())?;
        let nic = Nic::new(machine, namespace, address, number);
        nic.plug_in(self)?;
        let mut routes = String::new();
        for other in &self.nics {
            routes += &nic.system_route_in(other.table);
            routes += &other.system_route_in(nic.table);
        }
        routes += &nic.system_route_in(nic.table);
        self.namespace.ip_batch(&routes)?;
        self.nics.push(nic);
        Ok(())
    }

    /// The NIC of a VM.
    pub fn nic(&self, machine: &str) -> anyhow::Result<&Nic> {
        self.nics
            .iter()
            .find(|nic| nic.machine == machine)
            .with_context(|| format!("the VNet has no VM named {machine}"))
    }

    /// Puts a user-defined route on one NIC.
    pub fn add_user_route(&self, machine: &str, prefix: Ipv4Net, next_hop: Ipv4Addr) -> anyhow::Result<()> {
        let nic = self.nic(machine)?;
        let line =
            programmer::route_line("replace", nic, prefix, &[next_hop].into(), programmer::Source::User, &self.nics);
        self.namespace.ip_batch(&line)
    }
}

/// The first address of a subnet.
pub fn gateway(subnet: Ipv4Net) -> Ipv4Addr {
    subnet.hosts().next().unwrap_or(subnet.network())
}
