//! `nva-guest`: what runs in the machines that `cargo xtask kernels` boots, as the only thing in them.
//!
//! It lets `nva` forward between the machine's virtio NICs with each of its programs, then runs the tests of the data
//! plane, and writes what came of it to standard output, a line each with tabs between the words: see [`report`].
//! Everything else is on standard error.

mod appliance;
mod measure;
mod place;
mod report;
mod verdicts;

use std::process::ExitCode;

use appliance::{Appliance, Forwarder};
use measure::{Kind, by_kernel, by_xdp};
use place::Place;
use report::Row;

fn main() -> ExitCode {
    match run() {
        Ok(()) => {
            report::passed();
            ExitCode::SUCCESS
        }
        Err(error) => {
            report::failed(&error);
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let place = Place::build()?;
    for kind in Kind::ALL {
        by_kernel(&place, kind)?;
    }
    for forwarder in [Forwarder::Plain, Forwarder::Debug] {
        // The second takes over what the first has attached: only the forwarder changes.
        let appliance = Appliance::start(&place, forwarder)?;
        let mut row = Row::of(&appliance)?;
        for kind in Kind::ALL {
            row.forwarded.push(by_xdp(&place, &appliance, kind)?);
        }
        appliance.check_samples()?;
        row.write();
        appliance.stop()?;
    }
    appliance::detach(&place)?;
    report::verdicts(verdicts::run()?);
    Ok(())
}
