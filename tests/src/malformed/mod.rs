//! What daemons do with malformed UPDATEs, seen from outside (RFC 7606).
//!
//! [`rows`] is the table of what can be wrong, with what the RFCs ask for. [`run`] sends each row to a daemon, from a peer
//! of its own, between well-formed routes, and watches with two further peers what the daemon makes of it; [`report`] puts
//! the results of several daemons side by side.

mod observer;
mod outcome;
mod report;
mod rows;
mod run;
mod trial;

pub use outcome::Outcome;
pub use report::{Column, columns_of, report};
pub use rows::{Change, Fate, Row, SessionKind, rows};
pub use run::run;
pub use trial::updates;
