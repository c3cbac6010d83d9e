//! A line in the tenant's log for each change of a resource: what was done, by whom, and some of its
//! attributes as they are now.
//!
//! An example of `after-commit`. Events come at least once: whoever reads the lines knows one that
//! comes again by its `event`. See `README.md`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tenon_sdk::prelude::*;

struct AuditTap;

tenon_sdk::export!(AuditTap: after_commit);

impl AfterCommit for AuditTap {
    fn after_commit(
        context: &Context,
        event: &Event,
        current: Option<&Document>,
    ) -> Result<(), Failure> {
        let config: Config = config::read()?;
        let mut attributes = Map::new();
        // A resource that is deleted has none.
        if let (Some(current), Some(paths)) = (current, config.attributes.get(&event.resource_type))
        {
            for path in paths {
                if let Some(value) = current.get::<Value>(path)? {
                    attributes.insert(path.clone(), value);
                }
            }
        }
        let line = json!({
            "event": event.id,
            "operation": name(&event.operation),
            "type": event.resource_type,
            "id": event.resource_id,
            "version": event.version,
            "at": event.at,
            "actor": context.actor,
            "attributes": attributes,
        });
        log::info(line.to_string());
        Ok(())
    }
}

/// The configuration as the tenant writes it. A misspelt member is an error, not a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Paths by the name of a resource type.
    #[serde(default)]
    attributes: BTreeMap<String, Vec<String>>,
}

fn name(operation: &Operation) -> &str {
    match operation {
        Operation::Create => "create",
        Operation::Replace => "replace",
        Operation::Patch => "patch",
        Operation::Delete => "delete",
        Operation::Other(name) => name,
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use tenon_sdk::testing;

    use super::*;

    fn told(config: Value, operation: Operation, current: Option<Value>) -> Result<Value, Failure> {
        let context = testing::context(operation.clone(), "User");
        let event = Event {
            id: "e1".to_owned(),
            operation,
            resource_type: "User".to_owned(),
            resource_id: "u1".to_owned(),
            version: 2,
            at: "2030-01-31T12:00:00Z".to_owned(),
        };
        let current = current.map(Document::from_json);
        let (result, lines) = testing::capture_log(|| {
            testing::with_config(config, || {
                AuditTap::after_commit(&context, &event, current.as_ref())
            })
        });
        result.map(|()| serde_json::from_str(&lines[0].message).unwrap())
    }

    #[test]
    fn a_line_says_what_was_done_and_what_the_configuration_names() {
        let config =
            json!({ "attributes": { "User": ["userName", "title"], "Group": ["displayName"] } });
        let user = json!({ "userName": "ada", "displayName": "Ada" });
        let line = told(config, Operation::Patch, Some(user)).unwrap();
        assert_eq!((&line["operation"], &line["version"]), (&json!("patch"), &json!(2)));
        assert_eq!(line["attributes"], json!({ "userName": "ada" }));
    }

    #[test]
    fn what_is_deleted_has_no_attributes() {
        let config = json!({ "attributes": { "User": ["userName"] } });
        let line = told(config, Operation::Delete, None).unwrap();
        assert_eq!((&line["operation"], &line["attributes"]), (&json!("delete"), &json!({})));
    }

    #[test]
    fn a_wrong_configuration_is_a_failure_and_loses_no_event() {
        assert!(told(json!({ "atributes": {} }), Operation::Create, None).is_err());
    }
}
