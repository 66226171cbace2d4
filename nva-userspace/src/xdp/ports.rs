//! What the forwarder knows of each interface of ours.

use std::fs;

use aya::maps::{Array, DevMap, Map, MapData, MapError};
use nva_common::{DEVICES, PORTS, Port};

use super::error::XdpError;
use super::links::Mode;

/// The port and device tables' writer.
pub struct PortTable {
    ports: Array<MapData, Port>,
    devices: DevMap<MapData>,
}

impl PortTable {
    /// Takes over the tables as they are.
    pub fn new(ports: Map, devices: Map) -> Result<PortTable, XdpError> {
        Ok(PortTable {
            ports: ports.try_into().map_err(ports_failed)?,
            devices: devices.try_into().map_err(devices_failed)?,
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

    /// The program is attached to the interface: frames can come in by it and, in native mode, go out.
    // GAP(RFC 1812 §5): a driver that runs XDP natively but cannot transmit for want of queues is not told from one that can.
    pub fn attached(&mut self, ifindex: u32, mode: Mode, forwards: bool) -> Result<(), XdpError> {
        self.devices.set(ifindex, ifindex, None, 0).map_err(|source| {
            let source = std::io::Error::other(source);
            XdpError::Kernel { request: "make an interface a redirect target", source }
        })?;
        let mut flags = Port::ATTACHED;
        flags |= match mode {
            Mode::Native => Port::TRANSMITS,
            Mode::Generic => Port::GENERIC,
        };
        if forwards {
            flags |= Port::FORWARDS;
        }
        let port = Port { flags, ..self.get(ifindex)? };
        self.set(ifindex, port)
    }

    /// The program is not attached to the interface any more.
    pub fn detached(&mut self, ifindex: u32) -> Result<(), XdpError> {
        // Its entry among the devices stays, unused: nothing redirects to what does not transmit.
        self.set(ifindex, Port::default())
    }

    /// The interface has this MAC. With none, no frame is for it.
    pub fn set_mac(&mut self, ifindex: u32, mac: [u8; 6]) -> Result<(), XdpError> {
        let port = Port { mac, ..self.get(ifindex)? };
        self.set(ifindex, port)
    }

    /// Whether the kernel forwards what comes in by the interface.
    pub fn set_forwards(&mut self, ifindex: u32, forwards: bool) -> Result<(), XdpError> {
        let mut port = self.get(ifindex)?;
        port.flags = if forwards { port.flags | Port::FORWARDS } else { port.flags & !Port::FORWARDS };
        self.set(ifindex, port)
    }

    fn set(&mut self, ifindex: u32, port: Port) -> Result<(), XdpError> {
        if self.get(ifindex)? == port { Ok(()) } else { self.ports.set(ifindex, port, 0).map_err(ports_failed) }
    }
}

/// A setting of the interface for IPv4, as a number. 0 where it cannot be read.
pub fn setting(interface: &str, name: &str) -> u32 {
    let text = fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{interface}/{name}")).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

fn ports_failed(source: MapError) -> XdpError {
    XdpError::Map { name: PORTS, source }
}

fn devices_failed(source: MapError) -> XdpError {
    XdpError::Map { name: DEVICES, source }
}
