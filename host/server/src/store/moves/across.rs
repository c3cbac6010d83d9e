//! From one database to another: rows are compared by what stands for them, in parts, and those of the parts
//! that differ are streamed through the server.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, raw_sql};

use super::within::columns;
use crate::store::database::WriteTransaction;
use crate::store::schemas::{self, TABLES};
use crate::store::{StoreError, TenantId, audit_waiting, own_databases};

/// Parts of a table, by the first digits of what stands for a row's key.
const DIGITS: usize = 3;
/// With more parts that differ, all rows are copied.
const FEW_PARTS: usize = 1 << (4 * DIGITS - 1);

/// How long what is done at one end may take while the other waits for it; and rows have one form as text in
/// all databases.
const BOUNDS: &str = "SET LOCAL statement_timeout = '10min'; \
     SET LOCAL idle_in_transaction_session_timeout = '10min'; SET LOCAL bytea_output = 'hex'; \
     SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY'; \
     SET LOCAL extra_float_digits = 1";

/// The two ends of a move, one of which may be the database of the servers.
pub(super) struct Across {
    /// The schema there.
    home: String,
    from: Option<End>,
    to: Option<End>,
}

/// A transaction in a tenant's own database.
struct End {
    transaction: WriteTransaction,
    schema: String,
}

/// A connection to one end, and the schema there.
type Side<'c> = (&'c mut PgConnection, &'c str);

/// What stands for the rows of each part: how many they are, and the sum of their hashes.
type Parts = BTreeMap<String, (i64, String)>;

/// A table at both ends.
struct Table<'t> {
    tenant: TenantId,
    name: &'t str,
    columns: Vec<String>,
    keys: Vec<String>,
}

impl End {
    async fn of(mut transaction: WriteTransaction) -> Result<Self, StoreError> {
        raw_sql(BOUNDS).execute(&mut *transaction).await?;
        let schema = schemas::current(&mut transaction).await?;
        Ok(Self { transaction, schema })
    }
}

impl Across {
    pub(super) async fn new(
        conn: &mut PgConnection,
        home: String,
        from: Option<WriteTransaction>,
        to: Option<WriteTransaction>,
    ) -> Result<Self, StoreError> {
        raw_sql(BOUNDS).execute(conn).await?;
        let mut across = Self { home, from: None, to: None };
        if let Some(from) = from {
            across.from = Some(End::of(from).await?);
        }
        if let Some(to) = to {
            across.to = Some(End::of(to).await?);
        }
        Ok(across)
    }

    /// The connection and the schema of each end.
    fn ends<'c>(&'c mut self, conn: &'c mut PgConnection) -> Option<(Side<'c>, Side<'c>)> {
        fn apart(end: &mut End) -> Side<'_> {
            (&mut end.transaction, &end.schema)
        }
        match (&mut self.from, &mut self.to) {
            (Some(from), Some(to)) => Some((apart(from), apart(to))),
            (Some(from), None) => Some((apart(from), (conn, &self.home))),
            (None, Some(to)) => Some(((conn, &self.home), apart(to))),
            (None, None) => None,
        }
    }

    /// Makes the rows of a tenant in a table the same as they are where they come from, as of now, and tells
    /// how many were copied.
    pub(super) async fn copy(
        &mut self,
        conn: &mut PgConnection,
        tenant: TenantId,
        name: &str,
    ) -> Result<u64, StoreError> {
        let Some(((from, from_schema), (to, to_schema))) = self.ends(conn) else { return Ok(0) };
        let table = Table::of(from, from_schema, tenant, name).await?;
        let wanted = table.parts(from, from_schema).await?;
        let found = table.parts(to, to_schema).await?;
        let differ: Vec<&str> = wanted
            .keys()
            .chain(found.keys().filter(|part| !wanted.contains_key(*part)))
            .filter(|part| wanted.get(*part) != found.get(*part))
            .map(String::as_str)
            .collect();
        if differ.is_empty() {
            return Ok(0);
        }
        table.delete(to, to_schema, &differ).await?;
        table.stream((from, from_schema), (to, to_schema), &differ).await
    }

    /// Whether a table has the same rows at both ends.
    async fn is_same(
        &mut self,
        conn: &mut PgConnection,
        tenant: TenantId,
        name: &str,
    ) -> Result<bool, StoreError> {
        let Some(((from, from_schema), (to, to_schema))) = self.ends(conn) else { return Ok(true) };
        let table = Table::of(from, from_schema, tenant, name).await?;
        Ok(table.parts(from, from_schema).await? == table.parts(to, to_schema).await?)
    }

    /// Copies what has changed since, while nobody writes, and has both ends say where the data is now. The
    /// tenant's row in the database of the servers is locked, and says so when this transaction is committed.
    pub(super) async fn switch(
        mut self,
        conn: &mut PgConnection,
        tenant: TenantId,
    ) -> Result<(), StoreError> {
        if let Some(from) = &mut self.from {
            own_databases::hold(&mut from.transaction, tenant).await?;
            take_waiting_records(conn, &mut from.transaction, tenant).await?;
        }
        for table in TABLES {
            let copied = self.copy(conn, tenant, table).await?;
            if copied > 0 && !self.is_same(conn, tenant, table).await? {
                return Err(StoreError::Unknown {
                    what: "rows of a tenant that moves",
                    found: format!("{table} is not the same at both ends"),
                });
            }
        }
        if let Some(to) = &mut self.to {
            own_databases::mark(&mut to.transaction, tenant, true).await?;
        }
        if let Some(from) = &mut self.from {
            own_databases::mark(&mut from.transaction, tenant, false).await?;
        }
        self.commit().await
    }

    /// Makes what was done in the tenant's own databases last: at the new one first.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        if let Some(to) = self.to {
            to.transaction.commit().await?;
        }
        if let Some(from) = self.from {
            from.transaction.commit().await?;
        }
        Ok(())
    }
}

/// Takes what administrators did to the audit log. No more comes, as the tenant is locked.
async fn take_waiting_records(
    conn: &mut PgConnection,
    log: &mut PgConnection,
    tenant: TenantId,
) -> Result<(), StoreError> {
    loop {
        let waiting = audit_waiting::list(conn, tenant).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        audit_waiting::add_to_log(log, tenant, &waiting).await?;
        audit_waiting::remove(conn, tenant, &waiting).await?;
    }
}

impl<'t> Table<'t> {
    async fn of(
        conn: &mut PgConnection,
        schema: &str,
        tenant: TenantId,
        name: &'t str,
    ) -> Result<Self, StoreError> {
        let (mut columns, mut keys) = columns(conn, schema, name).await?;
        // What stands for a row must not depend on the order in which its columns were added.
        columns.sort_unstable();
        keys.sort_unstable();
        Ok(Self { tenant, name, columns, keys })
    }

    /// The part in which a row is.
    fn part(&self) -> String {
        format!("substr(md5(ROW({})::text), 1, {DIGITS})", self.keys.join(", "))
    }

    async fn parts(&self, conn: &mut PgConnection, schema: &str) -> Result<Parts, StoreError> {
        let statement = format!(
            "SELECT {} AS part, count(*), \
                    sum(('x' || substr(md5(ROW({})::text), 1, 15))::bit(60)::bigint)::text \
             FROM {schema}.{} WHERE tenant_id = $1 GROUP BY 1",
            self.part(),
            self.columns.join(", "),
            self.name
        );
        let parts: Vec<(String, i64, String)> =
            sqlx::query_as(AssertSqlSafe(statement)).bind(self.tenant.0).fetch_all(conn).await?;
        Ok(parts.into_iter().map(|(part, count, sum)| (part, (count, sum))).collect())
    }

    /// The rows of these parts, or all where they are many.
    fn among(&self, parts: &[&str]) -> String {
        let of_tenant = format!("tenant_id = '{}'", self.tenant);
        if parts.len() > FEW_PARTS {
            return of_tenant;
        }
        // Digits: nothing to be quoted.
        let parts = parts.iter().map(|it| format!("'{it}'")).collect::<Vec<_>>().join(", ");
        format!("{of_tenant} AND {} IN ({parts})", self.part())
    }

    async fn delete(
        &self,
        conn: &mut PgConnection,
        schema: &str,
        parts: &[&str],
    ) -> Result<(), StoreError> {
        let statement = format!("DELETE FROM {schema}.{} WHERE {}", self.name, self.among(parts));
        raw_sql(AssertSqlSafe(statement)).execute(conn).await?;
        Ok(())
    }

    async fn stream(
        &self,
        (from, from_schema): Side<'_>,
        (to, to_schema): Side<'_>,
        parts: &[&str],
    ) -> Result<u64, StoreError> {
        let (name, columns) = (self.name, self.columns.join(", "));
        let rows = format!(
            "COPY (SELECT {columns} FROM {from_schema}.{name} WHERE {}) TO STDOUT",
            self.among(parts)
        );
        let mut rows = from.copy_out_raw(&rows).await?;
        let mut copy =
            to.copy_in_raw(&format!("COPY {to_schema}.{name} ({columns}) FROM STDIN")).await?;
        while let Some(chunk) = rows.try_next().await? {
            copy.send(chunk).await?;
        }
        Ok(copy.finish().await?)
    }
}
