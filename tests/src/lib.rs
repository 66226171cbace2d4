//! The lab: Azure's fabric and route server in network namespaces, with `nva` and other daemons in them.
//!
//! [`netns`], [`process`], [`resources`] and [`wait`] are the tools, [`fabric`] the virtual network, [`route_server`]
//! what programs it, [`daemon`] what runs on its machines, [`topology`] who there is, [`lab`] all of it together, and
//! [`demo`] the article's result. Nothing in here touches the machine's own network, and everything is removed on every
//! way out.

pub mod az;
pub mod daemon;
pub mod demo;
pub mod fabric;
pub mod instance;
pub mod lab;
pub mod netns;
pub mod process;
pub mod resources;
pub mod route_server;
pub mod topology;
pub mod wait;
