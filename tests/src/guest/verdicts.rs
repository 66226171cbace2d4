//! The tests of the data plane (`tests/tests/dataplane/`): every verdict, and the same packets through the kernel's own
//! forwarding.

use std::env;
use std::process::Command;

use anyhow::{Context, ensure};

/// Runs them, unless `cargo xtask kernels --forwarding-only` has said otherwise on the kernel's command line, which is init's
/// environment. Returns how many have passed.
pub fn run() -> anyhow::Result<Option<u32>> {
    if env::var_os("NVA_FORWARDING_ONLY").is_some() {
        return Ok(None);
    }
    let program = env::var_os("NVA_DATAPLANE_TESTS").context("NVA_DATAPLANE_TESTS does not name the tests")?;
    // What is in our tables does not depend on the kernel, and takes minutes where the processor is emulated.
    let output = Command::new(program).args(["--skip", "whole_tables"]).output();
    let output = output.context("cannot run the data plane's tests")?;
    let text = String::from_utf8_lossy(&output.stdout);
    eprintln!("{text}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "the data plane's tests failed");
    let passed = passed(&text).context("the data plane's tests do not say how many have passed")?;
    ensure!(passed > 0, "none of the data plane's tests has run");
    Ok(Some(passed))
}

/// `test result: ok. 26 passed; …`
fn passed(text: &str) -> Option<u32> {
    let rest = text.lines().find_map(|line| line.strip_prefix("test result: ok. "))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::passed;

    #[test]
    fn the_number_is_found() {
        let text =
            "\nrunning 2 tests\ntest a ... ok\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; finished in 0.1s\n";
        assert_eq!(passed(text), Some(2));
        assert_eq!(passed("test result: FAILED. 1 passed; 1 failed;\n"), None);
    }
}
