//! Texts: the configuration, AS-path expressions, prefix lists, routes, and what comes over the control socket.

use std::fmt::Debug;

use nva::attributes::{AsPath, Segment, SegmentKind};
use nva::config::Config;
use nva::control::{
    AggregatesReply, BfdReply, Call, CaptureEnd, CaptureReply, ConnectionsReply, DoneReply, Explanation, FibReply,
    HubsReply, PeersReply, Refusal, Request, RoutesReply, XdpReply,
};
use nva::net::{Asn, Prefix};
use nva::policy::{AsPathRegex, PrefixList, PrefixMatch};
use nva::route::RouteText;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A configuration file. What is wrong with it is said in words, with a place in it.
pub fn configuration(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    match Config::parse("nva.toml", text) {
        Ok(config) => assert_eq!(config.speaker.peers.len(), config.reach.len()),
        Err(error) => {
            let words = error.to_string();
            assert!(words.contains("nva.toml"), "{words}");
        }
    }
}

/// An AS-path expression, and, behind a zero, the numbers of a path.
pub fn as_path_expression(octets: &[u8]) {
    let mut parts = octets.splitn(2, |octet| *octet == 0);
    let (expression, numbers) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(text) = std::str::from_utf8(expression) else { return };
    match text.parse::<AsPathRegex>() {
        Ok(expression) => {
            assert_eq!(expression.to_string(), text);
            let asns = numbers.as_chunks::<4>().0.iter().map(|octets| Asn(u32::from_be_bytes(*octets)));
            let path = AsPath::sequence(asns);
            let found = expression.is_match(&path);
            // Parentheses around it change nothing.
            if let Ok(again) = format!("({text})").parse::<AsPathRegex>() {
                assert_eq!(again.is_match(&path), found, "{text}");
            }
            let set = AsPath { segments: vec![Segment { kind: SegmentKind::Set, asns: vec![Asn(1)] }] };
            expression.is_match(&set);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The entries of a prefix list, one a line, and the prefixes to look for in it.
pub fn prefix_list(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let entries: Vec<PrefixMatch> = text.lines().filter_map(|line| line.parse().ok()).collect();
    for entry in &entries {
        assert_eq!(entry.to_string().parse::<PrefixMatch>().as_ref(), Ok(entry));
    }
    let list = PrefixList::new(entries.iter().copied());
    for prefix in text.split_ascii_whitespace().filter_map(|word| word.parse::<Prefix>().ok()) {
        assert_eq!(list.matches(prefix), entries.iter().any(|entry| entry.matches(prefix)), "{prefix}");
        assert_eq!(prefix.to_string().parse::<Prefix>(), Ok(prefix));
    }
}

/// A route as text. What is read is shown as text that says the same.
pub fn route_text(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    match text.parse::<RouteText>() {
        Ok(route) => {
            let shown = route.to_string();
            let has_both_quotes = shown.contains('\'') && shown.contains('"');
            if !has_both_quotes {
                let again: RouteText = shown.parse().unwrap_or_else(|error| panic!("{text:?} as {shown:?}: {error}"));
                assert_eq!(again.to_string(), shown, "{text:?}");
            }
        }
        Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.column), "{text:?}: {error}"),
    }
}

/// A request as it comes over the control socket.
pub fn control_request(octets: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<Request>(octets) {
        let line = serde_json::to_vec(&request).expect("a request is JSON");
        assert!(!line.contains(&b'\n'), "a request is one line");
        assert_eq!(serde_json::from_slice::<Request>(&line).ok().as_ref(), Some(&request));
    }
    if let Ok(call) = serde_json::from_slice::<Call>(octets) {
        let line = serde_json::to_vec(&call).expect("a request is JSON");
        assert!(!line.contains(&b'\n'), "a request is one line");
        assert_eq!(serde_json::from_slice::<Call>(&line).ok().as_ref(), Some(&call));
    }
}

/// A reply as the command line reads it, to whichever question.
pub fn control_reply(octets: &[u8]) {
    reply::<PeersReply>(octets);
    reply::<RoutesReply>(octets);
    reply::<ConnectionsReply>(octets);
    reply::<HubsReply>(octets);
    reply::<AggregatesReply>(octets);
    reply::<FibReply>(octets);
    reply::<XdpReply>(octets);
    reply::<Explanation>(octets);
    reply::<BfdReply>(octets);
    reply::<DoneReply>(octets);
    reply::<CaptureReply>(octets);
    reply::<CaptureEnd>(octets);
}

fn reply<T: Serialize + DeserializeOwned + PartialEq + Debug>(octets: &[u8]) {
    if let Ok(reply) = serde_json::from_slice::<Result<T, Refusal>>(octets) {
        let line = serde_json::to_vec(&reply).expect("a reply is JSON");
        assert!(!line.contains(&b'\n'), "a reply is one line");
        assert_eq!(serde_json::from_slice::<Result<T, Refusal>>(&line).ok(), Some(reply));
    }
}
