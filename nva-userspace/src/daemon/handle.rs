//! How others look at the daemon's state without sharing it: they send a question, which its task answers.

use tokio::sync::{mpsc, oneshot, watch};

use super::dataplane::DataPlane;
use crate::config::Config;
use crate::net::Instant;
use crate::speaker::Speaker;

/// What a question may look at.
pub struct State<'a> {
    /// The speaker.
    pub speaker: &'a Speaker,
    /// The XDP data plane.
    pub dataplane: &'a DataPlane,
    /// The configuration that runs.
    pub config: &'a Config,
    /// The time on the speaker's clock.
    pub now: Instant,
}

pub(super) type Question = Box<dyn FnOnce(&State<'_>) + Send>;

/// A way to ask a running daemon.
#[derive(Clone)]
pub struct Handle {
    pub(super) questions: mpsc::Sender<Question>,
    pub(super) changes: watch::Receiver<u64>,
}

impl Handle {
    /// Lets the daemon's task answer a question; `None` if the daemon has ended.
    pub async fn ask<T, F>(&self, question: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(&State<'_>) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |state| {
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(question(state));
        });
        self.questions.send(question).await.ok()?;
        answered.await.ok()
    }

    /// Counts what happened in the speaker: wait for it to change before asking again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}
