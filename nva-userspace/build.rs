//! Finds the BPF object that the library embeds, and says how to make it if it is not there.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo:rerun-if-env-changed=NVA_BPF_OBJECT");
    // Set by `.cargo/config.toml`; a packager may point elsewhere.
    let Ok(object) = std::env::var("NVA_BPF_OBJECT") else {
        eprintln!("NVA_BPF_OBJECT is not set: build inside the workspace, with `cargo xtask build`");
        return ExitCode::FAILURE;
    };
    println!("cargo:rerun-if-changed={object}");
    if !Path::new(&object).is_file() {
        eprintln!("the BPF object {object} is not built yet: run `cargo xtask build` (it sets up the toolchain, too)");
        return ExitCode::FAILURE;
    }
    println!("cargo:rustc-env=NVA_BPF_OBJECT_PATH={object}");
    ExitCode::SUCCESS
}
