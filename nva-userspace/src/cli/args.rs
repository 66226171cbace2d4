//! What may be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use nva_common::Verdict;
use nva_common::capture::MAX_SNAP_LENGTH;

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
    /// Capture packets as XDP sees them come in, each with what becomes of it and why: one line each, or a pcapng file.
    /// Until Ctrl-C, --count or --duration. Forwarding goes on, by a program that does more; without a capture, the usual one runs.
    Capture(CaptureArgs),
    /// Stop, start, refresh or drain sessions of the running daemon; a restart forgets what was said here.
    Peer {
        /// What to do.
        #[command(subcommand)]
        command: PeerCommand,
    },
    /// Read the configuration file of the running daemon again, and change what has changed in it. A file with problems
    /// changes nothing. SIGHUP does the same.
    Reload {
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lead traffic away from this router before maintenance: everything is announced with GRACEFUL_SHUTDOWN, and
    /// routes of peers are the last choice (RFC 8326).
    Drain,
    /// End `nva drain`.
    Undrain,
    /// Try policies without a daemon.
    Policy {
        /// What to do.
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Look after the tables by which the running daemon forwards.
    Fib {
        /// What to do.
        #[command(subcommand)]
        command: FibCommand,
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
    Peers {
        /// Only these, by name or address, with all that is known of them.
        #[arg(value_name = "PEER")]
        names: Vec<String>,
    },
    /// Routes in use.
    Routes {
        /// Only this prefix.
        prefix: Option<String>,
        /// Every route with its standing and the reason for it; for a peer, also what it is not told.
        #[arg(long)]
        all: bool,
        /// Only routes that this peer announced.
        #[arg(long, value_name = "PEER", conflicts_with = "advertised_to")]
        received_from: Option<String>,
        /// Instead, what this peer is told.
        #[arg(long, value_name = "PEER")]
        advertised_to: Option<String>,
    },
    /// Incoming connections: how many were let in, how many refused and why, and the groups that listen.
    Connections,
    /// Our routes in the kernel.
    Fib,
    /// The XDP data plane's interfaces and counters.
    Xdp {
        /// Instead of all packets so far, how many there are a second, from what is counted in so many seconds.
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1")]
        #[arg(value_parser = clap::value_parser!(u16).range(1..=3600))]
        rate: Option<u16>,
    },
    /// How equal paths are shared out with fellow hubs.
    Hubs,
    /// Our routes for many longer ones, how many contribute to them, and why one is not there.
    Aggregates,
    /// The BFD sessions.
    Bfd,
    /// The configuration that runs.
    Config,
}

/// What can be done about peers.
#[derive(Debug, Subcommand)]
pub enum PeerCommand {
    /// Stop sessions and keep them so (Cease/Administrative Shutdown).
    Disable {
        /// Whose.
        #[command(flatten)]
        which: Which,
        /// What the peers' operators read in their logs: up to 255 octets (RFC 9003).
        #[arg(short, long)]
        message: Option<String>,
    },
    /// Let sessions run again; one that waits after a failure is tried at once.
    Enable {
        /// Whose.
        #[command(flatten)]
        which: Which,
    },
    /// End sessions and begin them anew (Cease/Administrative Reset).
    Reset {
        /// Whose.
        #[command(flatten)]
        which: Which,
        /// What the peers' operators read in their logs: up to 255 octets (RFC 9003).
        #[arg(short, long)]
        message: Option<String>,
    },
    /// Exchange routes again without ending sessions: in both directions unless one is given.
    Refresh {
        /// With whom.
        #[command(flatten)]
        which: Which,
        /// Ask for the peers' routes; of peers that cannot be asked, import again what they sent.
        #[arg(long = "in")]
        inbound: bool,
        /// Send everything again.
        #[arg(long = "out")]
        outbound: bool,
    },
    /// Lead traffic away from peers before maintenance: they are told GRACEFUL_SHUTDOWN, and their routes are the last
    /// choice (RFC 8326).
    Drain {
        /// From whom.
        #[command(flatten)]
        which: Which,
    },
    /// End `drain`.
    Undrain {
        /// For whom.
        #[command(flatten)]
        which: Which,
    },
}

/// Which peers.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Which {
    /// Names or addresses of peers; `*` stands for any text.
    #[arg(value_name = "PEER")]
    pub names: Vec<String>,
    /// The members of this group.
    #[arg(long)]
    pub group: Option<String>,
    /// All peers.
    #[arg(long)]
    pub all: bool,
}

/// What can be done about the tables.
#[derive(Debug, Subcommand)]
pub enum FibCommand {
    /// Read our routes and next-hop objects in the kernel anew, hold them and the XDP tables against what they should be,
    /// and repair them. Exits with 1 if there was something to repair.
    Audit {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Which packets are captured, where to, and how many.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nva capture --verdict drop                                    what is dropped, and why
  nva capture --prefix 100.0.0.100 --count 20                   twenty packets from or to an address
  nva capture --write - --interface eth0 | wireshark -k -i -    live in Wireshark
  nva capture --write ttl.pcapng --reason ttl-expired --duration 60
  tshark -r ttl.pcapng -T fields -e frame.comment -e ip.src     what is in such a file

A packet has to fit every option that is given; of --interface, --verdict and --reason it has to fit one of each.
In a file, the packet's comment says verdict, reason and the interface that it leaves by. One capture runs at a time.")]
pub struct CaptureArgs {
    /// Write a pcapng file, which tcpdump and Wireshark read; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Only packets that come in by these interfaces [default: all that XDP is attached to].
    #[arg(short, long, value_name = "IF", value_delimiter = ',')]
    pub interface: Vec<String>,
    /// Only packets that meet one of these verdicts.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub verdict: Vec<CaptureVerdict>,
    /// Only packets with one of these reasons, by the names in `nva show xdp`.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub reason: Vec<String>,
    /// Only packets from or to this prefix or address.
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// Only packets from this prefix or address.
    #[arg(long, value_name = "PREFIX")]
    pub source: Option<String>,
    /// Only packets to this prefix or address.
    #[arg(long, value_name = "PREFIX")]
    pub destination: Option<String>,
    /// Stop after so many packets.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop after so many seconds.
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub duration: Option<u64>,
    /// At most so many packets a second on each CPU, after as many at once; 0: no limit.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub rate: u32,
    /// At most so many octets of each packet.
    #[arg(short, long, value_name = "OCTETS", default_value_t = MAX_SNAP_LENGTH)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SNAP_LENGTH)))]
    pub snaplen: u32,
}

/// What becomes of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptureVerdict {
    /// Sent out by XDP.
    Forward,
    /// Left to the kernel.
    Pass,
    /// Dropped.
    Drop,
}

impl CaptureVerdict {
    /// Its name, as it is also typed.
    pub fn name(self) -> &'static str {
        match self {
            CaptureVerdict::Forward => Verdict::Forward.name(),
            CaptureVerdict::Pass => Verdict::Pass.name(),
            CaptureVerdict::Drop => Verdict::Drop.name(),
        }
    }
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
        /// Look up routes in the kernel's tables, not in ours.
        #[arg(long)]
        kernel_lookup: bool,
    },
    /// Detach every program and remove everything that is pinned.
    Detach {
        /// Where maps and links are pinned.
        #[arg(long)]
        pin_directory: Option<PathBuf>,
    },
}

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Run routes through policies: which statement decides about each, and what becomes of its attributes. What is
    /// decided outside of policies is left out: loops, the peer's first AS, well-known communities, next hops.
    Test(PolicyTest),
}

/// What is tried on what.
#[derive(Debug, clap::Args)]
pub struct PolicyTest {
    /// The configuration file.
    #[arg(short, long)]
    pub config: PathBuf,
    /// The policies, tried in this order; without it those of the peer.
    #[arg(short, long, value_name = "NAME", value_delimiter = ',', required_unless_present = "peer")]
    pub policy: Vec<String>,
    /// The peer, or the group that listens, that the routes come from, or go to with `--direction export`.
    #[arg(long)]
    pub peer: Option<String>,
    /// Whether routes come in or go out.
    #[arg(long, value_enum, default_value_t = Direction::Import)]
    pub direction: Direction,
    /// A route such as '10.0.0.0/24 path "65101 65102" community 65000:1'; docs/policy.md has all that it may say.
    #[arg(short, long = "route", value_name = "TEXT", required_unless_present = "mrt")]
    pub routes: Vec<String>,
    /// An MRT file of routes, plain or compressed with gzip or bzip2; the answer is a summary by statements.
    #[arg(long, value_name = "FILE", conflicts_with = "routes")]
    pub mrt: Option<PathBuf>,
    /// Show each route of an MRT file, too.
    #[arg(short, long, requires = "mrt")]
    pub verbose: bool,
    /// Fail if a route is decided about otherwise.
    #[arg(long, value_enum)]
    pub expect: Option<Expected>,
    /// Print JSON: an object for each route, in a line of its own; for an MRT file its summary behind that.
    #[arg(long)]
    pub json: bool,
}

/// Which way routes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// From a peer to us.
    Import,
    /// From us to a peer.
    Export,
}

/// What is to become of every route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Expected {
    /// Accepted.
    Accept,
    /// Rejected.
    Reject,
}
