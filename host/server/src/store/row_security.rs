//! Row-level security, PostgreSQL's own, as a second lock beside the `tenant_id = $1` of every
//! statement: what requests of a tenant do in the database, they do as a role that sees the rows of
//! the tenant of its transaction alone. A transaction that has not named one fails.
//!
//! The owner of the tables, as which the server connects, passes: to migrate, to administer, and for
//! work in the background. Made where the setting says so, and again after each migration.

use std::str::FromStr;

use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};

use super::{StoreError, TenantId, migrations, place, tenants};

/// Whether the second lock is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RowSecurity {
    /// The statements' own condition is the only one.
    #[default]
    Off,
    /// Requests work as a role that sees the rows of one tenant.
    On,
}

impl FromStr for RowSecurity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" => Ok(Self::Off),
            "on" => Ok(Self::On),
            _ => Err(()),
        }
    }
}

/// What puts the rest of a transaction under the lock.
pub(super) fn lock(tenant: TenantId) -> String {
    // Letters, digits and hyphens: an id needs no quoting, and SET takes no bind.
    let TenantId(tenant) = tenant;
    format!("SET LOCAL ROLE tenon_tenant; SET LOCAL tenon.tenant = '{tenant}'")
}

/// How a transaction begins that is under the lock: in one round trip.
pub(super) fn begin_as(tenant: TenantId, begin: &str) -> String {
    format!("{begin}; {}", lock(tenant))
}

/// Why there is no second lock.
#[derive(Debug, thiserror::Error)]
pub enum RowSecurityError {
    /// The database's user may not.
    #[error(
        "row_level_security = on: the database's user may not {what}: {source}; have the \
         database's administrator run CREATE ROLE tenon_tenant NOLOGIN; GRANT tenon_tenant TO the \
         user of database_url; or set row_level_security (TENON_ROW_LEVEL_SECURITY) to off"
    )]
    NotPermitted {
        /// What was tried.
        what: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The role sees all rows of a table.
    #[error(
        "row_level_security = on: the role tenon_tenant is not held by the lock of the table \
         {table}; it must be neither a superuser, nor have BYPASSRLS, nor own the table"
    )]
    NotHeld {
        /// The table.
        table: String,
    },
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is not there yet, as statements. The conditions and names are the catalog's.
///
/// Beside the tables with a tenant, requests read the components of plugins, and tell by the epoch
/// that a credential has gone with its user.
const MISSING: &str = "
    SELECT format(part.statement, t.relname)
    FROM pg_class AS t
    CROSS JOIN LATERAL (VALUES
        ('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tenon_tenant',
         has_table_privilege('tenon_tenant', t.oid, 'DELETE')),
        ('CREATE POLICY own ON %I TO tenon_tenant
             USING (tenant_id = current_setting(''tenon.tenant'')::uuid)',
         EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = t.oid AND p.polname = 'own')),
        ('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t.relrowsecurity)
    ) AS part (statement, is_there)
    WHERE t.relnamespace = current_schema()::text::regnamespace AND t.relkind = 'r'
      AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = t.oid AND a.attname = 'tenant_id')
      AND NOT part.is_there
    UNION ALL
    SELECT part.statement
    FROM (VALUES
        ('GRANT SELECT ON components TO tenon_tenant',
         has_table_privilege('tenon_tenant', 'components', 'SELECT')),
        ('GRANT SELECT, UPDATE ON config_epoch TO tenon_tenant',
         has_table_privilege('tenon_tenant', 'config_epoch', 'UPDATE')),
        (format('GRANT USAGE ON SCHEMA %I TO tenon_tenant', current_schema()),
         has_schema_privilege('tenon_tenant', current_schema(), 'USAGE'))
    ) AS part (statement, is_there)
    WHERE NOT part.is_there";

/// The tables with a tenant whose lock does not hold the role of the session.
const NOT_HELD: &str = "
    SELECT t.relname::text
    FROM pg_class AS t
    WHERE t.relnamespace = current_schema()::text::regnamespace AND t.relkind = 'r'
      AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = t.oid AND a.attname = 'tenant_id')
      AND NOT row_security_active(t.oid)
    LIMIT 1";

/// Makes the role, and the lock of every table with a tenant, where they are not there: in one
/// transaction, and in turn with migrations.
///
/// # Errors
/// The database's user may not, the lock would hold nobody, or the database fails.
pub async fn enable(conn: &mut PgConnection) -> Result<(), RowSecurityError> {
    // As for a migration: behind a pooler, statements of others may have the driver's names.
    conn.clear_cached_statements().await.map_err(StoreError::from)?;
    let begun = conn.begin_with("BEGIN; DEALLOCATE ALL").await;
    let mut transaction = begun.map_err(StoreError::from)?;
    run(&mut transaction, migrations::TURN, "take turns").await?;
    if !role_is_there(&mut transaction).await? {
        run(&mut transaction, "CREATE ROLE tenon_tenant NOLOGIN", "make a role").await?;
    }
    if !is_member(&mut transaction).await? {
        let grant = "GRANT tenon_tenant TO CURRENT_USER";
        run(&mut transaction, grant, "become a member of the role tenon_tenant").await?;
    }
    let schemas = tenants::with_schema(&mut transaction).await?;
    lock_tables(&mut transaction).await?;
    let path = place::path(&mut transaction).await?;
    for tenant in schemas {
        place::enter(&mut transaction, tenant).await?;
        lock_tables(&mut transaction).await?;
        place::return_to(&mut transaction, &path).await?;
    }
    run(&mut transaction, "SET LOCAL ROLE tenon_tenant", "work as the role tenon_tenant").await?;
    let not_held: Option<String> = sqlx::query_scalar(NOT_HELD)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(StoreError::from)?;
    if let Some(table) = not_held {
        return Err(RowSecurityError::NotHeld { table });
    }
    Ok(transaction.commit().await.map_err(StoreError::from)?)
}

/// Makes what is missing of the locks of the tables in the schema that comes first.
///
/// # Errors
/// The database's user may not, or the database fails.
pub(super) async fn lock_tables(conn: &mut PgConnection) -> Result<(), RowSecurityError> {
    let missing: Vec<String> =
        sqlx::query_scalar(MISSING).fetch_all(&mut *conn).await.map_err(StoreError::from)?;
    for statement in missing {
        let made = raw_sql(AssertSqlSafe(statement)).execute(&mut *conn).await;
        made.map_err(|error| refused("lock its tables", error))?;
    }
    Ok(())
}

async fn role_is_there(conn: &mut PgConnection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tenon_tenant')";
    Ok(sqlx::query_scalar(sql).fetch_one(conn).await?)
}

async fn is_member(conn: &mut PgConnection) -> Result<bool, StoreError> {
    let sql = "SELECT pg_has_role(current_user, 'tenon_tenant', 'USAGE')";
    Ok(sqlx::query_scalar(sql).fetch_one(conn).await?)
}

async fn run(
    conn: &mut PgConnection,
    statement: &'static str,
    what: &'static str,
) -> Result<(), RowSecurityError> {
    match raw_sql(statement).execute(conn).await {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(what, error)),
    }
}

fn refused(what: &'static str, source: sqlx::Error) -> RowSecurityError {
    // insufficient_privilege
    match source.as_database_error().and_then(|it| it.code()).as_deref() {
        Some("42501") => RowSecurityError::NotPermitted { what, source },
        _ => StoreError::from(source).into(),
    }
}

#[cfg(test)]
mod tests;
