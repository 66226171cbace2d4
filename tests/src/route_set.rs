//! Tables like those of the Internet, the same in every run, and destinations in them; and tables out of MRT files.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use anyhow::Context;
use bzip2::bufread::MultiBzDecoder;
use nva::mrt::{Decoder, HEADER_LEN, Header, Record};
use nva::net::{AfiSafi, Prefix};
use nva_common::traffic::DESTINATION_WORDS;

/// How many neighbours the routes lead to.
pub const GATEWAYS: u8 = 64;

/// What share of the prefixes, in thousandths, has which length; roughly as in the tables of 2026.
const LENGTHS_4: [(u8, u32); 16] = [
    (24, 590),
    (22, 110),
    (23, 100),
    (21, 50),
    (20, 50),
    (19, 30),
    (18, 20),
    (16, 17),
    (17, 12),
    (15, 6),
    (14, 5),
    (32, 4),
    (28, 3),
    (26, 1),
    (12, 1),
    (13, 1),
];
const LENGTHS_6: [(u8, u32); 9] =
    [(48, 480), (32, 200), (40, 110), (44, 80), (36, 50), (29, 30), (46, 30), (64, 10), (56, 10)];

/// The number of allocations that IPv6 prefixes lie in, for each thousand of them.
const ALLOCATIONS: usize = 200;

/// Prefixes, and which of [`GATEWAYS`] neighbours each leads to.
pub struct RouteSet {
    /// The family of all of them.
    pub family: AfiSafi,
    /// The routes, in no order.
    pub routes: Vec<(Prefix, u8)>,
}

impl RouteSet {
    /// So many different ones.
    pub fn new(family: AfiSafi, count: usize) -> RouteSet {
        let mut random = fastrand::Rng::with_seed(0x6e76_6121);
        let allocations: Vec<u32> =
            (0..(count * ALLOCATIONS).div_ceil(1000)).map(|_| random.u32(0x2400_0000..0x2c00_0000)).collect();
        let (mut seen, mut routes) = (HashSet::new(), Vec::with_capacity(count));
        while routes.len() < count {
            let prefix = match family {
                AfiSafi::Ipv4Unicast => prefix_4(&mut random),
                AfiSafi::Ipv6Unicast => Some(prefix_6(&mut random, &allocations)),
            };
            if let Some(prefix) = prefix.filter(|prefix| seen.insert(*prefix)) {
                routes.push((prefix, random.u8(0..GATEWAYS)));
            }
        }
        RouteSet { family, routes }
    }

    /// Addresses as they lie in packets: any of those that a prefix covers, of any prefix.
    pub fn destinations(&self) -> Vec<u32> {
        let mut random = fastrand::Rng::with_seed(0x6e76_6122);
        let mut words = Vec::with_capacity(DESTINATION_WORDS);
        while words.len() < DESTINATION_WORDS {
            let (prefix, _) = self.routes[random.usize(..self.routes.len())];
            match prefix.address() {
                IpAddr::V4(address) => {
                    let host = random.u32(..) & u32::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
                    words.push((address.to_bits() | host).to_be());
                }
                IpAddr::V6(address) => {
                    let host = random.u128(..) & u128::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
                    let octets = (address.to_bits() | host).to_be_bytes();
                    words.extend(octets.as_chunks::<4>().0.iter().map(|word| u32::from_ne_bytes(*word)));
                }
            }
        }
        words
    }
}

/// The prefixes of a family in an MRT file that bzip2 has compressed, each of them once.
pub fn prefixes_of(path: &Path, family: AfiSafi) -> anyhow::Result<Vec<Prefix>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut file = MultiBzDecoder::new(BufReader::new(file));
    let (mut decoder, mut prefixes) = (Decoder::default(), HashSet::new());
    let mut header = [0; HEADER_LEN];
    while file.read(&mut header[..1])? == 1 {
        file.read_exact(&mut header[1..])?;
        let header = Header::decode(header);
        let mut body = vec![0; header.body_len()?];
        file.read_exact(&mut body)?;
        let Record::Routes(routes) = decoder.decode(header, &body)? else { continue };
        for route in routes {
            prefixes.extend(route.announced().map(|(prefix, ..)| prefix).filter(|prefix| prefix.family() == family));
        }
    }
    let mut prefixes: Vec<Prefix> = prefixes.into_iter().collect();
    prefixes.sort();
    Ok(prefixes)
}

impl fmt::Display for RouteSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.family {
            AfiSafi::Ipv4Unicast => "IPv4",
            AfiSafi::Ipv6Unicast => "IPv6",
        };
        write!(f, "{} {family} routes", self.routes.len())
    }
}

fn length(random: &mut fastrand::Rng, lengths: &[(u8, u32)]) -> u8 {
    let all: u32 = lengths.iter().map(|(_, share)| share).sum();
    let mut rest = random.u32(..all);
    for (length, share) in lengths {
        match rest.checked_sub(*share) {
            Some(less) => rest = less,
            None => return *length,
        }
    }
    unreachable!("the shares are all there is")
}

/// `None` if a router would not forward to all of it by such a route.
fn prefix_4(random: &mut fastrand::Rng) -> Option<Prefix> {
    let length = length(random, &LENGTHS_4);
    let prefix = Prefix::new(Ipv4Addr::from(random.u32(..)).into(), length).ok()?;
    let first = match prefix.address() {
        IpAddr::V4(address) => address.octets()[0],
        IpAddr::V6(_) => return None,
    };
    // 10.0.0.0/8 is the circuit's own.
    let usable = !matches!(first, 0 | 10 | 127 | 169 | 224..);
    usable.then_some(prefix)
}

fn prefix_6(random: &mut fastrand::Rng, allocations: &[u32]) -> Prefix {
    let allocation = u128::from(allocations[random.usize(..allocations.len())]) << 96;
    let address = Ipv6Addr::from_bits(allocation | random.u128(..) >> 32);
    let length = length(random, &LENGTHS_6);
    Prefix::new(address.into(), length).expect("a length of IPv6")
}
