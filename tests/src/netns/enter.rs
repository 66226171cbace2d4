//! Entering a namespace: setns(2) changes one thread, so it is done on a thread or a process of its own.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use anyhow::anyhow;
use nix::sched::{CloneFlags, setns};

/// Moves the calling thread into the namespace, for ever.
pub fn enter(namespace: impl AsFd) -> io::Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(io::Error::from)
}

/// Runs `work` on a new thread in the namespace and waits for it.
pub(super) fn on_thread<T: Send>(namespace: &File, work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| enter(namespace).map(|()| work()));
        match worker.join() {
            Ok(result) => Ok(result?),
            Err(panic) => Err(anyhow!("the work panicked: {}", message(&*panic))),
        }
    })
}

/// Makes the child enter the namespace before it becomes the program.
pub(super) fn before_exec(command: &mut Command, namespace: File) {
    // SAFETY: between fork and exec the closure makes one system call and allocates nothing.
    unsafe {
        command.pre_exec(move || enter(&namespace));
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
