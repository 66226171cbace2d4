//! Which prefixes we originate, as a function of the configuration and the machine's network.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::config::Originate;
use crate::host::{Address, HostState};
use crate::net::Prefix;

/// The prefixes to originate now.
pub fn originated(config: &Originate, host: &HostState) -> BTreeSet<Prefix> {
    let mut prefixes: BTreeSet<Prefix> = config.prefixes.iter().copied().collect();
    for name in config.interfaces.iter().chain(&config.connected) {
        let Some(link) = host.link_by_name(name) else { continue };
        if link.up {
            prefixes.extend(host.addresses_of(link.index).filter_map(subnet));
        }
    }
    prefixes
}

/// The prefix that an address stands for; none for those that mean nothing beyond their link or machine.
fn subnet(address: &Address) -> Option<Prefix> {
    let is_public = match address.address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    if !is_public {
        return None;
    }
    Prefix::new(address.peer.unwrap_or(address.address), address.prefix_len).ok()
}
