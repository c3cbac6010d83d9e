//! Memberships as answers, filters, plugins and deletions see them.

use tenon_tests::{Server, artifacts, patch};

use super::*;

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
