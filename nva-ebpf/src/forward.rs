//! The forwarder: what to do with a frame, and its rewriting if it goes out.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::programs::XdpContext;
use nva_common::header::{Ethernet, Ipv4, Ipv6, ethertype, flow_hash, has_ports};
use nva_common::{BUCKETS, Group, GroupKind, NextHop, Port, Reason, UNRESOLVED_NEXT_HOP};

use crate::frame;
use crate::maps::{CONFIG, DEVICES, GROUPS, NEXT_HOPS, PORTS};
use crate::packet::Packet;
use crate::source;
use crate::tap::Tap;
use crate::verdict::Outcome;

/// Where a packet goes, and how that is found.
pub trait Router {
    /// Decides on a packet that a router may forward, and sends it; the tap sees it before it is changed.
    fn route<P: Packet, T: Tap>(ctx: &XdpContext, port: Port, header: &P) -> Outcome;
}

/// Decides on a frame. The frame is changed only if the verdict is to forward it, and the tap has seen it before.
#[inline(always)]
pub fn forward<R: Router, T: Tap>(ctx: &XdpContext) -> Outcome {
    let (port, ethertype) = match receive(ctx) {
        Ok(received) => received,
        Err(reason) => return Outcome::without_group(reason),
    };
    match ethertype {
        ethertype::IPV4 => admit::<R, Ipv4, T>(ctx, port),
        ethertype::IPV6 => admit::<R, Ipv6, T>(ctx, port),
        ethertype::ARP => Outcome::without_group(Reason::Arp),
        ethertype::VLAN | ethertype::SERVICE_VLAN => Outcome::without_group(Reason::Vlan),
        _ => Outcome::without_group(Reason::OtherProtocol),
    }
}

/// The interface that the frame came in by, if it is one of ours and the frame is for it; and what is in the frame.
#[inline(always)]
fn receive(ctx: &XdpContext) -> Result<(Port, u16), Reason> {
    let ethernet = frame::ethernet(ctx).ok_or(Reason::Truncated)?;
    // SAFETY: `ethernet` lies in the frame.
    let ethernet = unsafe { *ethernet };
    let port = PORTS.get(ctx.ingress_ifindex() as u32).ok_or(Reason::NotConfigured)?;
    if port.flags & Port::ATTACHED == 0 {
        return Err(Reason::NotConfigured);
    }
    check_destination_mac(&ethernet, port)?;
    Ok((*port, ethernet.ethertype))
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

#[inline(always)]
fn admit<R: Router, P: Packet, T: Tap>(ctx: &XdpContext, port: Port) -> Outcome {
    match P::admit(ctx) {
        Ok(header) => R::route::<P, T>(ctx, port, &header),
        Err(reason) => Outcome::without_group(reason),
    }
}

/// Routes by our tables: by the group that the destination leads to.
pub struct Tables;

impl Router for Tables {
    #[inline(always)]
    fn route<P: Packet, T: Tap>(ctx: &XdpContext, port: Port, header: &P) -> Outcome {
        if let Err(reason) = source::check(ctx, port, header) {
            return Outcome::without_group(reason);
        }
        let Some(number) = header.group() else { return Outcome::without_group(Reason::NotConfigured) };
        let Some(group) = GROUPS.get_ptr(number) else { return Outcome::without_group(Reason::NotConfigured) };
        // SAFETY: a map element is valid for the whole program run. Volatile: user space may write.
        let kind = unsafe { (&raw const (*group).kind).read_volatile() };
        let reason = if kind == GroupKind::Forward as u32 {
            match send::<P, T>(ctx, port, header, number, group) {
                Ok(reason) | Err(reason) => reason,
            }
        } else {
            reason_of(kind)
        };
        Outcome { reason, group: Some(number) }
    }
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
fn send<P: Packet, T: Tap>(
    ctx: &XdpContext,
    port: Port,
    header: &P,
    number: u32,
    group: *const Group,
) -> Result<Reason, Reason> {
    if port.flags & P::FORWARDS == 0 {
        return Err(Reason::ForwardingOff);
    }
    if header.hop_limit() <= 1 {
        return Err(Reason::TtlExpired);
    }
    let slot = bucket(ctx, header, group);
    if slot == UNRESOLVED_NEXT_HOP {
        return Err(Reason::Unresolved);
    }
    let next_hop = NEXT_HOPS.get(slot).ok_or(Reason::NotConfigured)?;
    if frame::payload(ctx) > next_hop.mtu {
        return Err(Reason::TooBig);
    }
    let reason = leave(ctx, port, next_hop.ifindex)?;
    let reason = T::see(ctx, Outcome { reason, group: Some(number) }, next_hop.ifindex);
    rewrite(ctx, header, next_hop)?;
    Ok(reason)
}

/// The next hop of the packet's flow.
#[inline(always)]
fn bucket<P: Packet>(ctx: &XdpContext, header: &P, group: *const Group) -> u32 {
    // SAFETY: a map element is valid for the whole program run. Volatile: user space writes while we read.
    let mask = unsafe { (&raw const (*group).bucket_mask).read_volatile() };
    let index = if mask == 0 { 0 } else { flow(ctx, header) & mask } as usize & (BUCKETS - 1);
    let buckets = unsafe { (&raw const (*group).buckets).cast::<u32>() };
    // SAFETY: the index is below the number of buckets.
    unsafe { buckets.add(index).read_volatile() }
}

/// The hash of what all packets of a flow share.
#[inline(always)]
fn flow<P: Packet>(ctx: &XdpContext, header: &P) -> u32 {
    let seed = CONFIG.get(0).map_or(0, |config| config.hash_seed);
    let [source, destination] = ports(ctx, header);
    flow_hash(seed, header.addresses(), u32::from(source) << 16 | u32::from(destination), header.protocol())
}

/// Source and destination port as they lie in the frame: zeros if any packet of the flow may be without them.
#[inline(always)]
pub fn ports<P: Packet>(ctx: &XdpContext, header: &P) -> [u16; 2] {
    if !header.is_fragment() && has_ports(header.protocol()) {
        if let Some(pair) = frame::at::<[u16; 2]>(ctx, size_of::<Ethernet>() + size_of::<P>()) {
            // SAFETY: `pair` lies in the frame.
            return unsafe { *pair };
        }
    }
    [0, 0]
}

/// Makes sure that the egress interface can send, and tells the kernel to redirect there if it is not the ingress.
#[inline(always)]
pub fn leave(ctx: &XdpContext, port: Port, egress: u32) -> Result<Reason, Reason> {
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

/// New MACs, and one hop less to go.
#[inline(always)]
pub fn rewrite<P: Packet>(ctx: &XdpContext, header: &P, next_hop: &NextHop) -> Result<(), Reason> {
    let ethernet = frame::ethernet(ctx).ok_or(Reason::Truncated)?;
    let network = frame::network::<P>(ctx).ok_or(Reason::Truncated)?;
    let macs: *const NextHop = next_hop;
    let macs = macs.cast::<[u16; 6]>();
    // SAFETY: both headers lie in the frame; a next hop begins with both MACs and is aligned for words.
    unsafe {
        ethernet.cast::<[u16; 6]>().write(*macs);
        header.write_decremented(network);
    }
    Ok(())
}
