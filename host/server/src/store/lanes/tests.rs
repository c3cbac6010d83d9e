//! Lanes over a real database.

use sqlx::Executor;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::*;
use crate::store::place::Placement;
use crate::store::scratch::Scratch;
use crate::store::{TenantId, row_security};

const ECHO: Read = Read { sql: "SELECT $1::bigint AS n", arguments: &[Type::INT8] };

async fn echo(lanes: &Lanes, n: i64) -> Result<i64, StoreError> {
    Ok(lanes.row(&ECHO, &[&n]).await?.map_or(-1, |row| row.get("n")))
}

#[tokio::test]
async fn many_statements_share_few_connections_and_survive_their_loss() {
    let scratch = Scratch::start().await;
    let options = scratch.pool.connect_options().as_ref().clone().application_name("lanes");
    for pooler in [Pooler::None, Pooler::Transaction] {
        let lanes = Lanes::open(&options, 2, pooler).unwrap();
        let ask_all = async || {
            let mut asked = JoinSet::new();
            for n in 0..200 {
                let lanes = lanes.clone();
                asked.spawn(async move { assert_eq!(echo(&lanes, n).await.unwrap(), n) });
            }
            while let Some(answered) = asked.join_next().await {
                answered.unwrap();
            }
        };
        ask_all().await;
        let connections: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lanes'",
        )
        .fetch_one(&scratch.pool)
        .await
        .unwrap();
        assert!((1..=2).contains(&connections), "{connections}");
        let prepared: i64 = lanes.row(&PREPARED, &[]).await.unwrap().unwrap().get("n");
        assert_eq!(prepared > 0, pooler == Pooler::None, "{prepared}");

        scratch.pool.execute(KILL).await.unwrap();
        ask_all().await;
        lanes.close();
    }
    scratch.stop().await;
}

const PREPARED: Read =
    Read { sql: "SELECT count(*) AS n FROM pg_prepared_statements", arguments: &[] };
const KILL: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lanes'";

/// Which tenant the second lock lets a statement see, beside the one that it asks for.
const SEEN: Read = Read {
    sql: "SELECT current_setting('tenon.tenant')::uuid AS tenant, current_user::text AS role, \
          $1::uuid AS asked",
    arguments: &[Type::UUID],
};

#[tokio::test]
async fn statements_of_many_tenants_over_one_connection_have_each_their_own_lock() {
    let scratch = Scratch::start().await;
    row_security::enable(&mut scratch.pool.acquire().await.unwrap()).await.unwrap();
    let options = scratch.pool.connect_options();
    for pooler in [Pooler::None, Pooler::Transaction] {
        let lanes = Lanes::open(&options, 1, pooler).unwrap().with(RowSecurity::On);
        let mut asked = JoinSet::new();
        for n in 0..200_i64 {
            let lanes = lanes.clone();
            asked.spawn(async move {
                let tenant = TenantId(Uuid::from_u128(n.cast_unsigned().into()));
                let place = Place { tenant, placement: Some(Placement::Shared) };
                let row = lanes.row_for(place, &SEEN, &[&tenant.0]).await.unwrap().unwrap();
                assert_eq!(row.get::<_, Uuid>("tenant"), row.get::<_, Uuid>("asked"));
                assert_eq!(row.get::<_, String>("role"), "tenon_tenant");
                assert_eq!(echo(&lanes, n).await.unwrap(), n);
            });
        }
        while let Some(answered) = asked.join_next().await {
            answered.unwrap();
        }
        // What comes after it is outside of the lock, and of its transaction.
        let outside = lanes.row(&SEEN, &[&Uuid::nil()]).await.unwrap_err();
        assert!(outside.to_string().contains("uuid"), "{outside}");
        lanes.close();
    }
    scratch.stop().await;
}

#[tokio::test]
async fn an_error_of_the_database_is_told_and_ends_no_connection() {
    const WRONG: Read = Read { sql: "SELECT 1 / $1::bigint", arguments: &[Type::INT8] };
    const LONG: Read = Read { sql: "SELECT pg_sleep($1)", arguments: &[Type::FLOAT8] };
    let scratch = Scratch::start().await;
    let options = scratch.pool.connect_options().as_ref().clone();
    let lanes = Lanes::open(&options, 1, Pooler::None).unwrap();
    let error = lanes.rows(&WRONG, &[&0_i64]).await.unwrap_err();
    assert!(matches!(&error, StoreError::Failed(_)), "{error}");
    assert!(error.to_string().contains("division by zero"), "{error}");
    assert_eq!(echo(&lanes, 7).await.unwrap(), 7);

    let bounded = options.options([("statement_timeout", "100ms")]);
    let lanes = Lanes::open(&bounded, 1, Pooler::None).unwrap();
    let error = lanes.rows(&LONG, &[&60_f64]).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
    scratch.stop().await;
}

#[tokio::test]
async fn a_connection_that_does_not_answer_is_made_again() {
    const PLACE: Read = Read { sql: "SELECT pg_backend_pid() AS pid", arguments: &[] };
    const LONG: Read = Read { sql: "SELECT pg_sleep($1)", arguments: &[Type::FLOAT8] };
    let scratch = Scratch::start().await;
    let options = scratch.pool.connect_options().as_ref().clone();
    let limit = Duration::from_secs(2);
    for pooler in [Pooler::None, Pooler::Transaction] {
        let lanes = Lanes::answering_within(limit, &options, 1, pooler).unwrap();
        let pid = async || lanes.row(&PLACE, &[]).await.unwrap().unwrap().get::<_, i32>("pid");
        let before = pid().await;
        let error = lanes.rows(&LONG, &[&60_f64]).await.unwrap_err();
        assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("not answered in time"), "{error}");
        assert_ne!(pid().await, before);
    }
    scratch.stop().await;
}
