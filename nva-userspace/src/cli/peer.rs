//! `nva peer`, `nva drain`, `nva undrain`, `nva reload`.

use std::path::Path;

use super::args::{PeerCommand, Which};
use super::table;
use crate::control::{Command, Direction, DoneReply, PeerChoice, ask};

/// Tells the daemon to do something about peers.
pub fn peer(socket: &Path, command: PeerCommand) -> anyhow::Result<()> {
    tell(
        socket,
        &match command {
            PeerCommand::Disable { which, message } => {
                Command::Disable { peers: which.into(), message: message.unwrap_or_default() }
            }
            PeerCommand::Enable { which } => Command::Enable { peers: which.into() },
            PeerCommand::Reset { which, message } => {
                Command::Reset { peers: which.into(), message: message.unwrap_or_default() }
            }
            PeerCommand::Refresh { which, inbound, outbound } => {
                let direction = match (inbound, outbound) {
                    (true, false) => Direction::In,
                    (false, true) => Direction::Out,
                    (true, true) | (false, false) => Direction::Both,
                };
                Command::Refresh { peers: which.into(), direction }
            }
            PeerCommand::Drain { which } => Command::Drain { peers: which.into() },
            PeerCommand::Undrain { which } => Command::Undrain { peers: which.into() },
        },
    )
}

/// Leads traffic away from the whole router, or ends that.
pub fn drain(socket: &Path, drained: bool) -> anyhow::Result<()> {
    tell(socket, if drained { &Command::DrainRouter } else { &Command::UndrainRouter })
}

/// Lets the daemon read its configuration file again, or say what that would change.
pub fn reload(socket: &Path, dry_run: bool) -> anyhow::Result<()> {
    let reply: DoneReply = ask(socket, &Command::Reload { dry_run })?;
    match (reply.rows.is_empty(), dry_run) {
        (true, _) => println!("nothing changes"),
        (false, true) => print(reply, "Would change"),
        (false, false) => print(reply, "Changed"),
    }
    Ok(())
}

fn tell(socket: &Path, command: &Command) -> anyhow::Result<()> {
    print(ask(socket, command)?, "Done");
    Ok(())
}

fn print(reply: DoneReply, heading: &str) {
    let mut rows = table::new(&["Peer", heading]);
    for done in reply.rows {
        rows.add_row([done.peer, done.done]);
    }
    table::print(rows);
}

impl From<Which> for PeerChoice {
    fn from(which: Which) -> PeerChoice {
        PeerChoice { names: which.names, group: which.group, all: which.all }
    }
}
