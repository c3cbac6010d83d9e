//! Groups and who belongs to them (RFC 7643 §4.1.2 and §4.2).

mod large;
mod members;
mod seen;
mod together;

use serde_json::{Value, json};
use tenon_tests::{Answer, Tenant, patch, user};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ADD: &str = "add";
const REMOVE: &str = "remove";

fn group(name: &str, members: &[&str]) -> Value {
    json!({ "schemas": [GROUP], "displayName": name, "members": values(members) })
}

fn values(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

/// Users with these names, in order of creation, which is the order of members.
async fn users<const N: usize>(tenant: &Tenant, names: [&str; N]) -> [String; N] {
    let mut ids = names.map(str::to_owned);
    for id in &mut ids {
        let mut named = user(id);
        named["displayName"] = json!(id);
        *id = tenant.create("/Users", named).await;
    }
    ids
}

async fn patch_group(tenant: &Tenant, id: &str, operations: Value) -> Answer {
    tenant.scim.patch(&format!("/Groups/{id}"), patch(operations)).await
}

async fn change(tenant: &Tenant, id: &str, op: &str, members: &[&str]) -> Answer {
    let operation = json!([{ "op": op, "path": "members", "value": values(members) }]);
    patch_group(tenant, id, operation).await
}

async fn read(tenant: &Tenant, endpoint: &str, id: &str) -> Value {
    tenant.scim.get(&format!("{endpoint}/{id}")).await.expect(200).body
}

/// One sub-attribute of each value of `members` or `groups`; none where it is unassigned.
fn each<'v>(values: &'v Value, sub: &str) -> Vec<&'v str> {
    let values = values.as_array().map_or(&[] as &[Value], Vec::as_slice);
    values.iter().map(|value| value[sub].as_str().unwrap()).collect()
}

/// The names of the resources of a list, in its order.
async fn found(tenant: &Tenant, path: &str, filter: &str) -> Vec<String> {
    let list = tenant.scim.query(path, &[("filter", filter)]).await.expect(200).body;
    let name =
        |it: &Value| it["userName"].as_str().or(it["displayName"].as_str()).map(str::to_owned);
    let names: Vec<_> = list["Resources"].as_array().unwrap().iter().filter_map(name).collect();
    assert_eq!(list["totalResults"], json!(names.len()), "{filter}");
    names
}
