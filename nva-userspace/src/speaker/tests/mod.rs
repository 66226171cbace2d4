//! Speakers joined by simulated networks under a virtual clock (level 3 of the test ladder).

mod aggregates;
mod article;
mod as_path;
mod as_sets;
mod bfd;
mod blackhole;
mod chaos;
mod disabled;
mod diverse;
mod families;
mod internal;
mod kernel;
mod limits;
mod machine;
mod measured;
mod membership;
mod next_hop;
mod operate;
mod pitfalls;
mod property;
mod redistribute;
mod refresh;
mod reload;
mod restart;
mod roles;
mod sim;
mod single;
mod suppression;
mod updates;
mod work;

use std::time::Duration;

use sim::Sim;

use crate::attributes::{AsPath, PathAttributes};
use crate::net::Asn;

/// How long anything may take that needs no timer.
const SOON: Duration = Duration::from_secs(1);

/// How long sessions may take to come up.
const MINUTE: Duration = Duration::from_secs(60);

/// Both policies are `all`, which accepts everything.
const OPEN: &str = "import = [\"all\"]\nexport = [\"all\"]";

/// The configuration of 10.13.76.`last`, which originates what is on its loopback interface; `router` goes into
/// `[router]`, `tables` stands by itself, and each peer has the last octet of its address, its AS and more.
fn speaker(asn: u32, last: u8, router: &str, tables: &str, peers: &[(u8, u32, &str)]) -> String {
    let peer = |(last, asn, more): &(u8, u32, &str)| {
        format!("[[peer]]\nname = \"p{last}\"\naddress = \"10.13.76.{last}\"\nasn = {asn}\n{more}\n")
    };
    format!(
        "[router]\nasn = {asn}\nrouter-id = \"10.13.76.{last}\"\n{router}\n[originate]\ninterfaces = [\"lo\"]\n\
         [[policy]]\nname = \"all\"\n[[policy.statement]]\nthen = {{ accept = true }}\n{tables}\n{}",
        peers.iter().map(peer).collect::<String>()
    )
}

/// Lets every session of the configurations come up.
fn established(mut sim: Sim) -> Sim {
    sim.run_until("every session", MINUTE, |sim| {
        sim.speakers.iter().enumerate().all(|(index, speaker)| sim.established(index) == speaker.peers().len())
    });
    sim
}

/// Attributes with this AS path.
fn path(asns: &[u32]) -> PathAttributes {
    PathAttributes { as_path: AsPath::sequence(asns.iter().copied().map(Asn)), ..PathAttributes::default() }
}
