//! `nva`: a BGP speaker, a FIB pipeline and an XDP data plane for network virtual appliances.
//!
//! The modules are layered; one imports only from layers below its own (`cargo xtask tidy` checks it, ARCHITECTURE.md
//! has the table). Everything up to and including [`speaker`] is pure: no I/O, no clock, no threads, no locks.

pub mod attributes;
pub mod bfd;
pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod fib;
pub mod fsm;
pub mod host;
pub mod kernel;
pub mod mrt;
pub mod net;
pub mod packet;
pub mod policy;
pub mod rib;
pub mod route;
pub mod speaker;
pub mod transport;
pub mod xdp;
