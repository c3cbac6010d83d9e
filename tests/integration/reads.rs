//! Reads that find their resources by a key and send them as they are stored.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Answer, Options, Server, Tenant, user};
use tokio::task::JoinHandle;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

#[tokio::test]
async fn a_unique_value_finds_its_resource_on_the_page_where_it_is() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("BJensen")).await;
    acme.create("/Users", user("bjensen2")).await;
    let list = async |parameters: &[(&str, &str)]| {
        let body = acme.scim.query("/Users", parameters).await.expect(200).body;
        let ids: Vec<Value> =
            body["Resources"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
        (body["totalResults"].clone(), ids, body["startIndex"].clone())
    };
    let filter = ("filter", "USERNAME eq \"bjensen\"");
    let found = (json!(1), vec![json!(id)], json!(1));
    assert_eq!(list(&[filter]).await, found);
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"BJENSEN\"";
    assert_eq!(list(&[("filter", urn)]).await, found);
    assert_eq!(list(&[filter, ("startIndex", "2")]).await, (json!(1), vec![], json!(2)));
    assert_eq!(list(&[filter, ("count", "0")]).await, (json!(1), vec![], json!(1)));
    for nobody in ["userName eq \"\"", "userName eq \"nobody\"", "userName eq \"b\\u0000\""] {
        assert_eq!(list(&[("filter", nobody)]).await, (json!(0), vec![], json!(1)), "{nobody}");
    }
    let other = server.tenant("other").await;
    let others = other.scim.query("/Users", &[filter]).await.expect(200).body;
    assert_eq!(others["totalResults"], 0);
}

#[tokio::test]
async fn one_resource_is_shown_alike_wherever_it_is_found() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut sent = user("bjensen");
    sent["displayName"] = json!("Bär \"B\" \\ Jensen");
    sent["password"] = json!("t1meMa$heen");
    sent["emails"] = json!([{ "value": "b@x.example", "type": "work" }, { "type": "home" }]);
    let id = acme.create("/Users", sent).await;
    let alone = acme.create("/Users", user("alone")).await;
    let group = json!({ "schemas": [GROUP], "displayName": "G", "members": [{ "value": id }] });
    acme.create("/Groups", group).await;

    for attributes in ["", "userName", "emails.type,groups.display", "meta.version", "groups"] {
        for excluded in [false, true] {
            let name = if excluded { "excludedAttributes" } else { "attributes" };
            let selection = if attributes.is_empty() { vec![] } else { vec![(name, attributes)] };
            let path = format!("/Users/{id}");
            let read = acme.scim.query(&path, &selection).await.expect(200).body;
            assert_eq!((&read["id"], read.get("password")), (&json!(id), None));
            let filters = ["userName eq \"bjensen\"", "displayName sw \"b\"", ""];
            for filter in filters {
                let mut parameters = selection.clone();
                parameters.extend((!filter.is_empty()).then_some(("filter", filter)));
                let list = acme.scim.query("/Users", &parameters).await.expect(200).body;
                assert_eq!(list["Resources"][0], read, "{filter} {selection:?}");
            }
        }
    }
    let read = acme.scim.get(&format!("/Users/{id}")).await.expect(200).body;
    assert_eq!(read["groups"][0]["display"], "G");
    assert_eq!(read["displayName"], "Bär \"B\" \\ Jensen");
    let read = acme.scim.get(&format!("/Users/{alone}")).await.expect(200).body;
    assert_eq!(read.get("groups"), None);
}

#[tokio::test]
async fn what_a_tenant_asks_for_meanwhile_goes_together_and_each_gets_its_own() {
    let reads = Reads::of_ten_users().await;
    let mut holder = reads.holder().await;
    let asked = reads.ask(5);
    reads.wait_for("").await;
    sqlx::query("ROLLBACK").execute(&mut holder).await.unwrap();
    for (number, answer) in asked {
        reads.check(number, answer.await.unwrap());
    }
}

#[tokio::test]
async fn a_statement_for_many_that_fails_fails_none_of_them() {
    let reads = Reads::of_ten_users().await;
    let mut holder = reads.holder().await;
    let asked = reads.ask(5);
    reads.wait_for("").await;
    // Those that came first were alone, and fail; then those that waited go together.
    let alone = reads.cancel("").await;
    reads.wait_for("ORDINALITY").await;
    reads.cancel("ORDINALITY").await;
    reads.wait_for("").await;
    sqlx::query("ROLLBACK").execute(&mut holder).await.unwrap();
    let mut failed = 0;
    for (number, answer) in asked {
        match answer.await.unwrap() {
            Answer { status: 500.., .. } => failed += 1,
            answer => reads.check(number, answer),
        }
    }
    assert_eq!(failed, alone);
}

/// Users of a tenant, and one of another, to be read while their table is held.
struct Reads {
    server: Server,
    acme: Tenant,
    /// The last is the other tenant's.
    ids: Vec<String>,
}

impl Reads {
    async fn of_ten_users() -> Self {
        let server = Server::start(Options::default());
        let (acme, other) = (server.tenant("acme").await, server.tenant("other").await);
        let mut ids = Vec::new();
        for number in 0..10 {
            ids.push(acme.create("/Users", user(&format!("user{number}"))).await);
        }
        ids.push(other.create("/Users", user("user10")).await);
        Self { server, acme, ids }
    }

    /// Keeps everybody from the resources until its transaction ends.
    async fn holder(&self) -> PgConnection {
        let mut conn = PgConnection::connect(&self.server.database_url()).await.unwrap();
        sqlx::query("BEGIN").execute(&mut conn).await.unwrap();
        sqlx::query("LOCK TABLE resources").execute(&mut conn).await.unwrap();
        conn
    }

    /// Reads each so many times; with the numbers of those that are read.
    fn ask(&self, times: usize) -> Vec<(usize, JoinHandle<Answer>)> {
        let read = |number: usize| {
            let (scim, path) = (self.acme.scim.clone(), format!("/Users/{}", self.ids[number]));
            (number, tokio::spawn(async move { scim.get(&path).await }))
        };
        (0..times).flat_map(|_| (0..self.ids.len()).map(read)).collect()
    }

    /// The processes of the database with a statement like this that wait for the holder.
    async fn waiting(&self, like: &str) -> Vec<i32> {
        let mut conn = PgConnection::connect(&self.server.database_url()).await.unwrap();
        let waiting = "SELECT pid FROM pg_stat_activity \
                       WHERE wait_event_type = 'Lock' AND position($1 in query) > 0";
        sqlx::query_scalar(waiting).bind(like).fetch_all(&mut conn).await.unwrap()
    }

    async fn wait_for(&self, like: &str) {
        while self.waiting(like).await.is_empty() {}
    }

    /// How many are cancelled.
    async fn cancel(&self, like: &str) -> usize {
        let mut conn = PgConnection::connect(&self.server.database_url()).await.unwrap();
        let waiting = self.waiting(like).await;
        for process in &waiting {
            let cancel = sqlx::query("SELECT pg_cancel_backend($1)").bind(process);
            cancel.execute(&mut conn).await.unwrap();
        }
        waiting.len()
    }

    fn check(&self, number: usize, answer: Answer) {
        if number == 10 {
            answer.expect(404);
            return;
        }
        let body = answer.expect(200).body;
        assert_eq!(body["id"], self.ids[number].as_str());
        assert_eq!(body["userName"], format!("user{number}"));
    }
}
