//! Another configuration while the daemon runs: the speaker's part is [`crate::speaker::Speaker::reconfigure`], sockets are
//! looked after here.
//!
//! Passwords are set on the listening sockets first, as the kernel may refuse one. A connection whose password changes lives
//! on with the new one: what is lost until the peer has it, too, TCP sends again, for as long as the hold times last.
//! One that was not signed, or is not to be signed any more, is another connection: its session begins anew.

use std::collections::BTreeSet;

use tracing::warn;

use super::Daemon;
use crate::config::Config;
use crate::daemon::error::ReloadError;
use crate::daemon::handle::Reloaded;
use crate::route::PeerId;
use crate::speaker::Peer;

impl Daemon {
    /// Goes on with another configuration, or says what that would change. What takes a restart stays as it is.
    pub(super) fn reload(&mut self, new: Config, dry_run: bool) -> Result<Reloaded, ReloadError> {
        let restart = self.config.needs_restart(&new);
        let moved = self.moved(&new);
        let changes = self.speaker.changes(&new.speaker, &moved)?;
        // A session that is reset begins with the new password.
        let goes_on =
            |peer: &&Peer| !changes.iter().any(|one| one.ends_session() && one.peer() == Some(&peer.config().name));
        let resigned: Vec<PeerId> = self.resigned(&new).filter(goes_on).map(Peer::id).collect();
        let passwords = resigned.iter().map(|peer| self.name(*peer).to_owned()).collect();
        if dry_run {
            return Ok(Reloaded { changes, passwords, restart });
        }
        self.listeners.sign(&self.config.passwords(), &new.passwords())?;
        let changes = self.speaker.reconfigure(new.speaker.clone(), &moved, self.clock.now())?;
        self.config = self.config.followed_by(new);
        self.dataplane.look_up_in(self.config.xdp.lookup, self.speaker.host());
        resigned.into_iter().for_each(|peer| self.sign_again(peer));
        Ok(Reloaded { changes, passwords, restart })
    }

    /// The peers that are reached in another way, or whose segments have another TTL or address of ours, or are signed and
    /// were not, or the other way round.
    fn moved(&self, new: &Config) -> BTreeSet<String> {
        let segments = |config: &Config, peer: &Peer| {
            let address = peer.config().address;
            (config.password_of(address).is_some(), config.ttl_of(address), config.local_towards(address))
        };
        let differs = |peer: &&Peer| segments(&self.config, peer) != segments(new, peer);
        let names = self.speaker.peers().iter().filter(differs).map(|peer| peer.config().name.clone());
        self.config.moved(new).into_iter().chain(names).collect()
    }

    /// The peers whose connections are signed with another password.
    fn resigned<'a>(&'a self, new: &'a Config) -> impl Iterator<Item = &'a Peer> {
        self.speaker.peers().iter().filter(|peer| {
            let address = peer.config().address;
            let (old, new) = (self.config.password_of(address), new.password_of(address));
            old.is_some() && new.is_some() && old != new
        })
    }

    /// Signs a peer's connections with the password that it has now.
    fn sign_again(&mut self, peer: PeerId) {
        let Some(address) = self.speaker.peer(peer).map(|known| known.config().address) else { return };
        let Some(password) = self.config.password_of(address) else { return };
        if let Err(error) = self.sessions.sign(peer, address, password) {
            warn!(peer = self.name(peer), %error, "cannot change the password of a connection: the session is reset");
            self.speaker.reset(peer, "another password", self.clock.now());
        }
        if self.sessions.is_dialling(peer) {
            self.dial(peer);
        }
    }
}
