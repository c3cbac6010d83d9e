//! Binds a filter to several resource types at once: a query against the server root.

use super::ast::{CompareOp, Filter, Literal};
use super::{BoundFilter, FilterError, FilterErrorKind};
use crate::path::PathError;
use crate::schema::ResourceType;

/// Binds a filter to resources of each of these types, in their order. Each type comes with the
/// filter as it is to be read for it: the same terms, their paths and values in the RFC's form.
///
/// RFC 7644 §3.4.2.1: "For filtered attributes that are not part of a particular resource type,
/// the service provider SHALL treat the attribute as if there is no attribute value."
///
/// # Errors
/// A term makes sense for none of the types.
pub fn bind_each<'a, 'f>(
    filters: impl IntoIterator<Item = (&'a ResourceType, &'f Filter)>,
) -> Result<Vec<BoundFilter<'a>>, FilterError> {
    let mut bound = Vec::new();
    let mut of_types = Vec::new();
    for (resource_type, filter) in filters {
        let mut errors = Vec::new();
        bound.push(filter.bind_known(resource_type, &mut errors));
        of_types.push(errors.into_iter());
    }
    // The terms one by one, each as all types see it.
    loop {
        let of_term: Option<Vec<_>> = of_types.iter_mut().map(Iterator::next).collect();
        let Some(of_term) = of_term.filter(|it| !it.is_empty()) else { return Ok(bound) };
        let errors: Option<Vec<_>> = of_term.into_iter().collect();
        if let Some(error) = errors.and_then(most_telling) {
            return Err(error);
        }
    }
}

impl Filter {
    /// Binds what makes sense for a type; `errors` has for each term, in their order, what is
    /// wrong with it.
    fn bind_known<'a>(
        &self,
        resource_type: &'a ResourceType,
        errors: &mut Vec<Option<FilterError>>,
    ) -> BoundFilter<'a> {
        let mut all = |terms: &[Self]| -> Vec<_> {
            terms.iter().map(|term| term.bind_known(resource_type, errors)).collect()
        };
        match self {
            Self::And(terms) => BoundFilter::And(all(terms)),
            Self::Or(terms) => BoundFilter::Or(all(terms)),
            Self::Not(inner) => BoundFilter::Not(Box::new(inner.bind_known(resource_type, errors))),
            Self::Present(_) | Self::Compare(..) | Self::Element(..) => {
                let bound = self.bind(resource_type);
                errors.push(bound.as_ref().err().cloned());
                bound.unwrap_or_else(|_| BoundFilter::Constant(self.without_value()))
            }
        }
    }

    /// What a term says where its attribute has no value.
    const fn without_value(&self) -> bool {
        match self {
            Self::Compare(_, op, Literal::Null) => matches!(op, CompareOp::Eq),
            Self::Compare(_, op, _) => matches!(op, CompareOp::Ne),
            _ => false,
        }
    }
}

/// Why a term makes sense for no type: the error of a type that has the attribute, if one does.
fn most_telling(mut errors: Vec<FilterError>) -> Option<FilterError> {
    let telling = errors.iter().position(|error| unknown_path(error).is_none()).unwrap_or(0);
    let error = (telling < errors.len()).then(|| errors.swap_remove(telling))?;
    Some(match unknown_path(&error) {
        Some(path) => {
            let path = path.to_owned();
            FilterError::at(error.column, FilterErrorKind::UnknownEverywhere { path })
        }
        None => error,
    })
}

/// The path, where the error is that a type does not have it.
fn unknown_path(error: &FilterError) -> Option<&str> {
    let FilterErrorKind::UnknownAttribute { error } = &error.kind else { return None };
    match &**error {
        PathError::UnknownAttribute { path, .. } | PathError::UnknownSchema { path, .. } => {
            Some(path)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::filter::{bind_each, parse};
    use crate::schema::core::{ENTERPRISE_USER, USER};
    use crate::schema::describe::Description;
    use crate::{Dialect, Registry};

    /// Whether a user and a group satisfy a filter, or why there is no answer.
    fn answers(filter: &str) -> Result<[bool; 2], String> {
        let registry = Registry::core();
        let types: Vec<_> = registry.resource_types().iter().map(|it| &**it).collect();
        let filter = parse(filter).unwrap();
        let each = types.into_iter().map(|it| (it, &filter));
        let bound = bind_each(each).map_err(|it| it.to_string())?;
        let resources = [
            json!({ "userName": "bjensen", "displayName": "Babs", "meta": { "resourceType": "User" } }),
            json!({ "displayName": "Tour Guides", "meta": { "resourceType": "Group" } }),
        ];
        let matches = |index: usize| {
            let resource: &Value = &resources[index];
            bound[index].matches(resource.as_object().unwrap())
        };
        Ok([matches(0), matches(1)])
    }

    #[test]
    fn an_attribute_that_a_type_does_not_have_has_no_value_there() {
        let cases = [
            ("userName pr", [true, false]),
            ("userName eq \"bjensen\"", [true, false]),
            ("userName ne \"x\"", [true, true]),
            ("userName eq null", [false, true]),
            ("not (userName pr)", [false, true]),
            ("emails[type eq \"work\"]", [false, false]),
            ("members pr or userName pr", [true, false]),
            ("displayName co \"b\"", [true, false]),
            ("meta.resourceType eq \"Group\"", [false, true]),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName pr", [true, false]),
            ("active ne true and displayName pr", [true, true]),
        ];
        for (filter, expected) in cases {
            assert_eq!(answers(filter), Ok(expected), "{filter}");
        }
    }

    #[test]
    fn a_term_that_makes_sense_for_no_type_is_refused() {
        let cases = [
            ("colour pr", "column 1: no resource type has an attribute \"colour\""),
            ("userName pr and urn:x:colour eq 1", "no resource type has an attribute \"urn:x:c"),
            ("active gt true", "operator \"gt\" does not apply"),
            ("emails.colour pr", "attribute \"emails\" has no sub-attribute \"colour\""),
            ("emails[colour pr]", "attribute \"emails\" has no sub-attribute \"colour\""),
            ("password pr", "cannot be searched"),
        ];
        for (filter, message) in cases {
            let error = answers(filter).unwrap_err();
            assert!(error.contains(message), "{filter}: {error}");
        }
    }

    #[test]
    fn a_filter_is_read_for_each_type_in_its_own_way() {
        let attributes = json!([{ "name": "department" }, { "name": "active" }]);
        let desk = Description::parse(&[
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": "urn:example:2.0:Desk", "attributes": attributes
            }),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "name": "Desk", "endpoint": "/Desks", "schema": "urn:example:2.0:Desk"
            }),
        ]);
        let registry = Registry::core().with(&desk.unwrap()).unwrap();
        let user = json!({
            "schemas": [USER], "active": true, ENTERPRISE_USER: { "department": "IT" }
        });
        let desk = json!({ "active": "True", "department": "IT" });
        for filter in ["department eq \"IT\"", "active eq \"True\""] {
            let parsed = parse(filter).unwrap();
            for names in [["User", "Desk"], ["Desk", "User"]] {
                let types = names.map(|name| &**registry.resource_type(name).unwrap());
                let read = types.map(|it| Dialect::ENTRA.filter(it, &parsed).value);
                let bound = bind_each(types.into_iter().zip(read.iter().map(|it| &**it))).unwrap();
                for (name, bound) in names.iter().zip(bound) {
                    let resource = if *name == "User" { &user } else { &desk };
                    assert!(bound.matches(resource.as_object().unwrap()), "{filter}: {name}");
                }
            }
        }
    }
}
