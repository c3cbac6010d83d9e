//! The state of the configuration, as far as this server knows it.
//!
//! What is remembered holds as long as the configuration epoch does, which is asked for once a
//! second, and when another server has told that it has changed. A change made through this server is
//! seen by the next request; one made through another, a second later at the most. Where the epoch
//! could not be asked for, nothing is remembered, and every request asks the database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::store::config_epoch;
use crate::store::lanes::Lanes;

/// How often the epoch is asked for.
const POLL: Duration = Duration::from_secs(1);
/// How long what is remembered holds after the epoch was asked for.
const HOLDS: Duration = Duration::from_secs(3);

/// The state of the configuration in which something was read, or an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tenant) struct AsOf {
    epoch: i64,
    /// How often this server has forgotten everything.
    forgotten: u64,
}

/// What this server knows of the epoch.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    /// The last answer to the question for it, and when it was asked.
    polled: RwLock<Option<(i64, Instant)>>,
    forgotten: AtomicU64,
    /// Something has been changed through this server.
    pub(super) changed: Notify,
    /// Another server has told that it has changed something.
    pub(super) told: Notify,
}

impl Epoch {
    /// `None` where nothing may be remembered.
    pub(super) fn as_of(&self) -> Option<AsOf> {
        let polled = *self.polled.read().unwrap_or_else(PoisonError::into_inner);
        let (epoch, _) = polled.filter(|(_, asked)| asked.elapsed() < HOLDS)?;
        Some(AsOf { epoch, forgotten: self.forgotten.load(Ordering::SeqCst) })
    }

    /// Nothing that is remembered holds any more, here and elsewhere.
    pub(super) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Asks for it, again and again.
    pub(super) async fn follow(&self, lanes: &Lanes) {
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = polls.tick() => {}
                () = self.told.notified() => {}
            }
            let asked = Instant::now();
            match config_epoch::current(lanes).await {
                Ok(epoch) => {
                    let mut polled = self.polled.write().unwrap_or_else(PoisonError::into_inner);
                    *polled = Some((epoch, asked));
                }
                Err(error) => {
                    tracing::warn!(%error, "the configuration epoch could not be asked for");
                }
            }
        }
    }
}
