//! Which prefixes of the Loc-RIB have changed, in the order of their last change, for readers that each go at their own
//! pace: to bring a change to a peer's Adj-RIB-Out takes the export policy, and that for every peer.
//!
//! A prefix that changes again moves to the end, so that however fast routes come and go there is at most one entry for
//! each. Not here: what changed. Readers look at the Loc-RIB as it is when they get there.

use std::collections::BTreeMap;

use crate::net::Prefix;

/// How far somebody has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64);

/// The changes that somebody has yet to read.
#[derive(Debug, Default)]
pub struct Journal {
    entries: BTreeMap<Position, Prefix>,
    places: BTreeMap<Prefix, Position>,
    end: Position,
}

impl Journal {
    /// A prefix has changed.
    pub fn note(&mut self, prefix: Prefix) {
        if let Some(before) = self.places.insert(prefix, self.end) {
            self.entries.remove(&before);
        }
        self.entries.insert(self.end, prefix);
        self.end.0 += 1;
    }

    /// Where the next change will stand: whoever has read so far knows everything.
    pub fn end(&self) -> Position {
        self.end
    }

    /// What has changed since, oldest first, with where to go on behind it.
    pub fn since(&self, position: Position) -> impl Iterator<Item = (Position, Prefix)> + '_ {
        self.entries.range(position..).map(|(at, prefix)| (Position(at.0 + 1), *prefix))
    }

    /// Everybody has read so far.
    pub fn forget_before(&mut self, position: Position) {
        while let Some(first) = self.entries.first_entry()
            && *first.key() < position
        {
            self.places.remove(&first.remove());
        }
    }

    /// How many changes it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(number: u8) -> Prefix {
        Prefix::host([192, 0, 2, number].into())
    }

    fn read(journal: &Journal, from: Position) -> Vec<Prefix> {
        journal.since(from).map(|(_, prefix)| prefix).collect()
    }

    #[test]
    fn a_prefix_stands_where_it_changed_last() {
        let mut journal = Journal::default();
        let start = journal.end();
        [1, 2, 3, 1].into_iter().for_each(|number| journal.note(prefix(number)));
        assert_eq!(read(&journal, start), [2, 3, 1].map(prefix));
        let (after_two, _) = journal.since(start).next().expect("three entries");
        journal.note(prefix(2));
        assert_eq!(read(&journal, after_two), [3, 1, 2].map(prefix), "also for who had read it before");
        assert_eq!(read(&journal, journal.end()), []);
    }

    #[test]
    fn what_everybody_has_read_is_forgotten() {
        let mut journal = Journal::default();
        (1..=4).for_each(|number| journal.note(prefix(number)));
        let (position, _) = journal.since(Position::default()).nth(1).expect("four entries");
        journal.forget_before(position);
        assert_eq!((journal.len(), read(&journal, position)), (2, vec![prefix(3), prefix(4)]));
        journal.note(prefix(1));
        assert_eq!(read(&journal, position), [3, 4, 1].map(prefix));
        journal.forget_before(journal.end());
        assert!(journal.is_empty() && journal.places.is_empty());
    }
}
