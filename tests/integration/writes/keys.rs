//! What finds resources is what their bodies say, after any series of operations.

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_tests::{Answer, Client, Server, patch};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::id;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What the bodies say, less what is stored, and the other way round.
const DIFFERENCES: &str = r#"
    WITH documents AS (
        SELECT id, type, body::jsonb AS body FROM resources WHERE tenant_id = $1
    ), emails AS (
        SELECT id, email ->> 'value' AS value, place::int - 1 AS place,
               (SELECT coalesce(min(p.place) FILTER (WHERE p.email -> 'primary' = 'true'), 1)::int - 1
                FROM jsonb_array_elements(body -> 'emails') WITH ORDINALITY AS p (email, place))
                   AS first
        FROM documents
        CROSS JOIN jsonb_array_elements(body -> 'emails') WITH ORDINALITY AS e (email, place)
    ), expected AS (
        SELECT id, type, 'displayName' AS attr, lower(body ->> 'displayName') AS val, 0 AS elem
        FROM documents
        UNION ALL SELECT id, type, 'externalId', body ->> 'externalId', 0 FROM documents
        UNION ALL SELECT id, type, 'name.familyName', lower(body #>> '{name,familyName}'), 0
        FROM documents WHERE type = 'User'
        UNION ALL SELECT id, type, $2 || ':employeeNumber', lower(body #>> ARRAY[$2, 'employeeNumber']), 0
        FROM documents WHERE type = 'User'
        UNION ALL SELECT id, 'User', 'emails.value', lower(value),
            CASE WHEN place = first THEN 0 WHEN place < first THEN place + 1 ELSE place END
        FROM emails
    ), expected_unique AS (
        SELECT id, type, 'userName' AS attr, lower(body ->> 'userName') AS val
        FROM documents WHERE type = 'User'
    ), entries AS (
        SELECT id, type, attr, val, elem::int FROM attr_index WHERE tenant_id = $1
    ), held AS (
        SELECT id, type, attr, val FROM unique_values WHERE tenant_id = $1
    ), counted AS (
        SELECT type, count(*) AS n FROM documents GROUP BY type
    )
    SELECT 'not indexed: ' || e::text FROM
        (SELECT * FROM expected WHERE val IS NOT NULL EXCEPT SELECT * FROM entries) AS e
    UNION ALL SELECT 'wrong entry: ' || e::text FROM
        (SELECT * FROM entries EXCEPT SELECT * FROM expected) AS e
    UNION ALL SELECT 'not unique: ' || e::text FROM
        (SELECT * FROM expected_unique EXCEPT SELECT * FROM held) AS e
    UNION ALL SELECT 'wrong value: ' || e::text FROM
        (SELECT * FROM held EXCEPT SELECT * FROM expected_unique) AS e
    UNION ALL SELECT 'wrong count: ' || e::text FROM
        (SELECT type, n FROM counters WHERE tenant_id = $1 AND n > 0
         EXCEPT SELECT * FROM counted) AS e
    UNION ALL SELECT 'not counted: ' || e::text FROM
        (SELECT * FROM counted EXCEPT SELECT type, n FROM counters WHERE tenant_id = $1) AS e"#;

async fn differences(conn: &mut PgConnection, tenant: Uuid) -> Vec<String> {
    sqlx::query_scalar(DIFFERENCES).bind(tenant).bind(ENTERPRISE).fetch_all(conn).await.unwrap()
}

/// Choices that are the same every time.
struct Choices(u64);

impl Choices {
    fn below(&mut self, n: usize) -> usize {
        // Knuth's MMIX: the high bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn email(&mut self) -> Value {
        let value = self.of(&["a@x.example", "B@x.example", "c@X.example"]);
        match self.below(3) {
            0 => json!({ "value": value, "type": "work" }),
            1 => json!({ "value": value, "primary": true }),
            _ => json!({ "type": "home", "display": "none" }),
        }
    }

    /// A user that may be like another one.
    fn user(&mut self) -> Value {
        let mut user =
            tenon_tests::user(&format!("{}{}", self.of(&["u", "U", "v"]), self.below(9)));
        let optional: [(&str, Value); 4] = [
            ("displayName", json!(self.of(&["Ada", "ada", "Bert"]))),
            ("externalId", json!(self.of(&["X1", "x1", "x2"]))),
            ("name", json!({ "familyName": self.of(&["Lovelace", "Byron"]) })),
            (ENTERPRISE, json!({ "employeeNumber": self.of(&["E7", "e8"]) })),
        ];
        for (name, value) in optional {
            if self.below(2) == 0 {
                user[name] = value;
            }
        }
        let mut emails: Vec<Value> = (0..self.below(4)).map(|_| self.email()).collect();
        let primaries = emails.iter_mut().filter(|it| it.get("primary").is_some());
        primaries.skip(1).for_each(|it| it["primary"] = json!(false));
        if !emails.is_empty() {
            user["emails"] = json!(emails);
        }
        user
    }

    fn patch(&mut self) -> Value {
        let operation = match self.below(5) {
            0 => {
                json!({ "op": "replace", "path": "displayName", "value": self.of(&["Ada", "Cleo"]) })
            }
            1 => json!({ "op": "remove", "path": "name.familyName" }),
            2 => json!({ "op": "add", "path": "emails", "value": [self.email()] }),
            3 => json!({ "op": "remove", "path": "emails[type eq \"work\"]" }),
            _ => {
                json!({ "op": "replace", "path": "userName", "value": format!("w{}", self.below(9)) })
            }
        };
        patch(json!([operation]))
    }
}

/// A series of operations of which some fail, on resources that others change too.
async fn series(scim: Client, seed: u64) -> Vec<u16> {
    let mut choices = Choices(seed);
    let mut statuses = Vec::new();
    for _ in 0..60 {
        let listed = scim.query("/Users", &[("count", "50"), ("attributes", "userName")]).await;
        let listed = listed.expect(200).body["Resources"].as_array().cloned().unwrap_or_default();
        let some = match listed.len() {
            0 => None,
            n => listed[choices.below(n)]["id"].as_str().map(|id| format!("/Users/{id}")),
        };
        let answer: Answer = match (choices.below(6), some) {
            (0 | 1, _) | (_, None) => scim.post("/Users", choices.user()).await,
            (2, Some(path)) => scim.put(&path, choices.user()).await,
            (3, Some(path)) => scim.patch(&path, choices.patch()).await,
            (4, Some(path)) => scim.delete(&path).await,
            (_, Some(path)) => {
                let bulk = json!({
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                    "Operations": [
                        { "method": "POST", "path": "/Users", "bulkId": "1", "data": choices.user() },
                        { "method": "PATCH", "path": path, "data": choices.patch() },
                        { "method": "POST", "path": "/Groups", "bulkId": "2", "data": {
                            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                            "displayName": choices.of(&["All", "all", "Some"]),
                            "members": [{ "value": "bulkId:1" }]
                        } }
                    ]
                });
                scim.post("/Bulk", bulk).await
            }
        };
        statuses.push(answer.status);
    }
    statuses
}

#[tokio::test]
async fn what_finds_resources_is_what_their_bodies_say_after_any_series_of_operations() {
    let server = Server::shared();
    let acme = server.tenant("keys").await;
    let mut writers = JoinSet::new();
    for seed in 1..=3 {
        writers.spawn(series(acme.scim.clone(), seed));
    }
    let statuses: Vec<u16> = writers.join_all().await.into_iter().flatten().collect();
    for expected in [200, 201, 204, 409] {
        assert!(statuses.contains(&expected), "{expected} in {statuses:?}");
    }
    assert!(statuses.iter().all(|it| *it < 500), "{statuses:?}");

    let mut conn = server.database().await;
    let differences = differences(&mut conn, id(&acme)).await;
    assert!(differences.is_empty(), "{differences:#?}");
    for attr in ["displayName", "externalId", "name.familyName", "emails.value"] {
        let entries: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM attr_index WHERE tenant_id = $1 AND attr = $2",
        )
        .bind(id(&acme))
        .bind(attr)
        .fetch_one(&mut conn)
        .await
        .unwrap();
        assert!(entries > 0, "{attr}");
    }
}
