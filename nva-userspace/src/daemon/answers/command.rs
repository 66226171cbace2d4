//! `nva peer` and `nva drain`: what operators change while the daemon runs.

use super::refuse;
use crate::control::{Command, Direction, Done, DoneReply, PeerChoice, Refusal, Rows};
use crate::net::Instant;
use crate::packet::MAX_COMMUNICATION;
use crate::route::PeerId;
use crate::speaker::{Peer, Refreshed, Reset, Speaker};

/// How alike two names must be for one to be taken for the other mistyped.
const ALIKE: f64 = 0.7;

/// Carries out a command.
pub fn command(speaker: &mut Speaker, command: &Command, now: Instant) -> Result<DoneReply, Refusal> {
    let choice = match command {
        Command::Disable { message, .. } | Command::Reset { message, .. } if message.len() > MAX_COMMUNICATION => {
            let most = MAX_COMMUNICATION;
            return refuse(format!("the message takes {} octets (UTF-8): {most} fit (RFC 9003)", message.len()));
        }
        Command::Disable { peers, .. }
        | Command::Enable { peers }
        | Command::Reset { peers, .. }
        | Command::Refresh { peers, .. }
        | Command::Drain { peers }
        | Command::Undrain { peers } => peers,
        Command::DrainRouter => return Ok(router(speaker, true, now)),
        Command::UndrainRouter => return Ok(router(speaker, false, now)),
        // Need more than the speaker.
        Command::Reload { .. } | Command::Audit => return refuse("not a command to a peer"),
    };
    let mut rows = Vec::new();
    for id in chosen(speaker, choice)? {
        let done = one(speaker, id, command, now);
        let peer = speaker.peer(id).map_or_else(String::new, |peer| peer.config().name.clone());
        tracing::info!(peer, done, "told by an operator");
        rows.push(Done { peer, done });
    }
    Ok(Rows { rows })
}

fn router(speaker: &mut Speaker, drained: bool, now: Instant) -> DoneReply {
    let done = match (drained, speaker.drain_router(drained, now)) {
        (true, true) => "drained: every peer is told GRACEFUL_SHUTDOWN",
        (true, false) => "was drained already",
        (false, true) => "no longer drained",
        (false, false) => "was not drained",
    };
    tracing::info!(done, "told by an operator");
    Rows { rows: vec![Done { peer: "-".to_owned(), done: done.to_owned() }] }
}

fn one(speaker: &mut Speaker, id: PeerId, command: &Command, now: Instant) -> String {
    let text = match command {
        Command::Disable { message, .. } => match speaker.disable(id, message, now) {
            true => "disabled",
            false => "was disabled already",
        },
        Command::Enable { .. } => match speaker.enable(id, now) {
            true => "enabled",
            false => "was not down for an operator or a limit",
        },
        Command::Reset { message, .. } => match speaker.reset(id, message, now) {
            Reset::Session => "reset",
            Reset::Attempt => "there was no session: tried at once",
            Reset::Disabled => "is disabled: nothing to reset",
        },
        Command::Refresh { direction, .. } => return refresh(speaker, id, *direction, now),
        Command::Drain { .. } => match speaker.drain(id, true, now) {
            true => "drained",
            false => "was drained already",
        },
        Command::Undrain { .. } => match speaker.drain(id, false, now) {
            true if speaker.is_drained() => "no longer drained by itself, but the router is: `nva undrain`",
            true => "no longer drained",
            false if speaker.is_drained() => "was not drained by itself, but the router is: `nva undrain`",
            false => "was not drained",
        },
        Command::DrainRouter | Command::UndrainRouter | Command::Reload { .. } | Command::Audit => "",
    };
    text.to_owned()
}

fn refresh(speaker: &mut Speaker, id: PeerId, direction: Direction, now: Instant) -> String {
    let mut done = Vec::new();
    if direction != Direction::Out {
        done.push(speaker.refresh_in(id, now));
    }
    if direction != Direction::In {
        done.push(speaker.refresh_out(id, now));
    }
    done.dedup();
    let words = |refreshed: &Refreshed| match refreshed {
        Refreshed::Asked { families, marked } => {
            let families: Vec<String> = families.iter().map(ToString::to_string).collect();
            let goes = if *marked { "; what it does not send again goes" } else { "" };
            format!("asked for its routes again ({}){goes}", families.join(", "))
        }
        Refreshed::Imported => "does not take ROUTE-REFRESH: its routes ran through the import policy again".to_owned(),
        Refreshed::Resent => "told everything again".to_owned(),
        Refreshed::Down => "has no session: nothing to refresh".to_owned(),
    };
    done.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// The peers that are meant, each once and in their order; a name or a group that fits nobody is a mistake.
fn chosen(speaker: &Speaker, choice: &PeerChoice) -> Result<Vec<PeerId>, Refusal> {
    let peers = || speaker.peers().iter();
    if choice.names.is_empty() && choice.group.is_none() && !choice.all {
        return refuse("no peer is named: write its name, --group NAME or --all");
    }
    for name in &choice.names {
        if !peers().any(|peer| is_called(peer, name)) {
            return refuse(unknown("peer", name, peers().map(|peer| peer.config().name.as_str())));
        }
    }
    if let Some(group) = &choice.group
        && !peers().any(|peer| peer.config().group.as_ref() == Some(group))
    {
        return refuse(unknown("group with peers", group, peers().filter_map(|peer| peer.config().group.as_deref())));
    }
    let is_meant = |peer: &&Peer| {
        let in_group = choice.group.is_some() && peer.config().group == choice.group;
        choice.all || in_group || choice.names.iter().any(|name| is_called(peer, name))
    };
    Ok(peers().filter(is_meant).map(Peer::id).collect())
}

fn is_called(peer: &Peer, name: &str) -> bool {
    let config = peer.config();
    fits(name, &config.name) || config.address.to_string() == name
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once('*') else { return left.ends_with(rest) };
    for part in middle.split('*') {
        match left.find(part) {
            Some(at) => left = left.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    left.ends_with(end)
}

/// That there is none of this name, and what may have been meant.
pub fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.dedup();
    let alike = |other: &&str| strsim::jaro_winkler(name, other);
    let nearest = known.iter().copied().max_by(|one, other| alike(one).total_cmp(&alike(other)));
    match nearest.filter(|other| alike(other) >= ALIKE) {
        Some(nearest) => format!("there is no {kind} {name:?}: did you mean {nearest:?}?"),
        None => format!("there is no {kind} {name:?}: `nva show peers` lists all"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;

    #[test]
    fn stars_stand_for_any_text() {
        let cases = [
            ("nva0", "nva0", true),
            ("nva0", "nva01", false),
            ("nva*", "nva01", true),
            ("*", "", true),
            ("*-west", "leaf-1-west", true),
            ("leaf-*-west", "leaf-west", false),
            ("l*f*1*", "leaf-1-west", true),
            ("l*f*2*", "leaf-1-west", false),
            ("a*a", "a", false),
            ("**", "anything", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// What is cut off could be what matters.
    #[test]
    fn a_message_that_does_not_fit_is_refused() {
        let config = Config::parse(
            "nva.toml",
            "[router]\nasn = 65000\nrouter-id = \"10.0.0.1\"\n\
             [[peer]]\nname = \"rs0\"\naddress = \"10.0.0.2\"\nasn = 65001\n",
        );
        let mut speaker = Speaker::new(config.expect("good").speaker);
        let now = Instant::from_origin(Duration::ZERO);
        let peers = PeerChoice { all: true, ..PeerChoice::default() };
        let fits = format!("{}a", "é".repeat(127));
        let long = "é".repeat(128);
        let refused = Err("the message takes 256 octets (UTF-8): 255 fit (RFC 9003)".to_owned());
        for (message, done) in [(&long, refused), (&fits, Ok(1))] {
            let (peers, message) = (peers.clone(), message.clone());
            let disable = Command::Disable { peers: peers.clone(), message: message.clone() };
            for order in [disable, Command::Reset { peers, message }] {
                let rows = command(&mut speaker, &order, now).map(|reply| reply.rows.len());
                assert_eq!(rows.map_err(|refusal| refusal.error), done, "{order:?}");
            }
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_is_suggested() {
        let known = || ["nva0", "rs0", "rs1"].into_iter();
        assert_eq!(unknown("peer", "nav0", known()), "there is no peer \"nav0\": did you mean \"nva0\"?");
        assert_eq!(unknown("peer", "xyz", known()), "there is no peer \"xyz\": `nva show peers` lists all");
    }
}
