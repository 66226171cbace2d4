//! What went over a machine's interface, as Wireshark's dissectors understand it.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use nva_tests::netns::Namespace;
use nva_tests::process::Process;
use nva_tests::resources::Resources;
use nva_tests::topology::VNET;
use nva_tests::wait::wait_until;

use super::PATIENCE;

/// A running capture of BGP and BFD on `eth0` of a machine.
pub struct Capture {
    process: Process,
    file: PathBuf,
    namespace: Namespace,
}

/// BGP, and BFD over one hop and over several (RFC 5881 §4, RFC 5883 §5).
const WANTED: &str = "tcp port 179 or udp port 3784 or udp port 4784";

/// A datagram to this port (RFC 863) shows that everything before it is in the file.
const MARK: u16 = 9;

impl Capture {
    /// Starts, and waits until packets are really captured.
    pub fn start(resources: &Resources, namespace: &Namespace, directory: &Path) -> Capture {
        resources.directory(directory).expect("a directory");
        let (file, log) = (directory.join("capture.pcap"), directory.join("capture.log"));
        let mut command = namespace.command("dumpcap").expect("a command");
        command.args(["-q", "-P", "-i", "eth0", "-f", &format!("{WANTED} or udp port {MARK}"), "-w"]).arg(&file);
        let process = resources.process("dumpcap", &mut command, &log).expect("dumpcap runs (package tshark)");
        wait_until(PATIENCE, "dumpcap to begin", || {
            process.check_alive()?;
            ensure!(process.log_tail().contains("File:"), "{}", process.log_tail());
            Ok(())
        })
        .expect("dumpcap captures");
        Capture { process, file, namespace: namespace.clone() }
    }

    /// How many packets so far a display filter shows. What was captured last may not be there yet.
    pub fn count_now(&self, filter: &str) -> anyhow::Result<usize> {
        let mut command = Command::new("tshark");
        command.args(["-n", "-r"]).arg(&self.file).args(["-Y", filter]);
        // Its exit code only says that the last packet is half written.
        let output = command.output().context("tshark (package tshark)")?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().count())
    }

    /// Ends the capture, once what went over the wire until now is in it.
    pub fn stop(self) -> Captured {
        let mark = || -> io::Result<usize> {
            let socket = UdpSocket::bind(("0.0.0.0", MARK))?;
            socket.set_broadcast(true)?;
            socket.send_to(b"mark", (VNET.broadcast(), MARK))
        };
        wait_until(PATIENCE, "the mark in the capture", || {
            self.namespace.enter(mark)??;
            ensure!(self.count_now(&format!("udp.dstport == {MARK}"))? > 0, "it is not there yet");
            Ok(())
        })
        .expect("everything is captured");
        self.process.stop().expect("dumpcap ends");
        Captured { file: self.file }
    }
}

/// A display filter that shows nothing.
pub const NOTHING: &str = "frame.number == 0";

/// A display filter for what machines with these addresses sent.
pub fn sent_by(senders: &[IpAddr]) -> String {
    let sent = senders.iter().map(|sender| match sender {
        IpAddr::V4(sender) => format!("ip.src == {sender}"),
        IpAddr::V6(sender) => format!("ipv6.src == {sender}"),
    });
    format!("({})", sent.collect::<Vec<_>>().join(" || "))
}

/// A finished capture.
pub struct Captured {
    file: PathBuf,
}

impl Captured {
    /// The packets that a display filter shows, one a line.
    pub fn packets(&self, filter: &str) -> Vec<String> {
        self.tshark(filter, &[])
    }

    /// The BGP messages in them in full, line by line.
    pub fn messages(&self, filter: &str) -> Vec<String> {
        self.tshark(filter, &["-O", "bgp"])
    }

    /// What a display filter shows is there, and dissected without any complaint but for what `mistaken` shows: about
    /// that Wireshark is wrong.
    pub fn well_formed(&self, sent: &str, mistaken: &str) {
        let packets = self.packets(&format!("{sent} && bgp"));
        assert!(!packets.is_empty(), "nothing of {sent} among {:#?}", self.packets("tcp"));
        // Wireshark's severities: 0x600000 is a warning, 0x800000 an error.
        let wrong = "(_ws.malformed || ((bgp || bfd) && _ws.expert.severity >= 0x600000 && !tcp.analysis.flags))";
        assert_eq!(self.messages(&format!("{sent} && {wrong} && !({mistaken})")), Vec::<String>::new());
    }

    /// Nobody ended a session: who sent a NOTIFICATION had sent no UPDATE over that connection, and so had no session on it.
    /// One of two connections that collide ends like that, with whatever the daemon says then (RFC 4271 §6.8; BIRD 1.6 says
    /// no more than Cease); its other side may have had it established already.
    pub fn never_down(&self) {
        let sessions = self.senders("bgp.type == 2");
        let ended: Vec<String> = self.senders("bgp.type == 3").intersection(&sessions).cloned().collect();
        let stream = |sender: &String| sender.split('\t').next().expect("a number").to_owned();
        let said: Vec<String> = ended
            .iter()
            .flat_map(|sender| self.messages(&format!("bgp.type == 3 && tcp.stream == {}", stream(sender))))
            .collect();
        assert_eq!(said, Vec::<String>::new(), "a NOTIFICATION: the session went down");
    }

    /// Who sent packets that a display filter shows: the TCP connection, by Wireshark's number, and the address.
    fn senders(&self, filter: &str) -> BTreeSet<String> {
        let fields = ["-T", "fields", "-e", "tcp.stream", "-e", "ip.src", "-e", "ipv6.src"];
        self.tshark(filter, &fields).into_iter().collect()
    }

    fn tshark(&self, filter: &str, more: &[&str]) -> Vec<String> {
        let mut command = Command::new("tshark");
        command.args(["-n", "-r"]).arg(&self.file).args(["-Y", filter]).args(more);
        let output = command.output().context("tshark (package tshark)").expect("tshark runs");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}
