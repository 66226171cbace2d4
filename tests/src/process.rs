//! Processes that the lab started: known by id and start time, so that an id that was reused is never killed.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::wait::{seen, wait_until};

/// How long a process may take to end after SIGTERM before SIGKILL follows.
const GRACE: Duration = Duration::from_secs(3);

/// How long the kernel may take to end a process after SIGKILL.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// Lines of a log that an error shows.
const LOG_TAIL: usize = 15;

/// A process that the lab started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// What it is, for people.
    pub name: String,
    /// Its process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot: with the id it names one process for ever.
    pub start_time: u64,
    /// Where its output goes.
    pub log: PathBuf,
}

/// The last lines of a file; none if it cannot be read.
pub fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
}

impl Process {
    /// Starts `command` in a process group of its own, with standard input empty and its output in `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Process> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {name}: {command:?}"))?;
        let pid = i32::try_from(child.id())?;
        let start_time = stat(pid).with_context(|| format!("{name} was gone at once"))?.start_time;
        Ok(Process { name: name.to_owned(), pid, start_time, log: log.to_owned() })
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        // A child of ours stays a zombie until somebody asks for it; of another's we are told ECHILD.
        let _ = waitpid(Pid::from_raw(self.pid), Some(WaitPidFlag::WNOHANG));
        stat(self.pid).is_some_and(|stat| stat.start_time == self.start_time && !matches!(stat.state, 'Z' | 'X'))
    }

    /// Fails with the end of its log if it no longer runs.
    pub fn check_alive(&self) -> anyhow::Result<()> {
        if !self.is_alive() {
            bail!("{} has ended; the end of {}:\n{}", self.name, self.log.display(), self.log_tail());
        }
        Ok(())
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Sends a signal, if it is still that process.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        match signal::kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot send {signal} to {}", self.name)),
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.wait_gone(KILL_PATIENCE)
    }

    /// SIGTERM, SIGKILL for who does not listen, and waits until it is gone.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGTERM)?;
        if self.wait_gone(GRACE).is_err() {
            return self.kill();
        }
        Ok(())
    }

    fn wait_gone(&self, patience: Duration) -> anyhow::Result<()> {
        wait_until(patience, &format!("the end of {} (process {})", self.name, self.pid), || {
            seen(!self.is_alive(), || "it still runs")
        })
    }
}

/// Stops many at once, so that the slowest sets the time; goes on after an error and returns the first.
pub fn stop_all(processes: &[Process]) -> anyhow::Result<()> {
    let told = processes.iter().map(|process| process.signal(Signal::SIGTERM)).fold(Ok(()), anyhow::Result::and);
    let still_there = || processes.iter().filter(|process| process.is_alive()).count();
    let all_gone = wait_until(GRACE, "all processes to end", || {
        let count = still_there();
        seen(count == 0, || format!("{count} still run"))
    });
    if all_gone.is_ok() {
        return told;
    }
    let killed = processes.iter().map(Process::kill).fold(Ok(()), anyhow::Result::and);
    told.and(killed)
}

/// What every process of a lab has in its environment: the lab's directory.
pub const LAB: &str = "NVA_LAB";

/// The processes whose environment names one of these directories as their lab's.
pub fn of_labs(directories: &[PathBuf]) -> Vec<Process> {
    let marks: Vec<String> = directories.iter().map(|directory| format!("{LAB}={}", directory.display())).collect();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mut variables = environment.split(|octet| *octet == 0);
        if !variables.any(|variable| marks.iter().any(|mark| mark.as_bytes() == variable)) {
            return None;
        }
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned();
        Some(Process { name, pid, start_time: stat(pid)?.start_time, log: PathBuf::new() })
    })
    .collect()
}

struct Stat {
    state: char,
    start_time: u64,
}

/// Fields 3 and 22 of `/proc/PID/stat` (proc_pid_stat(5)); the name in field 2 may hold anything, even parentheses.
fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.get(text.rfind(')')? + 2..)?.split(' ');
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, start_time })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Process {
        let log = tempfile::NamedTempFile::new().expect("a temporary file").into_temp_path();
        Process::start("sleeper", Command::new("tail").args(["-f", "/dev/null"]), &log).expect("starts")
    }

    #[test]
    fn stop_ends_the_process() {
        let process = sleeper();
        assert!(process.is_alive());
        process.stop().expect("stops");
        assert!(!process.is_alive());
    }

    #[test]
    fn another_start_time_is_another_process() {
        let process = sleeper();
        let reused = Process { start_time: process.start_time + 1, ..process.clone() };
        assert!(!reused.is_alive());
        reused.kill().expect("nothing to kill");
        assert!(process.is_alive(), "the process with the same id but another start time was spared");
        process.kill().expect("dies");
    }
}
