//! A captured packet as a line of text.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use etherparse::{ArpOperation, EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use nva_common::capture::CaptureHeader;

use super::{Named, reason};

/// The line of a packet that came at this time since 1970: when (UTC), where, what became of it and why, and what it is.
pub fn line(time: Duration, header: &CaptureHeader, frame: &[u8], names: &Named) -> String {
    let seconds = time.as_secs() % 86_400;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut line =
        format!("{hours:02}:{minutes:02}:{seconds:02}.{:09}Z {}", time.subsec_nanos(), names.of(header.ingress));
    if header.egress != 0 {
        line += &format!(" > {}", names.of(header.egress));
    }
    match reason(header) {
        Some(reason) => line += &format!(" {} {}", reason.verdict().name(), reason.name()),
        None => line += &format!(" reason {}", header.reason),
    }
    line += ": ";
    describe(&mut line, frame);
    line += &format!(", {} octets", header.length);
    line
}

/// Addresses, ports and protocol, as far as they can be read.
fn describe(line: &mut String, frame: &[u8]) {
    let Ok(packet) = LaxSlicedPacket::from_ethernet(frame) else {
        *line += "no Ethernet header";
        return;
    };
    for tag in packet.vlan_ids() {
        *line += &format!("VLAN {} ", tag.value());
    }
    match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let (source, destination) = (ip.header().source_addr(), ip.header().destination_addr());
            addresses(line, source.into(), destination.into(), packet.transport.as_ref());
            protocol(line, ip.payload().ip_number, packet.transport.as_ref());
            *line += &format!(", ttl {}", ip.header().ttl());
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let (source, destination) = (ip.header().source_addr(), ip.header().destination_addr());
            addresses(line, source.into(), destination.into(), packet.transport.as_ref());
            protocol(line, ip.payload().ip_number, packet.transport.as_ref());
            *line += &format!(", hop limit {}", ip.header().hop_limit());
        }
        Some(LaxNetSlice::Arp(arp)) => {
            let (from, to) = (address(arp.sender_protocol_addr()), address(arp.target_protocol_addr()));
            *line += &match arp.operation() {
                ArpOperation::REQUEST => format!("ARP: {from} asks for {to}"),
                ArpOperation::REPLY => format!("ARP: {from} answers {to}"),
                ArpOperation(other) => format!("ARP operation {other} from {from} to {to}"),
            };
        }
        None => {
            let ethertype =
                packet.link.as_ref().and_then(|link| link.ether_payload()).map(|payload| payload.ether_type);
            *line += &match ethertype {
                Some(EtherType(number)) => format!("Ethertype {number:#06x}"),
                None => "cut off".to_owned(),
            };
        }
    }
}

/// An IPv4 address of an ARP packet; ARP knows others, too.
fn address(octets: &[u8]) -> String {
    <[u8; 4]>::try_from(octets).map_or_else(|_| "?".to_owned(), |octets| Ipv4Addr::from(octets).to_string())
}

fn addresses(line: &mut String, source: IpAddr, destination: IpAddr, transport: Option<&TransportSlice<'_>>) {
    let ports = match transport {
        Some(TransportSlice::Tcp(tcp)) => Some((tcp.source_port(), tcp.destination_port())),
        Some(TransportSlice::Udp(udp)) => Some((udp.source_port(), udp.destination_port())),
        Some(_) | None => None,
    };
    *line += &match ports {
        Some((from, to)) => format!("{} > {}", SocketAddr::new(source, from), SocketAddr::new(destination, to)),
        None => format!("{source} > {destination}"),
    };
}

fn protocol(line: &mut String, number: IpNumber, transport: Option<&TransportSlice<'_>>) {
    *line += &match number.keyword_str() {
        Some(name) => format!(" {name}"),
        None => format!(" protocol {}", number.0),
    };
    if let Some(TransportSlice::Tcp(tcp)) = transport {
        let flags = [(tcp.syn(), 'S'), (tcp.fin(), 'F'), (tcp.rst(), 'R'), (tcp.psh(), 'P'), (tcp.ack(), '.')];
        *line += &format!(" [{}]", flags.iter().filter(|flag| flag.0).map(|flag| flag.1).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use nva_common::Reason;
    use nva_common::capture::NO_GROUP;

    use super::*;
    use crate::control::{CaptureInterface, CaptureReply};

    fn shown(reason: Reason, egress: u32, frame: &[u8]) -> String {
        let port = |index, name: &str| CaptureInterface { index, name: name.to_owned(), mac: None, captured: true };
        let reply = CaptureReply { interfaces: vec![port(2, "eth0"), port(3, "eth1")], snap_length: 0 };
        let length = frame.len() as u32;
        let header = CaptureHeader {
            time: 0,
            ingress: 2,
            egress,
            reason: reason as u32,
            group: NO_GROUP,
            length,
            captured: length,
        };
        line(Duration::new(86_400 * 3 + 3_723, 45), &header, frame, &Named::of_reply(&reply))
    }

    #[test]
    fn a_packet_is_a_line() {
        let ethernet = || PacketBuilder::ethernet2([2; 6], [4; 6]);
        let mut udp = Vec::new();
        let packet = ethernet().ipv4([10, 1, 0, 2], [10, 2, 0, 3], 64).udp(12345, 53);
        packet.write(&mut udp, &[0; 18]).expect("written");
        assert_eq!(
            shown(Reason::Redirect, 3, &udp),
            "01:02:03.000000045Z eth0 > eth1 forward redirect: 10.1.0.2:12345 > 10.2.0.3:53 UDP, ttl 64, 60 octets"
        );
        let mut tcp = Vec::new();
        let packet = ethernet().ipv6([1; 16], [2; 16], 1).tcp(179, 4000, 1, 2).syn();
        packet.write(&mut tcp, &[]).expect("written");
        assert_eq!(
            shown(Reason::TtlExpired, 0, &tcp),
            "01:02:03.000000045Z eth0 pass ttl-expired: [101:101:101:101:101:101:101:101]:179 > \
             [202:202:202:202:202:202:202:202]:4000 TCP [S], hop limit 1, 74 octets"
        );
        assert!(shown(Reason::Redirect, 9, &udp).contains("eth0 > #9 forward"), "an interface without a name");
    }

    #[test]
    fn what_is_cut_off_or_not_ip_is_a_line_all_the_same() {
        let lldp = [&[2; 12][..], &[0x88, 0xcc, 1, 2]].concat();
        let text = |reason, frame: &[u8]| shown(reason, 0, frame).split_once(": ").expect("two halves").1.to_owned();
        assert_eq!(text(Reason::OtherProtocol, &lldp), "Ethertype 0x88cc, 16 octets");
        assert_eq!(text(Reason::Truncated, &[2; 9]), "no Ethernet header, 9 octets");
        let short = [&[2; 12][..], &[8, 0, 0x45, 0]].concat();
        assert_eq!(text(Reason::Truncated, &short), "Ethertype 0x0800, 16 octets");
        let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 2, 2, 2, 2, 2, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
        let arp = [&[2; 12][..], &[8, 6], &arp].concat();
        assert_eq!(text(Reason::Arp, &arp), "ARP: 10.0.0.1 asks for 10.0.0.2, 42 octets");
    }
}
