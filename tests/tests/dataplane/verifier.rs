//! What the verifier has to do before it lets the programs in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use aya::programs::loaded_programs;
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use nva::xdp::{Capacity, Dataplane, LookupSource, XdpOptions};
use tokio::signal::unix::{SignalKind, signal};

use crate::capture::{Running, everything};
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
        let check = |what: String, dataplane: &Dataplane| {
            let Some(count) = verified(dataplane) else { return };
            println!("{what}: {count} instructions");
            assert!(count <= MOST_INSTRUCTIONS, "{what}: {count}");
        };
        for lookup in [LookupSource::Tables, LookupSource::Kernel] {
            for debug_samples in [None, Some(Duration::ZERO)] {
                let mut dataplane = router.open_with(XdpOptions { lookup, debug_samples, ..XdpOptions::default() });
                dataplane.replace(&router.ports()).expect("ports");
                let debug = if debug_samples.is_some() { " in debug mode" } else { "" };
                check(format!("by the {lookup}{debug}"), &dataplane);
                let capture = Running::begin(&mut dataplane, &everything(&[router.ingress]));
                check(format!("by the {lookup} with a capture"), &dataplane);
                capture.end(&mut dataplane);
            }
        }
    });
}

#[test]
fn signals_do_not_keep_programs_from_being_loaded() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // So that the signal ends nobody.
    let _handler = runtime.block_on(async { signal(SignalKind::user_defined1()) }).expect("a handler");
    let router = Router::new();
    router.ns.run(|| {
        let dataplane = router.open(Capacity::default());
        let (loader, loading, sent) = (pthread_self(), AtomicBool::new(true), AtomicU64::new(0));
        let loaded = thread::scope(|scope| {
            scope.spawn(|| {
                while loading.load(Ordering::Relaxed) {
                    pthread_kill(loader, Signal::SIGUSR1).expect("a signal to the thread that loads");
                    sent.fetch_add(1, Ordering::Relaxed);
                    thread::park_timeout(Duration::from_micros(200));
                }
            });
            while sent.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            let loaded: Vec<_> =
                (0..3).map(|_| dataplane.capture_loader().load(&everything(&[router.ingress])).map(drop)).collect();
            loading.store(false, Ordering::Relaxed);
            loaded
        });
        loaded.into_iter().for_each(|loaded| loaded.expect("a capture is loaded"));
    });
}
