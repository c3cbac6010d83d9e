//! Resources that a tenant has of another one on purpose, with two servers on one database.

mod border;
mod commands;
mod conflicts;
mod events;
mod following;
mod read_only;
mod removal;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tenon_tests::{Answer, Options, Postgres, Server, Tenant, until};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A parent that is used on one server, and a child that is used on the other.
struct Family {
    one: Server,
    two: Server,
    parent: Tenant,
    child: Tenant,
    database: PgConnection,
    postgres: Postgres,
}

impl Family {
    async fn new() -> Self {
        let postgres = Postgres::start(&[]);
        let one = Server::start(Options::on(&postgres.url()));
        let two = Server::start(Options::on(&postgres.url()));
        let (parent, child) = (one.tenant("parent").await, two.tenant("child").await);
        let database = PgConnection::connect(&postgres.url()).await.unwrap();
        Self { one, two, parent, child, database, postgres }
    }

    /// What is shared from then on.
    async fn share(&self, types: &[&str]) -> Answer {
        let body = json!({ "resourceTypes": types });
        self.child.admin.put(&format!("/shares/{}", self.parent.name), body).await
    }

    /// Waits until the copies have been made, and shows what is told of the share.
    async fn copied(&self) -> Value {
        let path = format!("/shares/{}", self.parent.id);
        until("the share is copied", async || {
            let share = self.child.admin.get(&path).await.expect(200).body;
            (share["state"] == "following").then_some(share)
        })
        .await
    }

    /// Waits until a resource of the child has a value, or none.
    async fn shows(&self, path: &str, attribute: &str, value: Value) -> Value {
        until(&format!("{path} shows {value}"), async || {
            let seen = self.child.scim.get(path).await;
            (seen.status == 200 && seen.body[attribute] == value).then_some(seen.body)
        })
        .await
    }

    /// Waits until the child does not have a resource any more.
    async fn loses(&self, path: &str) {
        until(&format!("{path} is gone"), async || {
            (self.child.scim.get(path).await.status == 404).then_some(())
        })
        .await;
    }
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|it| json!({ "value": it })).collect();
    json!({ "schemas": [GROUP], "displayName": name, "members": members })
}

/// The ids of the members of a group, as they are shown.
fn members(group: &Value) -> Vec<&str> {
    let members = group["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    members.iter().map(|it| it["value"].as_str().unwrap()).collect()
}
