//! The entries of the index that come next, and those that were passed.

use tenon_scim::sort::SortOrder;

use super::{Filtered, Start, Walk};
use crate::store::filter_sql::binds::Binds;
use crate::store::filter_sql::document::row;

impl Walk<'_> {
    /// The first of the entries under one more condition, in an order, that match.
    pub(super) fn entries(&self, and: &str, order: &str, most: &str, binds: &mut Binds) -> String {
        let entries = &self.entries;
        match &self.filtered {
            None => format!("SELECT a.id, a.val {entries}{and} {order} LIMIT {most}"),
            Some(Filtered { condition, .. }) => format!(
                "SELECT a.id, a.val FROM (SELECT a.id, a.val {entries}{and} {order} LIMIT {}) AS a {} \
                 WHERE (SELECT it FROM worth) AND {condition} {order} LIMIT {most}",
                self.documents,
                row("a.id", self.space, binds)
            ),
        }
    }

    /// The table `v`: the next entries, as many as `most`, or all there are; some more are no harm.
    ///
    /// Of equal values, the ids ascend in either order. An index that is read from its end has them
    /// descend, so that of the last value that it comes to, it has found the wrong ones.
    pub(super) fn valued(&self, most: &str, binds: &mut Binds) -> String {
        if matches!((&self.start, self.missing_is_first()), (Start::Missing { .. }, false)) {
            return "v AS MATERIALIZED (SELECT a.id, a.val FROM attr_index AS a WHERE false)"
                .to_owned();
        }
        let next = self.entries(&self.next(), &self.in_index(), most, binds);
        if self.order == SortOrder::Ascending {
            return format!("v AS MATERIALIZED ({next})");
        }
        let by_id = format!("ORDER BY a.id{}", self.down());
        let same = match self.same() {
            None => String::new(),
            Some(same) => format!("({}) UNION ALL ", self.entries(&same, &by_id, most, binds)),
        };
        let last = self.entries(&format!(" AND a.val = {}", self.last()), &by_id, most, binds);
        format!(
            "g AS MATERIALIZED ({next}), \
             v AS MATERIALIZED ({same}(SELECT id, val FROM g WHERE val <> {}) UNION ALL ({last}))",
            self.last()
        )
    }

    /// The condition on the entries that come after the start, in descending order after its value.
    pub(super) fn next(&self) -> String {
        let Start::Valued { val, id } = &self.start else { return String::new() };
        match (self.order, self.backwards) {
            (SortOrder::Ascending, false) => format!(" AND (a.val, a.id) > ({val}, {id})"),
            (SortOrder::Ascending, true) => format!(" AND (a.val, a.id) < ({val}, {id})"),
            (SortOrder::Descending, false) => format!(" AND a.val < {val}"),
            (SortOrder::Descending, true) => format!(" AND a.val > {val}"),
        }
    }

    /// In descending order, the condition on those that have the value of the start.
    pub(super) fn same(&self) -> Option<String> {
        let Start::Valued { val, id } = &self.start else { return None };
        let compared = if self.backwards { "<" } else { ">" };
        Some(format!(" AND a.val = {val} AND a.id {compared} {id}"))
    }

    /// The order in which an index has what comes next.
    pub(super) fn in_index(&self) -> String {
        let is_up = (self.order == SortOrder::Ascending) != self.backwards;
        let down = if is_up { "" } else { " DESC" };
        let id = if self.unique { String::new() } else { format!(", a.id{down}") };
        format!("ORDER BY a.val{down}{id}")
    }

    /// The value at which the index was left in descending order.
    pub(super) fn last(&self) -> String {
        let last = if self.backwards { "max" } else { "min" };
        format!("(SELECT {last}(val) FROM g)")
    }

    /// A condition: there are entries on the other side of the one at which the walk begins. Those
    /// that are next to it are looked at first.
    pub(super) fn passed(&self, binds: &mut Binds) -> String {
        let Start::Valued { val, id } = &self.start else { return "false".to_owned() };
        let back = Walk { backwards: !self.backwards, start: Start::End, ..self.clone() };
        let (order, down) = (back.in_index(), back.down());
        let compared = if self.backwards { ">=" } else { "<=" };
        let mut exists =
            |and: &str, order: &str| format!("EXISTS ({})", self.entries(and, order, "1", binds));
        if self.order == SortOrder::Ascending {
            return exists(&format!(" AND (a.val, a.id) {compared} ({val}, {id})"), &order);
        }
        let same = format!(" AND a.val = {val} AND a.id {compared} {id}");
        let same = exists(&same, &format!("ORDER BY a.id{down}"));
        let passed = if self.backwards { "<" } else { ">" };
        format!("({same} OR {})", exists(&format!(" AND a.val {passed} {val}"), &order))
    }
}
