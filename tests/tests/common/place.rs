//! A hub with a crowd of peers: two namespaces, `nva` in one of them, and in the other whoever the test makes up.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nva_tests::daemon::nva_binary;
use nva_tests::instance::Instance;
use nva_tests::netns::Namespace;
use nva_tests::process::Process;
use nva_tests::resources::Resources;
use nva_tests::wait::{seen, wait_until};
use serde_json::Value;

use super::crowd::FIRST_ASN;
use super::octets::Identity;
use super::raw::Raw;

/// The hub.
pub const HUB: Ipv4Addr = Ipv4Addr::new(10, 13, 64, 1);

/// The crowd is behind this router, so that the hub's machine has one neighbour and not a thousand.
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 13, 64, 2);

/// The members of the crowd have the addresses from here on.
pub const CROWD: Ipv4Addr = Ipv4Addr::new(10, 13, 72, 1);

/// How many members the hub takes in.
pub const MEMBERS: u32 = 1000;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A hub with one peer-group that listens for the crowd, and the crowd's own namespace.
pub struct Place {
    /// Where the members are.
    pub crowd: Namespace,
    hub: Namespace,
    /// The hub's daemon.
    pub daemon: Process,
    directory: PathBuf,
    _resources: Resources,
}

impl Place {
    /// Starts the hub; `keys` go into the peer-group, or behind it.
    pub fn new(keys: &str) -> Place {
        raise_file_limit();
        let instance = Instance::unique();
        let resources = Resources::new(&instance).expect("a directory");
        let [hub, crowd] = ["hub", "crowd"]
            .map(|name| resources.namespace(&instance.namespace_name(name)).expect("a network namespace: run as root"));
        hub.ip(&["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", crowd.name()]).expect("veth");
        for (namespace, address) in [(&hub, HUB), (&crowd, ROUTER)] {
            namespace.ip(&["address", "add", &format!("{address}/21"), "dev", "eth0"]).expect("an address");
            namespace.ip(&["link", "set", "eth0", "up"]).expect("up");
        }
        hub.ip(&["route", "add", "10.13.72.0/21", "via", &ROUTER.to_string()]).expect("a route");
        crowd.ip(&["route", "add", "local", "10.13.72.0/21", "dev", "lo"]).expect("a route");
        let directory = instance.directory();
        let config = directory.join("nva.toml");
        std::fs::write(&config, configuration(&directory, ACCEPT, keys)).expect("written");
        let binary = nva_binary().expect("nva is built").display().to_string();
        let mut command = hub.command(&binary).expect("a namespace");
        command.args(["run", "-c", &config.display().to_string()]);
        let daemon = resources.process("nva", &mut command, &directory.join("nva.log")).expect("started");
        let place = Place { crowd, hub, daemon, directory, _resources: resources };
        place.wait("the daemon", || place.try_show("connections").map(drop));
        place
    }

    /// Another configuration takes effect, with this statement as the policy of the peer-group in both directions.
    pub fn reload(&self, statement: &str, keys: &str) {
        let text = configuration(&self.directory, statement, keys);
        std::fs::write(self.directory.join("nva.toml"), text).expect("written");
        self.nva(&["reload"]).unwrap_or_else(|error| panic!("{error:#}\n{}", self.daemon.log_tail()));
    }

    fn nva(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let binary = nva_binary()?.display().to_string();
        let socket = self.directory.join("nva.sock").display().to_string();
        self.hub.run(&[&[binary.as_str(), "--socket", &socket], arguments].concat())
    }

    fn try_show(&self, what: &str) -> anyhow::Result<Value> {
        self.daemon.check_alive()?;
        let words: Vec<&str> = ["show"].into_iter().chain(what.split(' ')).chain(["--json"]).collect();
        Ok(serde_json::from_str(&self.nva(&words)?)?)
    }

    /// What `nva show` says about this, such as `routes --all`.
    pub fn show(&self, what: &str) -> Value {
        self.try_show(what).unwrap_or_else(|error| panic!("{error:#}\n{}", self.daemon.log_tail()))
    }

    /// The row of `nva show peers` about the peer at this address.
    pub fn peer(&self, address: Ipv4Addr) -> Value {
        let reply = self.show("peers");
        let rows = reply["rows"].as_array().expect("a list");
        rows.iter().find(|row| row["address"] == address.to_string()).cloned().unwrap_or(Value::Null)
    }

    /// How many connections were refused for a reason.
    pub fn refused(&self, reason: &str) -> u64 {
        let reply = self.show("connections");
        let rows = reply["refused"].as_array().expect("a list");
        rows.iter().find(|row| row["reason"] == reason).and_then(|row| row["count"].as_u64()).expect("a counter")
    }

    /// Somebody connects to the hub.
    pub fn peer_with(&self, identity: Identity) -> Raw {
        Raw::start(&self.crowd, identity, HUB)
    }

    /// Waits until somebody who connected has a session.
    pub fn wait_established(&self, peer: &Raw) {
        self.wait("a session", || {
            let log = peer.log();
            seen(log.established, || format!("{:?}", log.ended))
        });
    }

    /// Waits until `look` is content.
    pub fn wait<T, E: Display>(&self, what: &str, look: impl FnMut() -> Result<T, E>) -> T {
        wait_until(PATIENCE, what, look).unwrap_or_else(|error| panic!("{error}\n{}", self.daemon.log_tail()))
    }

    /// The memory that the daemon has at this moment, in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.daemon.pid)).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        line.trim().trim_end_matches("kB").trim().parse().expect("a number")
    }
}

/// The statement that the hub starts with.
const ACCEPT: &str = "then = { accept = true }";

fn configuration(directory: &Path, statement: &str, keys: &str) -> String {
    let last = FIRST_ASN + MEMBERS - 1;
    let socket = directory.join("nva.sock");
    format!(
        "[router]\nasn = 65000\nrouter-id = \"{HUB}\"\nlisten = [\"{HUB}\"]\ncontrol-socket = {socket:?}\n\
         [[policy]]\nname = \"all\"\nstatement = [{{ {statement} }}]\n\
         [[peer-group]]\nname = \"crowd\"\nlisten = [\"10.13.72.0/21\"]\nlisten-limit = {MEMBERS}\n\
         asn = \"{FIRST_ASN}-{last}\"\nmultihop = 2\nimport = [\"all\"]\nexport = [\"all\"]\n{keys}\n"
    )
}

/// A member with this last octet.
pub fn member(last: u8, hold_time: u16) -> Identity {
    let address = Ipv4Addr::new(10, 13, 72, last);
    Identity { address, asn: FIRST_ASN + u32::from(last), hold_time, extended: false }
}

/// How many connections of one peer the hub has at most.
pub const MOST_CONNECTIONS: u64 = 8;

/// Where the hub listens.
pub fn hub() -> SocketAddr {
    SocketAddr::from((HUB, 179))
}

fn raise_file_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
}
