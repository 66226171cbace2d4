//! Keeps neighbours fresh that only the fast path uses: the kernel sees none of that traffic and would let them go.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use crate::kernel::{Keeper, KernelError, Neighbours};

/// How often kernels that cannot keep a neighbour themselves are asked for it: well within the 30 s that a
/// confirmation lasts by default.
const AGAIN: Duration = Duration::from_secs(10);

/// A neighbour: interface index and address.
pub type Key = (u32, IpAddr);

/// The task that keeps them; it ends with this.
pub struct NeighbourKeeper {
    wanted: watch::Sender<BTreeSet<Key>>,
}

impl NeighbourKeeper {
    /// Starts with no neighbour to keep.
    pub fn start() -> Result<NeighbourKeeper, KernelError> {
        let neighbours = Neighbours::open()?;
        let (wanted, changes) = watch::channel(BTreeSet::new());
        tokio::spawn(keep(neighbours, changes));
        Ok(NeighbourKeeper { wanted })
    }

    /// Keeps these from now on, and no others.
    pub fn want(&self, wanted: BTreeSet<Key>) {
        self.wanted.send_if_modified(|before| {
            let differs = *before != wanted;
            *before = wanted;
            differs
        });
    }
}

async fn keep(mut neighbours: Neighbours, mut changes: watch::Receiver<BTreeSet<Key>>) {
    let mut kept: BTreeMap<Key, Keeper> = BTreeMap::new();
    let mut again = interval(AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            _ = again.tick() => kept.retain(|_, keeper| *keeper == Keeper::Kernel),
        }
        let wanted = changes.borrow_and_update().clone();
        let released: Vec<Key> = kept.keys().filter(|key| !wanted.contains(key)).copied().collect();
        for (link, address) in released {
            kept.remove(&(link, address));
            if let Err(error) = neighbours.release(link, address).await {
                debug!(link, %address, %error, "cannot release a neighbour");
            }
        }
        for (link, address) in wanted {
            if kept.contains_key(&(link, address)) {
                continue;
            }
            match neighbours.keep(link, address).await {
                Ok(keeper) => {
                    kept.insert((link, address), keeper);
                }
                // Tried again with the next round: the interface may just be coming up.
                Err(error) => debug!(link, %address, %error, "cannot keep a neighbour"),
            }
        }
    }
}
