//! Machines on one wire, with IPv4 and IPv6 and nothing between them: where daemons are tried against each other.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use anyhow::Context;

use crate::daemon::{Daemon, Kind, Router, Setup};
use crate::instance::Instance;
use crate::netns::Namespace;
use crate::resources::Resources;
use crate::topology::in_vnet;

/// A bridge and the machines at it; dropped, all of it is removed.
#[derive(Debug)]
pub struct Wire {
    machines: Vec<(String, Namespace)>,
    daemons: Vec<Daemon>,
    instance: Instance,
    resources: Resources,
}

impl Wire {
    /// Machines without daemons, each with the last octet of its addresses.
    pub fn new(machines: &[(&str, u8)]) -> anyhow::Result<Wire> {
        let instance = Instance::unique();
        let resources = Resources::new(&instance)?;
        let bridge = resources.namespace(&instance.namespace_name("wire"))?;
        bridge.ip(&["link", "add", "wire", "up", "type", "bridge", "mcast_snooping", "0"])?;
        let mut wire = Wire { machines: Vec::new(), daemons: Vec::new(), instance, resources };
        for (name, last) in machines {
            let namespace = wire.resources.namespace(&wire.instance.namespace_name(name))?;
            namespace.sysctl(&[
                ("ipv6/conf/all/disable_ipv6", "0"),
                ("ipv6/conf/default/disable_ipv6", "0"),
                // So that the link-local addresses can be used at once: BIRD 1.6 takes one that comes later for a flap.
                ("ipv6/conf/default/accept_dad", "0"),
            ])?;
            bridge.ip_batch(&format!(
                "link add {name} type veth peer name eth0 netns {}\nlink set {name} master wire up\n",
                namespace.name()
            ))?;
            namespace.ip_batch(&format!(
                "addr add {}/24 dev eth0\naddr add {}/64 dev eth0 nodad\nlink set eth0 up\n",
                in_vnet(*last),
                address6(*last)
            ))?;
            wire.machines.push(((*name).to_owned(), namespace));
        }
        Ok(wire)
    }

    /// Starts a daemon; does not wait for it.
    pub fn start(&mut self, machine: &str, kind: Kind, router: Router) -> anyhow::Result<()> {
        let setup = Setup {
            machine: machine.to_owned(),
            namespace: self.namespace(machine)?.clone(),
            directory: self.directory(machine),
            pins: self.instance.pins().join(machine),
            router,
        };
        self.daemons.push(Daemon::start(kind, setup, &self.resources)?);
        Ok(())
    }

    /// Starts a daemon that was stopped or killed again.
    pub fn restart(&mut self, machine: &str) -> anyhow::Result<()> {
        let position = self.daemons.iter().position(|daemon| daemon.setup.machine == machine);
        let daemon = position.and_then(|position| self.daemons.get_mut(position));
        daemon.with_context(|| format!("no daemon runs on {machine}"))?.restart(&self.resources)
    }

    /// Starts a daemon again with another configuration.
    pub fn reconfigure(&mut self, machine: &str, router: Router) -> anyhow::Result<()> {
        let position = self.daemons.iter().position(|daemon| daemon.setup.machine == machine);
        let daemon = position.and_then(|position| self.daemons.get_mut(position));
        daemon.with_context(|| format!("no daemon runs on {machine}"))?.reconfigure(router, &self.resources)
    }

    /// The daemon of a machine.
    pub fn daemon(&self, machine: &str) -> anyhow::Result<&Daemon> {
        let found = self.daemons.iter().find(|daemon| daemon.setup.machine == machine);
        found.with_context(|| format!("no daemon runs on {machine}"))
    }

    /// The daemon of a machine, to stop or kill it.
    pub fn daemon_mut(&mut self, machine: &str) -> anyhow::Result<&mut Daemon> {
        let found = self.daemons.iter_mut().find(|daemon| daemon.setup.machine == machine);
        found.with_context(|| format!("no daemon runs on {machine}"))
    }

    /// The daemons, in the order in which they were started.
    pub fn daemons(&self) -> &[Daemon] {
        &self.daemons
    }

    /// The namespace of a machine.
    pub fn namespace(&self, machine: &str) -> anyhow::Result<&Namespace> {
        let found = self.machines.iter().find(|(name, _)| name == machine);
        found.map(|(_, namespace)| namespace).with_context(|| format!("no machine is named {machine}"))
    }

    /// The directory of a machine's files.
    pub fn directory(&self, machine: &str) -> PathBuf {
        self.instance.directory().join(machine)
    }

    /// What owns the processes, for what is not a daemon on a machine.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }
}

/// The IPv4 address of a machine.
pub fn address(last: u8) -> Ipv4Addr {
    in_vnet(last)
}

/// The IPv6 address of a machine.
pub fn address6(last: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x76, 0, 0, 0, 0, last.into())
}
