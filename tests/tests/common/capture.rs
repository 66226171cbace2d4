//! What went over a machine's interface, as Wireshark's dissectors understand it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use nva_tests::lab::Lab;
use nva_tests::process::Process;

use super::wait_for;

/// A running capture of BGP on `eth0` of a machine.
pub struct Capture {
    process: Process,
    file: PathBuf,
}

impl Capture {
    /// Starts, and waits until packets are really captured.
    pub fn start(lab: &Lab, machine: &str) -> Capture {
        let directory = lab.machine_directory(machine);
        lab.resources().directory(&directory).expect("a directory");
        let (file, log) = (directory.join("capture.pcap"), directory.join("capture.log"));
        let mut command = lab.namespace(machine).and_then(|namespace| namespace.command("dumpcap")).expect("a command");
        command.args(["-q", "-P", "-i", "eth0", "-f", "tcp port 179", "-w"]).arg(&file);
        let process = lab.resources().process("dumpcap", &mut command, &log).expect("dumpcap runs (package tshark)");
        wait_for(lab, "dumpcap to begin", || {
            process.check_alive()?;
            ensure!(process.log_tail().contains("File:"), "{}", process.log_tail());
            Ok(())
        });
        Capture { process, file }
    }

    /// Ends the capture.
    pub fn stop(self) -> Captured {
        self.process.stop().expect("dumpcap ends");
        Captured { file: self.file }
    }
}

/// A finished capture.
pub struct Captured {
    file: PathBuf,
}

impl Captured {
    /// The packets that a display filter shows, one a line.
    pub fn packets(&self, filter: &str) -> Vec<String> {
        let mut command = Command::new("tshark");
        command.args(["-n", "-r"]).arg(&self.file).args(["-Y", filter]);
        let output = command.output().context("tshark (package tshark)").expect("tshark runs");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}
