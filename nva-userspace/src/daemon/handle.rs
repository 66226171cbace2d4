//! How others look at the daemon's state, and change it, without sharing it: they send a question or an order, which its
//! task answers.

use tokio::sync::{mpsc, oneshot, watch};

use super::admissions::Admissions;
use super::audits::{Audited, Audits};
use super::dataplane::DataPlane;
use super::error::ReloadError;
use crate::config::Config;
use crate::host::HostState;
use crate::net::Instant;
use crate::speaker::Speaker;
use crate::transport::bfd::BfdHandle;

/// What a question may look at.
pub struct State<'a> {
    /// The speaker.
    pub speaker: &'a Speaker,
    /// The XDP data plane.
    pub dataplane: &'a DataPlane,
    /// The configuration that runs.
    pub config: &'a Config,
    /// What became of incoming connections.
    pub admissions: &'a Admissions,
    /// What audits of the tables found.
    pub audits: &'a Audits,
    /// How many connections are open.
    pub connections: usize,
    /// The time on the speaker's clock.
    pub now: Instant,
}

/// What somebody wants of the daemon's task.
pub(super) enum Question {
    /// To look at something.
    Look(Box<dyn FnOnce(&State<'_>) + Send>),
    /// To change something.
    Change(Change),
    /// To know whether the tables hold what they should.
    Audit(oneshot::Sender<Audited>),
    /// To change something about the data plane.
    Arrange(Arrange),
    /// To go on with another configuration.
    Reload {
        /// Which.
        config: Box<Config>,
        /// Only to say what that would change.
        dry_run: bool,
        /// What it changes.
        answer: oneshot::Sender<Result<Reloaded, ReloadError>>,
    },
}

/// What came of another configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What it changed.
    pub changes: Vec<crate::speaker::Change>,
    /// The peers whose connections are signed with another password.
    pub passwords: Vec<String>,
    /// What stays as it is until a restart.
    pub restart: Vec<&'static str>,
}

type Arrange = Box<dyn FnOnce(&mut DataPlane, &HostState) + Send>;
type Change = Box<dyn FnOnce(&mut Speaker, Instant) + Send>;

/// A way to ask a running daemon.
#[derive(Clone)]
pub struct Handle {
    pub(super) questions: mpsc::Sender<Question>,
    pub(super) changes: watch::Receiver<u64>,
    pub(super) bfd: BfdHandle,
}

impl Handle {
    /// Lets the daemon's task answer a question; `None` if the daemon has ended.
    pub async fn ask<T, F>(&self, question: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(&State<'_>) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let question = Question::Look(Box::new(move |state| {
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(question(state));
        }));
        self.questions.send(question).await.ok()?;
        answered.await.ok()
    }

    /// Lets the daemon's task change something; `None` if the daemon has ended.
    pub async fn order<T, F>(&self, order: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Speaker, Instant) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let order = Question::Change(Box::new(move |speaker, now| {
            let _ = answer.send(order(speaker, now));
        }));
        self.questions.send(order).await.ok()?;
        answered.await.ok()
    }

    /// Lets the daemon's task change something about the data plane; `None` if the daemon has ended.
    pub(super) async fn arrange<T, F>(&self, arrange: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut DataPlane, &HostState) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let arrange = Question::Arrange(Box::new(move |plane, host| {
            let _ = answer.send(arrange(plane, host));
        }));
        self.questions.send(arrange).await.ok()?;
        answered.await.ok()
    }

    /// Lets the daemon go on with another configuration, or only says what that would change; `None` if the daemon has
    /// ended.
    pub async fn reload(&self, config: Config, dry_run: bool) -> Option<Result<Reloaded, ReloadError>> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question::Reload { config: Box::new(config), dry_run, answer }).await.ok()?;
        answered.await.ok()
    }

    /// Audits the tables, and says what was found and repaired; `None` if the daemon has ended.
    pub async fn audit(&self) -> Option<Audited> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question::Audit(answer)).await.ok()?;
        answered.await.ok()
    }

    /// Counts what happened in the speaker: wait for it to change before asking again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}
