//! `cargo xtask tidy`: what the compiler does not check. One module for each check.
//!
//! A check is a function from the parsed sources to findings; none of them changes a file. What must be, is in
//! ARCHITECTURE.md; an exception is written down beside the rule, with its reason, and goes when it is not needed.

mod docs;
mod forbidden;
mod layers;
mod local_paths;
mod paths;
mod purity;
mod rfc;
mod size;
mod sleep;
mod source;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use source::Tree;

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

type Check = (&'static str, fn(&Tree) -> Vec<Finding>);

const CHECKS: &[Check] = &[
    ("layers", layers::check),
    ("purity", purity::check),
    ("size", size::check),
    ("sleep", sleep::check),
    ("docs", docs::check),
    ("forbidden", forbidden::check),
    ("local paths", local_paths::check),
];

/// Runs every check.
///
/// # Errors
/// When there are findings (they are printed), or a source cannot be read.
pub fn run(workspace: &Workspace) -> Result<()> {
    let tree = Tree::load(workspace.root())?;
    let mut count = 0;
    for (name, check) in CHECKS {
        let mut findings = check(&tree);
        findings.sort();
        findings.dedup();
        count += findings.len();
        for finding in findings {
            println!("{finding} [{name}]");
        }
    }
    if count > 0 {
        bail!("tidy: {count} findings");
    }
    println!("tidy: ok. {} files; {} checks passed", tree.len(), CHECKS.len());
    Ok(())
}

/// Prints where each clause of an RFC is cited.
///
/// # Errors
/// When a source cannot be read.
pub fn print_rfc(workspace: &Workspace) -> Result<()> {
    let tree = Tree::load(workspace.root())?;
    print!("{}", rfc::table(&tree));
    Ok(())
}
