//! What an audit found: how what the kernel holds of ours differs from what it was thought to hold.

use crate::net::Prefix;

/// What the kernel held of ours, and what of it was not as we had left it: somebody else's doing, or the kernel's own, of
/// which we had not been told. What is under way is not judged. All of it is put right by the operations that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FibAudit {
    /// How many routes were compared.
    pub routes: usize,
    /// How many next-hop objects were.
    pub objects: usize,
    /// Routes that were gone.
    pub missing: Vec<Prefix>,
    /// Routes that led elsewhere.
    pub different: Vec<Prefix>,
    /// Routes that look like ours, and that we had not installed.
    pub unexpected: Vec<Prefix>,
    /// Next-hop objects that were gone, led elsewhere, or look like ours and were not.
    pub strange_objects: Vec<u32>,
}

impl FibAudit {
    /// How many differences there were.
    pub fn differences(&self) -> usize {
        self.missing.len() + self.different.len() + self.unexpected.len() + self.strange_objects.len()
    }

    /// Takes in one route: whether it was thought to be there, and whether it is. `differs` if it is not as it was thought.
    pub(super) fn note_route(&mut self, prefix: Prefix, thought: bool, there: bool, differs: bool) {
        self.routes += usize::from(thought || there);
        let list = match (thought, there) {
            _ if !differs => return,
            (true, false) => &mut self.missing,
            (false, true) => &mut self.unexpected,
            (true, true) | (false, false) => &mut self.different,
        };
        list.push(prefix);
    }
}
