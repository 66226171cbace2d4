//! No test sleeps: it waits for a condition with a deadline, so that it is neither slow nor wrong on a busy machine.

use proc_macro2::{Delimiter, TokenTree};

use super::Finding;
use super::source::{Tree, each_token};

/// The functions that may, and why.
const EXCEPTIONS: &[(&str, &str, &str)] =
    &[("tests/src/wait.rs", "wait_until", "it is how tests wait: it pauses between two looks at a condition")];

/// Finds calls of anything called `sleep` in test code, and exceptions that are not needed.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, EXCEPTIONS)
}

fn check_with(tree: &Tree, exceptions: &[(&str, &str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; exceptions.len()];
    for (file, rust) in tree.rust() {
        each_token(&rust.tokens, &mut |rest| {
            let [TokenTree::Ident(name), TokenTree::Group(arguments), ..] = rest else { return };
            let sleeps = name == "sleep" || name == "sleep_until" || name == "sleep_ms";
            let line = name.span().start().line;
            if !sleeps || arguments.delimiter() != Delimiter::Parenthesis || !rust.is_test(line) {
                return;
            }
            let function = rust.function_at(line).map_or("", |function| function.name.as_str());
            match exceptions.iter().position(|&(path, excepted, _)| path == file.path && excepted == function) {
                Some(index) => used[index] = true,
                None => findings.push(Finding::new(
                    &file.path,
                    line,
                    format!("`{name}` in a test: wait for the condition, with a deadline"),
                )),
            }
        });
    }
    let unused = exceptions.iter().zip(used).filter(|(_, used)| !used).map(|(exception, _)| exception);
    findings
        .extend(unused.map(|(path, name, _)| Finding::new(path, 1, format!("`{name}` needs no exception any more"))));
    findings
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::{one, tree};
    use super::*;

    const SLEEPS: &str = "fn wait_until() {\n    std::thread::sleep(x);\n}\n";

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check_with(&one(path, text), &[]).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn only_test_code_is_held_to_it() {
        assert_eq!(lines("tests/tests/a.rs", SLEEPS), [2]);
        assert_eq!(lines("tests/src/lab.rs", SLEEPS), [2]);
        assert!(lines("nva-userspace/src/daemon/mod.rs", SLEEPS).is_empty());
        assert_eq!(
            lines("a/src/b.rs", "#[cfg(test)]\nmod tests {\n    fn f() { assert!(tokio::time::sleep(d)); }\n}\n"),
            [3]
        );
    }

    #[test]
    fn an_exception_holds_for_its_function() {
        let exceptions = [("tests/src/wait.rs", "wait_until", "because")];
        assert!(check_with(&one("tests/src/wait.rs", SLEEPS), &exceptions).is_empty());
        let other = tree(&[("tests/src/wait.rs", SLEEPS), ("tests/src/x.rs", "fn wait_until() { sleep(1) }")]);
        assert_eq!(check_with(&other, &exceptions).len(), 1);
    }

    #[test]
    fn an_exception_that_nobody_needs_is_found() {
        let findings =
            check_with(&one("tests/src/wait.rs", "fn f() {}"), &[("tests/src/wait.rs", "wait_until", "because")]);
        assert_eq!(findings.len(), 1);
        assert!(findings.iter().all(|finding| finding.message.contains("no exception any more")));
    }
}
