//! `nva-lab` as people use it; mostly with BIRD everywhere, which is up in no time.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nva_tests::instance::Instance;
use nva_tests::netns::Namespace;
use nva_tests::process::of_labs;
use nva_tests::resources::Inventory;
use nva_tests::wait::{seen, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

const BIRDS: [&str; 4] = ["--hubs", "bird", "--nvas", "bird"];

/// A lab's name; what has that name is gone when this is.
struct Named(Instance);

impl Named {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nva-lab"));
        command.args(["--name", self.0.name()]).args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("nva-lab runs")
    }

    /// Its output; the command succeeds.
    fn text(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    fn namespaces(&self) -> Vec<Namespace> {
        Namespace::all(&self.0.namespace_name(""))
    }

    fn wait_gone(&self) {
        wait_until(PATIENCE, "everything to be removed", || {
            let (left, running) = (self.namespaces(), of_labs(&[self.0.directory()]));
            let gone = left.is_empty() && running.is_empty() && !self.0.directory().exists();
            seen(gone, || format!("{left:?}, {running:?}"))
        })
        .expect("removed");
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if let Ok(inventory) = Inventory::load(&self.0) {
            inventory.remove().expect("removed");
        }
    }
}

#[test]
fn up_status_exec_and_down() {
    let lab = Named(Instance::unique());
    lab.text(&[&["up"], BIRDS.as_slice()].concat());
    let again = lab.run(&["up"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("is up already"));

    has_row(&lab.text(&["status"]), "hub0 bird 65000 10.13.76.84 12/12");
    has_row(&lab.text(&["status"]), "nva9 bird 65109 10.13.76.109 2/2");
    let route = "VirtualNetworkGateway Active 100.0.0.109/32 VirtualNetworkGateway 10.13.76.109";
    has_row(&lab.text(&["effective-routes", "nva3"]), route);
    let learned: serde_json::Value =
        serde_json::from_str(&lab.text(&["learned-routes", "peer2", "--json"])).expect("JSON");
    let first = &learned["RouteServiceRole_IN_1"][1];
    assert_eq!(first["network"], "100.0.0.100/32");
    assert_eq!(first["asPath"], "65000-65100");
    assert_eq!(first["nextHop"], "10.13.76.100");
    assert_eq!(first["sourcePeer"], "10.13.76.85");
    assert_eq!(first["localAddress"], "10.13.76.5");
    lab.text(&["exec", "vm", "--", "ping", "-q", "-c", "1", "-W", "1", "100.0.0.105"]);
    assert_eq!(lab.run(&["exec", "vm", "--", "false"]).status.code(), Some(1), "the command's own exit code");

    lab.text(&["down"]);
    lab.wait_gone();
    assert!(!lab.run(&["status"]).status.success());
}

/// A row of a table, whatever the widths of its columns.
fn has_row(table: &str, row: &str) {
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(rows.any(|found| found == row), "{row:?} is not in\n{table}");
}

#[test]
fn the_demo_holds_with_nva_everywhere() {
    let lab = Named(Instance::unique());
    let text = lab.text(&["demo"]);
    assert!(text.contains("all 45 statements hold"), "{text}");
    assert!(text.contains("XDP forwarded"), "{text}");
    lab.wait_gone();
}

#[test]
fn the_demo_holds_with_bird_everywhere() {
    let lab = Named(Instance::unique());
    let text = lab.text(&[&["demo"], BIRDS.as_slice()].concat());
    assert!(text.contains("all 34 statements hold"), "{text}");
    lab.wait_gone();
}

#[test]
fn without_hubs_the_ninth_peer_is_refused() {
    let lab = Named(Instance::unique());
    let text = lab.text(&["demo", "--nvas", "bird", "--scenario", "ninth-peer"]);
    assert!(text.contains("peering with 10.13.76.108 (AS 65108) was refused"), "{text}");
    lab.wait_gone();
}

#[test]
fn with_themselves_as_next_hop_the_hubs_draw_all_traffic() {
    let lab = Named(Instance::unique());
    let text = lab.text(&[&["demo", "--scenario", "next-hop-self"], BIRDS.as_slice()].concat());
    assert!(text.contains("all 21 statements hold"), "{text}");
    lab.wait_gone();
}

/// Starts a demo and waits until it has made something.
fn begun(lab: &Named) -> Child {
    let mut command = lab.command(&[&["demo"], BIRDS.as_slice()].concat());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nva-lab runs");
    wait_until(PATIENCE, "the first daemons", || {
        let processes = Inventory::load(&lab.0).map_or(0, |inventory| inventory.processes.len());
        seen(processes > 3, || format!("{processes} processes"))
    })
    .expect("begun");
    child
}

#[test]
fn a_signal_removes_everything() {
    let lab = Named(Instance::unique());
    let mut child = begun(&lab);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).expect("sent");
    let status = child.wait().expect("ends");
    assert_eq!(status.code(), Some(128 + Signal::SIGTERM as i32));
    lab.wait_gone();
}

#[test]
fn down_removes_what_a_killed_process_left() {
    let lab = Named(Instance::unique());
    let mut child = begun(&lab);
    child.kill().expect("killed");
    child.wait().expect("ends");
    let left = Inventory::load(&lab.0).expect("the journal");
    assert!(left.processes.iter().any(|process| process.is_alive()), "the daemons go on");
    lab.text(&["down"]);
    lab.wait_gone();
    assert!(!left.processes.iter().any(|process| process.is_alive()), "the daemons have ended");
}
