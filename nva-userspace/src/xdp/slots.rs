//! Slots of a table that is read while we write: what left the table is used again only after a grace period.

/// The numbers of a table's slots.
#[derive(Debug, Default)]
pub struct Slots {
    free: Vec<u32>,
    retired: Vec<u32>,
}

impl Slots {
    /// These slots are free (the first is given first), those wait for a grace period.
    pub fn new(mut free: Vec<u32>, retired: Vec<u32>) -> Slots {
        free.reverse();
        Slots { free, retired }
    }

    /// A free slot.
    pub fn take(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// Nothing leads to the slot any more, but a reader may still be there.
    pub fn retire(&mut self, slot: u32) {
        self.retired.push(slot);
    }

    /// How many slots are free now.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// How many slots wait for a grace period.
    pub fn retired(&self) -> usize {
        self.retired.len()
    }

    /// A grace period has passed: returns the slots that became free by it.
    pub fn grace_period_passed(&mut self) -> Vec<u32> {
        let freed = std::mem::take(&mut self.retired);
        self.free.extend(&freed);
        freed
    }
}
