//! Credentials that were not valid, by the address that showed them. Who guesses is slowed down before
//! the database is asked.
//!
//! Each server counts for itself. An address has a bucket: a credential that is not valid takes one out
//! of it, one comes back each second, and while it is empty nothing is looked up for that address. What
//! was valid from there before is looked up all the same: who shares an address with somebody who guesses
//! goes on.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::auth::SecretHash;
use super::limits::Rate;
use super::rate;

/// Addresses that are kept, and credentials that were valid. Past that, all are dropped.
const KEPT: usize = 10_000;
/// Nanoseconds for which an address is in the log once.
const TOLD: u64 = 60 * 1_000_000_000;

/// Too many credentials that are not valid came from the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many credentials that are not valid have come from your address; come back later")]
pub struct Slowed {
    /// Seconds after which to come back.
    pub retry_after: u64,
}

/// What has come from addresses.
#[derive(Debug)]
pub struct Attempts {
    began: Instant,
    rate: Option<Rate>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    failures: HashMap<IpAddr, Failures>,
    /// What was valid, from where, by its SHA-256.
    valid: HashSet<(IpAddr, [u8; 32])>,
}

#[derive(Debug, Default)]
struct Failures {
    /// Nanoseconds after `began` at which the bucket is full.
    full_at: u64,
    /// How many were not told in the log.
    untold: u64,
    told_at: Option<u64>,
}

impl Attempts {
    /// With room for so many at once; none is slowed where that is 0.
    #[must_use]
    pub fn new(burst: u32) -> Self {
        let rate = (burst > 0).then_some(Rate { per_second: 1, burst });
        Self { began: Instant::now(), rate, seen: Mutex::default() }
    }

    /// Whether the credential with this digest may be looked up for the client.
    ///
    /// # Errors
    /// Too many that were not valid came from its address.
    pub fn check(&self, client: Option<IpAddr>, shown: &SecretHash) -> Result<(), Slowed> {
        self.check_at(self.now(), client, shown)
    }

    fn check_at(&self, now: u64, client: Option<IpAddr>, shown: &SecretHash) -> Result<(), Slowed> {
        let (Some(client), Some(rate)) = (client.map(network), self.rate) else { return Ok(()) };
        let seen = self.seen();
        if seen.valid.contains(&(client, *shown.as_bytes())) {
            return Ok(());
        }
        let full_at = seen.failures.get(&client).map_or(0, |it| it.full_at);
        match rate::after(full_at, now, rate) {
            Ok(_) => Ok(()),
            Err(standing) => Err(Slowed { retry_after: standing.retry_after.unwrap_or(1) }),
        }
    }

    /// Keeps that a text is no credential.
    ///
    /// # Errors
    /// As [`Attempts::check`].
    pub fn refuse(&self, client: Option<IpAddr>, text: &str) -> Result<(), Slowed> {
        let shown = SecretHash::of(text.as_bytes());
        self.check(client, &shown)?;
        self.keep(client, &shown, false);
        Ok(())
    }

    /// Keeps whether it was valid.
    pub fn keep(&self, client: Option<IpAddr>, shown: &SecretHash, is_valid: bool) {
        self.keep_at(self.now(), client, shown, is_valid);
    }

    fn keep_at(&self, now: u64, client: Option<IpAddr>, shown: &SecretHash, is_valid: bool) {
        let (Some(client), Some(rate)) = (client.map(network), self.rate) else { return };
        let mut seen = self.seen();
        let credential = (client, *shown.as_bytes());
        if is_valid {
            if seen.valid.len() >= KEPT {
                seen.valid.clear();
            }
            seen.valid.insert(credential);
            return;
        }
        seen.valid.remove(&credential);
        if seen.failures.len() >= KEPT {
            seen.failures.clear();
        }
        seen.failures.entry(client).or_default().add(client, now, rate);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn add(&mut self, client: IpAddr, now: u64, rate: Rate) {
        self.full_at = rate::after(self.full_at, now, rate).unwrap_or(self.full_at);
        self.untold += 1;
        if self.told_at.is_none_or(|told_at| now - told_at >= TOLD) {
            let credentials = self.untold;
            tracing::info!(%client, credentials, "credentials that are not valid");
            (self.untold, self.told_at) = (0, Some(now));
        }
    }
}

/// What one client can choose an address from: it has 64 bits of those of IPv6 for itself (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn fail(attempts: &Attempts, now: u64, client: &str, times: usize) {
        for n in 0..times {
            attempts.keep_at(now, address(client), &SecretHash::of(&n.to_be_bytes()), false);
        }
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn who_guesses_waits_and_what_was_valid_passes() {
        let attempts = Attempts::new(20);
        let (mine, other) = (SecretHash::of(b"mine"), SecretHash::of(b"other"));
        let (at, elsewhere) = (address("192.0.2.1"), address("192.0.2.2"));
        attempts.keep_at(0, at, &mine, true);
        fail(&attempts, 0, "192.0.2.1", 19);
        assert_eq!(attempts.check_at(0, at, &other), Ok(()));
        fail(&attempts, 0, "192.0.2.1", 1);
        assert_eq!(attempts.check_at(0, at, &other), Err(Slowed { retry_after: 1 }));
        assert_eq!(attempts.check_at(0, at, &mine), Ok(()));
        assert_eq!(attempts.check_at(0, elsewhere, &other), Ok(()));
        // It was valid from there, and from nowhere else; and it is so no more.
        fail(&attempts, 0, "192.0.2.2", 20);
        assert!(attempts.check_at(0, elsewhere, &mine).is_err());
        attempts.keep_at(0, at, &mine, false);
        assert!(attempts.check_at(0, at, &mine).is_err());
        assert_eq!(attempts.check_at(SECOND, at, &other), Ok(()));
        fail(&attempts, SECOND, "192.0.2.1", 1);
        assert!(attempts.check_at(SECOND, at, &other).is_err());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let attempts = Attempts::new(1);
        let shown = SecretHash::of(b"");
        let is_slowed = |client| attempts.check_at(0, client, &shown).is_err();
        fail(&attempts, 0, "2001:db8:0:1::1", 1);
        assert!(is_slowed(address("2001:db8:0:1:ffff::2")));
        assert!(!is_slowed(address("2001:db8:0:2::1")));
        fail(&attempts, 0, "::ffff:192.0.2.1", 1);
        assert!(is_slowed(address("192.0.2.1")) && !is_slowed(None));
        let unlimited = Attempts::new(0);
        fail(&unlimited, 0, "192.0.2.1", 100);
        assert!(unlimited.check_at(0, address("192.0.2.1"), &shown).is_ok());
    }
}
