//! The lines of a transfer.

use std::sync::Arc;

use serde_json::Value;
use tenon_scim::schema::ResourceType;
use tenon_scim::{Object, Registry, value};

use super::Refusal;

/// Members of one line at the most.
const MAX_MEMBERS: usize = 1_000;

/// What one line brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// `{"resource": {…}, "resourceType": "User"}`, or the resource alone.
    Resource {
        /// The name of the type, where the line says it.
        resource_type: Option<String>,
        /// As the source shows it. Its members are not looked at.
        resource: Object,
    },
    /// `{"members": {"group": "…", "values": [{"value": "…"}]}}`
    Members(MembersOf),
}

/// Members that a group has in the source, beside others.
#[derive(Debug, Clone, PartialEq)]
pub struct MembersOf {
    /// The name of the group's type; `Group` where nothing is said.
    pub resource_type: String,
    /// The id of the group in the source.
    pub group: String,
    /// Members as the source shows them: `value`, and `type` or `$ref` where it has them.
    pub values: Vec<Object>,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// It is neither of the two.
    pub fn read(line: Value) -> Result<Self, Refusal> {
        let Value::Object(mut line) = line else {
            let found = value::json_type(&line);
            return Err(Refusal::Line(format!("a line is a JSON object, not {found}")));
        };
        if line.contains_key("schemas") {
            return Ok(Self::Resource { resource_type: None, resource: line });
        }
        match (line.shift_remove("resource"), line.shift_remove("members")) {
            (Some(Value::Object(resource)), None) => {
                let resource_type = line.get("resourceType").and_then(Value::as_str);
                Ok(Self::Resource { resource_type: resource_type.map(str::to_owned), resource })
            }
            (None, Some(Value::Object(members))) => Ok(Self::Members(members_of(members)?)),
            _ => Err(Refusal::Line(
                "a line is a resource, with \"schemas\", or has \"resource\" or \"members\", an object"
                    .to_owned(),
            )),
        }
    }
}

fn members_of(mut members: Object) -> Result<MembersOf, Refusal> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let resource_type = text("resourceType").unwrap_or_else(|| "Group".to_owned());
    let group = text("group");
    let group = group.ok_or_else(|| Refusal::Line("\"members\" needs \"group\"".to_owned()))?;
    let Some(Value::Array(values)) = members.shift_remove("values") else {
        return Err(Refusal::Line("\"members\" needs \"values\", an array".to_owned()));
    };
    if values.len() > MAX_MEMBERS {
        let detail = format!("a line has at the most {MAX_MEMBERS} members");
        return Err(Refusal::Line(detail));
    }
    let object = |value| match value {
        Value::Object(object) => Ok(object),
        _ => Err(Refusal::Line("members are objects with \"value\"".to_owned())),
    };
    let values = values.into_iter().map(object).collect::<Result<_, _>>()?;
    Ok(MembersOf { resource_type, group, values })
}

/// The type of a resource: as the line says, as its `meta` says, or the one whose schema it has.
pub(super) fn type_of<'r>(
    registry: &'r Registry,
    named: Option<&str>,
    resource: &Object,
) -> Result<&'r Arc<ResourceType>, Refusal> {
    let meta = resource.get("meta").and_then(|meta| meta.get("resourceType"));
    if let Some(name) = named.or_else(|| meta.and_then(Value::as_str)) {
        let known = registry.resource_type(name);
        return known
            .ok_or_else(|| Refusal::Line(format!("the tenant has no resource type \"{name}\"")));
    }
    let schemas = resource.get("schemas").and_then(Value::as_array);
    let has = |id: &str| schemas.is_some_and(|them| them.iter().any(|it| it.as_str() == Some(id)));
    let mut types = registry.resource_types().iter().filter(|it| has(&it.schema.id));
    match (types.next(), types.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Refusal::Line(
            "neither \"resourceType\" nor \"schemas\" tells the type of the resource".to_owned(),
        )),
    }
}

/// The id of a resource in the source.
pub(super) fn id_of(resource: &Object) -> Result<&str, Refusal> {
    let id = resource.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    id.ok_or_else(|| Refusal::Line("the resource has no \"id\"".to_owned()))
}

/// When the source has changed a resource.
pub(super) fn last_modified(resource: &Object) -> Option<&str> {
    resource.get("meta")?.get("lastModified")?.as_str()
}
