//! When everybody knows everything.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{bail, ensure};

use super::Scenario;
use crate::lab::Lab;
use crate::route_server::select;
use crate::topology::{MOST_PEERS, NVAS};
use crate::wait::wait_until;

/// How long all sessions and routes may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// Waits until all sessions that can come up are up, and the VM's NIC has every route that it can get.
pub fn wait_converged(lab: &Lab, scenario: Scenario) -> anyhow::Result<()> {
    wait_until(PATIENCE, "the network to converge", || {
        let report = lab.state.report()?;
        for instance in &report.instances {
            if let Some(peer) = instance.peers.iter().find(|peer| !peer.established) {
                bail!("{}'s session with {} ({}) is {}", instance.name, peer.name, peer.address, peer.state);
            }
        }
        // Of the refused NVAs' sessions nothing comes; the instances have said all there is to say of the others'.
        let daemons = if scenario == Scenario::NinthPeer { &[] } else { lab.state.daemons.as_slice() };
        for daemon in daemons {
            if let Some(session) = daemon.sessions()?.iter().find(|session| !session.established) {
                bail!("{}'s session with {} is {}", daemon.setup.machine, session.peer, session.state);
            }
        }
        let loopbacks = match scenario {
            Scenario::Article | Scenario::NextHopSelf => usize::from(NVAS),
            Scenario::NinthPeer => MOST_PEERS,
        };
        for instance in &report.instances {
            // Each peering has either all routes or those of one NVA; the first NVA has its branch beside its loopback.
            let all = (loopbacks + 1) * if scenario == Scenario::NinthPeer { 1 } else { report.peerings.len() };
            ensure!(instance.learned.len() == all, "{} has {} of {all} routes", instance.name, instance.learned.len());
        }
        let wanted = select(report.instances.iter().flat_map(|instance| &instance.learned));
        let effective = lab.state.effective_routes("vm")?;
        for (prefix, next_hops) in wanted {
            let found = effective.iter().find(|route| route.address_prefix == [prefix]);
            let found: BTreeSet<_> = found.iter().flat_map(|route| &route.next_hop_ip_address).copied().collect();
            ensure!(found == next_hops, "the NIC of vm sends {prefix} to {found:?} and not to {next_hops:?}");
        }
        Ok(())
    })
}
