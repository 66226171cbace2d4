//! What a running daemon can be told to do.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{CaptureRequest, Request, Rows};

/// What a client wants: to look, to change something, or to capture packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Call {
    /// To look.
    Show(Request),
    /// To change something.
    Do(Command),
    /// To capture packets.
    #[serde(serialize_with = "under_its_key")]
    Capture(CaptureRequest),
}

fn under_its_key<S: Serializer>(request: &CaptureRequest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map([("capture", request)])
}

impl<'de> Deserialize<'de> for Call {
    /// By the key that tells which it is, so that an error is about what was meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Call, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let call = if value.get("do").is_some() {
            Command::deserialize(value).map(Call::Do)
        } else if let Some(capture) = value.get("capture") {
            CaptureRequest::deserialize(capture).map(Call::Capture)
        } else {
            Request::deserialize(value).map(Call::Show)
        };
        call.map_err(D::Error::custom)
    }
}

/// A command; the reply to each but one is a [`DoneReply`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Stop sessions and keep them so.
    Disable {
        /// Whose.
        peers: PeerChoice,
        /// What the peers are told (RFC 9003).
        #[serde(default)]
        message: String,
    },
    /// Let sessions run.
    Enable {
        /// Whose.
        peers: PeerChoice,
    },
    /// End sessions and begin them anew.
    Reset {
        /// Whose.
        peers: PeerChoice,
        /// What the peers are told (RFC 9003).
        #[serde(default)]
        message: String,
    },
    /// Exchange routes again without ending a session.
    Refresh {
        /// With whom.
        peers: PeerChoice,
        /// Which.
        direction: Direction,
    },
    /// Lead traffic away from peers (RFC 8326).
    Drain {
        /// From whom.
        peers: PeerChoice,
    },
    /// End that.
    Undrain {
        /// For whom.
        peers: PeerChoice,
    },
    /// Lead traffic away from this router.
    DrainRouter,
    /// End that.
    UndrainRouter,
    /// Hold the kernel's and XDP's tables against what they should be, and repair them: [`super::AuditReply`].
    Audit,
    /// Read the configuration file again.
    Reload {
        /// Only say what that would change.
        #[serde(default)]
        dry_run: bool,
    },
}

/// Which routes are exchanged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Those that the peer sends.
    In,
    /// Those that it is sent.
    Out,
    /// All.
    Both,
}

/// Which peers: every one that fits one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerChoice {
    /// Names or addresses; `*` stands for any text.
    pub names: Vec<String>,
    /// The members of this group.
    pub group: Option<String>,
    /// All.
    pub all: bool,
}

/// What was done, peer by peer.
pub type DoneReply = Rows<Done>;

/// What was done about one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The peer; `-` for the router as a whole.
    pub peer: String,
    /// In words.
    pub done: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn is(call: Call, json: Value) {
        assert_eq!(serde_json::to_value(&call).expect("it is JSON"), json);
        assert_eq!(serde_json::from_value::<Call>(json).expect("it can be read back"), call);
    }

    #[test]
    fn commands_as_json() {
        let one = PeerChoice { names: vec!["nva0".to_owned()], ..PeerChoice::default() };
        let names = json!({ "names": ["nva0"], "group": null, "all": false });
        is(
            Call::Do(Command::Disable { peers: one.clone(), message: "noon".to_owned() }),
            json!({ "do": "disable", "peers": names, "message": "noon" }),
        );
        is(
            Call::Do(Command::Refresh { peers: one, direction: Direction::In }),
            json!({ "do": "refresh", "peers": names, "direction": "in" }),
        );
        is(Call::Do(Command::DrainRouter), json!({ "do": "drain-router" }));
        is(Call::Do(Command::Reload { dry_run: true }), json!({ "do": "reload", "dry_run": true }));
        is(Call::Show(Request::Peers), json!({ "show": "peers" }));
        let capture = CaptureRequest { verdicts: vec!["drop".to_owned()], ..CaptureRequest::default() };
        let json = serde_json::to_value(Call::Capture(capture.clone())).expect("it is JSON");
        assert_eq!(json["capture"]["verdicts"], json!(["drop"]));
        is(Call::Capture(capture), json);
        let short = json!({ "do": "reset", "peers": { "all": true } });
        let all = PeerChoice { all: true, ..PeerChoice::default() };
        let reset = Call::Do(Command::Reset { peers: all, message: String::new() });
        assert_eq!(serde_json::from_value::<Call>(short).expect("what is left out has a default"), reset);
    }
}
