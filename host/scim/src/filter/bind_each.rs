//! Binds a filter to several resource types at once: a query against the server root.

use super::ast::{CompareOp, Filter, Literal};
use super::{BoundFilter, FilterError, FilterErrorKind};
use crate::path::PathError;
use crate::schema::ResourceType;

impl Filter {
    /// Binds the filter to resources of each of these types, in their order.
    ///
    /// RFC 7644 §3.4.2.1: "For filtered attributes that are not part of a particular resource type,
    /// the service provider SHALL treat the attribute as if there is no attribute value."
    ///
    /// # Errors
    /// A term makes sense for none of the types.
    pub fn bind_each<'a>(
        &self,
        types: &[&'a ResourceType],
    ) -> Result<Vec<BoundFilter<'a>>, FilterError> {
        match self {
            Self::And(terms) => bind_terms(terms, types, BoundFilter::And),
            Self::Or(terms) => bind_terms(terms, types, BoundFilter::Or),
            Self::Not(inner) => {
                let inner = inner.bind_each(types)?;
                Ok(inner.into_iter().map(|it| BoundFilter::Not(Box::new(it))).collect())
            }
            Self::Present(_) | Self::Compare(..) | Self::Element(..) => self.bind_term(types),
        }
    }

    fn bind_term<'a>(
        &self,
        types: &[&'a ResourceType],
    ) -> Result<Vec<BoundFilter<'a>>, FilterError> {
        let mut errors = Vec::new();
        let mut bound = Vec::with_capacity(types.len());
        for resource_type in types {
            bound.push(self.bind(resource_type).unwrap_or_else(|error| {
                errors.push(error);
                BoundFilter::Constant(self.without_value())
            }));
        }
        if errors.len() == types.len()
            && let Some(error) = most_telling(errors)
        {
            return Err(error);
        }
        Ok(bound)
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

/// Binds each term to all types, and puts together what belongs to each type.
fn bind_terms<'a>(
    terms: &[Filter],
    types: &[&'a ResourceType],
    combine: impl Fn(Vec<BoundFilter<'a>>) -> BoundFilter<'a>,
) -> Result<Vec<BoundFilter<'a>>, FilterError> {
    let mut of_types: Vec<Vec<BoundFilter<'a>>> = types.iter().map(|_| Vec::new()).collect();
    for term in terms {
        for (of_type, bound) in of_types.iter_mut().zip(term.bind_each(types)?) {
            of_type.push(bound);
        }
    }
    Ok(of_types.into_iter().map(combine).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::Registry;
    use crate::filter::parse;

    /// Whether a user and a group satisfy a filter, or why there is no answer.
    fn answers(filter: &str) -> Result<[bool; 2], String> {
        let registry = Registry::core();
        let types: Vec<_> = registry.resource_types().iter().map(|it| &**it).collect();
        let bound = parse(filter).unwrap().bind_each(&types).map_err(|it| it.to_string())?;
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
}
