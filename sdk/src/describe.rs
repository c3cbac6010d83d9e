//! Schemas and resource types, written in Rust and sent as the documents of RFC 7643.

use serde_json::{Value, json};

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

/// What a plugin adds to the tenant: extensions of resource types, and new resource types.
///
/// ```
/// use tenon_sdk::prelude::*;
///
/// let badge = Description::extension("urn:example:badge:2.0:User", "Badge")
///     .of("User")
///     .attribute(Attribute::string("number").uniqueness(Uniqueness::Server));
///
/// let device = Description::resource_type("Device", "/Devices", "urn:example:device:2.0:Device")
///     .attribute(Attribute::string("serialNumber").required().case_exact())
///     .attribute(Attribute::reference("owner", ["User"]))
///     .attribute(Attribute::complex("ports", [
///         Attribute::string("name"),
///         Attribute::integer("speed"),
///     ]).multi_valued());
///
/// let both = badge.and(device);
/// # let _ = both;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// Documents that are finished.
    before: Vec<Value>,
    /// The schema that the methods work on.
    schema: Option<SchemaDocument>,
}

/// One attribute of a schema (RFC 7643 §7). What is not set has the default of RFC 7643 §2.2.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    name: String,
    kind: &'static str,
    description: String,
    multi_valued: bool,
    required: bool,
    canonical_values: Vec<String>,
    case_exact: bool,
    mutability: Mutability,
    returned: Returned,
    uniqueness: Uniqueness,
    reference_types: Vec<String>,
    sub_attributes: Vec<Attribute>,
}

/// When an attribute can be written (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// By the server alone.
    ReadOnly,
    /// At any time.
    ReadWrite,
    /// Once: when the resource is made, or while there is no value.
    Immutable,
    /// At any time, and never read.
    WriteOnly,
}

/// When an attribute is in an answer (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Whatever the client asks for.
    Always,
    /// Not in any answer.
    Never,
    /// Where the client does not leave it out.
    Default,
    /// Where the client asks for it.
    Request,
}

/// Which resources can have the same value (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// All.
    None,
    /// No two of a tenant.
    Server,
    /// No two anywhere.
    Global,
}

#[derive(Clone, Debug, PartialEq)]
struct SchemaDocument {
    id: String,
    name: String,
    description: String,
    attributes: Vec<Attribute>,
    resource_types: Vec<Value>,
}

impl Description {
    /// A schema that extends resource types; say which with [`Description::of`].
    pub fn extension(urn: impl Into<String>, name: impl Into<String>) -> Description {
        Description::schema(urn.into(), name.into(), Vec::new())
    }

    /// A resource type of its own, with its schema. `endpoint` is a path such as `/Devices`.
    pub fn resource_type(
        name: impl Into<String>,
        endpoint: impl Into<String>,
        urn: impl Into<String>,
    ) -> Description {
        let (name, urn) = (name.into(), urn.into());
        let document = json!({
            "schemas": [RESOURCE_TYPE],
            "name": name,
            "endpoint": endpoint.into(),
            "schema": urn,
        });
        Description::schema(urn, name, vec![document])
    }

    /// A Schema or ResourceType document as RFC 7643 §7 and §6 write it.
    pub fn raw(document: Value) -> Description {
        Description { before: vec![document], schema: None }
    }

    fn schema(id: String, name: String, resource_types: Vec<Value>) -> Description {
        let (description, attributes) = (String::new(), Vec::new());
        let schema = SchemaDocument { id, name, description, attributes, resource_types };
        Description { before: Vec::new(), schema: Some(schema) }
    }

    /// The extension may be on resources of this type.
    #[must_use]
    pub fn of(self, resource_type: impl Into<String>) -> Description {
        self.extends(resource_type.into(), false)
    }

    /// The extension has to be on every resource of this type.
    #[must_use]
    pub fn required_of(self, resource_type: impl Into<String>) -> Description {
        self.extends(resource_type.into(), true)
    }

    /// What the schema is for, in a sentence.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Description {
        if let Some(schema) = &mut self.schema {
            schema.description = description.into();
        }
        self
    }

    /// One more attribute.
    #[must_use]
    pub fn attribute(mut self, attribute: Attribute) -> Description {
        if let Some(schema) = &mut self.schema {
            schema.attributes.push(attribute);
        }
        self
    }

    /// Both descriptions. The methods that follow work on the other one's schema.
    #[must_use]
    pub fn and(self, mut other: Description) -> Description {
        let mut before = self.into_values();
        before.append(&mut other.before);
        Description { before, schema: other.schema }
    }

    fn extends(mut self, resource_type: String, required: bool) -> Description {
        if let Some(schema) = &mut self.schema {
            schema.resource_types.push(json!({
                "schemas": [RESOURCE_TYPE],
                "name": resource_type,
                "schemaExtensions": [{ "schema": schema.id, "required": required }],
            }));
        }
        self
    }

    /// The documents: schemas before the resource types that use them.
    pub fn into_values(self) -> Vec<Value> {
        let mut documents = self.before;
        if let Some(schema) = self.schema {
            let attributes: Vec<Value> = schema.attributes.iter().map(Attribute::json).collect();
            documents.push(json!({
                "schemas": [SCHEMA],
                "id": schema.id,
                "name": schema.name,
                "description": schema.description,
                "attributes": attributes,
            }));
            documents.extend(schema.resource_types);
        }
        documents
    }
}

impl Attribute {
    /// Text.
    pub fn string(name: impl Into<String>) -> Attribute {
        Attribute::new(name, "string")
    }

    /// True or false.
    pub fn boolean(name: impl Into<String>) -> Attribute {
        Attribute::new(name, "boolean")
    }

    /// A number.
    pub fn decimal(name: impl Into<String>) -> Attribute {
        Attribute::new(name, "decimal")
    }

    /// A whole number.
    pub fn integer(name: impl Into<String>) -> Attribute {
        Attribute::new(name, "integer")
    }

    /// A point in time, such as `2008-01-23T04:56:22Z`.
    pub fn date_time(name: impl Into<String>) -> Attribute {
        Attribute::new(name, "dateTime")
    }

    /// Bytes in base64 (RFC 7643 §2.3.6).
    pub fn binary(name: impl Into<String>) -> Attribute {
        Attribute { case_exact: true, ..Attribute::new(name, "binary") }
    }

    /// The URI of a resource: of these types, or `external`, or any `uri` (RFC 7643 §7).
    pub fn reference(
        name: impl Into<String>,
        reference_types: impl IntoIterator<Item = impl Into<String>>,
    ) -> Attribute {
        Attribute {
            case_exact: true,
            reference_types: reference_types.into_iter().map(Into::into).collect(),
            ..Attribute::new(name, "reference")
        }
    }

    /// An object with these sub-attributes, none of them complex (RFC 7643 §2.3.8).
    pub fn complex(
        name: impl Into<String>,
        sub_attributes: impl IntoIterator<Item = Attribute>,
    ) -> Attribute {
        Attribute {
            sub_attributes: sub_attributes.into_iter().collect(),
            ..Attribute::new(name, "complex")
        }
    }

    fn new(name: impl Into<String>, kind: &'static str) -> Attribute {
        Attribute {
            name: name.into(),
            kind,
            description: String::new(),
            multi_valued: false,
            required: false,
            canonical_values: Vec::new(),
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
        }
    }

    /// What the attribute means, in a sentence.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Attribute {
        Attribute { description: description.into(), ..self }
    }

    /// A list of values.
    #[must_use]
    pub fn multi_valued(self) -> Attribute {
        Attribute { multi_valued: true, ..self }
    }

    /// It has to be there.
    #[must_use]
    pub fn required(self) -> Attribute {
        Attribute { required: true, ..self }
    }

    /// Values that are suggested, such as `work` and `home`.
    #[must_use]
    pub fn canonical_values(
        self,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Attribute {
        Attribute { canonical_values: values.into_iter().map(Into::into).collect(), ..self }
    }

    /// `a` and `A` are different values.
    #[must_use]
    pub fn case_exact(self) -> Attribute {
        Attribute { case_exact: true, ..self }
    }

    /// When it can be written. At any time, where this is not called.
    #[must_use]
    pub fn mutability(self, mutability: Mutability) -> Attribute {
        Attribute { mutability, ..self }
    }

    /// When it is in an answer. By default, where this is not called.
    #[must_use]
    pub fn returned(self, returned: Returned) -> Attribute {
        Attribute { returned, ..self }
    }

    /// Whether two resources can have the same value. They can, where this is not called.
    #[must_use]
    pub fn uniqueness(self, uniqueness: Uniqueness) -> Attribute {
        Attribute { uniqueness, ..self }
    }

    /// RFC 7643 §7: `caseExact` and `uniqueness` say nothing of a complex attribute, and of
    /// true and false neither.
    fn json(&self) -> Value {
        let mut json = json!({
            "name": self.name,
            "type": self.kind,
            "multiValued": self.multi_valued,
            "description": self.description,
            "required": self.required,
            "mutability": self.mutability.as_str(),
            "returned": self.returned.as_str(),
        });
        if !matches!(self.kind, "complex" | "boolean") {
            json["caseExact"] = self.case_exact.into();
            json["uniqueness"] = self.uniqueness.as_str().into();
        }
        if !self.canonical_values.is_empty() {
            json["canonicalValues"] = self.canonical_values.clone().into();
        }
        if !self.reference_types.is_empty() {
            json["referenceTypes"] = self.reference_types.clone().into();
        }
        if !self.sub_attributes.is_empty() {
            json["subAttributes"] = self.sub_attributes.iter().map(Attribute::json).collect();
        }
        json
    }
}

impl Mutability {
    const fn as_str(self) -> &'static str {
        match self {
            Mutability::ReadOnly => "readOnly",
            Mutability::ReadWrite => "readWrite",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        }
    }
}

impl Returned {
    const fn as_str(self) -> &'static str {
        match self {
            Returned::Always => "always",
            Returned::Never => "never",
            Returned::Default => "default",
            Returned::Request => "request",
        }
    }
}

impl Uniqueness {
    const fn as_str(self) -> &'static str {
        match self {
            Uniqueness::None => "none",
            Uniqueness::Server => "server",
            Uniqueness::Global => "global",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_a_schema_and_a_resource_type_that_names_it() {
        let documents = Description::extension("urn:example:badge:2.0:User", "Badge")
            .description("Badges.")
            .required_of("User")
            .attribute(Attribute::string("number").description("On the badge.").required())
            .into_values();
        assert_eq!(
            documents,
            [
                json!({
                    "schemas": [SCHEMA],
                    "id": "urn:example:badge:2.0:User",
                    "name": "Badge",
                    "description": "Badges.",
                    "attributes": [{
                        "name": "number", "type": "string", "multiValued": false,
                        "description": "On the badge.", "required": true, "caseExact": false,
                        "mutability": "readWrite", "returned": "default", "uniqueness": "none",
                    }],
                }),
                json!({
                    "schemas": [RESOURCE_TYPE],
                    "name": "User",
                    "schemaExtensions": [
                        { "schema": "urn:example:badge:2.0:User", "required": true },
                    ],
                }),
            ]
        );
    }

    #[test]
    fn every_characteristic_of_an_attribute_can_be_said() {
        let attribute = Attribute::complex(
            "links",
            [
                Attribute::reference("$ref", ["User", "external"])
                    .mutability(Mutability::Immutable),
                Attribute::string("type").canonical_values(["work", "home"]).case_exact(),
                Attribute::binary("key")
                    .returned(Returned::Never)
                    .mutability(Mutability::WriteOnly),
                Attribute::boolean("primary"),
            ],
        )
        .multi_valued()
        .returned(Returned::Request)
        .mutability(Mutability::ReadOnly);
        let json = attribute.json();
        assert_eq!(json["type"], "complex");
        assert_eq!(json["multiValued"], true);
        assert_eq!(json["mutability"], "readOnly");
        assert_eq!(json["returned"], "request");
        assert_eq!(json.get("caseExact"), None);
        let subs = json["subAttributes"].as_array().unwrap();
        assert_eq!(subs[0]["referenceTypes"], json!(["User", "external"]));
        assert_eq!(subs[0]["caseExact"], true);
        assert_eq!(subs[1]["canonicalValues"], json!(["work", "home"]));
        assert_eq!(subs[1]["caseExact"], true);
        assert_eq!((&subs[2]["type"], &subs[2]["returned"]), (&json!("binary"), &json!("never")));
        assert_eq!(subs[3].get("uniqueness"), None);
    }

    #[test]
    fn descriptions_are_put_together_in_order() {
        let documents = Description::raw(json!({ "id": "one" }))
            .and(
                Description::resource_type("Device", "/Devices", "urn:example:2.0:Device")
                    .attribute(Attribute::integer("size").uniqueness(Uniqueness::Global)),
            )
            .and(Description::extension("urn:example:2.0:Extra", "Extra").of("Device"))
            .into_values();
        let ids: Vec<_> =
            documents.iter().map(|it| it["id"].as_str().or(it["name"].as_str())).collect();
        assert_eq!(
            ids,
            [
                Some("one"),
                Some("urn:example:2.0:Device"),
                Some("Device"),
                Some("urn:example:2.0:Extra"),
                Some("Device"),
            ]
        );
        assert_eq!(documents[2]["endpoint"], "/Devices");
        assert_eq!(documents[2]["schema"], "urn:example:2.0:Device");
        assert_eq!(documents[1]["attributes"][0]["uniqueness"], "global");
    }
}
