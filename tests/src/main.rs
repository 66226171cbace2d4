//! `nva-lab`: a virtual network with a route server, hubs and NVAs, on one machine.

mod command;

use clap::Parser;
use command::Arguments;

fn main() -> anyhow::Result<()> {
    Arguments::parse().run()
}
