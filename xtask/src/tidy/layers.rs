//! Who imports whom among nva-userspace's modules: only from lower layers, and not from the same layer, except by the
//! edges that are named here. ARCHITECTURE.md has the reasons.

use super::Finding;
use super::paths;
use super::source::{Source, Tree};

/// A module of the library.
pub struct Module {
    /// Its name.
    pub name: &'static str,
    /// Its layer, from 0.
    pub layer: u8,
    imports: Imports,
}

enum Imports {
    /// Everything in the layers below.
    Below,
    /// Everything in the layers below, and these of its own layer.
    BelowAnd(&'static [&'static str]),
    /// These only.
    Only(&'static [&'static str]),
}

/// The layers up to here are pure: see [`super::purity`].
pub const HIGHEST_PURE_LAYER: u8 = 3;

/// The layer table.
pub const MODULES: &[Module] = &[
    module("net", 0, Imports::Below),
    module("attributes", 0, Imports::BelowAnd(&["net"])),
    module("packet", 1, Imports::Below),
    module("route", 1, Imports::Below),
    module("host", 1, Imports::Below),
    module("bfd", 2, Imports::Only(&["net"])),
    module("fsm", 2, Imports::Only(&["net", "attributes", "packet"])),
    module("mrt", 2, Imports::Only(&["net", "attributes", "packet"])),
    module("policy", 2, Imports::Only(&["net", "attributes", "route", "host"])),
    module("rib", 2, Imports::Only(&["net", "attributes", "route", "host"])),
    module("fib", 2, Imports::Only(&["net", "attributes", "route", "host"])),
    module("speaker", 3, Imports::Below),
    module("transport", 4, Imports::Below),
    module("kernel", 4, Imports::Below),
    module("xdp", 4, Imports::Below),
    module("control", 4, Imports::Below),
    module("config", 5, Imports::Below),
    module("daemon", 5, Imports::BelowAnd(&["config"])),
    module("cli", 5, Imports::BelowAnd(&["config", "daemon"])),
];

/// Where a module is imported against the table all the same, and why.
struct Exception {
    /// The file, or a folder with `/` at its end.
    path: &'static str,
    imports: &'static str,
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[Exception {
    path: "nva-userspace/src/speaker/tests/",
    imports: "config",
    reason: "the simulations' routers are configured as operators write it",
}];

const SOURCES: &str = "nva-userspace/src/";

/// Finds imports against the table, and modules that are not in it.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_with(tree, EXCEPTIONS)
}

fn check_with(tree: &Tree, exceptions: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; exceptions.len()];
    for (file, rust) in tree.rust() {
        let Some(module_path) = module_path(file) else { continue };
        let Some(&own) = module_path.first() else { continue };
        let Some(module) = find(own) else {
            findings.push(Finding::new(&file.path, 1, format!("`{own}` is not in the layer table")));
            continue;
        };
        for path in paths::all(rust, &module_path) {
            let [first, name, ..] = path.segments.as_slice() else { continue };
            if first != "crate" || name == own {
                continue;
            }
            let is_excepted =
                |exception: &Exception| exception.imports == name && file.path.starts_with(exception.path);
            match find(name) {
                Some(imported) if module.may_import(imported) => {}
                Some(imported) => match exceptions.iter().position(is_excepted) {
                    Some(index) => used[index] = true,
                    None => findings.push(Finding::new(
                        &file.path,
                        path.line,
                        format!("`{own}` (L{}) may not import `{name}` (L{})", module.layer, imported.layer),
                    )),
                },
                None => findings.push(Finding::new(
                    &file.path,
                    path.line,
                    format!("`crate::{name}` is no module in the layer table"),
                )),
            }
        }
    }
    let unused = exceptions.iter().zip(used).filter(|(_, used)| !used).map(|(exception, _)| exception);
    findings.extend(unused.map(|Exception { path, imports, reason }| {
        Finding::new(path, 1, format!("importing `{imports}` needs no exception any more ({reason})"))
    }));
    findings
}

/// The module that a file of the library is, or `None` for files of other crates; empty for the crate's roots.
pub fn module_path(file: &Source) -> Option<Vec<&str>> {
    let path = file.path.strip_prefix(SOURCES)?.strip_suffix(".rs")?;
    let mut segments: Vec<&str> = path.split('/').collect();
    if segments.last().is_some_and(|last| *last == "mod") || matches!(path, "lib" | "main") {
        segments.pop();
    }
    Some(segments)
}

/// A module by its name.
pub fn find(name: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.name == name)
}

impl Module {
    fn may_import(&self, other: &Module) -> bool {
        match self.imports {
            Imports::Below => other.layer < self.layer,
            Imports::BelowAnd(same) => other.layer < self.layer || same.contains(&other.name),
            Imports::Only(names) => names.contains(&other.name),
        }
    }
}

const fn module(name: &'static str, layer: u8, imports: Imports) -> Module {
    Module { name, layer, imports }
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::one;
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check_with(&one(path, text), &[]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn imports_go_downwards() {
        assert!(
            findings("nva-userspace/src/rib/decision.rs", "use crate::route::Route;\nuse crate::rib::X;").is_empty()
        );
        assert_eq!(
            findings("nva-userspace/src/rib/decision.rs", "use crate::net::Asn;\nuse crate::speaker::Speaker;"),
            ["nva-userspace/src/rib/decision.rs:2: `rib` (L2) may not import `speaker` (L3)"]
        );
        assert_eq!(
            findings("nva-userspace/src/net/mod.rs", "fn f() { g!(crate::packet::HEADER_LEN) }"),
            ["nva-userspace/src/net/mod.rs:1: `net` (L0) may not import `packet` (L1)"]
        );
    }

    #[test]
    fn neighbours_do_not_import_each_other_unless_named() {
        assert_eq!(findings("nva-userspace/src/policy/mod.rs", "use super::rib::Rib;").len(), 1);
        assert_eq!(findings("nva-userspace/src/fsm/mod.rs", "use crate::route::Route;").len(), 1);
        assert_eq!(findings("nva-userspace/src/config/mod.rs", "use crate::daemon::run;").len(), 1);
        assert!(findings("nva-userspace/src/cli/run.rs", "use crate::daemon::run;").is_empty());
        assert!(findings("nva-userspace/src/attributes/mod.rs", "use crate::net::Asn;").is_empty());
    }

    #[test]
    fn exceptions_are_for_one_import_in_one_place() {
        let exceptions = [Exception { path: "nva-userspace/src/speaker/tests/", imports: "config", reason: "x" }];
        let check = |path, text| check_with(&one(path, text), &exceptions).len();
        assert_eq!(check("nva-userspace/src/speaker/tests/sim.rs", "use crate::config::parse;"), 0);
        assert_eq!(
            check("nva-userspace/src/speaker/tests/sim.rs", "use crate::cli::parse;"),
            2,
            "and one is not needed"
        );
        assert_eq!(check("nva-userspace/src/speaker/mod.rs", "use crate::config::parse;"), 2, "and one is not needed");
    }

    #[test]
    fn the_table_is_complete() {
        assert_eq!(findings("nva-userspace/src/metrics/mod.rs", "").len(), 1);
        assert_eq!(findings("nva-userspace/src/cli/mod.rs", "use crate::Helper;").len(), 1);
        assert!(findings("nva-userspace/src/main.rs", "use crate::Helper;").is_empty());
        for module in MODULES {
            let Imports::Only(names) = module.imports else { continue };
            assert!(names.iter().filter_map(|name| find(name)).all(|m| m.layer < module.layer), "{}", module.name);
        }
    }
}
