//! Running other programs: each is shown before it runs, and a failure says which one it was.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// A command to be run; what it changes in the environment is shown with it.
pub struct Cmd {
    command: Command,
    shown_as: Option<String>,
    shown_env: Vec<(String, String)>,
}

impl Cmd {
    /// A program, by path or by name in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), shown_as: None, shown_env: Vec::new() }
    }

    /// The name to show in place of a long path.
    pub fn shown_as(mut self, name: &str) -> Self {
        self.shown_as = Some(name.to_owned());
        self
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// The folder to run in.
    pub fn current_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Sets a variable, and shows it.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let shown = value.as_ref().to_string_lossy().replace('\x1f', " ");
        self.shown_env.push((name.to_owned(), shown));
        self.command.env(name, value);
        self
    }

    /// Unsets a variable.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Unsets what `cargo run` added to our environment (`CARGO_PKG_NAME`, the job server, the `[env]` table, …), so that
    /// a build started from here has the same fingerprint as one started by hand. What a user sets stays.
    pub fn clean_cargo_env(mut self) -> Self {
        for (name, _) in env::vars_os() {
            if set_by_cargo_run(&name) {
                self.command.env_remove(&name);
            }
        }
        self
    }

    /// Runs it with our own input and output.
    ///
    /// # Errors
    /// When it cannot be started, or does not succeed.
    pub fn run(mut self) -> Result<()> {
        println!("$ {self}");
        let status = self.command.status().with_context(|| format!("cannot run `{self}`"))?;
        self.check(status)
    }

    /// Runs it silently, for the case in which a failure is an answer: `None`.
    pub fn probe(mut self) -> Option<String> {
        let output = self.command.stdin(Stdio::null()).output().ok()?;
        if !output.status.success() {
            return None;
        }
        String::from_utf8(output.stdout).ok()
    }

    /// Becomes it. Returns only if that fails.
    pub fn exec(mut self) -> anyhow::Error {
        println!("$ {self}");
        let error = self.command.exec();
        anyhow::Error::new(error).context(format!("cannot run `{self}`"))
    }

    fn check(&self, status: ExitStatus) -> Result<()> {
        if !status.success() {
            bail!("`{self}` failed: {status}");
        }
        Ok(())
    }
}

impl std::fmt::Display for Cmd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, value) in &self.shown_env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        match &self.shown_as {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{}", quoted(&self.command.get_program().to_string_lossy()))?,
        }
        for arg in self.command.get_args() {
            write!(f, " {}", quoted(&arg.to_string_lossy()))?;
        }
        Ok(())
    }
}

/// The path of a program in `PATH` or in the administrator's folders, which a user's `PATH` often lacks.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

/// Whether we may do what only root may.
pub fn is_root() -> bool {
    Cmd::new("id").arg("-u").probe().is_some_and(|uid| uid.trim() == "0")
}

fn set_by_cargo_run(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    let exact = [
        "CARGO",
        "CARGO_MAKEFLAGS",
        "MAKEFLAGS",
        "MFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "LD_LIBRARY_PATH",
        "NVA_BPF_OBJECT",
    ];
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_CFG_", "CARGO_FEATURE_"];
    exact.contains(&name.as_ref()) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_environment_program_and_quoted_arguments() {
        let cmd = Cmd::new("/usr/bin/x").env("A", "b\x1fc").args(["--ok=1", "two words", "it's", ""]);
        assert_eq!(cmd.to_string(), r"A='b c' /usr/bin/x --ok=1 'two words' 'it'\''s' ''");
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = Cmd::new("false").run().expect_err("`false` fails");
        assert_eq!(error.to_string(), "`false` failed: exit status: 1");
    }

    #[test]
    fn cargos_own_variables_go_and_the_users_stay() {
        assert!(set_by_cargo_run(&"CARGO_PKG_VERSION_MAJOR".into()));
        assert!(set_by_cargo_run(&"NVA_BPF_OBJECT".into()));
        assert!(!set_by_cargo_run(&"CARGO_HOME".into()));
        assert!(!set_by_cargo_run(&"CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER".into()));
        assert!(!set_by_cargo_run(&"CARGO_NET_OFFLINE".into()));
    }
}
