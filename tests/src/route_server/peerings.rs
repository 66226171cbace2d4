//! Which peerings Azure would make.

use serde::{Deserialize, Serialize};

use crate::topology::{MOST_PEERS, Peering, ROUTE_SERVER_ASN};

/// AS numbers that Azure keeps for itself, and the first and last of IANA's reserved ranges as Azure's FAQ has them.
const AZURE_ASNS: [u32; 8] = [8074, 8075, 12076, 65515, 65517, 65518, 65519, 65520];

/// A peering that was not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which.
    pub peering: Peering,
    /// Why.
    pub reason: String,
}

/// Sorts peerings into those that are made and those that are refused, first come, first served.
pub fn accept(asked: &[Peering]) -> (Vec<Peering>, Vec<Refused>) {
    let (mut accepted, mut refused): (Vec<Peering>, Vec<Refused>) = (Vec::new(), Vec::new());
    for peering in asked {
        match obstacle(peering, &accepted) {
            None => accepted.push(peering.clone()),
            Some(reason) => refused.push(Refused { peering: peering.clone(), reason }),
        }
    }
    (accepted, refused)
}

fn obstacle(peering: &Peering, accepted: &[Peering]) -> Option<String> {
    let asn = peering.asn;
    if let Some(other) = accepted.iter().find(|other| other.address == peering.address) {
        return Some(format!("HubBgpConnectionPeerIpConflict: {} has peer IP {} already", other.name, other.address));
    }
    if asn == ROUTE_SERVER_ASN {
        return Some(format!("AS {asn} is the route server's own: only eBGP is supported"));
    }
    let reserved = matches!(asn, 0 | 23456 | 64496..=64511 | 65535..=65551) || AZURE_ASNS.contains(&asn);
    if reserved || asn > u32::from(u16::MAX) {
        return Some(format!("AS {asn} cannot be a peer's: it is reserved, or longer than 16 bits"));
    }
    (accepted.len() >= MOST_PEERS)
        .then(|| format!("a route server has at most {MOST_PEERS} BGP peers, and {MOST_PEERS} there are"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::in_vnet;

    fn peering(asn: u32, last: u8) -> Peering {
        Peering { name: format!("to{last}"), asn, address: in_vnet(last) }
    }

    #[test]
    fn the_ninth_is_refused() {
        let asked: Vec<Peering> = (0..10).map(|number| peering(65100 + u32::from(number), 100 + number)).collect();
        let (accepted, refused) = accept(&asked);
        assert_eq!(accepted, asked[..8]);
        assert_eq!(refused.iter().map(|refused| &refused.peering).collect::<Vec<_>>(), [&asked[8], &asked[9]]);
        assert!(refused[0].reason.contains("at most 8 BGP peers"), "{}", refused[0].reason);
    }

    #[test]
    fn an_address_has_one_peering() {
        let (accepted, refused) = accept(&[peering(65000, 84), peering(65001, 84)]);
        assert_eq!(accepted.len(), 1);
        assert!(refused[0].reason.starts_with("HubBgpConnectionPeerIpConflict"), "{}", refused[0].reason);
    }

    #[test]
    fn reserved_numbers_are_no_peers() {
        for asn in [0, 65515, 65520, 12076, 64500, 65535, 4_200_000_000] {
            let (accepted, refused) = accept(&[peering(asn, 84)]);
            assert!(accepted.is_empty() && refused.len() == 1, "AS {asn}");
        }
    }
}
