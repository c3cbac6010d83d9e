//! The audit log: it is sealed in the background, read in pages, exported, and held against its seals.

pub mod chain;

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use self::chain::{Link, Problem, Sealing, Verifier};
use super::{Error, Services};
use crate::clock;
use crate::store::audit::{self, NO_TENANT, Record, Wanted};
use crate::store::audit_seals::{self, Seal};
use crate::store::audit_waiting;
use crate::store::page::{Page, first_id_at};
use crate::store::{StoreError, TenantId, removal, tenants};

/// How old a record is when it is sealed: longer than a request, its last statement and the difference of
/// two servers' clocks take, so that none comes behind its seal.
const SETTLED: Duration = Duration::from_secs(120);
/// Records of one seal at the most.
const SEALED_TOGETHER: i64 = 10_000;
/// Tenants that are looked for together.
const TENANTS: i64 = 1_000;
/// Records, and seals, that are read together.
const READ_TOGETHER: i64 = 1_000;
/// How long one verification takes at the most.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one waits until others have ended.
const PLACE_PATIENCE: Duration = Duration::from_secs(2);

/// What was found of a log.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Whether nothing is wrong with what was looked at.
    pub intact: bool,
    /// Whether all of it was looked at; else to go on after `head`.
    pub complete: bool,
    /// Seals that were looked at.
    pub seals: i64,
    /// Records that were looked at.
    pub records: i64,
    /// Those of them that are too young for a seal.
    pub unsealed: i64,
    /// The last seal whose records were removed, being old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed_up_to: Option<i64>,
    /// After which seal was looked; `n` is 0 where all of the log was.
    pub after: Head,
    /// The last seal that was looked at: who keeps it knows later whether all was made anew.
    pub head: Head,
    /// What is wrong; the first hundred.
    pub problems: Vec<Problem>,
}

/// The end of a chain.
#[derive(Debug, Clone, Serialize)]
pub struct Head {
    /// The number of the seal; 0 where there is none.
    pub n: i64,
    /// Its hash; that of none is the id of the tenant.
    pub hash: String,
}

impl From<&Link> for Head {
    fn from(link: &Link) -> Self {
        Self { n: link.n, hash: link.hash.clone() }
    }
}

impl Services {
    /// Records of a tenant, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit(
        &self,
        tenant: TenantId,
        wanted: &Wanted,
        limit: i64,
    ) -> Result<Page<Record>, StoreError> {
        self.take_waiting_records(tenant).await?;
        let mut conn = self.database.read_at(tenant).await?;
        audit::page(&mut conn, tenant, wanted, limit).await
    }

    /// Seals what has settled, of all tenants and of the operator.
    ///
    /// # Errors
    /// The database fails.
    pub async fn seal_audits(&self) -> Result<(), StoreError> {
        self.seal_audit(NO_TENANT).await?;
        let with_own_tables = {
            let mut conn = self.database.read().await?;
            tenants::with_own_tables(&mut conn).await?
        };
        for tenant in with_own_tables {
            // A database that is away holds up no other tenant.
            if let Err(error) = self.seal_audit(tenant).await {
                tracing::warn!(%tenant, %error, "the audit log of a tenant could not be sealed");
            }
        }
        let mut after = NO_TENANT;
        loop {
            let before = first_id_at(clock::now() - SETTLED);
            let due = {
                let mut conn = self.database.read().await?;
                audit_seals::due(&mut conn, after, before, TENANTS).await?
            };
            let Some(last) = due.last() else { return Ok(()) };
            after = *last;
            for tenant in due {
                self.seal_audit(tenant).await?;
            }
        }
    }

    /// Seals what has settled of a tenant.
    async fn seal_audit(&self, tenant: TenantId) -> Result<(), StoreError> {
        // What has settled by now waits no more when it is sealed.
        let now = clock::now();
        self.take_waiting_records(tenant).await?;
        while self.seal_once(tenant, now).await? {}
        Ok(())
    }

    /// Takes what administrators did to where the tenant's data is, where that is a database of its own.
    async fn take_waiting_records(&self, tenant: TenantId) -> Result<(), StoreError> {
        loop {
            let waiting = {
                let mut conn = self.database.read().await?;
                audit_waiting::list(&mut conn, tenant).await?
            };
            if waiting.is_empty() {
                return Ok(());
            }
            let mut log = self.database.begin_data_at(tenant).await?;
            audit_waiting::add_to_log(&mut log, tenant, &waiting).await?;
            log.commit().await?;
            let mut conn = self.database.autocommit().await?;
            let removed = audit_waiting::remove(&mut conn, tenant, &waiting).await;
            conn.finish(removed).await?;
        }
    }

    /// False where nothing is left to be sealed.
    async fn seal_once(&self, tenant: TenantId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin_data_at(tenant).await?;
        if !removal::hold(&mut transaction, tenant).await? {
            return Ok(false);
        }
        let last = audit_seals::last(&mut transaction, tenant).await?;
        let before = last.as_ref().map_or_else(|| Link::first(tenant), Link::from);
        let up_to = first_id_at(now - SETTLED);
        let limit = SEALED_TOGETHER;
        let records = audit::between(&mut transaction, tenant, before.up_to, up_to, limit).await?;
        if records.is_empty() {
            return Ok(false);
        }
        let mut sealing = Sealing::after(&before);
        records.iter().for_each(|record| sealing.add(record));
        let (count, up_to) = (sealing.records, sealing.up_to);
        let seal =
            Seal { n: before.n + 1, up_to, records: count, hash: sealing.hash(), sealed: now };
        let is_ours = audit_seals::insert(&mut transaction, tenant, &seal).await?;
        transaction.commit().await?;
        // Once an hour to where the database's owner cannot change it.
        let hour = |instant: OffsetDateTime| instant.unix_timestamp() / 3_600;
        if is_ours && last.is_none_or(|last| hour(last.sealed) != hour(now)) {
            tracing::info!(%tenant, n = seal.n, hash = seal.hash, "the audit log has been sealed");
        }
        Ok(count == limit)
    }

    /// Holds the log against its seals, after the seal of a number, for 20 s at the most.
    ///
    /// # Errors
    /// The database fails, or others are being verified; `None` where there is no such seal.
    pub async fn verify_audit(
        &self,
        tenant: TenantId,
        after: i64,
    ) -> Result<Option<Verification>, Error> {
        let place = timeout(PLACE_PATIENCE, self.verifications.acquire()).await;
        let _place = place.ok().and_then(Result::ok).ok_or(Error::VerificationsBusy)?;
        self.seal_audit(tenant).await?;
        // Nobody removes what is old meanwhile.
        let mut conn = self.database.snapshot_at(tenant).await?;
        let log = AuditLog::after(&mut conn, tenant, after).await?;
        let Some(mut log) = log else { return Ok(None) };
        let mut verifier = Verifier::after(log.start.clone());
        let begun = Instant::now();
        let mut complete = false;
        while begun.elapsed() < PATIENCE {
            let items = log.next(&mut conn).await?;
            complete = items.is_empty();
            if complete {
                break;
            }
            for item in &items {
                match item {
                    Item::Record(record) => verifier.record(record),
                    Item::Seal(seal) => verifier.seal(seal),
                }
            }
        }
        Ok(Some(Verification {
            intact: verifier.problems.is_empty(),
            complete,
            seals: verifier.seals,
            records: verifier.records,
            unsealed: if complete { verifier.unsealed() } else { 0 },
            removed_up_to: log.removed,
            after: Head::from(&log.start),
            head: Head::from(&verifier.head),
            problems: verifier.problems,
        }))
    }

    /// All records and seals of a tenant after the seal of a number, sealed as far as they have settled;
    /// `None` where there is no such seal.
    ///
    /// # Errors
    /// The database fails.
    pub async fn export_audit(
        &self,
        tenant: TenantId,
        after: i64,
    ) -> Result<Option<AuditLog>, StoreError> {
        self.seal_audit(tenant).await?;
        let mut conn = self.database.read_at(tenant).await?;
        AuditLog::after(&mut conn, tenant, after).await
    }

    /// Removes the records of seals from before an instant, and tells how many.
    ///
    /// # Errors
    /// The database fails.
    pub(super) async fn remove_audit_records(
        &self,
        tenant: TenantId,
        before: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let mut sum = 0;
        loop {
            let mut transaction = self.database.begin_data_at(tenant).await?;
            let now = clock::now();
            let up_to = audit_seals::give_up(&mut transaction, tenant, before, now).await?;
            let Some(up_to) = up_to else { return Ok(sum) };
            sum += audit::remove(&mut transaction, tenant, up_to).await?;
            transaction.commit().await?;
        }
    }
}

/// A part of a log.
#[derive(Debug, Clone)]
pub enum Item {
    /// A record.
    Record(Box<Record>),
    /// A seal, which stands for the records since the one before it.
    Seal(Seal),
}

/// A log that is read part by part.
#[derive(Debug)]
pub struct AuditLog {
    tenant: TenantId,
    /// After which seal it begins.
    pub start: Link,
    /// The last seal whose records were removed, being old.
    removed: Option<i64>,
    /// The last seal that was read.
    n: i64,
    /// The last record that was read.
    place: Uuid,
    /// Seals whose records are not all read.
    seals: VecDeque<Seal>,
}

impl AuditLog {
    /// The log of a tenant after the seal of a number, or after the last one whose records were removed;
    /// `None` where there is no such seal.
    async fn after(
        conn: &mut PgConnection,
        tenant: TenantId,
        after: i64,
    ) -> Result<Option<Self>, StoreError> {
        let removed = audit_seals::last_removed(conn, tenant).await?;
        let number = removed.as_ref().map(|seal| seal.n);
        // What is before the first record that is kept belongs to no seal: it is read, and told.
        let (start, place) = match removed {
            Some(removed) if removed.n >= after => (Link::from(&removed), Uuid::nil()),
            _ if after == 0 => (Link::first(tenant), Uuid::nil()),
            _ => match audit_seals::get(conn, tenant, after).await? {
                Some(seal) => (Link::from(&seal), seal.up_to),
                None => return Ok(None),
            },
        };
        let (n, seals) = (start.n, VecDeque::new());
        Ok(Some(Self { tenant, start, removed: number, n, place, seals }))
    }

    /// The next part; empty where there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next(&mut self, conn: &mut PgConnection) -> Result<Vec<Item>, StoreError> {
        if self.seals.is_empty() {
            self.seals = audit_seals::after(conn, self.tenant, self.n, READ_TOGETHER).await?.into();
        }
        let up_to = self.seals.back().map_or(Uuid::max(), |last| last.up_to);
        let records = audit::between(conn, self.tenant, self.place, up_to, READ_TOGETHER).await?;
        let is_all = i64::try_from(records.len()).is_ok_and(|n| n < READ_TOGETHER);
        let mut items = Vec::new();
        for record in records {
            self.seals_before(record.id, &mut items);
            self.place = record.id;
            items.push(Item::Record(Box::new(record)));
        }
        if is_all && up_to < Uuid::max() {
            self.seals_before(Uuid::max(), &mut items);
            self.place = up_to;
        }
        Ok(items)
    }

    /// The seals that come before a record.
    fn seals_before(&mut self, id: Uuid, items: &mut Vec<Item>) {
        while let Some(seal) = self.seals.pop_front_if(|seal| seal.up_to < id) {
            self.n = seal.n;
            items.push(Item::Seal(seal));
        }
    }
}
