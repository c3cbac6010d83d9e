use serde_json::json;

use super::*;
use crate::bulk::{Action, Operation};
use crate::precondition::EntityTags;

fn parse(operations: Value) -> Result<BulkRequest, BulkError> {
    let body = json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": operations });
    BulkRequest::parse(body.as_object().unwrap().clone(), &Registry::core(), MAX_OPERATIONS)
}

/// The error of the only operation.
fn error(operation: Value) -> String {
    let entry = parse(json!([operation])).unwrap().entries.remove(0);
    entry.operation.unwrap_err().to_string()
}

fn post(bulk_id: &str, data: Value) -> Value {
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data })
}

fn order(operations: Value) -> Vec<Vec<usize>> {
    let steps = parse(operations).unwrap().into_steps();
    steps.iter().map(|step| step.iter().map(|entry| entry.label.index).collect()).collect()
}

#[test]
fn every_method_is_read() {
    let request = parse(json!([
        { "method": "post", "path": "/Users", "bulkId": "a", "data": { "userName": "a" } },
        { "method": "Put", "path": "/Users/1", "version": "W/\"7\"", "data": {} },
        { "METHOD": "PATCH", "Path": "/Users/bulkId:a", "version": null, "data": {} },
        { "method": "DELETE", "path": "/Users/2", "bulkId": "b" }
    ]))
    .unwrap();
    let methods: Vec<_> =
        request.entries.iter().map(|it| it.label.method.as_deref().unwrap()).collect();
    assert_eq!(methods, ["POST", "PUT", "PATCH", "DELETE"]);
    let operations: Vec<_> = request.entries.iter().map(|it| &it.operation).collect();
    let [
        Ok(Operation::Create(create)),
        Ok(Operation::Change(put)),
        Ok(Operation::Change(patch)),
        Ok(Operation::Change(delete)),
    ] = &operations[..]
    else {
        panic!("{operations:?}");
    };
    assert_eq!((create.endpoint.as_str(), create.bulk_id.as_str()), ("/Users", "a"));
    assert_eq!(Value::Object(create.data.clone()), json!({ "userName": "a" }));
    assert_eq!(
        (put.path.to_string().as_str(), &put.action),
        ("/Users/1", &Action::Replace(Object::new()))
    );
    assert_eq!(put.preconditions.if_match, Some(EntityTags::List(vec!["7".into()])));
    assert_eq!(patch.action, Action::Patch(Object::new()));
    assert!(patch.preconditions.is_empty());
    assert_eq!(request.entries[0].label.path(|_| None), None);
    let label = &request.entries[2].label;
    assert_eq!(label.path(|_| None).unwrap(), "/Users/bulkId:a");
    assert_eq!(label.path(|it| Some(format!("id-{it}"))).unwrap(), "/Users/id-a");
    assert_eq!(delete.action, Action::Delete);
    assert_eq!(request.entries[3].label.bulk_id.as_deref(), Some("b"));
}

#[test]
fn a_request_that_is_none_is_refused_as_a_whole() {
    let parse = |body: Value| {
        BulkRequest::parse(body.as_object().unwrap().clone(), &Registry::core(), MAX_OPERATIONS)
            .unwrap_err()
    };
    let with = |name: &str, value: Value| {
        let mut body = json!({
            "schemas": [BULK_REQUEST_SCHEMA], "Operations": [post("a", json!({}))]
        });
        body[name] = value;
        body
    };
    assert_eq!(parse(json!({ "Operations": [] })), BulkError::Schema);
    assert_eq!(parse(with("schemas", json!(["urn:other"]))), BulkError::Schema);
    for operations in [json!(null), json!([]), json!({}), json!("x")] {
        assert_eq!(parse(with("Operations", operations)), BulkError::NoOperations);
    }
    for number in [json!(0), json!(-1), json!(1.5), json!("1"), json!(true)] {
        assert_eq!(parse(with("failOnErrors", number)), BulkError::FailOnErrors);
    }
    let many = json!(vec![json!({}); MAX_OPERATIONS + 1]);
    let error = parse(with("Operations", many)).to_string();
    assert_eq!(error, "the number of operations (1001) exceeds the maxOperations (1000)");
}

#[test]
fn two_posts_cannot_have_one_bulk_id() {
    let twice = parse(json!([post("a", json!({})), post("a", json!({}))]));
    assert_eq!(twice, Err(BulkError::DuplicateBulkId { bulk_id: "a".into() }));
    let delete = json!({ "method": "DELETE", "path": "/Groups/bulkId:a", "bulkId": "a" });
    assert!(parse(json!([post("a", json!({})), delete])).is_ok());
}

#[test]
fn what_is_wrong_with_an_operation_is_said() {
    let cases = [
        (json!("x"), "an operation must be an object, not a string"),
        (json!({ "path": "/Users" }), "\"method\" must be a string"),
        (json!({ "method": 1, "path": "/Users" }), "\"method\" must be a string"),
        (json!({ "method": "GET", "path": "/Users/1" }), "\"DELETE\", not \"GET\""),
        (json!({ "method": "DELETE" }), "\"path\" must be a string"),
        (json!({ "method": "POST", "path": "/Users", "data": {} }), "\"bulkId\" must be a string"),
        (
            json!({ "method": "POST", "path": "/Users", "data": {}, "bulkId": 1 }),
            "\"bulkId\" must be a string that is not empty",
        ),
        (
            json!({ "method": "POST", "path": "/Users/1", "data": {}, "bulkId": "a" }),
            "must name a resource type for POST, such as \"/Users\", not \"/Users/1\"",
        ),
        (
            json!({ "method": "POST", "path": "/Users", "bulkId": "a" }),
            "\"data\" must be an object",
        ),
        (json!({ "method": "PUT", "path": "/Users/1" }), "\"data\" must be an object"),
        (
            json!({ "method": "PATCH", "path": "/Users/1", "data": [] }),
            "\"data\" must be an object",
        ),
        (
            json!({ "method": "DELETE", "path": "/Users/1", "version": "1" }),
            "\"version\" must be \"*\" or a list of entity-tags",
        ),
        (
            json!({ "method": "DELETE", "path": "/Users/bulkId:a" }),
            "\"bulkId:a\" refers to no operation of the request with the method POST",
        ),
    ];
    for (operation, expected) in cases {
        let error = error(operation);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_is_no_id_is_not_repeated() {
    for (text, said) in [
        ("bulkId:b", "\"bulkId:b\" refers to no operation"),
        ("bulkId: dear diary", "a value that begins with \"bulkId:\" refers to no operation"),
        (&format!("bulkId:{}", "x".repeat(65)), "a value that begins with \"bulkId:\" refers"),
    ] {
        let error = error(post("a", json!({ "displayName": text })));
        assert!(error.starts_with(said), "{error}");
    }
    let password = json!({
        "method": "PATCH", "path": "/Users/1",
        "data": { "Operations": [{ "op": "add", "path": "password", "value": "bulkId:b" }] }
    });
    assert!(parse(json!([password])).unwrap().entries[0].operation.is_ok());
}

#[test]
fn a_path_names_a_resource_and_nothing_else() {
    for path in
        ["/Users", "Users/1", "/Users/", "/Users/1/2", "/Users/1?a=b", "/", "https://t/Users/1"]
    {
        let error = error(json!({ "method": "DELETE", "path": path }));
        assert!(error.contains("must name a resource, such as"), "{path}: {error}");
    }
    for path in ["/Me", "/me", "/Bulk", "/Schemas/x", "/Users/.search", "/.search", "Bulk"] {
        let error = error(json!({ "method": "DELETE", "path": path }));
        assert!(error.contains("an operation is on a resource or a resource type"), "{error}");
    }
}

#[test]
fn an_operation_comes_after_those_it_refers_to() {
    let in_path = json!({ "method": "DELETE", "path": "/Groups/bulkId:b" });
    let in_filter = json!({ "method": "PATCH", "path": "/Groups/1", "data": {
        "Operations": [{ "op": "remove", "path": "members[value eq \"bulkId:b\"]" }]
    } });
    let steps = order(json!([
        post("a", json!({ "members": [{ "value": "bulkId:b" }] })),
        in_filter,
        in_path,
        post("b", json!({})),
        post("c", json!({ "members": [{ "value": "bulkId:a" }] })),
    ]));
    assert_eq!(steps, [[3], [0], [1], [2], [4]]);
}

#[test]
fn operations_that_refer_to_each_other_are_one_step() {
    let to = |bulk_id: &str| json!({ "members": [{ "value": format!("bulkId:{bulk_id}") }] });
    let steps = order(json!([
        post("a", to("c")),
        post("x", json!({})),
        post("b", to("a")),
        post("c", to("b"))
    ]));
    assert_eq!(steps, [vec![0, 2, 3], vec![1]]);
}

#[test]
fn a_post_that_is_wrong_itself_can_be_referred_to() {
    let wrong = json!({ "method": "POST", "path": "/Groups", "bulkId": "b" });
    let request = parse(json!([post("a", json!({ "x": "bulkId:b" })), wrong])).unwrap();
    assert!(request.entries[0].operation.is_ok() && request.entries[1].operation.is_err());
}
