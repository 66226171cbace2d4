//! docs/configuration.md knows every key.

use super::super::Config;
use super::super::file::File;
use crate::policy::NextHopMode;

const REFERENCE: &str = include_str!("../../../../docs/configuration.md");

const README: &str = include_str!("../../../../README.md");

/// No table has this key, so that serde says which ones it has.
const NO_KEY: &str = "no-such-key";

/// Every key of every table with the tables around it: found by trying, so that no list of them has to be kept.
fn every_key() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut tables = vec![Vec::new()];
    while let Some(path) = tables.pop() {
        for key in keys_of(&path).unwrap_or_default() {
            // A condition may hold further ones without end.
            let nested = path.contains(&key);
            let path = [path.as_slice(), &[key]].concat();
            if !nested {
                tables.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

/// The keys of the table there; `None` if there is no table.
pub(super) fn keys_of(path: &[String]) -> Option<Vec<String>> {
    // A table may be one or one of a list of them: every way of writing it is tried.
    let mut bodies = vec![format!("{NO_KEY} = 1")];
    for key in path.iter().rev() {
        bodies = bodies
            .iter()
            .flat_map(|body| [format!("{key} = {{ {body} }}"), format!("{key} = [{{ {body} }}]")])
            .collect();
    }
    bodies.iter().find_map(|text| {
        let error = toml::from_str::<File>(text).err()?;
        let rest = error.message().strip_prefix("unknown field ")?.strip_prefix(&format!("`{NO_KEY}`"))?;
        Some(rest.split('`').skip(1).step_by(2).map(str::to_owned).collect())
    })
}

/// The part of the reference about a table of the file's top level.
fn section(table: &str) -> Option<&'static str> {
    REFERENCE
        .split("\n## ")
        .find(|section| section.lines().next().is_some_and(|title| title.contains(&format!("[{table}]"))))
}

#[test]
fn every_key_is_in_the_reference() {
    let keys = every_key();
    let missing: Vec<String> = keys
        .iter()
        .filter(|path| {
            let (Some(table), Some(key)) = (path.first(), path.last()) else { return true };
            let named = |text: &str| text.contains(&format!("`{key}`")) || text.contains(&format!(".{key}]"));
            !section(table).is_some_and(|section| path.len() == 1 || named(section))
        })
        .map(|path| path.join("."))
        .collect();
    assert!(missing.is_empty(), "docs/configuration.md lacks {missing:?}");
    // What was tried reached the innermost tables.
    for path in
        ["router.asn", "policy.statement.match.as-path", "policy.statement.then.prepend", "peer.kind", "xdp.debug"]
    {
        assert!(keys.iter().any(|key| key.join(".") == path), "{path} was not found among {keys:?}");
    }
}

#[test]
fn the_readme_shows_a_configuration_that_runs() {
    let example = README.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let config = Config::parse("README.md", example).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.warnings, []);
    let names: Vec<&str> = config.speaker.peers.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!(names, ["nva0", "rs0", "rs1"]);
    for server in &config.speaker.peers[1..] {
        let modes: Vec<_> = server.export.policies[0].statements.iter().map(|one| one.actions.next_hop).collect();
        assert_eq!(modes, [Some(NextHopMode::Keep), Some(NextHopMode::SelfAddress)], "{}", server.name);
    }
}

#[test]
fn the_examples_run() {
    for (name, text) in [
        ("hub-that-is-an-nva.toml", include_str!("../../../../docs/examples/hub-that-is-an-nva.toml")),
        ("hub-of-three.toml", include_str!("../../../../docs/examples/hub-of-three.toml")),
    ] {
        let config = crate::config::Config::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        assert!(!config.speaker.peers.is_empty() && config.warnings.is_empty(), "{name}: {:?}", config.warnings);
    }
}
