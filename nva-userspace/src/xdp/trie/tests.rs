//! Against a longest prefix match by brute force, with churn, a former process's table, and too little room.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use nva_common::table6::NODE_WORDS;
use proptest::prelude::*;

use super::*;

type Table = Trie<Vec<u64>, Vec<u64>>;

fn table(blocks: usize) -> Table {
    let mut table = Trie::new(vec![0; ROOT_ENTRIES], vec![0; blocks * NODE_WORDS]);
    table.synchronise();
    table
}

fn network(address: u128, length: u8) -> u128 {
    address & u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// The same prefixes, looked up by trying each.
#[derive(Clone, Default)]
struct Model(BTreeMap<(u8, u128), u32>);

impl Model {
    fn lookup(&self, address: u128) -> u32 {
        let covers = |(length, at): &(u8, u128)| network(address, *length) == *at;
        self.0.iter().rev().find(|(prefix, _)| covers(prefix)).map_or(DEFAULT_GROUP_6, |(_, group)| *group)
    }

    fn longest_match(&self, address: u128) -> Option<u8> {
        (1..=128).rev().find(|length| self.0.contains_key(&(*length, network(address, *length))))
    }
}

/// Few networks and many lengths, so that prefixes cover each other.
fn any_prefix() -> impl Strategy<Value = (u8, u128)> {
    let base = prop::sample::select(vec![
        0x2001_0db8_0000_0000_0000_0000_0000_0000_u128,
        0x2001_0db8_0001_0002_0000_0000_0000_0000,
        0x2001_0db9_ffff_ffff_ffff_ffff_ffff_ffff,
        0xfd00_0000_0000_0000_0000_0000_0000_0000,
        u128::MAX,
        0,
    ]);
    let length = prop_oneof![3 => 1u8..=128, 2 => 17u8..=24, 2 => 44u8..=49, 1 => 120u8..=128];
    // One more bit of the address is another in most.
    (length, base, 0u32..256).prop_map(|(length, base, flipped)| {
        let address = if flipped < 128 { base ^ 1 << flipped } else { base };
        (length, network(address, length))
    })
}

#[derive(Clone, Debug)]
enum Change {
    Insert((u8, u128), u32),
    Remove((u8, u128)),
    Grace,
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (any_prefix(), 3u32..12).prop_map(|(prefix, group)| Change::Insert(prefix, group)),
        3 => any_prefix().prop_map(Change::Remove),
        1 => Just(Change::Grace),
    ]
}

fn any_changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(any_change(), 1..80)
}

fn perform(change: &Change, table: &mut Table, model: &mut Model) {
    match change {
        Change::Insert((length, address), group) => {
            table.insert(*address, *length, *group);
            model.0.insert((*length, *address), *group);
        }
        Change::Remove((length, address)) => {
            table.remove(*address, *length);
            model.0.remove(&(*length, *address));
        }
        Change::Grace => table.grace_period_passed(),
    }
}

fn remove_all(table: &mut Table, model: &mut Model) {
    for (length, address) in std::mem::take(&mut model.0).into_keys() {
        table.remove(address, length);
    }
    table.grace_period_passed();
}

/// The addresses at the edges of every prefix that was ever touched, and some beside them.
fn probes<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Vec<u128> {
    let edges = |(length, address): &(u8, u128)| {
        let last = address | u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
        [*address, last, address.wrapping_sub(1), last.wrapping_add(1), address | 5, address ^ 1 << 64]
    };
    let prefix = |change: &Change| match change {
        Change::Insert(prefix, _) | Change::Remove(prefix) => Some(*prefix),
        Change::Grace => None,
    };
    changes.into_iter().filter_map(prefix).flat_map(|prefix| edges(&prefix)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn lookups_are_those_of_brute_force(changes in any_changes()) {
        let (mut table, mut model) = (table(4_096), Model::default());
        for change in &changes {
            perform(change, &mut table, &mut model);
        }
        for address in probes(&changes) {
            prop_assert_eq!(table.lookup(address), model.lookup(address), "{:#x}", address);
            prop_assert_eq!(table.longest_match(address), model.longest_match(address));
        }
        prop_assert_eq!(table.prefixes(), model.0.len());
        prop_assert_eq!(table.overflowed(), 0);
        // Nothing is lost: without prefixes, every block is free again, and the table as empty as at first.
        remove_all(&mut table, &mut model);
        prop_assert_eq!((table.block_usage().0, table.prefixes()), (0, 0));
        prop_assert!(table.root.iter().all(|word| *word == 0));
        prop_assert!(table.nodes.is_empty());
    }

    /// With too little room a packet goes where it should, or to the kernel; never where it should not.
    #[test]
    fn a_full_table_punts(changes in any_changes(), blocks in 0usize..40) {
        let (mut table, mut model) = (table(blocks), Model::default());
        for change in &changes {
            perform(change, &mut table, &mut model);
            for address in probes([change]) {
                let found = table.lookup(address);
                prop_assert!(found == model.lookup(address) || found == OVERFLOW_GROUP, "{:#x}", address);
            }
        }
        let punted = probes(&changes).into_iter().any(|address| table.lookup(address) == OVERFLOW_GROUP);
        prop_assert!(!punted || table.overflowed() > 0, "it is counted");
        // What the root tells apart always fits.
        let long: Vec<(u8, u128)> = model.0.keys().filter(|(length, _)| u32::from(*length) > ROOT_BITS).copied().collect();
        for (length, address) in long {
            perform(&Change::Remove((length, address)), &mut table, &mut model);
        }
        prop_assert_eq!(table.overflowed(), 0);
        for address in probes(&changes) {
            prop_assert_eq!(table.lookup(address), model.lookup(address), "{:#x}", address);
        }
    }

    /// What overflowed gets room that others leave.
    #[test]
    fn a_table_that_was_full_recovers(kept in any_changes(), left in any_changes()) {
        let (mut table, mut model) = (table(600), Model::default());
        kept.iter().for_each(|change| perform(change, &mut table, &mut model));
        prop_assume!(table.overflowed() == 0);
        let others: Vec<u128> = (0..80u128).map(|number| number << 80 | 0x3f00 << 112).collect();
        others.iter().for_each(|address| table.insert(*address, 128, 7));
        left.iter().for_each(|change| perform(change, &mut table, &mut model));
        others.iter().for_each(|address| table.remove(*address, 128));
        table.grace_period_passed();
        prop_assume!(table.block_usage().0 < 600);
        prop_assert_eq!(table.overflowed(), 0);
        for address in probes(kept.iter().chain(&left)) {
            prop_assert_eq!(table.lookup(address), model.lookup(address), "{:#x}", address);
        }
    }

    /// A table taken over is the old one until it is synchronised, and then the new one; nothing of the old one is left.
    #[test]
    fn a_table_taken_over_becomes_what_it_should_be(old in any_changes(), new in any_changes(), common in any_changes()) {
        let (mut former, mut former_model) = (table(8_192), Model::default());
        old.iter().chain(&common).for_each(|change| perform(change, &mut former, &mut former_model));
        let (mut table, mut model) = (Trie::new(former.root.clone(), former.arrays.memory().clone()), Model::default());
        new.iter().chain(&common).for_each(|change| perform(change, &mut table, &mut model));
        let probes = probes(old.iter().chain(&new).chain(&common));
        for address in &probes {
            prop_assert_eq!(table.lookup(*address), former_model.lookup(*address), "before: {:#x}", address);
        }
        table.synchronise();
        for address in &probes {
            prop_assert_eq!(table.lookup(*address), model.lookup(*address), "after: {:#x}", address);
        }
        let (mut once_more, nodes) = (table.root.clone(), table.arrays.memory().clone());
        table.forget();
        for ((length, address), group) in &model.0 {
            table.insert(*address, *length, *group);
        }
        table.synchronise();
        prop_assert_eq!(&table.root, &once_more, "the same again changes nothing");
        prop_assert_eq!(table.arrays.memory(), &nodes, "nowhere");
        remove_all(&mut table, &mut model);
        prop_assert_eq!(table.block_usage().0, 0);
        once_more.fill(0);
        prop_assert_eq!(&table.root, &once_more);
    }

    /// Whatever was left there, the table becomes what it should be, and no word is used twice.
    #[test]
    fn nonsense_is_overwritten(
        words in prop::collection::vec((0usize..64, 0u32..140, any::<u32>(), any::<bool>()), 1..60),
        changes in any_changes(),
    ) {
        let (mut root, mut nodes) = (vec![0; ROOT_ENTRIES], vec![0; 64 * NODE_WORDS]);
        for (place, first, runs, is_node) in words {
            let list = Word6::List { first: first * 16, entries: if runs % 3 == 0 { runs >> 1 | 1 } else { 1 + runs % 8 } };
            let word = if is_node { Word6::Node { first: first * 16, runs: runs | 1 } } else { list }.to_word();
            if place < 8 { root[place * 0x5000] = word } else { nodes[place * 31] = word }
        }
        let (mut table, mut model) = (Trie::new(root, nodes), Model::default());
        changes.iter().for_each(|change| perform(change, &mut table, &mut model));
        table.synchronise();
        table.grace_period_passed();
        for address in probes(&changes) {
            let found = table.lookup(address);
            prop_assert!(found == model.lookup(address) || found == OVERFLOW_GROUP, "{:#x}", address);
        }
        remove_all(&mut table, &mut model);
        prop_assert_eq!((table.block_usage().0, table.overflowed()), (0, 0));
    }
}

/// However deep or round a table is that somebody else has written, one can begin with it.
#[test]
fn nonsense_has_an_end() {
    const BLOCKS: usize = 20_000;
    let node = |block: usize| Word6::Node { first: (block * NODE_WORDS) as u32, runs: 0b11 }.to_word();
    let (mut root, mut nodes) = (vec![0; ROOT_ENTRIES], vec![0; BLOCKS * NODE_WORDS]);
    // Each block leads to the next one, the last to itself; and beyond the end.
    for block in 0..BLOCKS {
        nodes[block * NODE_WORDS] = node((block + 1).min(BLOCKS - 1));
    }
    root[0] = node(0);
    root[1] = node(BLOCKS - 1);
    root[2] = Word6::Node { first: u32::MAX, runs: u32::MAX }.to_word();
    let mut table = Trie::new(root, nodes);
    for index in 0..3 {
        let found = table.lookup((index << BELOW_ROOT) | ((1 << BELOW_ROOT) - 1));
        assert!([DEFAULT_GROUP_6, OVERFLOW_GROUP].contains(&found), "{found}");
    }
    table.insert(1, 128, 5);
    table.synchronise();
    table.grace_period_passed();
    assert_eq!([0, 1, 1 << BELOW_ROOT].map(|address| table.lookup(address)), [DEFAULT_GROUP_6, 5, DEFAULT_GROUP_6]);
    table.remove(1, 128);
    table.grace_period_passed();
    assert_eq!((table.block_usage().0, table.overflowed()), (0, 0));
}

#[test]
fn words_come_back_after_a_grace_period_only() {
    let mut table = table(64);
    table.insert(1, 128, 5);
    let used = table.block_usage().0;
    table.remove(1, 128);
    assert_eq!(table.lookup(1), DEFAULT_GROUP_6);
    assert_eq!((table.retired(), table.block_usage().0), (22, used), "a reader may be on any of the way's nodes");
    table.grace_period_passed();
    assert_eq!((table.retired(), table.block_usage().0), (0, 0));
}

/// Prefixes that came and went beside one that stays leave nothing behind, be there a list of them or nodes.
#[test]
fn what_is_gone_is_forgotten() {
    let base = 0x2001_0db8_0000_0000_0000_0000_0000_0000_u128;
    for kept in [1, LIST_ENTRIES as u128 + 1] {
        let mut table = table(1_024);
        (0..kept).for_each(|number| table.insert(base | number << 80, 48, 3));
        let nodes = |table: &Table| table.nodes.values().map(Node::nodes).sum::<usize>();
        let before = nodes(&table);
        for number in 0x1000..0x1400_u128 {
            table.insert(base | number << 80 | number << 64, 64, 4);
            table.remove(base | number << 80 | number << 64, 64);
        }
        // As many at a time as make a list of nodes, and nodes of a list.
        let few = |table: &mut Table, group: Option<u32>| {
            for number in 0x2000..0x2008_u128 {
                match group {
                    Some(group) => table.insert(base | number << 80, 48, group),
                    None => table.remove(base | number << 80, 48),
                }
            }
        };
        few(&mut table, Some(5));
        few(&mut table, None);
        assert_eq!(nodes(&table), before, "{kept} prefixes stay");
        (0..kept).for_each(|number| table.remove(base | number << 80, 48));
        table.grace_period_passed();
        assert_eq!((nodes(&table), table.block_usage().0), (0, 0), "none of {kept} stays");
    }
}

/// The root's words, and those of nodes.
type Words = (Vec<u64>, Vec<u64>);

/// One part of a table's memory, which remembers what all of it was after every store.
struct Watched {
    words: Rc<RefCell<Words>>,
    states: Rc<RefCell<Vec<Words>>>,
    is_root: bool,
}

impl Watched {
    fn part(words: &mut Words, is_root: bool) -> &mut Vec<u64> {
        if is_root { &mut words.0 } else { &mut words.1 }
    }
}

impl Memory<u64> for Watched {
    fn words(&self) -> usize {
        Watched::part(&mut self.words.borrow_mut(), self.is_root).len()
    }

    fn load(&self, index: usize) -> u64 {
        Watched::part(&mut self.words.borrow_mut(), self.is_root)[index]
    }

    fn store(&mut self, index: usize, word: u64) {
        let mut words = self.words.borrow_mut();
        Watched::part(&mut words, self.is_root)[index] = word;
        self.states.borrow_mut().push(words.clone());
    }
}

/// What readers see meanwhile: each single store of a change leaves every address with its old group or its new one.
#[test]
fn a_reader_never_sees_anything_but_before_and_after() {
    let memory = Rc::new(RefCell::new((vec![0; ROOT_ENTRIES], vec![0; 256 * NODE_WORDS])));
    let states = Rc::new(RefCell::new(Vec::new()));
    let part = |is_root| Watched { words: Rc::clone(&memory), states: Rc::clone(&states), is_root };
    let mut table = Trie::new(part(true), part(false));
    table.synchronise();
    let mut model = Model::default();
    let base = 0x2001_0db8_0000_0000_0000_0000_0000_0000_u128;
    let changes = [
        Change::Insert((32, base), 3),
        Change::Insert((48, base | 1 << 80), 4),
        Change::Insert((40, base), 5),
        Change::Insert((64, base | 1 << 80 | 1 << 64), 6),
        Change::Insert((19, network(base, 19)), 7),
        Change::Remove((48, base | 1 << 80)),
        Change::Insert((41, base), 8),
        Change::Remove((40, base)),
        Change::Remove((32, base)),
    ];
    // More than a list holds: nodes, with lists below, whose covers change; and again few enough for one list.
    let nth = |number: u32| base | u128::from(number) << 80;
    let more = (2..=9).map(|number| Change::Insert((48, nth(number)), 20 + number));
    let below = [
        Change::Insert((56, nth(2) | 1 << 72), 30),
        Change::Insert((65, nth(2) | 1 << 63), 31),
        Change::Insert((128, nth(3) | 5), 32),
        Change::Insert((19, network(base, 19)), 9),
        Change::Insert((44, nth(0)), 33),
        Change::Remove((65, nth(2) | 1 << 63)),
        Change::Remove((128, nth(3) | 5)),
        Change::Remove((44, nth(0))),
    ];
    let fewer = (2..=9).map(|number| Change::Remove((48, nth(number))));
    let changes: Vec<Change> = changes.into_iter().chain(more).chain(below).chain(fewer).collect();
    let kinds = |word: u64| match Word6::from_word(word) {
        Word6::Leaf(_) => 0,
        Word6::Node { .. } => 1,
        Word6::List { .. } => 2,
    };
    let mut seen = BTreeSet::new();
    let probes = probes(&changes);
    for change in &changes {
        let before: Vec<u32> = probes.iter().map(|address| model.lookup(*address)).collect();
        states.borrow_mut().clear();
        match change {
            Change::Insert((length, address), group) => {
                table.insert(*address, *length, *group);
                model.0.insert((*length, *address), *group);
            }
            Change::Remove((length, address)) => {
                table.remove(*address, *length);
                model.0.remove(&(*length, *address));
            }
            Change::Grace => {}
        }
        assert!(!states.borrow().is_empty(), "{change:?} stored nothing");
        seen.insert(kinds(memory.borrow().0[(base >> BELOW_ROOT) as usize]));
        for (root, nodes) in states.borrow().iter() {
            for (address, before) in probes.iter().zip(&before) {
                let found = read(root, nodes, *address);
                assert!(
                    found == *before || found == model.lookup(*address),
                    "{change:?} showed {found} at {address:#x}"
                );
            }
        }
    }
    assert_eq!(Vec::from_iter(seen), [1, 2], "both ways of leading on were there");
}

/// Two words lead to the same place, one of them further than there are words: only what could be ours is taken over.
#[test]
fn a_place_belongs_to_the_word_that_led_there() {
    let last = (64 * NODE_WORDS - 1) as u32;
    let (mut root, nodes) = (vec![0; ROOT_ENTRIES], vec![0; 64 * NODE_WORDS]);
    root[0] = Word6::Node { first: last, runs: 1 }.to_word();
    root[7] = Word6::Node { first: last, runs: 1 | 1 << 16 }.to_word();
    let (mut table, address) = (Trie::new(root, nodes), 7 << BELOW_ROOT | 1 << (BELOW_ROOT - 1));
    table.insert(address, 19, 5);
    table.synchronise();
    assert_eq!([address, address - 1, 0].map(|at| table.lookup(at)), [5, DEFAULT_GROUP_6, DEFAULT_GROUP_6]);
    table.remove(address, 19);
    table.grace_period_passed();
    assert_eq!(table.block_usage(), (0, 64));
}

/// Somebody leads readers to what has left the table: that is nobody's before its grace period has passed.
#[test]
fn what_waits_for_its_grace_period_is_not_taken_over() {
    let mut table = table(64);
    let address = |index: u128| index << BELOW_ROOT | 1 << (BELOW_ROOT - 1);
    table.insert(address(7), 19, 5);
    let word = table.root[7];
    table.remove(address(7), 19);
    table.root[9] = word;
    table.forget();
    table.insert(address(9), 19, 5);
    table.synchronise();
    assert_ne!(table.root[9], word);
    table.grace_period_passed();
    table.insert(address(11), 19, 6);
    assert_eq!([7, 9, 11].map(|index| table.lookup(address(index))), [DEFAULT_GROUP_6, 5, 6]);
    [9, 11].into_iter().for_each(|index| table.remove(address(index), 19));
    table.grace_period_passed();
    assert_eq!(table.block_usage(), (0, 64));
}

/// As the BPF program reads.
fn read(root: &[u64], nodes: &[u64], address: u128) -> u32 {
    let (mut word, mut rest) = (root[(address >> BELOW_ROOT) as usize], address << ROOT_BITS);
    let seen = |group| if group == NO_GROUP { DEFAULT_GROUP_6 } else { group };
    loop {
        match Word6::from_word(word) {
            Word6::Leaf(group) => return seen(group),
            Word6::List { first, entries } => {
                let words = &nodes[first as usize..][..2 * entries as usize];
                let mut list = words.as_chunks().0.iter().map(|words| Entry6::from_words(*words));
                let covers = |entry: &Entry6| entry.covers((address >> 64) as u64);
                return seen(list.find(covers).expect("the last entry covers everything").group);
            }
            Word6::Node { first, runs } => word = nodes[(first + run_of(runs, slot(rest))) as usize],
        }
        rest <<= STRIDE;
    }
}
