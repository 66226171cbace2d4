//! `nva` on the router, with one of its forwarders.

use std::fs;

use anyhow::{Context, ensure};
use nva_tests::daemon::nva_binary;
use nva_tests::process::Process;
use nva_tests::wait::wait_until;
use serde_json::Value;

use crate::place::{INTERFACES, PATIENCE, Place};

/// A program that the root program calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Forwarder {
    Plain,
    /// Also logs samples of packets.
    Debug,
}

impl Forwarder {
    /// Its name in the kernel.
    pub fn name(self) -> &'static str {
        match self {
            Forwarder::Plain => "forwarder",
            Forwarder::Debug => "forwarder_debug",
        }
    }
}

/// A running `nva`.
pub struct Appliance<'a> {
    pub forwarder: Forwarder,
    place: &'a Place,
    process: Process,
}

impl<'a> Appliance<'a> {
    /// Starts it, and waits until it is attached to both interfaces in their driver.
    pub fn start(place: &'a Place, forwarder: Forwarder) -> anyhow::Result<Appliance<'a>> {
        let path = |ending: &str| place.directory.join(format!("{}.{ending}", forwarder.name()));
        let text = format!(
            "[router]\nasn = 65000\nrouter-id = \"10.1.0.1\"\ncontrol-socket = {:?}\n\
             [xdp]\ninterfaces = {INTERFACES:?}\npin-directory = {:?}\ndebug = {}\n",
            place.directory.join("nva.sock"),
            place.pins(),
            forwarder == Forwarder::Debug,
        );
        fs::write(path("toml"), text).context("cannot write the configuration")?;
        let mut command = place.router.command(&nva_binary()?.display().to_string())?;
        command.args(["run", "-c"]).arg(path("toml"));
        let process = place.resources.process("nva", &mut command, &path("log"))?;
        let appliance = Appliance { forwarder, place, process };
        let attached = wait_until(PATIENCE, "native XDP on both interfaces", || appliance.check_native());
        if attached.is_err() {
            eprintln!("{}", appliance.log());
        }
        attached.map(|()| appliance)
    }

    /// Packets that XDP has forwarded for this reason.
    pub fn packets(&self, reason: &str) -> anyhow::Result<u64> {
        let reply = self.show_xdp()?;
        let rows = reply["counters"].as_array().with_context(|| format!("no counters in {reply}"))?;
        Ok(rows.iter().filter(|row| row["reason"] == reason).filter_map(|row| row["packets"].as_u64()).sum())
    }

    /// In debug mode, makes sure that samples of packets have come out of the kernel.
    pub fn check_samples(&self) -> anyhow::Result<()> {
        if self.forwarder == Forwarder::Plain {
            return Ok(());
        }
        wait_until(PATIENCE, "samples of both families in the log", || {
            let log = fs::read_to_string(&self.process.log)?;
            ensure!(["dst=10.2.0.2", "dst=fd00:0:0:2::2"].iter().all(|sample| log.contains(sample)), "{log}");
            Ok(())
        })
    }

    /// What it has logged, and what it says of its counters.
    pub fn log(&self) -> String {
        let counters = self.show_xdp().map_or_else(|error| format!("{error:#}"), |reply| reply.to_string());
        format!("{counters}\n{}", fs::read_to_string(&self.process.log).unwrap_or_default())
    }

    /// SIGTERM: programs and routes stay.
    pub fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }

    fn check_native(&self) -> anyhow::Result<()> {
        self.process.check_alive()?;
        let reply = self.show_xdp()?;
        let rows = reply["interfaces"].as_array().with_context(|| format!("no interfaces in {reply}"))?;
        for interface in INTERFACES {
            let native = rows.iter().any(|row| row["name"] == interface && row["mode"] == "native");
            ensure!(native, "{interface} is not attached in its driver: {rows:?}");
        }
        Ok(())
    }

    fn show_xdp(&self) -> anyhow::Result<Value> {
        let socket = self.place.directory.join("nva.sock").display().to_string();
        let binary = nva_binary()?.display().to_string();
        let text = self.place.router.run(&[&binary, "--socket", &socket, "show", "xdp", "--json"])?;
        serde_json::from_str(&text).with_context(|| format!("`nva show xdp` printed {text}"))
    }
}

/// Removes the programs and what is pinned, and makes sure that they are gone.
pub fn detach(place: &Place) -> anyhow::Result<()> {
    let (binary, pins) = (nva_binary()?.display().to_string(), place.pins().display().to_string());
    place.router.run(&[&binary, "xdp", "detach", "--pin-directory", &pins])?;
    for interface in INTERFACES {
        let shown = place.router.ip(&["link", "show", "dev", interface])?;
        ensure!(!shown.contains("xdp"), "`nva xdp detach` left a program: {shown}");
    }
    Ok(())
}
