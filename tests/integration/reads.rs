//! Reads that find their resources by a key and send them as they are stored.

use serde_json::{Value, json};
use tenon_tests::{Server, user};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

#[tokio::test]
async fn a_unique_value_finds_its_resource_on_the_page_where_it_is() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("BJensen")).await;
    acme.create("/Users", user("bjensen2")).await;
    let list = async |parameters: &[(&str, &str)]| {
        let body = acme.scim.query("/Users", parameters).await.expect(200).body;
        let ids: Vec<Value> =
            body["Resources"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
        (body["totalResults"].clone(), ids, body["startIndex"].clone())
    };
    let filter = ("filter", "USERNAME eq \"bjensen\"");
    let found = (json!(1), vec![json!(id)], json!(1));
    assert_eq!(list(&[filter]).await, found);
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"BJENSEN\"";
    assert_eq!(list(&[("filter", urn)]).await, found);
    assert_eq!(list(&[filter, ("startIndex", "2")]).await, (json!(1), vec![], json!(2)));
    assert_eq!(list(&[filter, ("count", "0")]).await, (json!(1), vec![], json!(1)));
    for nobody in ["userName eq \"\"", "userName eq \"nobody\"", "userName eq \"b\\u0000\""] {
        assert_eq!(list(&[("filter", nobody)]).await, (json!(0), vec![], json!(1)), "{nobody}");
    }
    let other = server.tenant("other").await;
    let others = other.scim.query("/Users", &[filter]).await.expect(200).body;
    assert_eq!(others["totalResults"], 0);
}

#[tokio::test]
async fn one_resource_is_shown_alike_wherever_it_is_found() {
    let server = Server::shared();
    let acme = server.tenant("acme").await;
    let mut sent = user("bjensen");
    sent["displayName"] = json!("Bär \"B\" \\ Jensen");
    sent["password"] = json!("t1meMa$heen");
    sent["emails"] = json!([{ "value": "b@x.example", "type": "work" }, { "type": "home" }]);
    let id = acme.create("/Users", sent).await;
    let alone = acme.create("/Users", user("alone")).await;
    let group = json!({ "schemas": [GROUP], "displayName": "G", "members": [{ "value": id }] });
    acme.create("/Groups", group).await;

    for attributes in ["", "userName", "emails.type,groups.display", "meta.version", "groups"] {
        for excluded in [false, true] {
            let name = if excluded { "excludedAttributes" } else { "attributes" };
            let selection = if attributes.is_empty() { vec![] } else { vec![(name, attributes)] };
            let path = format!("/Users/{id}");
            let read = acme.scim.query(&path, &selection).await.expect(200).body;
            assert_eq!((&read["id"], read.get("password")), (&json!(id), None));
            let filters = ["userName eq \"bjensen\"", "displayName sw \"b\"", ""];
            for filter in filters {
                let mut parameters = selection.clone();
                parameters.extend((!filter.is_empty()).then_some(("filter", filter)));
                let list = acme.scim.query("/Users", &parameters).await.expect(200).body;
                assert_eq!(list["Resources"][0], read, "{filter} {selection:?}");
            }
        }
    }
    let read = acme.scim.get(&format!("/Users/{id}")).await.expect(200).body;
    assert_eq!(read["groups"][0]["display"], "G");
    assert_eq!(read["displayName"], "Bär \"B\" \\ Jensen");
    let read = acme.scim.get(&format!("/Users/{alone}")).await.expect(200).body;
    assert_eq!(read.get("groups"), None);
}
