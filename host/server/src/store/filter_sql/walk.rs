//! A page of all resources of a type in the order of an index: no more entries are read than come
//! before the end of the page.
//!
//! Only of resources that have a value, in ascending order, and forwards. An index has no entry of
//! those without a value, which come last: a page that reaches them is made of the keys of all.

use sqlx::{PgConnection, Row as _};
use tenon_scim::index::{self, KEY_CHARS};
use tenon_scim::sort::{Sort, SortOrder, rank};

use super::binds::{Binds, Statement};
use super::page::{COLUMNS, Page, as_i64, page_of};
use super::planner::{Keys, Plan};
use super::{Bound, Order, Position, Slice, Space, TENANT};
use crate::store::{StoreError, TenantId};

impl Plan<'_> {
    /// The page, if the index alone has it.
    pub(super) async fn walked(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        slice: &Slice,
    ) -> Result<Option<Page>, StoreError> {
        let Some(statement) = self.walk(tenant, slice) else { return Ok(None) };
        let rows = statement.rows(conn).await?;
        for row in &rows {
            if row.try_get("cut")? {
                return Ok(None);
            }
        }
        // One more than wanted: the page after this one begins with a value, too.
        if rows.len() <= slice.take {
            return Ok(None);
        }
        Ok(Some(page_of(&rows, slice)?))
    }

    fn walk(&self, tenant: TenantId, slice: &Slice) -> Option<Statement> {
        let [of_type] = self.types.as_slice() else { return None };
        let sort = of_type.asked.sort.as_ref()?;
        let is_of_all = of_type.set.is_none() && of_type.probes.is_empty();
        let is_ascending = self.order == Order::Sorted(SortOrder::Ascending);
        if !is_of_all || !is_ascending || of_type.keys != Keys::Index {
            return None;
        }
        let Bound::After(after) = &slice.bound else { return None };
        statement(tenant, sort, &of_type.asked.space, after.as_ref(), slice)
    }
}

/// The total is that of the type's counter: there is no filter.
fn statement(
    tenant: TenantId,
    sort: &Sort<'_>,
    space: &Space<'_>,
    after: Option<&Position>,
    slice: &Slice,
) -> Option<Statement> {
    let target = sort.target();
    let rank = rank(target.leaf().kind);
    let mut binds = Binds::default();
    binds.uuid(tenant.0);
    let (of_type, path) = (binds.text(&space.resource_type.name), binds.text(&target.path()));
    // Of what keeps values unique, those that are longer than a key are not in the order of keys.
    let (table, first, cut) = match index::is_found_by_uniqueness(space.resource_type, target) {
        true => ("unique_values", "", format!("length(a.val) > {KEY_CHARS}")),
        false => ("attr_index", "AND a.elem = 0", "false".to_owned()),
    };
    let entries = format!(
        "FROM {table} AS a WHERE a.tenant_id = {TENANT} AND a.type = {of_type} \
         AND a.attr = {path} {first}"
    );
    let (within, beyond) = match after {
        None => (String::new(), "false".to_owned()),
        Some(position) => {
            let val = position.key.strip_prefix(rank)?;
            if table == "unique_values" && val.chars().count() > KEY_CHARS {
                return None;
            }
            let (val, id) = (binds.text(val), binds.uuid(position.id));
            (
                format!("AND (a.val, a.id) > ({val}, {id})"),
                format!("EXISTS (SELECT {entries} AND (a.val, a.id) <= ({val}, {id}))"),
            )
        }
    };
    let limit = binds.number(as_i64(slice.take.saturating_add(1)));
    let skip = binds.number(as_i64(slice.skip));
    let text = format!(
        "WITH p AS MATERIALIZED (SELECT a.id, a.val, {cut} AS cut {entries} {within} \
             ORDER BY a.val, a.id OFFSET {skip} LIMIT {limit}) \
         SELECT (SELECT coalesce(sum(n), 0)::bigint FROM counters \
                 WHERE tenant_id = {TENANT} AND type = {of_type}) AS total, \
                ARRAY[0]::bigint[] AS candidates, false AS stale, {beyond} AS beyond, \
                '{rank}' || p.val AS k, p.cut, {COLUMNS} \
         FROM p CROSS JOIN LATERAL (SELECT * FROM resources \
             WHERE tenant_id = {TENANT} AND id >= p.id ORDER BY id LIMIT 1) AS r \
         WHERE r.id = p.id ORDER BY p.val, p.id"
    );
    Some(Statement { text, binds })
}
