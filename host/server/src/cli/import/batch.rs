//! Lines that are sent together.

use serde_json::{Value, json};

use super::source::Position;

/// Lines of a batch: a few requests' worth of work, so that what is under way is soon done.
pub(super) const LINES: usize = 100;
/// Bytes after which a batch is full.
pub(super) const BYTES: usize = 2 * 1024 * 1024;
/// Members of a line.
const MEMBERS: usize = 500;

/// Lines of the source, and where it goes on after them.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) lines: Vec<String>,
    /// Where to begin again when these are done; none where these are a part of what is read again.
    pub(super) after: Option<Position>,
    /// How far the pass is: of `total`.
    pub(super) done: u64,
    pub(super) total: u64,
    /// What the source says that it has, and has not shown.
    pub(super) missing: Option<String>,
}

/// Whether the resource has members of its own: its schema is that of groups.
pub(super) fn is_group(resource: &Value) -> bool {
    const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let schemas = resource.get("schemas").and_then(Value::as_array);
    schemas.is_some_and(|them| them.iter().any(|it| it.as_str() == Some(GROUP)))
}

/// The line of a resource; the members of a group are sent apart.
pub(super) fn resource_line(resource_type: Option<&str>, mut resource: Value) -> String {
    if is_group(&resource)
        && let Some(attributes) = resource.as_object_mut()
    {
        attributes.retain(|name, _| !name.eq_ignore_ascii_case("members"));
    }
    match resource_type {
        Some(name) => json!({ "resourceType": name, "resource": resource }),
        None => json!({ "resource": resource }),
    }
    .to_string()
}

/// The lines of a group's members.
pub(super) fn member_lines(resource_type: Option<&str>, group: &Value) -> Vec<String> {
    let members = group.as_object().and_then(|attributes| {
        attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case("members"))
    });
    let members = members.and_then(|(_, members)| members.as_array());
    let (Some(members), Some(id)) = (members.filter(|_| is_group(group)), group.get("id")) else {
        return Vec::new();
    };
    let meta = group.get("meta").and_then(|it| it.get("resourceType")).and_then(Value::as_str);
    let resource_type = resource_type.or(meta).unwrap_or("Group");
    let line = |values: &[Value]| {
        let members = json!({ "resourceType": resource_type, "group": id, "values": values });
        json!({ "members": members }).to_string()
    };
    members.chunks(MEMBERS).map(line).collect()
}
