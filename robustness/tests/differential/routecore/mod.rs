//! The reading of routecore, NLnet Labs' library for route collectors and daemons: a message with an attribute of a wrong
//! length is refused as a whole, and values are read when they are asked for.

mod classes;

use std::net::IpAddr;

use nva::net::Prefix;
use nva::packet::CodecContext;
use routecore::bgp::message::update::{SessionConfig, UpdateMessage};
use routecore::bgp::nlri::afisafi::{AfiSafiNlri, AfiSafiType, Nlri};
use routecore::bgp::nlri::nexthop::NextHop;

pub use classes::CLASSES;

use crate::ours::large;
use crate::reading::{Field, Parts, Reading, Routes, listed, path, set};

/// What it makes of a frame.
pub fn read(frame: &[u8], context: &CodecContext) -> Reading {
    let session = if context.four_octet_as { SessionConfig::modern() } else { SessionConfig::legacy() };
    let update = UpdateMessage::from_octets(frame, &session)?;
    let routes = routes(&update, context)?.texts();
    Ok(Parts::new(routes.into_iter().chain(attributes(&update))))
}

fn routes(update: &UpdateMessage<&[u8]>, context: &CodecContext) -> Result<Routes, String> {
    let mut routes = Routes::default();
    let of_session = |prefix: &Prefix| context.families.contains(&prefix.family());
    for nlri in update.withdrawals_vec().map_err(|error| error.to_string())? {
        routes.withdrawn.extend(prefix(&nlri).filter(of_session));
    }
    let conventional = update.conventional_announcements().map_err(|error| error.to_string())?;
    let conventional = conventional.map(|nlri| (nlri, update.find_next_hop(AfiSafiType::Ipv4Unicast)));
    let multiprotocol = update.mp_announcements().map_err(|error| error.to_string())?;
    let multiprotocol = multiprotocol.into_iter().flatten().map(|nlri| {
        let next_hop = update.mp_next_hop().map(|found| found.expect("MP_REACH_NLRI is there"));
        (nlri, next_hop)
    });
    for (nlri, next_hop) in conventional.chain(multiprotocol) {
        let nlri = nlri.map_err(|error| error.to_string())?;
        let Some(prefix) = prefix(&nlri).filter(of_session) else { continue };
        let next_hop = match next_hop.map_err(|error| error.to_string())? {
            NextHop::Unicast(address) => address,
            NextHop::Ipv6LL { global, .. } => IpAddr::V6(global),
            other => return Err(format!("next hop {other}")),
        };
        routes.announced.insert(prefix, Some(next_hop));
    }
    Ok(routes)
}

fn prefix<O>(nlri: &Nlri<O>) -> Option<Prefix> {
    let prefix = match nlri {
        Nlri::Ipv4Unicast(nlri) => *nlri.nlri(),
        Nlri::Ipv6Unicast(nlri) => *nlri.nlri(),
        _ => return None,
    };
    Some(Prefix::new(prefix.addr(), prefix.len()).expect("a prefix"))
}

fn attributes(update: &UpdateMessage<&[u8]>) -> [(Field, Result<String, String>); 9] {
    let path = update.aspath().map(|found| {
        found.map(|found| {
            path(found.segments().map(|segment| {
                // It shows a segment's type in text and octets only.
                let mut octets = Vec::new();
                segment.compose(&mut octets).expect("a vector grows");
                (octets[0], segment.asns().map(|asn| asn.into_u32()).collect())
            }))
        })
    });
    let aggregator =
        update.aggregator().map(|found| found.map(|it| format!("{} {}", it.asn().into_u32(), it.address())));
    let communities = update.communities().map(|found| found.map(|list| set(list.map(|it| it.to_u32()))));
    let extended =
        update.ext_communities().map(|found| found.map(|list| set(list.map(|it| u64::from_be_bytes(it.to_raw())))));
    let wide = update.large_communities().map(|found| found.map(|list| set(list.map(|it| large(it.to_raw())))));
    let origin = update.origin().map(|found| found.map(|origin| u8::from(origin).to_string()));
    let med = update.multi_exit_disc().map(|found| found.map(|med| med.0.to_string()));
    let local_pref = update.local_pref().map(|found| found.map(|it| it.0.to_string()));
    let atomic = update.is_atomic_aggregate().map(|atomic| Some(atomic.to_string()));
    let all = [
        (Field::Origin, origin),
        (Field::AsPath, path),
        (Field::Med, med),
        (Field::LocalPref, local_pref),
        (Field::AtomicAggregate, atomic),
        (Field::Aggregator, aggregator),
        (Field::Communities, communities),
        (Field::ExtendedCommunities, extended),
        (Field::LargeCommunities, wide),
    ];
    all.map(|(field, found)| (field, found.map(listed).map_err(|error| error.to_string())))
}
