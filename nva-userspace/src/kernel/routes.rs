//! Our routes in the kernel.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use thiserror::Error;

use super::encode::{Impossible, delete_route, new_route};
use super::requests::{Requests, lost};
use super::{KernelError, Refusal};
use crate::fib::FibOp;
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
                let refused = |op: &FibOp| RouteError::Refused { prefix: op.route().prefix, source: lost(&error) };
                possible.for_each(|(op, result)| *result = Err(refused(op)));
            }
        }
        results
    }
}

/// The request that carries out an operation, and its flags.
fn request(op: &FibOp) -> Result<(RouteNetlinkMessage, u16), RouteError> {
    let (message, flags) = match op {
        FibOp::Install(route) => (new_route(route), NLM_F_CREATE | NLM_F_EXCL),
        FibOp::Replace(route) => (new_route(route), NLM_F_REPLACE),
        FibOp::Withdraw(route) => (delete_route(route), 0),
    };
    let impossible = |Impossible(problem)| RouteError::Impossible { prefix: op.route().prefix, problem };
    Ok((message.map_err(impossible)?, flags))
}

fn judge(op: &FibOp, answer: Result<(), Refusal>) -> Result<(), RouteError> {
    let Err(source) = answer else { return Ok(()) };
    let (prefix, metric) = (op.route().prefix, op.route().metric);
    match (op, source.errno) {
        (FibOp::Install(_), libc::EEXIST) => Err(RouteError::Occupied { prefix, metric }),
        (FibOp::Withdraw(_), libc::ESRCH) => Ok(()),
        (FibOp::Install(_) | FibOp::Replace(_) | FibOp::Withdraw(_), _) => Err(RouteError::Refused { prefix, source }),
    }
}
