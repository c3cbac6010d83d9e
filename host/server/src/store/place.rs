//! Where the data of a tenant is: in the tables that tenants share, in a schema of its own, or in a database
//! of its own; each has tables of the same names, and statements are the same for all. In a transaction whose
//! `search_path` begins with the schema of a tenant, they find its tables, and those of all tenants, such as
//! `tokens`, where they always are. Those of a database of its own go to another server (`database/own`).
//!
//! What is not there is an error: without it, the tables that tenants share would be found.

use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::row_security::{self, RowSecurity};
use super::{StoreError, TenantId};

/// Which tables have the data of a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Placement {
    /// Those that tenants share.
    #[default]
    Shared,
    /// Those of a schema of its own.
    Schema,
    /// Those of a database of its own: which of its databases (`own_databases`).
    Database(Uuid),
}

impl Placement {
    /// The names of all of them.
    pub const KINDS: [&'static str; 3] = ["shared", "schema", "database"];

    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Schema => "schema",
            Self::Database(_) => "database",
        }
    }

    /// The database, where it is one of its own.
    #[must_use]
    pub const fn database(self) -> Option<Uuid> {
        match self {
            Self::Database(id) => Some(id),
            Self::Shared | Self::Schema => None,
        }
    }

    pub(super) fn of_stored(name: String, database: Option<Uuid>) -> Result<Self, StoreError> {
        match (name.as_str(), database) {
            ("shared", _) => Ok(Self::Shared),
            ("schema", _) => Ok(Self::Schema),
            ("database", Some(id)) => Ok(Self::Database(id)),
            _ => Err(StoreError::Unknown { what: "placement", found: name }),
        }
    }
}

/// A tenant and where its data is, as the runtime of a request knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The tenant.
    pub tenant: TenantId,
    /// Which tables have its data; `None` while it moves: then each transaction looks, and one that writes
    /// keeps it from moving on.
    pub placement: Option<Placement>,
}

impl Place {
    /// For what a tenant has in tables that are the same for all, such as its plugins.
    #[must_use]
    pub const fn of_all(tenant: TenantId) -> Self {
        Self { tenant, placement: Some(Placement::Shared) }
    }

    /// What makes a transaction of requests see the tables of the tenant, and under the second lock its rows
    /// alone; nothing where they are found without.
    pub(super) fn entering(self, writes: Writes, locked: RowSecurity) -> Option<String> {
        let entering = match self.placement {
            Some(Placement::Shared) => return None,
            None => entering(self.tenant, writes),
            // It is not here: the statement fails, as one does whose schema is not there.
            Some(Placement::Database(id)) => {
                format!("SELECT 'tenon_database_{}'::regnamespace", id.simple())
            }
            // Letters and digits: the name needs no quoting.
            Some(Placement::Schema) => format!(
                "SELECT set_config('search_path', '{}'::regnamespace::text || ',' || \
                 current_setting('search_path'), true)",
                schema_of(self.tenant)
            ),
        };
        Some(match locked {
            RowSecurity::Off => entering,
            RowSecurity::On => format!("{entering}; {}", row_security::lock(self.tenant)),
        })
    }

    /// Whether its tables are known to be in the database of the servers.
    #[must_use]
    pub const fn is_at_home(self) -> bool {
        matches!(self.placement, Some(Placement::Shared | Placement::Schema))
    }

    /// Whether statements find the tables without being told where.
    pub(super) fn is_shared(self) -> bool {
        self.placement == Some(Placement::Shared)
    }
}

/// The name of the schema that a tenant has, if it has one.
pub(super) fn schema_of(tenant: TenantId) -> String {
    format!("tenon_{}", tenant.0.simple())
}

/// Whether a transaction writes what a tenant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// It does, and holds the tenant's row: the tenant's data stays where it is as long.
    Yes,
    /// It does not.
    No,
}

/// What makes a transaction see the tables of a tenant, wherever they are. The last row begins with the id of
/// a database of its own, where they are in one: then they are not to be found here.
pub(super) fn entering(tenant: TenantId, writes: Writes) -> String {
    // Two statements: the second looks when the lock is there, for which the first may have waited.
    let held = match writes {
        Writes::Yes => format!("SELECT FROM tenants WHERE id = '{tenant}' FOR KEY SHARE; "),
        Writes::No => String::new(),
    };
    format!(
        "{held}SELECT CASE placement WHEN 'database' THEN database_id::text END, \
         CASE placement WHEN 'schema' THEN set_config('search_path', \
             ('tenon_' || replace(id::text, '-', ''))::regnamespace::text || ',' || \
                 current_setting('search_path'), true) END \
         FROM tenants WHERE id = '{tenant}'"
    )
}

/// Makes a transaction that has begun see the tables of a tenant, in the database of the servers. It does not
/// keep the tenant from moving: who writes holds something else for which a move waits.
///
/// # Errors
/// The database fails, the tenant's schema is not there, or it has a database of its own.
pub async fn enter(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    match find(conn, tenant, Writes::No).await? {
        None => Ok(()),
        Some(_) => Err(StoreError::Unavailable(sqlx::Error::Protocol(format!(
            "the tenant {tenant} has moved to a database of its own"
        )))),
    }
}

/// The same; where it has a database of its own, which one, and nothing of it is here.
pub(super) async fn find(
    conn: &mut PgConnection,
    tenant: TenantId,
    writes: Writes,
) -> Result<Option<Uuid>, StoreError> {
    let statement = sqlx::AssertSqlSafe(entering(tenant, writes));
    let rows = sqlx::raw_sql(statement).fetch_all(conn).await?;
    // Of what is no tenant, the operator's own, there is no row.
    let Some(found) = rows.last().filter(|row| !row.is_empty()) else { return Ok(None) };
    let id: Option<String> = found.try_get(0)?;
    Ok(id.and_then(|id| Uuid::parse_str(&id).ok()))
}

/// Makes a transaction see the tables of a schema first.
pub(super) async fn enter_schema(conn: &mut PgConnection, name: &str) -> Result<(), StoreError> {
    sqlx::query(
        "SELECT set_config('search_path', $1 || ',' || current_setting('search_path'), true)",
    )
    .bind(name)
    .execute(conn)
    .await?;
    Ok(())
}

/// Where a transaction looks for tables.
pub(super) async fn path(conn: &mut PgConnection) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar("SELECT current_setting('search_path')").fetch_one(conn).await?)
}

/// Makes a transaction look for tables where it did before it entered a tenant's schema.
pub(super) async fn return_to(conn: &mut PgConnection, path: &str) -> Result<(), StoreError> {
    sqlx::query("SELECT set_config('search_path', $1, true)").bind(path).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_transaction_of_a_tenant_without_a_schema_begins_as_it_always_did() {
        let tenant = TenantId(Uuid::nil());
        let shared = Place { tenant, placement: Some(Placement::Shared) };
        assert_eq!(shared.entering(Writes::Yes, RowSecurity::On), None);
        let own = Place { tenant, placement: Some(Placement::Schema) };
        let own = own.entering(Writes::Yes, RowSecurity::On).unwrap();
        let path = own.find("tenon_00000000000000000000000000000000").unwrap();
        assert!(path < own.find("SET LOCAL ROLE tenon_tenant").unwrap(), "{own}");
    }

    #[test]
    fn a_placement_of_a_newer_server_is_no_other_placement() {
        assert_eq!(Placement::of_stored("schema".to_owned(), None).unwrap(), Placement::Schema);
        Placement::of_stored("cloud".to_owned(), None).unwrap_err();
        Placement::of_stored("database".to_owned(), None).unwrap_err();
    }
}
