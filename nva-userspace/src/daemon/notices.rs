//! What the speaker has to say, as log lines.

use tracing::{error, info, warn};

use crate::route::PeerId;
use crate::speaker::{Notice, Speaker};

/// Logs a notice.
pub fn log(notice: &Notice, speaker: &Speaker) {
    let name = |peer: &PeerId| speaker.peer(*peer).map_or("?", |peer| peer.config().name.as_str());
    match notice {
        Notice::PeerUp { peer, families } => {
            let families = families.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            info!(peer = name(peer), families, "session established");
        }
        Notice::PeerDown { peer, reason } => warn!(peer = name(peer), %reason, "session down"),
        Notice::MalformedUpdate { peer, faults } => {
            for fault in faults {
                warn!(peer = name(peer), %fault, "malformed UPDATE survived (RFC 7606)");
            }
        }
        Notice::EndOfRib { peer, family } => info!(peer = name(peer), %family, "end of RIB received"),
        Notice::Originated(prefix) => info!(%prefix, "originating"),
        Notice::NoLongerOriginated(prefix) => info!(%prefix, "no longer originating"),
        Notice::RouteTooLarge { peer, prefixes } => {
            error!(peer = name(peer), count = prefixes.len(), first = ?prefixes.first(),
                "attributes do not fit into a BGP message: routes not sent");
        }
        Notice::Reconciled { removed } => {
            info!(removed, "start-up is over: unconfirmed routes of the last run removed")
        }
    }
}
