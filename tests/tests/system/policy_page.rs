//! docs/policy.md shows policies of BIRD and FRR beside ours: they are asked whether they understand theirs. Ours are run
//! in `nva-userspace`, in `cli/policy/doc_tests.rs`.

use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../../../docs/policy.md");

/// The page's blocks in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("\n```{language}\n");
    PAGE.split(opening.as_str()).skip(1).map(|rest| rest.split("```").next().expect("the end of a block")).collect()
}

/// What a daemon says of a configuration that it only reads; nothing if it is good.
fn complaints(program: &str, words: &[&str], configuration: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("daemon.conf");
    fs::write(&file, configuration).expect("written");
    let output = Command::new(Path::new(program)).args(words).arg(&file).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if said.is_empty() && !output.status.success() { output.status.to_string() } else { said }
}

fn check(language: &str, before: &str, nonsense: &str, ask: impl Fn(&str) -> String) {
    let examples = blocks(language);
    assert_eq!(examples.len(), 3, "{language}");
    for example in examples {
        let configuration = format!("{before}{example}");
        assert_eq!(ask(&configuration), "", "{example}");
        assert_ne!(ask(&format!("{configuration}{nonsense}")), "", "a mistake would be seen");
    }
}

#[test]
fn bird_understands_its_filters() {
    check("bird", "router id 192.0.2.1;\nprotocol device {}\n", "filter f { nonsense; }\n", |configuration| {
        complaints("/usr/sbin/bird", &["-p", "-c"], configuration)
    });
}

#[test]
fn frr_understands_its_route_maps() {
    check("frr", "", "route-map X permit 10\n set nonsense\n", |configuration| {
        complaints("/usr/lib/frr/bgpd", &["-C", "-f"], configuration)
    });
}
