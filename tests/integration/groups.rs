//! Groups and who belongs to them (RFC 7643 §4.1.2 and §4.2).

use serde_json::{Value, json};
use tenon_tests::{Answer, Server, Tenant, artifacts, patch, user};

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
        for refused in [
            acme.scim.post("/Groups", group("h", &members)).await,
            acme.scim.put(&path, group("g", &members)).await,
            change(&acme, &id, ADD, &[member]).await,
        ] {
            let refused = refused.expect(400);
            assert_eq!(refused.body["scimType"], "invalidValue");
            let named = format!("attribute \"members[1].value\" {detail}");
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

#[tokio::test]
async fn members_and_groups_that_are_not_asked_for_are_not_in_the_answer() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada] = users(&acme, ["ada"]).await;
    let id = acme.create("/Groups", group("g", &[&ada])).await;
    let (group_path, user_path) = (format!("/Groups/{id}"), format!("/Users/{ada}"));
    let without = |name: &'static str| ("excludedAttributes", name);
    for (path, parameters, member) in [
        (group_path.as_str(), without("members"), "members"),
        (&group_path, ("attributes", "displayName"), "members"),
        (&user_path, without("groups"), "groups"),
        (&user_path, ("attributes", "userName"), "groups"),
    ] {
        let one = acme.scim.query(path, &[parameters]).await.expect(200).body;
        assert_eq!(one.get(member), None, "{path} {parameters:?}");
        let (collection, _) = path.rsplit_once('/').unwrap();
        let list = acme.scim.query(collection, &[parameters]).await.expect(200).body;
        assert_eq!(list["Resources"], json!([one]), "{path} {parameters:?}");
    }
    // As Entra ID looks for a group; the filter sees what the answer leaves out.
    let filter = format!("members[value eq \"{ada}\"]");
    let parameters = [without("members"), ("filter", filter.as_str())];
    let list = acme.scim.query("/Groups", &parameters).await.expect(200).body;
    assert_eq!(list["totalResults"], 1);
    assert_eq!(list["Resources"][0].get("members"), None);
    let part = acme.scim.query(&group_path, &[("attributes", "members.value")]).await.expect(200);
    assert_eq!(part.body["members"], json!([{ "value": ada }]));
}

#[tokio::test]
async fn a_user_belongs_to_groups_directly_and_through_others() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada, bert] = users(&acme, ["ada", "bert"]).await;
    let inner = acme.create("/Groups", group("Inner", &[&ada])).await;
    let middle = acme.create("/Groups", group("Middle", &[&inner, &bert])).await;
    // Ada belongs to it twice; the direct way is the one that counts.
    let outer = acme.create("/Groups", group("Outer", &[&middle, &ada])).await;
    let uri = |id: &str| format!("{}/Groups/{id}", acme.scim.base);
    let expected = json!([
        { "value": inner, "$ref": uri(&inner), "type": "direct", "display": "Inner" },
        { "value": middle, "$ref": uri(&middle), "type": "indirect", "display": "Middle" },
        { "value": outer, "$ref": uri(&outer), "type": "direct", "display": "Outer" }
    ]);
    assert_eq!(read(&acme, "/Users", &ada).await["groups"], expected);
    let list = acme.scim.get("/Users").await.expect(200).body;
    assert_eq!(list["Resources"][0]["groups"], expected);
    assert_eq!(each(&list["Resources"][1]["groups"], "type"), ["direct", "indirect"]);
    let title = json!([{ "op": "add", "path": "title", "value": "Dr" }]);
    let patched = acme.scim.patch(&format!("/Users/{ada}"), patch(title)).await.expect(200);
    assert_eq!(patched.body["groups"], expected);

    change(&acme, &middle, REMOVE, &[&inner]).await.expect(200);
    let shown = read(&acme, "/Users", &ada).await;
    assert_eq!(each(&shown["groups"], "display"), ["Inner", "Outer"]);
}

#[tokio::test]
async fn groups_that_contain_each_other_hang_nothing() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada] = users(&acme, ["ada"]).await;
    let a = acme.create("/Groups", group("A", &[&ada])).await;
    let b = acme.create("/Groups", group("B", &[&a])).await;
    change(&acme, &a, ADD, &[&b, &a]).await.expect(200);
    assert_eq!(each(&read(&acme, "/Groups", &a).await["members"], "display"), ["ada", "A", "B"]);
    let shown = read(&acme, "/Users", &ada).await;
    assert_eq!(each(&shown["groups"], "display"), ["A", "B"]);
    assert_eq!(each(&shown["groups"], "type"), ["direct", "indirect"]);
    assert_eq!(found(&acme, "/Users", "groups.display eq \"b\"").await, ["ada"]);

    acme.scim.delete(&format!("/Groups/{a}")).await.expect(204);
    assert_eq!(read(&acme, "/Groups", &b).await.get("members"), None);
    assert_eq!(read(&acme, "/Users", &ada).await.get("groups"), None);
}

#[tokio::test]
async fn filters_and_sorts_see_memberships() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [anna, bert, chris] = users(&acme, ["anna", "bert", "chris"]).await;
    let inner = acme.create("/Groups", group("Inner", &[&anna])).await;
    let outer = acme.create("/Groups", group("Outer", &[&inner, &bert])).await;
    acme.create("/Groups", group("Empty", &[])).await;
    let groups: [(String, &[&str]); 9] = [
        (format!("members[value eq \"{anna}\"]"), &["Inner"]),
        (format!("members.value eq \"{bert}\""), &["Outer"]),
        (format!("members eq \"{bert}\""), &["Outer"]),
        ("members.display co \"NN\"".into(), &["Inner", "Outer"]),
        ("members[type eq \"Group\" and display eq \"inner\"]".into(), &["Outer"]),
        (format!("members[type eq \"Group\" and value eq \"{bert}\"]"), &[]),
        ("members pr".into(), &["Inner", "Outer"]),
        ("not (members pr)".into(), &["Empty"]),
        (format!("displayName sw \"o\" and members.value eq \"{chris}\""), &[]),
    ];
    for (filter, expected) in groups {
        assert_eq!(found(&acme, "/Groups", &filter).await, expected, "{filter}");
    }
    let users: [(String, &[&str]); 5] = [
        (format!("groups.value eq \"{outer}\""), &["anna", "bert"]),
        ("groups[type eq \"direct\"]".into(), &["anna", "bert"]),
        (format!("groups[type eq \"direct\" and value eq \"{outer}\"]"), &["bert"]),
        ("groups.display eq \"OUTER\"".into(), &["anna", "bert"]),
        ("not (groups pr)".into(), &["chris"]),
    ];
    for (filter, expected) in users {
        assert_eq!(found(&acme, "/Users", &filter).await, expected, "{filter}");
    }
    let sorted = acme.scim.query("/Groups", &[("sortBy", "members.display")]).await.expect(200);
    assert_eq!(each(&sorted.body["Resources"], "displayName"), ["Inner", "Outer", "Empty"]);
}

#[tokio::test]
async fn a_deleted_member_leaves_its_groups_with_a_new_version() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada, bert] = users(&acme, ["ada", "bert"]).await;
    let inner = acme.create("/Groups", group("Inner", &[&ada, &bert])).await;
    let outer = acme.create("/Groups", group("Outer", &[&inner, &ada])).await;
    let other = acme.create("/Groups", group("Other", &[&bert])).await;
    let before = read(&acme, "/Groups", &inner).await;

    acme.scim.delete(&format!("/Users/{ada}")).await.expect(204);
    let after = read(&acme, "/Groups", &inner).await;
    assert_eq!(each(&after["members"], "display"), ["bert"]);
    assert_eq!(after["meta"]["version"], "W/\"2\"");
    let changed = |group: &Value| group["meta"]["lastModified"].as_str().unwrap().to_owned();
    assert!(changed(&after) > changed(&before));
    assert_eq!(read(&acme, "/Groups", &outer).await["meta"]["version"], "W/\"2\"");
    assert_eq!(read(&acme, "/Groups", &other).await["meta"]["version"], "W/\"1\"");

    acme.scim.delete(&format!("/Groups/{inner}")).await.expect(204);
    let outer = read(&acme, "/Groups", &outer).await;
    assert_eq!((outer.get("members"), &outer["meta"]["version"]), (None, &json!("W/\"3\"")));
    let shown = read(&acme, "/Users", &bert).await;
    assert_eq!(each(&shown["groups"], "display"), ["Other"]);
    assert_eq!(shown["meta"]["version"], "W/\"1\"", "what is derived makes no version");
}

#[tokio::test]
async fn a_plugin_sees_members_as_they_are_shown() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let [ada, bert] = users(&acme, ["ada", "bert"]).await;
    let id = acme.create("/Groups", group("g", &[&ada])).await;
    let before = read(&acme, "/Groups", &id).await;
    acme.activate("tell-members", &artifacts::component("tell-members"), json!({})).await;
    for refused in [
        acme.scim.post("/Groups", group("h", &[&bert])).await,
        acme.scim.put(&format!("/Groups/{id}"), group("g", &[&bert])).await,
        change(&acme, &id, ADD, &[&bert]).await,
    ] {
        let refused = refused.expect(400);
        let seen: Value = serde_json::from_str(refused.detail()).unwrap();
        let last = seen.as_array().unwrap().last().unwrap();
        let uri = format!("{}/Users/{bert}", acme.scim.base);
        let expected = json!({ "value": bert, "$ref": uri, "type": "User", "display": "bert" });
        assert_eq!(*last, expected);
    }
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "h" }]);
    let refused = patch_group(&acme, &id, rename).await.expect(400);
    assert_eq!(serde_json::from_str::<Value>(refused.detail()).unwrap(), before["members"]);
    assert_eq!(read(&acme, "/Groups", &id).await, before);
}

#[tokio::test]
async fn members_added_at_the_same_time_are_all_there() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Groups", group("g", &[])).await;
    let writers = (0..4).map(|writer| {
        let (acme, id) = (acme.clone(), id.clone());
        tokio::spawn(async move {
            for round in 0..4 {
                let member = acme.create("/Users", user(&format!("u{writer}-{round}"))).await;
                change(&acme, &id, ADD, &[&member]).await.expect(200);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let group = read(&acme, "/Groups", &id).await;
    assert_eq!(each(&group["members"], "value").len(), 16);
    assert_eq!(group["meta"]["version"], "W/\"17\"");
}

/// Each user is added to two groups while it is deleted: either comes first, and then the other
/// has its answer. Whoever is left in a group exists.
#[tokio::test]
async fn a_member_that_is_deleted_while_it_is_added_is_in_no_group() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let groups = [
        acme.create("/Groups", group("A", &[])).await,
        acme.create("/Groups", group("B", &[])).await,
    ];
    let mut ids = Vec::new();
    for number in 0..24 {
        ids.push(acme.create("/Users", user(&format!("u{number}"))).await);
    }
    let deleted = ids.iter().cloned().map(|id| {
        let scim = acme.scim.clone();
        tokio::spawn(async move { scim.delete(&format!("/Users/{id}")).await.expect(204) })
    });
    let added =
        groups.iter().flat_map(|group| ids.iter().map(move |id| (group.clone(), id.clone())));
    let added = added.map(|(group, member)| {
        let acme = acme.clone();
        tokio::spawn(async move {
            let answer = change(&acme, &group, ADD, &[&member]).await;
            if answer.status != 200 {
                let refused = answer.expect(400);
                let detail = format!("\"{member}\" is none");
                assert!(refused.detail().contains(&detail), "{}", refused.detail());
            }
        })
    });
    let (added, deleted): (Vec<_>, Vec<_>) = (added.collect(), deleted.collect());
    for task in added {
        task.await.unwrap();
    }
    for task in deleted {
        task.await.unwrap();
    }
    for group in &groups {
        assert_eq!(read(&acme, "/Groups", group).await.get("members"), None);
    }
}

#[tokio::test]
async fn groups_are_patched_while_their_members_are_deleted() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(acme.create("/Users", user(&format!("u{number}"))).await);
    }
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    let groups = [
        acme.create("/Groups", group("A", &members)).await,
        acme.create("/Groups", group("B", &members)).await,
    ];
    let [stays] = users(&acme, ["stays"]).await;
    let deleted = ids.iter().cloned().map(|id| {
        let scim = acme.scim.clone();
        tokio::spawn(async move {
            scim.delete(&format!("/Users/{id}")).await.expect(204);
        })
    });
    let patched = groups.iter().cloned().map(|group| {
        let (acme, stays) = (acme.clone(), stays.clone());
        tokio::spawn(async move {
            for op in [ADD, REMOVE, ADD] {
                change(&acme, &group, op, &[&stays]).await.expect(200);
            }
        })
    });
    for task in deleted.chain(patched).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for group in &groups {
        let group = read(&acme, "/Groups", group).await;
        assert_eq!(each(&group["members"], "display"), ["stays"]);
        // One for each member that was deleted, one for each patch.
        assert_eq!(group["meta"]["version"], "W/\"16\"");
    }
}

#[tokio::test]
async fn a_group_of_thousands_is_patched_in_one_request() {
    const MEMBERS: usize = 2_000;
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let creators = (0..8).map(|part| {
        let acme = acme.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for number in 0..MEMBERS / 8 {
                ids.push(acme.create("/Users", user(&format!("u{part}-{number}"))).await);
            }
            ids
        })
    });
    let mut ids = Vec::new();
    for creator in creators.collect::<Vec<_>>() {
        ids.extend(creator.await.unwrap());
    }
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    let id = acme.create("/Groups", group("everyone", &[])).await;
    let all = change(&acme, &id, ADD, &members).await.expect(200);
    assert_eq!(each(&all.body["members"], "value").len(), MEMBERS);
    let (last, others) = members.split_last().unwrap();
    let one = change(&acme, &id, REMOVE, others).await.expect(200);
    assert_eq!(each(&one.body["members"], "value"), [*last]);
    let back =
        acme.scim.put(&format!("/Groups/{id}"), group("everyone", &members)).await.expect(200);
    assert_eq!(each(&back.body["members"], "value").len(), MEMBERS);
    let filter = format!("members.value eq \"{last}\"");
    assert_eq!(found(&acme, "/Groups", &filter).await, ["everyone"]);
}

#[tokio::test]
async fn a_list_of_more_memberships_than_a_server_may_hold_is_refused() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut ids = Vec::new();
    for number in 0..500 {
        ids.push(acme.create("/Users", user(&format!("u{number}"))).await);
    }
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut nested = acme.create("/Groups", group("g", &members)).await;
    // Each user belongs to all of them: 500 times 401.
    for _ in 0..400 {
        nested = acme.create("/Groups", group("g", &[&nested])).await;
    }
    let refused = acme.scim.query("/Users", &[("count", "1000")]).await.expect(400);
    assert_eq!(refused.body["scimType"], "tooMany");
    assert!(refused.detail().contains("excludedAttributes"), "{}", refused.detail());
    let parameters = [("count", "1000"), ("excludedAttributes", "groups")];
    let list = acme.scim.query("/Users", &parameters).await.expect(200);
    assert_eq!(list.body["itemsPerPage"], 500);
    let one = read(&acme, "/Users", &ids[0]).await;
    assert_eq!(each(&one["groups"], "type").len(), 401);
}

#[tokio::test]
async fn groups_that_contain_each_other_are_deleted_at_the_same_time() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let a = acme.create("/Groups", group("A", &[])).await;
        let b = acme.create("/Groups", group("B", &[&a])).await;
        change(&acme, &a, ADD, &[&b]).await.expect(200);
        ids.extend([a, b]);
    }
    let deletions = ids.into_iter().map(|id| {
        let scim = acme.scim.clone();
        tokio::spawn(async move { scim.delete(&format!("/Groups/{id}")).await.expect(204) })
    });
    for deletion in deletions.collect::<Vec<_>>() {
        deletion.await.unwrap();
    }
    assert_eq!(acme.scim.get("/Groups").await.expect(200).body["totalResults"], 0);
}
