//! Every input of the committed corpora, through its fuzz target.

use std::fs;
use std::path::Path;

use nva_robustness::TARGETS;

#[test]
fn nothing_in_the_corpora_breaks_its_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for target in TARGETS {
        let mut count = 0;
        let directory = corpora.join(target.name);
        for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
            let path = entry.expect("an entry").path();
            let octets = fs::read(&path).expect("an input");
            println!("{}", path.display());
            (target.run)(&octets);
            count += 1;
        }
        assert!(count > 0, "{target:?} has no corpus");
    }
}

#[test]
fn every_target_has_a_binary() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/Cargo.toml")).expect("fuzz/Cargo.toml");
    for target in TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{}.rs\"", target.name)), "{target:?}");
    }
}
