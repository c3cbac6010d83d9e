//! Sort keys in SQL: the text of `tenon_scim::sort::SortKey`.

use tenon_scim::index::{self, KEY_CHARS};
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::{Kind, ResourceType};
use tenon_scim::sort::{MISSING, Sort, rank};

use super::binds::Binds;
use super::document::{first_value, text};
use super::{Space, TENANT};

/// The key of the row `r` with its document.
pub(super) fn of_document(sort: Option<&Sort<'_>>, space: &Space<'_>, binds: &mut Binds) -> String {
    let Some(sort) = sort else { return format!("'{MISSING}'") };
    let target = sort.target();
    let leaf = target.leaf();
    let value = first_value(target, space, binds);
    let (json, key) = match leaf.kind {
        Kind::Boolean => ("boolean", "(first.v #>> '{}')".to_owned()),
        Kind::Integer | Kind::Decimal | Kind::DateTime => {
            ("string", "(first.v #>> '{}')".to_owned())
        }
        _ => ("string", cut(&text(leaf, "first.v"))),
    };
    format!(
        "(SELECT CASE WHEN jsonb_typeof(first.v) = '{json}' THEN '{}' || {key} ELSE '{MISSING}' END \
         FROM (SELECT {value} AS v OFFSET 0) AS first)",
        rank(leaf.kind)
    )
}

/// A text as an index has it: `tenon_scim::index::text_key`.
fn cut(text: &str) -> String {
    format!(
        "CASE WHEN length({text}) <= {KEY_CHARS} THEN {text} \
         ELSE left({text}, {KEY_CHARS}) || encode(sha256(convert_to({text}, 'UTF8')), 'hex') END"
    )
}

/// Whether an index has the keys of a sort.
pub(super) fn is_indexed(sort: &Sort<'_>, space: &Space<'_>) -> bool {
    let target = sort.target();
    index::is_found_by_uniqueness(space.resource_type, target)
        || space.ready.contains(&target.path())
}

/// Whether the id alone is the key.
pub(super) fn is_by_id(target: AttributeRef<'_>) -> bool {
    target.extension.is_none() && target.attribute.name == "id"
}

/// All the keys of a type: a query of `id` and `k`, for resources that have a value.
pub(super) fn of_index(sort: &Sort<'_>, resource_type: &ResourceType, binds: &mut Binds) -> String {
    let target = sort.target();
    let (name, path) = (binds.text(&resource_type.name), binds.text(&target.path()));
    let rank = rank(target.leaf().kind);
    if index::is_found_by_uniqueness(resource_type, target) {
        let key = cut("a.val");
        format!(
            "SELECT a.id, '{rank}' || {key} AS k FROM unique_values AS a \
             WHERE a.tenant_id = {TENANT} AND a.type = {name} AND a.attr = {path}"
        )
    } else {
        format!(
            "SELECT a.id, '{rank}' || a.val AS k FROM attr_index AS a \
             WHERE a.tenant_id = {TENANT} AND a.type = {name} AND a.attr = {path} AND a.elem = 0"
        )
    }
}
