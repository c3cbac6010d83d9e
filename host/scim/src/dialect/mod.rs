//! Dialects: where identity providers speak SCIM in another way than RFC 7644 has it.
//!
//! A dialect is data, a set of named switches. Most of them let a form pass that the RFC does not
//! have: [`normalize`] rewrites it into the RFC's, before anything else sees it, and tells so in
//! a [`Coercion`]. The others decide between two meanings, and are asked where these part.

mod coercion;
mod names;
mod normalize;

pub use coercion::{Coercion, Reading};
pub use normalize::Normalized;

use serde::{Serialize, Serializer};

/// How the clients of a tenant speak SCIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Its name, as operators choose it.
    pub name: &'static str,
    /// What is read although it is not in the RFC's form.
    pub leniency: Leniency,
    /// What becomes of attributes that no schema has.
    pub unknown_attributes: UnknownAttributes,
    /// Whether a PATCH operation may leave `path` out (RFC 7644 §3.5.2.1 lets it).
    pub pathless_patch: bool,
    /// What a PATCH `replace` does whose filter selects no value.
    pub unmatched_replace: UnmatchedReplace,
    /// What a PATCH `replace` does to the parts of a complex attribute that it does not name.
    pub complex_replace: ComplexReplace,
    /// The resource types of which a PATCH is answered with 204 and no body, unless the request
    /// names `attributes` (RFC 7644 §3.5.2 lets the server choose).
    pub patches_without_body: &'static [&'static str],
}

/// Forms that are not the RFC's, and are read as if they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leniency {
    /// `"True"` and `"false"` are booleans, in any case, in values and in filters.
    pub string_booleans: bool,
    /// A string is the `value` of a complex attribute that has one value: `"manager": "271"`.
    pub bare_values: bool,
    /// An array of one is the value of an attribute that has one: `"manager": [{ … }]`.
    pub arrays_of_one: bool,
    /// An object with nothing but a `value` is that value: `"nickName": [{ "$ref": null, "value": … }]`.
    pub wrapped_values: bool,
    /// `""` takes the value from an attribute that has one, unless it holds no text.
    pub empty_strings: bool,
    /// The `value` of a complex value may be a string with the JSON of the whole of it.
    pub json_in_values: bool,
    /// Paths name an extension's attribute without its URN, where no other has the name.
    pub unqualified_extensions: bool,
}

/// What becomes of attributes that no schema has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownAttributes {
    /// They are left out (RFC 7644 §3.3 lets the server do so).
    Ignored,
    /// The request is refused with `invalidSyntax`.
    Refused,
}

/// What a PATCH `replace` does whose filter selects no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmatchedReplace {
    /// It fails with `noTarget` (RFC 7644 §3.5.2.3).
    Fails,
    /// It creates the value that the filter describes, as `add` does.
    Creates,
}

/// What a PATCH `replace` does to the parts of a complex attribute that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComplexReplace {
    /// They stay (RFC 7644 §3.5.2.3).
    KeepsOthers,
    /// They go.
    RemovesOthers,
}

impl Leniency {
    /// Nothing but the RFC's forms.
    pub const NONE: Self = Self {
        string_booleans: false,
        bare_values: false,
        arrays_of_one: false,
        wrapped_values: false,
        empty_strings: false,
        json_in_values: false,
        unqualified_extensions: false,
    };
}

impl Dialect {
    /// RFC 7644, lenient where it allows to be.
    pub const RFC: Self = Self {
        name: "rfc",
        leniency: Leniency::NONE,
        unknown_attributes: UnknownAttributes::Ignored,
        pathless_patch: true,
        unmatched_replace: UnmatchedReplace::Fails,
        complex_replace: ComplexReplace::KeepsOthers,
        patches_without_body: &[],
    };

    /// Microsoft Entra ID.
    pub const ENTRA: Self = Self {
        name: "entra",
        leniency: Leniency {
            string_booleans: true,
            bare_values: true,
            arrays_of_one: true,
            wrapped_values: true,
            empty_strings: true,
            json_in_values: true,
            unqualified_extensions: true,
        },
        unmatched_replace: UnmatchedReplace::Creates,
        patches_without_body: &["Group"],
        ..Self::RFC
    };

    /// Okta.
    pub const OKTA: Self = Self { name: "okta", patches_without_body: &["Group"], ..Self::RFC };

    /// The interoperability profile (draft-zollner-scim-interop-profile).
    pub const INTEROP: Self = Self {
        name: "interop",
        unknown_attributes: UnknownAttributes::Refused,
        pathless_patch: false,
        complex_replace: ComplexReplace::RemovesOthers,
        ..Self::RFC
    };

    /// All there are.
    pub const ALL: [Self; 4] = [Self::RFC, Self::ENTRA, Self::OKTA, Self::INTEROP];

    /// The dialect of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name == name)
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::RFC
    }
}

/// As its name.
impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

#[cfg(test)]
mod tests;
