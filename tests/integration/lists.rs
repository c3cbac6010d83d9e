//! Filters, sorting and paging over HTTP.

use serde_json::{Value, json};
use tenon_tests::{Server, Tenant, user};

/// Five users, created in this order.
async fn five_users(tenant: &Tenant) {
    let people = [
        ("anna", "Dr", "Berg", true),
        ("Bert", "", "adams", false),
        ("chris", "Prof", "Carr", true),
        ("dora_x", "Dr", "Dunn", false),
        ("emil%", "", "Ek", true),
    ];
    for (user_name, title, family_name, active) in people {
        let mut person = user(user_name);
        person["name"] = json!({ "familyName": family_name });
        person["active"] = json!(active);
        person["emails"] = json!([
            { "type": "work", "value": format!("{user_name}@example.com") },
            { "type": "home", "value": format!("{user_name}@home.example") }
        ]);
        if !title.is_empty() {
            person["title"] = json!(title);
        }
        tenant.create("/Users", person).await;
    }
}

fn user_names(list: &Value) -> Vec<&str> {
    let resources = list["Resources"].as_array().unwrap();
    resources.iter().map(|user| user["userName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_filter_selects_what_it_says() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    five_users(&acme).await;
    let cases: [(&str, &[&str]); 12] = [
        ("userName eq \"BERT\"", &["Bert"]),
        ("title eq \"dr\" and active eq true", &["anna"]),
        ("title pr", &["anna", "chris", "dora_x"]),
        ("not (title pr)", &["Bert", "emil%"]),
        ("emails[type eq \"work\" and value ew \"home.example\"]", &[]),
        ("emails[type eq \"work\"].value sw \"anna@\"", &["anna"]),
        ("userName co \"%\"", &["emil%"]),
        ("userName co \"_\"", &["dora_x"]),
        ("name.familyName gt \"c\" and name.familyName lt \"e\"", &["chris", "dora_x"]),
        ("title eq \"Dr\" or userName eq \"bert\"", &["anna", "Bert", "dora_x"]),
        (
            "meta.resourceType eq \"User\" and meta.created gt \"2020-01-01T00:00:00Z\" and active eq false",
            &["Bert", "dora_x"],
        ),
        ("userName eq \"27182818-nobody\"", &[]),
    ];
    for (filter, expected) in cases {
        let list = acme.scim.query("/Users", &[("filter", filter)]).await.expect(200);
        assert_eq!(user_names(&list.body), expected, "{filter}");
        assert_eq!(list.body["totalResults"], json!(expected.len()), "{filter}");
    }
}

#[tokio::test]
async fn a_bad_filter_is_refused_with_its_place() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    five_users(&acme).await;
    for (filter, detail) in [
        ("userName equals \"x\"", "column 10: expected an operator"),
        ("colour eq \"x\"", "column 1: path \"colour\""),
        ("title pr and active gt true", "column 14: operator \"gt\" does not apply"),
        ("", "column 1: expected an attribute"),
    ] {
        let refused = acme.scim.query("/Users", &[("filter", filter)]).await.expect(400);
        assert_eq!(refused.body["scimType"], "invalidFilter");
        assert!(refused.detail().contains(detail), "{filter}: {}", refused.detail());
    }
}

#[tokio::test]
async fn pages_are_stable_and_count_all() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    five_users(&acme).await;
    let page = async |parameters: &[(&str, &str)]| {
        let list = acme.scim.query("/Users", parameters).await.expect(200).body;
        let names: Vec<String> = user_names(&list).into_iter().map(str::to_owned).collect();
        (names, list["totalResults"].as_u64().unwrap(), list["itemsPerPage"].as_u64().unwrap())
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(page(&[("count", "2")]).await, (names(&["anna", "Bert"]), 5, 2));
    assert_eq!(
        page(&[("startIndex", "3"), ("count", "2")]).await,
        (names(&["chris", "dora_x"]), 5, 2)
    );
    assert_eq!(page(&[("startIndex", "9")]).await, (names(&[]), 5, 0));
    assert_eq!(page(&[("startIndex", "2000")]).await, (names(&[]), 5, 0));
    assert_eq!(page(&[("count", "0")]).await, (names(&[]), 5, 0));
    assert_eq!(page(&[("startIndex", "0"), ("count", "-1")]).await, (names(&[]), 5, 0));
    assert_eq!(
        page(&[("filter", "active eq true"), ("startIndex", "2"), ("count", "1")]).await,
        (names(&["chris"]), 3, 1)
    );
    assert_eq!(
        page(&[("sortBy", "name.familyName"), ("count", "3")]).await,
        (names(&["Bert", "anna", "chris"]), 5, 3)
    );
    assert_eq!(
        page(&[("sortBy", "title"), ("sortOrder", "descending"), ("filter", "active eq true")])
            .await,
        (names(&["emil%", "chris", "anna"]), 3, 3)
    );
}

#[tokio::test]
async fn a_filter_finds_the_one_among_more_than_are_read_at_a_time() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let creators = (0..4).map(|part| {
        let acme = acme.clone();
        tokio::spawn(async move {
            for number in 0..150 {
                acme.create("/Users", user(&format!("u{part}-{number}"))).await;
            }
        })
    });
    for creator in creators.collect::<Vec<_>>() {
        creator.await.unwrap();
    }
    let found =
        acme.scim.query("/Users", &[("filter", "userName eq \"u3-149\"")]).await.expect(200);
    assert_eq!(user_names(&found.body), ["u3-149"]);
    let sorted = acme
        .scim
        .query(
            "/Users",
            &[("sortBy", "userName"), ("startIndex", "600"), ("filter", "userName pr")],
        )
        .await
        .expect(200);
    assert_eq!(user_names(&sorted.body), ["u3-99"]);
    assert_eq!(sorted.body["totalResults"], 600);
}

#[tokio::test]
async fn operators_and_values_mean_what_the_rfc_says() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    five_users(&acme).await;
    let cases: [(&str, &[&str]); 14] = [
        // A missing value is null, and null is a missing value.
        ("title eq null", &["Bert", "emil%"]),
        ("title ne null", &["anna", "chris", "dora_x"]),
        ("nickName eq null and title eq null", &["Bert", "emil%"]),
        // `not` before `and` before `or`; in any case.
        ("userName eq \"Bert\" OR title PR AND NOT (active EQ false)", &["anna", "Bert", "chris"]),
        ("(userName eq \"Bert\" or title pr) and not (active eq false)", &["anna", "chris"]),
        // Two terms may be true of two values, brackets of one.
        ("emails.type eq \"home\" and emails.value eq \"anna@example.com\"", &["anna"]),
        ("emails[type eq \"home\" and value eq \"anna@example.com\"]", &[]),
        ("emails[type eq \"home\" and value eq \"anna@home.example\"]", &["anna"]),
        ("emails co \"anna@home\"", &["anna"]),
        // Wildcards are letters here.
        ("userName sw \"dora_\"", &["dora_x"]),
        ("userName ew \"%\"", &["emil%"]),
        ("emails.value sw \"_\" or emails.value co \"%%\"", &[]),
        // One instant, however it is written.
        ("meta.created gt \"2020-01-01T00:00:00+01:00\" and userName eq \"anna\"", &["anna"]),
        ("NAME.FAMILYNAME le \"BERG\"", &["anna", "Bert"]),
    ];
    for (filter, expected) in cases {
        let list = acme.scim.query("/Users", &[("filter", filter)]).await.expect(200);
        assert_eq!(user_names(&list.body), expected, "{filter}");
    }
    let created = acme.scim.get("/Users").await.expect(200).body["Resources"][0]["meta"]["created"]
        .as_str()
        .unwrap()
        .replace('Z', "+00:00");
    let filter = format!("meta.created eq \"{created}\" and userName eq \"anna\"");
    let list = acme.scim.query("/Users", &[("filter", &filter)]).await.expect(200);
    assert_eq!(user_names(&list.body), ["anna"], "{filter}");
}

#[tokio::test]
async fn a_filter_beyond_the_limits_is_refused() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    five_users(&acme).await;
    let nested = |levels: usize| format!("{}title pr{}", "(".repeat(levels), ")".repeat(levels));
    let terms = |terms: usize| vec!["title pr"; terms].join(" or ");
    let long = |length: usize| format!("userName eq \"{}\"", "x".repeat(length));
    for (filter, detail) in [
        (nested(33), "more than 32 levels"),
        (terms(501), "more than 500 terms"),
        (long(32 * 1024), "longer than 32768 characters"),
        ("active ge true".to_owned(), "does not apply"),
        ("x509Certificates.value gt \"AA==\"".to_owned(), "does not apply"),
        ("name eq \"x\"".to_owned(), "is complex"),
        ("title eq 5".to_owned(), "cannot be compared with 5"),
        ("title eq 'Dr'".to_owned(), "column 10"),
    ] {
        let refused = acme.scim.query("/Users", &[("filter", &filter)]).await.expect(400);
        assert_eq!(refused.body["scimType"], "invalidFilter");
        assert!(refused.detail().contains(detail), "{}", refused.detail());
    }
    for filter in [nested(31), terms(500), long(16 * 1024)] {
        acme.scim.query("/Users", &[("filter", &filter)]).await.expect(200);
    }
}

#[tokio::test]
async fn a_multi_valued_attribute_sorts_by_its_primary_value_or_else_its_first() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for (name, emails) in [
        ("primary", json!([{ "value": "z@x" }, { "value": "b@x", "primary": true }])),
        ("first", json!([{ "value": "C@x" }, { "value": "a@x" }])),
        ("none", json!([])),
        ("least", json!([{ "value": "A@x", "primary": false }])),
    ] {
        let mut person = user(name);
        person["emails"] = emails;
        acme.create("/Users", person).await;
    }
    for (order, expected) in [
        ("ascending", ["least", "primary", "first", "none"]),
        ("Descending", ["none", "first", "primary", "least"]),
    ] {
        for sort_by in ["emails", "emails.value"] {
            let parameters = [("sortBy", sort_by), ("sortOrder", order)];
            let list = acme.scim.query("/Users", &parameters).await.expect(200);
            assert_eq!(user_names(&list.body), expected, "{sort_by} {order}");
        }
    }
}

#[tokio::test]
async fn equal_values_keep_the_order_of_creation_on_every_page() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    five_users(&acme).await;
    for order in ["ascending", "descending"] {
        let mut found = Vec::new();
        for start in ["1", "2", "3", "4", "5"] {
            let parameters = [
                ("sortBy", "meta.resourceType"),
                ("sortOrder", order),
                ("startIndex", start),
                ("count", "1"),
            ];
            let list = acme.scim.query("/Users", &parameters).await.expect(200).body;
            found.extend(user_names(&list).into_iter().map(str::to_owned));
        }
        assert_eq!(found, ["anna", "Bert", "chris", "dora_x", "emil%"], "{order}");
    }
}

#[tokio::test]
async fn a_list_is_a_list_response_also_when_it_is_empty() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    for path in ["/Users", "/Groups?filter=displayName%20eq%20%22x%22", "/Users?sortBy=title"] {
        let list = acme.scim.get(path).await.expect(200);
        assert_eq!(list.header("content-type"), "application/scim+json");
        assert_eq!(
            list.body,
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": 0, "itemsPerPage": 0, "startIndex": 1, "Resources": []
            }),
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_page_is_larger_than_what_is_advertised() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let config = acme.scim.get("/ServiceProviderConfig").await.expect(200).body;
    let pagination = &config["pagination"];
    assert_eq!(pagination["maxPageSize"], config["filter"]["maxResults"]);
    let default = pagination["defaultPageSize"].as_u64().unwrap();
    for number in 0..=default {
        acme.create("/Users", user(&format!("u{number}"))).await;
    }
    let by_default = acme.scim.get("/Users").await.expect(200).body;
    assert_eq!(by_default["itemsPerPage"], json!(default));
    let too_many = acme.scim.get("/Users?count=9999999999999999999").await.expect(200).body;
    assert_eq!(too_many["itemsPerPage"], json!(default + 1), "with an index, fewer are no error");
}
