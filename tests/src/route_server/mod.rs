//! Azure Route Server, emulated: two instances of AS 65515, each a whole `nva` speaker in its own namespace, and one
//! programmer that puts what they learn into every NIC of the fabric.
//!
//! The instances share nothing but their configuration, so a peer that talks to one of them only shows as it would in
//! Azure. Runs as a process of its own (`nva-lab route-server`) and answers on a unix socket with a [`Report`].
//
// GAP(Azure): routes learned from one peer are never told to another (there is no gateway and no branch-to-branch), and
// there is no limit to the number of routes.

mod client;
mod instance;
mod peerings;
mod report;
mod selection;
mod server;

pub use client::{RouteServer, ask};
pub use peerings::{Refused, accept};
pub use report::{AdvertisedRoute, InstanceReport, LearnedRoute, PeerReport, Report};
pub use selection::select;
pub use server::run;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fabric::Fabric;
use crate::netns::Namespace;
use crate::topology::{Peering, RouteServerInstance};

/// What the process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Specification {
    /// The instances with their namespaces.
    pub instances: Vec<(RouteServerInstance, Namespace)>,
    /// The peerings that somebody asked for, in that order.
    pub peerings: Vec<Peering>,
    /// The fabric whose NICs it programs.
    pub fabric: Fabric,
    /// Where it answers.
    pub socket: PathBuf,
}
