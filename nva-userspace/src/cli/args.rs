//! What may be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::DEFAULT_CONTROL_SOCKET;

/// BGP speaker and XDP data plane for network virtual appliances.
#[derive(Debug, Parser)]
#[command(
    name = "nva",
    version,
    about,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 invalid configuration, 4 no daemon answers."
)]
pub struct Args {
    /// The control socket of the daemon to ask.
    #[arg(long, global = true, env = "NVA_SOCKET", default_value = DEFAULT_CONTROL_SOCKET)]
    pub socket: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What nva can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon until SIGTERM or SIGINT.
    Run {
        /// The configuration file.
        #[arg(short, long)]
        config: PathBuf,
    },
    /// Check a configuration without running it.
    Check {
        /// The configuration file.
        #[arg(short, long)]
        config: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the state of the running daemon.
    Show {
        /// What to show.
        #[command(subcommand)]
        what: What,
        /// Print JSON.
        #[arg(long, global = true)]
        json: bool,
    },
    /// Explain an address or a prefix: its routes, why the best is best, what each peer is told, what the kernel and
    /// XDP do with a packet.
    Explain {
        /// An address such as 100.0.0.100, or a prefix such as 100.0.0.0/24.
        target: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Handle the XDP programs without a daemon.
    Xdp {
        /// What to do.
        #[command(subcommand)]
        command: XdpCommand,
    },
}

/// What can be shown.
#[derive(Debug, Subcommand)]
pub enum What {
    /// The peers and their sessions.
    Peers,
    /// Routes in use.
    Routes {
        /// Only this prefix.
        prefix: Option<String>,
        /// Every route with its standing and the reason for it.
        #[arg(long)]
        all: bool,
        /// Only routes that this peer announced.
        #[arg(long, value_name = "PEER", conflicts_with = "advertised_to")]
        received_from: Option<String>,
        /// Instead, what this peer is told.
        #[arg(long, value_name = "PEER")]
        advertised_to: Option<String>,
    },
    /// Our routes in the kernel.
    Fib,
    /// The XDP data plane's interfaces and counters.
    Xdp,
    /// The configuration that runs.
    Config,
}

/// What can be done with the XDP programs.
#[derive(Debug, Subcommand)]
pub enum XdpCommand {
    /// Load the programs, pin them, and attach them to an interface.
    Attach {
        /// The interface.
        #[arg(short, long)]
        interface: String,
        /// Where maps and links are pinned.
        #[arg(long)]
        pin_directory: Option<PathBuf>,
    },
    /// Detach every program and remove everything that is pinned.
    Detach {
        /// Where maps and links are pinned.
        #[arg(long)]
        pin_directory: Option<PathBuf>,
    },
}
