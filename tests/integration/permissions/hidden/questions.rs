//! No answer depends on what is hidden.

use serde_json::json;
use tenon_tests::{Server, patch};

use super::{ENTERPRISE, HIDDEN, SECRET, blind_to, person};

#[tokio::test]
async fn a_hidden_attribute_cannot_be_filtered_or_sorted_by() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.create("/Users", person()).await;
    let blind = blind_to(&acme, &HIDDEN).await;
    for filter in [
        "phoneNumbers pr",
        "phoneNumbers.type eq \"work\"",
        "phoneNumbers[type eq \"work\"]",
        "userName pr and not (PHONENUMBERS.value sw \"s\")",
        "title pr or name.familyName gt \"a\"",
        "name pr",
        "emails pr",
        "emails co \"s3\"",
        "emails[type eq \"work\" and value sw \"s\"]",
        "urn:ietf:params:scim:schemas:core:2.0:User:emails.value pr",
        &format!("{ENTERPRISE}:department eq \"{SECRET}\""),
    ] {
        acme.scim.query("/Users", &[("filter", filter)]).await.expect(200);
        let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
                             "filter": filter });
        for refused in [
            blind.query("/Users", &[("filter", filter)]).await,
            blind.query("", &[("filter", filter)]).await,
            blind.query("/Users", &[("filter", filter), ("explain", "true")]).await,
            blind.query("/Users", &[("filter", filter), ("cursor", "")]).await,
            blind.post("/Users/.search", search).await,
        ] {
            let refused = refused.expect(403);
            assert!(refused.detail().contains("may not be read"), "{}", refused.detail());
        }
    }
    for sort_by in ["phoneNumbers", "phoneNumbers.type", "name.familyName", "emails"] {
        acme.scim.query("/Users", &[("sortBy", sort_by)]).await.expect(200);
        blind.query("/Users", &[("sortBy", sort_by)]).await.expect(403);
        blind.query("", &[("sortBy", sort_by)]).await.expect(403);
    }
    for filter in ["emails.type eq \"work\"", "emails[primary eq true]", "name.givenName pr"] {
        let found = blind.query("/Users", &[("filter", filter)]).await.expect(200).body;
        assert_eq!(found["totalResults"], 1, "{filter}");
    }
}

#[tokio::test]
async fn a_hidden_name_is_not_found_by_its_unique_value() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.create("/Users", person()).await;
    let blind = blind_to(&acme, &["userName"]).await;
    let by_name = [("filter", "userName eq \"bjensen\"")];
    acme.scim.query("/Users", &by_name).await.expect(200);
    blind.query("/Users", &by_name).await.expect(403);
    blind.query("/Users", &[by_name[0], ("explain", "true")]).await.expect(403);
    let explain = [by_name[0], ("endpoint", "/Users")];
    acme.admin.query("/explain", &explain).await.expect(200);
    acme.admin.with_token(&blind.token).query("/explain", &explain).await.expect(403);
}

#[tokio::test]
async fn a_cursor_of_another_opens_nothing() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for name in ["a", "b"] {
        let mut person = person();
        person["userName"] = json!(name);
        acme.create("/Users", person).await;
    }
    let sorted = [("sortBy", "phoneNumbers.value"), ("count", "1")];
    let first = acme.scim.query("/Users", &[sorted[0], sorted[1], ("cursor", "")]).await;
    let cursor = first.expect(200).body["nextCursor"].as_str().unwrap().to_owned();
    let blind = blind_to(&acme, &HIDDEN).await;
    blind.query("/Users", &[sorted[0], sorted[1], ("cursor", &cursor)]).await.expect(403);
}

#[tokio::test]
async fn a_hidden_attribute_cannot_be_matched_in_a_patch() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.admin.patch("", json!({ "dialect": "entra" })).await.expect(200);
    let path = format!("/Users/{}", acme.create("/Users", person()).await);
    let blind = blind_to(&acme, &HIDDEN).await;
    let by_number = format!("phoneNumbers[value eq \"{SECRET}\"].type");
    let by_address = "emails[value sw \"s\"].type";
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    for operations in [
        json!([{ "op": "replace", "path": by_number, "value": "home" }]),
        json!([{ "op": "remove", "path": by_address }]),
        json!([{ "op": "replace", "value": { by_address: "other" } }]),
        json!([{ "op": "replace", "path": user, "value": { by_address: "other" } }]),
        json!([{ "op": "replace", "value": { user: { by_address: "other" } } }]),
    ] {
        let refused = blind.patch(&path, patch(operations.clone())).await.expect(403);
        assert!(refused.detail().contains("may not be read"), "{}", refused.detail());
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "PATCH", "path": path, "data": patch(operations) }]
        });
        let done = blind.post("/Bulk", bulk).await.expect(200).body;
        assert_eq!(done["Operations"][0]["status"], "403", "{done:#}");
    }
    let unchanged = acme.scim.get(&path).await.expect(200);
    assert_eq!(unchanged.header("etag"), "W/\"1\"");
    // What it may read, it may match; and what it may not read, it may write.
    let work =
        json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "x@y" }]);
    blind.patch(&path, patch(work)).await.expect(200);
    let written = acme.scim.get(&path).await.expect(200).body;
    assert_eq!(written["emails"][0]["value"], "x@y");
}
