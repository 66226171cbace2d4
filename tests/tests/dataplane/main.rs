//! The data plane by itself, in namespaces of its own: by table, against the kernel's own forwarding, and over a restart.

mod capture;
mod captures;
mod differential;
mod differential_ipv6;
mod kernel_lookup;
mod machine;
mod mix;
mod repair;
mod restart;
mod router;
mod sources;
mod support;
mod tables_ipv6;
mod verdicts;
mod verdicts_ipv6;
mod verifier;
mod whole_tables;
