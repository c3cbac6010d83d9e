//! A share opens what it names, in one direction, and nothing else.

use serde_json::{Value, json};
use tenon_tests::{Client, Tenant, until, user};

use super::{Family, group};

/// A list of ids that a tenant shows.
async fn ids(tenant: &Tenant, path: &str) -> Vec<Value> {
    let list = tenant.scim.get(path).await.expect(200).body;
    let resources = list["Resources"].as_array().cloned().unwrap_or_default();
    resources.into_iter().map(|it| it["id"].clone()).collect()
}

async fn administrator(tenant: &Tenant) -> Client {
    let token = json!({ "name": "admin", "role": "tenant-admin" });
    let token = tenant.admin.post("/tokens", token).await.expect(201).body;
    tenant.admin.with_token(token["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_share_opens_what_it_names_and_nothing_else() {
    let family = Family::new().await;
    let Family { parent, child, .. } = &family;
    let ada = parent.create("/Users", user("ada")).await;
    let team = parent.create("/Groups", group("secret-team", &[&ada])).await;
    let own = child.create("/Users", user("own")).await;
    let own_group = child.create("/Groups", group("own-group", &[&own])).await;
    family.share(&["User"]).await.expect(201);
    family.copied().await;

    // No other type, and no member of one.
    assert_eq!(ids(child, "/Groups").await, [json!(own_group)]);
    let copy = child.scim.get(&format!("/Users/{ada}")).await.expect(200).body;
    assert_eq!(copy.get("groups"), None, "{copy:#}");
    let filter = format!("groups.value eq \"{team}\"");
    let found = child.scim.query("/Users", &[("filter", &filter)]).await.expect(200).body;
    assert_eq!(found["totalResults"], 0);

    // Nothing of what the parent's clients and administrators have done.
    let of_child = administrator(child).await;
    let requests = until("the requests are in the log", async || {
        let requests = of_child.get("/requests").await.expect(200).body.to_string();
        requests.contains(&own_group).then_some(requests)
    })
    .await;
    let told = requests + &of_child.get("/audit").await.expect(200).body.to_string();
    assert!(!told.contains(&team) && !told.contains("secret-team"), "{told}");
    let token = parent.admin.get("/tokens").await.expect(200).body["items"][0]["id"].clone();
    assert!(!told.contains(token.as_str().unwrap()), "{told}");
    // Its own request for an id is in its log, whosever that is.
    child.scim.get(&format!("/Groups/{team}")).await.expect(404);
    parent.scim.with_token(&child.scim.token).get("/Users").await.expect(401);
    child.scim.with_token(&parent.scim.token).get("/Users").await.expect(401);

    // The parent sees nothing of the child, nor that there is one.
    assert_eq!(ids(parent, "/Users").await, [json!(ada)]);
    assert_eq!(ids(parent, "/Groups").await, [json!(team)]);
    parent.create("/Users", user("own")).await;
    let of_parent = administrator(parent).await;
    let told = of_parent.get("/audit").await.expect(200).body.to_string()
        + &of_parent.get("").await.expect(200).body.to_string();
    assert!(!told.contains(&child.id) && !told.contains(&child.name), "{told}");

    // Whom it is shared with is the operator's to say.
    for administrator in [&of_parent, &of_child] {
        administrator.get("/shares").await.expect(401);
        let path = format!("/shares/{}", parent.id);
        administrator.put(&path, json!({ "resourceTypes": ["Group"] })).await.expect(401);
        administrator.delete(&path).await.expect(401);
    }
}

#[tokio::test]
async fn a_copy_is_not_shared_further() {
    let family = Family::new().await;
    let Family { one, parent, child, .. } = &family;
    let grandchild = one.tenant("grandchild").await;
    let ada = parent.create("/Users", user("ada")).await;
    family.share(&["User"]).await.expect(201);
    family.copied().await;
    let own = child.create("/Users", user("own")).await;
    let path = format!("/shares/{}", child.id);
    grandchild.admin.put(&path, json!({ "resourceTypes": ["User"] })).await.expect(201);
    until("it is copied", async || {
        let share = grandchild.admin.get(&path).await.expect(200).body;
        (share["state"] == "following").then_some(())
    })
    .await;
    assert_eq!(ids(&grandchild, "/Users").await, [json!(own)]);
    grandchild.scim.get(&format!("/Users/{ada}")).await.expect(404);
}

#[tokio::test]
async fn permissions_and_hidden_attributes_are_the_childs() {
    let family = Family::new().await;
    let Family { parent, child, .. } = &family;
    let mut ada = user("ada");
    ada["nickName"] = json!("nick");
    let ada = parent.create("/Users", ada).await;
    family.share(&["User"]).await.expect(201);
    family.copied().await;
    let token = json!({ "name": "t", "permissions": ["scim:read:User"], "hidden": ["nickName"] });
    let token = child.admin.post("/tokens", token).await.expect(201).body;
    let scim = child.scim.with_token(token["token"].as_str().unwrap());
    let seen = scim.get(&format!("/Users/{ada}")).await.expect(200).body;
    assert_eq!(seen.get("nickName"), None, "{seen:#}");
    scim.get("/Users").await.expect(403);
}
