//! How a list is made is told to those who may know it.

use serde_json::{Value, json};
use tenon_tests::{Client, Server, Tenant, complaint, printed, user};

use super::indexes::fill;

/// A tenant with three users: two are Jensens, one of these an engineer.
async fn acme(server: &Server) -> Tenant {
    let acme = server.tenant("acme").await;
    for (name, family, title) in
        [("a", "Jensen", "Engineer"), ("b", "Jensen", "Clerk"), ("c", "Smith", "Engineer")]
    {
        let mut body = user(name);
        body["name"] = json!({ "familyName": family });
        body["title"] = json!(title);
        body["emails"] = json!([{ "value": format!("{name}@example.com") }]);
        acme.create("/Users", body).await;
    }
    acme
}

/// A client of the tenant that may ask.
async fn analyst(acme: &Tenant) -> Client {
    let body = json!({ "name": "analyst", "mayExplain": true });
    let created = acme.admin.post("/tokens", body).await.expect(201).body;
    acme.scim.with_token(created["token"].as_str().unwrap())
}

async fn explained(client: &Client, parameters: &[(&str, &str)]) -> Value {
    let parameters = [parameters, &[("explain", "true")]].concat();
    client.query("/Users", &parameters).await.expect(200).body
}

#[tokio::test]
async fn the_index_is_told_that_finds_the_candidates_and_what_is_then_looked_at() {
    let server = Server::shared();
    let acme = acme(&server).await;
    let analyst = analyst(&acme).await;
    let filter = r#"title eq "engineer" and name.familyName sw "jen""#;
    let expected = json!({
        "total": 1,
        "refused": null,
        "types": [{
            "resourceType": "User",
            "foundBy": ["name.familyName sw, by a range of the index of its values"],
            "probed": [],
            "readInDocuments": ["title"],
            "candidates": 2,
            "limit": 50_000,
            "sort": null,
            "toIndex": ["tenon index add User title"],
        }],
    });
    assert_eq!(explained(&analyst, &[("filter", filter)]).await, expected);
    let asked = [("endpoint", "/Users"), ("filter", filter)];
    assert_eq!(acme.admin.query("/explain", &asked).await.expect(200).body, expected);
}

#[tokio::test]
async fn of_two_indexes_one_finds_candidates_and_the_other_is_asked_for_each() {
    let server = Server::shared();
    let analyst = analyst(&acme(&server).await).await;
    let filter = r#"name.familyName eq "Jensen" and emails.value eq "b@example.com""#;
    let explained = explained(&analyst, &[("filter", filter)]).await;
    let of_users = &explained["types"][0];
    assert_eq!(explained["total"], 1);
    assert_eq!(of_users["foundBy"], json!(["emails.value eq, by the index of its values"]));
    assert_eq!(of_users["probed"], json!(["name.familyName"]));
    assert_eq!(of_users["readInDocuments"], json!([]));
    assert_eq!(of_users["candidates"], 1);
}

#[tokio::test]
async fn a_unique_value_is_found_by_what_keeps_it_unique() {
    let server = Server::shared();
    let analyst = analyst(&acme(&server).await).await;
    for (name, total) in [("B", 1), ("nobody", 0)] {
        let filter = format!(r#"userName eq "{name}""#);
        let explained = explained(&analyst, &[("filter", &filter)]).await;
        assert_eq!(explained["total"], total);
        let of_users = &explained["types"][0];
        assert_eq!(of_users["foundBy"], json!(["userName eq, by its unique value"]));
        assert_eq!((&of_users["candidates"], &of_users["limit"]), (&json!(total), &json!(1)));
    }
}

#[tokio::test]
async fn what_sorts_a_list_is_told() {
    let server = Server::shared();
    let analyst = analyst(&acme(&server).await).await;
    let by_documents = "title, by the documents of those that match";
    for (sort_by, expected) in
        [("name.familyName", "name.familyName, by its index"), ("title", by_documents)]
    {
        let sorted = explained(&analyst, &[("sortBy", sort_by)]).await;
        assert_eq!(sorted["total"], 3);
        assert_eq!(sorted["types"][0]["foundBy"], json!([]));
        assert_eq!(sorted["types"][0]["sort"], expected);
    }
    let few = [("filter", "displayName sw \"x\""), ("sortBy", "name.familyName")];
    let of_few = explained(&analyst, &few).await;
    let by_documents = "name.familyName, by the documents of those that match";
    assert_eq!(of_few["types"][0]["sort"], by_documents);
    let many = [("filter", "not (emails.value eq \"x\")"), ("sortBy", "name.familyName")];
    let of_many = explained(&analyst, &many).await;
    assert_eq!(of_many["types"][0]["sort"], "name.familyName, by its index");
    let of_both = [("explain", "true"), ("sortBy", "displayName")];
    let of_both = analyst.query("/", &of_both).await.expect(200).body;
    assert_eq!(of_both["types"][1]["sort"], "displayName, by all entries of its index");
}

#[tokio::test]
async fn all_types_are_explained_at_the_root() {
    let server = Server::shared();
    let acme = acme(&server).await;
    let analyst = analyst(&acme).await;
    let all = analyst.get("/?explain=true").await.expect(200).body;
    assert_eq!((&all["total"], &all["types"][0]["limit"]), (&json!(3), &Value::Null));
    let filter = [("explain", "true"), ("filter", r#"displayName sw "x""#)];
    let of_all = analyst.query("/", &filter).await.expect(200).body;
    let types = of_all["types"].as_array().unwrap();
    let names: Vec<_> = types.iter().map(|it| it["resourceType"].as_str().unwrap()).collect();
    assert_eq!(names, ["User", "Group"]);
    let asked = [("endpoint", "/"), filter[1]];
    assert_eq!(acme.admin.query("/explain", &asked).await.expect(200).body, of_all);
}

#[tokio::test]
async fn a_list_that_is_refused_is_explained_with_the_index_that_it_needs() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    fill(&server, &acme, 50_001).await;
    let analyst = analyst(&acme).await;
    let filter = ("filter", r#"title eq "Title 7""#);
    let refusal = acme.scim.query("/Users", &[filter]).await.expect(400);
    assert_eq!(refusal.body["scimType"], "tooMany");
    let explained = explained(&analyst, &[filter]).await;
    assert_eq!(explained["refused"], refusal.detail());
    assert_eq!(explained["total"], Value::Null);
    let of_users = &explained["types"][0];
    assert_eq!(of_users["foundBy"], json!([]));
    assert_eq!(of_users["candidates"], 50_001);
    assert_eq!(of_users["toIndex"], json!(["tenon index add User title"]));

    let of = ["--tenant", acme.name.as_str()];
    let told = printed(&server.run(&[&["explain", "/Users", filter.1], &of[..]].concat()));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], format!("refused: {}", refusal.detail()));
    assert_eq!(lines[1], "User: more than 50000 candidates");
}

#[tokio::test]
async fn a_token_that_may_not_explain_is_told_so() {
    let server = Server::shared();
    let acme = acme(&server).await;
    let refusal = acme.scim.get("/Users?explain=true").await.expect(403);
    assert!(refusal.detail().contains("\"scim:explain\""), "{}", refusal.detail());
    assert_eq!(acme.scim.get("/Users?explain=false").await.expect(200).body["totalResults"], 3);
    let analyst = analyst(&acme).await;
    for query in ["explain=yes", "explain=", "explain=true&explain=true"] {
        let refusal = analyst.get(&format!("/Users?{query}")).await.expect(400);
        assert_eq!(refusal.body["scimType"], "invalidValue", "{query}");
        assert!(refusal.detail().contains("\"explain\""), "{}", refusal.detail());
    }
    let wrong = analyst.get("/Users?explain=true&filter=nickName").await.expect(400);
    assert_eq!(wrong.body["scimType"], "invalidFilter");
}

#[tokio::test]
async fn an_operator_is_told_in_a_few_lines() {
    let server = Server::shared();
    let acme = acme(&server).await;
    let filter = r#"name.familyName sw "jen" and title eq "clerk""#;
    let args = ["explain", "--tenant", &acme.name, "/Users", filter, "--sort-by", "title"];
    let told = printed(&server.run(&args));
    let expected = "\
1 match
User: 2 of at most 50000 candidates
  found by: name.familyName sw, by a range of the index of its values
  then read in each document: title
  sorted: title, by the documents of those that match
  to index: tenon index add User title
";
    assert_eq!(told, expected);
    let json: Value =
        serde_json::from_str(&printed(&server.run(&[&args[..], &["--json"]].concat()))).unwrap();
    assert_eq!(json["total"], 1);
    let all = printed(&server.run(&["explain", "--tenant", &acme.name, "/Users"]));
    assert_eq!(all, "3 match\nUser: no filter and no sort, only the page is read\n");

    for (arguments, expected) in [
        (&["/People"][..], "tenon: the tenant has no resource type at /People"),
        (&["/Users", "title"], "tenon: "),
        (&["/Users", "--sort-order", "up"], "tenon: parameter \"sortOrder\""),
    ] {
        let of = ["explain", "--tenant", acme.name.as_str()];
        let output = server.run(&[&of[..], arguments].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(complaint(&output).starts_with(expected), "{}", complaint(&output));
    }
    acme.admin.get("/explain").await.expect(400);
    acme.admin.get("/explain?endpoint=/Users&count=1").await.expect(400);
}
