//! What a filter says of one resource, as a condition over its document: any term, of any
//! attribute, exactly as `tenon_scim::filter` evaluates it.
//!
//! The document is `search`, or the body where that has nothing else to compare. In it numbers and
//! instants are texts that sort (`tenon_scim::index`), and letters beyond ASCII are folded.

use tenon_scim::filter::{BoundFilter, CompareOp, Comparison, Operand};
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::Attribute;

use super::binds::Binds;
use super::derived;
use super::operand::Test;
use super::{Space, TENANT};

/// What makes the document of the row `r`, once for each.
pub(super) const DOCUMENT: &str =
    "CROSS JOIN LATERAL (SELECT coalesce(r.search, r.body)::jsonb AS d OFFSET 0) AS doc";

/// The row `r` of the resource of the type with that id, and its document.
pub(super) fn row(id: &str, space: &Space<'_>, binds: &mut Binds) -> String {
    let of_type = binds.text(&space.resource_type.name);
    format!(
        "CROSS JOIN LATERAL (SELECT s.* FROM (SELECT * FROM resources WHERE tenant_id = {TENANT} \
         AND id BETWEEN {id} AND {id} \
         ORDER BY id LIMIT 1) AS s WHERE s.id = {id} AND s.type = {of_type}) AS r \
         {DOCUMENT}"
    )
}

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

/// Where paths begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'s> {
    /// At the row `r` of a resource of this type, with its document `doc.d`.
    Row(&'s Space<'s>),
    /// At this object: one value of a multi-valued attribute, as between brackets.
    Object(&'s str, usize),
}

/// The condition of a filter; never NULL, so that it can be negated.
pub(super) fn condition(filter: &BoundFilter<'_>, of: Of<'_>, binds: &mut Binds) -> String {
    let mut all = |terms: &[BoundFilter<'_>], operator: &str| {
        let terms: Vec<_> = terms.iter().map(|term| condition(term, of, binds)).collect();
        format!("({})", terms.join(operator))
    };
    match filter {
        BoundFilter::And(terms) => all(terms, " AND "),
        BoundFilter::Or(terms) => all(terms, " OR "),
        BoundFilter::Not(inner) => format!("(NOT {})", condition(inner, of, binds)),
        BoundFilter::Constant(answer) => answer.to_string(),
        BoundFilter::Present(target) => any(*target, of, binds, present),
        BoundFilter::Compare(comparison) => compared(comparison, of, binds),
        BoundFilter::Element(target, inner) => match unbracketed(*target, inner, of) {
            Some(comparison) => compared(&comparison, of, binds),
            None => element(*target, inner, of, binds),
        },
    }
}

fn unbracketed<'a>(
    target: AttributeRef<'a>,
    inner: &BoundFilter<'a>,
    of: Of<'_>,
) -> Option<Comparison<'a>> {
    let Of::Row(space) = of else { return None };
    derived::unbracketed(target, inner, space)
}

fn compared(comparison: &Comparison<'_>, of: Of<'_>, binds: &mut Binds) -> String {
    let target = comparison.target;
    match (comparison.op, &comparison.operand) {
        (CompareOp::Eq, Operand::Null) => format!("(NOT {})", any(target, of, binds, present)),
        (_, Operand::Null) => any(target, of, binds, present),
        (CompareOp::Ne, _) => any_differs(comparison, of, binds),
        _ => {
            if let Some(shortcut) = derived::shortcut(comparison, of, binds) {
                return shortcut;
            }
            any(target, of, binds, |value, binds| holds(comparison, value, binds))
        }
    }
}

/// Whether a value (jsonb, or NULL) compares as wished; with `ne`, whether it is equal.
fn holds(comparison: &Comparison<'_>, value: &str, binds: &mut Binds) -> String {
    match (Test::of(comparison), &comparison.operand) {
        (Some(test), _) => {
            let condition = test.sql(&text(comparison.target.leaf(), value), binds);
            format!("CASE WHEN jsonb_typeof({value}) = 'string' THEN {condition} ELSE false END")
        }
        (None, Operand::Bool(true)) => format!("({value} = 'true'::jsonb) IS TRUE"),
        (None, _) => format!("({value} = 'false'::jsonb) IS TRUE"),
    }
}

/// The text of a JSON string, as the attribute compares it.
pub(super) fn text(attribute: &Attribute, value: &str) -> String {
    let text = format!("{value} #>> '{{}}'");
    if attribute.compares_exactly() {
        format!("({text})")
    } else {
        format!("translate({text}, '{UPPER}', '{LOWER}')")
    }
}

pub(super) fn present(value: &str, _: &mut Binds) -> String {
    format!(
        "coalesce({value} NOT IN ('null'::jsonb, '[]'::jsonb, '{{}}'::jsonb, '\"\"'::jsonb), false)"
    )
}

/// Whether a value of the attribute satisfies the condition.
pub(super) fn any(
    target: AttributeRef<'_>,
    of: Of<'_>,
    binds: &mut Binds,
    holds: impl Fn(&str, &mut Binds) -> String,
) -> String {
    let several = |binds: &mut Binds| {
        let (values, v) = values(target, of, binds);
        format!("EXISTS (SELECT FROM {values} WHERE {})", holds(&v, binds))
    };
    unless_single(target, of, binds, several, &holds)
}

/// No value is not the one that is named; of several, one that differs is enough.
fn any_differs(comparison: &Comparison<'_>, of: Of<'_>, binds: &mut Binds) -> String {
    let several = |binds: &mut Binds| {
        let (values, v) = values(comparison.target, of, binds);
        let equal = holds(comparison, &v, binds);
        format!("(SELECT coalesce(bool_or(NOT {equal}), true) FROM {values})")
    };
    unless_single(comparison.target, of, binds, several, |value, binds| {
        format!("NOT {}", holds(comparison, value, binds))
    })
}

/// The condition on the one value of an attribute that is not multi-valued, which needs no
/// subquery. What an older schema left there may be an array all the same.
fn unless_single(
    target: AttributeRef<'_>,
    of: Of<'_>,
    binds: &mut Binds,
    several: impl FnOnce(&mut Binds) -> String,
    holds: impl Fn(&str, &mut Binds) -> String,
) -> String {
    if target.attribute.multi_valued {
        return several(binds);
    }
    let whole = whole(target, of, binds);
    let value = match target.sub {
        Some(sub) => format!("({whole} -> {})", binds.text(&sub.name)),
        None => whole.clone(),
    };
    let one = holds(&value, binds);
    if derived::is_derived(target, of) {
        return format!("({one})");
    }
    format!("CASE WHEN jsonb_typeof({whole}) = 'array' THEN {} ELSE {one} END", several(binds))
}

/// Whether one value satisfies all of a filter.
fn element(
    target: AttributeRef<'_>,
    inner: &BoundFilter<'_>,
    of: Of<'_>,
    binds: &mut Binds,
) -> String {
    let (values, v) = values(target, of, binds);
    let depth = depth(of) + 1;
    // A simple value stands for itself under the attribute's name.
    let name = binds.text(inner.simple_attribute().unwrap_or("value"));
    let object = format!(
        "CASE jsonb_typeof({v}) WHEN 'object' THEN {v} ELSE jsonb_build_object({name}, {v}) END"
    );
    let alias = format!("o{depth}");
    let condition = condition(inner, Of::Object(&format!("{alias}.o"), depth), binds);
    format!(
        "EXISTS (SELECT FROM {values} CROSS JOIN LATERAL (SELECT {object} AS o) AS {alias} \
         WHERE {condition})"
    )
}

/// A table of the values of an attribute, and the expression of one of them: jsonb, never NULL.
fn values(target: AttributeRef<'_>, of: Of<'_>, binds: &mut Binds) -> (String, String) {
    let alias = format!("e{}", depth(of));
    let elements = elements(target, of, binds);
    match target.sub {
        None => (format!("{elements} AS {alias} (v)"), format!("{alias}.v")),
        Some(sub) => {
            let sub = binds.text(&sub.name);
            let table = format!(
                "(SELECT whole.v -> {sub} AS v FROM {elements} AS whole (v) \
                 WHERE whole.v -> {sub} IS NOT NULL) AS {alias}"
            );
            (table, format!("{alias}.v"))
        }
    }
}

/// A table of the values of an attribute without regard to a sub-attribute.
fn elements(target: AttributeRef<'_>, of: Of<'_>, binds: &mut Binds) -> String {
    if let Of::Row(space) = of
        && let Some(memberships) = derived::memberships(target, space, binds)
    {
        return memberships;
    }
    let whole = whole(target, of, binds);
    format!(
        "jsonb_array_elements(CASE WHEN {whole} IS NULL THEN '[]'::jsonb \
         WHEN jsonb_typeof({whole}) = 'array' THEN {whole} ELSE jsonb_build_array({whole}) END)"
    )
}

/// What an attribute has: a value or an array of values, as jsonb; NULL where it has nothing.
pub(super) fn whole(target: AttributeRef<'_>, of: Of<'_>, binds: &mut Binds) -> String {
    match (of, target.extension) {
        (Of::Object(object, _), _) => {
            format!("({object} -> {})", binds.text(&target.attribute.name))
        }
        (Of::Row(space), _) => {
            derived::whole(target, space, binds).unwrap_or_else(|| whole_in("doc.d", target, binds))
        }
    }
}

/// What an attribute has in a document, which is this expression.
pub(super) fn whole_in(document: &str, target: AttributeRef<'_>, binds: &mut Binds) -> String {
    let name = binds.text(&target.attribute.name);
    match target.extension {
        Some(urn) => format!("({document} -> {} -> {name})", binds.text(urn)),
        None => format!("({document} -> {name})"),
    }
}

/// The value that counts for sorting, as jsonb; NULL where there is none. RFC 7644 §3.4.2.3: "the
/// primary value, if any, or else the first value in the list".
pub(super) fn first_value(
    target: AttributeRef<'_>,
    space: &Space<'_>,
    binds: &mut Binds,
) -> String {
    let of = Of::Row(space);
    let first = match derived::memberships(target, space, binds) {
        Some(memberships) => format!("(SELECT e.v FROM {memberships} AS e (v) LIMIT 1)"),
        None => {
            let whole = whole(target, of, binds);
            format!(
                "CASE WHEN jsonb_typeof({whole}) = 'array' THEN coalesce((SELECT e.v \
                 FROM jsonb_array_elements({whole}) WITH ORDINALITY AS e (v, place) \
                 WHERE e.v -> 'primary' = 'true'::jsonb ORDER BY e.place LIMIT 1), {whole} -> 0) \
                 ELSE {whole} END"
            )
        }
    };
    match target.sub {
        Some(sub) => format!("(({first}) -> {})", binds.text(&sub.name)),
        None => format!("({first})"),
    }
}

const fn depth(of: Of<'_>) -> usize {
    match of {
        Of::Row(_) => 0,
        Of::Object(_, depth) => depth,
    }
}
