//! What `members` of a group may be, and how they are written.

use tenon_tests::{Server, artifacts, patch, user};

use super::*;

#[tokio::test]
async fn members_are_shown_with_what_the_server_knows_of_them() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut babs = user("bjensen");
    babs["displayName"] = json!("Babs Jensen");
    let babs = acme.create("/Users", babs).await;
    let [ada] = users(&acme, ["ada"]).await;
    let inner = acme.create("/Groups", group("Inner", &[])).await;
    let mut outer = group("Outer", &[&inner, &ada, &babs]);
    // What a client says of a member beyond its id is ignored: it is readOnly.
    outer["members"][0]["type"] = json!("User");
    outer["members"][0]["display"] = json!("Mine");
    outer["members"][1]["$ref"] = json!("https://elsewhere.example/Users/1");
    let created = acme.scim.post("/Groups", outer).await.expect(201);
    let base = &acme.scim.base;
    assert_eq!(
        created.body["members"],
        json!([
            { "value": babs, "$ref": format!("{base}/Users/{babs}"), "type": "User", "display": "Babs Jensen" },
            { "value": ada, "$ref": format!("{base}/Users/{ada}"), "type": "User", "display": "ada" },
            { "value": inner, "$ref": format!("{base}/Groups/{inner}"), "type": "Group", "display": "Inner" }
        ])
    );
    let id = created.body["id"].as_str().unwrap();
    assert_eq!(read(&acme, "/Groups", id).await, created.body);
    let list = acme.scim.get("/Groups").await.expect(200).body;
    assert_eq!(list["Resources"][1], created.body);

    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Ada L." }]);
    acme.scim.patch(&format!("/Users/{ada}"), patch(rename)).await.expect(200);
    let renamed = read(&acme, "/Groups", id).await;
    assert_eq!(each(&renamed["members"], "display"), ["Babs Jensen", "Ada L.", "Inner"]);
    assert_eq!(renamed["meta"], created.body["meta"], "the group itself was not written");
}

#[tokio::test]
async fn a_member_without_a_display_name_is_shown_without_one() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let ada = acme.create("/Users", user("ada")).await;
    let created = acme.scim.post("/Groups", group("g", &[&ada])).await.expect(201);
    let uri = format!("{}/Users/{ada}", acme.scim.base);
    let expected = json!([{ "value": ada, "$ref": uri, "type": "User" }]);
    assert_eq!(created.body["members"], expected, "account names are not for all eyes");
}

#[tokio::test]
async fn a_member_may_be_named_by_its_uri() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada, bert] = users(&acme, ["ada", "bert"]).await;
    let mut new = group("g", &[]);
    new["members"] = json!([{ "$ref": format!("../Users/{ada}") }]);
    let id = acme.create("/Groups", new).await;
    let shown = read(&acme, "/Groups", &id).await;
    assert_eq!(each(&shown["members"], "value"), [&ada]);
    // The same member by another form of its URI is no change; another one is another member.
    let add = json!([{ "op": "add", "path": "members", "value": [
        { "value": ada, "$ref": format!("/Users/{ada}") }, { "$ref": format!("/Users/{bert}") }
    ] }]);
    let added = patch_group(&acme, &id, add).await.expect(200);
    assert_eq!(each(&added.body["members"], "value"), [&ada, &bert]);
    let uri = format!("{}/Users/{ada}", acme.scim.base);
    assert_eq!(added.body["members"][0]["$ref"], json!(uri));
    let replace = json!([{
        "op": "replace", "path": format!("members[value eq \"{ada}\"].$ref"),
        "value": format!("/Users/{bert}")
    }]);
    let refused = patch_group(&acme, &id, replace).await.expect(400);
    assert_eq!(refused.body["scimType"], "mutability");

    let filter = format!("members[$ref eq \"../Users/{bert}\"]");
    let found = acme.scim.query("/Groups", &[("filter", &filter)]).await.expect(200).body;
    assert_eq!(each(&found["Resources"], "id"), [&id]);
    let remove = json!([
        { "op": "remove", "path": "members", "value": [{ "$ref": format!("../Users/{ada}") }] }
    ]);
    let removed = patch_group(&acme, &id, remove).await.expect(200);
    assert_eq!(each(&removed.body["members"], "value"), [&bert]);
    let path = format!("members[$ref eq \"/Users/{bert}\"]");
    let removed = patch_group(&acme, &id, json!([{ "op": "remove", "path": path }])).await;
    assert_eq!(removed.expect(200).body.get("members"), None);
}

#[tokio::test]
async fn a_member_that_nothing_names_is_refused() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Groups", group("g", &[])).await;
    let mut new = group("h", &[]);
    new["members"] = json!([{ "display": "Ada" }]);
    let add = json!([{ "op": "add", "path": "members", "value": [{ "type": "User" }] }]);
    for refused in [acme.scim.post("/Groups", new).await, patch_group(&acme, &id, add).await] {
        let refused = refused.expect(400);
        assert_eq!(refused.body["scimType"], "invalidValue");
        assert!(
            refused.detail().contains("\"members[0].value\" is required"),
            "{}",
            refused.detail()
        );
    }
}

#[tokio::test]
async fn a_member_that_is_not_in_the_tenant_is_refused() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let [ada] = users(&acme, ["ada"]).await;
    let [foreign] = users(&globex, ["eve"]).await;
    let nobody = "019a0000-0000-7000-8000-000000000000";
    let id = acme.create("/Groups", group("g", &[&ada])).await;
    let path = format!("/Groups/{id}");
    let before = read(&acme, "/Groups", &id).await;
    let upper = ada.to_uppercase();
    let cases = [
        (nobody, format!("must be the id of a User or Group; \"{nobody}\" is none")),
        (&foreign, format!("must be the id of a User or Group; \"{foreign}\" is none")),
        (&upper, "must be an id as the server gives them out".to_owned()),
        ("bjensen", "must be an id as the server gives them out".to_owned()),
        ("", "must be an id as the server gives them out".to_owned()),
    ];
    for (member, detail) in &cases {
        let members = [ada.as_str(), member];
        let operation = "Operations[0]: ";
        for (place, refused) in [
            ("", acme.scim.post("/Groups", group("h", &members)).await),
            ("", acme.scim.put(&path, group("g", &members)).await),
            (operation, change(&acme, &id, ADD, &members).await),
        ] {
            let refused = refused.expect(400);
            assert_eq!(refused.body["scimType"], "invalidValue");
            let named = format!("{place}attribute \"members[1].value\" {detail}");
            assert!(refused.detail().starts_with(&named), "{}", refused.detail());
        }
    }
    assert_eq!(read(&acme, "/Groups", &id).await, before);
    assert_eq!(acme.scim.get("/Groups").await.expect(200).body["totalResults"], 1);
}

#[tokio::test]
async fn every_member_that_is_wrong_is_named() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada] = users(&acme, ["ada"]).await;
    let nobody = |n: u8| format!("019a0000-0000-7000-8000-00000000000{n}");
    let members = [nobody(2), ada, nobody(1)];
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let refused = acme.scim.post("/Groups", group("g", &members)).await.expect(400);
    for part in ["members[0].value", &nobody(2), "members[2].value", &nobody(1)] {
        assert!(refused.detail().contains(part), "{}", refused.detail());
    }
    assert!(!refused.detail().contains("members[1]"), "{}", refused.detail());
}

#[tokio::test]
async fn a_type_of_a_plugins_over_the_group_schema_has_members_too() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("teams", &artifacts::component("teams"), json!({})).await;
    let [ada] = users(&acme, ["ada"]).await;
    let team = acme.create("/Teams", group("Team", &[&ada])).await;
    let shown = read(&acme, "/Teams", &team).await;
    assert_eq!(each(&shown["members"], "display"), ["ada"]);
    let ada_shown = read(&acme, "/Users", &ada).await;
    let uri = format!("{}/Teams/{team}", acme.scim.base);
    assert_eq!(each(&ada_shown["groups"], "$ref"), [uri.as_str()]);

    let badge = json!({ "schemas": ["urn:example:2.0:Badge"], "number": "7" });
    let badge = acme.create("/Badges", badge).await;
    for (other, name) in [(&badge, "Badge"), (&team, "Team")] {
        let refused = acme.scim.post("/Groups", group("g", &[other])).await.expect(400);
        let detail = format!("must be the id of a User or Group; \"{other}\" is a {name}");
        assert!(refused.detail().contains(&detail), "{}", refused.detail());
    }

    // Without the plugin the team cannot be reached, and is shown nowhere.
    acme.admin.post("/plugins/teams/deactivate", json!({})).await.expect(200);
    assert_eq!(read(&acme, "/Users", &ada).await.get("groups"), None);
}

#[tokio::test]
async fn the_same_member_twice_is_one() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada, bert] = users(&acme, ["ada", "bert"]).await;
    let mut twice = group("g", &[&ada, &ada]);
    twice["members"][1]["display"] = json!("Ada");
    let id = acme.create("/Groups", twice).await;
    assert_eq!(each(&read(&acme, "/Groups", &id).await["members"], "value"), [&ada]);
    let added = change(&acme, &id, ADD, &[&bert, &ada, &bert]).await.expect(200);
    assert_eq!(each(&added.body["members"], "value"), [&ada, &bert]);
}

#[tokio::test]
async fn members_are_added_and_removed_one_by_one() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [a, b, c] = users(&acme, ["a", "b", "c"]).await;
    let id = acme.create("/Groups", group("Tour Guides", &[&a, &b])).await;
    let operations = json!([
        // As Entra ID names what it removes.
        { "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": a }] },
        { "op": "add", "path": "members", "value": [{ "value": c }] },
        { "op": "remove", "path": "members[value eq \"nobody\"]" }
    ]);
    let patched = patch_group(&acme, &id, operations).await.expect(200);
    assert_eq!(each(&patched.body["members"], "value"), [&b, &c]);
    assert_eq!(each(&patched.body["members"], "display"), ["b", "c"]);
    assert_eq!(read(&acme, "/Groups", &id).await, patched.body);

    // As Okta does, in one request.
    let operations = json!([
        { "op": "remove", "path": format!("members[value eq \"{b}\"]") },
        { "op": "add", "path": "members", "value": [{ "value": a, "display": "a@example.com" }] }
    ]);
    let patched = patch_group(&acme, &id, operations).await.expect(200);
    assert_eq!(each(&patched.body["members"], "value"), [&a, &c]);

    let empty = json!([{ "op": "replace", "path": "members", "value": [] }]);
    let emptied = patch_group(&acme, &id, empty).await.expect(200);
    assert_eq!(emptied.body.get("members"), None);
    let removed = change(&acme, &id, REMOVE, &[&a]).await.expect(200);
    assert_eq!(removed.body, emptied.body, "who is no member is removed with success");
}

#[tokio::test]
async fn a_replacement_has_the_members_it_lists() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [a, b] = users(&acme, ["a", "b"]).await;
    let id = acme.create("/Groups", group("g", &[&a])).await;
    let path = format!("/Groups/{id}");
    let replaced = acme.scim.put(&path, group("g", &[&b])).await.expect(200);
    assert_eq!(each(&replaced.body["members"], "value"), [&b]);
    let without = json!({ "schemas": [GROUP], "displayName": "g" });
    let replaced = acme.scim.put(&path, without).await.expect(200);
    assert_eq!(replaced.body.get("members"), None);
    assert_eq!(read(&acme, "/Groups", &id).await, replaced.body);
}

#[tokio::test]
async fn a_patch_selects_members_by_what_is_known_of_them() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [anna, bert, alf] = users(&acme, ["anna", "bert", "alf"]).await;
    let inner = acme.create("/Groups", group("Inner", &[])).await;
    let id = acme.create("/Groups", group("g", &[&anna, &bert, &alf, &inner])).await;
    let remove = |path: &str| json!([{ "op": "remove", "path": path }]);
    let rest = patch_group(&acme, &id, remove("members[type eq \"Group\"]")).await.expect(200);
    assert_eq!(each(&rest.body["members"], "display"), ["anna", "bert", "alf"]);
    let rest = patch_group(&acme, &id, remove("members[display sw \"A\"]")).await.expect(200);
    assert_eq!(each(&rest.body["members"], "display"), ["bert"]);
    let rest = patch_group(&acme, &id, remove("members")).await.expect(200);
    assert_eq!(rest.body.get("members"), None);
}

#[tokio::test]
async fn what_changes_no_member_makes_no_version() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [a, b] = users(&acme, ["a", "b"]).await;
    let id = acme.create("/Groups", group("g", &[&a, &b])).await;
    let before = read(&acme, "/Groups", &id).await;
    let replace = json!([{ "op": "replace", "path": "members", "value": values(&[&b, &a]) }]);
    let display = json!([{ "op": "add", "path": format!("members[value eq \"{a}\"]"), "value": { "display": "x" } }]);
    let renamed_twice = json!([
        { "op": "remove", "path": "members", "value": values(&[&a]) },
        { "op": "add", "path": "members", "value": values(&[&a]) }
    ]);
    for unchanged in [
        change(&acme, &id, ADD, &[&a]).await,
        patch_group(&acme, &id, replace).await,
        patch_group(&acme, &id, display).await,
        patch_group(&acme, &id, renamed_twice).await,
        acme.scim.put(&format!("/Groups/{id}"), group("g", &[&b, &a])).await,
    ] {
        assert_eq!(unchanged.expect(200).body, before);
    }
    let changed = change(&acme, &id, REMOVE, &[&a]).await.expect(200);
    assert_eq!(changed.header("etag"), "W/\"2\"");
}

#[tokio::test]
async fn what_the_server_derives_cannot_be_patched() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada] = users(&acme, ["ada"]).await;
    let id = acme.create("/Groups", group("g", &[&ada])).await;
    for path in ["members.display", "members[display pr].type"] {
        let operation = json!([{ "op": "replace", "path": path, "value": "x" }]);
        let refused = patch_group(&acme, &id, operation).await.expect(400);
        assert_eq!(refused.body["scimType"], "mutability", "{path}");
    }
    let operation = json!([{ "op": "add", "path": "groups", "value": [{ "value": id }] }]);
    let refused = acme.scim.patch(&format!("/Users/{ada}"), patch(operation)).await.expect(400);
    assert_eq!(refused.body["scimType"], "mutability");

    // RFC 7644 §3.5.1: readOnly values in a replacement are ignored.
    let mut claims = user("ada");
    claims["groups"] = json!([{ "value": "anything", "type": "direct" }]);
    let replaced = acme.scim.put(&format!("/Users/{ada}"), claims.clone()).await.expect(200);
    assert_eq!(each(&replaced.body["groups"], "value"), [&id]);
    claims["userName"] = json!("bert");
    let created = acme.scim.post("/Users", claims).await.expect(201);
    assert_eq!(created.body.get("groups"), None);
}
