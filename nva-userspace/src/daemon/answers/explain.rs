//! `nva explain`.

use std::net::IpAddr;

use super::{hops, refuse, routes, xdp};
use crate::control::{Announcement, Explanation, KernelPath, Refusal, Told};
use crate::daemon::State;
use crate::host::RouteKind;
use crate::net::Prefix;
use crate::speaker::Peer;

pub fn explain(state: &State<'_>, target: &str) -> Result<Explanation, Refusal> {
    let (address, prefix) = match (target.parse::<IpAddr>(), target.parse::<Prefix>()) {
        (Ok(address), _) => (address, covering(state, address)),
        (Err(_), Ok(prefix)) => (prefix.address(), Some(prefix)),
        (Err(_), Err(error)) => return refuse(format!("neither an address nor a prefix: {error}")),
    };
    let prefix = prefix.filter(|prefix| !state.speaker.rib().candidates(*prefix).is_empty());
    let routes = prefix.map_or_else(Vec::new, |prefix| {
        let candidates = state.speaker.rib().candidates(prefix);
        candidates.iter().map(|candidate| routes::reply(state, candidate)).collect()
    });
    let peers = prefix
        .map_or_else(Vec::new, |prefix| state.speaker.peers().iter().map(|peer| told(state, peer, prefix)).collect());
    Ok(Explanation {
        target: target.to_owned(),
        prefix: prefix.map(|prefix| prefix.to_string()),
        routes,
        peers,
        kernel: kernel(state, address),
        xdp: xdp::path(state, address),
    })
}

/// The longest prefix with a route in use that holds the address; else one whose routes are all unused.
fn covering(state: &State<'_>, address: IpAddr) -> Option<Prefix> {
    let rib = state.speaker.rib();
    let in_use = rib.longest_match(address).map(|(prefix, _)| prefix);
    let family = crate::net::AfiSafi::of(address);
    in_use.or_else(|| rib.prefixes(family).filter(|prefix| prefix.contains(address)).max_by_key(|prefix| prefix.len()))
}

fn told(state: &State<'_>, peer: &Peer, prefix: Prefix) -> Told {
    let name = peer.config().name.clone();
    match state.speaker.exported(peer.id(), prefix) {
        None => {
            let reason = match peer.established() {
                None => format!("the session is {}", peer.session().state()),
                Some(_) => "no route is in use".to_owned(),
            };
            Told { peer: name, announcement: None, reason }
        }
        Some(Err(reason)) => Told { peer: name, announcement: None, reason: reason.to_string() },
        Some(Ok(exported)) => {
            let announcement = Announcement {
                next_hop: exported.next_hop.to_string(),
                next_hop_rule: exported.rule.to_string(),
                as_path: exported.attributes.as_path.to_string(),
            };
            let path = exported.path.map_or_else(String::new, |path| format!(", {path}"));
            let reason = format!("accepted by {}{path}", exported.decided_by);
            Told { peer: name, announcement: Some(announcement), reason }
        }
    }
}

fn kernel(state: &State<'_>, address: IpAddr) -> KernelPath {
    let host = state.speaker.host();
    let Some(route) = host.longest_match(address) else {
        return KernelPath { prefix: None, kind: "unreachable".to_owned(), protocol: None, hops: Vec::new() };
    };
    let kind = match host.kind(route) {
        RouteKind::Unicast => "forward",
        RouteKind::Local => "local",
        RouteKind::Broadcast => "broadcast",
        RouteKind::Multicast => "multicast",
        RouteKind::Blackhole => "blackhole",
        RouteKind::Unreachable => "unreachable",
        RouteKind::Prohibit => "prohibit",
        RouteKind::Other => "other",
    };
    KernelPath {
        prefix: Some(route.prefix.to_string()),
        kind: kind.to_owned(),
        protocol: Some(protocol(route.protocol)),
        hops: hops(host.hops(route), host),
    }
}

/// The names of `/etc/iproute2/rt_protos` that one meets.
fn protocol(number: u8) -> String {
    match number {
        2 => "kernel".to_owned(),
        3 => "boot".to_owned(),
        4 => "static".to_owned(),
        12 => "bird".to_owned(),
        16 => "dhcp".to_owned(),
        186 => "bgp".to_owned(),
        other => other.to_string(),
    }
}
