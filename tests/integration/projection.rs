//! Which attributes an answer has: `returned`, `attributes`, `excludedAttributes` (RFC 7644 §3.9).

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts, patch, user};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";

/// A user with an attribute of each kind of `returned`, and where it is.
async fn badge_holder(tenant: &Tenant) -> (Value, String) {
    let of = |returned: &str| json!({ "name": returned, "returned": returned });
    let documents = [
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": BADGE, "name": "Badge",
            "attributes": [of("always"), of("never"), of("default"), of("request")]
        }),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "name": "User", "schemaExtensions": [{ "schema": BADGE }]
        }),
    ];
    tenant.activate("badge", &artifacts::describing(&documents), json!({})).await;
    let mut holder = user("bjensen");
    holder["schemas"] = json!([USER, BADGE]);
    holder["title"] = json!("Dr");
    holder[BADGE] = json!({ "always": "a", "never": "n", "default": "d", "request": "r" });
    let id = tenant.create("/Users", holder.clone()).await;
    (holder, format!("/Users/{id}"))
}

/// The names that are left of the extension.
fn badge(resource: &Value) -> Vec<&str> {
    let badge = resource.get(BADGE).and_then(Value::as_object);
    badge.into_iter().flat_map(|badge| badge.keys().map(String::as_str)).collect()
}

#[tokio::test]
async fn what_is_returned_is_what_the_schema_says_and_the_request_asks() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (_, path) = badge_holder(&acme).await;
    let cases: [(&str, &[&str]); 7] = [
        ("", &["always", "default"]),
        ("attributes=userName", &["always"]),
        ("attributes=BADGE:request,BADGE:never", &["always", "request"]),
        ("attributes=BADGE", &["always", "default"]),
        ("excludedAttributes=BADGE:default,BADGE:always", &["always"]),
        ("excludedAttributes=BADGE", &["always"]),
        ("excludedAttributes=title", &["always", "default"]),
    ];
    for (parameters, expected) in cases {
        let parameters = parameters.replace("BADGE", BADGE);
        let one = acme.scim.get(&format!("{path}?{parameters}")).await.expect(200).body;
        let list = acme.scim.get(&format!("/Users?{parameters}")).await.expect(200).body;
        assert_eq!(badge(&one), expected, "{parameters}");
        assert_eq!(list["Resources"], json!([one]), "{parameters}");
        assert!(one["id"].is_string() && one["schemas"].is_array(), "always returned");
    }
}

#[tokio::test]
async fn the_answer_to_a_write_is_chosen_in_the_same_way() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let (mut holder, path) = badge_holder(&acme).await;
    // RFC 7643 §7: what is returned on request is returned to the one who has just written it.
    let replaced = acme.scim.put(&path, holder.clone()).await.expect(200).body;
    assert_eq!(badge(&replaced), ["always", "default", "request"]);
    let only_title = format!("{path}?attributes=title");
    let replaced = acme.scim.put(&only_title, holder.clone()).await.expect(200).body;
    assert_eq!((&replaced["title"], replaced.get("userName")), (&json!("Dr"), None));
    let operations = patch(json!([{ "op": "replace", "path": "nickName", "value": "Babs" }]));
    let patched = acme.scim.patch(&only_title, operations).await.expect(200).body;
    assert_eq!((&patched["title"], patched.get("nickName")), (&json!("Dr"), None));
    holder["userName"] = json!("another");
    let created = acme.scim.post("/Users?excludedAttributes=title", holder).await.expect(201).body;
    assert_eq!((created.get("title"), &created["userName"]), (None, &json!("another")));
}

#[tokio::test]
async fn paths_with_the_urn_of_the_core_schema_name_core_attributes() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut bjensen = user("bjensen");
    bjensen["name"] = json!({ "familyName": "Jensen", "givenName": "Barbara" });
    let id = acme.create("/Users", bjensen).await;
    let path = format!("/Users/{id}");
    let one = acme.scim.get(&format!("{path}?attributes={USER}:name.familyName")).await.expect(200);
    assert_eq!(one.body["name"], json!({ "familyName": "Jensen" }));
    let filter = format!("{}:USERNAME eq \"bjensen\"", USER.to_uppercase());
    let sort_by = format!("{USER}:name.givenName");
    let list =
        acme.scim.query("/Users", &[("filter", &filter), ("sortBy", &sort_by)]).await.expect(200);
    assert_eq!(list.body["totalResults"], 1);
    let title = json!([{ "op": "add", "path": format!("{USER}:title"), "value": "Dr" }]);
    let patched = acme.scim.patch(&path, patch(title)).await.expect(200);
    assert_eq!(patched.body["title"], "Dr");
}

#[tokio::test]
async fn both_lists_of_attributes_at_once_are_refused_on_every_method() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("bjensen")).await;
    let both = "attributes=title&excludedAttributes=name";
    let path = format!("/Users/{id}?{both}");
    let title = patch(json!([{ "op": "add", "path": "title", "value": "Dr" }]));
    for refused in [
        acme.scim.get(&path).await,
        acme.scim.get(&format!("/Users?{both}")).await,
        acme.scim.put(&path, user("other")).await,
        acme.scim.patch(&path, title).await,
        acme.scim.post(&format!("/Users?{both}"), user("third")).await,
    ] {
        assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("invalidValue")));
        assert!(refused.detail().contains("exclude each other"), "{}", refused.detail());
    }
    let list = acme.scim.get("/Users").await.expect(200).body;
    assert_eq!(list["totalResults"], 1, "nothing was written");
    assert_eq!(list["Resources"][0]["meta"]["version"], "W/\"1\"");
}
