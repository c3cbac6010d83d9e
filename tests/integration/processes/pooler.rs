//! PgBouncer in transaction mode between servers and their database.

use tenon_tests::{Options, PgBouncer, Postgres, Server};

use super::*;
use crate::faults::consistency;
use crate::faults::load::Load;

#[tokio::test]
async fn servers_behind_pgbouncer_in_transaction_mode_do_all_that_they_do_without() {
    let postgres = Postgres::start(&[]);
    let pooler = PgBouncer::start(&postgres, 3);
    let through = || Options::on(&pooler.url()).with("TENON_DATABASE_POOLER", "transaction");
    let one = Server::start(through());
    let two = Server::start(through());
    let (here, there) = tenant_at_both(&one, &two).await;
    shared_work(&here, &there).await;
    concurrent_patches(&here, &there).await;
    one_name_at_the_same_time(&here, &there).await;
    pages_continue(&here, &there).await;
    plugins_reach_the_other(&here, &there).await;
    one.anonymous().get("/ready").await.expect(200);
    for server in [&one, &two] {
        let log = server.log.text();
        assert!(!log.contains("prepared statement"), "{log}");
        assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
    }
    let refused = postgres.log.text();
    assert!(!refused.contains("ERROR:  prepared statement"), "{refused}");
}

#[tokio::test]
async fn many_clients_at_once_share_the_few_connections_of_a_pooler() {
    let postgres = Postgres::start(&[]);
    let pooler = PgBouncer::start(&postgres, 2);
    let through = || Options::on(&pooler.url()).with("TENON_DATABASE_POOLER", "transaction");
    let one = Server::start(through());
    let two = Server::start(through());
    let (here, there) = tenant_at_both(&one, &two).await;
    let mut loads = [Load::start(&here, 8, "one"), Load::start(&there, 8, "two")];
    for load in &mut loads {
        load.until(|counts| counts.written >= 150).await;
    }
    for load in loads {
        assert_eq!(load.counts().refused, 0);
        for known in load.end().await {
            known.check(&here).await;
        }
    }
    consistency::check(&postgres.url()).await;
    for log in [one.log.text(), two.log.text(), postgres.log.text()] {
        assert!(!log.contains("prepared statement"), "{log}");
    }
}

#[tokio::test]
async fn what_a_pooler_would_not_pass_on_is_set_in_each_transaction() {
    let postgres = Postgres::start(&["log_statement=all"]);
    let pooler = PgBouncer::start(&postgres, 2);
    let options = Options::on(&pooler.url()).with("TENON_DATABASE_POOLER", "transaction");
    // Which makes transactions of its own.
    let server = Server::start(options.with("TENON_ROW_LEVEL_SECURITY", "off"));
    let acme = server.tenant("acme").await;
    acme.create("/Users", user("ada")).await;
    found(&acme, "userName eq \"ada\"").await;
    let log = postgres.log.text();
    let begun = log.lines().filter(|line| line.contains("statement: BEGIN")).count();
    let bounded = log.lines().filter(|line| {
        line.contains("statement: BEGIN") && line.contains("SET LOCAL statement_timeout = '30s'")
    });
    // The migrations, of the shared tables and of tenants' schemas, may take as long as they need.
    assert_eq!(bounded.count(), begun - 2, "{log}");
}
