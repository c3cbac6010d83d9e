//! Parts of lists: from the newest to the oldest, or in the order of a key.

use uuid::Uuid;

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
    /// Whether it has as many items as were asked for: the next part begins after the last of them.
    pub(super) fn is_full(items: &[T], limit: i64) -> bool {
        i64::try_from(items.len()).is_ok_and(|n| n >= limit)
    }
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
