//! Data that is not part of the project, for those who have it: `cargo xtask test --data DIR`.

use std::path::PathBuf;

/// Where `xtask` names the directory.
const DATA: &str = "NVA_TEST_DATA";

/// The file of this name, if tests are to read such files.
pub fn file(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(DATA)?).join(name);
    assert!(path.is_file(), "{DATA} names a directory without {name}: {} is no file", path.display());
    Some(path)
}
