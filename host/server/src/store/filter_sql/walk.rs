//! A page of all resources of a type in the order of an index, there and back: no more entries are
//! read than there are up to the end of the page, or twice as many.
//!
//! An index has no entry of resources without a value. RFC 7644 §3.4.2.3 has them last in ascending
//! order, and so first in descending. A page that reaches them counts the entries: where each
//! resource has one, there are none. Else it looks for them among the documents, as many as a filter
//! may look at; where that does not say it, the page is made of the keys of all.
//!
//! With a filter, all that match are found to know the total, as ever; but instead of the keys of all
//! the documents are read of those that come next in the index, until the page is full. That is for
//! filters that indexes answer and many satisfy: the fewer they are, the more entries lie between them.

mod entries;
mod missing;

use sqlx::{PgConnection, Row as _};
use tenon_scim::index::{self, KEY_CHARS};
use tenon_scim::sort::{MISSING, Sort, SortOrder, rank};

use super::binds::{Binds, Statement};
use super::document::DOCUMENT;
use super::page::{COLUMNS, Page, as_i64, page_of};
use super::planner::{Keys, Plan, TypePlan};
use super::{Bound, Order, Slice, Space, TENANT};
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
        Ok(Some(Page { walked: true, ..page_of(&rows, slice)? }))
    }

    /// Whether a page may be read in the order of an index: it is of one type, and an index says which
    /// resources match.
    fn may_walk(&self) -> bool {
        let [of_type] = self.types.as_slice() else { return false };
        of_type.keys == Keys::Index && !of_type.finds_few()
    }

    /// The statement of a page that an index may say; `None` where it cannot.
    fn walk(&self, tenant: TenantId, slice: &Slice) -> Option<Statement> {
        let Order::Sorted(order) = self.order else { return None };
        let of_type = self.types.first().filter(|_| self.may_walk())?;
        let (sort, space) = (of_type.asked.sort.as_ref()?, &of_type.asked.space);
        let mut binds = Binds::default();
        binds.uuid(tenant.0);
        let mut walk = Walk::new(sort, space, order, &slice.bound, &mut binds)?;
        if space.rewritten && !walk.unique {
            walk.documents = of_type.limits.documents;
        }
        let is_filtered = of_type.set.is_some() || !of_type.probes.is_empty();
        if is_filtered {
            let terms = of_type.asked.terms();
            let conditions: Vec<_> = terms.iter().map(|it| it.condition(&mut binds)).collect();
            let condition = format!("({})", conditions.join(" AND "));
            walk.filtered = Some(Filtered { of_type, condition });
        }
        // Among those without a value, documents alone know the way.
        let is_among_missing = matches!(walk.start, Start::Missing { .. });
        let needs_documents = is_filtered || is_among_missing;
        if walk.documents == 0 && needs_documents || is_filtered && is_among_missing {
            return None;
        }
        Some(walk.statement(self, slice, binds))
    }
}

/// A way through the entries of an attribute and the resources without one.
#[derive(Clone)]
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
    /// How many documents may be read.
    documents: u32,
    filtered: Option<Filtered<'s>>,
}

/// Which of them are looked for.
#[derive(Clone)]
struct Filtered<'s> {
    of_type: &'s TypePlan<'s>,
    /// The filter, as a condition on the row `r` with its document.
    condition: String,
}

/// Where it begins; places of binds.
#[derive(Clone)]
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
        Some(Self {
            sort,
            space,
            unique,
            order,
            backwards,
            start,
            entries,
            resources,
            of_type,
            documents: 0,
            filtered: None,
        })
    }

    fn statement(&self, plan: &Plan<'_>, slice: &Slice, mut binds: Binds) -> Statement {
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
             {matching}{valued}, \
             missing AS MATERIALIZED (SELECT (SELECT n FROM total) - (SELECT count(*) {entries}) AS n), \
             m AS MATERIALIZED (SELECT r.id FROM ({looked_at}) AS r {DOCUMENT} \
                 WHERE {reached} AND {without} ORDER BY r.type{down}, r.id{down} LIMIT {most}), \
             p AS MATERIALIZED (SELECT id, k, cut FROM ( \
                     SELECT v.id, ('{rank}' || v.val) COLLATE \"C\" AS k, {cut} AS cut FROM v \
                     UNION ALL SELECT m.id, '{MISSING}', false FROM m) AS both_kinds \
                 ORDER BY {towards} OFFSET {skip} LIMIT {limit}) \
             SELECT s.total, s.unsure, s.candidates, false AS stale, s.beyond, p.k, {COLUMNS} \
             FROM (SELECT {total} AS total, ARRAY[{candidates}]::bigint[] AS candidates, beyond, \
                       ({unsure}EXISTS (SELECT FROM p WHERE cut) \
                        OR CASE WHEN {reached} THEN \
                               (SELECT count(*) FROM m) < least({most}, (SELECT n FROM missing)) \
                               AND EXISTS (SELECT {resources}{after} ORDER BY type, id OFFSET {documents}) \
                           ELSE false END) AS unsure \
                   FROM (SELECT {beyond} AS beyond) AS b) AS s \
             LEFT JOIN p ON true \
             LEFT JOIN LATERAL (SELECT * FROM resources \
                 WHERE tenant_id = {TENANT} AND id BETWEEN p.id AND p.id \
                     ORDER BY id LIMIT 1) AS r ON r.id = p.id \
             ORDER BY {forwards}",
            of_type = self.of_type,
            matching = self.matching(&most, &mut binds),
            valued = self.valued(&most, &mut binds),
            total = self.counted("m0").unwrap_or("(SELECT n FROM total)"),
            candidates = self.counted("c0").unwrap_or_default(),
            unsure = self.unsure(&most),
            documents = self.documents,
            reached = self.reaches_missing(&most),
            looked_at = self.without_value(false),
            without = self.has_no_value(&mut binds),
            down = self.down(),
            beyond = self.beyond(&mut binds),
            towards = plan.ordered("", self.backwards),
            forwards = plan.ordered("p.", false),
        );
        Statement { text, binds }
    }

    /// With a filter: the tables `c0` and `m0` of those that match, and whether the walk is `worth` it.
    fn matching(&self, most: &str, binds: &mut Binds) -> String {
        let Some(Filtered { of_type, .. }) = &self.filtered else { return String::new() };
        let mut tables = Vec::new();
        of_type.without_keys().tables(0, &mut tables, binds);
        let few = if of_type.set.is_some() { of_type.limits.sorted } else { 0 };
        format!(
            "{}, worth AS MATERIALIZED (SELECT c.n > {few} AND c.n <= {} \
                 AND {most}::numeric * (SELECT n FROM total) <= {}::numeric * (SELECT count(*) FROM m0) \
                 AS it FROM (SELECT count(*) AS n FROM c0) AS c), ",
            tables.join(", "),
            of_type.limit(),
            self.documents
        )
    }

    fn counted(&self, table: &str) -> Option<&'static str> {
        self.filtered.as_ref()?;
        Some(if table == "m0" { "(SELECT count(*) FROM m0)" } else { "(SELECT count(*) FROM c0)" })
    }

    /// The beginning of a condition: of a filter, more entries would have to be looked at.
    fn unsure(&self, most: &str) -> String {
        if self.filtered.is_none() {
            return String::new();
        }
        let more =
            |and: &str| format!("EXISTS (SELECT {}{and} OFFSET {})", self.entries, self.documents);
        let mut conditions = vec!["NOT (SELECT it FROM worth)".to_owned()];
        let found = if self.order == SortOrder::Ascending { "v" } else { "g" };
        let next = more(&self.next());
        conditions.push(format!("(SELECT count(*) FROM {found}) < {most} AND {next}"));
        if self.order == SortOrder::Descending {
            conditions.extend(self.same().map(|same| more(&same)));
            conditions.push(more(&format!(" AND a.val = {}", self.last())));
        }
        if let Start::Valued { .. } = self.start {
            conditions.push("NOT beyond".to_owned());
        }
        format!("{} OR ", conditions.join(" OR "))
    }

    /// Whether the resources without a value come before the others, in the direction of the walk.
    fn missing_is_first(&self) -> bool {
        (self.order == SortOrder::Descending) != self.backwards
    }

    const fn down(&self) -> &'static str {
        if self.backwards { " DESC" } else { "" }
    }

    /// A condition: there are resources on the other side of the start.
    fn beyond(&self, binds: &mut Binds) -> String {
        let entries = &self.entries;
        match (&self.start, self.missing_is_first()) {
            (Start::End, _) => "false".to_owned(),
            (Start::Valued { .. }, missing_is_first) => {
                let is_there = self.passed(binds);
                if !missing_is_first {
                    return is_there;
                }
                format!("(CASE WHEN {is_there} THEN true ELSE (SELECT n FROM missing) > 0 END)")
            }
            (Start::Missing { .. }, missing_is_first) => {
                let rows = self.without_value(true);
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
