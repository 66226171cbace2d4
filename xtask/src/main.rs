//! `cargo xtask`: everything around the code, from an empty machine to a passed test run.
//!
//! Each subcommand is a module; [`cmd`] runs other programs and says so, [`workspace`] knows where things are. Nothing
//! here is part of `nva` itself.

mod bench;
mod build;
mod cmd;
mod kernels;
mod lab;
mod setup;
mod test;
mod tidy;
mod toolchain;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use setup::Level;
use workspace::Workspace;

const OVERVIEW: &str = "\
Start here:
  cargo xtask demo     sets up what is missing, builds, and shows the whole system at work
  cargo xtask test     the same set-up, then every check and test

Root is needed to install packages, for network namespaces and to load XDP programs: build, tidy and setup itself do
without as long as nothing is missing.";

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Set up, build, try and test nva", after_help = OVERVIEW)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Find what is missing on this machine and install it, saying each command
    Setup {
        /// For what: each level includes those before it
        #[arg(value_enum, default_value = "test")]
        level: Level,
    },
    /// Build the BPF object, `nva` with the object embedded, and `nva-lab` (release profile)
    Build,
    /// Build, load the XDP programs and attach them to an interface
    Load {
        /// The interface
        #[arg(long)]
        interface: String,
        /// Further arguments of `nva xdp attach`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Build and run `nva`: `cargo xtask run -- show peers`
    Run {
        /// Arguments of `nva`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Set up, build, and run every check and test
    Test {
        /// Run only these steps (set-up and build come first in any case)
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<test::Step>,
        /// A directory with captures of real traffic, for the tests that can do with more than they make themselves
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Set up, build, and boot Debian's 6.1 and 6.12 cloud kernels in qemu, to forward packets in each with every program
    Kernels {
        #[command(flatten)]
        options: kernels::Options,
    },
    /// Set up, build, and measure
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
    /// Check layers, purity, sizes, sleeping tests and the like
    Tidy {
        /// Print instead which clauses of RFCs the sources cite, and where
        #[arg(long)]
        rfc: bool,
    },
    /// The network of the demo, by hand: `cargo xtask lab up|status|exec|down`
    Lab {
        /// Arguments of `nva-lab`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Set up, build, and show ten NVAs, two hubs and a route server: `cargo xtask demo [--keep] [--hubs bird] …`
    #[command(disable_help_flag = true)]
    Demo {
        /// Arguments of `nva-lab demo`; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup { level } => setup::run(&workspace, level).map(|_| ExitCode::SUCCESS),
        Command::Build => build::run(&workspace).map(|_| ExitCode::SUCCESS),
        Command::Test { only, data } => test::run(&workspace, &only, data.as_deref()),
        Command::Kernels { options } => kernels::run(&workspace, &options),
        Command::Bench { bench } => bench::run(&workspace, &bench),
        Command::Tidy { rfc: true } => tidy::print_rfc(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Tidy { rfc: false } => tidy::run(&workspace).map(|()| ExitCode::SUCCESS),
        Command::Load { interface, args } => lab::load(&workspace, &interface, &args),
        Command::Run { args } => lab::run_nva(&workspace, &args),
        Command::Lab { args } => lab::lab(&workspace, &args),
        Command::Demo { args } => lab::demo(&workspace, &args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(words: &[&str]) -> Vec<String> {
        let cli = Cli::try_parse_from(["xtask"].iter().chain(words)).expect("it parses");
        match cli.command {
            Command::Run { args } | Command::Lab { args } | Command::Demo { args } => args,
            Command::Setup { .. }
            | Command::Build
            | Command::Load { .. }
            | Command::Test { .. }
            | Command::Kernels { .. }
            | Command::Bench { .. }
            | Command::Tidy { .. } => {
                panic!("nothing is passed on by these")
            }
        }
    }

    #[test]
    fn arguments_for_others_arrive_as_they_were_typed() {
        assert_eq!(passed_on(&["run", "--", "show", "peers", "--json"]), ["show", "peers", "--json"]);
        assert_eq!(passed_on(&["run", "check", "-c", "nva.toml"]), ["check", "-c", "nva.toml"]);
        assert_eq!(passed_on(&["lab", "exec", "vm", "--", "ping", "-c", "1"]), ["exec", "vm", "--", "ping", "-c", "1"]);
        assert_eq!(passed_on(&["demo", "--hubs", "bird", "--keep"]), ["--hubs", "bird", "--keep"]);
    }
}
