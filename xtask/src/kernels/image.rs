//! The file system of a machine under test: an initramfs with a kernel's drivers and the programs, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cmd::{self, Cmd};
use crate::setup::kernels;
use crate::workspace::Workspace;

const INIT: &str = include_str!("init.sh");

/// What has to be there for the programs.
const FOLDERS: [&str; 7] = ["bin", "sbin", "dev", "proc", "run", "sys", "tmp"];

/// The machine's own programs that the tests call.
const TOOLS: [&str; 3] = ["ip", "ethtool", "ping"];

/// The drivers, and what they need of other modules; a kernel may have some of them built in.
const MODULES: [&str; 10] = [
    "dimlib",
    "failover",
    "net_failover",
    "veth",
    "virtio",
    "virtio_net",
    "virtio_pci",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_ring",
];

/// Makes the initramfs for a kernel in `dir`. `programs` are our own: file and name.
///
/// # Errors
/// When something is missing, or cannot be copied.
pub fn make(workspace: &Workspace, tree: &Path, programs: &[(PathBuf, &str)], dir: &Path) -> Result<PathBuf> {
    let root = dir.join("root");
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    for folder in FOLDERS {
        make_dir(&root.join(folder))?;
    }
    let busybox = kernels::busybox(workspace);
    copy(&busybox, &root.join("bin/busybox"))?;
    // By this name the kernel asks for modules.
    symlink("/bin/busybox", root.join("sbin/modprobe")).context("cannot make a link")?;
    fs::write(root.join("init"), INIT).context("cannot write init")?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755)).context("cannot change init")?;

    let mut libraries = BTreeSet::new();
    for (program, name) in programs {
        libraries.append(&mut libraries_of(program)?);
        // What only debuggers read is most of them, and the machine has them in memory.
        Cmd::new("strip").arg("-o").arg(root.join("bin").join(name)).arg(program).run()?;
    }
    for tool in TOOLS {
        let program = cmd::find_program(tool).with_context(|| format!("there is no {tool}"))?;
        libraries.append(&mut libraries_of(&program)?);
        copy(&program, &root.join("bin").join(tool))?;
    }
    for library in libraries {
        copy(&library, &root.join(library.strip_prefix("/").unwrap_or(&library)))?;
    }
    copy_modules(tree, &root)?;
    pack(&busybox, &root, &dir.join("initramfs.cpio"))
}

/// The shared libraries of a program, as ldd(1) finds them on this machine.
fn libraries_of(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let text = Cmd::new("ldd").arg(program).probe();
    let text = text.with_context(|| format!("ldd cannot read {}", program.display()))?;
    Ok(paths_in(&text))
}

/// `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, and the loader by its path alone.
fn paths_in(text: &str) -> BTreeSet<PathBuf> {
    let words = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    words.map(PathBuf::from).collect()
}

fn copy_modules(tree: &Path, root: &Path) -> Result<()> {
    let release = kernels::release(tree)?;
    let folder = Path::new("lib/modules").join(&release);
    let from = [tree.join(&folder), tree.join("usr").join(&folder)].into_iter().find(|path| path.exists());
    let (from, to) = (from.context("the modules are gone")?, root.join(&folder));
    make_dir(&to)?;
    for list in ["modules.order", "modules.builtin"] {
        copy(&from.join(list), &to.join(list))?;
    }
    let mut folders = vec![from];
    while let Some(folder) = folders.pop() {
        let entries = folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if name.to_str().is_some_and(is_wanted) {
                copy(&path, &to.join(name))?;
            }
        }
    }
    Ok(())
}

/// `virtio_net.ko`, `virtio_net.ko.xz`, and with the other dash.
fn is_wanted(file: &str) -> bool {
    file.split_once(".ko").is_some_and(|(name, _)| MODULES.contains(&name.replace('-', "_").as_str()))
}

fn pack(busybox: &Path, root: &Path, archive: &Path) -> Result<PathBuf> {
    let script = "find . | \"$0\" cpio --quiet -o -H newc >\"$1\"";
    Cmd::new("sh").args(["-c", script]).arg(busybox).arg(archive).current_dir(root).run()?;
    Ok(archive.to_owned())
}

/// The file that it leads to, if it is a link.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(dir) = to.parent() {
        make_dir(dir)?;
    }
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn make_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_what_ldd_prints() {
        let text = "\tlinux-vdso.so.1 (0x00007fff)\n\tlibmnl.so.0 => /lib/x86_64-linux-gnu/libmnl.so.0 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let expected = ["/lib/x86_64-linux-gnu/libmnl.so.0", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(paths_in(text), BTreeSet::from(expected));
    }

    #[test]
    fn modules_are_known_by_their_names() {
        assert!(is_wanted("virtio_net.ko") && is_wanted("virtio_net.ko.xz") && is_wanted("virtio-ring.ko"));
        assert!(!is_wanted("virtio_blk.ko") && !is_wanted("modules.order") && !is_wanted("veth.c"));
    }
}
