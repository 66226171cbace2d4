//! The lab: Azure's fabric and route server in network namespaces, with `nva` and other daemons in them.
//!
//! [`netns`], [`process`], [`resources`] and [`wait`] are the tools, [`fabric`] the virtual network, [`daemon`] what
//! runs on its machines, [`topology`] who there is, and [`lab`] all of it together. Nothing in here touches the
//! machine's own network, and everything is removed on every way out.

pub mod daemon;
pub mod fabric;
pub mod instance;
pub mod lab;
pub mod netns;
pub mod process;
pub mod resources;
pub mod topology;
pub mod wait;
