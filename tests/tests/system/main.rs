//! Real topologies with the real daemon: what an operator sees of it, on the wire, in the kernel and on the command line.

mod aggregates;
mod as_path;
mod as_path_expressions;
mod bfd;
mod blackhole;
mod capture;
mod chain;
mod cli;
#[path = "../common/mod.rs"]
mod common;
mod death;
mod examples;
mod explain;
mod flows;
mod forwarding;
mod forwarding_ipv6;
mod kernel_lookup;
mod kernel_routes;
mod peers;
mod policy_command;
mod policy_page;
mod reload;
mod restart;
mod roles;
mod routing;
mod security;
