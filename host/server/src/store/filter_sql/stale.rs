//! Documents that may not be as the schemas of today make them: a plugin has come or changed, or
//! they are from before there were documents, and nobody has rewritten them yet.
//!
//! What a term says of such a document may be wrong. So where documents are being rewritten, a page
//! tells whether one that it depends on may say something else than it will: it has a value of the
//! attribute whose form the schemas decide, and neither was it written under the schemas of today
//! nor has the build passed it. A list that looks at memberships, of which only those are seen whose
//! other side matches, depends on documents of other types too, and waits for all of them. All other
//! lists go on as ever.

use tenon_scim::filter::{BoundFilter, Operand};
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::Kind;
use tenon_scim::schema::core::{ENTERPRISE_USER, GROUP, USER};

use super::binds::Binds;
use super::document::{self, Of, present, row, whole, whole_in};
use super::planner::{Keys, TypePlan};
use super::sets::Set;
use super::{Space, TENANT, derived};
use crate::store::index_builds::DOCUMENTS;

impl TypePlan<'_> {
    /// A condition that tells whether the answer depends on a stale document; `None` where it never
    /// does.
    pub(super) fn stale(&self, place: usize, binds: &mut Binds) -> Option<String> {
        let space = &self.asked.space;
        if space.rewritten {
            return None;
        }
        if !space.narrowed.is_empty() {
            return Some("true".to_owned());
        }
        let of_candidates = self.stale_candidate(place, binds);
        let mut cut = Vec::new();
        if let Some(set) = &self.set {
            looked_up_in_documents(set, &mut cut);
        }
        let of_cut = cut.into_iter().filter_map(|target| stale_and_cut(target, space, binds));
        let conditions: Vec<_> = of_cut.chain(of_candidates).collect();
        (!conditions.is_empty()).then(|| format!("({})", conditions.join(" OR ")))
    }

    fn stale_candidate(&self, place: usize, binds: &mut Binds) -> Option<String> {
        let space = &self.asked.space;
        let mut targets = Vec::new();
        for term in &self.documents {
            compared(term.filter, None, &mut targets);
        }
        if let (Keys::Documents, Some(sort)) = (self.keys, &self.asked.sort) {
            targets.push(sort.target());
        }
        let stale: Vec<_> =
            targets.into_iter().filter_map(|it| is_stale(it, space, binds)).collect();
        if stale.is_empty() {
            return None;
        }
        let probes = self.probes.iter().filter_map(|it| it.probe("c.id", binds));
        let mut conditions: Vec<_> = probes.collect();
        conditions.push(format!("({})", stale.join(" OR ")));
        Some(format!(
            "EXISTS (SELECT FROM c{place} AS c {} \
             WHERE (SELECT count(*) FROM c{place}) <= {} AND {})",
            row("c.id", space, binds),
            self.limit(),
            conditions.join(" AND ")
        ))
    }
}

/// Among the entries that were cut, of which documents say the rest, one with a stale document.
fn stale_and_cut(target: AttributeRef<'_>, space: &Space<'_>, binds: &mut Binds) -> Option<String> {
    let stale = is_stale(target, space, binds)?;
    let (name, path) = (binds.text(&space.resource_type.name), binds.text(&target.path()));
    Some(format!(
        "EXISTS (SELECT FROM attr_index AS a {} WHERE a.tenant_id = {TENANT} AND a.type = {name} \
         AND a.attr = {path} AND length(a.val) > {} AND {stale})",
        row("a.id", space, binds),
        tenon_scim::index::KEY_CHARS
    ))
}

/// The attributes of which a set asks documents what their entries do not say.
fn looked_up_in_documents<'f>(set: &Set<'f>, found: &mut Vec<AttributeRef<'f>>) {
    match set {
        Set::Valued(valued) if valued.asks_documents() => found.push(valued.target),
        Set::Union(sets) => sets.iter().for_each(|set| looked_up_in_documents(set, found)),
        _ => {}
    }
}

/// The attributes whose values a filter compares. What has a value has one in every form.
fn compared<'f>(
    filter: &BoundFilter<'f>,
    within: Option<AttributeRef<'f>>,
    found: &mut Vec<AttributeRef<'f>>,
) {
    match filter {
        BoundFilter::And(terms) | BoundFilter::Or(terms) => {
            terms.iter().for_each(|term| compared(term, within, found));
        }
        BoundFilter::Not(inner) => compared(inner, within, found),
        BoundFilter::Element(target, inner) => compared(inner, Some(*target), found),
        BoundFilter::Compare(comparison) if comparison.operand != Operand::Null => {
            found.push(match within {
                Some(outer) if outer.attribute.kind == Kind::Complex => {
                    AttributeRef { sub: Some(comparison.target.attribute), ..outer }
                }
                Some(outer) => outer,
                None => comparison.target,
            });
        }
        BoundFilter::Compare(_) | BoundFilter::Constant(_) | BoundFilter::Present(_) => {}
    }
}

/// Whether the document of the row `r` may have the values of the attribute in another form than
/// the schemas of today give them; `None` where the attribute is in no document.
fn is_stale(target: AttributeRef<'_>, space: &Space<'_>, binds: &mut Binds) -> Option<String> {
    let of = Of::Row(space);
    if derived::is_membership(target, space) {
        let shows_names = target.sub.is_none_or(|sub| sub.name == "display");
        return shows_names.then(|| document::any(target, of, binds, is_beyond_ascii));
    }
    if derived::whole(target, space, binds).is_some() {
        return None;
    }
    let old = is_old(target, space, binds);
    let leaf = target.leaf();
    let in_body = whole_in("r.body::jsonb", target, binds);
    let differs = format!(
        "(r.search IS NOT NULL AND {} IS DISTINCT FROM {in_body})",
        whole(target, of, binds)
    );
    let depends = match leaf.kind {
        Kind::Integer | Kind::Decimal | Kind::DateTime => document::any(target, of, binds, present),
        // Of what is in the body as it is, the form is that of the body.
        Kind::String if !leaf.compares_exactly() => {
            format!("({} OR {differs})", document::any(target, of, binds, is_beyond_ascii))
        }
        _ => differs,
    };
    Some(format!("CASE WHEN {old} THEN {depends} ELSE false END"))
}

/// Whether the row `r` was written under other schemas, as far as the attribute is concerned, and
/// the build has not passed it. A core schema is the same everywhere; no shape at all is from before
/// there were documents.
fn is_old(target: AttributeRef<'_>, space: &Space<'_>, binds: &mut Binds) -> String {
    let resource_type = space.resource_type;
    let schema = target.extension.unwrap_or(&resource_type.schema.id);
    let written = if matches!(schema, USER | GROUP | ENTERPRISE_USER) {
        "r.shape = 0".to_owned()
    } else {
        let shown = binds.number(resource_type.shape());
        let unshown = binds.number(resource_type.unshown_shape());
        format!("r.shape NOT IN ({shown}, {unshown})")
    };
    let name = binds.text(&resource_type.name);
    let (attr, method) = (binds.text(DOCUMENTS), binds.text(&resource_type.shape().to_string()));
    format!(
        "({written} AND NOT EXISTS (SELECT FROM index_builds AS b WHERE b.tenant_id = {TENANT} \
         AND b.type = {name} AND b.attr = {attr} AND b.method = {method} \
         AND (b.state = 'ready' OR b.last_id >= r.id)))"
    )
}

/// Whether it is a text whose letters are folded in no other way than by the server.
fn is_beyond_ascii(value: &str, _: &mut Binds) -> String {
    format!("coalesce(octet_length({value} #>> '{{}}') > length({value} #>> '{{}}'), false)")
}
