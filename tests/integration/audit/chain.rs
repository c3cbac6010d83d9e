//! The records cannot be changed without it showing.

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_tests::{Options, Postgres, Server, Tenant, user};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{id, problems, settle, verify};

/// A tenant whose records are under two seals.
async fn sealed(server: &Server, conn: &mut PgConnection) -> Tenant {
    let acme = server.tenant("acme").await;
    for round in 0..2 {
        for number in 0..3 {
            acme.create("/Users", user(&format!("u{round}-{number}"))).await;
        }
        settle(conn, id(&acme)).await;
        let found = verify(&acme.admin).await;
        assert_eq!((problems(&found), &found["head"]["n"]), (vec![], &json!(round + 1)));
    }
    acme
}

async fn run(conn: &mut PgConnection, tenant: &Tenant, statement: &'static str) {
    let done = sqlx::query(statement).bind(id(tenant)).execute(conn).await.unwrap();
    assert!(done.rows_affected() > 0, "{statement}");
}

#[tokio::test]
async fn a_changed_deleted_or_inserted_record_is_found() {
    let server = Server::shared();
    let mut conn = server.database().await;
    let acme = sealed(&server, &mut conn).await;
    let found = verify(&acme.admin).await;
    assert_eq!((&found["records"], &found["unsealed"]), (&json!(8), &json!(0)), "{found:#}");

    for (statement, undo, seals) in [
        (
            "UPDATE audit SET actor = 'token:none' WHERE tenant_id = $1 AND action = 'tenant.create'",
            "UPDATE audit SET actor = 'operator' WHERE tenant_id = $1 AND action = 'tenant.create'",
            vec![1],
        ),
        (
            "UPDATE audit SET details = '{}' WHERE tenant_id = $1 AND action = 'token.create'",
            "",
            vec![1],
        ),
        (
            "INSERT INTO audit (tenant_id, id, at, actor, action, request_id)
             SELECT $1, up_to, now(), 'operator', 'create', 'r' FROM
                (SELECT (substr(up_to::text, 1, 24) || '000000000000')::uuid AS up_to
                 FROM audit_seals WHERE tenant_id = $1 AND n = 2) AS late",
            "",
            vec![1, 2],
        ),
        ("UPDATE audit_seals SET hash = 'x' WHERE tenant_id = $1 AND n = 2", "", vec![1, 2]),
        ("DELETE FROM audit_seals WHERE tenant_id = $1 AND n = 1", "", vec![2, 2]),
    ] {
        run(&mut conn, &acme, statement).await;
        let found = verify(&acme.admin).await;
        assert_eq!(problems(&found), seals, "{statement}: {found:#}");
        if !undo.is_empty() {
            run(&mut conn, &acme, undo).await;
            assert_eq!(problems(&verify(&acme.admin).await), [0_i64; 0]);
        }
    }
}

#[tokio::test]
async fn a_deleted_record_is_found_and_one_of_a_kept_head_is_not_replaced() {
    let server = Server::shared();
    let mut conn = server.database().await;
    let acme = sealed(&server, &mut conn).await;
    let kept = verify(&acme.admin).await["head"].clone();
    let last = "DELETE FROM audit WHERE tenant_id = $1 AND id = \
                (SELECT up_to FROM audit_seals WHERE tenant_id = $1 AND n = 2)";
    run(&mut conn, &acme, last).await;
    assert_eq!(problems(&verify(&acme.admin).await), [2]);
    // Who can write to the database makes the last seal anew; whoever has kept the head sees it.
    run(&mut conn, &acme, "DELETE FROM audit_seals WHERE tenant_id = $1 AND n = 2").await;
    let found = verify(&acme.admin).await;
    assert_eq!((problems(&found), &found["head"]["n"]), (vec![], &json!(2)));
    assert_ne!(found["head"]["hash"], kept["hash"]);
}

#[tokio::test]
async fn two_servers_make_one_chain_and_writers_wait_for_neither() {
    let postgres = Postgres::start(&[]);
    let start = || Server::start(Options::on(&postgres.url()));
    let (one, two) = (start(), start());
    let mut conn = one.database().await;
    let acme = one.tenant("acme").await;
    let there = acme.moved(&one, &two);
    for round in 0..4 {
        acme.create("/Users", user(&format!("here-{round}"))).await;
        there.create("/Users", user(&format!("there-{round}"))).await;
        settle(&mut conn, id(&acme)).await;
        let (here, there) = tokio::join!(verify(&acme.admin), verify(&there.admin));
        assert_eq!((problems(&here), problems(&there)), (vec![], vec![]));
    }
    let found = verify(&there.admin).await;
    assert_eq!((&found["head"]["n"], &found["records"]), (&json!(4), &json!(10)), "{found:#}");

    // What a sealer holds while it is at work.
    sqlx::query("BEGIN").execute(&mut conn).await.unwrap();
    sqlx::query("SELECT FROM tenants WHERE id = $1 FOR KEY SHARE")
        .bind(id(&acme))
        .execute(&mut conn)
        .await
        .unwrap();
    sqlx::query("INSERT INTO audit_seals VALUES ($1, 5, $1, 0, '', now())")
        .bind(id(&acme))
        .execute(&mut conn)
        .await
        .unwrap();
    acme.create("/Users", user("meanwhile")).await;
    acme.admin.patch("", json!({ "dialect": "okta" })).await.expect(200);
    sqlx::query("ROLLBACK").execute(&mut conn).await.unwrap();
}

#[tokio::test]
async fn records_go_after_their_time_and_the_chain_stays() {
    let postgres = Postgres::start(&[]);
    let mut conn = {
        let server = Server::start(Options::on(&postgres.url()));
        let mut conn = server.database().await;
        let acme = sealed(&server, &mut conn).await;
        let old = "UPDATE audit_seals SET sealed = now() - interval '3 days' \
                   WHERE tenant_id = $1 AND n = 1";
        run(&mut conn, &acme, old).await;
        conn
    };
    let retention = Options::on(&postgres.url()).with("TENON_AUDIT_RETENTION", "2d");
    let server = Server::start(retention);
    let line = server.log.wait_for("the line of the housekeeping", |line| {
        line["message"] == "what was old has been removed"
    });
    assert_eq!(line["audit_records"], 5);
    let tenant: Uuid =
        sqlx::query_scalar("SELECT id FROM tenants").fetch_one(&mut conn).await.unwrap();
    let admin = server.admin().below(&format!("/tenants/{tenant}"));
    let found = verify(&admin).await;
    assert_eq!((problems(&found), &found["removedUpTo"]), (vec![], &json!(1)), "{found:#}");
    assert_eq!((&found["seals"], &found["records"]), (&json!(1), &json!(3)), "{found:#}");

    // A record in the place of those that were removed is none of the chain's.
    sqlx::query(
        "INSERT INTO audit (tenant_id, id, at, actor, action, request_id)
         SELECT $1, up_to, now(), 'operator', 'create', 'r'
         FROM audit_seals WHERE tenant_id = $1 AND n = 1",
    )
    .bind(tenant)
    .execute(&mut conn)
    .await
    .unwrap();
    let found: Value = verify(&admin).await;
    assert_eq!(problems(&found).first(), Some(&2), "{found:#}");
}

#[tokio::test]
async fn verifications_leave_connections_to_others() {
    let server = Server::start(Options::default());
    let mut conn = server.database().await;
    let acme = server.tenant("acme").await;
    sqlx::raw_sql("BEGIN; LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        .execute(&mut conn)
        .await
        .unwrap();
    let mut all = JoinSet::new();
    for _ in 0..40 {
        let admin = acme.admin.clone();
        all.spawn(async move { admin.post("/audit/verify", json!({})).await });
    }
    let answers = all.join_all().await;
    let refused: Vec<_> = answers
        .iter()
        .filter(|it| it.body["detail"].as_str().unwrap().contains("are being verified"))
        .collect();
    assert!(!refused.is_empty() && refused.iter().all(|it| it.status == 503));
    assert!(refused.iter().all(|it| !it.header("retry-after").is_empty()));
    sqlx::raw_sql("ROLLBACK").execute(&mut conn).await.unwrap();
    assert_eq!(problems(&verify(&acme.admin).await), Vec::<i64>::new());
}
