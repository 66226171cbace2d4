//! When everybody knows everything.

use std::time::Duration;

use anyhow::{bail, ensure};

use super::Scenario;
use crate::lab::Lab;
use crate::topology::{BRANCH, MOST_PEERS, NVAS, nva_loopback};
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
        for daemon in &lab.state.daemons {
            if scenario == Scenario::NinthPeer {
                // Two of them never will be; the instances have said all there is to say.
                continue;
            }
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
        let effective = lab.state.effective_routes("vm")?;
        let has = |prefix| effective.iter().any(|route| route.address_prefix == [prefix]);
        let mut wanted = (0..NVAS).take(loopbacks).map(|number| nva_loopback(number).into()).chain([BRANCH]);
        if let Some(missing) = wanted.find(|prefix| !has(*prefix)) {
            bail!("the NIC of vm has no route to {missing}");
        }
        Ok(())
    })
}
