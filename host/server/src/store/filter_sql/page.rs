//! The statement of a page: what matches, how much of it there is, and the resources of the page.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row as _};
use tenon_scim::sort::{MISSING, SortOrder};

use super::binds::{Binds, Statement};
use super::document::DOCUMENT;
use super::planner::{Keys, Plan, TypePlan};
use super::{Bound, Order, Position, Slice, TENANT, sort};
use crate::store::rows::{Row, columns, leave_out_one_more};
use crate::store::{StoreError, TenantId};

pub(super) const COLUMNS: &str = columns!();

/// A page, and what is around it.
#[derive(Debug, Clone)]
pub struct Page {
    /// All that match, on all pages.
    pub total: usize,
    /// How many resources were looked at, for each type.
    pub candidates: Vec<u64>,
    /// The resources, in order.
    pub found: Vec<Found>,
    /// Whether the list depends on documents that are not rewritten yet: it may be wrong.
    pub stale: bool,
    /// Whether they were read in the order of an index, and not sorted.
    pub walked: bool,
    /// Whether some are before the page.
    pub earlier: bool,
    /// Whether some are after it.
    pub later: bool,
}

/// A resource and its position.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where it is.
    pub position: Position,
    /// The resource.
    pub row: Row,
}

impl Plan<'_> {
    /// Reads a page. Where a type has more candidates than its limit, none of them is looked at,
    /// and the page means nothing: [`Plan::exceeded`] says so.
    ///
    /// # Errors
    /// The database fails.
    pub async fn page(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        slice: &Slice,
    ) -> Result<Page, StoreError> {
        if let Some(page) = self.walked(conn, tenant, slice).await? {
            return Ok(page);
        }
        let rows = self.statement(tenant, slice).rows(conn).await?;
        Ok(page_of(&rows, slice)?)
    }

    /// The first type of which a page had to look at more resources than it may.
    #[must_use]
    pub fn exceeded(&self, page: &Page) -> Option<&TypePlan<'_>> {
        let types = self.types.iter().zip(&page.candidates);
        types.filter(|(it, candidates)| **candidates > it.limit().into()).map(|(it, _)| it).next()
    }

    /// The statement of a page.
    #[must_use]
    pub fn statement(&self, tenant: TenantId, slice: &Slice) -> Statement {
        let mut binds = Binds::default();
        binds.uuid(tenant.0);
        let mut tables = Vec::new();
        let (mut matched, mut stale) = (Vec::new(), Vec::new());
        for (place, of_type) in self.types.iter().enumerate() {
            of_type.tables(place, &mut tables, &mut binds);
            matched.push(format!("SELECT id, k FROM m{place}"));
            stale.extend(of_type.stale(place, &mut binds));
        }
        tables.push(format!("matched AS MATERIALIZED ({})", matched.join(" UNION ALL ")));
        let counts: Vec<_> =
            (0..self.types.len()).map(|it| format!("(SELECT count(*) FROM c{it})")).collect();
        let (within, beyond) = self.bounds(&slice.bound, &mut binds);
        let backwards = matches!(slice.bound, Bound::Before(_));
        // One more, to know whether there is a page after this one.
        let limit = binds.number(as_i64(slice.take.saturating_add(1)));
        let skip = binds.number(as_i64(slice.skip));
        let text = format!(
            "WITH {} \
             SELECT s.total, s.candidates, s.stale, s.beyond, p.k, {COLUMNS} \
             FROM (SELECT (SELECT count(*) FROM matched) AS total, ARRAY[{}]::bigint[] AS candidates, \
                          {} AS stale, {beyond} AS beyond) AS s \
             LEFT JOIN (SELECT id, k FROM matched WHERE {within} ORDER BY {} OFFSET {skip} LIMIT {limit}) \
                 AS p ON true \
             LEFT JOIN LATERAL (SELECT * FROM resources \
                 WHERE tenant_id = {TENANT} AND id BETWEEN p.id AND p.id \
                     ORDER BY id LIMIT 1) AS r ON r.id = p.id \
             ORDER BY {}",
            tables.join(", "),
            counts.join(", "),
            if stale.is_empty() { "false".to_owned() } else { stale.join(" OR ") },
            self.ordered("", backwards),
            self.ordered("p.", false),
        );
        Statement { text, binds }
    }

    pub(super) fn ordered(&self, of: &str, backwards: bool) -> String {
        let (key, id) = match (self.order, backwards) {
            (Order::Creation, false) => return format!("{of}id"),
            (Order::Creation, true) => return format!("{of}id DESC"),
            (Order::Sorted(SortOrder::Ascending), false) => ("", ""),
            (Order::Sorted(SortOrder::Ascending), true) => (" DESC", " DESC"),
            (Order::Sorted(SortOrder::Descending), false) => (" DESC", ""),
            (Order::Sorted(SortOrder::Descending), true) => ("", " DESC"),
        };
        format!("{of}k{key}, {of}id{id}")
    }

    /// Which resources are within a bound, and whether there are some that are not.
    fn bounds(&self, bound: &Bound, binds: &mut Binds) -> (String, String) {
        let (position, id, equal) = match bound {
            Bound::After(Some(position)) => (position, ">", "<="),
            Bound::Before(Some(position)) => (position, "<", ">="),
            Bound::After(None) | Bound::Before(None) => {
                return ("true".to_owned(), "false".to_owned());
            }
        };
        let at = binds.uuid(position.id);
        let (within, not) = match self.order {
            Order::Creation => (format!("id {id} {at}"), format!("id {equal} {at}")),
            Order::Sorted(order) => {
                let turned = if id == ">" { "<" } else { ">" };
                let key = if order == SortOrder::Ascending { id } else { turned };
                let k = binds.text(&position.key);
                let within = format!("(k {key} {k} OR k = {k} AND id {id} {at})");
                let not = format!("NOT {within}");
                (within, not)
            }
        };
        (within, format!("EXISTS (SELECT FROM matched WHERE {not})"))
    }
}

impl TypePlan<'_> {
    /// Whether so many candidates are sorted by their documents, although an index has the order of
    /// all.
    #[must_use]
    pub fn sorts_by_documents(&self, candidates: u64) -> bool {
        let few = self.set.is_some() && candidates <= self.limits.sorted.into();
        self.keys == Keys::Index && self.asked.space.rewritten && few
    }

    /// The tables of a type: its candidates, those that match, and their keys.
    pub(super) fn tables(&self, place: usize, tables: &mut Vec<String>, binds: &mut Binds) {
        let candidates = self.candidates(binds);
        let most = u64::from(self.limit()).saturating_add(1);
        tables.push(format!(
            "c{place} AS MATERIALIZED (SELECT s.id FROM ({candidates}) AS s LIMIT {most})"
        ));
        let matching = self.matching(place, binds);
        tables.push(format!("m{place} AS MATERIALIZED ({matching})"));
    }

    fn candidates(&self, binds: &mut Binds) -> String {
        let space = &self.asked.space;
        match &self.set {
            Some(set) => set.sql(space, binds),
            None => format!(
                "SELECT id FROM resources WHERE tenant_id = {TENANT} AND type = {} ORDER BY id",
                binds.text(&space.resource_type.name)
            ),
        }
    }

    /// A query of `id` and `k`. Nothing is looked at where there are too many candidates.
    fn matching(&self, place: usize, binds: &mut Binds) -> String {
        let space = &self.asked.space;
        let mut conditions = vec![format!("(SELECT count(*) FROM c{place}) <= {}", self.limit())];
        let probes = self.probes.iter().filter_map(|it| it.probe("c.id", binds));
        conditions.extend(probes);
        let ids = |key: &str, conditions: &[String]| {
            let conditions = conditions.join(" AND ");
            format!("SELECT c.id, {key} COLLATE \"C\" AS k FROM c{place} AS c WHERE {conditions}")
        };
        match self.keys {
            _ if !self.documents.is_empty() => {
                let key = match self.keys {
                    Keys::None => "''".to_owned(),
                    Keys::Id => "('3' || c.id::text)".to_owned(),
                    Keys::Documents | Keys::Index => {
                        sort::of_document(self.asked.sort.as_ref(), space, binds)
                    }
                };
                self.looked_at(place, &key, conditions, binds)
            }
            Keys::None => ids("''", &conditions),
            Keys::Id => ids("('3' || c.id::text)", &conditions),
            Keys::Documents if self.asked.sort.is_none() => {
                ids(&format!("'{MISSING}'"), &conditions)
            }
            Keys::Documents => {
                let key = sort::of_document(self.asked.sort.as_ref(), space, binds);
                self.looked_at(place, &key, conditions, binds)
            }
            Keys::Index => self.sorted_by_index(place, conditions, &ids, binds),
        }
    }

    /// The candidates that match by their documents.
    fn looked_at(
        &self,
        place: usize,
        key: &str,
        mut conditions: Vec<String>,
        binds: &mut Binds,
    ) -> String {
        let space = &self.asked.space;
        conditions.push("r.id = c.id".to_owned());
        conditions.push(format!("r.type = {}", binds.text(&space.resource_type.name)));
        for term in &self.documents {
            conditions.push(term.condition(binds));
        }
        format!(
            "SELECT c.id, {key} COLLATE \"C\" AS k FROM c{place} AS c CROSS JOIN LATERAL ( \
             SELECT id, type, version, created, modified, display, body, search FROM resources \
             WHERE tenant_id = {TENANT} AND id BETWEEN c.id AND c.id \
                 ORDER BY id LIMIT 1) AS r {DOCUMENT} \
             WHERE {}",
            conditions.join(" AND ")
        )
    }

    /// The index of the sort has the keys of all resources of the type. No join, whose kind would
    /// depend on estimates, but one pass over the matching ids and all of the index.
    fn sorted_by_index(
        &self,
        place: usize,
        mut conditions: Vec<String>,
        ids: &dyn Fn(&str, &[String]) -> String,
        binds: &mut Binds,
    ) -> String {
        let space = &self.asked.space;
        let Some(sort) = &self.asked.sort else { return ids("''", &conditions) };
        let keys = sort::of_index(sort, space.resource_type, binds);
        let matching = ids("NULL::text", &conditions);
        let from_index = |condition: &str| {
            format!(
                "SELECT g.id, coalesce(max(g.k COLLATE \"C\"), '{MISSING}') COLLATE \"C\" AS k FROM ( \
                 SELECT x.id, x.k, true AS matches FROM ({matching}) AS x \
                 UNION ALL SELECT y.id, y.k COLLATE \"C\", false FROM ({keys}) AS y) AS g \
                 WHERE {condition} GROUP BY g.id HAVING bool_or(g.matches)"
            )
        };
        if self.set.is_none() || !space.rewritten {
            return from_index("true");
        }
        let (count, few) = (format!("(SELECT count(*) FROM c{place})"), self.limits.sorted);
        let from_index = from_index(&format!("{count} > {few}"));
        conditions.push(format!("{count} <= {few}"));
        let key = sort::of_document(Some(sort), space, binds);
        let from_documents = self.looked_at(place, &key, conditions, binds);
        format!("{from_documents} UNION ALL {from_index}")
    }
}

/// The page of the rows: the first of them has what is said of all.
pub(super) fn page_of(rows: &[PgRow], slice: &Slice) -> Result<Page, sqlx::Error> {
    let Some(first) = rows.first() else { return Err(sqlx::Error::RowNotFound) };
    let (total, beyond): (i64, bool) = (first.try_get("total")?, first.try_get("beyond")?);
    let candidates: Vec<i64> = first.try_get("candidates")?;
    let stale = first.try_get("stale")?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if row.try_get::<Option<uuid::Uuid>, _>("id")?.is_none() {
            continue;
        }
        let position = Position { key: row.try_get("k")?, id: row.try_get("id")? };
        found.push(Found { position, row: Row::from_row(row)? });
    }
    let backwards = matches!(slice.bound, Bound::Before(_));
    let (earlier, later) = leave_out_one_more(&mut found, slice.take, backwards, beyond);
    Ok(Page {
        total: usize::try_from(total).unwrap_or(0),
        candidates: candidates.into_iter().map(|it| u64::try_from(it).unwrap_or(0)).collect(),
        found,
        stale,
        walked: false,
        earlier,
        later,
    })
}

/// Whether the database gave up a statement that took too long (query_canceled).
#[must_use]
pub fn is_timeout(error: &StoreError) -> bool {
    let StoreError::Unavailable(error) = error else { return false };
    error.as_database_error().and_then(|it| it.code()).as_deref() == Some("57014")
}

pub(super) fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
