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
