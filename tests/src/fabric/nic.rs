//! One VM's NIC: a veth into the fabric, and the routing table behind it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::programmer::Source;
use super::{FABRIC_MAC, Fabric, SINK};
use crate::netns::Namespace;

/// The number of the first NIC's table.
const FIRST_TABLE: u32 = 1000;

/// The preference of the rules that choose a NIC's table: before the main table's.
const RULE_PREFERENCE: u32 = 100;

/// The name of every VM's first interface.
pub(crate) const VM_INTERFACE: &str = "eth0";

/// A NIC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nic {
    /// The VM's name.
    pub machine: String,
    /// The VM's namespace.
    pub namespace: Namespace,
    /// Its address in the VNet.
    pub address: Ipv4Addr,
    /// Its MAC address.
    pub mac: String,
    /// The fabric's end of it.
    pub interface: String,
    /// The fabric's routing table for what comes from it.
    pub table: u32,
}

impl Nic {
    pub(super) fn new(machine: &str, namespace: &Namespace, address: Ipv4Addr, number: u32) -> Nic {
        let [_, b, c, d] = address.octets();
        Nic {
            machine: machine.to_owned(),
            namespace: namespace.clone(),
            address,
            // Azure's NICs have MAC addresses of Microsoft's.
            mac: format!("00:0d:3a:{b:02x}:{c:02x}:{d:02x}"),
            interface: format!("f{number}"),
            table: FIRST_TABLE + number,
        }
    }

    /// Makes both ends and the table with its default route and the VNet's unused addresses.
    pub(super) fn plug_in(&self, fabric: &Fabric) -> anyhow::Result<()> {
        let (vnet, program) = (fabric.vnet, fabric.program.display());
        let fabric = &fabric.namespace;
        let Nic { namespace, address, mac, interface, table, .. } = self;
        let vm = namespace.name();
        let (kernel, metric) = (Source::System.protocol(), Source::System.metric());
        fabric.ip_batch(&format!(
            "link add {interface} address {FABRIC_MAC} type veth peer name {VM_INTERFACE} address {mac} netns {vm}\n\
             rule add pref {RULE_PREFERENCE} iif {interface} lookup {table}\n\
             link set {interface} xdpdrv pinned {program}\n\
             link set {interface} up\n\
             neigh replace {address} dev {interface} lladdr {mac} nud permanent\n\
             route add default dev {SINK} table {table} proto {kernel} metric {metric}\n\
             route add {vnet} dev {SINK} table {table} proto {kernel} metric {metric}\n"
        ))?;
        fabric.sysctl(&[(&format!("ipv4/neigh/{interface}/proxy_delay"), "0")])?;
        // NAPI at this end lets the VM's XDP programs transmit towards it.
        fabric.run(&["ethtool", "-K", interface, "gro", "on"])?;
        let gateway = super::gateway(vnet);
        let length = vnet.prefix_len();
        namespace.ip_batch(&format!(
            "addr add {address}/{length} dev {VM_INTERFACE}\n\
             link set {VM_INTERFACE} up\n\
             route add default via {gateway} dev {VM_INTERFACE}\n"
        ))?;
        // Real checksums and real packet sizes: XDP and packet captures see what a wire would carry.
        namespace.run(&["ethtool", "-K", VM_INTERFACE, "tx", "off", "tso", "off", "gso", "off"])?;
        Ok(())
    }

    /// The line that puts this NIC's address into a table, its own included: a VM that sends to itself through the
    /// fabric gets it back.
    pub(super) fn system_route_in(&self, table: u32) -> String {
        let (kernel, metric) = (Source::System.protocol(), Source::System.metric());
        format!("route add {}/32 dev {} table {table} proto {kernel} metric {metric}\n", self.address, self.interface)
    }
}
