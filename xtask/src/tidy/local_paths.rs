//! No path of the machine that something was written on: the sources must work anywhere.

use super::Finding;
use super::source::Tree;

/// Home folders and the like, in pieces: this file is searched, too.
const PLACES: &[&str] = &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// Finds absolute paths of persons and machines.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(place) = PLACES.iter().find(|place| is_in(line, place)) {
                findings.push(Finding::new(&file.path, index + 1, format!("a path of one machine: {place}…")));
            }
        }
    }
    findings
}

/// Whether `place` begins a path in `line`; in the middle of one, or of an address, it is only a name.
fn is_in(line: &str, place: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "._-~*}$".contains(c);
    line.match_indices(place).any(|(at, _)| !line.get(..at).is_some_and(|before| before.ends_with(inside)))
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::one;
    use super::*;

    #[test]
    fn finds_them_in_any_file() {
        let text = format!("a\nsee {}me/x\n", PLACES[0]);
        let findings = check(&one(".ci/run", &text));
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_name_inside_a_path_is_none() {
        let text = format!("https://example.org{}x and docs{}x\n", PLACES[1], PLACES[3]);
        assert!(check(&one("README.md", &text)).is_empty());
    }
}
