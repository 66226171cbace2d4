//! `cargo xtask bench`: how fast it is, beside others in the same run.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::build;
use crate::cmd::Cmd;
use crate::lab;
use crate::setup::{self, Level};
use crate::workspace::Workspace;

/// What is measured.
#[derive(Subcommand)]
pub enum Bench {
    /// Forwarding by XDP, by `bpf_fib_lookup` and by the kernel alone: `cargo xtask bench xdp [--quick] [--json FILE] …`
    #[command(disable_help_flag = true)]
    Xdp {
        /// Arguments of the benchmark; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// Sets up, builds and measures; the benchmark's exit code is ours, because we become it.
///
/// # Errors
/// When it cannot be built or started, or without root.
pub fn run(workspace: &Workspace, bench: &Bench) -> Result<ExitCode> {
    match bench {
        Bench::Xdp { args } => xdp(workspace, args),
    }
}

fn xdp(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    lab::require_root("forwarding in network namespaces")?;
    let ready = setup::run(workspace, Level::Demo)?;
    build::all(workspace, &ready)?;
    let traffic = build::bpf_program(workspace, &ready, "traffic")?;
    let program = build::program_of(workspace, &["bench", "--package", "nva-tests", "--bench", "xdp"], "bench")?;
    Err(Cmd::new(program).env("NVA_TRAFFIC_OBJECT", traffic).args(args).exec())
}
