//! What the data plane's tests need: network namespaces, packets, raw sockets, logs, and runs of a program on one packet.

pub mod bpf;
pub mod log;
pub mod netns;
pub mod packet;
pub mod wire;
