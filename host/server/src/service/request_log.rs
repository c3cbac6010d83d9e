//! The log of requests. Requests do not wait for it: they are put into a queue, and what does not fit is
//! counted and lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

use super::Services;
use crate::store::page::Page;
use crate::store::requests::{self, Entry, Wanted};
use crate::store::{StoreError, TenantId};

/// Requests that wait to be written.
const QUEUE: usize = 10_000;
/// Requests that are written together, and how long the first of them waits for the others.
const TOGETHER: usize = 500;
const GATHERING: Duration = Duration::from_secs(1);

type Waiting = (TenantId, Entry);

/// The queue.
#[derive(Debug, Clone)]
pub struct RequestLog {
    sender: mpsc::Sender<Waiting>,
    lost: Arc<AtomicU64>,
    receiver: Arc<Mutex<Receiver>>,
}

#[derive(Debug)]
struct Receiver {
    queue: mpsc::Receiver<Waiting>,
    /// What has left the queue and is not written.
    taken: Vec<Waiting>,
}

impl Default for RequestLog {
    fn default() -> Self {
        Self::with_room_for(QUEUE)
    }
}

impl RequestLog {
    fn with_room_for(entries: usize) -> Self {
        let (sender, queue) = mpsc::channel(entries);
        let receiver = Arc::new(Mutex::new(Receiver { queue, taken: Vec::new() }));
        Self { sender, lost: Arc::default(), receiver }
    }

    /// Adds a request, if there is room for it.
    pub fn add(&self, tenant: TenantId, entry: Entry) {
        if self.sender.try_send((tenant, entry)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Receiver {
    /// Waits until there is something, and a little for more.
    async fn gather(&mut self) {
        let Self { queue, taken } = self;
        if taken.is_empty() {
            queue.recv_many(taken, TOGETHER).await;
        }
        let filled = async {
            while taken.len() < TOGETHER {
                queue.recv_many(taken, TOGETHER - taken.len()).await;
            }
        };
        let _ = timeout(GATHERING, filled).await;
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
        let mut receiver = self.request_log.receiver.lock().await;
        loop {
            receiver.gather().await;
            self.write_together(&mut receiver.taken).await;
        }
    }

    /// Writes what is left, when nobody else writes any more.
    pub async fn write_last_requests(&self) {
        let mut receiver = self.request_log.receiver.lock().await;
        while let Ok(waiting) = receiver.queue.try_recv() {
            receiver.taken.push(waiting);
        }
        self.write_together(&mut receiver.taken).await;
    }

    async fn write_together(&self, taken: &mut Vec<Waiting>) {
        taken.sort_by_key(|(tenant, _)| tenant.0);
        for of_tenant in taken.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((tenant, _)) = of_tenant.first() else { continue };
            let entries: Vec<Entry> = of_tenant.iter().map(|(_, entry)| entry.clone()).collect();
            if let Err(error) = self.write_of(*tenant, &entries).await {
                let requests = entries.len();
                tracing::warn!(%tenant, %error, requests, "requests are missing in the log of a tenant");
            }
        }
        taken.clear();
        let lost = self.request_log.lost.swap(0, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    fn entry() -> Entry {
        Entry {
            id: Uuid::now_v7(),
            at: OffsetDateTime::UNIX_EPOCH,
            request_id: String::new(),
            actor: String::new(),
            address: None,
            method: String::new(),
            operation: String::new(),
            resource_type: None,
            resource_id: None,
            status: 200,
            scim_type: None,
            micros: 1,
            notes: None,
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_counted_and_nobody_waits() {
        let log = RequestLog::with_room_for(2);
        for _ in 0..5 {
            log.add(TenantId(Uuid::nil()), entry());
        }
        assert_eq!(log.lost.load(Ordering::Relaxed), 3);
        let mut receiver = log.receiver.lock().await;
        receiver.gather().await;
        assert_eq!(receiver.taken.len(), 2);
    }
}
