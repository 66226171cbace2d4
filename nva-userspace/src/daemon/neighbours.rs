//! Keeps neighbours fresh that only the fast path uses: the kernel sees none of that traffic and would let them go.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use crate::kernel::{Keeper, KernelError, Neighbours};

/// How often the kernel is asked again for every neighbour: well within the 30 s that a confirmation lasts by default,
/// for kernels that cannot keep one themselves.
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
    let mut kept: BTreeSet<Key> = BTreeSet::new();
    let mut again = interval(AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Those that the kernel keeps, too: it forgets all of an interface when its carrier goes, and says nothing of it.
        let ask_again = tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                false
            }
            _ = again.tick() => true,
        };
        let wanted = changes.borrow_and_update().clone();
        let released: Vec<Key> = kept.difference(&wanted).copied().collect();
        for (link, address) in released {
            kept.remove(&(link, address));
            if let Err(error) = neighbours.release(link, address).await {
                debug!(link, %address, %error, "cannot release a neighbour");
            }
        }
        for (link, address) in wanted {
            if kept.contains(&(link, address)) && !ask_again {
                continue;
            }
            match neighbours.keep(link, address).await {
                Ok(Keeper::Kernel | Keeper::Caller) => {
                    kept.insert((link, address));
                }
                // Tried again with the next round: the interface may just be coming up.
                Err(error) => debug!(link, %address, %error, "cannot keep a neighbour"),
            }
        }
    }
}
