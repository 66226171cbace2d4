//! A topology brought up: namespaces, fabric, daemons.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::daemon::{Daemon, Kind, Router, Setup};
use crate::fabric::{EffectiveRoute, Fabric, effective_routes};
use crate::instance::Instance;
use crate::netns::Namespace;
use crate::resources::Resources;
use crate::route_server::{Report, RouteServer, Specification};
use crate::topology::{Behind, Machine, RouteServerInstance, Topology};

/// The name of the second interface of a VM that has a network behind it.
const SECOND_INTERFACE: &str = "eth1";

/// What is known of a lab that is up: all that another process needs to look at it or to remove it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Its name.
    pub instance: Instance,
    /// What it is.
    pub topology: Topology,
    /// Its fabric.
    pub fabric: Fabric,
    /// Machines with their namespaces, hosts behind VMs included.
    pub namespaces: Vec<(String, Namespace)>,
    /// Daemons, in the order in which they were started.
    pub daemons: Vec<Daemon>,
    /// The route server, if there is one.
    pub route_server: Option<RouteServer>,
}

impl State {
    /// Reads what `nva-lab up` wrote.
    pub fn load(instance: &Instance) -> anyhow::Result<State> {
        let path = state_path(instance);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("no lab named {} is up ({})", instance.name(), path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a lab's state", path.display()))
    }

    /// The namespace of a machine.
    pub fn namespace(&self, machine: &str) -> anyhow::Result<&Namespace> {
        let found = self.namespaces.iter().find(|(name, _)| name == machine);
        let names = || self.namespaces.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        found
            .map(|(_, namespace)| namespace)
            .with_context(|| format!("no machine is named {machine}; there are {}", names()))
    }

    /// What the route server knows now.
    pub fn report(&self) -> anyhow::Result<Report> {
        self.route_server.as_ref().context("there is no route server in this lab")?.report()
    }

    /// The effective routes of a VM's NIC.
    pub fn effective_routes(&self, machine: &str) -> anyhow::Result<Vec<EffectiveRoute>> {
        effective_routes(&self.fabric, machine)
    }

    /// The daemon of a machine.
    pub fn daemon(&self, machine: &str) -> anyhow::Result<&Daemon> {
        let found = self.daemons.iter().find(|daemon| daemon.setup.machine == machine);
        found.with_context(|| format!("no daemon runs on {machine}"))
    }
}

/// A lab that is up; dropped, it is removed.
#[derive(Debug)]
pub struct Lab {
    /// What is known of it.
    pub state: State,
    resources: Resources,
}

impl Lab {
    /// Brings up everything but the daemons.
    pub fn build(instance: Instance, topology: Topology) -> anyhow::Result<Lab> {
        if instance.directory().exists() {
            bail!("a lab named {} is up already: `nva-lab down` removes it", instance.name());
        }
        let resources = Resources::new(&instance)?;
        let fabric = Fabric::create(&resources, &instance, topology.vnet)?;
        let (namespaces, daemons, route_server) = (Vec::new(), Vec::new(), None);
        let state = State { instance, topology, fabric, namespaces, daemons, route_server };
        let mut lab = Lab { state, resources };
        let servers: Vec<_> =
            lab.state.topology.route_server.iter().map(|server| (server.name.clone(), server.address)).collect();
        for (name, address) in servers {
            lab.connect(&name, address)?;
        }
        for machine in lab.state.topology.machines.clone() {
            lab.add_machine(&machine)?;
        }
        Ok(lab)
    }

    /// Brings up everything: the route server first, then every daemon without waiting for it.
    pub fn up(instance: Instance, topology: Topology) -> anyhow::Result<Lab> {
        let mut lab = Lab::build(instance, topology)?;
        if !lab.state.topology.route_server.is_empty() {
            lab.start_route_server()?.wait_ready()?;
        }
        for machine in lab.state.topology.machines.clone() {
            if let Some((kind, router)) = &machine.runs {
                lab.start(&machine.name, *kind, router.clone())?;
            }
        }
        Ok(lab)
    }

    /// Starts the topology's route server; does not wait for it.
    pub fn start_route_server(&mut self) -> anyhow::Result<&RouteServer> {
        let topology = &self.state.topology;
        let instances = topology.route_server.iter();
        let with_namespace = |server: &RouteServerInstance| Ok((server.clone(), self.namespace(&server.name)?.clone()));
        let directory = self.machine_directory("route-server");
        let specification = Specification {
            instances: instances.map(with_namespace).collect::<anyhow::Result<_>>()?,
            peerings: topology.peerings.clone(),
            fabric: self.state.fabric.clone(),
            socket: directory.join("socket"),
        };
        let server = RouteServer::start(&specification, &directory, &self.resources)?;
        Ok(self.state.route_server.insert(server))
    }

    /// Starts a daemon on a machine; does not wait for it.
    pub fn start(&mut self, machine: &str, kind: Kind, router: Router) -> anyhow::Result<()> {
        let namespace = self.state.namespace(machine)?.clone();
        let setup = Setup {
            machine: machine.to_owned(),
            namespace,
            directory: self.machine_directory(machine),
            pins: self.state.instance.pins().join(machine),
            router,
        };
        self.state.daemons.push(Daemon::start(kind, setup, &self.resources)?);
        Ok(())
    }

    /// The daemon of a machine.
    pub fn daemon(&self, machine: &str) -> anyhow::Result<&Daemon> {
        self.state.daemon(machine)
    }

    /// The daemon of a machine, to stop or kill it.
    pub fn daemon_mut(&mut self, machine: &str) -> anyhow::Result<&mut Daemon> {
        let found = self.state.daemons.iter_mut().find(|daemon| daemon.setup.machine == machine);
        found.with_context(|| format!("no daemon runs on {machine}"))
    }

    /// Starts a daemon that was stopped or killed again.
    pub fn restart(&mut self, machine: &str) -> anyhow::Result<()> {
        let position = self.state.daemons.iter().position(|daemon| daemon.setup.machine == machine);
        let daemon = position.and_then(|position| self.state.daemons.get_mut(position));
        daemon.with_context(|| format!("no daemon runs on {machine}"))?.restart(&self.resources)
    }

    /// The namespace of a machine.
    pub fn namespace(&self, machine: &str) -> anyhow::Result<&Namespace> {
        self.state.namespace(machine)
    }

    /// What owns the lab's processes, for what is not a daemon on a machine.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The directory of a machine's files.
    pub fn machine_directory(&self, machine: &str) -> PathBuf {
        self.state.instance.directory().join(machine)
    }

    /// Leaves the lab up and writes down what [`State::load`] reads.
    pub fn keep(self) -> anyhow::Result<State> {
        let path = state_path(&self.state.instance);
        let text = serde_json::to_string_pretty(&self.state)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        self.resources.keep();
        Ok(self.state)
    }

    fn connect(&mut self, name: &str, address: Ipv4Addr) -> anyhow::Result<Namespace> {
        let namespace = self.resources.namespace(&self.state.instance.namespace_name(name))?;
        self.state.fabric.connect(name, &namespace, address)?;
        self.state.namespaces.push((name.to_owned(), namespace.clone()));
        Ok(namespace)
    }

    fn add_machine(&mut self, machine: &Machine) -> anyhow::Result<()> {
        let namespace = self.connect(&machine.name, machine.address)?;
        for address in &machine.loopbacks {
            namespace.ip(&["addr", "add", &address.to_string(), "dev", "lo"])?;
        }
        if machine.forwards {
            namespace.sysctl(&[
                ("ipv4/ip_forward", "1"),
                ("ipv4/conf/all/rp_filter", "0"),
                ("ipv4/conf/default/rp_filter", "0"),
                ("ipv4/conf/eth0/rp_filter", "0"),
                ("ipv4/conf/all/send_redirects", "0"),
                ("ipv4/conf/default/send_redirects", "0"),
                ("ipv4/conf/eth0/send_redirects", "0"),
            ])?;
        }
        if let Some(behind) = &machine.behind {
            self.add_network_behind(&namespace, behind)?;
        }
        Ok(())
    }

    fn add_network_behind(&mut self, machine: &Namespace, behind: &Behind) -> anyhow::Result<()> {
        let host = self.resources.namespace(&self.state.instance.namespace_name(&behind.name))?;
        let (length, first) = (behind.network.prefix_len(), behind.network.hosts().next().context("an empty network")?);
        host.ip_batch(&format!(
            "link add eth0 type veth peer name {SECOND_INTERFACE} netns {}\naddr add {}/{length} dev eth0\n\
             link set eth0 up\nroute add default via {first}\n",
            machine.name(),
            behind.host
        ))?;
        machine
            .ip_batch(&format!("addr add {first}/{length} dev {SECOND_INTERFACE}\nlink set {SECOND_INTERFACE} up\n"))?;
        // NAPI at the host's end, so that XDP programs can transmit towards it; real checksums at both.
        host.run(&["ethtool", "-K", "eth0", "gro", "on", "tx", "off", "tso", "off", "gso", "off"])?;
        machine.run(&["ethtool", "-K", SECOND_INTERFACE, "tx", "off", "tso", "off", "gso", "off"])?;
        self.state.namespaces.push((behind.name.clone(), host));
        Ok(())
    }
}

fn state_path(instance: &Instance) -> PathBuf {
    instance.directory().join("state.json")
}
