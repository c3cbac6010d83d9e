//! What a recording does not hold: secrets, headers, and the values that somebody wants left out of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_scim::filter::{self, Filter, Literal};
use tenon_scim::path::{self, AttributeRef, Target};
use tenon_scim::schema::{Kind, ResourceType};
use tenon_scim::{Object, Registry};

use super::file::{Recording, RecordingError};
use super::look_ups::{Asked, Told};
use super::substitute::{Substitutes, Substitution};
use super::{Input, RecordedResult};

/// Headers that are shown in no recording: they are credentials.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Paths and headers of one recording.
const MOST: usize = 50;

/// What is left out of the calls that are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redaction {
    /// Attributes whose values are replaced, as SCIM paths.
    paths: Vec<String>,
    /// Headers that are not left out, by their names in lower case.
    headers: Vec<String>,
}

/// Why something cannot be left out, or must be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedactionError {
    /// Too much is named.
    #[error("{found} {what} are named, the limit is {MOST}")]
    TooMany {
        /// `paths` or `headers`.
        what: &'static str,
        /// How many.
        found: usize,
    },
    /// The path names no attribute.
    #[error(
        "\"{path}\" is an attribute of no resource type of the tenant; name one as in a filter, \
         such as emails.value"
    )]
    NoAttribute {
        /// The path.
        path: String,
    },
    /// There is nothing that could be replaced.
    #[error("\"{path}\" is true or false, which has no other value of the same shape")]
    Boolean {
        /// The path.
        path: String,
    },
    /// The header is a credential.
    #[error("the header \"{header}\" is a credential and in no recording")]
    Credential {
        /// Its name.
        header: String,
    },
}

impl Redaction {
    /// Has the values of these attributes replaced, and all headers but these.
    ///
    /// # Errors
    /// No resource type has such an attribute, it has no values that could be replaced, or a header is a
    /// credential.
    pub fn new(
        paths: Vec<String>,
        headers: Vec<String>,
        registry: &Registry,
    ) -> Result<Redaction, RedactionError> {
        for (what, found) in [("paths", paths.len()), ("headers", headers.len())] {
            if found > MOST {
                return Err(RedactionError::TooMany { what, found });
            }
        }
        for path in &paths {
            let types = registry.resource_types().iter();
            let found = types.filter_map(|it| path::resolve(it, path).ok());
            let is_boolean = |target: Target<'_>| matches!(target, Target::Attribute(it) if it.leaf().kind == Kind::Boolean);
            match found.map(is_boolean).next() {
                None => return Err(RedactionError::NoAttribute { path: path.clone() }),
                Some(true) => return Err(RedactionError::Boolean { path: path.clone() }),
                Some(false) => {}
            }
        }
        let headers: Vec<String> = headers.iter().map(|it| it.to_ascii_lowercase()).collect();
        match headers.iter().find(|it| CREDENTIALS.contains(&it.as_str())) {
            Some(header) => Err(RedactionError::Credential { header: header.clone() }),
            None => Ok(Redaction { paths, headers }),
        }
    }

    /// The attributes whose values are replaced.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The headers that are not left out.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }
}

impl Recording {
    /// Leaves out the secrets, the headers, and what the redaction names; says which of it there was.
    pub(super) fn redact(
        &mut self,
        secrets: &[String],
        redaction: &Redaction,
        registry: &Registry,
    ) -> Result<(), RecordingError> {
        let mut substitutes = Substitutes::new().map_err(|_| RecordingError::NoRandomness)?;
        let mut redacted = Vec::new();
        for path in &redaction.paths {
            let paths = Paths { path, registry };
            paths.each_value(self, &mut |value| substitutes.add(value));
            redacted.push(path.clone());
        }
        if let Input::Resolver { head } = &self.input {
            let hidden = head.headers.iter().filter(|(name, _)| !redaction.headers.contains(name));
            for (name, value) in hidden {
                substitutes.add(&Value::from(value.as_str()));
                redacted.push(format!("header {name}"));
            }
        }
        if !secrets.is_empty() {
            secrets.iter().for_each(|secret| substitutes.add_secret(secret));
            redacted.push("secrets of the configuration".to_owned());
        }
        if !redacted.is_empty() {
            let substitution = substitutes.ready();
            self.substitute(&substitution.map_err(|_| RecordingError::TooLarge)?);
            self.redacted = redacted;
        }
        Ok(())
    }

    fn substitute(&mut self, by: &Substitution) {
        by.object(&mut self.call.config);
        match &mut self.input {
            Input::Validation { candidate, current }
            | Input::BeforeWrite { candidate, current } => {
                [candidate].into_iter().chain(current).for_each(|it| by.object(it));
            }
            Input::BeforeDelete { current } => by.object(current),
            Input::BeforeQuery { filter } => filter.iter_mut().for_each(|it| by.text(it)),
            Input::AfterRead { documents } => documents.iter_mut().for_each(|it| by.object(it)),
            Input::AfterCommit { event, current } => {
                by.text(&mut event.resource_id);
                current.iter_mut().for_each(|it| by.object(it));
            }
            Input::Resolver { head } => head.headers.iter_mut().for_each(|(_, it)| by.text(it)),
        }
        for look_up in &mut self.directory {
            match &mut look_up.asked {
                Asked::Get { id, .. } => by.text(id),
                Asked::Find { filter, .. } | Asked::Count { filter: Some(filter), .. } => {
                    by.text(filter)
                }
                Asked::Count { filter: None, .. } => {}
            }
            match &mut look_up.told {
                Told::Found(found) => by.value(found),
                Told::Refused(reason) | Told::Unavailable(reason) => by.text(reason),
            }
        }
        match &mut self.outcome.result {
            RecordedResult::Answer(answer) => by.value(answer),
            RecordedResult::Error(error) => by.text(&mut error.message),
        }
        self.outcome.log.iter_mut().for_each(|line| by.text(&mut line.message));
    }
}

/// One path, which each resource type understands in its own way.
struct Paths<'r> {
    path: &'r str,
    registry: &'r Registry,
}

impl<'r> Paths<'r> {
    /// The values at the path in all documents of a recording, and those that its filters compare with.
    fn each_value(&self, recording: &Recording, tell: &mut impl FnMut(&Value)) {
        let of_call = &recording.call.resource_type;
        for document in recording.input.documents() {
            self.in_document(of_call, document, tell);
        }
        if let Input::BeforeQuery { filter: Some(filter) } = &recording.input {
            self.in_filter(of_call, filter, tell);
        }
        for look_up in &recording.directory {
            let resource_type = match &look_up.asked {
                Asked::Get { resource_type, .. } => resource_type,
                Asked::Find { resource_type, filter, .. } => {
                    self.in_filter(resource_type, filter, tell);
                    resource_type
                }
                Asked::Count { resource_type, filter } => {
                    filter.iter().for_each(|filter| self.in_filter(resource_type, filter, tell));
                    resource_type
                }
            };
            let found = match &look_up.told {
                Told::Found(Value::Array(found)) => found,
                Told::Found(found) => std::slice::from_ref(found),
                _ => &[],
            };
            for document in found.iter().filter_map(Value::as_object) {
                self.in_document(resource_type, document, tell);
            }
        }
    }

    fn target(&self, resource_type: &str) -> Option<(&'r ResourceType, Target<'r>)> {
        let resource_type = self.registry.resource_type(resource_type)?;
        Some((resource_type, path::resolve(resource_type, self.path).ok()?))
    }

    fn in_document(&self, resource_type: &str, document: &Object, tell: &mut impl FnMut(&Value)) {
        match self.target(resource_type) {
            Some((_, Target::Attribute(attribute))) => attribute.values(document).for_each(tell),
            Some((_, Target::Extension(schema))) => {
                document.get(&schema.id).into_iter().for_each(tell)
            }
            None => {}
        }
    }

    /// A filter that is none has compared nothing.
    fn in_filter(&self, resource_type: &str, filter: &str, tell: &mut impl FnMut(&Value)) {
        if let (Some((of, target)), Ok(filter)) =
            (self.target(resource_type), filter::parse(filter))
        {
            compared(&filter, None, &mut |path, value| {
                let named = path::resolve(of, path);
                if named.is_ok_and(|named| are_of_one(named, target)) {
                    tell(value);
                }
            });
        }
    }
}

/// The paths and values of all comparisons in a filter.
fn compared(filter: &Filter, within: Option<&str>, tell: &mut impl FnMut(&str, &Value)) {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => {
            terms.iter().for_each(|term| compared(term, within, tell));
        }
        Filter::Not(term) => compared(term, within, tell),
        Filter::Element(path, term) => compared(term, Some(&path.text), tell),
        Filter::Compare(path, _, literal) => {
            let path = within.map_or(path.text.clone(), |it| format!("{it}.{}", path.text));
            match literal {
                Literal::String(text) => tell(&path, &text.as_str().into()),
                Literal::Number(number) => tell(&path, &Value::Number(number.clone())),
                Literal::Null | Literal::Bool(_) => {}
            }
        }
        Filter::Present(_) => {}
    }
}

/// Whether one of them holds the other.
fn are_of_one(one: Target<'_>, other: Target<'_>) -> bool {
    match (one, other) {
        (Target::Attribute(one), Target::Attribute(other)) => {
            let name =
                |it: AttributeRef<'_>| (it.extension.map(str::to_owned), it.attribute.name.clone());
            let subs = one.sub.zip(other.sub);
            name(one) == name(other) && subs.is_none_or(|(one, other)| one.name == other.name)
        }
        (Target::Extension(schema), Target::Attribute(it))
        | (Target::Attribute(it), Target::Extension(schema)) => {
            it.extension == Some(schema.id.as_str())
        }
        (Target::Extension(one), Target::Extension(other)) => one.id == other.id,
    }
}

#[cfg(test)]
mod tests;
