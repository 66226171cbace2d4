//! What the data plane's tests need: network namespaces, packets, captures, raw sockets, logs, and runs of a program on one packet.

pub mod bpf;
pub mod capture;
pub mod data;
pub mod log;
pub mod netns;
pub mod packet;
pub mod stream;
pub mod wire;
