//! Neighbours that the kernel keeps resolved.

use std::sync::mpsc;
use std::thread;

use nva::host::HostState;
use nva::kernel::{Keeper, MonitorConfig, Neighbours};

use super::{Watch, address, enter_new_namespace, in_namespace, ip};

fn kernel_version() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a version");
    let mut numbers = text.split(['.', '-']).map(|number| number.parse().expect("a number"));
    (numbers.next().expect("a major version"), numbers.next().expect("a minor version"))
}

/// A second namespace at the other end of a veth pair: it lives as long as this does.
struct Neighbourhood {
    end: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Neighbourhood {
    /// `v` (10.0.3.9/24) here, `w` (10.0.3.1/24, 02:00:00:00:00:77) there.
    fn new() -> Neighbourhood {
        let (ready, is_ready) = mpsc::channel();
        let (configure, may_configure) = mpsc::channel();
        let (end, may_end) = mpsc::channel();
        let body = move || {
            enter_new_namespace();
            ready.send(nix::unistd::gettid()).expect("a listener");
            may_configure.recv().expect("a word");
            ip("addr add 10.0.3.1/24 dev w");
            ip("link set w up");
            ready.send(nix::unistd::gettid()).expect("a listener");
            may_end.recv().unwrap_or_default();
        };
        let thread = thread::spawn(body);
        let there = is_ready.recv().expect("a namespace");
        let path = format!("/proc/{}/task/{there}/ns/net", std::process::id());
        ip("link add v type veth peer name w address 02:00:00:00:00:77");
        ip(&format!("link set w netns {path}"));
        ip("addr add 10.0.3.9/24 dev v");
        ip("link set v up");
        configure.send(()).expect("a listener");
        is_ready.recv().expect("a configured end");
        Neighbourhood { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Neighbourhood {
    fn drop(&mut self) {
        drop(self.end.take());
        drop(self.thread.take().map(thread::JoinHandle::join));
    }
}

#[test]
fn a_neighbour_is_resolved_without_traffic_and_kept_until_released() {
    in_namespace(|| async {
        let _there = Neighbourhood::new();
        let mut watch = Watch::start(MonitorConfig::default()).await;
        watch.until("a carrier", |host| host.link_by_name("v").is_some_and(|link| link.up)).await;
        let (link, gateway) = (watch.link("v"), address("10.0.3.1"));
        let mut neighbours = Neighbours::open().expect("a socket");

        let keeper = neighbours.keep(link, gateway).await.expect("a kept neighbour");
        let mac = |host: &HostState| host.neighbour(link, gateway).and_then(|neighbour| neighbour.mac);
        watch.until("its address", |host| mac(host) == Some([2, 0, 0, 0, 0, 0x77])).await;
        let managed = ip("neigh show 10.0.3.1 dev v").contains("managed");
        assert_eq!(keeper, if managed { Keeper::Kernel } else { Keeper::Caller });
        assert_eq!(managed, kernel_version() >= (5, 16), "that is when the kernel learned it");
        assert_eq!(neighbours.keep(link, gateway).await.expect("again"), keeper);

        neighbours.release(link, gateway).await.expect("a released neighbour");
        assert!(!ip("neigh show 10.0.3.1 dev v").contains("managed"));
        assert!(mac(&watch.host).is_some(), "it is still known, but nobody cares");
        ip("neigh del 10.0.3.1 dev v");
        neighbours.release(link, gateway).await.expect("it is no error that it is gone");
    });
}
