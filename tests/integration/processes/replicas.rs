//! Streaming replicas that take the lists, and are believed only what they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use sqlx::{Connection, Executor, PgConnection};
use tenon_tests::{Client, Options, PgBouncer, Postgres, Server};

use super::*;

/// Statements are told from one another by what they read.
const LOGGED: &str = "log_statement=all";

fn on(primary: &Postgres, replicas: &[&Postgres]) -> Options {
    let urls: Vec<String> = replicas.iter().map(|it| it.url()).collect();
    Options::on(&primary.url()).with("TENON_DATABASE_REPLICA_URLS", &urls.join(" "))
}

/// How many statements a database has begun that read a table.
fn reads(postgres: &Postgres, table: &str) -> usize {
    let log = postgres.log.text();
    log.lines().filter(|line| line.contains("execute") && line.contains(table)).count()
}

/// Sends a request until the replica has read the table for it: it may have been left alone.
async fn until_read(replica: &Postgres, table: &str, request: impl AsyncFn()) {
    let (before, begun) = (reads(replica, table), Instant::now());
    while reads(replica, table) == before {
        assert!(begun.elapsed().as_secs() < 60, "{}", replica.log.text());
        request().await;
    }
}

async fn list(tenant: &Client, query: &[(&str, &str)]) -> Value {
    tenant.query("/Users", query).await.expect(200).body
}

/// Written at one server, read at the other, with nothing in between.
async fn read_at_once(here: &Tenant, there: &Tenant, round: usize) {
    let (one, other) = if round.is_multiple_of(2) { (here, there) } else { (there, here) };
    let name = format!("round-{round}");
    let id = one.create("/Users", person(&name)).await;
    let by_family = format!("name.familyName eq \"Family of {name}\"");
    assert_eq!(found(other, &by_family).await, [&*name], "created");
    let rename = json!([{ "op": "replace", "path": "nickName", "value": format!("Nick {round}") }]);
    one.scim.patch(&format!("/Users/{id}"), patch(rename)).await.expect(200);
    let by_nick = format!("nickName eq \"Nick {round}\"");
    assert_eq!(found(other, &by_nick).await, [&*name], "changed");
    let team = other.create("/Groups", group(&name, &[&id])).await;
    let with_groups = list(&one.scim, &[("filter", &by_family)]).await;
    assert_eq!(with_groups["Resources"][0]["groups"][0]["value"], *team, "{with_groups:#}");
    one.scim.delete(&format!("/Users/{id}")).await.expect(204);
    assert_eq!(found(other, &by_family).await, [""; 0], "deleted");
    assert_eq!(list(&other.scim, &[("count", "0")]).await["totalResults"], 0);
}

#[tokio::test]
async fn lists_are_read_from_a_replica_and_single_resources_from_the_primary() {
    let primary = Postgres::start(&[]);
    let replica = primary.replica(&[LOGGED]);
    let server = Server::start(on(&primary, &[&replica]));
    let started =
        server.log.wait_for("replicas", |it| it["message"] == "lists are read from replicas");
    assert_eq!(started["replicas"], format!("127.0.0.1:{}", replica.port));
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", person("ada")).await;
    for _ in 0..5 {
        acme.scim.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!(found(&acme, "userName eq \"ada\"").await, ["ada"]);
    }
    assert_eq!(reads(&replica, "resources"), 0);

    let queries: [&[(&str, &str)]; 5] = [
        &[],
        &[("filter", "name.familyName sw \"Family\"")],
        &[("filter", "nickName pr or active pr or userName co \"d\"")],
        &[("sortBy", "userName")],
        &[("cursor", "")],
    ];
    for query in queries {
        until_read(&replica, "resources", async || {
            assert_eq!(list(&acme.scim, query).await["totalResults"], 1, "{query:?}");
        })
        .await;
    }
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "emails.type eq \"work\""
    });
    for path in ["/Users/.search", "/.search"] {
        until_read(&replica, "resources", async || {
            let answer = acme.scim.post(path, search.clone()).await.expect(200);
            assert_eq!(answer.body["totalResults"], 1);
        })
        .await;
    }
    until_read(&replica, "resources", async || {
        let query = [("endpoint", "/Users"), ("filter", "title pr")];
        assert_eq!(acme.admin.query("/explain", &query).await.expect(200).body["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn the_members_of_a_large_group_are_read_from_a_replica() {
    let primary = Postgres::start(&[]);
    let replica = primary.replica(&[LOGGED]);
    let server = Server::start(on(&primary, &[&replica]));
    let acme = server.tenant("acme").await;
    let operations: Vec<Value> = (0..1_000)
        .map(|n| json!({ "method": "POST", "path": "/Users", "bulkId": format!("{n}"), "data": user(&format!("m{n}")) }))
        .collect();
    let bulk = json!({ "schemas": [BULK], "Operations": operations });
    acme.scim.post("/Bulk", bulk).await.expect(200);
    let last = acme.create("/Users", user("last")).await;
    let users = list(&acme.scim, &[("count", "1000"), ("attributes", "id")]).await;
    let mut members: Vec<&str> = users["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap())
        .collect();
    members.push(&last);
    let team = acme.create("/Groups", group("Team", &members)).await;
    until_read(&replica, "group_members", async || {
        let read = acme.scim.get(&format!("/Groups/{team}")).await.expect(200).body;
        assert_eq!(read["members"].as_array().unwrap().len(), 1_001);
    })
    .await;
}

#[tokio::test]
async fn who_writes_through_one_server_reads_it_at_once_through_another() {
    let primary = Postgres::start(&[]);
    let quick = primary.replica(&[LOGGED]);
    // It is always late, and waited for.
    let slow = primary.replica(&[LOGGED, "recovery_min_apply_delay=10ms"]);
    let one = Server::start(on(&primary, &[&quick, &slow]));
    let two = Server::start(on(&primary, &[&slow, &quick]));
    let (here, there) = tenant_at_both(&one, &two).await;
    for round in 0..30 {
        read_at_once(&here, &there, round).await;
    }
    for replica in [&quick, &slow] {
        until_read(replica, "resources", async || {
            assert_eq!(found(&here, "title pr").await, [""; 0])
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_acknowledged_before_it_is_durable_is_read_at_once_too() {
    let primary = Postgres::start(&["synchronous_commit=off", "wal_writer_delay=10000ms"]);
    let replica = primary.replica(&[LOGGED]);
    let one = Server::start(on(&primary, &[&replica]));
    let two = Server::start(on(&primary, &[&replica]));
    let (here, there) = tenant_at_both(&one, &two).await;
    for round in 0..3 {
        // All is durable before, so that the replica is at hand.
        until_read(&replica, "resources", async || {
            let mut operator = PgConnection::connect(&primary.url()).await.unwrap();
            let durable = "SET synchronous_commit = on; CREATE TABLE t (); DROP TABLE t";
            operator.execute(durable).await.unwrap();
            assert!(found(&there, "title pr").await.is_empty());
        })
        .await;
        read_at_once(&here, &there, round).await;
    }
}

#[tokio::test]
async fn a_replica_that_does_not_catch_up_is_left_alone_until_it_has() {
    let primary = Postgres::start(&[]);
    let replica = primary.replica(&[LOGGED]);
    let server = Server::start(on(&primary, &[&replica]));
    let acme = server.tenant("acme").await;
    until_read(&replica, "resources", async || assert!(found(&acme, "title pr").await.is_empty()))
        .await;

    let mut operator = PgConnection::connect(&replica.url()).await.unwrap();
    operator.execute("SELECT pg_wal_replay_pause()").await.unwrap();
    let paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'";
    while !sqlx::query_scalar::<_, bool>(paused).fetch_one(&mut operator).await.unwrap() {}
    let before = reads(&replica, "resources");
    for round in 0..10 {
        let name = format!("late-{round}");
        acme.create("/Users", person(&name)).await;
        let filter = format!("name.familyName eq \"Family of {name}\"");
        assert_eq!(found(&acme, &filter).await, [name]);
    }
    assert_eq!(reads(&replica, "resources"), before);
    let told = server.log.wait_for("warning", |it| it["replica"].is_string());
    assert!(told["why"].as_str().unwrap().contains("does not catch up"), "{told:#}");

    operator.execute("SELECT pg_wal_replay_resume()").await.unwrap();
    until_read(&replica, "resources", async || {
        assert_eq!(found(&acme, "name.familyName eq \"Family of late-9\"").await, ["late-9"]);
    })
    .await;
    let told = server.log.text();
    assert_eq!(told.matches("a replica is not read from for now").count(), 1, "{told}");
    assert_eq!(told.matches("a replica is read from again").count(), 1, "{told}");
}

/// Clients that list all the time, until they are told to stop. No list may fail.
struct Lists {
    clients: JoinSet<usize>,
    stop: Arc<AtomicBool>,
}

impl Lists {
    fn start(tenant: &Tenant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |_| {
            let (tenant, stop) = (tenant.clone(), Arc::clone(&stop));
            async move {
                let mut done = 0;
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(found(&tenant, "nickName eq \"A\" or title pr").await, ["ada"]);
                    done += 1;
                }
                done
            }
        };
        let clients = (0..4).map(client).collect();
        Self { clients, stop }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(self.clients.join_all().await.iter().all(|done| *done > 0));
    }
}

#[tokio::test]
async fn a_replica_that_is_killed_or_cancels_statements_fails_no_list() {
    let primary = Postgres::start(&[]);
    let mut replica = primary.replica(&[LOGGED, "max_standby_streaming_delay=0"]);
    let server = Server::start(on(&primary, &[&replica]));
    let acme = server.tenant("acme").await;
    let mut ada = person("ada");
    ada["title"] = json!("Countess");
    acme.create("/Users", ada).await;
    let listed = async || assert_eq!(found(&acme, "title pr").await, ["ada"]);
    let lists = Lists::start(&acme);
    until_read(&replica, "resources", listed).await;

    replica.kill();
    for _ in 0..20 {
        listed().await;
    }
    replica.start_again();
    until_read(&replica, "resources", listed).await;

    // The lock is replayed at once, and whoever reads the table there is in its way.
    let mut other = PgConnection::connect(&primary.url()).await.unwrap();
    while !replica.log.text().contains("conflict with recovery") {
        let lock = "BEGIN; LOCK TABLE resources IN ACCESS EXCLUSIVE MODE; COMMIT";
        other.execute(lock).await.unwrap();
    }
    listed().await;
    until_read(&replica, "resources", listed).await;
    lists.end().await;
}

#[tokio::test]
async fn what_is_no_replica_of_the_database_is_not_read_from_and_the_log_says_why() {
    let old = Postgres::start(&[]);
    drop(Server::start(Options::on(&old.url())));
    let (primary, left_behind) = (old.replica(&[]), old.replica(&[LOGGED]));
    drop(old);
    let mut operator = PgConnection::connect(&primary.url()).await.unwrap();
    operator.execute("SELECT pg_promote()").await.unwrap();
    let unrelated = Postgres::start(&[LOGGED]);
    let stranger = unrelated.replica(&[LOGGED]);
    let url = |port: u16| format!("postgres://tenon:hunter2@127.0.0.1:{port}/postgres");
    let cases = [
        (left_behind.port, "/00000001, and those of the database"),
        (unrelated.port, "takes writes itself"),
        (stranger.port, "its system and timeline are"),
        // Nobody listens there.
        (9, "not available"),
    ];
    let urls: Vec<String> = cases.iter().map(|(port, _)| url(*port)).collect();
    let options = Options::on(&primary.url()).with("TENON_DATABASE_REPLICA_URLS", &urls.join(" "));
    let server = Server::start(options);
    let acme = server.tenant("acme").await;
    for round in 0..8 {
        read_at_once(&acme, &acme, round).await;
    }
    for (port, expected) in cases {
        let name = format!("127.0.0.1:{port}");
        let told = server.log.wait_for("warning", |it| it["replica"] == name.as_str());
        let why = told["why"].as_str().unwrap();
        assert!(why.contains(expected) || port == 9, "{why}");
    }
    for other in [&left_behind, &unrelated, &stranger] {
        assert_eq!(reads(other, "resources"), 0);
    }
    assert!(!server.log.text().contains("hunter2"));
}

#[tokio::test]
async fn a_primary_that_does_not_tell_its_position_makes_the_lists_itself() {
    let primary = Postgres::start(&[]);
    let mut operator = PgConnection::connect(&primary.url()).await.unwrap();
    operator.execute("CREATE ROLE server LOGIN CREATEROLE").await.unwrap();
    operator.execute("CREATE DATABASE scim OWNER server").await.unwrap();
    let replica = primary.replica(&[LOGGED]);
    let url = |of: &Postgres, role: &str| format!("postgres://{role}@127.0.0.1:{}/scim", of.port);
    let mut operator = PgConnection::connect(&url(&primary, "tenon")).await.unwrap();
    let revoke = "REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC";
    operator.execute(revoke).await.unwrap();

    let options = Options::on(&url(&primary, "server"))
        .with("TENON_DATABASE_REPLICA_URLS", &url(&replica, "server"));
    let server = Server::start(options);
    let acme = server.tenant("acme").await;
    read_at_once(&acme, &acme, 0).await;
    let told = server.log.wait_for("warning", |it| it["replica"].is_string());
    assert!(told["why"].as_str().unwrap().contains("permission denied"), "{told:#}");
    operator.execute("GRANT EXECUTE ON FUNCTION pg_control_system TO server").await.unwrap();
    until_read(&replica, "resources", async || assert!(found(&acme, "title pr").await.is_empty()))
        .await;
}

#[tokio::test]
async fn replicas_behind_pgbouncer_in_transaction_mode_do_the_same() {
    let primary = Postgres::start(&[]);
    let replica = primary.replica(&[LOGGED, "recovery_min_apply_delay=10ms"]);
    let (pooler, replicas_pooler) = (PgBouncer::start(&primary, 3), PgBouncer::start(&replica, 2));
    let through = || {
        Options::on(&pooler.url())
            .with("TENON_DATABASE_REPLICA_URLS", &replicas_pooler.url())
            .with("TENON_DATABASE_POOLER", "transaction")
    };
    let one = Server::start(through());
    let two = Server::start(through());
    let (here, there) = tenant_at_both(&one, &two).await;
    for round in 0..10 {
        read_at_once(&here, &there, round).await;
    }
    until_read(&replica, "resources", async || assert!(found(&here, "title pr").await.is_empty()))
        .await;
    for server in [&one, &two] {
        let log = server.log.text();
        assert!(!log.contains("prepared statement"), "{log}");
    }
}
