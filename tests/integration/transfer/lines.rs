//! What the two routes do with single lines.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, artifacts, user};

use super::{ENTERPRISE, GROUP, export, import, outcomes, results};

fn with_id(id: &str, mut resource: Value) -> Value {
    resource["id"] = json!(id);
    resource
}

#[tokio::test]
async fn ids_that_are_uuids_stay_and_others_become_the_same_ones_each_time() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let kept = "2819c223-7f76-453a-919d-413861904646";
    let mut worker = with_id("42", user("worker"));
    worker["schemas"] = json!([worker["schemas"][0], ENTERPRISE]);
    worker[ENTERPRISE] =
        json!({ "manager": { "value": "17", "$ref": "https://old.example.com/Users/17" } });
    let lines = [with_id(kept, user("kept")), with_id("17", user("manager")), worker];
    let first = results(&acme, "", &lines).await;
    assert_eq!(outcomes(&first), ["created"; 3]);
    assert_eq!(first[0]["id"], kept);
    let again = results(&acme, "", &lines).await;
    assert_eq!(outcomes(&again), ["unchanged"; 3]);
    assert_eq!(
        first.iter().map(|it| &it["id"]).collect::<Vec<_>>(),
        again.iter().map(|it| &it["id"]).collect::<Vec<_>>()
    );
    let manager = first[1]["id"].as_str().unwrap();
    let worker = first[2]["id"].as_str().unwrap();
    let worker = acme.scim.get(&format!("/Users/{worker}")).await.expect(200).body;
    let expected = json!({ "value": manager, "$ref": format!("../Users/{manager}") });
    assert_eq!(worker[ENTERPRISE]["manager"], expected);
    assert_eq!(worker["meta"]["version"], "W/\"1\"");
}

#[tokio::test]
async fn members_are_found_by_the_ids_of_the_source_and_those_that_are_none_are_told() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let group = json!({ "schemas": [GROUP], "id": "1", "displayName": "Staff",
        "members": [{ "value": "nobody" }] });
    let inner = json!({ "schemas": [GROUP], "id": "2", "displayName": "Inner" });
    let made = results(&acme, "", &[with_id("1", user("a")), group, inner]).await;
    assert_eq!(outcomes(&made), ["created"; 3]);
    let members = |values: Value| json!({ "members": { "group": "1", "values": values } });
    let lines = [members(json!([
        { "value": "1", "type": "User" },
        { "value": "2", "$ref": "https://old.example.com/v2/Groups/2" },
        { "value": "3" },
        { "value": "1" },
    ]))];
    let added = results(&acme, "", &lines).await;
    assert_eq!(outcomes(&added), ["updated"]);
    let refused = added[0]["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(refused[0]["value"], "3");
    assert!(refused[0]["detail"].as_str().unwrap().starts_with("the tenant has no User or Group"));
    // The source says neither whether it is the user "1" nor the group "1".
    assert_eq!(refused[1]["value"], "1");
    assert!(refused[1]["detail"].as_str().unwrap().starts_with("it may be a User or a Group"));

    assert_eq!(outcomes(&results(&acme, "", &lines).await), ["unchanged"]);
    let id = made[1]["id"].as_str().unwrap();
    let group = acme.scim.get(&format!("/Groups/{id}")).await.expect(200).body;
    let shown: Vec<&Value> =
        group["members"].as_array().unwrap().iter().map(|it| &it["value"]).collect();
    assert!(shown.contains(&&made[0]["id"]) && shown.contains(&&made[2]["id"]), "{group}");
    // A group that comes again keeps its members.
    let renamed = json!({ "schemas": [GROUP], "id": "1", "displayName": "All" });
    assert_eq!(outcomes(&results(&acme, "?overwrite=true", &[renamed]).await), ["updated"]);
    let group = acme.scim.get(&format!("/Groups/{id}")).await.expect(200).body;
    assert_eq!(
        (&group["displayName"], group["members"].as_array().unwrap().len()),
        (&json!("All"), 2)
    );
}

#[tokio::test]
async fn what_is_refused_is_reported_with_its_reason_and_the_rest_is_taken() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.admin.patch("", json!({ "limits": { "maxGroups": 1 } })).await.expect(200);
    acme.create("/Users", user("taken")).await;
    let lines = [
        with_id("a", user("taken")),
        with_id("b", json!({ "schemas": [GROUP] })),
        user("without-an-id"),
        json!({ "resource": { "id": "c" }, "resourceType": "Robot" }),
        json!([]),
        json!({ "members": { "group": "none", "values": [] } }),
        with_id("d", json!({ "schemas": [GROUP], "displayName": "One" })),
        with_id("e", json!({ "schemas": [GROUP], "displayName": "Two" })),
        json!({ "members": { "group": "e", "values": [{ "value": "f" }] } }),
        with_id("f", json!({ "schemas": user("f")["schemas"], "userName": "f", "shoeSize": 42 })),
        json!({ "members": { "group": "e", "values": [{ "value": "f" }] } }),
    ];
    let results = results(&acme, "", &lines).await;
    let reasons: Vec<(&str, u64, &str)> = results
        .iter()
        .map(|it| {
            let status = it["error"]["status"].as_str().map_or(0, |it| it.parse().unwrap());
            let detail = it["error"]["detail"].as_str().unwrap_or_default();
            (it["outcome"].as_str().unwrap(), status, detail)
        })
        .collect();
    let expected: [(&str, u64, &str); 11] = [
        ("refused", 409, "another User has this value of \"userName\""),
        ("refused", 400, "attribute \"displayName\" is required"),
        ("refused", 400, "the resource has no \"id\""),
        ("refused", 400, "the tenant has no resource type \"Robot\""),
        ("refused", 400, "a line is a JSON object, not an array"),
        ("unchanged", 0, ""),
        ("created", 0, ""),
        ("refused", 403, "the tenant has 1 resources of type Group, and may have 1"),
        ("unchanged", 0, ""),
        ("created", 0, ""),
        ("refused", 404, "Group \""),
    ];
    for (found, expected) in reasons.iter().zip(expected) {
        assert_eq!((found.0, found.1), (expected.0, expected.1), "{found:?}");
        assert!(found.2.starts_with(expected.2), "{found:?}");
    }
    assert_eq!(reasons.len(), expected.len());
    assert_eq!(results[8]["refused"][0]["value"], "f");
    // It is taken, and what no schema has is told.
    assert_eq!(results[9]["ignored"], json!(["shoeSize"]));
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_tells_what_it_would_do() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let kept = acme.create("/Users", user("kept")).await;
    let lines = [
        with_id(&kept, user("kept")),
        with_id("1", user("new")),
        with_id("2", user("kept")),
        with_id(&kept, json!({ "schemas": [GROUP], "displayName": "of another type" })),
    ];
    let told = results(&acme, "?dryRun=true", &lines).await;
    assert_eq!(outcomes(&told), ["unchanged", "created", "refused", "refused"]);
    assert_eq!(
        told[3]["error"]["detail"],
        format!("the id \"{kept}\" is that of a User of the tenant")
    );
    assert_eq!(acme.scim.get("/").await.expect(200).body["totalResults"], 1);
    assert_eq!(outcomes(&results(&acme, "", &lines).await), outcomes(&told));
}

#[tokio::test]
async fn of_two_versions_the_newer_one_counts_unless_the_source_is_to_win() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut source = with_id("1", user("bjensen"));
    source["meta"] = json!({ "resourceType": "User", "lastModified": "2020-01-01T00:00:00Z" });
    results(&acme, "", &[source.clone()]).await;
    source["displayName"] = json!("Babs");
    let older = results(&acme, "", &[source.clone()]).await;
    assert_eq!(outcomes(&older), ["refused"]);
    assert_eq!(older[0]["error"]["status"], "409");
    source["meta"]["lastModified"] = json!("2999-01-01T00:00:00Z");
    assert_eq!(outcomes(&results(&acme, "", &[source.clone()]).await), ["updated"]);
    source["meta"]["lastModified"] = json!("2020-01-01T00:00:00Z");
    source["displayName"] = json!("Barbara");
    assert_eq!(outcomes(&results(&acme, "?overwrite=true", &[source]).await), ["updated"]);
}

#[tokio::test]
async fn an_export_is_what_an_import_takes() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let alice = acme.create("/Users", user("alice")).await;
    let group =
        json!({ "schemas": [GROUP], "displayName": "Staff", "members": [{ "value": alice }] });
    let group = acme.create("/Groups", group).await;
    let lines = export(&acme).await;
    assert_eq!(lines[0], json!({ "export": { "version": 1, "tenant": acme.name } }));
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert_eq!(
        outcomes(&results(&globex, "", &lines[1..]).await),
        ["created", "created", "updated"]
    );
    let copy = globex.scim.get(&format!("/Groups/{group}")).await.expect(200).body;
    assert_eq!(copy["members"][0]["value"], json!(alice));
    assert_eq!(outcomes(&results(&globex, "", &lines[1..]).await), ["unchanged"; 3]);
}

#[tokio::test]
async fn requests_that_are_none_are_refused_whole() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let many: Vec<Value> = vec![json!({}); 501];
    import(&acme, "", &many).await.expect(413);
    import(&acme, "?dryRun=perhaps", &[]).await.expect(400);
    import(&acme, "?dryrun=true", &[]).await.expect(400);
    import(&acme, "?dryRun=true&overwrite=true", &[]).await.expect(400);
    acme.admin.post("/import", json!({})).await.expect(415);
    acme.admin.get("/export?position=here").await.expect(400);
    acme.admin.get("/export?from=here").await.expect(400);
    let position = "Robot/00000000-0000-0000-0000-000000000000";
    acme.admin.get(&format!("/export?position={position}")).await.expect(404);
}

#[tokio::test]
async fn a_tenants_administrator_imports_what_they_may_write_and_exports_what_they_may_see() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    let with = async |permissions: Value| {
        let body = json!({ "name": "some", "permissions": permissions });
        let token = acme.admin.post("/tokens", body).await.expect(201).body;
        let admin = acme.admin.with_token(token["token"].as_str().unwrap());
        Tenant { admin, ..acme.clone() }
    };
    let all = with(json!(["tenant-admin"])).await;
    let lines = [with_id("1", user("a"))];
    assert_eq!(outcomes(&results(&all, "", &lines).await), ["created"]);
    assert_eq!(export(&all).await.len(), 2);
    let some = with(json!(["config:write", "scim:create", "scim:list"])).await;
    let refused = results(&some, "", &lines).await;
    let detail = &refused[0]["error"]["detail"];
    assert_eq!(
        detail,
        "the credential does not have the permission \"scim:update\" for User resources"
    );
    some.admin.get("/export").await.expect(403);
    let elsewhere = Tenant { admin: all.admin.at(globex.admin.base.clone()), ..globex.clone() };
    import(&elsewhere, "", &lines).await.expect(401);
    elsewhere.admin.get("/export").await.expect(401);
}

#[tokio::test]
async fn plugins_are_asked_as_of_a_create_and_members_stay_where_they_look_at_groups() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    acme.activate("cost-center", artifacts::cost_center(), json!({})).await;
    const COST: &str = "urn:example:params:scim:schemas:extension:costcenter:2.0:User";
    let mut wrong = with_id("1", user("wrong"));
    wrong["schemas"] = json!([wrong["schemas"][0], COST]);
    wrong[COST] = json!({ "costCenter": "nonsense" });
    let group = json!({ "schemas": [GROUP], "id": "g", "displayName": "Staff" });
    let members = json!({ "members": { "group": "g", "values": [{ "value": "2" }] } });
    let lines = [wrong, with_id("2", user("right")), group.clone(), members];
    let taken = results(&acme, "", &lines).await;
    assert_eq!(outcomes(&taken), ["refused", "created", "created", "updated"], "{taken:#?}");
    let mut renamed = group;
    renamed["displayName"] = json!("All");
    assert_eq!(outcomes(&results(&acme, "?overwrite=true", &[renamed]).await), ["updated"]);
    let groups = acme.scim.get("/Groups").await.expect(200).body;
    assert_eq!(groups["Resources"][0]["members"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_imports_of_the_same_at_once_create_each_resource_once() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let lines: Vec<Value> =
        (0..50).map(|n| with_id(&n.to_string(), user(&format!("user-{n}")))).collect();
    let (one, other) = tokio::join!(results(&acme, "", &lines), results(&acme, "", &lines));
    for (one, other) in one.iter().zip(&other) {
        let mut both = [one["outcome"].as_str().unwrap(), other["outcome"].as_str().unwrap()];
        both.sort_unstable();
        assert_eq!(both, ["created", "unchanged"]);
        assert_eq!(one["id"], other["id"]);
    }
    assert_eq!(acme.scim.get("/Users?count=0").await.expect(200).body["totalResults"], 50);
}
