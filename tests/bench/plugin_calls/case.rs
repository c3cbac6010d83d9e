//! What is judged: a user with a cost centre and a department, and the call that asks for it. It is a file of
//! `benches/extism` too.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tenon_plugin::{Budget, Call, Document};
use tenon_scim::Registry;
use tenon_scim::schema::describe::Description;

/// The configuration of `plugins/cost-center`.
pub(crate) fn config() -> Map<String, Value> {
    let config = json!({ "pattern": "^CC-[0-9]{4}$", "departments": ["Engineering", "Sales"] });
    config.as_object().cloned().expect("an object")
}

pub(crate) fn call() -> Call {
    Call {
        tenant: "acme".into(),
        plugin: "cost-center".into(),
        request_id: "01".into(),
        resource_type: "User".into(),
        operation: "create".into(),
        actor: "token:1".into(),
        config: Arc::new(config()),
        directory: None,
        now: 0,
        seed: [0; 32],
        budget: Budget::default(),
        recorder: None,
    }
}

/// The user, under the schemas that the plugin describes.
pub(crate) fn document(described: &[Value]) -> Document {
    let description = Description::parse(described).expect("a description");
    let registry = Registry::core().with(&description).expect("it fits");
    let resource_type = Arc::clone(registry.resource_type("User").expect("users"));
    let user = json!({
        "userName": "ada",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "ada@example.com", "type": "work" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Sales" },
        "urn:example:params:scim:schemas:extension:costcenter:2.0:User": { "costCenter": "CC-1234" },
    });
    let Value::Object(value) = user else { panic!("a user is an object") };
    Document { resource_type, value: Arc::new(value) }
}
