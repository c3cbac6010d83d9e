//! Where the data of a tenant is: in the tables that tenants share, or in a schema of its own, which has
//! tables of the same names. Statements are the same for both. In a transaction whose `search_path` begins
//! with the schema of a tenant, they find its tables, and those of all tenants, such as `tokens`, where
//! they always are.
//!
//! A schema that is not there is an error: without it, the tables that tenants share would be found.

use sqlx::PgConnection;

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
}

impl Placement {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Shared, Self::Schema];

    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Schema => "schema",
        }
    }

    /// The placement of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub(super) fn of_stored(name: String) -> Result<Self, StoreError> {
        Self::named(&name).ok_or(StoreError::Unknown { what: "placement", found: name })
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

/// What makes a transaction see the tables of a tenant, wherever they are.
pub(super) fn entering(tenant: TenantId, writes: Writes) -> String {
    // Two statements: the second looks when the lock is there, for which the first may have waited.
    let held = match writes {
        Writes::Yes => format!("SELECT FROM tenants WHERE id = '{tenant}' FOR KEY SHARE; "),
        Writes::No => String::new(),
    };
    format!(
        "{held}SELECT CASE placement WHEN 'schema' THEN set_config('search_path', \
             ('tenon_' || replace(id::text, '-', ''))::regnamespace::text || ',' || \
                 current_setting('search_path'), true) END \
         FROM tenants WHERE id = '{tenant}'"
    )
}

/// Makes a transaction that has begun see the tables of a tenant, wherever they are. It does not keep the
/// tenant from moving: who writes holds something else for which a move waits.
///
/// # Errors
/// The database fails, or the tenant's schema is not there.
pub async fn enter(conn: &mut PgConnection, tenant: TenantId) -> Result<(), StoreError> {
    let statement = sqlx::AssertSqlSafe(entering(tenant, Writes::No));
    sqlx::raw_sql(statement).execute(conn).await?;
    Ok(())
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
        assert_eq!(Placement::of_stored("schema".to_owned()).unwrap(), Placement::Schema);
        Placement::of_stored("database".to_owned()).unwrap_err();
    }
}
