//! Prefixes that wait to be looked at.

use crate::net::Prefix;

/// Prefixes that come out in no order.
///
/// That is on purpose: Linux's trie of IPv4 routes is rebuilt over and over while prefixes come in sorted, which is how
/// many a peer sends them. A million routes are in the kernel in two thirds of the time otherwise.
#[derive(Debug)]
pub(super) struct Queue {
    prefixes: Vec<Prefix>,
    /// The same sequence in every life.
    random: fastrand::Rng,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue { prefixes: Vec::new(), random: fastrand::Rng::with_seed(0) }
    }
}

impl Queue {
    /// Adds one that is not in it yet.
    pub(super) fn push(&mut self, prefix: Prefix) {
        self.prefixes.push(prefix);
    }

    /// Takes one out.
    pub(super) fn pop(&mut self) -> Option<Prefix> {
        if self.prefixes.is_empty() {
            return None;
        }
        let index = self.random.usize(..self.prefixes.len());
        Some(self.prefixes.swap_remove(index))
    }
}
