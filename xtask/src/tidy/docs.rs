//! Each module begins with what it is: `//!` in its first line.

use super::Finding;
use super::source::Tree;

/// Finds modules without.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let undocumented = tree.rust().filter(|(file, _)| !file.text.starts_with("//! "));
    undocumented
        .map(|(file, _)| Finding::new(&file.path, 1, "the first line must be `//! ` and say what the module is"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::one;
    use super::*;

    #[test]
    fn wants_it_in_the_first_line() {
        assert!(check(&one("a.rs", "//! A.\nfn f() {}\n")).is_empty());
        assert_eq!(check(&one("a.rs", "use x;\n")).len(), 1);
        assert_eq!(check(&one("a.rs", "//!\n")).len(), 1, "an empty line says nothing");
    }
}
