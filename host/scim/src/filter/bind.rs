//! Binds a filter to the schemas: every path is looked up, every comparison checked.

use serde_json::Number;
use time::OffsetDateTime;

use super::ast::{CompareOp, Filter, Literal, PathText};
use super::{FilterError, FilterErrorKind};
use crate::path::{self, AttributeRef, PathError, Target};
use crate::schema::{Attribute, Kind, ResourceType, Returned};
use crate::value;

/// A filter whose every part makes sense for the schemas it was bound to.
#[derive(Debug, Clone, PartialEq)]
pub enum BoundFilter<'a> {
    /// All of them hold.
    And(Vec<BoundFilter<'a>>),
    /// At least one holds.
    Or(Vec<BoundFilter<'a>>),
    /// It does not hold.
    Not(Box<BoundFilter<'a>>),
    /// The attribute has a value.
    Present(AttributeRef<'a>),
    /// A value of the attribute compares like this.
    Compare(Comparison<'a>),
    /// One value of the attribute satisfies all of the filter.
    Element(AttributeRef<'a>, Box<BoundFilter<'a>>),
    /// The same answer for every resource: a term about an attribute that the type does not have.
    Constant(bool),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison<'a> {
    /// What is compared; never a complex attribute.
    pub target: AttributeRef<'a>,
    /// How.
    pub op: CompareOp,
    /// With what, in the form in which it is compared.
    pub operand: Operand,
    /// With what, as it was written.
    pub literal: Literal,
}

/// The value of a comparison, in the form in which it is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// The absence of a value.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, normalised as the attribute asks (see [`value::normalized`]).
    Text(String),
    /// An instant.
    Instant(OffsetDateTime),
}

/// What the paths of a filter are relative to.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// A resource.
    Resource(&'a ResourceType),
    /// One value of a multi-valued attribute, as between brackets.
    Element(&'a Attribute),
}

impl Filter {
    /// Binds the filter to resources of a type.
    ///
    /// # Errors
    /// An unknown attribute, or a comparison that does not fit the attribute's type.
    pub fn bind<'a>(
        &self,
        resource_type: &'a ResourceType,
    ) -> Result<BoundFilter<'a>, FilterError> {
        self.bind_to(Scope::Resource(resource_type))
    }

    /// Binds the filter to whatever its paths are relative to.
    ///
    /// # Errors
    /// As [`Filter::bind`].
    pub fn bind_to<'a>(&self, scope: Scope<'a>) -> Result<BoundFilter<'a>, FilterError> {
        let all = |terms: &[Self]| -> Result<Vec<_>, _> {
            terms.iter().map(|term| term.bind_to(scope)).collect()
        };
        Ok(match self {
            Self::And(terms) => BoundFilter::And(all(terms)?),
            Self::Or(terms) => BoundFilter::Or(all(terms)?),
            Self::Not(inner) => BoundFilter::Not(Box::new(inner.bind_to(scope)?)),
            Self::Present(path) => BoundFilter::Present(scope.find(path)?),
            Self::Compare(path, op, literal) => {
                BoundFilter::Compare(comparison(scope.find(path)?, *op, literal, path.column)?)
            }
            Self::Element(path, inner) => {
                let target = scope.find(path)?;
                let takes_brackets =
                    target.attribute.multi_valued || target.attribute.kind == Kind::Complex;
                if !takes_brackets || target.sub.is_some() {
                    let attribute = target.path();
                    return Err(FilterError::at(
                        path.column,
                        FilterErrorKind::NotMultiValued { attribute },
                    ));
                }
                let inner = inner.bind_to(Scope::Element(target.attribute))?;
                BoundFilter::Element(target, Box::new(inner))
            }
        })
    }
}

impl BoundFilter<'_> {
    /// How many comparisons there are: each may be held against each value.
    #[must_use]
    pub fn terms(&self) -> usize {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().map(Self::terms).sum(),
            Self::Not(inner) => inner.terms(),
            Self::Element(_, inner) => inner.terms().saturating_add(1),
            Self::Present(_) | Self::Compare(_) | Self::Constant(_) => 1,
        }
    }

    /// The attributes whose values decide.
    #[must_use]
    pub fn attributes(&self) -> Vec<AttributeRef<'_>> {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().flat_map(Self::attributes).collect(),
            Self::Not(inner) => inner.attributes(),
            Self::Present(target) => vec![*target],
            Self::Compare(comparison) => vec![comparison.target],
            Self::Element(target, inner) => inner.attributes_of(*target),
            Self::Constant(_) => Vec::new(),
        }
    }

    /// The same of a filter for the values of an attribute, as it is between brackets.
    #[must_use]
    pub fn attributes_of<'s>(&'s self, target: AttributeRef<'s>) -> Vec<AttributeRef<'s>> {
        let part = |it: AttributeRef<'s>| match target.attribute.kind {
            Kind::Complex => AttributeRef { sub: Some(it.attribute), ..target },
            _ => target,
        };
        self.attributes().into_iter().map(part).collect()
    }

    /// Whether the filter looks at this attribute of the base schema, or at a part of it.
    #[must_use]
    pub fn names(&self, attribute: &Attribute) -> bool {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().any(|term| term.names(attribute)),
            Self::Not(inner) => inner.names(attribute),
            Self::Constant(_) => false,
            Self::Present(target) | Self::Element(target, _) => target.is_of(attribute),
            Self::Compare(comparison) => comparison.target.is_of(attribute),
        }
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn find(self, path: &PathText) -> Result<AttributeRef<'a>, FilterError> {
        let target = match self {
            Self::Resource(resource_type) => match path::resolve(resource_type, &path.text) {
                Ok(Target::Attribute(target)) => target,
                Ok(Target::Extension(schema)) => {
                    let attribute = schema.id.clone();
                    return Err(FilterError::at(
                        path.column,
                        FilterErrorKind::Complex { attribute },
                    ));
                }
                Err(error) => return Err(unknown(path, error)),
            },
            Self::Element(attribute) => {
                let sub = if attribute.kind == Kind::Complex {
                    attribute.sub(&path.text)
                } else {
                    // RFC 7643 §2.4: the values of a simple multi-valued attribute are its `value`s.
                    Some(attribute).filter(|_| path.text.eq_ignore_ascii_case("value"))
                };
                let Some(sub) = sub else {
                    let error = PathError::UnknownSubAttribute {
                        path: path.text.clone(),
                        attribute: attribute.name.clone(),
                        sub: path.text.clone(),
                    };
                    return Err(unknown(path, error));
                };
                AttributeRef { extension: None, attribute: sub, sub: None }
            }
        };
        if target.leaf().returned == Returned::Never {
            let attribute = target.path();
            return Err(FilterError::at(path.column, FilterErrorKind::NotSearchable { attribute }));
        }
        Ok(target)
    }
}

fn unknown(path: &PathText, error: PathError) -> FilterError {
    FilterError::at(path.column, FilterErrorKind::UnknownAttribute { error: Box::new(error) })
}

fn comparison<'a>(
    target: AttributeRef<'a>,
    op: CompareOp,
    literal: &Literal,
    column: usize,
) -> Result<Comparison<'a>, FilterError> {
    let Some(target) = target.comparable() else {
        let attribute = target.path();
        return Err(FilterError::at(column, FilterErrorKind::Complex { attribute }));
    };
    let attribute = target.leaf();
    let operand = operand(attribute, literal).ok_or_else(|| {
        FilterError::at(
            column,
            FilterErrorKind::WrongType {
                attribute: target.path(),
                kind: attribute.kind.as_str(),
                found: literal.to_string(),
            },
        )
    })?;
    if !applies(op, attribute.kind, &operand) {
        return Err(FilterError::at(
            column,
            FilterErrorKind::WrongOperator {
                op: op.as_str(),
                attribute: target.path(),
                kind: attribute.kind.as_str(),
            },
        ));
    }
    Ok(Comparison { target, op, operand, literal: literal.clone() })
}

/// The literal as this attribute compares it; `None` where the types do not fit.
fn operand(attribute: &Attribute, literal: &Literal) -> Option<Operand> {
    match (attribute.kind, literal) {
        (_, Literal::Null) => Some(Operand::Null),
        (Kind::Boolean, Literal::Bool(value)) => Some(Operand::Bool(*value)),
        (Kind::Integer | Kind::Decimal, Literal::Number(value)) => {
            Some(Operand::Number(value.clone()))
        }
        (Kind::DateTime, Literal::String(text)) => value::instant(text).map(Operand::Instant),
        (Kind::String | Kind::Reference | Kind::Binary, Literal::String(text)) => {
            Some(Operand::Text(value::normalized(attribute, text).into_owned()))
        }
        _ => None,
    }
}

/// RFC 7644 §3.4.2.2, table 3: "Boolean and Binary attributes SHALL cause a failed response
/// (HTTP status code 400) with "scimType" of "invalidFilter"" for gt, ge, lt, le.
const fn applies(op: CompareOp, kind: Kind, operand: &Operand) -> bool {
    let ordering = matches!(op, CompareOp::Gt | CompareOp::Ge | CompareOp::Lt | CompareOp::Le);
    let substring = matches!(op, CompareOp::Co | CompareOp::Sw | CompareOp::Ew);
    match (operand, kind) {
        (Operand::Null, _) | (_, Kind::Boolean | Kind::Binary) => !ordering && !substring,
        (_, Kind::String | Kind::Reference) => true,
        _ => !substring,
    }
}
