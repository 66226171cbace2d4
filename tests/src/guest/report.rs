//! What `cargo xtask kernels` reads.
//!
//! - `row`, kernel, forwarder, instructions that the verifier went through for the root program and for the forwarder (`-`
//!   before Linux 5.16), mode, and packets forwarded: IPv4, IPv6, and both again as hairpins
//! - `verdicts` and how many tests of the data plane have passed (`-` if they were left out)
//! - at the end `passed`, or `failed` and why

use std::fs;

use anyhow::Context;

use crate::appliance::{Appliance, Forwarder};

/// One forwarder's result.
pub struct Row {
    kernel: String,
    forwarder: Forwarder,
    verified: [Option<u32>; 2],
    /// Packets of each kind.
    pub forwarded: Vec<u64>,
}

impl Row {
    /// What can be said before a packet has come.
    pub fn of(appliance: &Appliance<'_>) -> anyhow::Result<Row> {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
        let forwarder = appliance.forwarder;
        let verified = [verified("root")?, verified(forwarder.name())?];
        Ok(Row { kernel: kernel.trim().to_owned(), forwarder, verified, forwarded: Vec::new() })
    }

    /// Writes it, once all is well.
    pub fn write(&self) {
        let [root, forwarder] = self.verified.map(or_dash);
        let mut words =
            vec![self.kernel.clone(), self.forwarder.name().to_owned(), root, forwarder, "native".to_owned()];
        words.extend(self.forwarded.iter().map(u64::to_string));
        println!("row\t{}", words.join("\t"));
    }
}

/// So many tests of the data plane have passed, if they were to run.
pub fn verdicts(passed: Option<u32>) {
    println!("verdicts\t{}", or_dash(passed));
}

/// All is well.
pub fn passed() {
    println!("passed");
}

/// Something is not: the first line goes into the report, all of it on the console.
pub fn failed(error: &anyhow::Error) {
    let text = format!("{error:#}");
    eprintln!("nva-guest: {text}");
    println!("failed\t{}", text.lines().next().unwrap_or_default());
}

fn or_dash(count: Option<u32>) -> String {
    count.map_or("-".to_owned(), |count| count.to_string())
}

/// How many instructions the verifier went through before it let the newest program of this name in.
fn verified(name: &str) -> anyhow::Result<Option<u32>> {
    let programs = aya::programs::loaded_programs().collect::<Result<Vec<_>, _>>().context("cannot list programs")?;
    let newest = programs.iter().filter(|program| program.name_as_str() == Some(name)).max_by_key(|one| one.id());
    let newest = newest.with_context(|| format!("the kernel has no program {name}"))?;
    Ok(newest.verified_instruction_count())
}
