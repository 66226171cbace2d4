//! Who is in the virtual network.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::daemon::{Kind, Relation, Router, TowardsRouteServer};

/// The AS of every Azure Route Server.
pub const ROUTE_SERVER_ASN: u32 = 65515;

/// The AS of the article's hubs.
pub const HUB_ASN: u32 = 65000;

/// The AS of the article's first NVA; the others follow.
pub const FIRST_NVA_ASN: u32 = 65100;

/// The article's VNet.
pub const VNET: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 13, 76, 0), 24);

/// The network behind the first NVA, which the article only speaks of.
pub const BRANCH: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 200, 0, 0), 24);

/// The host in it.
pub const BRANCH_HOST: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 10);

/// The number of NVAs in the article.
pub const NVAS: u8 = 10;

/// The most peers that a route server takes.
pub const MOST_PEERS: usize = 8;

/// A VM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its address in the VNet.
    pub address: Ipv4Addr,
    /// Addresses on its loopback.
    pub loopbacks: Vec<Ipv4Net>,
    /// A network behind its second NIC.
    pub behind: Option<Behind>,
    /// Whether it forwards packets.
    pub forwards: bool,
    /// What runs on it.
    pub runs: Option<(Kind, Router)>,
}

impl Machine {
    /// A VM that only has an address.
    pub fn new(name: &str, address: Ipv4Addr) -> Machine {
        Machine { name: name.to_owned(), address, loopbacks: Vec::new(), behind: None, forwards: false, runs: None }
    }

    /// With a daemon, and forwarding.
    #[must_use]
    pub fn running(mut self, kind: Kind, router: Router) -> Machine {
        self.forwards = true;
        self.runs = Some((kind, router));
        self
    }
}

/// A network outside the VNet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Behind {
    /// The name of the host in it.
    pub name: String,
    /// Its addresses; the VM has the first one.
    pub network: Ipv4Net,
    /// The host's address.
    pub host: Ipv4Addr,
}

/// One instance of the route server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteServerInstance {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
}

/// A peer that the route server is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peering {
    /// The name of the peering.
    pub name: String,
    /// The peer's AS.
    pub asn: u32,
    /// The peer's address.
    pub address: Ipv4Addr,
}

/// A virtual network and what is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Topology {
    /// The VNet.
    pub vnet: Ipv4Net,
    /// The route server's instances; none: there is no route server.
    pub route_server: Vec<RouteServerInstance>,
    /// Its peerings, in the order in which somebody asks for them.
    pub peerings: Vec<Peering>,
    /// The VMs.
    pub machines: Vec<Machine>,
}

/// What may differ from the article.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// What runs on the hubs; `None`: no hubs, and each NVA peers with the route server.
    pub hubs: Option<Kind>,
    /// What runs on the NVAs.
    pub nvas: Kind,
    /// The next hop with which hubs pass the NVAs' routes on.
    pub next_hop: TowardsRouteServer,
}

impl Topology {
    /// The article's network.
    pub fn article(choices: Choices) -> Topology {
        let route_server: Vec<_> = [("rs0", 4), ("rs1", 5)]
            .map(|(name, last)| RouteServerInstance { name: name.to_owned(), address: in_vnet(last) })
            .into();
        let hubs = if choices.hubs.is_some() { vec![("hub0", in_vnet(84)), ("hub1", in_vnet(85))] } else { Vec::new() };
        let towards_servers = |mut router: Router| {
            for server in &route_server {
                let relation = Relation::RouteServer(choices.next_hop);
                router = router.peer(&server.name, ROUTE_SERVER_ASN, server.address, relation);
            }
            router
        };
        let mut machines = vec![Machine::new("vm", in_vnet(10))];
        for (name, address) in &hubs {
            let mut router = Router::new(HUB_ASN, *address);
            for number in 0..NVAS {
                router = router.peer(&nva_name(number), nva_asn(number), nva_address(number), Relation::Leaf);
            }
            let kind = choices.hubs.unwrap_or(Kind::Nva);
            machines.push(Machine::new(name, *address).running(kind, towards_servers(router)));
        }
        for number in 0..NVAS {
            let mut router = Router::new(nva_asn(number), nva_address(number));
            for (name, address) in &hubs {
                router = router.peer(name, HUB_ASN, *address, Relation::Hub);
            }
            if hubs.is_empty() {
                router = towards_servers(router);
            }
            machines.push(nva(number, choices.nvas, router));
        }
        let peering = |number: usize, asn, address| Peering { name: format!("peer{}", number + 1), asn, address };
        let peerings = if hubs.is_empty() {
            (0..NVAS).map(|number| peering(number.into(), nva_asn(number), nva_address(number))).collect()
        } else {
            hubs.iter().enumerate().map(|(number, (_, address))| peering(number, HUB_ASN, *address)).collect()
        };
        Topology { vnet: VNET, route_server, peerings, machines }
    }

    /// The machine with a name.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.name == name)
    }
}

/// `nva0` to `nva9`.
pub fn nva_name(number: u8) -> String {
    format!("nva{number}")
}

/// Each NVA's AS.
pub fn nva_asn(number: u8) -> u32 {
    FIRST_NVA_ASN + u32::from(number)
}

/// Each NVA's address in the VNet.
pub fn nva_address(number: u8) -> Ipv4Addr {
    in_vnet(100 + number)
}

/// Each NVA's address on its loopback.
pub fn nva_loopback(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(100, 0, 0, 100 + number)
}

/// An address in the article's VNet.
pub fn in_vnet(last: u8) -> Ipv4Addr {
    let [a, b, c, _] = VNET.addr().octets();
    Ipv4Addr::new(a, b, c, last)
}

/// An NVA with its loopback address; the first has a branch behind it.
fn nva(number: u8, kind: Kind, mut router: Router) -> Machine {
    router.loopbacks = vec!["lo".to_owned()];
    router.xdp = vec!["eth0".to_owned()];
    let mut machine = Machine::new(&nva_name(number), nva_address(number));
    machine.loopbacks = vec![Ipv4Net::from(nva_loopback(number))];
    if number == 0 {
        router.connected = vec!["eth1".to_owned()];
        router.xdp.push("eth1".to_owned());
        machine.behind = Some(Behind { name: "branch0".to_owned(), network: BRANCH, host: BRANCH_HOST });
    }
    machine.running(kind, router)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOICES: Choices = Choices { hubs: Some(Kind::Nva), nvas: Kind::Nva, next_hop: TowardsRouteServer::Keep };

    #[test]
    fn the_article_has_two_peers_and_twelve_sessions_on_a_hub() {
        let article = Topology::article(CHOICES);
        assert_eq!(
            article.peerings.iter().map(|peering| peering.address).collect::<Vec<_>>(),
            [in_vnet(84), in_vnet(85)]
        );
        let (_, hub) = article.machine("hub0").and_then(|hub| hub.runs.as_ref()).expect("hub0 runs something");
        assert_eq!(hub.peers.len(), 12);
        assert_eq!(article.machines.len(), 13);
    }

    #[test]
    fn without_hubs_ten_peers_want_the_route_server() {
        let article = Topology::article(Choices { hubs: None, ..CHOICES });
        assert_eq!(article.peerings.len(), 10);
        assert!(article.machine("hub0").is_none());
    }
}
