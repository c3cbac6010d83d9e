//! How fast a tenant's requests may come, at this server.
//!
//! The generic cell rate algorithm: one number for each tenant, the time at which its bucket is full
//! again. What is exact: no server lets more than `burst + per_second · t` requests of a tenant pass in
//! any `t` seconds. Servers know nothing of each other; a counter that they share would be a write for
//! each request.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::time::Instant;

use super::limits::Rate;
use crate::store::TenantId;

const SECOND: u64 = 1_000_000_000;
/// Tenants whose buckets are kept; past that, those that are full are dropped.
const KEPT: usize = 10_000;

/// How a tenant stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Requests that may come at once.
    pub remaining: u64,
    /// Seconds until as many may as ever.
    pub resets_in: u64,
    /// Seconds after which this one may come again, where it may not pass.
    pub retry_after: Option<u64>,
}

/// The buckets of those who had requests: tenants, or others that have a rate of their own.
#[derive(Debug)]
pub struct Rates<K = TenantId> {
    began: Instant,
    /// Nanoseconds after `began` at which the bucket is full.
    full_at: RwLock<HashMap<K, Arc<AtomicU64>>>,
}

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self { began: Instant::now(), full_at: RwLock::default() }
    }
}

impl<K: Eq + Hash> Rates<K> {
    /// Takes a request out of one's bucket, if there is room for it.
    pub fn take(&self, key: K, rate: Rate) -> Standing {
        let now = self.now();
        let full_at = self.bucket(key, now);
        let mut seen = full_at.load(Ordering::Relaxed);
        loop {
            let next = match after(seen, now, rate) {
                Ok(next) => next,
                Err(refused) => return refused,
            };
            match full_at.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return standing(next, now, rate, None),
                Err(other) => seen = other,
            }
        }
    }

    /// How one stands, without a request.
    pub fn standing(&self, key: K, rate: Rate) -> Standing {
        let now = self.now();
        standing(self.bucket(key, now).load(Ordering::Relaxed), now, rate, None)
    }

    /// Takes further requests that are carried out already: those that come next wait for them.
    pub fn owe(&self, key: K, rate: Rate, requests: u64) {
        let now = self.now();
        let full_at = self.bucket(key, now);
        let longer = |seen: u64| Some(seen.max(now).saturating_add(requests * spacing(rate)));
        // It always says Some, so that there is no error.
        let _ = full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, longer);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn bucket(&self, key: K, now: u64) -> Arc<AtomicU64> {
        {
            let buckets = self.full_at.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(bucket) = buckets.get(&key) {
                return Arc::clone(bucket);
            }
        }
        let mut buckets = self.full_at.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEPT {
            buckets.retain(|_, full_at| full_at.load(Ordering::Relaxed) > now);
        }
        Arc::clone(buckets.entry(key).or_default())
    }
}

/// Nanoseconds in which a request comes back.
fn spacing(rate: Rate) -> u64 {
    SECOND / u64::from(rate.per_second.max(1))
}

/// When the bucket is full after a request; the error where there is no room for it.
pub(super) fn after(full_at: u64, now: u64, rate: Rate) -> Result<u64, Standing> {
    let next = full_at.max(now) + spacing(rate);
    let missing = (next - now).saturating_sub(u64::from(rate.burst) * spacing(rate));
    if missing == 0 {
        return Ok(next);
    }
    Err(standing(full_at, now, rate, Some(missing.div_ceil(SECOND))))
}

fn standing(full_at: u64, now: u64, rate: Rate, retry_after: Option<u64>) -> Standing {
    let taken = full_at.saturating_sub(now);
    let room = (u64::from(rate.burst) * spacing(rate)).saturating_sub(taken);
    Standing { remaining: room / spacing(rate), resets_in: taken.div_ceil(SECOND), retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 20 };

    /// How many of `requests` that come at `now` pass.
    fn pass(full_at: &mut u64, now: u64, requests: usize) -> usize {
        let mut passed = 0;
        for _ in 0..requests {
            if let Ok(next) = after(*full_at, now, RATE) {
                *full_at = next;
                passed += 1;
            }
        }
        passed
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut full_at = 0;
        assert_eq!(pass(&mut full_at, 5 * SECOND, 100), 20);
        assert_eq!(pass(&mut full_at, 5 * SECOND + SECOND / 2, 100), 5);
        assert_eq!(pass(&mut full_at, 60 * SECOND, 100), 20, "it holds no more than a burst");
        let refused = after(full_at, 60 * SECOND, RATE).unwrap_err();
        assert_eq!(refused, Standing { remaining: 0, resets_in: 2, retry_after: Some(1) });
    }

    #[test]
    fn in_any_time_no_more_than_burst_and_rate_pass() {
        let (mut full_at, mut passed) = (0, Vec::new());
        // Requests at irregular times: each step is another number of milliseconds.
        let mut now = SECOND;
        for step in 0..5_000_u64 {
            now += step * 7_919 % 43 * 1_000_000;
            if let Ok(next) = after(full_at, now, RATE) {
                full_at = next;
                passed.push(now);
            }
        }
        for (first, from) in passed.iter().enumerate() {
            for (last, to) in passed.iter().enumerate().skip(first) {
                let may = u64::from(RATE.burst) + (to - from) * 10 / SECOND;
                assert!(((last - first) as u64) < may, "{from} to {to}");
            }
        }
    }

    #[test]
    fn tenants_have_buckets_of_their_own_and_debts_are_waited_for() {
        let rates = Rates::default();
        let rate = Rate { per_second: 1, burst: 2 };
        let (one, other) = (TenantId(uuid::Uuid::now_v7()), TenantId(uuid::Uuid::now_v7()));
        assert_eq!(rates.take(one, rate).retry_after, None);
        rates.owe(one, rate, 9);
        let refused = rates.take(one, rate);
        assert!(refused.retry_after.is_some_and(|it| it >= 8), "{refused:?}");
        assert_eq!(rates.take(other, rate).retry_after, None);
    }
}
