//! One peer: its session and, while that is established, what goes out on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::PeerConfig;
use super::export::Receiver;
use crate::fsm::{ConnectionId, Negotiated, Session};
use crate::net::{AfiSafi, Asn};
use crate::packet;
use crate::policy::PeerView;
use crate::rib::{AdjRibOut, Batch};
use crate::route::{PeerId, Source, SourceKind};

/// A configured peer.
pub struct Peer {
    pub(super) id: PeerId,
    pub(super) config: PeerConfig,
    pub(super) session: Session,
    /// Our address on each of its connections.
    pub(super) local_addresses: BTreeMap<ConnectionId, std::net::IpAddr>,
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
    pub(super) end_of_rib_received: Vec<AfiSafi>,
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
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
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
        Established { connection, negotiated, view, source, adj_rib_out, rest: None, end_of_rib_received: Vec::new() }
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

    /// Appends UPDATEs to `out` until it holds `limit` octets or nothing waits. Returns the prefixes of routes whose
    /// attributes do not fit into any message.
    pub(super) fn poll_updates(&mut self, out: &mut Vec<u8>, limit: usize) -> Vec<crate::net::Prefix> {
        let mut too_large = Vec::new();
        while out.len() < limit {
            let next = self.rest.take().or_else(|| self.next_batch().map(|batch| (batch, 0)));
            let Some((batch, done)) = next else { break };
            let taken = match &batch {
                Batch::Withdraw(prefixes) => {
                    let rest = prefixes.get(done..).unwrap_or_default();
                    Some((packet::encode_withdrawal(rest, &self.negotiated.context, out), rest.len()))
                }
                Batch::Announce { attributes, next_hop, prefixes } => {
                    let rest = prefixes.get(done..).unwrap_or_default();
                    let context = &self.negotiated.context;
                    match packet::encode_announcement(attributes, (*next_hop).into(), rest, context, out) {
                        Ok(taken) => Some((taken, rest.len())),
                        Err(_) => {
                            // Whatever was told of these prefixes before no longer holds.
                            too_large.extend_from_slice(rest);
                            self.rest = Some((Batch::Withdraw(rest.to_vec()), 0));
                            continue;
                        }
                    }
                }
                Batch::EndOfRib(family) => {
                    packet::encode_end_of_rib(*family, out);
                    None
                }
            };
            if let Some((taken, waiting)) = taken
                && taken < waiting
            {
                self.rest = Some((batch, done + taken));
            }
        }
        too_large
    }

    fn next_batch(&mut self) -> Option<Batch> {
        self.adj_rib_out.values_mut().find_map(AdjRibOut::poll_update)
    }
}
