//! The lab: Azure's fabric and route server in network namespaces, with `nva` and other daemons in them.
//!
//! [`netns`], [`process`], [`resources`] and [`wait`] are the tools, [`fabric`] the virtual network, [`route_server`]
//! what programs it, [`daemon`] what runs on its machines, [`topology`] who there is, [`lab`] all of it together, [`wire`]
//! machines without a fabric, [`stream`] traffic that is counted, [`route_set`] tables like the Internet's, and [`demo`] the
//! article's result. [`speaker`] says to daemons whatever it is given, and [`malformed`] shows what they make of it. Nothing
//! in here touches the machine's own network, and everything is removed on every way out.

pub mod az;
pub mod daemon;
pub mod demo;
pub mod fabric;
pub mod instance;
pub mod lab;
pub mod malformed;
pub mod netns;
pub mod process;
pub mod resources;
pub mod route_server;
pub mod route_set;
pub mod speaker;
pub mod stream;
pub mod topology;
pub mod wait;
pub mod wire;
