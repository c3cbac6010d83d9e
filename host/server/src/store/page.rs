//! Parts of lists that are read from the newest to the oldest.

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
