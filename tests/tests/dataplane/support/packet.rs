//! Frames, field by field.

use std::net::{Ipv4Addr, Ipv6Addr};

/// An Ethernet frame with an IPv4 packet in it. The fields are what goes into the headers, right or wrong.
#[derive(Clone, Debug)]
pub struct Packet {
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    pub ethertype: u16,
    pub version_and_length: u8,
    pub dscp: u8,
    /// `None`: the right one.
    pub total_length: Option<u16>,
    pub id: u16,
    pub fragment: u16,
    pub ttl: u8,
    pub protocol: u8,
    /// Added to the right checksum.
    pub checksum_error: u16,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    /// Behind the five words of the header: options, ports, data.
    pub payload: Vec<u8>,
    /// Ethernet's padding behind the packet.
    pub padding: usize,
}

impl Packet {
    /// A UDP datagram of 64 octets with TTL 64 that is right in every respect.
    pub fn udp(destination_mac: [u8; 6], source: Ipv4Addr, destination: Ipv4Addr) -> Packet {
        let mut payload = vec![0x30, 0x39, 0x00, 0x50, 0, 44, 0, 0];
        payload.extend((0..36).map(|octet| octet as u8));
        Packet {
            destination_mac,
            source_mac: [2, 0, 0, 0, 0, 99],
            ethertype: 0x0800,
            version_and_length: 0x45,
            dscp: 0,
            total_length: None,
            id: 0x1234,
            fragment: 0,
            ttl: 64,
            protocol: 17,
            checksum_error: 0,
            source,
            destination,
            payload,
            padding: 0,
        }
    }

    /// The frame.
    pub fn frame(&self) -> Vec<u8> {
        let total_length = self.total_length.unwrap_or(20 + self.payload.len() as u16);
        let mut header = vec![self.version_and_length, self.dscp];
        header.extend(total_length.to_be_bytes());
        header.extend(self.id.to_be_bytes());
        header.extend(self.fragment.to_be_bytes());
        header.extend([self.ttl, self.protocol, 0, 0]);
        header.extend(self.source.octets());
        header.extend(self.destination.octets());
        let options = usize::from(self.version_and_length & 0xf).saturating_sub(5) * 4;
        let (options, rest) = self.payload.split_at(options.min(self.payload.len()));
        header.extend(options);
        let checksum = checksum(&header).wrapping_add(self.checksum_error);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        let mut frame = Vec::new();
        frame.extend(self.destination_mac);
        frame.extend(self.source_mac);
        frame.extend(self.ethertype.to_be_bytes());
        frame.extend(header);
        frame.extend(rest);
        frame.extend(vec![0; self.padding]);
        frame
    }

    /// The same packet as a router sends it on.
    pub fn forwarded(&self, destination_mac: [u8; 6], source_mac: [u8; 6]) -> Packet {
        Packet { destination_mac, source_mac, ttl: self.ttl - 1, ..self.clone() }
    }
}

/// An Ethernet frame with an IPv6 packet in it. The fields are what goes into the headers, right or wrong.
#[derive(Clone, Debug)]
pub struct Packet6 {
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    pub ethertype: u16,
    pub version: u8,
    pub traffic_class: u8,
    pub flow_label: u32,
    /// `None`: the right one.
    pub payload_length: Option<u16>,
    pub next_header: u8,
    pub hop_limit: u8,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    /// Behind the fixed header: extension headers, ports, data.
    pub payload: Vec<u8>,
    /// Ethernet's padding behind the packet.
    pub padding: usize,
}

impl Packet6 {
    /// A UDP datagram of 84 octets with hop limit 64 that is right in every respect.
    pub fn udp(destination_mac: [u8; 6], source: Ipv6Addr, destination: Ipv6Addr) -> Packet6 {
        // No router looks at the checksum.
        let mut payload = vec![0x30, 0x39, 0x00, 0x50, 0, 44, 1, 2];
        payload.extend((0..36).map(|octet| octet as u8));
        Packet6 {
            destination_mac,
            source_mac: [2, 0, 0, 0, 0, 99],
            ethertype: 0x86dd,
            version: 6,
            traffic_class: 0,
            flow_label: 0,
            payload_length: None,
            next_header: 17,
            hop_limit: 64,
            source,
            destination,
            payload,
            padding: 0,
        }
    }

    /// The same with a hop-by-hop options header of padding.
    pub fn with_hop_by_hop(mut self) -> Packet6 {
        self.payload.splice(..0, [self.next_header, 0, 1, 4, 0, 0, 0, 0]);
        self.next_header = 0;
        self
    }

    /// The frame.
    pub fn frame(&self) -> Vec<u8> {
        let first = u32::from(self.version) << 28 | u32::from(self.traffic_class) << 20 | self.flow_label;
        let mut frame = Vec::new();
        frame.extend(self.destination_mac);
        frame.extend(self.source_mac);
        frame.extend(self.ethertype.to_be_bytes());
        frame.extend(first.to_be_bytes());
        frame.extend(self.payload_length.unwrap_or(self.payload.len() as u16).to_be_bytes());
        frame.extend([self.next_header, self.hop_limit]);
        frame.extend(self.source.octets());
        frame.extend(self.destination.octets());
        frame.extend(&self.payload);
        frame.extend(vec![0; self.padding]);
        frame
    }

    /// The same packet as a router sends it on.
    pub fn forwarded(&self, destination_mac: [u8; 6], source_mac: [u8; 6]) -> Packet6 {
        Packet6 { destination_mac, source_mac, hop_limit: self.hop_limit - 1, ..self.clone() }
    }
}

/// RFC 1071 over an even number of octets.
pub fn checksum(octets: &[u8]) -> u16 {
    let sum: u32 = octets.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !(((sum & 0xffff) + (sum >> 16)) as u16)
}
