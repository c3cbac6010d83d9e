//! The handle over a real database.

use sqlx::{Executor, PgConnection};
use time::OffsetDateTime;

use super::*;
use crate::store::scratch::Scratch;

/// A transaction that begins when nobody locks the table.
const BEGIN: &str = "BEGIN; SELECT FROM tenants";

/// When the transaction of a statement began; a statement that is in none has one of its own.
async fn begun(conn: &mut PgConnection) -> OffsetDateTime {
    sqlx::query_scalar("SELECT now()").fetch_one(conn).await.unwrap()
}

/// Until the database is at the transaction.
async fn begins(pool: &PgPool) {
    let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity \
                   WHERE query = $1 AND state = 'active' AND wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waiting).bind(BEGIN).fetch_one(pool).await.unwrap() {}
}

#[tokio::test]
async fn a_transaction_that_nobody_waits_for_any_more_is_none_of_the_next_one() {
    let scratch = Scratch::start().await;
    let options = scratch.pool.connect_options().as_ref().clone();
    let database = Database::new(options, Pooler::None, 1);
    let mut locked = scratch.pool.begin().await.unwrap();
    locked.execute("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE").await.unwrap();
    tokio::select! {
        _ = database.start(BEGIN.into_sql_str()) => panic!("the table is locked"),
        () = begins(&scratch.pool) => {}
    }
    locked.rollback().await.unwrap();
    let mut conn = database.read().await.unwrap();
    assert_ne!(begun(&mut conn).await, begun(&mut conn).await, "both are in one transaction");
}
