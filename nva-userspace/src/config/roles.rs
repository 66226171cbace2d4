//! Roles (RFC 9234) as they are written.

use super::error::Problems;
use super::file::PeerTable;
use super::values::parse;
use crate::fsm::{RemoteAs, Role};
use crate::net::Asn;

/// Our role towards the peer, and whether the peer has to say its own.
pub(super) fn build(
    table: &PeerTable,
    remote_as: Option<&RemoteAs>,
    own: Asn,
    problems: &mut Problems<'_>,
) -> (Option<Role>, bool) {
    let strict = table.role_strict.as_ref().is_some_and(|strict| *strict.get_ref());
    let Some(text) = &table.role else {
        if let Some(place) = table.role_strict.as_ref().filter(|_| strict) {
            problems.add(place.span(), "role-strict asks for the peer's role: say ours with role");
        }
        return (None, strict);
    };
    if remote_as.is_some_and(|remote| remote.accepts(own)) {
        // RFC 9234 §4.1
        problems.add(text.span(), format_args!("roles are for external peers: this one may be in our own AS {own}"));
    }
    (parse(text, problems), strict)
}
