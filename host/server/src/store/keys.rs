//! Keys of the service itself, shared by all servers on the database.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::StoreError;

/// The key for a purpose: the stored one, or `fresh` where there was none yet. Servers that start
/// at once get the same.
///
/// # Errors
/// The database fails.
pub async fn get_or_insert(
    conn: &mut PgConnection,
    purpose: &str,
    fresh: &[u8],
    now: OffsetDateTime,
) -> Result<Vec<u8>, StoreError> {
    sqlx::query(
        "INSERT INTO server_keys (purpose, key, created) VALUES ($1, $2, $3) \
         ON CONFLICT (purpose) DO NOTHING",
    )
    .bind(purpose)
    .bind(fresh)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    let key = sqlx::query_scalar("SELECT key FROM server_keys WHERE purpose = $1")
        .bind(purpose)
        .fetch_one(conn)
        .await?;
    Ok(key)
}
