//! The form in which a resource is stored: a body that can be sent as it is, what is returned to
//! nobody apart from it, and the body as filters see it.

use serde_json::Value;

use crate::Object;
use crate::index::search_document;
use crate::membership;
use crate::resource::{Kept, Known, put_into};
use crate::schema::{Attribute, ResourceType, Returned};

/// What is stored of a resource, beside its identity and history.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// `{"schemas":[…],"id":"…",<attributes>}`: the resource without `meta`, memberships and secrets.
    pub body: String,
    /// What is returned to nobody, as a JSON object of the shape of the body; `None` where there is
    /// no such thing.
    pub secrets: Option<String>,
    /// The body as filters see it, where that is not the body itself.
    pub search: Option<String>,
    /// [`ResourceType::shape`] where the body is what the type shows today, else
    /// [`ResourceType::unshown_shape`].
    pub shape: i64,
}

/// Without the text, which may hold secrets.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl Document {
    /// What is stored of these attributes, and of what the type does not know at present.
    ///
    /// Memberships are left out: they are stored on their own.
    #[must_use]
    pub fn of(resource_type: &ResourceType, id: &str, attributes: &Object, hidden: Kept) -> Self {
        let membership = membership::of(resource_type).map(|it| it.attribute().name.as_str());
        let mut body = Object::with_capacity(attributes.len() + 1);
        body.extend(attributes.get("schemas").map(|it| ("schemas".to_owned(), it.clone())));
        body.insert("id".to_owned(), Value::from(id));
        for (name, value) in attributes {
            if Some(name.as_str()) != membership {
                body.entry(name.as_str()).or_insert_with(|| value.clone());
            }
        }
        let (mut secrets, is_shown) = take_secrets(resource_type, &mut body);
        let is_shown = is_shown && hidden.is_empty();
        let shape = if is_shown { resource_type.shape() } else { resource_type.unshown_shape() };
        put_into(&mut body, hidden.body);
        put_into(&mut secrets, hidden.secrets);
        let text = |object: Object| Value::Object(object).to_string();
        Self {
            search: search_document(resource_type, &body).map(text),
            secrets: (!secrets.is_empty()).then(|| text(secrets)),
            body: text(body),
            shape,
        }
    }
}

/// A stored resource, divided by what its type knows today; `id` is left out, as memberships are.
/// Bodies that have secrets in them, and no id, are read too: those were written before.
///
/// # Errors
/// What is stored is not a JSON object.
pub fn read(
    resource_type: &ResourceType,
    body: &str,
    secrets: Option<&str>,
) -> serde_json::Result<Known> {
    let mut stored: Object = serde_json::from_str(body)?;
    stored.shift_remove("id");
    let secrets = secrets.map(serde_json::from_str).transpose()?.unwrap_or_default();
    Ok(Known::of(resource_type, stored, secrets))
}

/// What is returned to nobody; and whether the rest can be shown as it is.
fn take_secrets(resource_type: &ResourceType, body: &mut Object) -> (Object, bool) {
    let mut taking = Taking { is_shown: true };
    let mut secrets = taking.take(&resource_type.schema.attributes, body);
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        let Some(Value::Object(members)) = body.get_mut(urn) else { continue };
        let of_extension = taking.take(&extension.schema.attributes, members);
        if members.is_empty() {
            body.shift_remove(urn);
        }
        if !of_extension.is_empty() {
            secrets.insert(urn.clone(), Value::Object(of_extension));
        }
    }
    (secrets, taking.is_shown)
}

struct Taking {
    /// False where a value of several is left empty. It keeps its place, so that its secrets find
    /// back to it, and is not shown.
    is_shown: bool,
}

impl Taking {
    fn take(&mut self, definitions: &[Attribute], members: &mut Object) -> Object {
        let mut secrets = Object::new();
        for definition in definitions {
            let name = &definition.name;
            if definition.returned == Returned::Never {
                secrets.extend(members.shift_remove_entry(name));
                continue;
            }
            let subs = &definition.sub_attributes;
            let (of_value, is_empty) = match members.get_mut(name) {
                Some(Value::Object(value)) if !subs.is_empty() => {
                    let secrets = self.take(subs, value);
                    let has_some = !secrets.is_empty();
                    (has_some.then_some(Value::Object(secrets)), value.is_empty())
                }
                Some(Value::Array(values)) if !subs.is_empty() => {
                    (self.take_each(subs, values), false)
                }
                _ => continue,
            };
            if is_empty {
                members.shift_remove(name);
            }
            secrets.extend(of_value.map(|it| (name.clone(), it)));
        }
        secrets
    }

    /// The secrets of values, each in the place of its value.
    fn take_each(&mut self, subs: &[Attribute], values: &mut [Value]) -> Option<Value> {
        let mut of_values = Vec::with_capacity(values.len());
        for value in values {
            let secrets = match value {
                Value::Object(value) => {
                    let secrets = self.take(subs, value);
                    self.is_shown &= !value.is_empty();
                    secrets
                }
                _ => Object::new(),
            };
            of_values.push(secrets);
        }
        let has_some = of_values.iter().any(|secrets| !secrets.is_empty());
        has_some.then(|| of_values.into_iter().map(Value::Object).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Registry;
    use crate::schema::core::{ENTERPRISE_USER, USER};
    use crate::schema::describe::Description;

    const BADGE: &str = "urn:example:2.0:Badge";

    fn registry() -> Registry {
        let description = Description::parse(&[
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": BADGE,
                "attributes": [
                    { "name": "pin", "mutability": "writeOnly", "returned": "never" },
                    { "name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
                        { "name": "value" }, { "name": "code", "returned": "never" }] }
                ]
            }),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "name": "User", "schemaExtensions": [{ "schema": BADGE }]
            }),
        ]);
        Registry::core().with(&description.unwrap()).unwrap()
    }

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_body_is_what_clients_see_but_for_meta_and_memberships() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let attributes = object(json!({
            "schemas": [USER], "userName": "b", "password": "hash", "groups": [{ "value": "g" }]
        }));
        let document = Document::of(user, "2819c223", &attributes, Kept::default());
        let expected = format!(r#"{{"schemas":["{USER}"],"id":"2819c223","userName":"b"}}"#);
        assert_eq!(document.body, expected);
        assert_eq!(document.secrets.as_deref(), Some(r#"{"password":"hash"}"#));
        assert_eq!((document.search, document.shape), (None, user.shape()));
    }

    #[test]
    fn secrets_of_values_find_back_to_their_values() {
        let registry = registry();
        let user = registry.resource_type("User").unwrap();
        let keys = json!([{ "value": "a" }, { "value": "b", "code": "1" }]);
        let attributes =
            object(json!({ "schemas": [USER, BADGE], BADGE: { "pin": "0", "keys": keys } }));
        let document = Document::of(user, "1", &attributes, Kept::default());
        let secrets = json!({ BADGE: { "pin": "0", "keys": [{}, { "code": "1" }] } });
        assert_eq!(document.secrets, Some(secrets.to_string()));
        assert!(!document.body.contains("code") && document.shape == user.shape());
        let read = read(user, &document.body, document.secrets.as_deref()).unwrap();
        assert_eq!(read, Known { attributes, hidden: Kept::default() });
    }

    #[test]
    fn a_value_of_secrets_alone_is_in_no_body_that_is_sent() {
        let registry = registry();
        let user = registry.resource_type("User").unwrap();
        let attributes =
            object(json!({ "schemas": [USER, BADGE], BADGE: { "keys": [{ "code": "1" }] } }));
        let document = Document::of(user, "1", &attributes, Kept::default());
        assert_eq!(document.shape, user.unshown_shape());
        let known = read(user, &document.body, document.secrets.as_deref()).unwrap();
        assert_eq!(known.attributes, attributes);

        let attributes = object(json!({ "schemas": [USER, BADGE], BADGE: { "pin": "0" } }));
        let document = Document::of(user, "1", &attributes, Kept::default());
        assert_eq!(document.body, json!({ "schemas": [USER, BADGE], "id": "1" }).to_string());
        assert_eq!(document.shape, user.shape());
        let known = read(user, &document.body, document.secrets.as_deref()).unwrap();
        assert_eq!(known.attributes, attributes);
    }

    #[test]
    fn what_the_type_does_not_know_is_kept_and_is_not_shown_as_it_is() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let hidden = Kept {
            body: object(json!({ BADGE: { "level": 1 }, ENTERPRISE_USER: { "gone": 1 } })),
            secrets: Object::new(),
        };
        let attributes = object(json!({
            "schemas": [USER, ENTERPRISE_USER], "userName": "b",
            ENTERPRISE_USER: { "department": "Sales" }
        }));
        let document = Document::of(user, "1", &attributes, hidden.clone());
        assert_eq!(document.shape, user.unshown_shape());
        assert_ne!(user.unshown_shape(), user.shape());
        let read = read(user, &document.body, None).unwrap();
        assert_eq!(read, Known { attributes, hidden });
    }

    #[test]
    fn secrets_that_the_type_does_not_know_stay_out_of_the_body() {
        let (with, without) = (registry(), Registry::core());
        let badge = object(json!({
            "schemas": [USER, BADGE], BADGE: { "pin": "0", "keys": [{ "value": "a", "code": "1" }] }
        }));
        let user = with.resource_type("User").unwrap();
        let stored = Document::of(user, "1", &badge, Kept::default());

        let bare = without.resource_type("User").unwrap();
        let known = read(bare, &stored.body, stored.secrets.as_deref()).unwrap();
        assert_eq!(known.attributes, object(json!({ "schemas": [USER] })));
        let mut attributes = known.attributes;
        attributes.insert("title".to_owned(), "Ms".into());
        let again = Document::of(bare, "1", &attributes, known.hidden);
        assert!(!again.body.contains("pin") && !again.body.contains("code"), "{}", again.body);

        let restored = read(user, &again.body, again.secrets.as_deref()).unwrap();
        assert_eq!(restored.attributes[BADGE], badge[BADGE]);
        assert!(restored.hidden.is_empty());
    }

    #[test]
    fn a_body_with_secrets_in_it_and_no_id_is_read_too() {
        let registry = Registry::core();
        let user = registry.resource_type("User").unwrap();
        let attributes = object(json!({ "schemas": [USER], "userName": "b", "password": "hash" }));
        let body = Value::Object(attributes.clone()).to_string();
        let known = read(user, &body, None).unwrap();
        assert_eq!(known, Known { attributes, hidden: Kept::default() });
    }
}
