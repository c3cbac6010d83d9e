//! The log of requests, written in the background.

use super::Services;
use super::queue::{Gathered, Queue};
use crate::store::page::Page;
use crate::store::requests::{self, Entry, Wanted};
use crate::store::{StoreError, TenantId};

/// Requests that may wait to be written, and that are written together.
const ROOM: usize = 10_000;
const TOGETHER: usize = 500;

type Waiting = (TenantId, Entry);

/// The requests that are not written yet.
#[derive(Debug, Clone)]
pub struct RequestLog(Queue<Waiting>);

impl Default for RequestLog {
    fn default() -> Self {
        Self(Queue::new(ROOM, TOGETHER))
    }
}

impl RequestLog {
    /// Adds a request, if there is room for it.
    pub fn add(&self, tenant: TenantId, entry: Entry) {
        self.0.add((tenant, entry));
    }
}

impl Services {
    /// Requests of a tenant, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn requests(
        &self,
        tenant: TenantId,
        wanted: &Wanted,
        limit: i64,
    ) -> Result<Page<Entry>, StoreError> {
        let mut conn = self.database.read_at(tenant).await?;
        requests::page(&mut conn, tenant, wanted, limit).await
    }

    /// Writes what is added, for ever.
    pub async fn write_requests(&self) {
        loop {
            self.write_together(self.request_log.0.gather().await).await;
        }
    }

    /// Writes what is left, when nobody else writes any more.
    pub async fn write_last_requests(&self) {
        self.write_together(self.request_log.0.rest().await).await;
    }

    async fn write_together(&self, mut requests: Gathered<'_, Waiting>) {
        requests.items().sort_by_key(|(tenant, _)| tenant.0);
        for of_tenant in requests.items().chunk_by(|(one, _), (other, _)| one == other) {
            let Some((tenant, _)) = of_tenant.first() else { continue };
            let entries: Vec<Entry> = of_tenant.iter().map(|(_, entry)| entry.clone()).collect();
            if let Err(error) = self.write_of(*tenant, &entries).await {
                let requests = entries.len();
                tracing::warn!(%tenant, %error, requests, "requests are missing in the log of a tenant");
            }
        }
        requests.written();
        let lost = self.request_log.0.lost();
        if lost > 0 {
            tracing::warn!(lost, "more requests than the log of requests could take");
        }
    }

    async fn write_of(&self, tenant: TenantId, entries: &[Entry]) -> Result<(), StoreError> {
        let mut conn = self.database.autocommit_at(tenant).await?;
        let written = requests::insert(&mut conn, tenant, entries).await;
        conn.finish(written).await
    }
}
