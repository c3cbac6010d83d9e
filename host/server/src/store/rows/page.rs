//! Pages of resources in order of creation, with the total: one statement each.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row as _};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::{Of, Row, columns};
use crate::store::lanes::{Lanes, Read};
use crate::store::place::Place;
use crate::store::{StoreError, TenantId};

/// Where a page begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// After so many of the first ones.
    Skip(i64),
    /// After this one, which need not be there any more.
    After(Uuid),
    /// Before this one, which need not be there any more.
    Before(Uuid),
}

impl Bound {
    /// Whether a page from there reads little besides itself, so that it may go over a lane.
    #[must_use]
    pub const fn is_quick(self) -> bool {
        !matches!(self, Self::Skip(skip) if skip > QUICK_SKIP)
    }
}

/// What is skipped is read: so many rows take less than a millisecond.
const QUICK_SKIP: i64 = 1_000;

/// The total, and `beyond`.
const BEFORE_COLUMNS: usize = 2;

/// A page, and what is around it.
#[derive(Debug)]
pub struct Page {
    /// All that there are, on all pages.
    pub total: i64,
    /// Those of the page, in order of creation.
    pub rows: Vec<Row>,
    /// Whether some are before the page.
    pub earlier: bool,
    /// Whether some are after it.
    pub later: bool,
}

/// The total, then whether there are resources on the other side of the bound, then the rows of the
/// page, in the order in which the index finds them. A page that is empty has a row with the total.
///
/// One type has an index of its own, in the order of its columns; a comparison of rows is a place in
/// it. An `EXISTS` would lose its order, and go through the table.
macro_rules! page {
    ($types:literal, $beyond:literal, $($rows:literal),+) => {
        concat!(
            "SELECT c.total, c.beyond, ",
            columns!(),
            " FROM (SELECT (SELECT coalesce(sum(n), 0)::bigint FROM counters \
                            WHERE tenant_id = $1 AND type ",
            $types,
            ") AS total, ",
            $beyond,
            " AS beyond) AS c LEFT JOIN LATERAL (",
            $($rows),+,
            ") AS r ON true"
        )
    };
}

/// The rows of ids that the index finds alone: what is skipped is not looked at.
macro_rules! deep_page {
    ($types:literal, $ids:literal) => {
        page!(
            $types,
            "$4 > 0",
            "SELECT one.* FROM (",
            $ids,
            ") AS page CROSS JOIN LATERAL (SELECT * FROM resources \
                    WHERE tenant_id = $1 AND id BETWEEN page.id AND page.id \
                        ORDER BY id LIMIT 1) AS one \
              WHERE one.id = page.id"
        )
    };
}

const ONE: &[Type] = &[Type::UUID, Type::TEXT, Type::INT8, Type::INT8];
const ONE_FROM: &[Type] = &[Type::UUID, Type::TEXT, Type::INT8, Type::UUID];
const SEVERAL: &[Type] = &[Type::UUID, Type::TEXT_ARRAY, Type::INT8, Type::INT8];
const SEVERAL_FROM: &[Type] = &[Type::UUID, Type::TEXT_ARRAY, Type::INT8, Type::UUID];

/// Each for one type, and for several: `$3` is how many are wanted, `$4` the bound.
static SKIP: [Read; 2] = [
    Read {
        sql: page!(
            "= $2",
            "$4 > 0",
            "SELECT * FROM resources WHERE tenant_id = $1 AND type BETWEEN $2 AND $2 \
             ORDER BY type, id OFFSET $4 LIMIT $3"
        ),
        arguments: ONE,
    },
    Read {
        sql: page!(
            "= ANY ($2)",
            "$4 > 0",
            "SELECT * FROM resources WHERE tenant_id = $1 AND type = ANY ($2) \
             ORDER BY id OFFSET $4 LIMIT $3"
        ),
        arguments: SEVERAL,
    },
];
/// The same, after many.
static DEEP: [Read; 2] = [
    Read {
        sql: deep_page!(
            "= $2",
            "SELECT id FROM resources WHERE tenant_id = $1 AND type BETWEEN $2 AND $2 \
             ORDER BY type, id OFFSET $4 LIMIT $3"
        ),
        arguments: ONE,
    },
    Read {
        sql: deep_page!(
            "= ANY ($2)",
            "SELECT id FROM resources WHERE tenant_id = $1 AND type = ANY ($2) \
             ORDER BY id OFFSET $4 LIMIT $3"
        ),
        arguments: SEVERAL,
    },
];
static AFTER: [Read; 2] = [
    Read {
        sql: page!(
            "= $2",
            "(SELECT id FROM resources WHERE tenant_id = $1 AND (type, id) <= ($2, $4) \
                     AND type >= $2 ORDER BY type DESC, id DESC LIMIT 1) IS NOT NULL",
            "SELECT * FROM resources WHERE tenant_id = $1 AND (type, id) > ($2, $4) \
             AND type <= $2 ORDER BY type, id LIMIT $3"
        ),
        arguments: ONE_FROM,
    },
    Read {
        sql: page!(
            "= ANY ($2)",
            "(SELECT id FROM resources WHERE tenant_id = $1 AND type = ANY ($2) \
                     AND id <= $4 ORDER BY id DESC LIMIT 1) IS NOT NULL",
            "SELECT * FROM resources WHERE tenant_id = $1 AND type = ANY ($2) AND id > $4 \
             ORDER BY id LIMIT $3"
        ),
        arguments: SEVERAL_FROM,
    },
];
static BEFORE: [Read; 2] = [
    Read {
        sql: page!(
            "= $2",
            "(SELECT id FROM resources WHERE tenant_id = $1 AND (type, id) >= ($2, $4) \
                     AND type <= $2 ORDER BY type, id LIMIT 1) IS NOT NULL",
            "SELECT * FROM resources WHERE tenant_id = $1 AND (type, id) < ($2, $4) \
             AND type >= $2 ORDER BY type DESC, id DESC LIMIT $3"
        ),
        arguments: ONE_FROM,
    },
    Read {
        sql: page!(
            "= ANY ($2)",
            "(SELECT id FROM resources WHERE tenant_id = $1 AND type = ANY ($2) \
                     AND id >= $4 ORDER BY id LIMIT 1) IS NOT NULL",
            "SELECT * FROM resources WHERE tenant_id = $1 AND type = ANY ($2) AND id < $4 \
             ORDER BY id DESC LIMIT $3"
        ),
        arguments: SEVERAL_FROM,
    },
];

/// `take` resources of these types from a quick bound on.
///
/// # Errors
/// The database fails.
pub async fn page(
    lanes: &Lanes,
    place: Place,
    of: &Of,
    bound: Bound,
    take: usize,
) -> Result<Page, StoreError> {
    let [of_one, of_several] = reads(bound);
    let (read, types): (_, &(dyn ToSql + Sync)) = match of {
        Of::Type(name) => (of_one, name),
        Of::Types(names) => (of_several, names),
    };
    let bound_value: &(dyn ToSql + Sync) = match &bound {
        Bound::Skip(skip) => skip,
        Bound::After(id) | Bound::Before(id) => id,
    };
    let found = lanes
        .rows_for(place, read, &[&place.tenant.0, types, &one_more(take), bound_value])
        .await?;
    let total = found.first().map_or(Ok(0), |row| row.try_get("total"))?;
    let beyond = found.first().map_or(Ok(false), |row| row.try_get("beyond"))?;
    let is_there = |row: &&tokio_postgres::Row| matches!(row.try_get("id"), Ok(Some::<Uuid>(_)));
    let read = |row| Row::of(row, BEFORE_COLUMNS);
    let rows: Vec<Row> = found.iter().filter(is_there).map(read).collect::<Result<_, _>>()?;
    Ok(Page::of(rows, bound, take, total, beyond))
}

/// The same over a connection of its own, which it holds for as long as it takes: from any bound on,
/// or from a replica.
///
/// # Errors
/// The database fails.
pub async fn page_over(
    conn: &mut PgConnection,
    tenant: TenantId,
    of: &Of,
    bound: Bound,
    take: usize,
) -> Result<Page, StoreError> {
    let [of_one, of_several] = reads(bound);
    let statement = match of {
        Of::Type(name) => sqlx::query(of_one.sql).bind(tenant.0).bind(name),
        Of::Types(names) => sqlx::query(of_several.sql).bind(tenant.0).bind(names),
    };
    let statement = statement.bind(one_more(take));
    let statement = match bound {
        Bound::Skip(skip) => statement.bind(skip),
        Bound::After(id) | Bound::Before(id) => statement.bind(id),
    };
    let found = statement.fetch_all(conn).await?;
    let total = found.first().map_or(Ok(0), |row| row.try_get("total"))?;
    let beyond = found.first().map_or(Ok(false), |row| row.try_get("beyond"))?;
    let is_there = |row: &&PgRow| matches!(row.try_get("id"), Ok(Some::<Uuid>(_)));
    let rows = found.iter().filter(is_there).map(Row::from_row).collect::<Result<_, _>>()?;
    Ok(Page::of(rows, bound, take, total, beyond))
}

/// For one type, and for several.
const fn reads(bound: Bound) -> &'static [Read; 2] {
    match bound {
        Bound::Skip(_) if bound.is_quick() => &SKIP,
        Bound::Skip(_) => &DEEP,
        Bound::After(_) => &AFTER,
        Bound::Before(_) => &BEFORE,
    }
}

/// To know whether there are others.
fn one_more(take: usize) -> i64 {
    i64::try_from(take).unwrap_or(i64::MAX).saturating_add(1)
}

impl Page {
    /// Of at most one row more than were to be taken.
    fn of(mut rows: Vec<Row>, bound: Bound, take: usize, total: i64, beyond: bool) -> Self {
        rows.sort_unstable_by_key(|row| row.id);
        let backwards = matches!(bound, Bound::Before(_));
        let (earlier, later) = leave_out_one_more(&mut rows, take, backwards, beyond);
        Self { total, rows, earlier, later }
    }
}

/// Leaves those that were to be taken of at most one more, which is the first of them where they
/// were read backwards. The answer is whether there are others before them, and after; `beyond`
/// is whether there are some on the other side of the bound.
pub(crate) fn leave_out_one_more<T>(
    found: &mut Vec<T>,
    take: usize,
    backwards: bool,
    beyond: bool,
) -> (bool, bool) {
    let more = found.len() > take;
    if backwards {
        found.drain(..usize::from(more));
        return (more, beyond);
    }
    found.truncate(take);
    (beyond, more)
}

#[cfg(test)]
mod tests;
