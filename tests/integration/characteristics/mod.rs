//! The characteristics of attributes (RFC 7643 §7) hold on every way to write, for an extension
//! and a resource type that the server knows from a plugin alone.

mod mutability;

use serde_json::{Value, json};
use tenon_tests::{Answer, Server, Tenant, artifacts, patch, user};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const BADGE: &str = "urn:example:2.0:Badge";
const PRINTER: &str = "urn:example:2.0:Printer";

/// A tenant whose users may have a badge, and that has printers, which need one.
async fn tenant(server: &Server) -> Tenant {
    const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
    let badge = json!({
        "schemas": [SCHEMA], "id": BADGE, "name": "Badge", "attributes": [
            { "name": "level", "type": "integer", "required": true },
            { "name": "number", "mutability": "immutable", "uniqueness": "server", "caseExact": true },
            { "name": "weight", "type": "decimal" },
            { "name": "since", "type": "dateTime" },
            { "name": "photo", "type": "binary" },
            { "name": "page", "type": "reference", "referenceTypes": ["external"] },
            { "name": "valid", "type": "boolean" },
            { "name": "colour", "canonicalValues": ["red", "green"] },
            { "name": "issuer", "mutability": "readOnly" },
            { "name": "pin", "mutability": "writeOnly", "returned": "never" },
            { "name": "note", "returned": "request" },
            { "name": "code", "returned": "always" },
            { "name": "tags", "multiValued": true },
            { "name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
                { "name": "value", "required": true }, { "name": "type" },
                { "name": "lock", "mutability": "immutable" }, { "name": "label" },
                { "name": "opened", "type": "integer", "mutability": "readOnly" }
            ] }
        ]
    });
    let printer = json!({
        "schemas": [SCHEMA], "id": PRINTER, "name": "Printer", "attributes": [
            { "name": "name", "required": true, "uniqueness": "server" },
            { "name": "place", "type": "complex", "subAttributes": [
                { "name": "room", "required": true },
                { "name": "floor", "type": "integer" },
                { "name": "building", "mutability": "immutable" }
            ] }
        ]
    });
    let documents = [
        badge,
        printer,
        json!({ "schemas": [RESOURCE_TYPE], "name": "User",
            "schemaExtensions": [{ "schema": BADGE }] }),
        json!({ "schemas": [RESOURCE_TYPE], "name": "Printer", "endpoint": "/Printers",
            "schema": PRINTER, "schemaExtensions": [{ "schema": BADGE, "required": true }] }),
    ];
    let tenant = server.tenant("badges").await;
    tenant.activate("badges", &artifacts::describing(&documents), json!({})).await;
    tenant
}

fn with_badge(user_name: &str, badge: &Value) -> Value {
    let mut body = user(user_name);
    body[BADGE] = badge.clone();
    body
}

fn printer(name: &str) -> Value {
    json!({
        "schemas": [PRINTER, BADGE], "name": name, "place": { "room": "1.01" }, BADGE: { "level": 1 }
    })
}

fn of_badge(attribute: &str) -> String {
    format!("{BADGE}:{attribute}")
}

fn operation(op: &str, path: &str, value: Value) -> Value {
    patch(json!([{ "op": op, "path": path, "value": value }]))
}

async fn created(tenant: &Tenant, badge: Value) -> String {
    let id = tenant.create("/Users", with_badge("bjensen", &badge)).await;
    format!("/Users/{id}")
}

/// The answers to an attribute of the badge sent in every way there is: the name of the way, and
/// what came back.
async fn write_in_every_way(
    tenant: &Tenant,
    attribute: &str,
    value: &Value,
) -> Vec<(&'static str, Answer)> {
    let badge = json!({ "level": 1, attribute: value });
    let members = json!({ attribute: value });
    let path = of_badge(attribute);
    let posted = tenant.scim.post("/Users", with_badge("posted", &badge)).await;
    if let Some(id) = posted.body["id"].as_str().filter(|_| posted.status == 201) {
        tenant.scim.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let mut answers = vec![("POST", posted)];
    for (way, body) in [
        ("PUT", with_badge("bjensen", &badge)),
        ("replace with a path", operation("replace", &path, value.clone())),
        ("add with a path", operation("add", &path, value.clone())),
        ("add to the extension", operation("add", BADGE, members.clone())),
        (
            "replace without a path",
            patch(json!([{ "op": "replace", "value": { BADGE: members } }])),
        ),
        ("add by a URN as the key", patch(json!([{ "op": "add", "value": { path: value } }]))),
    ] {
        let user = created(tenant, json!({ "level": 1 })).await;
        let answer = match way {
            "PUT" => tenant.scim.put(&user, body).await,
            _ => tenant.scim.patch(&user, body).await,
        };
        answers.push((way, answer));
        tenant.scim.delete(&user).await.expect(204);
    }
    answers
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_was_sent() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    for (attribute, value) in [
        ("level", json!(9_007_199_254_740_993_i64)),
        ("weight", json!(1.25)),
        ("since", json!("2011-05-13T06:42:34+02:00")),
        ("photo", json!("aGVsbG8=")),
        ("page", json!("https://example.com/badge?a=b#c")),
        ("page", json!("../badges/büro")),
        ("valid", json!(false)),
        ("colour", json!("ultraviolet")), // canonicalValues are suggestions
        ("number", json!("A-7")),
        ("tags", json!(["a", "b"])),
        ("doors", json!([{ "value": "main", "lock": "7", "label": "Main" }])),
    ] {
        for (way, answer) in write_in_every_way(&tenant, attribute, &value).await {
            let status = if way == "POST" { 201 } else { 200 };
            let answer = answer.expect(status);
            assert_eq!(answer.body[BADGE][attribute], value, "{attribute}, {way}");
            assert_eq!(answer.body["schemas"], json!([USER, BADGE]), "{attribute}, {way}");
        }
    }
}

#[tokio::test]
async fn a_value_of_another_kind_is_refused_with_its_path() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    for (attribute, value, path, rule) in [
        ("level", json!(1.5), "level", "must be a whole number"),
        ("level", json!("1"), "level", "must be a whole number, not a string"),
        ("weight", json!("1"), "weight", "must be a number, not a string"),
        ("since", json!("2011-05-13"), "since", "must be an xsd:dateTime"),
        ("photo", json!("a"), "photo", "must be base64 with padding"),
        ("page", json!("https://example.com/a b"), "page", "must be a URI or a relative reference"),
        ("page", json!("<script>"), "page", "must be a URI or a relative reference"),
        ("valid", json!("true"), "valid", "must be a boolean, not a string"),
        ("colour", json!({ "a": 1 }), "colour", "must be a string, not an object"),
        ("tags", json!([1]), "tags[0]", "must be a string, not a number"),
        ("doors", json!(["main"]), "doors[0]", "must be an object, not a string"),
        ("doors", json!([{ "value": 1 }]), "doors[0].value", "must be a string, not a number"),
    ] {
        for (way, answer) in write_in_every_way(&tenant, attribute, &value).await {
            let answer = answer.expect(400);
            assert_eq!(answer.body["scimType"], "invalidValue", "{attribute}, {way}");
            let expected = format!("attribute \"{}\" {rule}", of_badge(path));
            assert!(answer.detail().contains(&expected), "{way}: {}", answer.detail());
        }
    }
}

#[tokio::test]
async fn what_is_returned_follows_the_schema() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let badge = json!({ "level": 1, "pin": "1234-secret", "note": "n", "code": "c" });
    let posted = tenant.scim.post("/Users", with_badge("bjensen", &badge)).await.expect(201).body;
    let user = format!("/Users/{}", posted["id"].as_str().unwrap());
    // On request, or to the one who wrote it.
    let written = json!({ "level": 1, "note": "n", "code": "c" });
    assert_eq!(posted[BADGE], written);
    let put = tenant.scim.put(&user, with_badge("bjensen", &badge)).await.expect(200).body;
    assert_eq!(put[BADGE], written);
    let note = |text: &str| operation("replace", &of_badge("note"), json!(text));
    assert_eq!(tenant.scim.patch(&user, note("m")).await.expect(200).body[BADGE]["note"], "m");
    let read = tenant.scim.get(&user).await.expect(200).body;
    assert_eq!(read[BADGE], json!({ "level": 1, "code": "c" }));
    for (names, expected) in [
        (of_badge("note"), json!({ "note": "m", "code": "c" })),
        (of_badge("pin"), json!({ "code": "c" })),
        ("userName".to_owned(), json!({ "code": "c" })),
    ] {
        let read = tenant.scim.query(&user, &[("attributes", &names)]).await.expect(200).body;
        assert_eq!(read[BADGE], expected, "{names}");
    }
    let excluded = of_badge("code");
    let read = tenant.scim.query(&user, &[("excludedAttributes", &excluded)]).await.expect(200);
    assert_eq!(read.body[BADGE]["code"], "c", "what is always returned cannot be excluded");
    let filter = format!("{} eq \"1234-secret\"", of_badge("pin"));
    tenant.scim.query("/Users", &[("filter", &filter)]).await.expect(400);
    assert!(!server.log.text().contains("1234-secret"));
}

#[tokio::test]
async fn a_unique_value_is_unique_on_every_way_to_write() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    created(&tenant, json!({ "level": 1, "number": "a-7" })).await;
    let other = format!("/Users/{}", tenant.create("/Users", user("babs")).await);
    let taken = with_badge("babs", &json!({ "level": 1, "number": "a-7" }));
    for answer in [
        tenant.scim.post("/Users", with_badge("x", &taken[BADGE])).await,
        tenant.scim.put(&other, taken.clone()).await,
        tenant.scim.patch(&other, operation("add", BADGE, taken[BADGE].clone())).await,
        tenant
            .scim
            .patch(&other, patch(json!([{ "op": "add", "value": { BADGE: taken[BADGE] } }])))
            .await,
    ] {
        let answer = answer.expect(409);
        assert_eq!(answer.body["scimType"], "uniqueness");
        assert!(answer.detail().contains(&of_badge("number")), "{}", answer.detail());
    }
    // It is caseExact; the names of printers are not, and printers are no users.
    let exact = with_badge("babs", &json!({ "level": 1, "number": "A-7" }));
    tenant.scim.put(&other, exact).await.expect(200);
    tenant.create("/Printers", printer("bjensen")).await;
    tenant.scim.post("/Printers", printer("BJENSEN")).await.expect(409);
}

#[tokio::test]
async fn case_counts_in_filters_where_the_schema_says_so() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    created(&tenant, json!({ "level": 1, "number": "a-7", "colour": "Red" })).await;
    for (filter, total) in [
        (format!("{} eq \"a-7\"", of_badge("number")), 1),
        (format!("{} eq \"A-7\"", of_badge("number")), 0),
        (format!("{} eq \"rED\"", of_badge("colour")), 1),
        (format!("{} gt 0", of_badge("level")), 1),
    ] {
        let found = tenant.scim.query("/Users", &[("filter", &filter)]).await.expect(200).body;
        assert_eq!(found["totalResults"], total, "{filter}");
    }
}

#[tokio::test]
async fn an_extension_is_in_schemas_while_it_has_data() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let id = tenant.create("/Users", user("bjensen")).await;
    let user = format!("/Users/{id}");
    let schemas = async |body: Value| {
        tenant.scim.patch(&user, body).await.expect(200).body["schemas"].clone()
    };
    let (with, without) = (json!([USER, BADGE]), json!([USER]));
    assert_eq!(schemas(operation("add", &of_badge("level"), json!(1))).await, with);
    assert_eq!(schemas(operation("remove", BADGE, Value::Null)).await, without);
    assert_eq!(schemas(operation("add", BADGE, json!({ "level": 1 }))).await, with);
    assert_eq!(schemas(operation("replace", BADGE, Value::Null)).await, without);
    let by_key = patch(json!([{ "op": "add", "value": { of_badge("level"): 1 } }]));
    assert_eq!(schemas(by_key).await, with);
}

#[tokio::test]
async fn the_same_type_and_value_are_there_once() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let twice = json!([
        { "value": "main", "type": "front", "label": "A" },
        { "value": "back", "type": "rear" },
        { "value": "MAIN", "type": "Front", "lock": "7" }
    ]);
    let once = json!([
        { "value": "MAIN", "type": "Front", "label": "A", "lock": "7" },
        { "value": "back", "type": "rear" }
    ]);
    for (way, answer) in write_in_every_way(&tenant, "doors", &twice).await {
        assert_eq!(answer.body[BADGE]["doors"], once, "{way}: {:#}", answer.body);
    }
    for (way, answer) in write_in_every_way(&tenant, "tags", &json!(["a", "b", "a"])).await {
        assert_eq!(answer.body[BADGE]["tags"], json!(["a", "b"]), "{way}");
    }
}

#[tokio::test]
async fn a_filter_in_a_path_has_to_select_something_to_be_replaced() {
    let server = Server::shared();
    let tenant = tenant(&server).await;
    let user = created(&tenant, json!({ "level": 1, "doors": [{ "value": "main" }] })).await;
    let none = of_badge("doors[value eq \"none\"]");
    let label = format!("{none}.label");
    for body in [
        operation("replace", &none, json!({ "value": "none" })),
        operation("replace", &none, Value::Null),
        operation("replace", &label, json!("x")),
        operation("replace", &label, Value::Null),
        patch(json!([{ "op": "replace", "path": label }])),
    ] {
        let refused = tenant.scim.patch(&user, body.clone()).await.expect(400);
        assert_eq!(refused.body["scimType"], "noTarget", "{body}");
    }
    for path in [&none, &label] {
        tenant.scim.patch(&user, operation("remove", path, Value::Null)).await.expect(200);
    }
    let cleared = operation("replace", &of_badge("doors[value eq \"main\"]"), Value::Null);
    let patched = tenant.scim.patch(&user, cleared).await.expect(200).body;
    assert_eq!(patched[BADGE], json!({ "level": 1 }));
}
