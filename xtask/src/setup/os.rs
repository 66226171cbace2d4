//! Which distribution this is, by os-release(5).

use std::fs;

/// What `/etc/os-release` says.
#[derive(Debug, PartialEq, Eq)]
pub struct Distribution {
    id: String,
    like: Vec<String>,
    pretty: String,
}

impl Distribution {
    /// This machine's.
    pub fn detect() -> Self {
        let text = fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release"));
        Self::parse(&text.unwrap_or_default())
    }

    /// From the content of an os-release file.
    pub fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            Some(value.trim().trim_matches(['"', '\'']).to_owned())
        };
        let id = field("ID").unwrap_or_default();
        let like = field("ID_LIKE").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let pretty = field("PRETTY_NAME").unwrap_or_else(|| "this system".to_owned());
        Self { id, like, pretty }
    }

    /// Whether apt with Debian's names of packages can be expected.
    pub fn is_debian_like(&self) -> bool {
        let known = |id: &str| matches!(id, "debian" | "ubuntu");
        known(&self.id) || self.like.iter().any(|id| known(id))
    }
}

impl std::fmt::Display for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pretty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_debian_and_its_children() {
        let debian = Distribution::parse("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n");
        assert!(debian.is_debian_like());
        assert_eq!(debian.to_string(), "Debian GNU/Linux 12 (bookworm)");
        assert!(Distribution::parse("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n").is_debian_like());
        assert!(!Distribution::parse("ID=fedora\nID_LIKE=rhel\n").is_debian_like());
        assert!(!Distribution::parse("").is_debian_like());
    }
}
