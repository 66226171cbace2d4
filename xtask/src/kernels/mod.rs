//! `cargo xtask kernels`: boots other kernels in qemu, and lets `nva` forward in each of them.
//!
//! The machine has five virtio NICs at two hubs of qemu's, and no way to anything outside. `nva-guest` (crate `nva-tests`)
//! is what runs in it.

mod image;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::build;
use crate::cmd::Cmd;
use crate::setup::{self, Level, kernels};
use crate::workspace::Workspace;
use report::Report;

/// How many seconds a machine may take. Emulated, on two cores with other work, it has taken a third of that.
const MOST_SECONDS: u32 = 900;

/// Lines of the console that a failure shows.
const CONSOLE_TAIL: usize = 60;

/// The NICs by the last octet of their MACs (`tests/src/guest/place.rs` sorts them by it), and the hub of each.
const NICS: [(u8, u8); 5] = [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)];

/// What cargo builds the tests of the data plane by.
const DATAPLANE_TESTS: [&str; 6] = ["test", "--release", "--package", "nva-tests", "--test", "dataplane"];

/// Which kernels, and how.
#[derive(Args)]
pub struct Options {
    /// Boot these kernel packages (.deb) instead
    #[arg(long, value_name = "FILE")]
    deb: Vec<PathBuf>,
    /// Leave out the tests of the data plane: before Linux 5.15 the kernel does not run XDP programs for tests as it should
    #[arg(long)]
    forwarding_only: bool,
    /// Let the processor run the machines (KVM), not qemu. Off even where there is /dev/kvm: in a virtual machine that may
    /// not work
    #[arg(long)]
    kvm: bool,
}

/// A kernel package, unpacked.
struct Kernel {
    release: String,
    tree: PathBuf,
}

/// Boots each kernel, and prints a table of what came of it.
///
/// # Errors
/// When the machine is not ready, or one of the kernels did not pass.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let ready = setup::run(workspace, Level::Kernels)?;
    build::all(workspace, &ready)?;
    let programs = [
        (workspace.release_binary("nva"), "nva"),
        (workspace.release_binary("nva-guest"), "nva-guest"),
        (build::program_of(workspace, &DATAPLANE_TESTS, "test")?, "dataplane"),
    ];
    let mut reports = Vec::new();
    for kernel in chosen(workspace, &options.deb)? {
        let dir = workspace.target().join("kernels").join(&kernel.release);
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let initramfs = image::make(workspace, &kernel.tree, &programs, &dir)?;
        let report = boot(&kernel, &initramfs, &dir, options)?;
        if let Some(complaint) = report.complaint() {
            let console = dir.join("console.log");
            println!("\n{}: {complaint}. The end of {}:\n{}", kernel.release, console.display(), tail(&console));
        }
        reports.push((kernel.release, report));
    }
    println!("\n{}", report::table(&reports));
    let failed: Vec<&str> =
        reports.iter().filter(|(_, report)| report.complaint().is_some()).map(|(name, _)| name.as_str()).collect();
    if !failed.is_empty() {
        bail!("not passed: {}", failed.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// The packages that are named, or Debian's.
fn chosen(workspace: &Workspace, packages: &[PathBuf]) -> Result<Vec<Kernel>> {
    let mut trees: Vec<PathBuf> = Vec::new();
    for package in packages {
        let name = package.file_stem().with_context(|| format!("{} is no file", package.display()))?;
        let tree = workspace.target().join("kernels").join(name);
        Cmd::new("dpkg-deb").arg("--extract").arg(package).arg(&tree).run()?;
        trees.push(tree);
    }
    if packages.is_empty() {
        trees.extend(kernels::SERIES.map(|series| kernels::tree(workspace, series)));
    }
    trees.into_iter().map(|tree| Ok(Kernel { release: kernels::release(&tree)?, tree })).collect()
}

/// Runs the machine until it switches itself off, panics, or is out of time.
fn boot(kernel: &Kernel, initramfs: &Path, dir: &Path, options: &Options) -> Result<Report> {
    let image = kernel.tree.join("boot").join(format!("vmlinuz-{}", kernel.release));
    let (console, report) = (dir.join("console.log"), dir.join("report.txt"));
    // So that nothing is taken for what an earlier machine wrote.
    for file in [&console, &report] {
        fs::write(file, "").with_context(|| format!("cannot write {}", file.display()))?;
    }
    // Both processors in one thread: qemu 7.2 with a thread for each may run code that the other has just written over. Linux
    // replaces a direct tail call by a breakpoint first, and panics when that is met afterwards.
    let processor = if options.kvm { ["kvm", "host"] } else { ["tcg,thread=single", "max"] };
    // A panic restarts the machine, which then ends.
    let mut words = "console=ttyS0 panic=-1 quiet".to_owned();
    if options.forwarding_only {
        words.push_str(" NVA_FORWARDING_ONLY=1");
    }
    let mut qemu = Cmd::new("timeout")
        .args(["--foreground", "--kill-after=10", &MOST_SECONDS.to_string(), "qemu-system-x86_64"])
        .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "pc"])
        .args(["-accel", processor[0], "-cpu", processor[1], "-smp", "2", "-m", "1024"])
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", &words])
        .args(["-serial", &format!("file:{}", console.display()), "-serial", &format!("file:{}", report.display())]);
    for (nic, hub) in NICS {
        qemu = qemu
            .args(["-netdev", &format!("hubport,id=nic{nic},hubid={hub}")])
            .args(["-device", &format!("virtio-net-pci,netdev=nic{nic},mac=52:54:00:00:00:{nic:02x},romfile=")]);
    }
    println!("\n== Linux {}: some minutes, at most {MOST_SECONDS} s", kernel.release);
    if let Err(error) = qemu.run() {
        println!("{error:#}");
    }
    let text = fs::read_to_string(&report).with_context(|| format!("cannot read {}", report.display()))?;
    Ok(Report::parse(&text))
}

/// The last lines of a file; none if it cannot be read.
fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(CONSOLE_TAIL)..].join("\n")
}
