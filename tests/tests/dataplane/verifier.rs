//! What the verifier has to do before it lets the programs in.

use aya::programs::loaded_programs;
use nva::xdp::{Capacity, Dataplane};

use crate::router::Router;

/// The verifier gives up after a million instructions, and for the same program goes through twice as many on one kernel as
/// on another.
const MOST_INSTRUCTIONS: u32 = 100_000;

/// How many instructions it has gone through for the forwarder. Before Linux 5.16 the kernel does not say.
fn verified(dataplane: &Dataplane) -> Option<u32> {
    let programs: Vec<_> = loaded_programs().filter_map(Result::ok).collect();
    let forwarder = programs.iter().find(|program| program.id() == dataplane.forwarder_id());
    forwarder.expect("the forwarder is loaded").verified_instruction_count()
}

#[test]
fn every_forwarder_is_far_from_the_verifiers_limit() {
    let router = Router::new();
    router.ns.run(|| {
        for (what, dataplane) in [("plain", router.open(Capacity::default())), ("debug", router.open_debug())] {
            let Some(count) = verified(&dataplane) else { continue };
            println!("{what}: {count} instructions");
            assert!(count <= MOST_INSTRUCTIONS, "{what}: {count}");
        }
    });
}
