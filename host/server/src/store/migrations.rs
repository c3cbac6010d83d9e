//! The schema of the database, compiled in from `migrations/`, applied in order.

use std::borrow::Cow;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection, Executor, PgConnection, SqlSafeStr};

/// Number, description and text of every migration. A published one never changes: the database
/// remembers its checksum.
///
/// What one adds to a table with data of tenants, `schemas` adds to the schemas of those that have one. One that
/// does anything else to such a table has to do it to each of them.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "tenants", include_str!("../../../../migrations/0001_tenants.sql")),
    (2, "resources", include_str!("../../../../migrations/0002_resources.sql")),
    (3, "plugins", include_str!("../../../../migrations/0003_plugins.sql")),
    (4, "dialects", include_str!("../../../../migrations/0004_dialects.sql")),
    (5, "group members", include_str!("../../../../migrations/0005_group_members.sql")),
    (6, "user tokens", include_str!("../../../../migrations/0006_user_tokens.sql")),
    (7, "server keys", include_str!("../../../../migrations/0007_server_keys.sql")),
    (8, "storage", include_str!("../../../../migrations/0008_storage.sql")),
    (9, "writes", include_str!("../../../../migrations/0009_writes.sql")),
    (10, "memberships", include_str!("../../../../migrations/0010_memberships.sql")),
    (12, "indexes", include_str!("../../../../migrations/0012_indexes.sql")),
    (13, "filters", include_str!("../../../../migrations/0013_filters.sql")),
    (14, "tenancy", include_str!("../../../../migrations/0014_tenancy.sql")),
    (15, "permissions", include_str!("../../../../migrations/0015_permissions.sql")),
    (20, "issuers", include_str!("../../../../migrations/0020_issuers.sql")),
    (21, "clients", include_str!("../../../../migrations/0021_clients.sql")),
    (22, "credentials", include_str!("../../../../migrations/0022_credentials.sql")),
    (23, "suspension", include_str!("../../../../migrations/0023_suspension.sql")),
    (24, "removal", include_str!("../../../../migrations/0024_removal.sql")),
    (25, "audit", include_str!("../../../../migrations/0025_audit.sql")),
    (26, "requests", include_str!("../../../../migrations/0026_requests.sql")),
    (30, "placement", include_str!("../../../../migrations/0030_placement.sql")),
    (31, "shares", include_str!("../../../../migrations/0031_shares.sql")),
    (32, "external keys", include_str!("../../../../migrations/0032_external_keys.sql")),
    (33, "public discovery", include_str!("../../../../migrations/0033_public_discovery.sql")),
    (34, "operator issuers", include_str!("../../../../migrations/0034_operator_issuers.sql")),
    (35, "databases", include_str!("../../../../migrations/0035_databases.sql")),
    (42, "plugin life cycle", include_str!("../../../../migrations/0042_plugin_life_cycle.sql")),
    (43, "plugin observation", include_str!("../../../../migrations/0043_plugin_observation.sql")),
    (48, "deliveries", include_str!("../../../../migrations/0048_deliveries.sql")),
    (49, "resolvers", include_str!("../../../../migrations/0049_resolvers.sql")),
    (50, "plugins told", include_str!("../../../../migrations/0050_plugins_told.sql")),
    (51, "recordings", include_str!("../../../../migrations/0051_recordings.sql")),
];

/// Servers that start at once take turns at migrating. They hold this until the end of the
/// transaction: a pooler may give each transaction another session.
pub(super) const TURN: &str = "SELECT pg_advisory_xact_lock(7308332046)";

/// Brings the database to the schema of this server, in one transaction: to all of it, or none.
/// Several servers that start at once take turns; a database with a newer schema is refused.
///
/// # Errors
/// The database is not reachable, or was migrated by something else than this history.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    run(&migrator(), connection).await
}

async fn run(migrator: &Migrator, connection: &mut PgConnection) -> Result<(), MigrateError> {
    // The driver names the statements that it prepares. Behind a pooler, the names of whoever had
    // the session before would be in its way.
    connection.clear_cached_statements().await?;
    let mut transaction = connection.begin_with("BEGIN; DEALLOCATE ALL").await?;
    transaction.execute(TURN).await?;
    migrator.run_direct(None, &mut *transaction, false).await?;
    Ok(transaction.commit().await?)
}

/// Whether the database has exactly the schema of this server.
///
/// # Errors
/// The database is not reachable.
pub async fn is_current(connection: &mut PgConnection) -> Result<bool, MigrateError> {
    let migrator = migrator();
    let applied = connection.list_applied_migrations(&migrator.table_name).await?;
    let same = |(ours, theirs): (&Migration, &sqlx::migrate::AppliedMigration)| {
        ours.version == theirs.version && ours.checksum == theirs.checksum
    };
    Ok(applied.len() == MIGRATIONS.len() && migrator.iter().zip(&applied).all(same))
}

fn migrator() -> Migrator {
    up_to(i64::MAX)
}

/// The history up to a migration.
fn up_to(last: i64) -> Migrator {
    let migrations = MIGRATIONS.iter().filter(|(version, ..)| *version <= last).map(
        |(version, description, sql)| {
            Migration::new(
                *version,
                Cow::Borrowed(*description),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        },
    );
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.set_locking(false);
    migrator
}

#[cfg(test)]
mod tests;
