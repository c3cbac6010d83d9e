//! One operation of a bulk request.

use std::fmt;

use serde_json::Value;

use super::OperationError;
use super::references::{referred, replace_in_patch, replace_in_resource, replace_text};
use crate::Object;
use crate::patch::member;
use crate::path::is_attribute_name;
use crate::precondition::{EntityTags, Preconditions};
use crate::schema::ResourceType;
use crate::schema::registry::is_reserved_endpoint;

/// What an operation does.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// POST.
    Create(Creation),
    /// PUT, PATCH or DELETE.
    Change(Change),
}

/// A resource to create.
#[derive(Debug, Clone, PartialEq)]
pub struct Creation {
    /// The endpoint of its type, `/Users`.
    pub endpoint: String,
    /// What others refer to it by.
    pub bulk_id: String,
    /// The resource.
    pub data: Object,
}

/// A resource to change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Which resource.
    pub path: ResourcePath,
    /// At which version.
    pub preconditions: Preconditions,
    /// What becomes of it.
    pub action: Action,
}

/// What becomes of a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// PUT, with the resource.
    Replace(Object),
    /// PATCH, with the body of a PATCH request, as erratum 5050 to RFC 7644 has it.
    Patch(Object),
    /// DELETE.
    Delete,
}

/// The path of a resource: `/Users/2819c223`, or `/Users/bulkId:qwerty`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePath {
    /// The endpoint of its type, `/Users`.
    pub endpoint: String,
    /// Its id, or a reference.
    pub id: String,
}

impl Operation {
    /// The endpoint of its resource type, `/Users`.
    pub(super) fn endpoint(&self) -> &str {
        match self {
            Self::Create(creation) => &creation.endpoint,
            Self::Change(change) => &change.path.endpoint,
        }
    }

    pub(super) fn replace_references(
        &mut self,
        resource_type: &ResourceType,
        id_of: impl FnMut(&str) -> Option<String>,
    ) {
        match self {
            Self::Create(creation) => creation.replace_references(resource_type, id_of),
            Self::Change(change) => change.replace_references(resource_type, id_of),
        }
    }

    pub(super) fn parse(members: &mut Object) -> Result<Self, OperationError> {
        let method = match text(members, "method")? {
            Some(word) => Method::from_word(word)
                .ok_or_else(|| OperationError::UnknownMethod { found: word.to_owned() })?,
            None => return Err(OperationError::Member { member: "method", expected: "a string" }),
        };
        let bulk_id = text(members, "bulkId")?.map(str::to_owned);
        let path = text(members, "path")?
            .ok_or(OperationError::Member { member: "path", expected: "a string" })?
            .to_owned();
        if is_of_the_protocol(&path) {
            return Err(OperationError::ProtocolEndpoint { path });
        }
        let action = match method {
            Method::Post => {
                let expected = "a string when \"method\" is \"POST\"";
                return Ok(Self::Create(Creation {
                    endpoint: collection(path)?,
                    bulk_id: bulk_id
                        .ok_or(OperationError::Member { member: "bulkId", expected })?,
                    data: data(members)?,
                }));
            }
            Method::Put => Action::Replace(data(members)?),
            Method::Patch => Action::Patch(data(members)?),
            Method::Delete => Action::Delete,
        };
        let (path, preconditions) = (resource(path)?, preconditions(members)?);
        Ok(Self::Change(Change { path, preconditions, action }))
    }
}

impl Creation {
    /// Shows every reference to `id_of`, and puts the id that it answers in its place.
    pub fn replace_references(
        &mut self,
        resource_type: &ResourceType,
        mut id_of: impl FnMut(&str) -> Option<String>,
    ) {
        replace_in_resource(resource_type, &mut self.data, &mut id_of);
    }
}

impl Change {
    /// Shows every reference to `id_of`, and puts the id that it answers in its place.
    pub fn replace_references(
        &mut self,
        resource_type: &ResourceType,
        mut id_of: impl FnMut(&str) -> Option<String>,
    ) {
        replace_text(&mut self.path.id, &mut id_of);
        match &mut self.action {
            Action::Replace(data) => replace_in_resource(resource_type, data, &mut id_of),
            Action::Patch(data) => replace_in_patch(resource_type, data, &mut id_of),
            Action::Delete => {}
        }
    }
}

impl ResourcePath {
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (endpoint, id) = path.strip_prefix('/')?.split_once('/')?;
        let is_id = !id.is_empty() && (referred(id).is_some() || !id.contains(['/', '?', '#']));
        (is_attribute_name(endpoint) && is_id)
            .then(|| Self { endpoint: format!("/{endpoint}"), id: id.to_owned() })
    }

    /// The path with the id in the place of a reference that `id_of` knows.
    pub(super) fn resolved(mut self, mut id_of: impl FnMut(&str) -> Option<String>) -> Self {
        replace_text(&mut self.id, &mut id_of);
        self
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint, self.id)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Post, Self::Put, Self::Patch, Self::Delete]
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(word))
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

fn is_of_the_protocol(path: &str) -> bool {
    let path = path.strip_prefix('/').unwrap_or(path);
    let first = path.split('/').next().unwrap_or_default();
    is_reserved_endpoint(&format!("/{first}")) || path.split('/').any(|it| it == ".search")
}

fn collection(path: String) -> Result<String, OperationError> {
    let is_collection = path.strip_prefix('/').is_some_and(is_attribute_name);
    if is_collection { Ok(path) } else { Err(OperationError::NoCollection { path }) }
}

fn resource(path: String) -> Result<ResourcePath, OperationError> {
    ResourcePath::parse(&path).ok_or(OperationError::NoResource { path })
}

/// RFC 7644 §3.7: the `version` of an operation is what `If-Match` is to a request.
fn preconditions(members: &Object) -> Result<Preconditions, OperationError> {
    let version = text(members, "version")?;
    let if_match = version.map(|it| EntityTags::parse("\"version\"", it)).transpose();
    Ok(Preconditions {
        if_match: if_match.map_err(OperationError::Version)?,
        ..Preconditions::default()
    })
}

fn data(members: &mut Object) -> Result<Object, OperationError> {
    match take(members, "data") {
        Some(Value::Object(data)) => Ok(data),
        _ => Err(OperationError::Member {
            member: "data",
            expected: "an object, unless \"method\" is \"DELETE\"",
        }),
    }
}

fn text<'m>(members: &'m Object, name: &'static str) -> Result<Option<&'m str>, OperationError> {
    match member(members, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => {
            Err(OperationError::Member { member: name, expected: "a string that is not empty" })
        }
    }
}

/// Takes the member of a message, whose name is compared without regard to case.
pub(super) fn take(members: &mut Object, name: &str) -> Option<Value> {
    let key = members.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    members.shift_remove(&key)
}
