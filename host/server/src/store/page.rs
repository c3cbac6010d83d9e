//! Parts of lists: from the newest to the oldest, or in the order of a key.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::{Builder, Uuid};

use super::{StoreError, TenantId};

/// Rows that one page of a filtered list looks at.
pub(super) const LOOKED_AT: i64 = 20_000;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What was found, the newest first.
    pub items: Vec<T>,
    /// Before which id the next part is; `None` where this is the last one. A part may have fewer items
    /// than were asked for, and not be the last.
    pub before: Option<Uuid>,
}

impl<T> Page<T> {
    /// A part of that many items at the most. Where it has fewer, rows were left out: `looked_at` is what
    /// asks for the last of those that were looked at.
    pub(super) async fn of(
        items: Vec<T>,
        limit: i64,
        id: impl Fn(&T) -> Uuid,
        looked_at: impl Future<Output = Result<Option<Uuid>, StoreError>>,
    ) -> Result<Self, StoreError> {
        let before = match items.last() {
            Some(last) if Self::is_full(&items, limit) => Some(id(last)),
            _ => looked_at.await?,
        };
        Ok(Self { items, before })
    }

    /// Whether it has as many items as were asked for: the next part begins after the last of them.
    pub(super) fn is_full(items: &[T], limit: i64) -> bool {
        i64::try_from(items.len()).is_ok_and(|n| n >= limit)
    }
}

/// Asks for the last of the rows of a table that one page looks at: `last_looked_at`.
macro_rules! looking_at {
    ($table:literal) => {
        concat!(
            "SELECT id FROM ",
            $table,
            " WHERE tenant_id = $1 AND id >= $2 AND id < $3 ORDER BY id DESC OFFSET $4 LIMIT 1"
        )
    };
}

pub(super) use looking_at;

/// Where a page ended that looked at as many rows as it may; `statement` is one of [`looking_at`].
pub(super) async fn last_looked_at(
    conn: &mut PgConnection,
    tenant: TenantId,
    statement: &'static str,
    ids: (Uuid, Uuid),
) -> Result<Option<Uuid>, StoreError> {
    let last = sqlx::query_scalar(statement)
        .bind(tenant.0)
        .bind(ids.0)
        .bind(ids.1)
        .bind(LOOKED_AT - 1)
        .fetch_optional(conn)
        .await?;
    Ok(last)
}

/// The smallest version 7 UUID of an instant: the ids of events and records tell when they were made.
#[must_use]
pub fn first_id_at(instant: OffsetDateTime) -> Uuid {
    let milliseconds = instant.unix_timestamp_nanos() / 1_000_000;
    let milliseconds = u64::try_from(milliseconds).unwrap_or(0);
    Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

/// Which part of a list is asked for that is in the order of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<K> {
    /// Behind this key; from the beginning where there is none.
    pub after: Option<K>,
    /// So many items at the most.
    pub limit: i64,
}

/// A part of a list that is in the order of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InOrder<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Whether there is more behind them.
    pub has_more: bool,
}

impl<K> Part<K> {
    /// How many rows are read: one more than are shown tells whether there are more.
    pub(super) const fn rows(&self) -> i64 {
        self.limit.saturating_add(1)
    }

    /// What was read, without the one row more.
    pub(super) fn of<T>(&self, mut rows: Vec<T>) -> InOrder<T> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        InOrder { items: rows, has_more }
    }
}

impl<K: Ord> Part<K> {
    /// The part of what has been read as a whole, in the order of this key.
    pub fn taken_from<T>(&self, mut all: Vec<T>, key: impl Fn(&T) -> K) -> InOrder<T> {
        all.sort_by_cached_key(&key);
        all.retain(|item| self.after.as_ref().is_none_or(|after| key(item) > *after));
        self.of(all)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ids_before_an_instant_are_smaller_than_its_first() {
        let at = |milliseconds| datetime!(2026-01-01 00:00 UTC) + milliseconds;
        let last = |instant: OffsetDateTime| {
            let milliseconds = u64::try_from(instant.unix_timestamp_nanos() / 1_000_000).unwrap();
            Builder::from_unix_timestamp_millis(milliseconds, &[0xff; 10]).into_uuid()
        };
        let (before, now) = (at(time::Duration::ZERO), at(time::Duration::MILLISECOND));
        assert!(last(before) < first_id_at(now) && first_id_at(now) < last(now));
    }
}
