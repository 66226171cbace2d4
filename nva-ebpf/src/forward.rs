//! The forwarder: what to do with a frame, and its rewriting if it goes out.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::programs::XdpContext;
use nva_common::header::{Ethernet, Ipv4, ethertype, flow_hash, has_ports};
use nva_common::{BUCKETS, Group, GroupKind, NextHop, Port, Reason, UNRESOLVED_NEXT_HOP};

use crate::maps::{CONFIG, DEVICES, GROUPS, NEXT_HOPS, PORTS};
use crate::verdict::Outcome;
use crate::{frame, lookup};

/// Decides on a frame. The frame is changed only if the verdict is to forward it.
#[inline(always)]
pub fn forward(ctx: &XdpContext) -> Outcome {
    let (port, header) = match admit(ctx) {
        Ok(admitted) => admitted,
        Err(reason) => return Outcome::without_group(reason),
    };
    let Some(number) = lookup::group(header.destination()) else {
        return Outcome::without_group(Reason::NotConfigured);
    };
    let Some(group) = GROUPS.get_ptr(number) else { return Outcome::without_group(Reason::NotConfigured) };
    // SAFETY: a map element is valid for the whole program run. Volatile: user space may write.
    let kind = unsafe { (&raw const (*group).kind).read_volatile() };
    let reason = if kind == GroupKind::Forward as u32 {
        match send(ctx, port, &header, group) {
            Ok(reason) | Err(reason) => reason,
        }
    } else {
        reason_of(kind)
    };
    Outcome { reason, group: Some(number) }
}

/// Everything that is to be checked before the lookup: is this an IPv4 packet that a router may forward?
#[inline(always)]
fn admit(ctx: &XdpContext) -> Result<(Port, Ipv4), Reason> {
    let ethernet = frame::ethernet(ctx).ok_or(Reason::Truncated)?;
    // SAFETY: `ethernet` lies in the frame.
    let ethernet = unsafe { *ethernet };
    let port = ingress(ctx)?;
    check_destination_mac(&ethernet, &port)?;
    match ethernet.ethertype {
        ethertype::IPV4 => {}
        ethertype::IPV6 => return Err(Reason::Ipv6),
        ethertype::ARP => return Err(Reason::Arp),
        ethertype::VLAN | ethertype::SERVICE_VLAN => return Err(Reason::Vlan),
        _ => return Err(Reason::OtherProtocol),
    }
    let header = frame::ipv4(ctx).ok_or(Reason::Truncated)?;
    // SAFETY: `header` lies in the frame.
    let header = unsafe { *header };
    check_header(&header, frame::length(ctx) - size_of::<Ethernet>())?;
    check_addresses(header.source(), header.destination())?;
    Ok((port, header))
}

/// The interface that the frame came in by, if it is one of ours.
#[inline(always)]
fn ingress(ctx: &XdpContext) -> Result<Port, Reason> {
    let port = PORTS.get(ctx.ingress_ifindex() as u32).ok_or(Reason::NotConfigured)?;
    if port.flags & Port::ATTACHED == 0 { Err(Reason::NotConfigured) } else { Ok(*port) }
}

#[inline(always)]
fn check_destination_mac(ethernet: &Ethernet, port: &Port) -> Result<(), Reason> {
    if ethernet.destination[0].to_ne_bytes()[0] & 1 != 0 {
        return Err(Reason::GroupMac);
    }
    let [a, b, c, d, e, f] = port.mac;
    let own = [u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]), u16::from_ne_bytes([e, f])];
    let [first, second, third] = ethernet.destination;
    if first != own[0] || second != own[1] || third != own[2] { Err(Reason::NotOurMac) } else { Ok(()) }
}

/// RFC 1812 §5.2.2.
#[inline(always)]
fn check_header(header: &Ipv4, available: usize) -> Result<(), Reason> {
    let first = header.version_and_length();
    if first != Ipv4::VERSION_AND_LENGTH {
        return Err(if first > Ipv4::VERSION_AND_LENGTH && first < 0x50 {
            Reason::Options
        } else {
            Reason::BadVersion
        });
    }
    let length = header.total_length() as usize;
    if length < Ipv4::LEN || length > available {
        return Err(Reason::BadLength);
    }
    if !header.checksum_is_valid() {
        return Err(Reason::BadChecksum);
    }
    Ok(())
}

/// RFC 1812 §5.3.7, as far as no configuration of the kernel could accept the packet.
// GAP(RFC 1812 §5.3.8): sources are not validated; what arrives on the wrong interface, or claims to be from us, is forwarded.
#[inline(always)]
fn check_addresses(source: u32, destination: u32) -> Result<(), Reason> {
    const LIMITED_BROADCAST: u32 = u32::MAX;
    if destination >> 28 == 0xe || destination == LIMITED_BROADCAST || (source == 0 && destination == 0) {
        return Err(Reason::GroupAddress);
    }
    if source >> 24 == 127 || destination >> 24 == 127 {
        return Err(Reason::Loopback);
    }
    if source >> 28 == 0xe || source == LIMITED_BROADCAST || source == 0 {
        return Err(Reason::MartianSource);
    }
    if destination == 0 {
        return Err(Reason::MartianDestination);
    }
    Ok(())
}

/// Why the packets of a group that does not forward go where they go.
#[inline(always)]
fn reason_of(kind: u32) -> Reason {
    match GroupKind::from_number(kind) {
        Some(GroupKind::NoRoute) => Reason::NoRoute,
        Some(GroupKind::Local) => Reason::Local,
        Some(GroupKind::Blackhole) => Reason::Blackhole,
        Some(GroupKind::Unresolved) => Reason::Unresolved,
        Some(GroupKind::Refused) => Reason::Refused,
        Some(GroupKind::Broadcast) => Reason::GroupAddress,
        Some(GroupKind::Kernel) => Reason::KernelRoute,
        Some(GroupKind::Overflow) => Reason::Overflow,
        Some(GroupKind::Forward) | None => Reason::NotConfigured,
    }
}

/// Chooses the next hop, makes sure that it can be sent to, and only then rewrites the frame.
#[inline(always)]
fn send(ctx: &XdpContext, port: Port, header: &Ipv4, group: *const Group) -> Result<Reason, Reason> {
    if port.flags & Port::FORWARDS == 0 {
        return Err(Reason::ForwardingOff);
    }
    if header.ttl() <= 1 {
        return Err(Reason::TtlExpired);
    }
    let slot = bucket(ctx, header, group);
    if slot == UNRESOLVED_NEXT_HOP {
        return Err(Reason::Unresolved);
    }
    let next_hop = NEXT_HOPS.get(slot).ok_or(Reason::NotConfigured)?;
    if u32::from(header.total_length()) > next_hop.mtu {
        return Err(Reason::TooBig);
    }
    let reason = leave(ctx, port, next_hop.ifindex)?;
    rewrite(ctx, header, next_hop)?;
    Ok(reason)
}

/// The next hop of the packet's flow.
#[inline(always)]
fn bucket(ctx: &XdpContext, header: &Ipv4, group: *const Group) -> u32 {
    // SAFETY: a map element is valid for the whole program run. Volatile: user space writes while we read.
    let mask = unsafe { (&raw const (*group).bucket_mask).read_volatile() };
    let index = if mask == 0 { 0 } else { flow(ctx, header) & mask } as usize & (BUCKETS - 1);
    let buckets = unsafe { (&raw const (*group).buckets).cast::<u32>() };
    // SAFETY: the index is below the number of buckets.
    unsafe { buckets.add(index).read_volatile() }
}

/// The hash of what all packets of a flow share: the ports only where no packet of it is a fragment's remainder.
#[inline(always)]
fn flow(ctx: &XdpContext, header: &Ipv4) -> u32 {
    let seed = CONFIG.get(0).map_or(0, |config| config.hash_seed);
    let mut ports = 0;
    if !header.is_fragment() && has_ports(header.protocol()) {
        if let Some(pair) = frame::at::<[u16; 2]>(ctx, size_of::<Ethernet>() + Ipv4::LEN) {
            // SAFETY: `pair` lies in the frame.
            let [source, destination] = unsafe { *pair };
            ports = u32::from(source) << 16 | u32::from(destination);
        }
    }
    flow_hash(seed, header.source(), header.destination(), ports, header.protocol())
}

/// Makes sure that the egress interface can send, and tells the kernel to redirect there if it is not the ingress.
#[inline(always)]
fn leave(ctx: &XdpContext, port: Port, egress: u32) -> Result<Reason, Reason> {
    let hairpin = egress == ctx.ingress_ifindex() as u32;
    let target = if hairpin { port.flags } else { PORTS.get(egress).ok_or(Reason::NotConfigured)?.flags };
    let transmits = target & Port::TRANSMITS != 0 || (port.flags & Port::GENERIC != 0 && target & Port::ATTACHED != 0);
    if !transmits {
        return Err(Reason::CannotTransmit);
    }
    if hairpin {
        return Ok(Reason::Hairpin);
    }
    // If the device is not there, nothing has been changed yet and the packet can still be passed.
    match DEVICES.redirect(egress, xdp_action::XDP_PASS.into()) {
        Ok(_) => Ok(Reason::Redirect),
        Err(_) => Err(Reason::CannotTransmit),
    }
}

/// New MACs, TTL and checksum.
#[inline(always)]
fn rewrite(ctx: &XdpContext, header: &Ipv4, next_hop: &NextHop) -> Result<(), Reason> {
    let (ethernet, ipv4) = (frame::ethernet(ctx).ok_or(Reason::Truncated)?, frame::ipv4(ctx).ok_or(Reason::Truncated)?);
    let (ttl_and_protocol, checksum) = header.with_ttl_decremented();
    let macs: *const NextHop = next_hop;
    let macs = macs.cast::<[u16; 6]>();
    // SAFETY: both headers lie in the frame; a next hop begins with both MACs and is aligned for words.
    unsafe {
        ethernet.cast::<[u16; 6]>().write(*macs);
        (*ipv4).0[4] = ttl_and_protocol;
        (*ipv4).0[5] = checksum;
    }
    Ok(())
}
