//! How often anybody may come to the join door: pure.
//!
//! # Invariants
//! - **SW10** In any stretch of time no more pass than the burst plus the rate times its length,
//!   per address and in all; addresses that are remembered are bounded.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Addresses remembered at a time.
const ADDRESSES: usize = 1024;

/// So many at once, and then one for every pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) burst: u32,
    pub(super) every: Duration,
}

/// How much of a burst is used up, as the moment when all of it is free again.
#[derive(Debug, Clone, Copy)]
struct Bucket(Instant);

impl Bucket {
    fn pass(&mut self, rate: Rate, now: Instant) -> bool {
        let free = self.0.max(now) + rate.every;
        let passes = free <= now + rate.every * rate.burst;
        if passes {
            self.0 = free;
        }
        passes
    }
}

/// Who came when.
pub(super) struct Toll {
    each: Rate,
    all: Rate,
    total: Bucket,
    addresses: BTreeMap<IpAddr, Bucket>,
}

impl Toll {
    pub(super) fn new(each: Rate, all: Rate, now: Instant) -> Self {
        Self { each, all, total: Bucket(now), addresses: BTreeMap::new() }
    }

    /// Whether somebody from this address may come in now.
    pub(super) fn pass(&mut self, from: IpAddr, now: Instant) -> bool {
        if self.addresses.len() >= ADDRESSES {
            self.addresses.retain(|_, bucket| bucket.0 > now);
        }
        if self.addresses.len() >= ADDRESSES && !self.addresses.contains_key(&from) {
            return false; // SW10
        }
        let bucket = self.addresses.entry(network(from)).or_insert(Bucket(now));
        bucket.pass(self.each, now) && self.total.pass(self.all, now)
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        other => other.to_canonical(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toll(now: Instant) -> Toll {
        let rate = |burst, ms| Rate { burst, every: Duration::from_millis(ms) };
        Toll::new(rate(3, 1000), rate(10, 100), now)
    }

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn sw10_each_address_and_all_together_are_bounded() {
        let start = Instant::now();
        let mut toll = toll(start);
        assert_eq!((0..50).filter(|_| toll.pass(v4(1), start)).count(), 3);
        let others = (2..200).filter(|&last| toll.pass(v4(last), start)).count();
        assert_eq!(others, 7, "all together ten");
        let later = start + Duration::from_millis(1000);
        assert_eq!((0..50).filter(|_| toll.pass(v4(1), later)).count(), 1);
    }

    #[test]
    fn sw10_no_more_addresses_are_remembered_than_allowed() {
        let start = Instant::now();
        let mut toll = toll(start);
        for number in 0..10_000_u32 {
            toll.pass(IpAddr::from(number.to_be_bytes()), start);
            assert!(toll.addresses.len() <= ADDRESSES);
        }
        let later = start + Duration::from_secs(60);
        assert!(toll.pass(v4(1), later), "who is forgotten makes room");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let start = Instant::now();
        let mut toll = toll(start);
        let address = |host| IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, host]);
        assert_eq!((0..50).filter(|&host| toll.pass(address(host), start)).count(), 3);
        let mapped = std::net::Ipv4Addr::new(192, 0, 2, 9).to_ipv6_mapped();
        assert!(toll.pass(mapped.into(), start));
        assert_eq!(network(mapped.into()), v4(9));
    }
}
