//! What the report says of a line: the line itself, so that the report can be imported when the
//! reasons are gone, with what the tenant said of it.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenon_scim::Object;

/// What became of lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) refused: u64,
    /// Of those that were taken, how many had attributes that no schema has.
    pub(super) with_ignored: u64,
    pub(super) members: u64,
    pub(super) refused_members: u64,
}

impl Counts {
    /// Whether a resource is in the tenant as it is in the source.
    pub(super) const fn is_taken(self) -> bool {
        self.created + self.updated + self.unchanged > 0
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.refused += other.refused;
        self.with_ignored += other.with_ignored;
        self.members += other.members;
        self.refused_members += other.refused_members;
    }
}

/// What a result counts, and what the report has of it.
pub(super) fn of(line: &str, result: &Value) -> (Counts, Option<Value>) {
    let line = match serde_json::from_str(line) {
        Ok(Value::Object(line)) => line,
        _ => Object::from_iter([("line".to_owned(), Value::from(line))]),
    };
    match line.get("members").and_then(|it| it.get("values")).and_then(Value::as_array) {
        Some(values) => of_members(&line, values, result),
        None => of_resource(line, result),
    }
}

/// The id of a line's resource in the source.
pub(super) fn source_id(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(line.get("resource")?.get("id")?.as_str()?.to_owned())
}

fn of_resource(line: Object, result: &Value) -> (Counts, Option<Value>) {
    let mut counts = Counts::default();
    match result.get("outcome").and_then(Value::as_str) {
        Some("created") => counts.created = 1,
        Some("updated") => counts.updated = 1,
        Some("unchanged") => counts.unchanged = 1,
        _ => {
            counts.refused = 1;
            return (counts, Some(with(line, "error", result.get("error"))));
        }
    }
    let ignored = result.get("ignored");
    counts.with_ignored = u64::from(ignored.is_some());
    (counts, ignored.map(|_| with(line, "ignored", ignored)))
}

/// Of a line whose members were taken in part, the report has the others.
fn of_members(line: &Object, values: &[Value], result: &Value) -> (Counts, Option<Value>) {
    let listed = values.len() as u64;
    if let Some(error) = result.get("error") {
        let counts = Counts { refused_members: listed, ..Counts::default() };
        return (counts, Some(with(line.clone(), "error", Some(error))));
    }
    let refused = result.get("refused").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_refused =
        |value: &&Value| refused.iter().any(|it| it.get("value") == value.get("value"));
    let left: Vec<&Value> = values.iter().filter(is_refused).collect();
    let refused_members = left.len() as u64;
    let members = listed - refused_members;
    let counts = Counts { members, refused_members, ..Counts::default() };
    if left.is_empty() {
        return (counts, None);
    }
    let group = line.get("members").cloned().unwrap_or_default();
    let part = |name: &str| group.get(name).cloned().unwrap_or_default();
    let told = json!({
        "members": {
            "resourceType": part("resourceType"),
            "group": part("group"),
            "values": left,
        },
        "error": { "members": refused },
    });
    (counts, Some(told))
}

fn with(mut line: Object, name: &str, value: Option<&Value>) -> Value {
    line.insert(name.to_owned(), value.cloned().unwrap_or_default());
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_told_as_it_was_sent() {
        let line = r#"{"resource":{"id":"1"}}"#;
        let (counts, told) =
            of(line, &json!({ "outcome": "refused", "error": { "status": "409" } }));
        assert_eq!(counts, Counts { refused: 1, ..Counts::default() });
        assert_eq!(told, Some(json!({ "resource": { "id": "1" }, "error": { "status": "409" } })));
        let (_, told) = of("{", &json!({ "outcome": "refused", "error": {} }));
        assert_eq!(told, Some(json!({ "line": "{", "error": {} })));
    }

    #[test]
    fn of_members_the_refused_ones_are_told() {
        let line = r#"{"members":{"group":"g","values":[{"value":"a"},{"value":"b"}]}}"#;
        let refused = json!([{ "value": "b", "detail": "none" }]);
        let (counts, told) = of(line, &json!({ "outcome": "updated", "refused": refused }));
        assert_eq!((counts.members, counts.refused_members), (1, 1));
        assert_eq!(told.unwrap()["members"]["values"], json!([{ "value": "b" }]));
        let (counts, told) =
            of(line, &json!({ "outcome": "refused", "error": { "status": "404" } }));
        assert_eq!((counts.members, counts.refused_members), (0, 2));
        assert_eq!(told.unwrap()["members"]["values"].as_array().unwrap().len(), 2);
    }
}
