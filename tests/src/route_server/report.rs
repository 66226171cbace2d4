//! What the route server knows, in the shapes of `az network routeserver peering`.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::Refused;
use crate::topology::Peering;

/// The weight of every route that a route server learns.
pub const LEARNED_WEIGHT: u32 = 32768;

/// Everything at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The peerings that were made.
    pub peerings: Vec<Peering>,
    /// Those that were not.
    pub refused: Vec<Refused>,
    /// Both instances.
    pub instances: Vec<InstanceReport>,
    /// What was put into every NIC: prefixes with their next hops.
    pub programmed: Vec<(Ipv4Net, Vec<Ipv4Addr>)>,
}

/// One instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceReport {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its sessions.
    pub peers: Vec<PeerReport>,
    /// What it learned, from all peers.
    pub learned: Vec<LearnedRoute>,
    /// What it tells.
    pub advertised: Vec<AdvertisedRoute>,
}

/// A session, which Azure's own interface does not show.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerReport {
    /// The peering's name.
    pub name: String,
    /// The peer's address.
    pub address: Ipv4Addr,
    /// The state of the session.
    pub state: String,
    /// Whether that is Established.
    pub established: bool,
}

/// A learned route as `list-learned-routes` shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LearnedRoute {
    /// The prefix.
    pub network: Ipv4Net,
    /// The peer that taught it.
    pub source_peer: Ipv4Addr,
    /// The AS path, its numbers joined by `-`.
    pub as_path: String,
    /// The instance.
    pub local_address: Ipv4Addr,
    /// The next hop, as it came.
    pub next_hop: Ipv4Addr,
    /// `EBgp`
    pub origin: String,
    /// Always the same.
    pub weight: u32,
}

/// An advertised route as `list-advertised-routes` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdvertisedRoute {
    /// The prefix.
    pub network: Ipv4Net,
    /// The AS path.
    pub as_path: String,
    /// The instance.
    pub local_address: Ipv4Addr,
    /// The next hop: the instance.
    pub next_hop: Ipv4Addr,
    /// `Igp`
    pub origin: String,
    /// Zero.
    pub weight: u32,
}

impl Report {
    /// The learned routes of one peering in Azure's shape: `RouteServiceRole_IN_0`, `…_IN_1`.
    pub fn learned_from(&self, peer: Ipv4Addr) -> serde_json::Value {
        let roles = self.instances.iter().enumerate().map(|(number, instance)| {
            let routes: Vec<&LearnedRoute> =
                instance.learned.iter().filter(|route| route.source_peer == peer).collect();
            (format!("RouteServiceRole_IN_{number}"), serde_json::json!(routes))
        });
        let mut object: serde_json::Map<String, serde_json::Value> = roles.collect();
        object.insert("value".to_owned(), serde_json::Value::Null);
        serde_json::Value::Object(object)
    }
}
