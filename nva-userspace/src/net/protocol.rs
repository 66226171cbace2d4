//! Who installs routes in a kernel.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Who installed a route: `RTPROT_*` of rtnetlink(7), which iproute2 shows as `proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteProtocol(pub u8);

impl RouteProtocol {
    /// The kernel itself: the subnets of interfaces.
    pub const KERNEL: RouteProtocol = RouteProtocol(2);
    /// BGP daemons.
    pub const BGP: RouteProtocol = RouteProtocol(186);

    /// The names that iproute2 has for them (`rt_protos`).
    const NAMES: [(u8, &'static str); 17] = [
        (2, "kernel"),
        (3, "boot"),
        (4, "static"),
        (8, "gated"),
        (9, "ra"),
        (10, "mrt"),
        (11, "zebra"),
        (12, "bird"),
        (16, "dhcp"),
        (18, "keepalived"),
        (42, "babel"),
        (99, "openr"),
        (186, "bgp"),
        (187, "isis"),
        (188, "ospf"),
        (189, "rip"),
        (192, "eigrp"),
    ];

    /// Its name; `None` where iproute2 shows the number, too.
    pub fn name(self) -> Option<&'static str> {
        RouteProtocol::NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

impl fmt::Display for RouteProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

/// Text that names no protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no protocol of routes: write one of {names}, or its number from 2 to 255", names = names())]
pub struct RouteProtocolError(String);

fn names() -> String {
    RouteProtocol::NAMES.map(|(_, name)| name).join(", ")
}

impl FromStr for RouteProtocol {
    type Err = RouteProtocolError;

    fn from_str(text: &str) -> Result<RouteProtocol, RouteProtocolError> {
        let named = RouteProtocol::NAMES.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
        let number = named.or_else(|| text.parse().ok().filter(|number| *number >= 2));
        number.map(RouteProtocol).ok_or_else(|| RouteProtocolError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_as_they_are_shown() {
        for (text, number) in [("static", 4), ("kernel", 2), ("ospf", 188), ("201", 201), ("255", 255)] {
            let protocol: RouteProtocol = text.parse().expect(text);
            assert_eq!((protocol.0, protocol.to_string().as_str()), (number, text));
        }
        assert_eq!("4".parse::<RouteProtocol>().expect("a number").to_string(), "static");
        for text in ["", "0", "1", "256", "-4", "connected", "Static"] {
            assert!(text.parse::<RouteProtocol>().is_err(), "{text}");
        }
    }
}
