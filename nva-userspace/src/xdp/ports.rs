//! What the forwarder knows of each interface of ours.

use std::collections::BTreeMap;
use std::{fs, io};

use aya::maps::{Array, DevMap, Map, MapData, MapError};
use nva_common::{DEVICES, PORTS, Port};

use super::error::XdpError;
use super::features::Features;
use super::links::Mode;

/// The port and device tables' writer.
pub struct PortTable {
    ports: Array<MapData, Port>,
    devices: DevMap<MapData>,
    features: Option<Features>,
    checks: BTreeMap<String, SourceCheck>,
    written: u64,
}

/// The flags that follow what the kernel says.
const TOLD: u16 =
    Port::TRANSMITS | Port::FORWARDS | Port::FORWARDS_6 | Port::STRICT | Port::STRICT_6 | Port::LOOSE | Port::LOOSE_6;

/// Which sources packets may have that come in by an interface (RFC 3704).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceCheck {
    /// Those to which there is a route, be it the default route.
    Loose,
    /// Those to which the route leads out of that interface.
    Strict,
}

impl SourceCheck {
    /// As the kernel does it for IPv4: the larger of two settings counts, and 2 is the looser (ip-sysctl).
    fn of_kernel(interface: &str) -> Option<SourceCheck> {
        match setting("ipv4", "all", "rp_filter").max(setting("ipv4", interface, "rp_filter")) {
            0 => None,
            1 => Some(SourceCheck::Strict),
            _ => Some(SourceCheck::Loose),
        }
    }
}

impl PortTable {
    /// Takes over the tables as they are.
    pub fn new(ports: Map, devices: Map, checks: BTreeMap<String, SourceCheck>) -> Result<PortTable, XdpError> {
        let features = Features::open()
            .map_err(|source| XdpError::Kernel { request: "open a netlink socket for XDP features", source })?;
        Ok(PortTable {
            ports: ports.try_into().map_err(ports_failed)?,
            devices: devices.try_into().map_err(devices_failed)?,
            features,
            checks,
            written: 0,
        })
    }

    /// The interface's entry.
    pub fn get(&self, ifindex: u32) -> Result<Port, XdpError> {
        self.ports.get(&ifindex, 0).map_err(ports_failed)
    }

    /// The mode in which a former process attached to the interface.
    pub fn mode(&self, ifindex: u32) -> Result<Mode, XdpError> {
        let generic = self.get(ifindex)?.flags & Port::GENERIC != 0;
        Ok(if generic { Mode::Generic } else { Mode::Native })
    }

    /// The program is attached to the interface.
    pub fn attached(&mut self, ifindex: u32, mode: Mode, interface: &str) -> Result<(), XdpError> {
        self.set_target(ifindex)?;
        let generic = match mode {
            Mode::Native => 0,
            Mode::Generic => Port::GENERIC,
        };
        let old = self.get(ifindex)?;
        self.set(ifindex, Port { flags: Port::ATTACHED | generic | old.flags & TOLD, ..old })?;
        self.refresh(ifindex, interface)
    }

    /// Reads anew what the kernel says of an attached interface: whether it forwards what comes in, and whether the driver
    /// takes redirected frames.
    // GAP(RFC 1812 §5.2.1): before Linux 6.3, a driver that cannot transmit from XDP is not told from one that can.
    pub fn refresh(&mut self, ifindex: u32, interface: &str) -> Result<(), XdpError> {
        let asked = self.features.as_ref().map(|features| features.transmits(ifindex)).transpose();
        let said = asked.map_err(|source| XdpError::Kernel { request: "ask for a device's XDP features", source })?;
        let mut port = self.get(ifindex)?;
        let native = port.flags & Port::GENERIC == 0;
        port.flags &= !TOLD;
        if native && said.flatten().unwrap_or(true) {
            port.flags |= Port::TRANSMITS;
        }
        if setting("ipv4", interface, "forwarding") != 0 {
            port.flags |= Port::FORWARDS;
        }
        if forwards_ipv6(interface) {
            port.flags |= Port::FORWARDS_6;
        }
        let wanted = self.checks.get(interface).copied();
        port.flags |= match wanted.max(SourceCheck::of_kernel(interface)) {
            Some(SourceCheck::Strict) => Port::STRICT,
            Some(SourceCheck::Loose) => Port::LOOSE,
            None => 0,
        };
        port.flags |= match wanted {
            Some(SourceCheck::Strict) => Port::STRICT_6,
            Some(SourceCheck::Loose) => Port::LOOSE_6,
            None => 0,
        };
        self.set(ifindex, port)
    }

    /// Makes an attached interface what an attached interface is, if anybody else has changed that.
    pub fn check(&mut self, ifindex: u32) -> Result<(), XdpError> {
        let port = self.get(ifindex)?;
        self.set(ifindex, Port { flags: port.flags | Port::ATTACHED, ..port })?;
        if !self.devices.get(ifindex, 0).is_ok_and(|target| target.if_index == ifindex) {
            self.set_target(ifindex)?;
        }
        Ok(())
    }

    /// How many entries were written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The program is not attached to the interface any more.
    pub fn detached(&mut self, ifindex: u32) -> Result<(), XdpError> {
        // Its entry among the devices stays, unused: nothing redirects to what does not transmit.
        // The MAC is the mirror's to change: it is told once, and holds when the program is attached again.
        let port = Port { flags: 0, ..self.get(ifindex)? };
        self.set(ifindex, port)
    }

    /// The interface has this MAC. With none, no frame is for it.
    pub fn set_mac(&mut self, ifindex: u32, mac: [u8; 6]) -> Result<(), XdpError> {
        let port = Port { mac, ..self.get(ifindex)? };
        self.set(ifindex, port)
    }

    fn set(&mut self, ifindex: u32, port: Port) -> Result<(), XdpError> {
        if self.get(ifindex)? == port {
            return Ok(());
        }
        self.written += 1;
        self.ports.set(ifindex, port, 0).map_err(ports_failed)
    }

    /// Frames can be redirected to the interface, whose index is its place among the devices.
    fn set_target(&mut self, ifindex: u32) -> Result<(), XdpError> {
        self.written += 1;
        self.devices.set(ifindex, ifindex, None, 0).map_err(|source| {
            let source = io::Error::other(source);
            XdpError::Kernel { request: "make an interface a redirect target", source }
        })
    }
}

/// A setting of the interface for `ipv4` or `ipv6`, as a number. 0 where it cannot be read.
pub fn setting(protocol: &str, interface: &str, name: &str) -> u32 {
    read(protocol, interface, name).unwrap_or(0)
}

/// The interface's IPv6 MTU in octets, if it has IPv6.
pub fn ipv6_mtu(interface: &str) -> Option<u32> {
    read("ipv6", interface, "mtu")
}

fn read(protocol: &str, interface: &str, name: &str) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/sys/net/{protocol}/conf/{interface}/{name}")).ok()?;
    text.trim().parse().ok()
}

/// Whether the kernel forwards IPv6 packets that come in there: the interface's own `forwarding` only makes it a router to
/// its link, except by its newer name (Linux 6.17).
fn forwards_ipv6(interface: &str) -> bool {
    let is_on = |interface, name| setting("ipv6", interface, name) != 0;
    // Solicitations to addresses that the kernel answers for would be forwarded as packets (ip6_forward_proxy_check).
    if is_on("all", "proxy_ndp") || is_on(interface, "proxy_ndp") {
        return false;
    }
    // Below an MTU of 1280 octets the interface has no settings, and no IPv6.
    let has_ipv6 = read("ipv6", interface, "disable_ipv6") == Some(0);
    (is_on("all", "forwarding") || is_on(interface, "force_forwarding")) && has_ipv6
}

fn ports_failed(source: MapError) -> XdpError {
    XdpError::Map { name: PORTS, source }
}

fn devices_failed(source: MapError) -> XdpError {
    XdpError::Map { name: DEVICES, source }
}
