//! A page of all resources of a type in the order of an index, there and back: no more entries are
//! read than there are up to the end of the page, or twice as many.
//!
//! An index has no entry of resources without a value. RFC 7644 §3.4.2.3 has them last in ascending
//! order, and so first in descending. A page that reaches them counts the entries: where each
//! resource has one, there are none. Else it looks for them among the documents, as many as a filter
//! may look at; where that does not say it, the page is made of the keys of all.
//!
//! Not with a filter: to know the total, all that match have to be found, and their keys with them.

use sqlx::{PgConnection, Row as _};
use tenon_scim::index::{self, KEY_CHARS};
use tenon_scim::sort::{MISSING, Sort, SortOrder, rank};

use super::binds::{Binds, Statement};
use super::document::DOCUMENT;
use super::page::{COLUMNS, Page, as_i64, page_of};
use super::planner::{Keys, Plan};
use super::{Bound, Order, Slice, Space, TENANT, sort};
use crate::store::{StoreError, TenantId};

impl Plan<'_> {
    /// The page, if the index says it.
    pub(super) async fn walked(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        slice: &Slice,
    ) -> Result<Option<Page>, StoreError> {
        let Some(statement) = self.walk(tenant, slice) else { return Ok(None) };
        let rows = statement.rows(conn).await?;
        for row in &rows {
            if row.try_get("unsure")? {
                return Ok(None);
            }
        }
        Ok(Some(page_of(&rows, slice)?))
    }

    /// Whether the pages of the list are in the order of an index: all resources of one type are.
    #[must_use]
    pub fn walks(&self) -> bool {
        let [of_type] = self.types.as_slice() else { return false };
        of_type.set.is_none() && of_type.probes.is_empty() && of_type.keys == Keys::Index
    }

    /// The statement of a page that an index may say; `None` where it cannot.
    fn walk(&self, tenant: TenantId, slice: &Slice) -> Option<Statement> {
        let Order::Sorted(order) = self.order else { return None };
        let of_type = self.types.first().filter(|_| self.walks())?;
        let (sort, space) = (of_type.asked.sort.as_ref()?, &of_type.asked.space);
        let mut binds = Binds::default();
        binds.uuid(tenant.0);
        let walk = Walk::new(sort, space, order, &slice.bound, &mut binds)?;
        let documents = if walk.unique || !space.rewritten { 0 } else { of_type.documents_limit() };
        // Among those without a value, documents alone know the way.
        if documents == 0 && matches!(walk.start, Start::Missing { .. }) {
            return None;
        }
        Some(walk.statement(self, slice, documents, binds))
    }
}

/// A way through the entries of an attribute and the resources without one.
struct Walk<'s> {
    sort: &'s Sort<'s>,
    space: &'s Space<'s>,
    /// Whether the values are in the table of those that are unique.
    unique: bool,
    order: SortOrder,
    backwards: bool,
    start: Start,
    /// The table of the entries, with the condition that makes them those of the attribute.
    entries: String,
    /// The same of the resources of the type.
    resources: String,
    of_type: String,
}

/// Where it begins; places of binds.
enum Start {
    End,
    /// At an entry.
    Valued {
        val: String,
        id: String,
    },
    /// At a resource without one.
    Missing {
        id: String,
    },
}

impl<'s> Walk<'s> {
    /// `None` where the position is none in the order of the index.
    fn new(
        sort: &'s Sort<'s>,
        space: &'s Space<'s>,
        order: SortOrder,
        bound: &Bound,
        binds: &mut Binds,
    ) -> Option<Self> {
        let target = sort.target();
        let unique = index::is_found_by_uniqueness(space.resource_type, target);
        let (backwards, position) = match bound {
            Bound::After(position) => (false, position),
            Bound::Before(position) => (true, position),
        };
        let start = match position {
            None => Start::End,
            Some(it) if it.key == MISSING => Start::Missing { id: binds.uuid(it.id) },
            Some(it) => {
                let val = it.key.strip_prefix(rank(target.leaf().kind))?;
                if unique && val.chars().count() > KEY_CHARS {
                    return None;
                }
                Start::Valued { val: binds.text(val), id: binds.uuid(it.id) }
            }
        };
        let (of_type, path) = (binds.text(&space.resource_type.name), binds.text(&target.path()));
        let (table, first) =
            if unique { ("unique_values", "") } else { ("attr_index", " AND a.elem = 0") };
        let entries = format!(
            "FROM {table} AS a WHERE a.tenant_id = {TENANT} AND a.type = {of_type} \
             AND a.attr = {path}{first}"
        );
        let resources = format!(
            "FROM resources WHERE tenant_id = {TENANT} AND type BETWEEN {of_type} AND {of_type}"
        );
        Some(Self { sort, space, unique, order, backwards, start, entries, resources, of_type })
    }

    /// The total is that of the type's counter: there is no filter.
    fn statement(
        &self,
        plan: &Plan<'_>,
        slice: &Slice,
        documents: u32,
        mut binds: Binds,
    ) -> Statement {
        let limit = binds.number(as_i64(slice.take.saturating_add(1)));
        let skip = binds.number(as_i64(slice.skip));
        let most = binds.number(as_i64(slice.skip.saturating_add(slice.take).saturating_add(1)));
        let rank = rank(self.sort.target().leaf().kind);
        // Of what keeps values unique, those that are longer than a key are not in the order of keys.
        let cut =
            if self.unique { format!("length(v.val) > {KEY_CHARS}") } else { "false".to_owned() };
        let (entries, resources) = (&self.entries, &self.resources);
        let after = self.after("resources", false);
        let text = format!(
            "WITH total AS MATERIALIZED (SELECT coalesce(sum(n), 0)::bigint AS n FROM counters \
                 WHERE tenant_id = {TENANT} AND type = {of_type}), \
             {valued}, \
             missing AS MATERIALIZED (SELECT (SELECT n FROM total) - (SELECT count(*) {entries}) AS n), \
             m AS MATERIALIZED (SELECT r.id FROM ({looked_at}) AS r {DOCUMENT} \
                 WHERE {reached} AND {without} ORDER BY r.type{down}, r.id{down} LIMIT {most}), \
             p AS MATERIALIZED (SELECT id, k, cut FROM ( \
                     SELECT v.id, ('{rank}' || v.val) COLLATE \"C\" AS k, {cut} AS cut FROM v \
                     UNION ALL SELECT m.id, '{MISSING}', false FROM m) AS both_kinds \
                 ORDER BY {towards} OFFSET {skip} LIMIT {limit}) \
             SELECT s.total, s.unsure, ARRAY[0]::bigint[] AS candidates, false AS stale, s.beyond, p.k, \
                    {COLUMNS} \
             FROM (SELECT (SELECT n FROM total) AS total, {beyond} AS beyond, \
                       (EXISTS (SELECT FROM p WHERE cut) \
                        OR CASE WHEN {reached} THEN \
                               (SELECT count(*) FROM m) < least({most}, (SELECT n FROM missing)) \
                               AND EXISTS (SELECT {resources}{after} ORDER BY type, id OFFSET {documents}) \
                           ELSE false END) AS unsure) AS s \
             LEFT JOIN p ON true \
             LEFT JOIN LATERAL (SELECT * FROM resources \
                 WHERE tenant_id = {TENANT} AND id >= p.id ORDER BY id LIMIT 1) AS r ON r.id = p.id \
             ORDER BY {forwards}",
            of_type = self.of_type,
            valued = self.valued(&most),
            reached = self.reaches_missing(&most),
            looked_at = self.without_value(false, documents),
            without = self.has_no_value(&mut binds),
            down = self.down(),
            beyond = self.beyond(documents, &mut binds),
            towards = plan.ordered("", self.backwards),
            forwards = plan.ordered("p.", false),
        );
        Statement { text, binds }
    }

    /// The table `v`: the next entries, as many as `most`, or all there are; some more are no harm.
    ///
    /// Of equal values, the ids ascend in either order. An index that is read from its end has them
    /// descend, so that of the last value that it comes to, it has found the wrong ones.
    fn valued(&self, most: &str) -> String {
        let entries = &self.entries;
        let id = if self.unique { "" } else { ", a.id" };
        let (down, compared) = if self.backwards { (" DESC", "<") } else { ("", ">") };
        let in_index = |val: &str, down: &str| match id {
            "" => format!("ORDER BY a.val{val} LIMIT {most}"),
            _ => format!("ORDER BY a.val{val}, a.id{down} LIMIT {most}"),
        };
        if matches!((&self.start, self.missing_is_first()), (Start::Missing { .. }, false)) {
            return "v AS MATERIALIZED (SELECT a.id, a.val FROM attr_index AS a WHERE false)"
                .to_owned();
        }
        if self.order == SortOrder::Ascending {
            let after = match &self.start {
                Start::Valued { val, id } => format!(" AND (a.val, a.id) {compared} ({val}, {id})"),
                _ => String::new(),
            };
            let order = in_index(down, down);
            return format!("v AS MATERIALIZED (SELECT a.id, a.val {entries}{after} {order})");
        }
        let (up, val_compared, last) =
            if self.backwards { ("", ">", "max") } else { (" DESC", "<", "min") };
        let (same, after) = match &self.start {
            Start::Valued { val, id } => (
                format!(
                    "(SELECT a.id, a.val {entries} AND a.val = {val} AND a.id {compared} {id} \
                     ORDER BY a.val, a.id{down} LIMIT {most}) UNION ALL "
                ),
                format!(" AND a.val {val_compared} {val}"),
            ),
            _ => Default::default(),
        };
        let order = in_index(up, up);
        let last = format!("(SELECT {last}(val) FROM g)");
        format!(
            "g AS MATERIALIZED (SELECT a.id, a.val {entries}{after} {order}), \
             v AS MATERIALIZED ({same}(SELECT id, val FROM g WHERE val <> {last}) UNION ALL \
                 (SELECT a.id, a.val {entries} AND a.val = {last} ORDER BY a.val, a.id{down} LIMIT {most}))"
        )
    }

    /// Whether the resources without a value come before the others, in the direction of the walk.
    fn missing_is_first(&self) -> bool {
        (self.order == SortOrder::Descending) != self.backwards
    }

    /// A condition: the page has a place for resources without a value, and there may be some.
    fn reaches_missing(&self, most: &str) -> String {
        let some = "(SELECT n FROM missing) > 0";
        match (&self.start, self.missing_is_first()) {
            (Start::Valued { .. }, true) => "false".to_owned(),
            (_, true) => some.to_owned(),
            (_, false) => {
                format!("CASE WHEN (SELECT count(*) FROM v) < {most} THEN {some} ELSE false END")
            }
        }
    }

    /// Rows of the type from the start on, or on its other side, among which are those without a value.
    fn without_value(&self, other_side: bool, documents: u32) -> String {
        let (resources, after) = (&self.resources, self.after("resources", other_side));
        let down = if self.backwards == other_side { "" } else { " DESC" };
        format!(
            "SELECT id, type, version, created, modified, display, body, search {resources}{after} \
             ORDER BY type{down}, id{down} LIMIT {documents}"
        )
    }

    fn after(&self, table: &str, other_side: bool) -> String {
        let Start::Missing { id } = &self.start else { return String::new() };
        let compared = match (self.backwards, other_side) {
            (false, false) => ">",
            (true, false) => "<",
            (false, true) => "<=",
            (true, true) => ">=",
        };
        format!(" AND ({table}.type, {table}.id) {compared} ({}, {id})", self.of_type)
    }

    const fn down(&self) -> &'static str {
        if self.backwards { " DESC" } else { "" }
    }

    fn has_no_value(&self, binds: &mut Binds) -> String {
        format!("{} = '{MISSING}'", sort::of_document(Some(self.sort), self.space, binds))
    }

    /// A condition: there are resources on the other side of the start.
    fn beyond(&self, documents: u32, binds: &mut Binds) -> String {
        let entries = &self.entries;
        match (&self.start, self.missing_is_first()) {
            (Start::End, _) => "false".to_owned(),
            (Start::Valued { val, id }, missing_is_first) => {
                let compared = if self.backwards { ">=" } else { "<=" };
                let is_there = if self.order == SortOrder::Ascending {
                    format!("EXISTS (SELECT {entries} AND (a.val, a.id) {compared} ({val}, {id}))")
                } else {
                    let passed = if self.backwards { "<" } else { ">" };
                    format!(
                        "(EXISTS (SELECT {entries} AND a.val = {val} AND a.id {compared} {id}) \
                          OR EXISTS (SELECT {entries} AND a.val {passed} {val}))"
                    )
                };
                if !missing_is_first {
                    return is_there;
                }
                format!("(CASE WHEN {is_there} THEN true ELSE (SELECT n FROM missing) > 0 END)")
            }
            (Start::Missing { .. }, missing_is_first) => {
                let rows = self.without_value(true, documents);
                let without = self.has_no_value(binds);
                let is_there =
                    format!("EXISTS (SELECT FROM ({rows}) AS r {DOCUMENT} WHERE {without})");
                if missing_is_first {
                    return is_there;
                }
                format!("(CASE WHEN EXISTS (SELECT {entries}) THEN true ELSE {is_there} END)")
            }
        }
    }
}
