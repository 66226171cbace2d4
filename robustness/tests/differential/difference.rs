//! What differs between `nva`'s reading of an UPDATE and that of another decoder.

use nva::packet::{AttributeProblem, DecodeError, Treatment, Update, UpdateFault};

use crate::ours;
use crate::reading::{Field, Parts, Reading, Refusal};

/// One thing that differs.
#[derive(Debug)]
pub enum Difference<'a> {
    /// The other decoder panics.
    Panic,
    /// It finds path identifiers, which no session of these has.
    PathIdentifiers,
    /// It refuses all of an UPDATE of which something is of use.
    Refuses { error: &'a str, faults: &'a [UpdateFault] },
    /// It makes something else of what `nva` finds a fault in.
    Lenient { way: Way, fault: &'a UpdateFault, notice: Notice },
    /// It reads something else in a part with which `nva` finds nothing wrong, or in the routes that are to be withdrawn.
    /// It gives up if it complains of prefixes among which `nva` finds one of length 0.
    Part { field: Field, ours: String, theirs: Result<&'a str, &'a str>, gives_up: bool },
}

/// What the other decoder makes of what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It reads an UPDATE that ends the session.
    Reset,
    /// It reads the routes of a family that is disabled.
    Disabled,
    /// It announces what is withdrawn.
    Routes,
    /// It keeps an attribute that is discarded.
    Attribute,
}

/// Whether the other decoder shows that something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// In a warning, or in an error in place of a part.
    Complains,
    /// Only in that the attribute is not there.
    LeavesOut,
    /// Not at all.
    Silent,
}

impl Difference<'_> {
    /// The other decoder shows that it noticed a fault, and reads the UPDATE.
    pub fn is_noticed(&self) -> bool {
        matches!(self, Difference::Lenient { notice: Notice::Complains, .. })
    }

    /// The other decoder does not say that there is such a fault.
    pub fn is_unnoticed(&self, such: fn(Way, &UpdateFault) -> bool) -> bool {
        matches!(self, Difference::Lenient { way, fault, notice: Notice::LeavesOut | Notice::Silent } if such(*way, fault))
    }

    /// The same, and it reads the attribute or does not look at it.
    pub fn is_overlooked(&self, such: fn(Way, &UpdateFault) -> bool) -> bool {
        matches!(self, Difference::Lenient { way, fault, notice: Notice::Silent } if such(*way, fault))
    }

    /// The attribute of such a fault is missing from what the other decoder reads.
    pub fn is_left_out(&self, such: fn(Way, &UpdateFault) -> bool) -> bool {
        matches!(self, Difference::Lenient { way, fault, notice: Notice::LeavesOut } if such(*way, fault))
    }

    /// The other decoder refuses an UPDATE with these words.
    pub fn is_refused(&self, words: &str, such: fn(&[UpdateFault]) -> bool) -> bool {
        matches!(self, Difference::Refuses { error, faults } if error.contains(words) && such(faults))
    }
}

/// All that differs.
pub fn differences<'a>(ours: &'a Result<Update, DecodeError>, theirs: &'a Reading) -> Vec<Difference<'a>> {
    match (ours, theirs) {
        (_, Err(Refusal::Panic)) => vec![Difference::Panic],
        (_, Ok(theirs)) if theirs.path_identifiers => vec![Difference::PathIdentifiers],
        (Ok(ours), Ok(theirs)) => in_parts(ours, theirs),
        (Ok(ours), Err(Refusal::Error(error))) => vec![Difference::Refuses { error, faults: &ours.faults }],
        (Err(DecodeError::Update { fault, .. }), Ok(theirs)) => vec![lenient(Way::Reset, fault, theirs)],
        (Err(DecodeError::Update { .. }), Err(Refusal::Error(_))) => Vec::new(),
        (Err(error), _) => panic!("a frame of an UPDATE, but {error}"),
    }
}

fn in_parts<'a>(update: &'a Update, theirs: &'a Parts) -> Vec<Difference<'a>> {
    let ours = ours::parts(update);
    let complains = [None, Some(Field::Announced.attribute()), Some(Field::Withdrawn.attribute())]
        .iter()
        .any(|attribute| theirs.complaints.contains(attribute));
    let gives_up = complains && ours.prefixes().iter().any(|prefix| prefix.ends_with("/0"));
    let part = |field| Difference::Part {
        field,
        ours: ours.text(field).unwrap_or_default().to_owned(),
        theirs: theirs.texts[&field].as_deref().map_err(String::as_str),
        gives_up,
    };
    let same_prefixes = ours.prefixes() == theirs.prefixes();
    let worst = update.faults.iter().rev().max_by_key(|fault| fault.treatment);
    match worst.map(|fault| (fault, fault.treatment)) {
        Some((fault, Treatment::FamilyDisable)) if !same_prefixes => vec![lenient(Way::Disabled, fault, theirs)],
        Some((_, Treatment::TreatAsWithdraw)) if !same_prefixes => vec![part(Field::Announced)],
        Some((fault, Treatment::TreatAsWithdraw)) if ours.text(Field::Withdrawn) != theirs.text(Field::Withdrawn) => {
            vec![lenient(Way::Routes, fault, theirs)]
        }
        _ => {
            // A part that nva does not have is an attribute of nothing.
            let differs =
                |field: &&Field| ours.text(**field).is_some_and(|our| Ok(our) != theirs.texts[*field].as_deref());
            // Of an attribute that is there twice, the first counts for all of them.
            let is_discarded = |fault: &&UpdateFault, field: Field| {
                fault.attribute == Some(field.attribute()) && fault.problem != AttributeProblem::Duplicate
            };
            let discarded = |field: Field| update.faults.iter().find(|fault| is_discarded(fault, field));
            let difference = |field: &Field| match discarded(*field) {
                Some(fault) => lenient(Way::Attribute, fault, theirs),
                None => part(*field),
            };
            theirs.texts.keys().filter(differs).map(difference).collect()
        }
    }
}

fn lenient<'a>(way: Way, fault: &'a UpdateFault, theirs: &Parts) -> Difference<'a> {
    let field = theirs.texts.keys().find(|field| fault.attribute == Some(field.attribute()));
    let notice = match field.and_then(|field| theirs.text(*field)) {
        _ if theirs.complaints.contains(&fault.attribute) => Notice::Complains,
        Some("") => Notice::LeavesOut,
        Some(_) | None => Notice::Silent,
    };
    Difference::Lenient { way, fault, notice }
}
