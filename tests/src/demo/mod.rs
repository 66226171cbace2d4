//! The article's result: brings the network up, prints what the article prints, checks every statement of it.

mod article;
mod checks;
mod converge;
mod next_hop_self;
mod ninth_peer;
mod ping;
mod xdp;

pub use checks::Checks;
pub use converge::wait_converged;
pub use ping::{Pings, ping_all};

use std::time::Instant;

use crate::instance::Instance;
use crate::lab::Lab;
use crate::topology::{Choices, Topology};

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// What the article shows.
    Article,
    /// Without hubs the route server refuses the ninth NVA.
    NinthPeer,
    /// Without an unchanged next hop all traffic goes to the hubs.
    NextHopSelf,
}

/// Runs a scenario from nothing to nothing, or to a lab that stays up.
pub fn run(instance: Instance, scenario: &Scenario, choices: Choices, keep: bool) -> anyhow::Result<()> {
    let start = Instant::now();
    let hubs = choices.hubs.map_or("no hubs".to_owned(), |kind| format!("{kind} on the hubs"));
    println!("Bringing up the article's network: {hubs}, {} on the NVAs, a route server on this library", choices.nvas);
    let lab = Lab::up(instance, Topology::article(choices))?;
    println!("{} namespaces are up after {:.1} s", lab.state.namespaces.len() + 1, start.elapsed().as_secs_f32());
    let mut checks = Checks::default();
    let result = wait_converged(&lab, *scenario).and_then(|()| {
        println!("converged after {:.1} s\n", start.elapsed().as_secs_f32());
        match scenario {
            Scenario::Article => article::show(&lab, &mut checks),
            Scenario::NinthPeer => ninth_peer::show(&lab, &mut checks),
            Scenario::NextHopSelf => next_hop_self::show(&lab, &mut checks),
        }
    });
    if keep {
        let name = lab.keep()?.instance;
        println!("The lab stays up (--keep); `nva-lab --name {} down` removes it.", name.name());
    } else {
        drop(lab);
    }
    result?;
    println!("{:.1} s in all", start.elapsed().as_secs_f32());
    checks.finish()
}
