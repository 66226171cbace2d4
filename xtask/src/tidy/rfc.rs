//! Which clauses of which RFC the sources cite, in the one form `RFC 4271 §9.1.2.2`.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::source::Tree;

/// One clause; clauses sort as numbers do.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Clause {
    rfc: u32,
    /// Empty where the whole RFC is meant.
    order: Vec<u32>,
    section: String,
}

struct Place {
    path: String,
    line: usize,
    gap: bool,
}

/// The table as text: a line for each clause, the places below one another.
pub fn table(tree: &Tree) -> String {
    let mut clauses: BTreeMap<Clause, Vec<Place>> = BTreeMap::new();
    for (file, _) in tree.rust().filter(|(file, _)| !file.path.starts_with("xtask/")) {
        for (index, line) in file.text.lines().enumerate() {
            for (clause, gap) in citations(line) {
                let place = Place { path: file.path.clone(), line: index + 1, gap };
                clauses.entry(clause).or_default().push(place);
            }
        }
    }
    let mut text = String::new();
    for (clause, places) in &clauses {
        let mut name = format!("RFC {} §{}", clause.rfc, clause.section);
        if clause.section.is_empty() {
            name = format!("RFC {}", clause.rfc);
        }
        for place in places {
            let gap = if place.gap { "  (gap)" } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<24} {}:{}{gap}", place.path, place.line);
            name.clear();
        }
    }
    text
}

/// The citations in a line, and whether each is of a gap.
fn citations(line: &str) -> Vec<(Clause, bool)> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("RFC ") {
        let Some((before, rest)) = line.split_at_checked(at) else { continue };
        let rest = &rest["RFC ".len()..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let Ok(rfc) = rest[..digits].parse() else { continue };
        let section = rest[digits..].strip_prefix(" §").map_or("", |section| {
            let end = section.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(section.len());
            section[..end].trim_end_matches('.')
        });
        let order = section.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect();
        found.push((Clause { rfc, order, section: section.to_owned() }, before.ends_with("GAP(")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::tree;
    use super::*;

    #[test]
    fn reads_numbers_sections_and_gaps() {
        let found = citations("// GAP(RFC 7606 §3): and RFC 4271 §9.1.2.2. See RFC 8212, RFC x");
        let shown: Vec<_> = found.iter().map(|(clause, gap)| (clause.rfc, clause.section.as_str(), *gap)).collect();
        assert_eq!(shown, [(7606, "3", true), (4271, "9.1.2.2", false), (8212, "", false)]);
    }

    #[test]
    fn sorts_by_number() {
        let tree = tree(&[
            ("a.rs", "// RFC 4271 §10.1\n// RFC 4271 §9.1\n"),
            ("b.rs", "// RFC 4271 §9.1, RFC 1997\n"),
            ("xtask/src/x.rs", "// RFC 1 §1\n"),
        ]);
        let lines = ["RFC 1997", "RFC 4271 §9.1", "", "RFC 4271 §10.1"];
        let places = ["b.rs:1", "a.rs:2", "b.rs:1", "a.rs:1"];
        let expected: String = lines.iter().zip(places).map(|(name, place)| format!("{name:<24} {place}\n")).collect();
        assert_eq!(table(&tree), expected);
    }
}
