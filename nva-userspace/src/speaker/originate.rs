//! Which prefixes we originate, as a function of the configuration and the machine's network.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::config::Originate;
use crate::host::{Address, HostState};
use crate::net::Prefix;

/// The prefixes to originate now.
pub fn originated(config: &Originate, host: &HostState) -> BTreeSet<Prefix> {
    let mut prefixes: BTreeSet<Prefix> = config.prefixes.iter().copied().collect();
    prefixes.extend(addresses(&config.interfaces, host).filter_map(own_prefix));
    prefixes.extend(addresses(&config.connected, host).filter_map(subnet));
    prefixes
}

/// The addresses of those interfaces that are up, but not those that mean nothing beyond their link or machine.
fn addresses<'a>(interfaces: &'a [String], host: &'a HostState) -> impl Iterator<Item = &'a Address> {
    let links = interfaces.iter().filter_map(|name| host.link_by_name(name)).filter(|link| link.up);
    links.flat_map(|link| host.addresses_of(link.index)).filter(|own| match own.address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    })
}

/// The address with the length that it was configured with. On a point-to-point interface that length is the other
/// end's, and our own address stands alone.
fn own_prefix(own: &Address) -> Option<Prefix> {
    match own.peer {
        Some(_) => Some(Prefix::host(own.address)),
        None => Prefix::new(own.address, own.prefix_len).ok(),
    }
}

/// The subnet that the address connects us to.
fn subnet(own: &Address) -> Option<Prefix> {
    Prefix::new(own.peer.unwrap_or(own.address), own.prefix_len).ok()
}
