//! Files of at most 600 lines, functions of at most 100: what is longer does more than one thing.

use super::Finding;
use super::source::Tree;

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 100;

/// What may be longer: a file, or one function in it, and why.
struct Exception {
    path: &'static str,
    function: Option<&'static str>,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[];

/// Finds what is too long, and exceptions that are not needed.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, EXCEPTIONS)
}

fn check_with(tree: &Tree, exceptions: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; exceptions.len()];
    let mut measure = |path: &str, function: Option<&str>, line: usize, lines: usize, most: usize| {
        if lines <= most {
            return;
        }
        match exceptions.iter().position(|exception| exception.path == path && exception.function == function) {
            Some(index) => used[index] = true,
            None => {
                let what = function.map_or("the file".to_owned(), |name| format!("`{name}`"));
                findings.push(Finding::new(path, line, format!("{what} has {lines} lines, {most} are the most")));
            }
        }
    };
    for (file, rust) in tree.rust() {
        measure(&file.path, None, 1, file.text.lines().count(), FILE_LINES);
        for function in &rust.functions {
            let lines = function.end - function.start + 1;
            measure(&file.path, Some(&function.name), function.start, lines, FUNCTION_LINES);
        }
    }
    let unused = exceptions.iter().zip(used).filter(|(_, used)| !used).map(|(exception, _)| exception);
    findings.extend(unused.map(|exception| {
        let what = exception.function.unwrap_or("the file");
        Finding::new(exception.path, 1, format!("{what} needs no exception any more ({})", exception.reason))
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::one;
    use super::*;

    fn function(lines: usize) -> String {
        format!("//! A.\nimpl X {{\n    fn long() {{\n{}    }}\n}}\n", "        1;\n".repeat(lines - 2))
    }

    #[test]
    fn limits_are_inclusive() {
        assert!(check(&one("a.rs", &function(100))).is_empty());
        let findings = check(&one("a.rs", &function(101)));
        assert_eq!(
            findings.iter().map(|f| f.to_string()).collect::<Vec<_>>(),
            ["a.rs:3: `long` has 101 lines, 100 are the most"]
        );
        assert!(check(&one("a.rs", &"// x\n".repeat(600))).is_empty());
        assert_eq!(check(&one("a.rs", &"// x\n".repeat(601))).len(), 1);
    }

    #[test]
    fn exceptions_are_for_what_is_long() {
        let exceptions = [Exception { path: "a.rs", function: Some("long"), reason: "a table" }];
        assert!(check_with(&one("a.rs", &function(200)), &exceptions).is_empty());
        assert_eq!(check_with(&one("a.rs", &function(50)), &exceptions).len(), 1);
        assert_eq!(check_with(&one("b.rs", &function(200)), &exceptions).len(), 2);
    }
}
