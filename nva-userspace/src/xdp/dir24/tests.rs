//! Against a longest prefix match by brute force, with churn, a former process's table, and too few blocks.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Table = Dir24<Vec<u32>, Vec<u32>>;

/// The words of 0.0.0.0/12: a whole table takes its time.
const WORDS: usize = 1 << 12;

fn table(blocks: usize) -> Table {
    let mut table = Dir24::new(vec![0; WORDS], vec![0; blocks * BLOCK_ENTRIES]);
    table.synchronise();
    table
}

/// The same prefixes, looked up by trying each.
#[derive(Clone, Default)]
struct Model(BTreeMap<(u8, u32), u32>);

impl Model {
    fn lookup(&self, address: u32) -> u32 {
        let covers = |(length, at): &(u8, u32)| network(address, *length) == *at;
        self.0.iter().rev().find(|(prefix, _)| covers(prefix)).map_or(DEFAULT_GROUP, |(_, group)| *group)
    }

    fn longest_match(&self, address: u32) -> Option<u8> {
        (1..=32).rev().find(|length| self.0.contains_key(&(*length, network(address, *length))))
    }
}

/// Few networks and many lengths, so that prefixes cover each other; within the table.
fn any_prefix() -> impl Strategy<Value = (u8, u32)> {
    let address = (prop::sample::select(vec![0u32, 0x100, 0x1_0000, 0x8_0200, 0xf_fc00]), 0u32..512);
    (12u8..=32, address).prop_map(|(length, (base, offset))| (length, network(base.wrapping_add(offset), length)))
}

#[derive(Clone, Debug)]
enum Change {
    Insert((u8, u32), u32),
    Remove((u8, u32)),
    Grace,
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (any_prefix(), 2u32..50).prop_map(|(prefix, group)| Change::Insert(prefix, group)),
        3 => any_prefix().prop_map(Change::Remove),
        1 => Just(Change::Grace),
    ]
}

fn perform(change: &Change, table: &mut Table, model: &mut Model) {
    match change {
        Change::Insert((length, address), group) => {
            table.insert(*address, *length, *group).unwrap_or_default();
            model.0.insert((*length, *address), *group);
        }
        Change::Remove((length, address)) => {
            table.remove(*address, *length).unwrap_or_default();
            model.0.remove(&(*length, *address));
        }
        Change::Grace => table.grace_period_passed(),
    }
}

/// The addresses at the edges of every prefix that was ever touched, and some beside them.
fn probes(changes: &[Change]) -> Vec<u32> {
    let edges = |(length, address): &(u8, u32)| {
        let last = address | u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
        let inside = |address: u32| address & 0xf_ffff;
        [*address, last, inside(address.wrapping_sub(1)), inside(last.wrapping_add(1)), inside(address | 5)]
    };
    let prefix = |change: &Change| match change {
        Change::Insert(prefix, _) | Change::Remove(prefix) => Some(*prefix),
        Change::Grace => None,
    };
    changes.iter().filter_map(prefix).flat_map(|prefix| edges(&prefix)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lookups_are_those_of_brute_force(changes in prop::collection::vec(any_change(), 1..80)) {
        let (mut table, mut model) = (table(16), Model::default());
        for change in &changes {
            perform(change, &mut table, &mut model);
        }
        for address in probes(&changes) {
            prop_assert_eq!(table.lookup(address), model.lookup(address), "{:#x}", address);
            prop_assert_eq!(table.longest_match(address), model.longest_match(address));
        }
        prop_assert_eq!(table.prefixes(), model.0.len());
        prop_assert_eq!(table.overflowed(), 0);
    }

    /// With too few blocks a packet goes where it should, or to the kernel; never where it should not.
    #[test]
    fn a_full_table_punts(changes in prop::collection::vec(any_change(), 1..80)) {
        let (mut table, mut model) = (table(1), Model::default());
        for change in &changes {
            perform(change, &mut table, &mut model);
        }
        for address in probes(&changes) {
            let found = table.lookup(address);
            prop_assert!(found == model.lookup(address) || found == OVERFLOW_GROUP, "{:#x}", address);
        }
        let long: Vec<(u8, u32)> = model.0.keys().filter(|(length, _)| *length > 24).copied().collect();
        for (length, address) in long {
            perform(&Change::Remove((length, address)), &mut table, &mut model);
        }
        table.grace_period_passed();
        prop_assert_eq!(table.overflowed(), 0);
        for address in probes(&changes) {
            prop_assert_eq!(table.lookup(address), model.lookup(address), "{:#x}", address);
        }
    }

    /// A table taken over is the old one until it is synchronised, and then the new one.
    #[test]
    fn a_table_taken_over_becomes_what_it_should_be(
        old in prop::collection::vec(any_change(), 1..40),
        new in prop::collection::vec(any_change(), 1..40),
        common in prop::collection::vec(any_change(), 1..40),
    ) {
        let (mut former, mut former_model) = (table(32), Model::default());
        old.iter().chain(&common).for_each(|change| perform(change, &mut former, &mut former_model));
        let (mut table, mut model) = (Dir24::new(former.table.clone(), former.blocks.clone()), Model::default());
        new.iter().chain(&common).for_each(|change| perform(change, &mut table, &mut model));
        let all: Vec<Change> = old.iter().chain(&new).chain(&common).cloned().collect();
        for address in probes(&all) {
            prop_assert_eq!(table.lookup(address), former_model.lookup(address), "before: {:#x}", address);
        }
        table.synchronise();
        for address in probes(&all) {
            prop_assert_eq!(table.lookup(address), model.lookup(address), "after: {:#x}", address);
        }
    }
}

#[test]
fn blocks_come_back_after_a_grace_period_only() {
    let mut table = table(2);
    table.insert(0x0000_0001, 32, 5).expect("a block is free");
    table.remove(0x0000_0001, 32).expect("nothing to place");
    assert_eq!((table.retired(), table.block_usage()), (1, (1, 2)));
    table.insert(0x0000_0101, 32, 5).expect("the other block is free");
    assert_eq!(table.insert(0x0000_0201, 32, 5), Err(TableFull));
    assert_eq!(table.lookup(0x0000_02ff), OVERFLOW_GROUP, "the whole /24 is the kernel's");
    table.grace_period_passed();
    assert_eq!(table.lookup(0x0000_0201), 5, "the block that came back was given to it");
    assert_eq!(table.lookup(0x0000_02ff), DEFAULT_GROUP);
}

#[test]
fn a_table_that_makes_no_sense_is_mended() {
    let mut words = vec![0; WORDS];
    words[5] = block_entry(9_999);
    words[6] = block_entry(0);
    words[7] = block_entry(0);
    let mut table = Dir24::new(words, vec![3; 4 * BLOCK_ENTRIES]);
    table.insert(6 << 8 | 1, 32, 11).expect("noted");
    table.insert(7 << 8 | 1, 32, 12).expect("noted");
    table.synchronise();
    let found = [5 << 8 | 1, 6 << 8 | 1, 6 << 8 | 2, 7 << 8 | 1, 7 << 8 | 2].map(|address| table.lookup(address));
    assert_eq!(found, [DEFAULT_GROUP, 11, DEFAULT_GROUP, 12, DEFAULT_GROUP]);
}

#[test]
fn words_that_are_right_are_not_touched() {
    /// Counts stores.
    struct Counting(Vec<u32>, usize);
    impl Memory for Counting {
        fn words(&self) -> usize {
            self.0.len()
        }
        fn load(&self, index: usize) -> u32 {
            self.0[index]
        }
        fn store(&mut self, index: usize, word: u32) {
            self.0[index] = word;
            self.1 += 1;
        }
    }
    let mut former = table(4);
    former.insert(0, 12, 5).expect("no block needed");
    former.insert(0x0000_0001, 32, 6).expect("a block is free");
    let mut table = Dir24::new(Counting(former.table, 0), Counting(former.blocks, 0));
    table.insert(0, 12, 5).expect("noted");
    table.insert(0x0000_0001, 32, 6).expect("noted");
    table.synchronise();
    assert_eq!((table.table.1, table.blocks.1), (0, 0));
}
