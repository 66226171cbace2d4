//! Running iproute2.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Runs `ip` and returns what it prints.
pub fn ip(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("ip").args(arguments).output().context("cannot run ip (package iproute2)")?;
    if !output.status.success() {
        bail!("`ip {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs many `ip` commands, one a line, in one process; the first that fails ends it.
pub fn ip_batch(namespace: Option<&str>, lines: &str) -> anyhow::Result<()> {
    let mut command = Command::new("ip");
    if let Some(namespace) = namespace {
        command.args(["-n", namespace]);
    }
    command.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot run ip (package iproute2)")?;
    if let Some(mut input) = child.stdin.take() {
        // A command that fails makes ip stop reading; its exit code says so.
        let _ = input.write_all(lines.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("ip refused {}in {}: {}", failed_line(&errors, lines), namespace.unwrap_or("the machine"), errors.trim());
    }
    Ok(())
}

/// `Command failed -:3` is about the third line.
fn failed_line(errors: &str, lines: &str) -> String {
    let number = errors.lines().find_map(|line| line.strip_prefix("Command failed -:")?.trim().parse::<usize>().ok());
    let line = number.and_then(|number| lines.lines().nth(number.checked_sub(1)?));
    line.map(|line| format!("`{line}` ")).unwrap_or_default()
}
