//! Attributes that are in no document: `id`, `meta`, `schemas`, and memberships, made from columns
//! and rows as `tenon_scim::resource` and `tenon_scim::membership` show them.

use tenon_scim::filter::{BoundFilter, CompareOp, Comparison, Operand};
use tenon_scim::membership::{self, Membership};
use tenon_scim::path::AttributeRef;
use uuid::Uuid;

use super::binds::Binds;
use super::document::{self, DOCUMENT, Of};
use super::{Narrowed, Space, TENANT};

/// The groups of the resource `r`, also through nested groups; each once, so that groups that
/// contain each other come to an end. Each id is a range of the one index in that order, since the
/// planner knows nothing of a tenant that has just been filled.
const BELONGS: &str = "WITH RECURSIVE belongs (group_id) AS ( \
     SELECT m.group_id FROM ( \
         SELECT group_id FROM group_members \
         WHERE tenant_id = $1 AND member_id BETWEEN r.id AND r.id \
         ORDER BY member_id, group_id OFFSET 0) AS m \
     UNION \
     SELECT m.group_id FROM belongs AS b CROSS JOIN LATERAL ( \
         SELECT group_id FROM group_members \
         WHERE tenant_id = $1 AND member_id BETWEEN b.group_id AND b.group_id \
         ORDER BY member_id, group_id OFFSET 0) AS m) \
     SELECT group_id FROM belongs";

/// An instant at the milliseconds that are shown, as `tenon_scim::index::instant_key` writes it.
fn instant(column: &str) -> String {
    format!(
        "lpad((floor(extract(epoch FROM {column}) * 1000)::numeric * 1000000 \
         + 1000000000000000000000)::text, 22, '0')"
    )
}

/// What a derived attribute has, as jsonb; `None` where the attribute is in the document.
pub(super) fn whole(
    target: AttributeRef<'_>,
    space: &Space<'_>,
    binds: &mut Binds,
) -> Option<String> {
    match target.attribute.name.as_str() {
        _ if target.extension.is_some() => None,
        "id" => Some("to_jsonb(r.id::text)".to_owned()),
        "meta" => Some(meta(target, space, binds)),
        "schemas" => Some(schemas(space, binds)),
        _ => None,
    }
}

/// Whether an attribute is made here, so that what it has is of the type that it should be.
pub(super) fn is_derived(target: AttributeRef<'_>, of: Of<'_>) -> bool {
    let name = target.attribute.name.as_str();
    matches!(of, Of::Row(_)) && target.extension.is_none() && matches!(name, "id" | "meta")
}

/// `meta`, or the part of it that is asked for.
fn meta(target: AttributeRef<'_>, space: &Space<'_>, binds: &mut Binds) -> String {
    let resource_type = space.resource_type;
    let mut parts = Vec::new();
    for name in ["resourceType", "created", "lastModified", "location", "version"] {
        if target.sub.is_some_and(|sub| sub.name != name) {
            continue;
        }
        let value = match name {
            "resourceType" => binds.text(&resource_type.name),
            "created" => instant("r.created"),
            "lastModified" => instant("r.modified"),
            "location" => {
                let collection = format!("{}{}/", space.base_url, resource_type.endpoint);
                format!("{} || r.id::text", binds.text(&collection))
            }
            _ => "'W/\"' || r.version::text || '\"'".to_owned(),
        };
        parts.push(format!("'{name}', {value}"));
    }
    format!("jsonb_build_object({})", parts.join(", "))
}

/// RFC 7643 §3.3: the URN of every extension with data that is known today.
fn schemas(space: &Space<'_>, binds: &mut Binds) -> String {
    let mut schemas = format!("jsonb_build_array({})", binds.text(&space.resource_type.schema.id));
    for extension in &space.resource_type.extensions {
        let urn = binds.text(&extension.schema.id);
        let names = extension.schema.attributes.iter().map(|it| it.name.clone()).collect();
        let names = binds.texts(names);
        schemas.push_str(&format!(
            " || CASE WHEN jsonb_typeof(doc.d -> {urn}) = 'object' AND (doc.d -> {urn}) ?| {names} \
             THEN jsonb_build_array({urn}) ELSE '[]'::jsonb END"
        ));
    }
    format!("({schemas})")
}

/// A table of memberships as jsonb, in the order in which they are shown; `None` where the attribute
/// is no membership.
pub(super) fn memberships(
    target: AttributeRef<'_>,
    space: &Space<'_>,
    binds: &mut Binds,
) -> Option<String> {
    let membership = membership_of(target, space)?;
    let uses = |name: &str| target.sub.is_none_or(|sub| sub.name == name);
    let mut parts = vec!["'value', m.id::text".to_owned()];
    if uses("$ref") {
        parts.push(format!("'$ref', {}", reference(space, binds)));
    }
    if uses("display") {
        // Letters beyond ASCII are folded in `search` alone.
        parts.push(
            "'display', CASE WHEN m.search IS NULL OR m.display IS NULL THEN m.display \
             ELSE left(m.search::jsonb ->> 'displayName', 256) END"
                .to_owned(),
        );
    }
    let (ids, shown) = match membership {
        Membership::Members(_) => {
            parts.push("'type', m.type".to_owned());
            let members = "SELECT member_id AS id FROM group_members \
                           WHERE tenant_id = $1 AND group_id BETWEEN r.id AND r.id \
                           ORDER BY group_id, member_id OFFSET 0";
            (members.to_owned(), String::new())
        }
        Membership::Groups(_) => {
            parts.push(
                "'type', CASE WHEN EXISTS (SELECT FROM group_members AS d WHERE d.tenant_id = $1 \
                 AND d.group_id = m.id AND d.member_id = r.id) THEN 'direct' ELSE 'indirect' END"
                    .to_owned(),
            );
            // Clients cannot reach a group of a type that no active plugin defines.
            let names = space.types.iter().map(|it| it.name.clone()).collect();
            let ids = format!(
                "SELECT b.group_id AS id FROM ({BELONGS}) AS b (group_id) ORDER BY b.group_id OFFSET 0"
            );
            (ids, format!(" AND m.type = ANY({})", binds.texts(names)))
        }
    };
    Some(format!(
        "(SELECT jsonb_strip_nulls(jsonb_build_object({})) AS v FROM ({ids}) AS s CROSS JOIN LATERAL ( \
         SELECT id, type, display, search FROM resources WHERE tenant_id = {TENANT} \
         AND id BETWEEN s.id AND s.id \
         ORDER BY id LIMIT 1) AS m WHERE m.id = s.id{shown}{})",
        parts.join(", "),
        and_seen("m.id", space, binds)
    ))
}

/// The rest of a condition: the resource with this id, an expression, is one that memberships show.
/// Which those are goes by all memberships, so that it comes to an end.
pub(super) fn and_seen(id: &str, space: &Space<'_>, binds: &mut Binds) -> String {
    if space.narrowed.is_empty() {
        return String::new();
    }
    let mut cases = String::new();
    for Narrowed { resource_type, filter } in space.narrowed {
        let of_type = Space { resource_type, narrowed: &[], ..*space };
        let seen = document::condition(filter, Of::Row(&of_type), binds);
        cases.push_str(&format!(" WHEN {} THEN {seen}", binds.text(&resource_type.name)));
    }
    format!(
        " AND EXISTS (SELECT FROM (SELECT * FROM resources WHERE tenant_id = {TENANT} \
         AND id BETWEEN {id} AND {id} ORDER BY id LIMIT 1) AS r {DOCUMENT} \
         WHERE r.id = {id} AND CASE r.type{cases} ELSE true END)"
    )
}

/// The URI of the resource `m`; NULL where no type of the tenant has it.
fn reference(space: &Space<'_>, binds: &mut Binds) -> String {
    let mut cases = String::new();
    for resource_type in space.types {
        let collection = format!("{}{}/", space.base_url, resource_type.endpoint);
        let (name, collection) = (binds.text(&resource_type.name), binds.text(&collection));
        cases.push_str(&format!(" WHEN {name} THEN {collection} || m.id::text"));
    }
    if cases.is_empty() { "NULL".to_owned() } else { format!("CASE m.type{cases} END") }
}

/// Whether one resource is a member of the group `r`: a single row says so, of however many.
pub(super) fn shortcut(
    comparison: &Comparison<'_>,
    of: Of<'_>,
    binds: &mut Binds,
) -> Option<String> {
    let Of::Row(space) = of else { return None };
    let id = member_named(comparison, space)?;
    Some(match id {
        None => "false".to_owned(),
        Some(id) => {
            let id = binds.uuid(id);
            format!(
                "EXISTS (SELECT FROM group_members AS g WHERE g.tenant_id = $1 \
                 AND g.group_id = r.id AND g.member_id = {id}{})",
                and_seen(&id, space, binds)
            )
        }
    })
}

/// The member that `members.value eq "…"` asks for; the inner `None` is no id.
pub(super) fn member_named(comparison: &Comparison<'_>, space: &Space<'_>) -> Option<Option<Uuid>> {
    let membership = membership_of(comparison.target, space)?;
    matches!(membership, Membership::Members(_)).then_some(())?;
    id_compared(comparison)
}

/// The group that `groups.value eq "…"` asks for; the inner `None` is no id.
pub(super) fn group_named(comparison: &Comparison<'_>, space: &Space<'_>) -> Option<Option<Uuid>> {
    let membership = membership_of(comparison.target, space)?;
    matches!(membership, Membership::Groups(_)).then_some(())?;
    id_compared(comparison)
}

/// `members[value eq "…"]` as `members.value eq "…"`: of one value, one comparison. Not so with
/// null: one value has no such part, or none of them has.
pub(super) fn unbracketed<'a>(
    target: AttributeRef<'a>,
    inner: &BoundFilter<'a>,
    space: &Space<'_>,
) -> Option<Comparison<'a>> {
    membership_of(target, space)?;
    let BoundFilter::Compare(comparison) = inner else { return None };
    let target = AttributeRef { sub: Some(comparison.target.attribute), ..target };
    let names_value = comparison.op == CompareOp::Eq && comparison.operand != Operand::Null;
    names_value.then(|| Comparison { target, ..comparison.clone() })
}

fn id_compared(comparison: &Comparison<'_>) -> Option<Option<Uuid>> {
    let sub = comparison.target.sub?;
    match (&comparison.operand, comparison.op) {
        (Operand::Text(text), CompareOp::Eq) if sub.name == "value" => Some(id(text)),
        _ => None,
    }
}

/// An id is compared as it is written: only one of the ways to write a UUID names something.
pub(super) fn id(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text).ok().filter(|uuid| uuid.to_string() == text)
}

/// Whether an attribute is that of the memberships.
pub(super) fn is_membership(target: AttributeRef<'_>, space: &Space<'_>) -> bool {
    membership_of(target, space).is_some()
}

/// The memberships that an attribute of the type stands for.
fn membership_of<'s>(target: AttributeRef<'_>, space: &Space<'s>) -> Option<Membership<'s>> {
    membership::of(space.resource_type).filter(|it| target.is_of(it.attribute()))
}
