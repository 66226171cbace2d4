//! Keeps packages from starting their daemons: a BGP daemon of its own is the last thing that a router's owner wants.
//!
//! While packages are installed, `policy-rc.d` (see invoke-rc.d(8)) forbids every start; afterwards the units of newly
//! installed packages are disabled, so that a reboot does not start them either. What was there before is not touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cmd::{self, Cmd};

const POLICY: &str = "/usr/sbin/policy-rc.d";
const MARK: &str = "# Written by nva's `cargo xtask setup` for the time of an installation.";

/// Where packages put their units; the second on systems with a `/lib` of its own.
const UNIT_DIRS: [&str; 2] = ["/usr/lib/systemd/system", "/lib/systemd/system"];

/// Packages that come with a daemon, and its unit.
const UNITS: &[(&str, &str)] = &[
    ("bird2", "bird.service"),
    ("frr", "frr.service"),
    ("gobgpd", "gobgpd.service"),
    ("openbgpd", "openbgpd.service"),
    ("exabgp", "exabgp.service"),
    ("iperf3", "iperf3.service"),
];

/// Forbids the start of services as long as it lives.
pub struct Hold {
    ours: bool,
}

impl Hold {
    /// Puts the policy in place, unless the machine has one of its own already (as containers do).
    pub fn new() -> Result<Self> {
        let path = Path::new(POLICY);
        let foreign = fs::read_to_string(path).is_ok_and(|text| !text.contains(MARK));
        if foreign {
            return Ok(Self { ours: false });
        }
        println!("setup: {POLICY} keeps new services from being started, for now");
        fs::write(path, policy(std::process::id())).with_context(|| format!("cannot write {POLICY}"))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot change {POLICY}"))?;
        Ok(Self { ours: true })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("warning: cannot remove {POLICY}: {error}");
        }
    }
}

/// Removes the policy of an installation that did not live to remove it.
pub fn remove_stale_policy() {
    let stale = fs::read_to_string(POLICY).is_ok_and(|text| is_stale(&text));
    if stale && let Err(error) = fs::remove_file(POLICY) {
        eprintln!("warning: cannot remove {POLICY}, which an interrupted setup left: {error}");
    }
}

/// The units that an installation is about to bring.
pub struct Watch {
    units: Vec<&'static str>,
}

impl Watch {
    /// Those of the packages that are not installed yet.
    pub fn new(names: &[&str]) -> Self {
        let new = |package: &str| names.contains(&package) && !is_installed(package);
        Self { units: UNITS.iter().filter(|(package, _)| new(package)).map(|&(_, unit)| unit).collect() }
    }

    /// Disables those that are there, and stops them if a foreign policy let them start.
    pub fn disable(self) -> Result<()> {
        let units: Vec<&str> = self.units.into_iter().filter(|unit| is_there(unit)).collect();
        if units.is_empty() || cmd::find_program("systemctl").is_none() {
            return Ok(());
        }
        let running = Path::new("/run/systemd/system").is_dir();
        let cmd = Cmd::new("systemctl").arg("--quiet").arg("disable");
        let cmd = if running { cmd.arg("--now") } else { cmd };
        cmd.args(units).run()
    }
}

/// Obeys only as long as the process lives that wrote it: after a crash it forbids nothing.
fn policy(pid: u32) -> String {
    format!("#!/bin/sh\n{MARK}\n[ -d /proc/{pid} ] && exit 101\nexit 0\n")
}

/// Whether a policy is ours, and its writer is gone.
fn is_stale(policy: &str) -> bool {
    let writer = policy.split_once("/proc/").and_then(|(_, rest)| rest.split_once(' ')).map(|(pid, _)| pid);
    policy.contains(MARK) && writer.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
}

/// By its file, as systemd need not run. Of one that is not there systemctl would complain.
fn is_there(unit: &str) -> bool {
    UNIT_DIRS.iter().any(|dir| Path::new(dir).join(unit).is_file())
}

fn is_installed(package: &str) -> bool {
    let status = Cmd::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status}", package]).probe();
    status.is_some_and(|status| status == "installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pid: u32) -> Option<i32> {
        let status = std::process::Command::new("sh").arg("-c").arg(policy(pid)).status();
        status.expect("a shell").code()
    }

    #[test]
    fn the_policy_forbids_while_its_writer_lives() {
        assert_eq!(verdict(std::process::id()), Some(101));
        assert_eq!(verdict(u32::MAX), Some(0), "no such process");
    }

    #[test]
    fn only_our_policy_of_a_dead_writer_is_stale() {
        let dead = policy(u32::MAX);
        assert!(is_stale(&dead));
        assert!(!is_stale(&policy(std::process::id())), "its writer lives");
        assert!(!is_stale(&dead.replace(MARK, "# An administrator's.")), "not ours");
    }

    #[test]
    fn a_unit_that_is_not_there_is_passed_over() {
        Watch { units: vec!["nva-no-such-unit.service"] }.disable().expect("nothing to disable");
    }

    #[test]
    fn only_packages_that_are_asked_for_are_watched() {
        assert!(Watch::new(&["iproute2"]).units.is_empty());
    }
}
