//! Which learned routes a NIC gets.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::LearnedRoute;
use crate::fabric::Program;

/// The shortest AS paths of each prefix over all instances; their next hops share the traffic, each once, however many
/// peers and instances know of it.
pub fn select<'a>(learned: impl IntoIterator<Item = &'a LearnedRoute>) -> Program {
    let mut best: BTreeMap<Ipv4Net, usize> = BTreeMap::new();
    let mut program = Program::new();
    for route in learned {
        let length = route.as_path.split('-').count();
        let shortest = best.entry(route.network).or_insert(length);
        let next_hops = program.entry(route.network).or_default();
        if length < *shortest {
            *shortest = length;
            next_hops.clear();
        }
        if length == *shortest {
            next_hops.insert(route.next_hop);
        }
    }
    program
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::route_server::report::LEARNED_WEIGHT;
    use crate::topology::in_vnet;

    fn learned(as_path: &str, from: u8, next_hop: u8) -> LearnedRoute {
        LearnedRoute {
            network: Ipv4Net::from(Ipv4Addr::new(100, 0, 0, 100)),
            source_peer: in_vnet(from),
            as_path: as_path.to_owned(),
            local_address: in_vnet(4),
            next_hop: in_vnet(next_hop),
            origin: "EBgp".to_owned(),
            weight: LEARNED_WEIGHT,
        }
    }

    fn next_hops(routes: &[LearnedRoute]) -> Vec<Ipv4Addr> {
        select(routes).into_values().flatten().collect()
    }

    #[test]
    fn two_hubs_with_the_same_next_hop_give_one() {
        assert_eq!(next_hops(&[learned("65000-65100", 84, 100), learned("65000-65100", 85, 100)]), [in_vnet(100)]);
    }

    #[test]
    fn the_shortest_path_wins_in_any_order() {
        let mut routes = vec![learned("65000-65100-65100", 84, 100), learned("65000-65101", 85, 101)];
        assert_eq!(next_hops(&routes), [in_vnet(101)]);
        routes.reverse();
        assert_eq!(next_hops(&routes), [in_vnet(101)]);
    }

    #[test]
    fn paths_of_equal_length_share_the_traffic() {
        let routes = [learned("65000-65100", 84, 100), learned("65000-65101", 85, 101)];
        assert_eq!(next_hops(&routes), [in_vnet(100), in_vnet(101)]);
    }
}
