//! Keys of issuers that are at a URL: fetched, kept, and fetched again when a new one is needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::jwt::keys::{KeySet, KeySetError};
use super::outbound::{Answer, Outbound, OutboundError};

/// How long keys are used without asking again, where the issuer does not say.
const FRESH: Duration = Duration::from_hours(1);
/// The shortest and the longest of what an issuer may say.
const FRESH_WITHIN: (Duration, Duration) = (Duration::from_mins(5), Duration::from_hours(24));
/// How long keys are good while their issuer does not answer.
const GOOD: Duration = Duration::from_hours(24);
/// Between two requests to an issuer for keys that it may not have, whatever JWTs name.
const PAUSE: Duration = Duration::from_secs(30);
/// URLs whose keys are kept. Past that, all are dropped and fetched as they are needed.
const KEPT: usize = 10_000;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// They could not be fetched.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// What came is something else.
    #[error("the answer is no JSON")]
    NotJson,
    /// There are none in it.
    #[error("{0}")]
    Keys(#[from] KeySetError),
    /// A request for them has just failed.
    #[error("the keys could not be fetched a moment ago")]
    Pausing,
}

/// The keys of the issuers that JWTs came from.
#[derive(Debug)]
pub struct JwksCache {
    outbound: Outbound,
    by_url: Mutex<HashMap<Url, Arc<Source>>>,
}

#[derive(Debug, Default)]
struct Source {
    kept: RwLock<Option<Kept>>,
    /// Held while fetching: one request at a time. When the last one began that was not the first,
    /// or failed.
    last: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug, Clone)]
struct Kept {
    keys: Arc<KeySet>,
    fetched: Instant,
    fresh_for: Duration,
}

impl JwksCache {
    /// Nothing yet.
    #[must_use]
    pub fn new(outbound: Outbound) -> Self {
        Self { outbound, by_url: Mutex::default() }
    }

    /// Whether keys may be fetched from there, as far as that is known without asking.
    #[must_use]
    pub fn may_ask(&self, url: &Url) -> bool {
        self.outbound.may_ask(url)
    }

    /// The keys at a URL. They are fetched where they are not known, old, or not enough: a new key is
    /// in use before they are old. That is done once in a while only, however many JWTs ask for it;
    /// and while the issuer does not answer, the ones that it had are good for a day.
    ///
    /// # Errors
    /// There are none, and none can be fetched.
    pub async fn get(
        &self,
        url: &Url,
        is_enough: impl Fn(&KeySet) -> bool,
    ) -> Result<Arc<KeySet>, JwksError> {
        let source = self.source(url);
        if let Some(kept) = source.kept().filter(|it| it.is_fresh() && is_enough(&it.keys)) {
            return Ok(kept.keys);
        }
        let mut last = source.last.lock().await;
        // Somebody may have fetched them while this one waited.
        let kept = source.kept();
        if let Some(kept) = kept.clone().filter(|it| it.is_fresh() && is_enough(&it.keys)) {
            return Ok(kept.keys);
        }
        let good = kept.filter(|it| it.fetched.elapsed() < GOOD).map(|it| it.keys);
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            return good.ok_or(JwksError::Pausing);
        }
        let is_first = good.is_none();
        let began = Instant::now();
        match self.fetch(url).await {
            Ok(kept) => {
                *last = (!is_first).then_some(began);
                let keys = Arc::clone(&kept.keys);
                *source.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
                Ok(keys)
            }
            Err(error) => {
                *last = Some(began);
                let issuer = url.host_str();
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(issuer, %error, cause, kept = good.is_some(), "no keys of an issuer");
                good.ok_or(error)
            }
        }
    }

    /// Asks for the keys at a URL now.
    ///
    /// # Errors
    /// They cannot be fetched; those that were kept stay.
    pub async fn refresh(&self, url: &Url) -> Result<(), JwksError> {
        let source = self.source(url);
        let mut last = source.last.lock().await;
        *last = Some(Instant::now());
        let kept = self.fetch(url).await?;
        *source.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(())
    }

    async fn fetch(&self, url: &Url) -> Result<Kept, JwksError> {
        let Answer { body, max_age } = self.outbound.get(url).await?;
        let document = serde_json::from_slice(&body).map_err(|_| JwksError::NotJson)?;
        let (least, most) = FRESH_WITHIN;
        let fresh_for = max_age.map_or(FRESH, |it| it.clamp(least, most));
        let keys = Arc::new(KeySet::of(&document)?);
        Ok(Kept { keys, fetched: Instant::now(), fresh_for })
    }

    fn source(&self, url: &Url) -> Arc<Source> {
        let mut by_url = self.by_url.lock().unwrap_or_else(PoisonError::into_inner);
        if by_url.len() >= KEPT && !by_url.contains_key(url) {
            by_url.clear();
        }
        Arc::clone(by_url.entry(url.clone()).or_default())
    }
}

impl Source {
    fn kept(&self) -> Option<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Kept {
    fn is_fresh(&self) -> bool {
        self.fetched.elapsed() < self.fresh_for
    }
}
