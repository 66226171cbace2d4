//! Attribute sets, each stored once.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use crate::attributes::PathAttributes;

/// A shared attribute set. Two that came out of one [`Interner`] are equal exactly if they are the same allocation.
#[derive(Clone, Debug)]
pub struct Attributes(Arc<PathAttributes>);

impl Attributes {
    /// Whether this is the same allocation: equality in constant time between sets of one interner.
    pub fn same(&self, other: &Attributes) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl From<PathAttributes> for Attributes {
    /// A set of its own, not interned.
    fn from(attributes: PathAttributes) -> Attributes {
        Attributes(Arc::new(attributes))
    }
}

impl Deref for Attributes {
    type Target = PathAttributes;

    fn deref(&self) -> &PathAttributes {
        &self.0
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Attributes) -> bool {
        self.same(other) || self.0 == other.0
    }
}

impl Eq for Attributes {}

impl Hash for Attributes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Gives every distinct attribute set one allocation, and forgets those that no route uses any more.
#[derive(Debug, Default)]
pub struct Interner {
    sets: HashSet<Arc<PathAttributes>>,
    /// The size at which unused sets are looked for next: keeps that work proportional to the insertions.
    sweep_at: usize,
}

impl Interner {
    /// Sets below which sweeping is not worth its while.
    const SWEEP_MIN: usize = 1024;

    /// The one allocation for this attribute set.
    pub fn intern(&mut self, attributes: PathAttributes) -> Attributes {
        if let Some(known) = self.sets.get(&attributes) {
            return Attributes(Arc::clone(known));
        }
        if self.sets.len() >= self.sweep_at.max(Self::SWEEP_MIN) {
            self.sets.retain(|set| Arc::strong_count(set) > 1);
            self.sweep_at = self.sets.len() * 2;
        }
        let set = Arc::new(attributes);
        self.sets.insert(Arc::clone(&set));
        Attributes(set)
    }

    /// How many sets are stored, unused ones that were not swept yet included.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_med(med: u32) -> PathAttributes {
        PathAttributes { med: Some(med), ..PathAttributes::default() }
    }

    #[test]
    fn equal_sets_share_an_allocation() {
        let mut interner = Interner::default();
        let first = interner.intern(with_med(1));
        assert!(first.same(&interner.intern(with_med(1))));
        assert!(!first.same(&interner.intern(with_med(2))));
    }

    #[test]
    fn unused_sets_do_not_pile_up() {
        let mut interner = Interner::default();
        let kept = interner.intern(with_med(u32::MAX));
        for med in 0..100_000 {
            interner.intern(with_med(med));
        }
        assert!(interner.len() <= 2 * Interner::SWEEP_MIN, "{} sets", interner.len());
        assert!(kept.same(&interner.intern(with_med(u32::MAX))), "a set in use was forgotten");
    }
}
