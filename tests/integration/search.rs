//! Searches in a body, and queries of all resource types at once.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, user};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Two users and two groups, in turns.
async fn people(tenant: &Tenant) {
    for (user_name, display_name) in [("anna", "Smith, Anna"), ("bert", "Berg, Bert")] {
        let mut person = user(user_name);
        person["displayName"] = json!(display_name);
        tenant.create("/Users", person).await;
        let family = format!("{} family", display_name.split(',').next().unwrap());
        tenant.create("/Groups", json!({ "schemas": [GROUP], "displayName": family })).await;
    }
}

fn search(members: Value) -> Value {
    let mut body = json!({ "schemas": [SEARCH] });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

fn display_names(list: &Value) -> Vec<&str> {
    let resources = list["Resources"].as_array().unwrap();
    resources.iter().map(|it| it["displayName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_search_answers_as_the_same_query_in_the_url() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    people(&acme).await;
    let found = acme
        .scim
        .post(
            "/Users/.search",
            search(json!({
                "attributes": ["displayName"],
                "filter": "userName pr",
                "sortBy": "userName",
                "sortOrder": "descending",
                "startIndex": 1,
                "count": 1
            })),
        )
        .await
        .expect(200);
    assert_eq!(found.header("content-type"), "application/scim+json");
    assert_eq!(found.body["schemas"], json!([LIST]));
    assert_eq!(display_names(&found.body), ["Berg, Bert"]);
    assert_eq!(found.body["Resources"][0].get("userName"), None);
    let in_url = acme
        .scim
        .get("/Users?attributes=displayName&filter=userName%20pr&sortBy=userName&sortOrder=descending&startIndex=1&count=1")
        .await
        .expect(200);
    assert_eq!(found.body, in_url.body);
    let excluded = search(json!({ "excludedAttributes": ["displayName", "id"] }));
    let excluded = acme.scim.post("/Groups/.search", excluded).await.expect(200);
    assert_eq!(excluded.body["Resources"][0].get("displayName"), None);
    assert!(excluded.body["Resources"][0]["id"].is_string(), "id is always returned");
}

#[tokio::test]
async fn names_in_a_search_have_any_case_and_unknown_ones_are_ignored() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    people(&acme).await;
    let body = json!({
        "SCHEMAS": [SEARCH.to_uppercase()], "Filter": "userName eq \"ANNA\"", "COUNT": 5,
        "sortby": null, "domain": "x"
    });
    let found = acme.scim.post("/Users/.search", body).await.expect(200);
    assert_eq!(display_names(&found.body), ["Smith, Anna"]);
}

#[tokio::test]
async fn parameters_in_the_url_of_a_search_do_not_count() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    people(&acme).await;
    let path = "/Users/.search?count=ten&filter=nonsense&attributes=a&excludedAttributes=b&count=0";
    let found = acme.scim.post(path, search(json!({}))).await.expect(200);
    assert_eq!(found.body["itemsPerPage"], 2);
    assert_eq!(found.body["Resources"][0]["userName"], "anna");
}

#[tokio::test]
async fn a_search_that_is_wrong_says_where() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let cases = [
        (json!({}), "invalidSyntax", "\"schemas\" of a search must contain"),
        (json!({ "schemas": "x" }), "invalidSyntax", "must be an array of strings, not a string"),
        (search(json!({ "filter": 1 })), "invalidSyntax", "\"filter\" of a search must be a str"),
        (search(json!({ "attributes": "a" })), "invalidSyntax", "\"attributes\" of a search"),
        (search(json!({ "count": "1" })), "invalidValue", "\"count\" must be a whole number"),
        (search(json!({ "startIndex": 1.5 })), "invalidValue", "\"startIndex\" must be a whole"),
        (search(json!({ "sortOrder": "up" })), "invalidValue", "\"sortOrder\" must be"),
        (search(json!({ "sortBy": "colour" })), "invalidValue", "\"sortBy\": path \"colour\""),
        (search(json!({ "filter": "a b" })), "invalidFilter", "column 3"),
        (
            search(json!({ "attributes": ["a"], "excludedAttributes": ["b"] })),
            "invalidValue",
            "exclude each other",
        ),
        (
            search(json!({ "excludedAttributes": vec!["title"; 1_001] })),
            "invalidValue",
            "\"excludedAttributes\" must have at most 1000 names, not 1001",
        ),
    ];
    for path in ["/Users/.search", "/.search"] {
        for (body, scim_type, detail) in cases.clone() {
            let refused = acme.scim.post(path, body.clone()).await.expect(400);
            assert_eq!(refused.body["scimType"], scim_type, "{body}");
            assert!(refused.detail().contains(detail), "{body}: {}", refused.detail());
        }
    }
    acme.scim.post("/Robots/.search", search(json!({}))).await.expect(404);
}

#[tokio::test]
async fn the_root_has_the_resources_of_all_types() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    people(&acme).await;
    let all = ["Smith, Anna", "Smith family", "Berg, Bert", "Berg family"];
    for answer in [
        acme.scim.get("").await,
        acme.scim.get("/").await,
        acme.scim.post("/.search", search(json!({}))).await,
    ] {
        let list = answer.expect(200).body;
        assert_eq!(display_names(&list), all, "in order of creation");
        assert_eq!(list["totalResults"], 4);
    }
    let page = acme.scim.get("/?startIndex=2&count=2").await.expect(200).body;
    assert_eq!(display_names(&page), all[1..3]);
    assert_eq!((&page["totalResults"], &page["startIndex"]), (&json!(4), &json!(2)));
    // Each as it is at its own endpoint.
    for resource in page["Resources"].as_array().unwrap() {
        let location = resource["meta"]["location"].as_str().unwrap().to_owned();
        assert_eq!(acme.scim.at(location).get("").await.expect(200).body, *resource);
    }
}

#[tokio::test]
async fn a_filter_at_the_root_takes_an_attribute_that_a_type_lacks_for_one_without_value() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    people(&acme).await;
    let cases: [(&str, &[&str]); 9] = [
        ("displayName sw \"smith\"", &["Smith, Anna", "Smith family"]),
        ("meta.resourceType eq \"User\"", &["Smith, Anna", "Berg, Bert"]),
        ("(meta.resourceType eq \"Group\") and displayName co \"e\"", &["Berg family"]),
        ("userName pr", &["Smith, Anna", "Berg, Bert"]),
        ("userName eq \"anna\" or displayName eq \"BERG FAMILY\"", &["Smith, Anna", "Berg family"]),
        ("userName eq null", &["Smith family", "Berg family"]),
        ("not (userName pr)", &["Smith family", "Berg family"]),
        ("emails[type eq \"work\"]", &[]),
        (
            "urn:ietf:params:scim:schemas:core:2.0:Group:displayName ew \"family\"",
            &["Smith family", "Berg family"],
        ),
    ];
    for (filter, expected) in cases {
        let list = acme.scim.query("/", &[("filter", filter)]).await.expect(200).body;
        assert_eq!(display_names(&list), expected, "{filter}");
        assert_eq!(list["totalResults"], json!(expected.len()), "{filter}");
    }
    for filter in ["colour eq \"red\"", "active gt true", "password pr"] {
        let refused = acme.scim.query("/", &[("filter", filter)]).await.expect(400);
        assert_eq!(refused.body["scimType"], "invalidFilter", "{filter}");
    }
}

#[tokio::test]
async fn the_root_is_sorted_and_paged_across_types() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    people(&acme).await;
    let query = async |parameters: &[(&str, &str)]| {
        let list = acme.scim.query("/", parameters).await.expect(200).body;
        display_names(&list).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        query(&[("sortBy", "displayName"), ("startIndex", "2"), ("count", "2")]).await,
        ["Berg, Bert", "Smith family"]
    );
    // Groups have no userName: last ascending, first descending.
    assert_eq!(
        query(&[("sortBy", "userName")]).await,
        ["Smith, Anna", "Berg, Bert", "Smith family", "Berg family"]
    );
    assert_eq!(
        query(&[("sortBy", "userName"), ("sortOrder", "descending")]).await,
        ["Smith family", "Berg family", "Berg, Bert", "Smith, Anna"]
    );
    acme.scim.query("/", &[("sortBy", "colour")]).await.expect(400);
}

#[tokio::test]
async fn each_type_is_projected_by_its_own_schemas() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    people(&acme).await;
    let list = acme.scim.query("/", &[("attributes", "userName")]).await.expect(200).body;
    let keys = |index: usize| -> Vec<String> {
        list["Resources"][index].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(0), ["schemas", "id", "userName"]);
    assert_eq!(keys(1), ["schemas", "id"]);
}

#[tokio::test]
async fn the_root_is_closed_to_other_tenants() {
    let server = Server::shared();
    let (acme, globex) = (server.tenant("acme").await, server.tenant("globex").await);
    people(&acme).await;
    for path in ["", "/"] {
        acme.scim.with_token(&globex.scim.token).get(path).await.expect(401);
        assert_eq!(globex.scim.get(path).await.expect(200).body["totalResults"], 0);
    }
    let searched = globex.scim.post("/.search", search(json!({ "filter": "id pr" }))).await;
    assert_eq!(searched.expect(200).body["totalResults"], 0);
}
