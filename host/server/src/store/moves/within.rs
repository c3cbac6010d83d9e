//! Between the tables that tenants share and a schema, in one database: by statements that read the one and
//! write the other.

use sqlx::{AssertSqlSafe, PgConnection};

use super::Move;
use crate::store::place::{Placement, schema_of};
use crate::store::row_security::RowSecurity;
use crate::store::schemas::{self, SchemaError};
use crate::store::{StoreError, TenantId};

/// From which schema to which.
pub(super) struct Way {
    from: String,
    to: String,
}

impl Way {
    /// Where the target is a schema, that is made where it is not there.
    pub(super) async fn to(
        conn: &mut PgConnection,
        tenant: TenantId,
        to_schema: bool,
        locked: RowSecurity,
    ) -> Result<Self, SchemaError> {
        let (shared, own) = (schemas::current(conn).await?, schema_of(tenant));
        if !to_schema {
            return Ok(Self { from: own, to: shared });
        }
        schemas::create_for_move(conn, tenant, locked).await?;
        Ok(Self { from: shared, to: own })
    }

    /// Makes the rows of a tenant in a table the same as they are where they come from, and tells how many
    /// were copied.
    pub(super) async fn copy(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        table: &str,
    ) -> Result<u64, StoreError> {
        let (columns, keys) = columns(conn, &self.from, table).await?;
        let list = columns.join(", ");
        let same = |columns: &[String], operator: &str| {
            let pairs = columns.iter().map(|it| format!("s.{it} {operator} d.{it}"));
            pairs.collect::<Vec<_>>().join(" AND ")
        };
        let (same_key, same_row) = (same(&keys, "="), same(&columns, "IS NOT DISTINCT FROM"));
        let (from, to) = (format!("{}.{table}", self.from), format!("{}.{table}", self.to));
        let deleted = format!(
            "DELETE FROM {to} AS d WHERE d.tenant_id = $1 AND NOT EXISTS \
             (SELECT FROM {from} AS s WHERE s.tenant_id = $1 AND {same_key} AND {same_row})"
        );
        let inserted = format!(
            "INSERT INTO {to} ({list}) SELECT {list} FROM {from} AS s \
             WHERE s.tenant_id = $1 AND NOT EXISTS \
             (SELECT FROM {to} AS d WHERE d.tenant_id = $1 AND {same_key})"
        );
        sqlx::query(AssertSqlSafe(deleted)).bind(tenant.0).execute(&mut *conn).await?;
        let inserted = sqlx::query(AssertSqlSafe(inserted)).bind(tenant.0).execute(conn).await?;
        Ok(inserted.rows_affected())
    }
}

/// The columns of a table, and those of its primary key.
pub(super) async fn columns(
    conn: &mut PgConnection,
    schema: &str,
    table: &str,
) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let columns: Vec<(String, bool)> = sqlx::query_as(
        "SELECT quote_ident(a.attname), a.attnum = ANY (i.indkey::int2[]) \
         FROM pg_attribute AS a JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary \
         WHERE a.attrelid = to_regclass(format('%I.%I', $1, $2)) AND a.attnum > 0 \
           AND NOT a.attisdropped ORDER BY a.attnum",
    )
    .bind(schema)
    .bind(table)
    .fetch_all(conn)
    .await?;
    let keys = columns.iter().filter(|it| it.1).map(|it| it.0.clone()).collect();
    Ok((columns.into_iter().map(|it| it.0).collect(), keys))
}

/// The schema in the database of the servers that a move from or to another database has at this end; made
/// where it is the target and not there.
pub(super) async fn home(
    conn: &mut PgConnection,
    tenant: TenantId,
    moving: &Move,
    locked: RowSecurity,
) -> Result<String, SchemaError> {
    let schema = Placement::Schema.name();
    if moving.target == schema {
        schemas::create_for_move(conn, tenant, locked).await?;
        return Ok(schema_of(tenant));
    }
    let is_schema: Option<bool> =
        sqlx::query_scalar("SELECT placement = $2 FROM tenants WHERE id = $1")
            .bind(tenant.0)
            .bind(schema)
            .fetch_optional(&mut *conn)
            .await
            .map_err(StoreError::from)?;
    let from_schema = moving.from_database_id.is_none() && is_schema == Some(true);
    if from_schema { Ok(schema_of(tenant)) } else { Ok(schemas::current(conn).await?) }
}
