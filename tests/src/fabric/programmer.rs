//! Putting routes into every NIC, as the route server does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Fabric, Nic, SINK};
use crate::netns::Namespace;

/// Routes as they should be in every NIC: prefixes with their next hops.
pub type Program = BTreeMap<Ipv4Net, BTreeSet<Ipv4Addr>>;

/// Where a route of a NIC comes from. The kernel's protocol number remembers it, and its metric ranks routes of the
/// same prefix: user-defined before gateway (BGP) before system routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    User,
    Gateway,
    System,
}

impl Source {
    pub(super) const ALL: [Source; 3] = [Source::User, Source::Gateway, Source::System];

    pub(super) fn protocol(self) -> &'static str {
        match self {
            Source::User => "static",
            Source::Gateway => "bgp",
            Source::System => "kernel",
        }
    }

    pub(super) fn metric(self) -> u32 {
        match self {
            Source::User => 10,
            Source::Gateway => 20,
            Source::System => 30,
        }
    }
}

/// Keeps every NIC's routes as it is told.
#[derive(Debug)]
pub struct Programmer {
    namespace: Namespace,
    vnet: Ipv4Net,
    nics: Vec<Nic>,
    programmed: Program,
}

impl Programmer {
    /// For all NICs that the fabric has now.
    pub fn new(fabric: &Fabric) -> Programmer {
        Programmer {
            namespace: fabric.namespace.clone(),
            vnet: fabric.vnet,
            nics: fabric.nics.clone(),
            programmed: Program::new(),
        }
    }

    /// Changes what differs from `wanted`, in one batch.
    pub fn apply(&mut self, wanted: &Program) -> anyhow::Result<()> {
        let wanted: Program = wanted
            .iter()
            .filter(|(prefix, next_hops)| !next_hops.is_empty() && may_be_programmed(**prefix, self.vnet))
            .map(|(prefix, next_hops)| (*prefix, next_hops.clone()))
            .collect();
        let mut lines = String::new();
        for nic in &self.nics {
            for (prefix, next_hops) in &wanted {
                if self.programmed.get(prefix) != Some(next_hops) {
                    lines += &route_line("replace", nic, *prefix, next_hops, Source::Gateway, &self.nics);
                }
            }
            for (prefix, next_hops) in &self.programmed {
                if !wanted.contains_key(prefix) {
                    lines += &route_line("del", nic, *prefix, next_hops, Source::Gateway, &self.nics);
                }
            }
        }
        if !lines.is_empty() {
            self.namespace.ip_batch(&lines)?;
        }
        self.programmed = wanted;
        Ok(())
    }
}

/// Azure does not program prefixes equal to the VNet's or inside it: system routes win there in any case.
fn may_be_programmed(prefix: Ipv4Net, vnet: Ipv4Net) -> bool {
    !vnet.contains(&prefix)
}

/// The `ip` command for one route of one NIC. Every next hop is a NIC, or nobody: no lookup finds a way to it.
pub(super) fn route_line(
    verb: &str,
    nic: &Nic,
    prefix: Ipv4Net,
    next_hops: &BTreeSet<Ipv4Addr>,
    source: Source,
    nics: &[Nic],
) -> String {
    let (table, protocol, metric) = (nic.table, source.protocol(), source.metric());
    let mut line = format!("route {verb} {prefix} table {table} proto {protocol} metric {metric}");
    for next_hop in next_hops {
        let interface = nics.iter().find(|nic| nic.address == *next_hop).map_or(SINK, |nic| nic.interface.as_str());
        // Writing to a String cannot fail.
        let _ = write!(line, " nexthop via {next_hop} dev {interface} onlink");
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_inside_the_vnet_are_not_programmed() {
        let vnet = "10.13.76.0/24".parse().expect("a prefix");
        for (prefix, may) in [
            ("10.13.76.0/24", false),
            ("10.13.76.64/26", false),
            ("10.13.76.9/32", false),
            ("10.13.0.0/16", true),
            ("100.0.0.100/32", true),
            ("0.0.0.0/0", true),
        ] {
            assert_eq!(may_be_programmed(prefix.parse().expect("a prefix"), vnet), may, "{prefix}");
        }
    }
}
