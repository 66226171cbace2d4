//! What the kernel says over netlink: the messages of a datagram become events, and these the state of the machine.

use nva::host::HostState;
use nva::kernel;

/// A datagram from the kernel.
pub fn netlink(octets: &[u8]) {
    let mut host = HostState::default();
    for event in kernel::events(octets) {
        match event {
            Ok(event) => {
                host.apply(event);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    // What is known of the machine is not contradictory.
    for route in host.routes() {
        let routes = host.routes_of(route.prefix);
        assert!(routes.contains(route), "{route:?} is not among {routes:?}");
        assert!(host.best_route(route.prefix).is_none_or(|best| routes.contains(best)), "{routes:?}");
        if let Some(way) = host.resolve(route.prefix.address()) {
            assert!(!way.hops.is_empty() && way.hops.iter().all(|hop| host.is_up(hop.link)), "{way:?}");
        }
    }
    for address in host.addresses() {
        assert!(host.is_own_address(address.address), "{address:?}");
    }
}
