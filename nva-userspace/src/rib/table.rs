//! The table behind the RIB: all paths by prefix, with what was selected among them, and two indices over it.
//!
//! The indices name the prefixes of a source and those of a next hop, so that neither a peer's end nor a next hop's
//! change has to look at the whole table. Everything is kept in order, since every listing shows in some output.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::net::IpAddr;
use std::ops::Bound;

use super::decision::{self, Contender, DecisionConfig};
use super::path::{Counts, NextHops, Path, RibDelta, Selected};
use crate::net::{AfiSafi, Prefix};
use crate::route::{PeerId, Route};

/// Who routes come from; `None` is this router itself.
pub(super) type SourceKey = Option<PeerId>;

/// A part of a table.
pub(super) type Range = (Bound<Prefix>, Bound<Prefix>);

/// The paths to one prefix.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// At most one for each source, ordered by source.
    pub paths: Vec<Path>,
    /// What the decision process chose at its last run.
    pub selected: Option<Selected>,
}

/// All paths.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<Prefix, Entry>,
    by_source: BTreeMap<SourceKey, SourceIndex>,
    /// The prefixes that have an accepted path through the address.
    by_next_hop: BTreeMap<IpAddr, BTreeSet<Prefix>>,
    selected: usize,
}

#[derive(Debug, Default)]
struct SourceIndex {
    prefixes: BTreeSet<Prefix>,
    /// By family, so that limits can be held against them.
    counts: BTreeMap<AfiSafi, Counts>,
}

impl SourceIndex {
    fn counts_of(&mut self, prefix: Prefix) -> &mut Counts {
        self.counts.entry(prefix.family()).or_default()
    }
}

impl Table {
    /// Puts a path in, in place of the one that its source had for the prefix. To be followed by [`Table::decide`].
    pub fn insert(&mut self, path: Path) {
        let (prefix, source) = (path.received.prefix, path.received.source.peer());
        let (accepted, next_hop) = (path.import().is_ok(), path.next_hop());
        let entry = self.entries.entry(prefix).or_default();
        let replaced = match entry.position(source) {
            Ok(index) => Some(mem::replace(&mut entry.paths[index], path)),
            Err(index) => {
                // Most prefixes have one path for ever: no room for more than there are.
                entry.paths.reserve_exact(1);
                entry.paths.insert(index, path);
                None
            }
        };
        if let Some(replaced) = replaced {
            self.forget(prefix, source, &replaced);
        }
        let index = self.by_source.entry(source).or_default();
        let new = index.prefixes.insert(prefix);
        let counts = index.counts_of(prefix);
        counts.received += usize::from(new);
        counts.accepted += usize::from(accepted);
        if let Some(address) = next_hop {
            self.by_next_hop.entry(address).or_default().insert(prefix);
        }
    }

    /// Takes the source's path out; whether there was one. To be followed by [`Table::decide`].
    pub fn remove(&mut self, prefix: Prefix, source: SourceKey) -> bool {
        let Some(entry) = self.entries.get_mut(&prefix) else { return false };
        let Ok(index) = entry.position(source) else { return false };
        let removed = entry.paths.remove(index);
        self.forget(prefix, source, &removed);
        if let Some(index) = self.by_source.get_mut(&source) {
            index.prefixes.remove(&prefix);
            index.counts_of(prefix).received -= 1;
        }
        self.forget_source_without_routes(source);
        true
    }

    /// Runs the decision process for the prefix, and returns what it changed.
    pub fn decide(&mut self, prefix: Prefix, config: &DecisionConfig, next_hops: &dyn NextHops) -> Option<RibDelta> {
        let Slot::Occupied(mut slot) = self.entries.entry(prefix) else { return None };
        let entry = slot.get_mut();
        entry.paths.iter_mut().for_each(|path| path.resolve(next_hops));
        let new = entry.select(config);
        let changed = new != entry.selected;
        let old = if changed { mem::replace(&mut entry.selected, new.clone()) } else { None };
        if entry.paths.is_empty() {
            slot.remove();
        }
        if !changed {
            return None;
        }
        self.count_best(old.as_ref(), new.as_ref());
        Some(RibDelta { prefix, old, new })
    }

    /// The entry of exactly this prefix.
    pub fn entry(&self, prefix: Prefix) -> Option<&Entry> {
        self.entries.get(&prefix)
    }

    /// The source's path to exactly this prefix.
    pub fn path(&self, prefix: Prefix, source: SourceKey) -> Option<&Path> {
        let entry = self.entry(prefix)?;
        entry.position(source).ok().and_then(|index| entry.paths.get(index))
    }

    /// All entries in this range, in the order of prefixes.
    pub fn entries_between(&self, range: Range) -> impl Iterator<Item = (Prefix, &Entry)> {
        self.entries.range(range).map(|(prefix, entry)| (*prefix, entry))
    }

    /// The prefixes that the source has a path to.
    pub fn prefixes_of(&self, source: SourceKey) -> impl Iterator<Item = Prefix> + '_ {
        self.prefixes_of_between(source, (Bound::Unbounded, Bound::Unbounded))
    }

    /// Those of them in this range.
    pub fn prefixes_of_between(&self, source: SourceKey, range: Range) -> impl Iterator<Item = Prefix> + '_ {
        self.by_source.get(&source).into_iter().flat_map(move |index| index.prefixes.range(range).copied())
    }

    /// The prefixes that have an accepted path through the address.
    pub fn prefixes_through(&self, next_hop: IpAddr) -> impl Iterator<Item = Prefix> + '_ {
        self.by_next_hop.get(&next_hop).into_iter().flatten().copied()
    }

    /// Every next hop of an accepted path.
    pub fn next_hops(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.by_next_hop.keys().copied()
    }

    pub fn counts(&self, source: SourceKey, family: AfiSafi) -> Counts {
        self.by_source.get(&source).and_then(|index| index.counts.get(&family)).copied().unwrap_or_default()
    }

    /// How many prefixes have a selected route.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Undoes what a path that has just left its entry added to the indices, except for its prefix in its source's.
    fn forget(&mut self, prefix: Prefix, source: SourceKey, path: &Path) {
        if let Some(index) = self.by_source.get_mut(&source) {
            index.counts_of(prefix).accepted -= usize::from(path.import().is_ok());
        }
        let Some(address) = path.next_hop() else { return };
        let others = self.entry(prefix).into_iter().flat_map(|entry| &entry.paths);
        if others.into_iter().any(|other| other.next_hop() == Some(address)) {
            return;
        }
        if let Slot::Occupied(mut prefixes) = self.by_next_hop.entry(address) {
            prefixes.get_mut().remove(&prefix);
            if prefixes.get().is_empty() {
                prefixes.remove();
            }
        }
    }

    fn count_best(&mut self, old: Option<&Selected>, new: Option<&Selected>) {
        if let Some(old) = old {
            self.selected -= 1;
            let source = old.best.source.peer();
            if let Some(index) = self.by_source.get_mut(&source) {
                index.counts_of(old.best.prefix).best -= 1;
            }
            self.forget_source_without_routes(source);
        }
        if let Some(new) = new {
            self.selected += 1;
            self.by_source.entry(new.best.source.peer()).or_default().counts_of(new.best.prefix).best += 1;
        }
    }

    /// Sources come and go for as long as we run.
    fn forget_source_without_routes(&mut self, source: SourceKey) {
        if let Slot::Occupied(index) = self.by_source.entry(source)
            && index.get().prefixes.is_empty()
            && index.get().counts.values().all(|counts| counts.best == 0)
        {
            index.remove();
        }
    }
}

impl Entry {
    /// The eligible paths, each with its place in `paths`.
    pub fn contenders(&self) -> (Vec<usize>, Vec<Contender<'_>>) {
        self.paths
            .iter()
            .enumerate()
            .filter_map(|(index, path)| {
                let route = path.import().ok()?;
                Some((index, Contender { route, metric: path.metric? }))
            })
            .unzip()
    }

    fn select(&self, config: &DecisionConfig) -> Option<Selected> {
        let (_, contenders) = self.contenders();
        let ranking = decision::rank(&contenders, config)?;
        let route = |index: usize| Route::clone(contenders[index].route);
        Some(Selected {
            best: route(ranking.best),
            multipath: ranking.multipath.into_iter().map(route).collect(),
            diverse: ranking.diverse.into_iter().map(route).collect(),
        })
    }

    /// Where the source's path is, or where it would have to go.
    fn position(&self, source: SourceKey) -> Result<usize, usize> {
        self.paths.binary_search_by_key(&source, |path| path.received.source.peer())
    }
}
