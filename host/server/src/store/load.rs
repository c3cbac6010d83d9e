//! Many resources at once, as `tenon bench seed` writes them: the rows that single writes leave,
//! without their events, by COPY.

use std::fmt::Write;

use sqlx::{Connection, PgConnection};
use tenon_scim::index::Entry;
use tenon_scim::resource::UniqueValue;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantId};

/// A resource of version 1, as a single write would store it.
#[derive(Debug, Clone)]
pub struct NewResource {
    /// Identifies it within the tenant.
    pub id: Uuid,
    /// When it was created.
    pub created: OffsetDateTime,
    /// JSON: `schemas`, `id` and the attributes, without `meta`.
    pub body: String,
    /// The body as filters see it, where that is another.
    pub search: Option<String>,
    /// Stands for the schemas under which the body was written.
    pub shape: i64,
    /// What others call it.
    pub display: Option<String>,
    /// Its unique values.
    pub unique: Vec<UniqueValue>,
    /// The values of its indexed attributes.
    pub entries: Vec<Entry>,
}

/// Adds resources of one type, all or none, and counts them.
///
/// # Errors
/// The database fails, or has one of the ids or unique values.
pub async fn resources(
    conn: &mut PgConnection,
    tenant: TenantId,
    resource_type: &str,
    resources: &[NewResource],
) -> Result<(), StoreError> {
    let mut transaction = conn.begin().await?;
    let rows = resource_rows(tenant, resource_type, resources);
    const RESOURCES: &str = "COPY resources (tenant_id, id, type, version, created, modified, body, \
                             search, shape, display) FROM STDIN";
    copy(&mut transaction, RESOURCES, rows).await?;
    const UNIQUE: &str = "COPY unique_values (tenant_id, type, attr, val, id) FROM STDIN";
    copy(&mut transaction, UNIQUE, unique_rows(tenant, resource_type, resources)).await?;
    const ENTRIES: &str =
        "COPY attr_index (tenant_id, type, attr, val, id, elem, substrings) FROM STDIN";
    copy(&mut transaction, ENTRIES, entry_rows(tenant, resource_type, resources)).await?;
    sqlx::query(
        "INSERT INTO counters (tenant_id, type, n) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, type) DO UPDATE SET n = counters.n + EXCLUDED.n",
    )
    .bind(tenant.0)
    .bind(resource_type)
    .bind(i64::try_from(resources.len()).unwrap_or(i64::MAX))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// Makes resources that exist members of a group.
///
/// # Errors
/// The database fails, or one of them is a member already.
pub async fn members(
    conn: &mut PgConnection,
    tenant: TenantId,
    group: Uuid,
    members: &[Uuid],
) -> Result<(), StoreError> {
    let mut rows = Rows::default();
    for member in members {
        rows.row([tenant.0.to_string(), group.to_string(), member.to_string()]);
    }
    const MEMBERS: &str = "COPY group_members (tenant_id, group_id, member_id) FROM STDIN";
    copy(conn, MEMBERS, rows).await
}

/// How large a table without its indexes, or one of its indexes, is.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Size {
    /// The table.
    pub table: String,
    /// The index, where it is one.
    pub index: Option<String>,
    /// Bytes on the disk.
    pub bytes: i64,
}

/// The sizes of what is loaded, and of its indexes.
///
/// # Errors
/// The database fails.
pub async fn sizes(conn: &mut PgConnection) -> Result<Vec<Size>, StoreError> {
    let sizes = sqlx::query_as(
        "SELECT t.relname::text AS \"table\", NULL AS \"index\", pg_table_size(t.oid) AS bytes \
         FROM pg_class AS t WHERE t.oid = ANY($1::regclass[]) \
         UNION ALL \
         SELECT t.relname::text, i.relname::text, pg_relation_size(i.oid) \
         FROM pg_index AS x JOIN pg_class AS t ON t.oid = x.indrelid \
         JOIN pg_class AS i ON i.oid = x.indexrelid WHERE t.oid = ANY($1::regclass[]) \
         ORDER BY 1, 2 NULLS FIRST",
    )
    .bind(["resources", "unique_values", "attr_index", "group_members"].as_slice())
    .fetch_all(conn)
    .await?;
    Ok(sizes)
}

/// Does what autovacuum would do some minutes later: statistics, and the visibility that
/// index-only scans rest on.
///
/// # Errors
/// The database fails.
pub async fn settle(conn: &mut PgConnection) -> Result<(), StoreError> {
    const TABLES: &str =
        "VACUUM (ANALYZE) resources, unique_values, attr_index, group_members, counters";
    sqlx::raw_sql(TABLES).execute(conn).await?;
    Ok(())
}

fn resource_rows(tenant: TenantId, resource_type: &str, resources: &[NewResource]) -> Rows {
    let mut rows = Rows::default();
    let tenant = tenant.0.to_string();
    for it in resources {
        let created = micros(it.created);
        rows.field(&tenant);
        rows.field(&it.id.to_string());
        rows.field(resource_type);
        rows.field("1");
        rows.field(&created);
        rows.field(&created);
        rows.field(&it.body);
        rows.optional(it.search.as_deref());
        rows.field(&it.shape.to_string());
        rows.optional(it.display.as_deref());
        rows.end();
    }
    rows
}

fn unique_rows(tenant: TenantId, resource_type: &str, resources: &[NewResource]) -> Rows {
    let mut all: Vec<_> =
        resources.iter().flat_map(|it| it.unique.iter().map(|value| (value, it.id))).collect();
    all.sort_unstable_by(|(a, _), (b, _)| (&a.path, &a.value).cmp(&(&b.path, &b.value)));
    let mut rows = Rows::default();
    let tenant = tenant.0.to_string();
    for (value, id) in all {
        rows.field(&tenant);
        rows.field(resource_type);
        rows.field(&value.path);
        rows.field(&value.value);
        rows.field(&id.to_string());
        rows.end();
    }
    rows
}

/// In the order of the index, so that neighbours come together.
fn entry_rows(tenant: TenantId, resource_type: &str, resources: &[NewResource]) -> Rows {
    let mut all: Vec<_> =
        resources.iter().flat_map(|it| it.entries.iter().map(|entry| (entry, it.id))).collect();
    all.sort_unstable();
    let mut rows = Rows::default();
    let tenant = tenant.0.to_string();
    for (entry, id) in all {
        rows.field(&tenant);
        rows.field(resource_type);
        rows.field(&entry.attr);
        rows.field(&entry.val);
        rows.field(&id.to_string());
        rows.field(&entry.elem.to_string());
        rows.field(if entry.substrings { "t" } else { "f" });
        rows.end();
    }
    rows
}

/// An instant as COPY reads it: microseconds are what a timestamp has.
fn micros(instant: OffsetDateTime) -> String {
    let (date, time) = (instant.date(), instant.time());
    let mut text = String::with_capacity(32);
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "{date} {:02}:{:02}:{:02}.{:06}+00",
        time.hour(),
        time.minute(),
        time.second(),
        time.microsecond()
    );
    text
}

async fn copy(conn: &mut PgConnection, statement: &str, rows: Rows) -> Result<(), StoreError> {
    let mut copy = conn.copy_in_raw(statement).await?;
    copy.send(rows.text.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// Rows in the text format of COPY.
#[derive(Default)]
struct Rows {
    text: String,
    in_row: bool,
}

impl Rows {
    fn row<const N: usize>(&mut self, fields: [String; N]) {
        for field in &fields {
            self.field(field);
        }
        self.end();
    }

    fn optional(&mut self, field: Option<&str>) {
        match field {
            Some(text) => self.field(text),
            None => {
                self.separate();
                self.text.push_str("\\N");
            }
        }
    }

    fn field(&mut self, field: &str) {
        self.separate();
        for character in field.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                other => self.text.push(other),
            }
        }
    }

    fn separate(&mut self) {
        if self.in_row {
            self.text.push('\t');
        }
        self.in_row = true;
    }

    fn end(&mut self) {
        self.text.push('\n');
        self.in_row = false;
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn what_copy_would_read_as_its_own_is_escaped() {
        let mut rows = Rows::default();
        rows.field("a\tb\\n\nc\r");
        rows.optional(None);
        rows.field("\\N");
        rows.end();
        assert_eq!(rows.text, "a\\tb\\\\n\\nc\\r\t\\N\t\\\\N\n");
    }

    #[test]
    fn an_instant_keeps_its_microseconds() {
        let instant = datetime!(2026-01-02 03:04:05.000_007 UTC);
        assert_eq!(micros(instant), "2026-01-02 03:04:05.000007+00");
    }
}
