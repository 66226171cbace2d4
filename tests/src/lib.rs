//! The lab: Azure's fabric and route server in network namespaces, with `nva` and other daemons in them.
//!
//! [`netns`], [`process`], [`resources`] and [`wait`] are the tools, [`fabric`] the virtual network, [`daemon`] what
//! runs on its machines. Nothing in here touches the machine's own network, and everything is removed on every way out.

pub mod fabric;
pub mod instance;
pub mod netns;
pub mod process;
pub mod resources;
pub mod wait;
