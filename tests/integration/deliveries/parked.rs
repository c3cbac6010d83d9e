//! What a plugin has failed too often to take stays for the tenant.

use std::path::Path;

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_tests::{Options, Server, Tenant, artifacts, new_data_dir, until, user};

const DELIVERIES: &str = "/plugins/audit-tap/deliveries";

fn over(dir: &Path, environment: &[(&str, &str)]) -> Server {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment = environment.iter().map(own).collect();
    Server::start(Options { data_dir: Some(dir.to_owned()), environment, ..Options::default() })
}

/// Makes the delivery of a resource one of nine days ago.
async fn age(conn: &mut PgConnection, resource: &str, is_parked: bool) {
    sqlx::query(
        "UPDATE deliveries SET attempts = 9, due = CASE WHEN $2 THEN NULL ELSE now() + interval '1 day' END, \
           event = (lpad(to_hex((extract(epoch FROM now() - interval '9 days') * 1000)::bigint), 12, '0') \
                    || right(replace(event::text, '-', ''), 20))::uuid \
         WHERE resource_id = $1::text::uuid",
    )
    .bind(resource)
    .bind(is_parked)
    .execute(conn)
    .await
    .unwrap();
}

async fn left(tenant: &Tenant) -> Vec<Value> {
    let page = tenant.admin.get(DELIVERIES).await.expect(200).body;
    page["items"].as_array().unwrap().iter().map(|it| it["resourceId"].clone()).collect()
}

#[tokio::test]
async fn a_parked_event_outlives_others_until_it_is_discarded_or_its_own_time_is_over() {
    let dir = new_data_dir();
    let mut first = over(dir.path(), &[("TENON_OUTBOX_RETENTION", "30d")]);
    let acme = first.tenant("acme").await;
    let broken = json!({ "misspelt": true });
    acme.activate("audit-tap", artifacts::audit_tap(), broken).await;
    let parked = acme.create("/Users", user("parked")).await;
    let waiting = acme.create("/Users", user("waiting")).await;
    until("a first attempt at both", async || {
        let page = acme.admin.get(DELIVERIES).await.expect(200).body;
        let items = page["items"].as_array().unwrap().clone();
        (items.len() == 2 && items.iter().all(|it| it["problem"] != Value::Null)).then_some(())
    })
    .await;
    let mut conn = first.database().await;
    age(&mut conn, &parked, true).await;
    age(&mut conn, &waiting, false).await;
    assert_eq!(left(&acme).await.len(), 2);
    drop(conn);
    first.stop();

    let mut second = over(dir.path(), &[("TENON_OUTBOX_RETENTION", "4d")]);
    let removed =
        |line: &Value| line["message"] == "events are too old now that plugins were not told of";
    let line = second.log.wait_for("the line of the housekeeping", removed);
    assert_eq!(line["deliveries"], 1);
    assert_eq!(left(&acme.moved(&first, &second)).await, [json!(parked)]);
    second.stop();

    let both = [("TENON_OUTBOX_RETENTION", "4d"), ("TENON_PARKED_EVENT_RETENTION", "8d")];
    let third = over(dir.path(), &both);
    let line = third.log.wait_for("the line of the housekeeping", removed);
    assert_eq!(line["deliveries"], 1);
    assert_eq!(left(&acme.moved(&first, &third)).await, [] as [Value; 0]);
}
