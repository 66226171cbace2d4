//! `nva show aggregates`.

use crate::control::{AggregateReply, AggregatesReply, Rows};
use crate::daemon::State;
use crate::speaker::Aggregate;

pub fn aggregates(state: &State<'_>) -> AggregatesReply {
    let row = |aggregate: &Aggregate| AggregateReply {
        prefix: aggregate.prefix().to_string(),
        contributors: aggregate.contributors().len(),
        contributing_ases: aggregate.contributing_ases().map(|asn| asn.0).collect(),
        summary_only: aggregate.config().summary_only,
        to_contributors: aggregate.config().to_contributors,
        reason: state.speaker.unformed(aggregate).map(|reason| reason.to_string()),
    };
    Rows { rows: state.speaker.aggregates().iter().map(row).collect() }
}
