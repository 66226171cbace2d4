//! Our routes in the kernel, and the next-hop objects that they name.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NetlinkSerializable};
use netlink_packet_route::RouteNetlinkMessage;
use thiserror::Error;

use super::encode::{Impossible, delete_route, new_next_hop, new_route};
use super::next_hop::{NextHopMessage, NextHopRequest};
use super::requests::{Requests, lost};
use super::{KernelError, Refusal};
use crate::fib::{FibItem, FibOp, FibRoute};
use crate::net::Prefix;

/// Carries out what the FIB wants.
#[derive(Debug)]
pub struct Routes {
    requests: Requests,
}

/// Why a route is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// Somebody else has a route of the same prefix and metric, which we leave alone.
    #[error("another route to {prefix} with metric {metric} is there, and it is not ours")]
    Occupied {
        /// The prefix.
        prefix: Prefix,
        /// The metric that they share.
        metric: u32,
    },
    /// There are no such routes: an IPv6 prefix through an IPv4 gateway.
    #[error("the kernel has no routes like the one to {prefix}: {problem}")]
    Impossible {
        /// The prefix.
        prefix: Prefix,
        /// What is wrong with it.
        problem: String,
    },
    /// The kernel does not take it.
    #[error("the kernel refused the route to {prefix}: {source}")]
    Refused {
        /// The prefix.
        prefix: Prefix,
        /// Its answer.
        source: Refusal,
    },
    /// The kernel does not take a next-hop object.
    #[error("the kernel refused next-hop object {id}: {source}")]
    ObjectRefused {
        /// Its number.
        id: u32,
        /// The kernel's answer.
        source: Refusal,
    },
}

impl Routes {
    /// Opens a socket in this thread's network namespace.
    pub fn open() -> Result<Routes, KernelError> {
        Ok(Routes { requests: Requests::open()? })
    }

    /// Carries out the operations in their order, many to a system call, and says what became of each.
    ///
    /// An installation never displaces a route that is there, a withdrawal takes only a route with our protocol, and
    /// withdrawing what is gone already is no error.
    pub async fn apply(&mut self, ops: &[FibOp]) -> Vec<Result<(), RouteError>> {
        // Collected, because a task that waits for an iterator over borrowed operations cannot move between threads.
        let mut requests = Vec::with_capacity(ops.len());
        let mut results: Vec<_> = ops.iter().map(|op| request(op).map(|one| requests.push(one))).collect();
        let answers = self.requests.run(requests).await;
        let possible = ops.iter().zip(&mut results).filter(|(_, result)| result.is_ok());
        match answers {
            Ok(answers) => possible.zip(answers).for_each(|((op, result), answer)| *result = judge(op, answer)),
            Err(error) => {
                possible.for_each(|(op, result)| *result = Err(refused(op.item(), lost(&error))));
            }
        }
        results
    }
}

/// What the kernel is asked.
enum Request {
    Route(RouteNetlinkMessage),
    Object(NextHopRequest),
}

impl NetlinkSerializable for Request {
    fn message_type(&self) -> u16 {
        match self {
            Request::Route(message) => message.message_type(),
            Request::Object(request) => request.message_type(),
        }
    }

    fn buffer_len(&self) -> usize {
        match self {
            Request::Route(message) => NetlinkSerializable::buffer_len(message),
            Request::Object(request) => request.buffer_len(),
        }
    }

    fn serialize(&self, buffer: &mut [u8]) {
        match self {
            Request::Route(message) => message.serialize(buffer),
            Request::Object(request) => request.serialize(buffer),
        }
    }
}

/// The request that carries out an operation, and its flags.
fn request(op: &FibOp) -> Result<(Request, u16), RouteError> {
    let new = |item: &FibItem| match item {
        FibItem::Route(route) => Ok(Request::Route(new_route(route).map_err(|problem| impossible(route, problem))?)),
        FibItem::Object(object) => Ok(Request::Object(NextHopRequest::New(new_next_hop(object)))),
    };
    Ok(match op {
        FibOp::Install(item) => (new(item)?, NLM_F_CREATE | NLM_F_EXCL),
        FibOp::Replace(item) => (new(item)?, NLM_F_REPLACE),
        FibOp::Withdraw(FibItem::Route(route)) => {
            (Request::Route(delete_route(route).map_err(|problem| impossible(route, problem))?), 0)
        }
        FibOp::Withdraw(FibItem::Object(object)) => {
            (Request::Object(NextHopRequest::Delete(NextHopMessage::of(object.id))), 0)
        }
    })
}

fn impossible(route: &FibRoute, Impossible(problem): Impossible) -> RouteError {
    RouteError::Impossible { prefix: route.prefix, problem }
}

fn refused(item: &FibItem, source: Refusal) -> RouteError {
    match item {
        FibItem::Route(route) => RouteError::Refused { prefix: route.prefix, source },
        FibItem::Object(object) => RouteError::ObjectRefused { id: object.id, source },
    }
}

fn judge(op: &FibOp, answer: Result<(), Refusal>) -> Result<(), RouteError> {
    let Err(source) = answer else { return Ok(()) };
    match (op, source.errno) {
        (FibOp::Install(FibItem::Route(route)), libc::EEXIST) => {
            Err(RouteError::Occupied { prefix: route.prefix, metric: route.metric })
        }
        (FibOp::Withdraw(FibItem::Route(_)), libc::ESRCH) | (FibOp::Withdraw(FibItem::Object(_)), libc::ENOENT) => {
            Ok(())
        }
        (FibOp::Install(_) | FibOp::Replace(_) | FibOp::Withdraw(_), _) => Err(refused(op.item(), source)),
    }
}
