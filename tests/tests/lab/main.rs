//! The lab itself: its fabric and its route server do what Azure's do, and `nva-lab` does what it says.

mod command;
#[path = "../common/mod.rs"]
mod common;
mod fabric;
mod route_server;
