//! Requests that may come again: a client that has lost an answer sends the same request with the
//! same key, and gets the answer of the first (draft-ietf-httpapi-idempotency-key-header).
//!
//! The creation of one resource keeps its answer in the statement that creates it: both are there,
//! or neither. A bulk request is many transactions: its key is kept before the first, and its
//! answer after the last.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tracing::Instrument;

use super::{Error, Request, Services};
use crate::clock;
use crate::store::StoreError;
use crate::store::idempotency::{self, Answered};
use crate::store::place::Place;
use crate::store::writes::Outcome;

/// How long a key is remembered.
pub(super) const REMEMBERED: Duration = Duration::from_hours(24);

/// The key of a request, and what tells the request from others.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// The key.
    pub key: String,
    /// SHA-256 of what is asked.
    pub fingerprint: [u8; 32],
}

/// An answer, as it is given again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The status.
    #[serde(skip)]
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The `ETag` header.
    pub etag: Option<String>,
    /// The body, as JSON.
    pub body: String,
    /// Whether it has been given before.
    #[serde(skip)]
    pub is_replayed: bool,
}

impl Answer {
    /// The answer as it is stored.
    pub(super) fn text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::Internal(error.to_string()))
    }
}

impl Keyed {
    /// The key with its answer, as it is stored.
    pub(super) fn answered<'k>(&'k self, answer: &Answer, text: &'k str) -> Answered<'k> {
        let status = i16::try_from(answer.status).unwrap_or(i16::MAX);
        Answered { key: &self.key, fingerprint: &self.fingerprint, status, answer: text }
    }
}

impl Services {
    /// The answer that a request with this key had before, if there was one.
    ///
    /// # Errors
    /// It was another request, or it is still being carried out.
    pub(super) async fn first_answer(
        &self,
        request: &Request,
        keyed: &Keyed,
    ) -> Result<Option<Answer>, Error> {
        let (tenant, key) = (request.tenant.id, keyed.key.as_str());
        let mut conn = self.database.read_for(request.tenant.place).await?;
        let Some(known) = idempotency::get(&mut conn, tenant, key).await? else { return Ok(None) };
        let oldest = clock::now() - REMEMBERED;
        if known.created < oldest {
            drop(conn);
            self.forget(request.tenant.place, key, oldest).await?;
            return Ok(None);
        }
        if known.fingerprint != keyed.fingerprint {
            return Err(Error::KeyOfAnother);
        }
        let (Some(status), Some(answer)) = (known.status, known.answer) else {
            return Err(Error::KeyInUse);
        };
        let answer: Answer = serde_json::from_str(&answer)
            .map_err(|source| StoreError::Corrupt { what: "answer", source })?;
        let status = u16::try_from(status).unwrap_or_default();
        Ok(Some(Answer { status, is_replayed: true, ..answer }))
    }

    /// Does work that is many transactions once for its key. It goes on where nobody waits for it any
    /// more: the answer is kept for the one who asks again.
    ///
    /// # Errors
    /// As [`Services::first_answer`]; or those of the work, and then the key is as if it had not come.
    pub async fn once(
        &self,
        request: &Request,
        keyed: Keyed,
        work: impl Future<Output = Result<Answer, Error>> + Send + 'static,
    ) -> Result<Answer, Error> {
        if let Some(answer) = self.first_answer(request, &keyed).await? {
            return Ok(answer);
        }
        let (place, services) = (request.tenant.place, self.clone());
        let mut conn = self.database.autocommit_for(place).await?;
        let (key, now) = (keyed.key.as_str(), clock::now());
        let kept =
            idempotency::reserve(&mut conn, place.tenant, key, &keyed.fingerprint, now).await;
        let kept = conn.finish(kept).await?;
        if kept != Outcome::Done {
            return self.first_answer(request, &keyed).await?.ok_or(Error::KeyInUse);
        }
        // The server does not stop before the answer is kept.
        let under_way = self.bulks.subscribe();
        let done = async move {
            let answer = work.await;
            match &answer {
                Ok(answer) => services.keep(place, &keyed, answer).await?,
                Err(_) => services.forget(place, &keyed.key, clock::now()).await?,
            }
            drop(under_way);
            answer
        };
        let task = tokio::spawn(done.in_current_span());
        task.await.map_err(|error| Error::Internal(error.to_string()))?
    }

    async fn keep(&self, place: Place, keyed: &Keyed, answer: &Answer) -> Result<(), Error> {
        let text = answer.text()?;
        let mut conn = self.database.autocommit_for(place).await?;
        let kept =
            idempotency::complete(&mut conn, place.tenant, keyed.answered(answer, &text)).await;
        Ok(conn.finish(kept).await?)
    }

    async fn forget(&self, place: Place, key: &str, before: OffsetDateTime) -> Result<(), Error> {
        let mut conn = self.database.autocommit_for(place).await?;
        let forgotten = idempotency::delete_before(&mut conn, place.tenant, key, before).await;
        Ok(conn.finish(forgotten).await?)
    }
}
