//! Whether packets from a source may come in by an interface: reverse path forwarding (RFC 3704), where it is switched on.

use aya_ebpf::programs::XdpContext;
use nva_common::{ANY_LINK, Group, GroupKind, LINKS, Port, Reason};

use crate::count::count;
use crate::frame;
use crate::maps::{GROUPS, SOURCE_COUNTERS};
use crate::packet::Packet;

/// Looks the source up as if it were a destination. One load of the port's flags if sources are not checked.
#[inline(always)]
pub fn check<P: Packet>(ctx: &XdpContext, port: Port, header: &P) -> Result<(), Reason> {
    if port.flags & (P::STRICT | P::LOOSE) == 0 {
        return Ok(());
    }
    let number = header.source_group().ok_or(Reason::NotConfigured)?;
    let group = GROUPS.get_ptr(number).ok_or(Reason::NotConfigured)?;
    let may = judge(ctx.ingress_ifindex() as u32, port.flags & P::STRICT != 0, group);
    if let Err(Reason::InvalidSource) = may {
        count(&SOURCE_COUNTERS, number, frame::length(ctx) as u64);
    }
    may
}

#[inline(always)]
fn judge(ingress: u32, strict: bool, group: *const Group) -> Result<(), Reason> {
    // SAFETY: a map element is valid for the whole program run. Volatile: user space may write.
    let kind = unsafe { (&raw const (*group).kind).read_volatile() };
    match GroupKind::from_number(kind) {
        Some(GroupKind::Forward | GroupKind::Unresolved | GroupKind::Kernel) => {
            let mut leads_back = false;
            let mut first = 0;
            for position in 0..LINKS {
                // SAFETY: as above; the position is below the number of links.
                let link = unsafe { (&raw const (*group).links[position]).read_volatile() };
                leads_back |= link == ingress || link == ANY_LINK;
                first = if position == 0 { link } else { first };
            }
            match first {
                0 => Err(Reason::SourceToKernel),
                _ if strict && !leads_back => Err(Reason::InvalidSource),
                _ => Ok(()),
            }
        }
        Some(GroupKind::NoRoute | GroupKind::Blackhole | GroupKind::Refused | GroupKind::Broadcast) => {
            Err(Reason::InvalidSource)
        }
        Some(GroupKind::Local | GroupKind::Overflow) | None => Err(Reason::SourceToKernel),
    }
}
