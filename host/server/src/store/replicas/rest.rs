//! How long something that has failed is left alone: each time twice as long, within bounds. When
//! the time is over, one request tries, and the others go on doing without.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Whether it is left alone, and until when.
#[derive(Debug, Default)]
pub(super) struct Rest(Mutex<Option<Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Rest {
    /// Whether it may be tried.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.pause().is_none_or(|pause| pause.until <= now)
    }

    /// The same, for the one who tries: nobody else does before the next pause is over.
    pub(super) fn ends(&self, now: Instant) -> bool {
        let mut pause = self.pause();
        let Some(before) = *pause else { return true };
        if before.until > now {
            return false;
        }
        *pause = Some(Pause::from(now, (before.length * 2).min(PAUSE.1)));
        true
    }

    /// It has failed. Whether it was not left alone before.
    pub(super) fn begin(&self, now: Instant) -> bool {
        let mut pause = self.pause();
        let is_new = pause.is_none();
        pause.get_or_insert_with(|| Pause::from(now, PAUSE.0));
        is_new
    }

    /// It works. Whether it was left alone before.
    pub(super) fn end(&self) -> bool {
        self.pause().take().is_some()
    }

    fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pause {
    fn from(now: Instant, length: Duration) -> Self {
        Self { until: now + length, length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_is_left_alone_longer_and_tried_by_one_at_a_time() {
        let rest = Rest::default();
        let mut now = Instant::now();
        assert!(rest.is_over(now) && rest.ends(now) && rest.ends(now));
        assert!(rest.begin(now));
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            assert!(!rest.is_over(now) && !rest.ends(now));
            // Others that were under way fail, too.
            assert!(!rest.begin(now));
            now += Duration::from_secs(seconds);
            assert!(rest.is_over(now) && rest.ends(now) && !rest.ends(now));
        }
        assert!(rest.end() && !rest.end());
        assert!(rest.is_over(now) && rest.begin(now) && !rest.ends(now));
    }
}
