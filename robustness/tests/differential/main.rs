//! The same octets through three decoders: `nva`'s, bgpkit-parser and routecore. What they find is compared part by part,
//! and every way in which the others differ from `nva` is a class with a name and a reason (`classes.rs`,
//! `bgpkit/classes.rs`, `routecore/classes.rs`). A difference that is of no class fails, and so does a class that no longer
//! occurs: a decoder that panics is of none.

mod bgpkit;
mod classes;
mod difference;
mod inputs;
mod ours;
mod reading;
mod routecore;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nva::packet::CodecContext;

use classes::{Class, OF_BOTH};
use difference::{Difference, differences};
use inputs::Input;
use reading::{Reading, Refusal};

/// Another decoder.
struct Decoder {
    name: &'static str,
    read: fn(&[u8], &CodecContext) -> Reading,
    /// Those that it has for itself.
    classes: &'static [Class],
}

const DECODERS: [Decoder; 2] = [
    Decoder { name: "bgpkit-parser", read: bgpkit::read, classes: bgpkit::CLASSES },
    Decoder { name: "routecore", read: routecore::read, classes: routecore::CLASSES },
];

/// How often a class occurs, by its name.
type Counts = BTreeMap<&'static str, usize>;

impl Decoder {
    /// Compares its readings with those of `nva`. `Err` tells of what is of no class, or of more than one.
    fn compare(&self, inputs: &[Input]) -> Result<Counts, Vec<String>> {
        let (mut counts, mut unexplained) = (Counts::new(), Vec::new());
        for input in inputs {
            let ours = ours::decode(&input.frame, &input.context);
            let theirs = catch_unwind(AssertUnwindSafe(|| (self.read)(&input.frame, &input.context)));
            let theirs = theirs.unwrap_or(Err(Refusal::Panic));
            for difference in differences(&ours, &theirs) {
                match self.classes_of(&difference, &input.context)[..] {
                    [class] => *counts.entry(class.name).or_default() += 1,
                    ref classes => {
                        let names: Vec<_> = classes.iter().map(|class| class.name).collect();
                        unexplained.push(format!("{}: {difference:?} is {names:?}", input.name));
                    }
                }
            }
        }
        if unexplained.is_empty() { Ok(counts) } else { Err(unexplained) }
    }

    fn classes_of(&self, difference: &Difference<'_>, context: &CodecContext) -> Vec<&'static Class> {
        self.classes().filter(|class| (class.recognises)(difference, context)).collect()
    }

    fn classes(&self) -> impl Iterator<Item = &'static Class> {
        OF_BOTH.iter().chain(self.classes)
    }

    /// Holds the classes against what occurs: all of these, and no other.
    fn hold(&self, inputs: &[Input], expected: fn(&Class) -> bool, possible: fn(&Class) -> bool) {
        let counts = self.compare(inputs).unwrap_or_else(|unexplained| {
            panic!("{} differs {} times, unexplained: {unexplained:#?}", self.name, unexplained.len())
        });
        for class in self.classes() {
            let count = counts.get(class.name).copied().unwrap_or_default();
            println!("{} {}: {count} ({})", self.name, class.name, class.reason);
            assert!(count > 0 || !expected(class), "{} no longer {}", self.name, class.name);
            assert!(count == 0 || possible(class), "{} {}, with what is well-formed", self.name, class.name);
        }
    }
}

/// What anybody may send.
#[test]
fn malformed_updates_are_read_differently_for_known_reasons_only() {
    let inputs: Vec<Input> = inputs::corpora().into_iter().chain(inputs::table()).collect();
    assert!(inputs.len() > 500, "only {} UPDATEs", inputs.len());
    DECODERS.iter().for_each(|decoder| decoder.hold(&inputs, |class| !class.well_formed, |_| true));
}

/// What `nva` sends.
#[test]
fn well_formed_updates_are_read_alike_but_for_known_reasons() {
    let inputs = inputs::generated();
    DECODERS.iter().for_each(|decoder| decoder.hold(&inputs, |class| class.well_formed, |class| class.well_formed));
}
