//! `required` and `mutability`.

use serde_json::{Value, json};
use tenon_tests::{Server, patch};

use super::{BADGE, created, of_badge, operation, printer, tenant, with_badge};

#[tokio::test]
async fn what_is_required_must_be_there_and_cannot_be_taken_away() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let incomplete = with_badge("bjensen", &json!({ "colour": "red" }));
    let refused = tenant.scim.post("/Users", incomplete.clone()).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidValue");
    let expected = format!("attribute \"{}\" is required", of_badge("level"));
    assert_eq!(refused.detail(), expected);
    let user = created(&tenant, json!({ "level": 1, "doors": [{ "value": "main" }] })).await;
    assert_eq!(tenant.scim.put(&user, incomplete).await.expect(400).detail(), expected);
    let no_value = operation("add", &of_badge("doors"), json!([{ "label": "x" }]));
    let refused = tenant.scim.patch(&user, no_value).await.expect(400);
    assert!(refused.detail().ends_with("doors[1].value\" is required"), "{}", refused.detail());

    for body in [
        operation("remove", &of_badge("level"), Value::Null),
        operation("replace", &of_badge("level"), Value::Null),
        patch(json!([{ "op": "replace", "value": { of_badge("level"): null } }])),
        patch(json!([{ "op": "replace", "value": { BADGE: { "level": null } } }])),
        operation("remove", &of_badge("doors[value eq \"main\"].value"), Value::Null),
        operation("replace", &of_badge("doors[value eq \"main\"].value"), Value::Null),
        operation("add", &of_badge("doors[value eq \"main\"]"), json!({ "value": null })),
        operation("remove", "userName", Value::Null),
    ] {
        let refused = tenant.scim.patch(&user, body.clone()).await.expect(400);
        assert_eq!(refused.body["scimType"], "mutability", "{body}");
    }
    // The extension as a whole is not required of users.
    tenant.scim.patch(&user, operation("remove", BADGE, Value::Null)).await.expect(200);
}

#[tokio::test]
async fn a_resource_type_of_a_plugin_has_its_own_rules() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let printer_path = format!("/Printers/{}", tenant.create("/Printers", printer("p1")).await);
    let mut without_badge = printer("p2");
    without_badge.as_object_mut().unwrap().shift_remove(BADGE);
    let refused = tenant.scim.post("/Printers", without_badge.clone()).await.expect(400);
    assert_eq!(refused.detail(), format!("attribute \"{BADGE}\" is required"));
    tenant.scim.put(&printer_path, without_badge).await.expect(400);
    for path in [BADGE, "place.room", "name"] {
        let body = operation("remove", path, Value::Null);
        let refused = tenant.scim.patch(&printer_path, body).await.expect(400);
        assert_eq!(refused.body["scimType"], "mutability", "{path}");
    }
    // An immutable part of a complex attribute with one value may be added once.
    let set = |building: &str| operation("add", "place", json!({ "building": building }));
    let patched = tenant.scim.patch(&printer_path, set("A")).await.expect(200).body;
    assert_eq!(patched["place"], json!({ "room": "1.01", "building": "A" }));
    tenant.scim.patch(&printer_path, set("A")).await.expect(200);
    let refused = tenant.scim.patch(&printer_path, set("B")).await.expect(400);
    assert_eq!(refused.body["scimType"], "mutability");
    let floor = operation("replace", "place.floor", json!(3));
    let patched = tenant.scim.patch(&printer_path, floor).await.expect(200).body;
    assert_eq!(patched["place"]["floor"], 3);
    assert_eq!(patched["meta"]["resourceType"], "Printer");
    tenant.scim.delete(&printer_path).await.expect(204);
}

#[tokio::test]
async fn what_is_immutable_is_set_once() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let user = created(&tenant, json!({ "level": 1 })).await;
    let number = |op: &str, value: Value| operation(op, &of_badge("number"), value);
    let patched = tenant.scim.patch(&user, number("add", json!("7"))).await.expect(200).body;
    assert_eq!(patched[BADGE]["number"], "7");
    tenant.scim.patch(&user, number("replace", json!("7"))).await.expect(200);
    for body in [
        number("add", json!("8")),
        number("replace", json!("8")),
        number("remove", Value::Null),
        patch(json!([{ "op": "replace", "value": { BADGE: { "number": "8" } } }])),
        operation("remove", BADGE, Value::Null),
    ] {
        let refused = tenant.scim.patch(&user, body.clone()).await.expect(400);
        assert_eq!(refused.body["scimType"], "mutability", "{body}");
    }
    let other = with_badge("bjensen", &json!({ "level": 1, "number": "8" }));
    let refused = tenant.scim.put(&user, other).await.expect(400);
    assert_eq!(refused.body["scimType"], "mutability");
    for badge in [json!({ "level": 2, "number": "7" }), json!({ "level": 3 })] {
        let replaced = tenant.scim.put(&user, with_badge("bjensen", &badge)).await.expect(200).body;
        assert_eq!(replaced[BADGE]["number"], "7");
        assert_eq!(replaced[BADGE]["level"], badge["level"]);
    }
}

#[tokio::test]
async fn an_immutable_part_stays_as_long_as_its_value_does() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let doors = json!([{ "value": "main", "lock": "7" }, { "value": "back" }]);
    let user = created(&tenant, json!({ "level": 1, "doors": doors })).await;
    let at = |filter: &str| of_badge(&format!("doors[{filter}]"));
    let lock = |filter: &str| of_badge(&format!("doors[{filter}].lock"));
    for body in [
        operation("replace", &lock("value eq \"main\""), json!("8")),
        operation("remove", &lock("value eq \"main\""), Value::Null),
        operation("replace", &lock("value eq \"main\""), Value::Null),
        operation("add", &at("value eq \"main\""), json!({ "lock": "8" })),
        operation("add", &of_badge("doors"), json!([{ "value": "main", "lock": "8" }])),
        operation("replace", &of_badge("doors.lock"), json!("8")),
    ] {
        let refused = tenant.scim.patch(&user, body.clone()).await.expect(400);
        assert_eq!(refused.body["scimType"], "mutability", "{body}");
        let path = of_badge("doors.lock");
        assert!(refused.detail().contains(&format!("\"{path}\" is immutable")), "{body}");
    }
    for body in [
        operation("replace", &lock("value eq \"main\""), json!("7")),
        operation("add", &lock("value eq \"back\""), json!("9")),
        operation("replace", &at("value eq \"main\""), json!({ "value": "main", "lock": "8" })),
        operation("remove", &at("value eq \"back\""), Value::Null),
    ] {
        tenant.scim.patch(&user, body).await.expect(200);
    }
    let read = tenant.scim.get(&user).await.expect(200).body;
    assert_eq!(read[BADGE]["doors"], json!([{ "value": "main", "lock": "8" }]));
}

#[tokio::test]
async fn what_is_read_only_is_the_servers_alone() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let badge = json!({
        "level": 1, "issuer": "me", "doors": [{ "value": "main", "opened": 3 }]
    });
    let user = created(&tenant, badge.clone()).await;
    let expected = json!({ "level": 1, "doors": [{ "value": "main" }] });
    assert_eq!(tenant.scim.get(&user).await.expect(200).body[BADGE], expected);
    let replaced = tenant.scim.put(&user, with_badge("bjensen", &badge)).await.expect(200);
    assert_eq!(replaced.body[BADGE], expected);
    for (op, path) in [
        ("add", of_badge("issuer")),
        ("replace", of_badge("issuer")),
        ("remove", of_badge("issuer")),
        ("replace", of_badge("doors[value eq \"main\"].opened")),
        ("remove", "meta".to_owned()),
        ("replace", "id".to_owned()),
        ("remove", "groups".to_owned()),
    ] {
        let refused = tenant.scim.patch(&user, operation(op, &path, json!("x"))).await.expect(400);
        assert_eq!(refused.body["scimType"], "mutability", "{op} {path}");
    }
    // What comes along with other attributes is left out, as it is on PUT.
    for body in [
        patch(json!([{ "op": "add", "value": { BADGE: { "issuer": "me" }, "id": "x" } }])),
        operation("add", &of_badge("doors[value eq \"main\"]"), json!({ "opened": 3 })),
        operation("add", &of_badge("doors"), json!([{ "value": "main", "opened": 3 }])),
    ] {
        let patched = tenant.scim.patch(&user, body.clone()).await.expect(200);
        assert_eq!(patched.body[BADGE], expected, "{body}");
    }
}
