//! Network namespaces without a name: they end with the process, however it ends.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, setns, unshare};
use tempfile::TempDir;

/// A network namespace. A thread keeps it, and lends its id to `ip link … netns`.
pub struct NetNs {
    namespace: File,
    keeper_id: i32,
    keeper: Option<(Sender<()>, JoinHandle<()>)>,
}

impl NetNs {
    /// A new namespace in which the loopback interface is up.
    pub fn new() -> NetNs {
        let (release, released) = channel::<()>();
        let (announce, announced) = channel();
        let keeper = thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace (tests need root)");
            let namespace = File::open("/proc/thread-self/ns/net").expect("our own namespace");
            announce.send((namespace, nix::unistd::gettid().as_raw())).expect("the maker waits");
            // Ends with an error when the other side is dropped: that is the sign.
            released.recv().unwrap_or_default();
        });
        let (namespace, keeper_id) = announced.recv().expect("the keeper came up");
        let made = NetNs { namespace, keeper_id, keeper: Some((release, keeper)) };
        made.ip("link set dev lo up");
        made
    }

    /// What `ip link … netns` takes for this namespace.
    pub fn id(&self) -> String {
        self.keeper_id.to_string()
    }

    /// Runs something in the namespace.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                setns(self.namespace.as_fd(), CloneFlags::CLONE_NEWNET).expect("enter the namespace");
                work()
            });
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs `ip` with these arguments, separated by spaces.
    pub fn ip(&self, arguments: &str) {
        self.command("ip", arguments);
    }

    /// Runs many lines of `ip` at once.
    pub fn ip_batch(&self, lines: &[String]) {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::io::Write::write_all(&mut file, lines.join("\n").as_bytes()).expect("written");
        self.command("ip", &format!("-batch {}", file.path().display()));
    }

    /// Runs a command that has to succeed.
    pub fn command(&self, program: &str, arguments: &str) {
        let output = self.run(|| Command::new(program).args(arguments.split_whitespace()).output()).expect(program);
        assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sets `net.ipv4.…`.
    pub fn set(&self, key: &str, value: u32) {
        let path = format!("/proc/sys/net/ipv4/{}", key.replace('.', "/"));
        self.run(|| std::fs::write(&path, value.to_string())).expect(&path);
    }

    /// Sets `net.ipv6.…`.
    pub fn set6(&self, key: &str, value: u32) {
        let path = format!("/proc/sys/net/ipv6/{}", key.replace('.', "/"));
        self.run(|| std::fs::write(&path, value.to_string())).expect(&path);
    }

    /// The index of an interface.
    pub fn index(&self, interface: &str) -> u32 {
        self.run(|| nix::net::if_::if_nametoindex(interface)).expect(interface)
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        if let Some((release, keeper)) = self.keeper.take() {
            drop(release);
            keeper.join().unwrap_or_default();
        }
    }
}

/// A pair of interfaces with fixed MACs in two namespaces, up, and able to take redirected frames (GRO makes the receiving
/// end of a veth pair use NAPI). No IPv6, so that nothing is sent by itself.
pub fn link(a: (&NetNs, &str, &str), b: (&NetNs, &str, &str)) {
    let (a_ns, a_name, a_mac) = a;
    let (b_ns, b_name, b_mac) = b;
    a_ns.ip(&format!(
        "link add name {a_name} address {a_mac} type veth peer name {b_name} address {b_mac} netns {}",
        b_ns.id()
    ));
    for (ns, name) in [(a_ns, a_name), (b_ns, b_name)] {
        ns.set6(&format!("conf.{name}.disable_ipv6"), 1);
        ns.command("ethtool", &format!("-K {name} gro on tx off rx off"));
    }
    // Only now: what an end may redirect to the other is settled when it comes up.
    for (ns, name) in [(a_ns, a_name), (b_ns, b_name)] {
        ns.ip(&format!("link set dev {name} up"));
    }
}

/// A directory with a bpffs of its own.
pub struct BpfFs {
    directory: TempDir,
}

impl BpfFs {
    /// Where nothing is mounted yet: the data plane does that itself.
    pub fn new() -> BpfFs {
        BpfFs { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// The directory.
    pub fn path(&self) -> &std::path::Path {
        self.directory.path()
    }
}

impl Drop for BpfFs {
    fn drop(&mut self) {
        // Not mounted if the test failed before.
        nix::mount::umount2(self.path(), nix::mount::MntFlags::MNT_DETACH).unwrap_or_default();
    }
}
