//! Schemas of tenants that have one of their own (see `place`): made when the tenant is created, brought in
//! line with the tables that tenants share when a server starts, and dropped with the tenant.
//!
//! What such a schema has to have is read from the catalog: the tables below as they are there, with the
//! names of their indexes and constraints. So a migration that adds to them is a migration of every schema.
//! One that does anything else has to say so for every schema itself, or servers do not start.

use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};

use super::place::{self, schema_of};
use super::row_security::{self, RowSecurity, RowSecurityError};
use super::{StoreError, TenantId, migrations, tenants};

/// The tables that have the data of tenants.
pub(super) const TABLES: [&str; 12] = [
    "resources",
    "group_members",
    "unique_values",
    "attr_index",
    "counters",
    "outbox",
    "deliveries",
    "recorded_calls",
    "audit",
    "audit_seals",
    "requests",
    "idempotency_keys",
];

/// Why a tenant has no schema of its own.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database's user may not make one.
    #[error(
        "the database's user may not create a schema; have the database's administrator run \
         GRANT CREATE ON DATABASE … TO the user of database_url"
    )]
    NotPermitted,
    /// A table has other columns than the one that tenants share.
    #[error(
        "the table {table} of the schema {schema} has other columns than the one that tenants share; \
         the schema was changed by hand, or restored from the backup of another version"
    )]
    Differs {
        /// The schema.
        schema: String,
        /// The table.
        table: String,
    },
    /// The second lock.
    #[error(transparent)]
    RowSecurity(#[from] RowSecurityError),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tables that are missing in the schema `$1`, of those (`$3`) in the schema `$2`, as statements. Without
/// what the steps after it make.
const TABLES_MISSING: &str = "
    SELECT format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING DEFAULTS INCLUDING STORAGE)', $1, t.relname,
                  $2, t.relname)
           || coalesce(' WITH (' || array_to_string(t.reloptions, ', ') || ')', '')
    FROM pg_class AS t
    WHERE t.relnamespace = $2::regnamespace AND t.relkind = 'r' AND t.relname = ANY ($3)
      AND to_regclass(format('%I.%I', $1, t.relname)) IS NULL
    ORDER BY t.relname";

const COLUMNS_MISSING: &str = "
    SELECT format('ALTER TABLE %I.%I ADD COLUMN %I %s', $1, t.relname, a.attname,
                  format_type(a.atttypid, a.atttypmod))
           || CASE WHEN c.collname = 'C' THEN ' COLLATE \"C\"' ELSE '' END
           || CASE WHEN d.adbin IS NULL THEN ''
                   ELSE ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END
           || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
    FROM pg_class AS t
    JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
    WHERE t.relnamespace = $2::regnamespace AND t.relkind = 'r' AND t.relname = ANY ($3)
      AND NOT EXISTS (SELECT FROM pg_attribute AS own
                      WHERE own.attrelid = to_regclass(format('%I.%I', $1, t.relname))
                        AND own.attname = a.attname AND NOT own.attisdropped)
    ORDER BY t.relname, a.attnum";

/// But for foreign keys, which are to `tenants` alone: the schema goes with the tenant, and to add one would
/// lock `tenants` against all who write.
const CONSTRAINTS_MISSING: &str = "
    SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', $1, t.relname, k.conname,
                  pg_get_constraintdef(k.oid))
    FROM pg_class AS t
    JOIN pg_constraint AS k ON k.conrelid = t.oid AND k.contype IN ('p', 'u', 'c')
    WHERE t.relnamespace = $2::regnamespace AND t.relkind = 'r' AND t.relname = ANY ($3)
      AND NOT EXISTS (SELECT FROM pg_constraint AS own
                      WHERE own.conrelid = to_regclass(format('%I.%I', $1, t.relname))
                        AND own.conname = k.conname)
    ORDER BY t.relname, k.conname";

const INDEXES_MISSING: &str = "
    SELECT replace(pg_get_indexdef(i.indexrelid), format(' ON %I.%I ', $2, t.relname),
                   format(' ON %I.%I ', $1, t.relname))
    FROM pg_class AS t
    JOIN pg_index AS i ON i.indrelid = t.oid AND i.indisvalid
    JOIN pg_class AS n ON n.oid = i.indexrelid
    WHERE t.relnamespace = $2::regnamespace AND t.relkind = 'r' AND t.relname = ANY ($3)
      AND to_regclass(format('%I.%I', $1, n.relname)) IS NULL
    ORDER BY n.relname";

/// A table of the schema `$1` whose columns are not those of the schema `$2`.
const DIFFERENT: &str = "
    SELECT t.relname::text
    FROM pg_class AS t
    WHERE t.relnamespace = $2::regnamespace AND t.relkind = 'r' AND t.relname = ANY ($3)
      AND (SELECT array_agg(format('%s %s %s', attname, format_type(atttypid, atttypmod), attnotnull)
                            ORDER BY attname)
           FROM pg_attribute WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped)
          IS DISTINCT FROM
          (SELECT array_agg(format('%s %s %s', attname, format_type(atttypid, atttypmod), attnotnull)
                            ORDER BY attname)
           FROM pg_attribute
           WHERE attrelid = to_regclass(format('%I.%I', $1, t.relname)) AND attnum > 0
             AND NOT attisdropped)
    LIMIT 1";

/// Makes the schema of a tenant, in the transaction that adds it, which sees its tables from then on.
///
/// # Errors
/// The database's user may not, or the database fails.
pub async fn create(
    conn: &mut PgConnection,
    tenant: TenantId,
    locked: RowSecurity,
) -> Result<(), SchemaError> {
    let (central, name) = (current(conn).await?, schema_of(tenant));
    let made = run(conn, format!("CREATE SCHEMA IF NOT EXISTS {name}")).await;
    made.map_err(|error| match error {
        StoreError::Failed(error) if is_refused(&error) => SchemaError::NotPermitted,
        error => error.into(),
    })?;
    place::enter_schema(conn, &name).await?;
    fill(conn, tenant, &central).await?;
    if locked == RowSecurity::On {
        row_security::lock_tables(conn).await?;
    }
    Ok(())
}

/// The same for a tenant that is about to move there, where its schema is not there or not whole. The
/// transaction sees the tables that it saw before.
///
/// # Errors
/// As [`create`].
pub(super) async fn create_for_move(
    conn: &mut PgConnection,
    tenant: TenantId,
    locked: RowSecurity,
) -> Result<(), SchemaError> {
    let path = place::path(conn).await?;
    create(conn, tenant, locked).await?;
    Ok(place::return_to(conn, &path).await?)
}

/// Drops the schema of a tenant, if it has one, with all that is in it.
///
/// # Errors
/// The database fails.
pub async fn drop(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    run(conn, format!("DROP SCHEMA IF EXISTS {} CASCADE", schema_of(tenant))).await
}

/// Brings the schemas of all tenants in line with the tables that tenants share: in one transaction, and in
/// turn with migrations.
///
/// # Errors
/// A schema differs in what cannot be added, or is not there; or the database fails.
pub async fn bring_in_line(conn: &mut PgConnection) -> Result<(), SchemaError> {
    // As for a migration: behind a pooler, statements of others may have the driver's names.
    conn.clear_cached_statements().await.map_err(StoreError::from)?;
    let begun = conn.begin_with("BEGIN; DEALLOCATE ALL").await;
    let mut transaction = begun.map_err(StoreError::from)?;
    raw_sql(migrations::TURN).execute(&mut *transaction).await.map_err(StoreError::from)?;
    let central = current(&mut transaction).await?;
    let path = place::path(&mut transaction).await?;
    for tenant in tenants::with_schema(&mut transaction).await? {
        place::enter(&mut transaction, tenant).await?;
        fill(&mut transaction, tenant, &central).await?;
        place::return_to(&mut transaction, &path).await?;
    }
    Ok(transaction.commit().await.map_err(StoreError::from)?)
}

/// The schema with the tables that tenants share, before another was entered.
pub(super) async fn current(conn: &mut PgConnection) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar("SELECT current_schema()::text").fetch_one(conn).await?)
}

async fn fill(conn: &mut PgConnection, tenant: TenantId, central: &str) -> Result<(), SchemaError> {
    let schema = schema_of(tenant);
    for step in [TABLES_MISSING, COLUMNS_MISSING, CONSTRAINTS_MISSING, INDEXES_MISSING] {
        let missing: Vec<String> = sqlx::query_scalar(step)
            .bind(&schema)
            .bind(central)
            .bind(TABLES)
            .fetch_all(&mut *conn)
            .await
            .map_err(StoreError::from)?;
        for statement in missing {
            run(conn, statement).await?;
        }
    }
    let different: Option<String> = sqlx::query_scalar(DIFFERENT)
        .bind(&schema)
        .bind(central)
        .bind(TABLES)
        .fetch_optional(conn)
        .await
        .map_err(StoreError::from)?;
    different.map_or(Ok(()), |table| Err(SchemaError::Differs { schema, table }))
}

/// A statement of names and definitions that are the catalog's, and of ids.
async fn run(conn: &mut PgConnection, statement: String) -> Result<(), StoreError> {
    raw_sql(AssertSqlSafe(statement)).execute(conn).await?;
    Ok(())
}

/// insufficient_privilege
fn is_refused(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|it| it.code()).as_deref() == Some("42501")
}
