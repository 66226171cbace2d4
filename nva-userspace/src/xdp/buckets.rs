//! Which of a group's members gets which bucket.

use std::net::IpAddr;

use nva_common::BUCKETS;

use crate::host::Hop;

/// For each bucket the position of a member: shares by weight, exact to one bucket, and a member that comes or goes moves
/// few flows of the others. Depends on nothing but the hops, so that a restart moves none.
///
/// Maglev's table (Eisenbud et al., NSDI 2016, §3.4): every member visits the buckets in an order of its own, and takes the
/// first that is free when it is its turn.
pub fn assign(hops: &[Hop]) -> [usize; BUCKETS] {
    let orders: Vec<(usize, usize)> = hops.iter().map(order).collect();
    let mut visited = vec![0usize; hops.len()];
    let mut credit = vec![0u32; hops.len()];
    let heaviest = hops.iter().map(|hop| u32::from(hop.weight.max(1))).max().unwrap_or(1);
    let mut buckets = [usize::MAX; BUCKETS];
    let mut left = if hops.is_empty() { 0 } else { BUCKETS };
    while left > 0 {
        for (member, hop) in hops.iter().enumerate() {
            credit[member] += u32::from(hop.weight.max(1));
            if left == 0 || credit[member] < heaviest {
                continue;
            }
            credit[member] -= heaviest;
            let (offset, step) = orders[member];
            loop {
                let bucket = (offset + visited[member] * step) % BUCKETS;
                visited[member] += 1;
                if buckets[bucket] == usize::MAX {
                    buckets[bucket] = member;
                    left -= 1;
                    break;
                }
            }
        }
    }
    buckets.map(|member| if member == usize::MAX { 0 } else { member })
}

/// Where a member begins, and its step: odd, so that it visits every one of a power of two.
fn order(hop: &Hop) -> (usize, usize) {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut mix = |octets: &[u8]| {
        for octet in octets {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    match hop.gateway {
        Some(IpAddr::V4(gateway)) => mix(&gateway.octets()),
        Some(IpAddr::V6(gateway)) => mix(&gateway.octets()),
        None => mix(&[]),
    }
    mix(&hop.link.to_be_bytes());
    let hash = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((hash >> 40) as usize % BUCKETS, ((hash >> 20) as usize % BUCKETS) | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(last: u8, weight: u16) -> Hop {
        Hop { gateway: Some(IpAddr::from([10, 0, 0, last])), link: 2, weight }
    }

    fn shares(hops: &[Hop]) -> Vec<usize> {
        let buckets = assign(hops);
        (0..hops.len()).map(|member| buckets.iter().filter(|bucket| **bucket == member).count()).collect()
    }

    #[test]
    fn shares_are_even_for_equal_weights() {
        for count in 1..=16u8 {
            let hops: Vec<Hop> = (1..=count).map(|last| hop(last, 1)).collect();
            let shares = shares(&hops);
            let (least, most) = (shares.iter().min().expect("one"), shares.iter().max().expect("one"));
            assert!(most - least <= 1, "{shares:?}");
            assert_eq!(shares.iter().sum::<usize>(), BUCKETS);
        }
    }

    #[test]
    fn shares_follow_weights() {
        assert_eq!(shares(&[hop(1, 1), hop(2, 3)]), [16, 48]);
        assert_eq!(shares(&[hop(1, 256), hop(2, 256)]), [32, 32]);
    }

    #[test]
    fn a_member_that_leaves_moves_few_flows_of_the_others() {
        let all: Vec<Hop> = (1..=4).map(|last| hop(last, 1)).collect();
        let (before, after) = (assign(&all), assign(&all[..3]));
        let moved = before.iter().zip(&after).filter(|(old, new)| **old < 3 && old != new).count();
        assert!(moved <= BUCKETS / 4, "{moved} of 48 flows moved");
    }
}
