//! One peer: its session and, while that is established, what goes out on it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::config::PeerConfig;
use super::export::{Receiver, export};
use crate::fsm::{ConnectionId, Negotiated, Session};
use crate::host::HostState;
use crate::net::{AfiSafi, Asn, Prefix};
use crate::packet;
use crate::policy::PeerView;
use crate::rib::{AdjRibOut, Batch, Outbound};
use crate::route::{Interner, PeerId, Route, Source, SourceKind};

/// A configured peer.
pub struct Peer {
    pub(super) id: PeerId,
    pub(super) config: PeerConfig,
    pub(super) session: Session,
    /// Our address on each of its connections.
    pub(super) local_addresses: BTreeMap<ConnectionId, IpAddr>,
    pub(super) established: Option<Established>,
    /// Malformed UPDATEs that were survived, since the start (RFC 7606).
    pub(super) malformed_updates: u64,
}

/// What exists while a session is established.
pub struct Established {
    pub(super) connection: ConnectionId,
    pub(super) negotiated: Negotiated,
    pub(super) view: PeerView,
    pub(super) source: Arc<Source>,
    pub(super) adj_rib_out: BTreeMap<AfiSafi, AdjRibOut>,
    /// What the last batch left over because an output buffer was full.
    rest: Option<(Batch, usize)>,
    /// Whoever drives the speaker was told that something waits, and has not polled since.
    announced_pending: bool,
    end_of_rib_received: Vec<AfiSafi>,
}

/// What one call of [`Established::poll_updates`] did.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// How many UPDATEs it wrote.
    pub(super) messages: u64,
    /// Routes whose attributes do not fit into any message.
    pub(super) too_large: Vec<Prefix>,
}

impl Peer {
    pub(super) fn new(id: PeerId, config: PeerConfig, seed: u64) -> Peer {
        let session = Session::new(config.session.clone(), seed);
        Peer { id, config, session, local_addresses: BTreeMap::new(), established: None, malformed_updates: 0 }
    }

    /// Its number.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Its configuration.
    pub fn config(&self) -> &PeerConfig {
        &self.config
    }

    /// The state machine of its session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What there is while the session is established.
    pub fn established(&self) -> Option<&Established> {
        self.established.as_ref()
    }

    /// Malformed UPDATEs that the session survived (RFC 7606).
    pub fn malformed_updates(&self) -> u64 {
        self.malformed_updates
    }

    /// Decides what the peer is told of a prefix from now on. Whether that may have put something in line for it.
    pub(super) fn tell(
        &mut self,
        prefix: Prefix,
        best: Option<&Route>,
        host: &HostState,
        interner: &mut Interner,
    ) -> bool {
        let Some(receiver) = self.receiver() else { return false };
        let exported = best.and_then(|best| export(best, receiver, host).ok());
        let outbound = exported
            .map(|exported| Outbound { attributes: interner.intern(exported.attributes), next_hop: exported.next_hop });
        let established = self.established.as_mut();
        let Some(rib) = established.and_then(|up| up.adj_rib_out.get_mut(&prefix.family())) else { return false };
        rib.set(prefix, outbound);
        true
    }

    /// This peer as the receiver of exports; `None` while its session is down.
    pub fn receiver(&self) -> Option<Receiver<'_>> {
        let established = self.established.as_ref()?;
        Some(Receiver {
            id: self.id,
            config: &self.config,
            view: &established.view,
            families: &established.negotiated.context.families,
            local_asn: self.config.session.local_asn,
        })
    }
}

impl Established {
    pub(super) fn new(peer: &Peer, connection: ConnectionId, negotiated: Negotiated) -> Established {
        let config = &peer.config;
        let local_address = peer.local_addresses.get(&connection).copied().unwrap_or(match config.address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
        let local_asn: Asn = config.session.local_asn;
        let view = PeerView {
            local_address,
            peer_address: config.address,
            external: negotiated.remote_asn != local_asn,
            multihop: config.multihop.is_some(),
        };
        let kind = SourceKind::Peer {
            id: peer.id,
            name: config.name.clone(),
            group: config.group.clone(),
            asn: negotiated.remote_asn,
            router_id: negotiated.remote_router_id,
            address: config.address,
        };
        let families = &negotiated.context.families;
        let adj_rib_out = families.iter().map(|family| (*family, AdjRibOut::new(*family))).collect();
        let source = Arc::new(Source { kind, local_asn });
        Established {
            connection,
            negotiated,
            view,
            source,
            adj_rib_out,
            rest: None,
            announced_pending: false,
            end_of_rib_received: Vec::new(),
        }
    }

    /// The connection.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// What the two sides agreed on.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The session's two ends.
    pub fn view(&self) -> &PeerView {
        &self.view
    }

    /// What the peer was told, or will be as soon as it reads.
    pub fn adj_ribs_out(&self) -> impl Iterator<Item = (AfiSafi, &AdjRibOut)> {
        self.adj_rib_out.iter().map(|(family, rib)| (*family, rib))
    }

    /// Whether something waits to be sent.
    pub(super) fn has_pending(&self) -> bool {
        self.rest.is_some() || self.adj_rib_out.values().any(AdjRibOut::has_pending)
    }

    /// The connection, if something waits and that is news.
    pub(super) fn announce_pending(&mut self) -> Option<ConnectionId> {
        let news = !self.announced_pending && self.has_pending();
        self.announced_pending |= news;
        news.then_some(self.connection)
    }

    /// The peer has sent all that it had at the start of the session (RFC 4724 §2).
    pub(super) fn note_end_of_rib(&mut self, family: AfiSafi) {
        if !self.end_of_rib_received.contains(&family) {
            self.end_of_rib_received.push(family);
        }
    }

    /// Whether that holds for every family.
    pub(super) fn has_told_all(&self) -> bool {
        self.negotiated.context.families.iter().all(|family| self.end_of_rib_received.contains(family))
    }

    /// Appends UPDATEs to `out` until it holds `limit` octets or nothing waits.
    pub(super) fn poll_updates(&mut self, out: &mut Vec<u8>, limit: usize) -> Sent {
        self.announced_pending = false;
        let mut sent = Sent::default();
        while out.len() < limit {
            // A rest is older than all that waits, and so goes first: what was decided last is sent last.
            let next = self.rest.take().or_else(|| self.next_batch().map(|batch| (batch, 0)));
            let Some((batch, done)) = next else { break };
            match self.write(&batch, done, out) {
                Ok(done) => {
                    sent.messages += 1;
                    self.rest = done.map(|done| (batch, done));
                }
                Err(prefixes) => {
                    // Whatever was told of these prefixes before no longer holds.
                    if let Some(rib) = prefixes.first().and_then(|first| self.adj_rib_out.get_mut(&first.family())) {
                        rib.not_sent(&prefixes);
                    }
                    sent.too_large.extend_from_slice(&prefixes);
                    self.rest = Some((Batch::Withdraw(prefixes), 0));
                }
            }
        }
        sent
    }

    /// Writes one UPDATE of a batch of which this much is done. Returns how much is done then, `None` if that is all;
    /// or the prefixes that are left, if their attributes fit into no message.
    fn write(&self, batch: &Batch, done: usize, out: &mut Vec<u8>) -> Result<Option<usize>, Vec<Prefix>> {
        let context = &self.negotiated.context;
        let left = |prefixes: &[Prefix], taken: usize| {
            let done = done + taken;
            (done < prefixes.len()).then_some(done)
        };
        match batch {
            Batch::Withdraw(prefixes) => {
                let rest = prefixes.get(done..).unwrap_or_default();
                Ok(left(prefixes, packet::encode_withdrawal(rest, context, out)))
            }
            Batch::Announce { attributes, next_hop, prefixes } => {
                let rest = prefixes.get(done..).unwrap_or_default();
                match packet::encode_announcement(attributes, (*next_hop).into(), rest, context, out) {
                    Ok(taken) => Ok(left(prefixes, taken)),
                    Err(_) => Err(rest.to_vec()),
                }
            }
            Batch::EndOfRib(family) => {
                packet::encode_end_of_rib(*family, out);
                Ok(None)
            }
        }
    }

    fn next_batch(&mut self) -> Option<Batch> {
        self.adj_rib_out.values_mut().find_map(AdjRibOut::poll_update)
    }
}
