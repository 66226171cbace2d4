//! Diverse paths: several routers tell one route server about the same prefixes, and each tells another one of the equal
//! paths, so that the route server, which knows no ADD-PATH, hears of all of them.
//!
//! Who shares is known from BGP alone ([`super::hubs`]); which path is whose follows from that and from the paths, by a
//! rule that all of them compute alike: paths in the order of the next hops that are told, routers in the order of their
//! identifiers, the k-th router tells the path with number k modulo the number of paths. Where their views differ for a
//! while, two may tell the same path; nobody ever tells none while it has one.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::export::{Exported, Receiver, Surroundings, Unexported, export};
use crate::rib::Selected;

/// Our place among the routers that share out paths towards one route server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// How many come before us.
    pub index: usize,
    /// How many there are, ourselves included.
    pub of: usize,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hub {} of {}", self.index + 1, self.of)
    }
}

/// Which of several paths is told, and by what right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathNumber {
    /// Which one, counted from 0.
    pub index: usize,
    /// How many there are.
    pub of: usize,
    /// Our place among those who tell them.
    pub share: Share,
}

impl PathNumber {
    /// How many of the paths nobody tells, because there are fewer to tell than there are paths.
    pub fn hidden(self) -> usize {
        self.of.saturating_sub(self.share.of)
    }
}

impl fmt::Display for PathNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "path {} of {} ({})", self.index + 1, self.of, self.share)
    }
}

/// What the receiver is told of a prefix: the best route, or our share of those that are as good.
pub fn export_selected(
    selected: &Selected,
    to: Receiver<'_>,
    around: Surroundings<'_>,
) -> Result<Exported, Unexported> {
    let Some(share) = to.share.filter(|_| selected.diverse.len() > 1) else {
        return export(&selected.best, to, around);
    };
    // What the policy rejects or changes into the same is no path of its own, for any of those who share.
    let mut paths: BTreeMap<IpAddr, Exported> = BTreeMap::new();
    for route in std::iter::once(&selected.best).chain(&selected.diverse) {
        if let Ok(exported) = export(route, to, around) {
            paths.entry(exported.next_hop).or_insert(exported);
        }
    }
    // Of paths that the policy made differ in length the route server uses the shortest only.
    let length = |exported: &Exported| exported.attributes.as_path.hop_count();
    let shortest = paths.values().map(length).min();
    let mut paths: Vec<Exported> = paths.into_values().filter(|path| Some(length(path)) == shortest).collect();
    if paths.is_empty() {
        return export(&selected.best, to, around);
    }
    let (index, of) = (share.index % paths.len(), paths.len());
    let path = (of > 1).then_some(PathNumber { index, of, share });
    Ok(Exported { path, ..paths.swap_remove(index) })
}
