//! The command line. Exit codes: 0 done; 1 failed; 2 wrong usage; 3 the configuration is invalid; 4 no daemon answers.

mod args;
mod audit;
mod capture;
mod counters;
mod exit;
mod explain;
mod peer;
mod peers;
mod policy;
mod run;
mod show;
mod table;
mod xdp;

use std::process::ExitCode;

use clap::Parser;
use nix::sys::signal::{SigHandler, Signal, signal};

use crate::config::Config;
use args::{Args, Command, FibCommand, XdpCommand};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let args = Args::parse();
    if !matches!(args.command, Command::Run { .. }) {
        end_with_the_reader();
    }
    match execute(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", exit::message(&error));
            exit::code(&error)
        }
    }
}

/// Lets SIGPIPE end this process, as it ends every tool whose reader has seen enough (`nva show routes | head`). The
/// daemon must not: its peers come and go.
fn end_with_the_reader() {
    // SAFETY: no handler is installed, and no other thread runs yet.
    if let Err(error) = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) } {
        eprintln!("warning: cannot reset SIGPIPE: {error}");
    }
}

fn execute(args: Args) -> anyhow::Result<()> {
    let socket = args.socket;
    match args.command {
        Command::Run { config } => run::run(&config),
        Command::Check { config, json } => check(&config, json),
        Command::Show { what, json } => show::show(&socket, what, json),
        Command::Explain { target, json } => explain::explain(&socket, target, json),
        Command::Capture(args) => capture::capture(&socket, args),
        Command::Peer { command } => peer::peer(&socket, command),
        Command::Reload { dry_run } => peer::reload(&socket, dry_run),
        Command::Drain => peer::drain(&socket, true),
        Command::Undrain => peer::drain(&socket, false),
        Command::Policy { command } => policy::policy(command),
        Command::Fib { command: FibCommand::Audit { json } } => audit::audit(&socket, json),
        Command::Xdp { command } => match command {
            XdpCommand::Attach { interface, pin_directory, kernel_lookup } => {
                xdp::attach(&interface, pin_directory, kernel_lookup)
            }
            XdpCommand::Detach { pin_directory } => xdp::detach(pin_directory),
        },
    }
}

fn check(path: &std::path::Path, json: bool) -> anyhow::Result<()> {
    let result = Config::load(path);
    if json {
        println!("{}", exit::check_report(&result)?);
    } else if let Ok(config) = &result {
        config.warnings.iter().for_each(|warning| eprintln!("{warning}"));
        println!(
            "{}: good: AS {}, {} peers, {} XDP interfaces",
            path.display(),
            config.speaker.asn,
            config.speaker.peers.len(),
            config.xdp.interfaces.len()
        );
    }
    result.map(|_| ()).map_err(Into::into)
}
