//! Documents and memberships, as the database has them and as clients would see them.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use sqlx::PgConnection;
use tenon_scim::filter::{Filter, Literal, bind_each};
use tenon_scim::membership::{self, Membership};
use tenon_scim::resource::{self, Known, Meta};
use tenon_scim::schema::{Kind, ResourceType};
use tenon_scim::sort::{Sort, SortOrder};
use tenon_scim::{Object, Registry, index};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::generated::types::{Type, all_types, places};
use super::generated::values;
use crate::store::TenantId;

pub(super) const BASE_URL: &str = "https://é.example/tenants/a/scim/v2";

/// Documents of each type.
const DOCUMENTS: usize = 8;

/// All that there is at a tenant.
pub(super) struct World {
    pub(super) tenant: TenantId,
    pub(super) types: Vec<Arc<ResourceType>>,
    /// The attributes of each type that have an index.
    pub(super) ready: Vec<HashSet<String>>,
    pub(super) documents: Vec<Document>,
    /// Whether all documents are as the schemas of today make them.
    pub(super) rewritten: bool,
    members: Vec<(Uuid, Uuid)>,
    texts: Vec<String>,
}

/// A resource.
pub(super) struct Document {
    pub(super) id: Uuid,
    /// The place of its type.
    pub(super) of: usize,
    meta: Meta,
    stored: Object,
    written: Written,
    /// As clients see it.
    pub(super) shown: Object,
}

/// Under which schemas a document was written.
#[derive(Debug, Clone, Copy)]
enum Written {
    Today,
    /// Before there were documents.
    Before,
    /// The core's alone.
    UnderCore,
    /// Others, with an attribute of every extension that was of another type.
    UnderOthers,
}

impl Written {
    fn any(runner: &mut TestRunner) -> Self {
        [Self::Today, Self::Before, Self::UnderCore, Self::UnderOthers][below(runner, 4)]
    }

    /// The document, and the shape that tells of it.
    fn search(self, resource_type: &ResourceType, stored: &Object) -> (Option<Object>, i64) {
        const ANOTHER: i64 = 12_345;
        let core = Registry::core();
        match self {
            Self::Today => {
                (index::search_document(resource_type, stored), resource_type.unshown_shape())
            }
            Self::Before => (None, 0),
            Self::UnderCore => match core.resource_type(&resource_type.name) {
                Some(core) => (index::search_document(core, stored), ANOTHER),
                None => (None, ANOTHER),
            },
            Self::UnderOthers => {
                let others = with_other_kinds(resource_type);
                (index::search_document(&others, stored), ANOTHER)
            }
        }
    }
}

/// A type in which what plugins bring compares in another way.
fn with_other_kinds(resource_type: &ResourceType) -> ResourceType {
    const CORE: &str = "urn:ietf:params:scim:schemas:";
    let mut others = resource_type.clone();
    let of_type = std::iter::once(&mut others.schema);
    let of_plugins = of_type.chain(others.extensions.iter_mut().map(|it| &mut it.schema));
    for schema in of_plugins.filter(|it| !it.id.starts_with(CORE)) {
        for attribute in &mut Arc::make_mut(schema).attributes {
            attribute.kind = match attribute.kind {
                Kind::String => Kind::DateTime,
                Kind::Integer | Kind::Decimal | Kind::DateTime => Kind::String,
                other => other,
            };
        }
    }
    others
}

/// A number below `end`.
pub(super) fn below(runner: &mut TestRunner, end: usize) -> usize {
    runner.rng().next_u32() as usize % end
}

impl World {
    pub(super) fn generate(types: &[Arc<ResourceType>], runner: &mut TestRunner) -> Self {
        let mut documents = Vec::new();
        for (of, resource_type) in all_types().iter().enumerate() {
            for _ in 0..DOCUMENTS {
                documents.push(Document::generate(resource_type, of, runner));
            }
        }
        documents.sort_by_key(|it| it.id);
        let mut members: Vec<(Uuid, Uuid)> = Vec::new();
        for group in documents.iter().filter(|it| types[it.of].name == "Group") {
            for member in documents.iter().filter(|it| types[it.of].name != "Device") {
                if below(runner, 6) == 0 {
                    members.push((group.id, member.id));
                }
            }
        }
        let ready = types.iter().map(|it| indexed(it, runner)).collect();
        let tenant = TenantId(Uuid::from_u128(runner.rng().next_u64().into()));
        let texts = Vec::new();
        let rewritten = below(runner, 4) > 0;
        if !rewritten {
            documents.iter_mut().for_each(|it| it.written = Written::any(runner));
        }
        let types = types.to_vec();
        let mut world = Self { tenant, types, ready, documents, rewritten, members, texts };
        let shown: Vec<Object> = world.documents.iter().map(|it| world.shown(it)).collect();
        for (document, shown) in world.documents.iter_mut().zip(shown) {
            document.shown = shown;
        }
        for document in &world.documents {
            document.shown.values().for_each(|value| collect(value, &mut world.texts));
        }
        world
    }

    /// The resource as clients see it, with its memberships.
    fn shown(&self, document: &Document) -> Object {
        let resource_type = &self.types[document.of];
        let mut attributes =
            Known::of(resource_type, document.stored.clone(), Object::new()).attributes;
        if let Some(membership) = membership::of(resource_type) {
            let name = membership.attribute().name.clone();
            attributes.shift_remove(&name);
            let values: Vec<Value> = match membership {
                Membership::Members(_) => self.members_of(document.id),
                Membership::Groups(_) => self.groups_of(document.id),
            };
            if !values.is_empty() {
                attributes.insert(name, Value::Array(values));
            }
        }
        resource::assemble(resource_type, &attributes, &document.meta, BASE_URL)
    }

    fn members_of(&self, group: Uuid) -> Vec<Value> {
        let members = self.members.iter().filter(|(of, _)| *of == group);
        members.map(|(_, member)| self.reference(*member, None)).collect()
    }

    fn groups_of(&self, member: Uuid) -> Vec<Value> {
        let direct: Vec<Uuid> =
            self.members.iter().filter(|(_, it)| *it == member).map(|(group, _)| *group).collect();
        let mut all = direct.clone();
        let mut at = 0;
        while let Some(group) = all.get(at).copied() {
            for (outer, _) in self.members.iter().filter(|(_, it)| *it == group) {
                if !all.contains(outer) {
                    all.push(*outer);
                }
            }
            at += 1;
        }
        all.sort_unstable();
        let label = |group: &Uuid| if direct.contains(group) { "direct" } else { "indirect" };
        all.iter().map(|group| self.reference(*group, Some(label(group)))).collect()
    }

    fn reference(&self, id: Uuid, label: Option<&str>) -> Value {
        let document = self.documents.iter().find(|it| it.id == id).unwrap();
        let resource_type = &self.types[document.of];
        let uri = resource::location(resource_type, &id.to_string(), BASE_URL);
        let label = label.unwrap_or(&resource_type.name);
        membership::value(&id.to_string(), Some(&uri), label, resource::display(&document.stored))
    }

    /// A path by which resources of the type can be sorted.
    pub(super) fn sortable(&self, of: usize, runner: &mut TestRunner) -> String {
        let mut paths: Vec<String> =
            self.types[of].attributes().map(|target| target.path()).collect();
        paths.extend(["id", "meta.created", "meta.version", "schemas"].map(str::to_owned));
        paths.retain(|path| Sort::new(&self.types[of], path, SortOrder::Ascending).is_ok());
        paths.swap_remove(below(runner, paths.len()))
    }

    /// A filter in which some texts come from the documents, whole or in part, or are long.
    pub(super) fn with_values_of_documents(
        &self,
        of: usize,
        filter: BoxedStrategy<Filter>,
    ) -> BoxedStrategy<Filter> {
        let (texts, resource_type) = (self.texts.clone(), Arc::clone(&self.types[of]));
        let choices = proptest::collection::vec(any::<u32>(), 8);
        (filter, choices)
            .prop_map(move |(mut filter, choices)| {
                let mut choices = choices.into_iter();
                replace(&mut filter, &mut choices, &texts, &resource_type);
                filter
            })
            .boxed()
    }

    pub(super) async fn store(&self, conn: &mut PgConnection) {
        let tenant = self.tenant.0;
        sqlx::query(
            "INSERT INTO tenants (id, name, created, modified) VALUES ($1, $2, now(), now())",
        )
        .bind(tenant)
        .bind(tenant.to_string())
        .execute(&mut *conn)
        .await
        .unwrap();
        for document in &self.documents {
            self.store_document(document, conn).await;
        }
        sqlx::query(
            "INSERT INTO counters (tenant_id, type, n) \
             SELECT tenant_id, type, count(*) FROM resources WHERE tenant_id = $1 GROUP BY 1, 2",
        )
        .bind(tenant)
        .execute(&mut *conn)
        .await
        .unwrap();
        for (group, member) in &self.members {
            sqlx::query("INSERT INTO group_members VALUES ($1, $2, $3)")
                .bind(tenant)
                .bind(group)
                .bind(member)
                .execute(&mut *conn)
                .await
                .unwrap();
        }
    }

    async fn store_document(&self, document: &Document, conn: &mut PgConnection) {
        let resource_type = &self.types[document.of];
        let Document { id, meta, stored, written, .. } = document;
        let (search, shape) = written.search(resource_type, stored);
        let text = |object: &Object| serde_json::to_string(object).unwrap();
        let known = Known::of(resource_type, stored.clone(), Object::new()).attributes;
        sqlx::query(
            "INSERT INTO resources (tenant_id, id, type, version, created, modified, body, search, \
             display, shape) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(self.tenant.0)
        .bind(id)
        .bind(&resource_type.name)
        .bind(meta.version)
        .bind(meta.created)
        .bind(meta.last_modified)
        .bind(text(stored))
        .bind(search.as_ref().map(text))
        .bind(resource::display(stored))
        .bind(shape)
        .execute(&mut *conn)
        .await
        .unwrap();
        let ready = &self.ready[document.of];
        let targets: Vec<_> =
            resource_type.attributes().filter(|it| ready.contains(&it.path())).collect();
        for entry in index::entries(&targets, &known) {
            sqlx::query("INSERT INTO attr_index VALUES ($1, $2, $3, $4, $5, $6, $7)")
                .bind(self.tenant.0)
                .bind(&resource_type.name)
                .bind(entry.attr)
                .bind(entry.val)
                .bind(id)
                .bind(entry.elem)
                .bind(entry.substrings)
                .execute(&mut *conn)
                .await
                .unwrap();
        }
        // The values of other attributes may be older than their uniqueness is.
        let found: HashSet<String> = resource_type
            .attributes()
            .filter(|it| index::is_found_by_uniqueness(resource_type, *it))
            .map(|it| it.path())
            .collect();
        let unique = resource::unique_values(resource_type, &known);
        for value in unique.into_iter().filter(|it| found.contains(&it.path)) {
            sqlx::query("INSERT INTO unique_values VALUES ($1, $2, $3, $4, $5)")
                .bind(self.tenant.0)
                .bind(&resource_type.name)
                .bind(value.path)
                .bind(value.value)
                .bind(id)
                .execute(&mut *conn)
                .await
                .unwrap();
        }
    }

    /// The documents that are in one of the two and not in the other.
    pub(super) fn described(&self, found: &[Uuid], expected: &[Uuid]) -> String {
        let differ = |id: &Uuid| found.contains(id) != expected.contains(id);
        let documents = self.documents.iter().filter(|it| differ(&it.id)).take(2);
        documents.map(|it| format!("{}\n", Value::from(it.shown.clone()))).collect()
    }
}

impl Document {
    fn generate(resource_type: &Type, of: usize, runner: &mut TestRunner) -> Self {
        let mut stored = values::stored(resource_type).new_tree(runner).unwrap().current();
        let id = Uuid::from_u128(
            u128::from(runner.rng().next_u64()) << 64 | u128::from(runner.rng().next_u64()),
        );
        make_unique(resource_type, &mut stored, id);
        if below(runner, 3) == 0 {
            stray(resource_type, &mut stored, runner);
        }
        let instant = |runner: &mut TestRunner| {
            let seconds = below(runner, 100_000_000) as i64;
            OffsetDateTime::from_unix_timestamp(1_300_000_000 + seconds).unwrap()
                + Duration::microseconds(below(runner, 1_000_000) as i64)
        };
        let meta = Meta {
            id: id.to_string(),
            created: instant(runner),
            last_modified: instant(runner),
            version: 1 + below(runner, 12) as i64,
        };
        Self { id, of, meta, stored, written: Written::Today, shown: Object::new() }
    }
}

/// No two resources have the same unique value.
fn make_unique(resource_type: &ResourceType, stored: &mut Object, id: Uuid) {
    for path in resource::unique_paths(resource_type) {
        let (container, name) = match path.rsplit_once(':') {
            Some((urn, name)) => (stored.get_mut(urn).and_then(Value::as_object_mut), name),
            None => (Some(&mut *stored), path.as_str()),
        };
        if let Some(Value::String(text)) = container.and_then(|it| it.get_mut(name)) {
            text.push_str(id.to_string().get(..8).unwrap());
        }
    }
}

/// Puts something else in the place of a simple attribute: what an older schema left there, or a
/// text that is longer than its key in an index.
fn stray(resource_type: &Type, stored: &mut Object, runner: &mut TestRunner) {
    let places: Vec<_> = places(resource_type)
        .into_iter()
        .filter(|it| {
            it.attribute.kind != Kind::Complex
                && !["id", "schemas", "meta"].contains(&it.attribute.name.as_str())
                && it.attribute.uniqueness == tenon_scim::schema::Uniqueness::None
        })
        .collect();
    let place = &places[below(runner, places.len())];
    let value = match below(runner, 3) {
        0 => Value::from("aÉ".repeat(129) + ["", "b", "İ"][below(runner, 3)]),
        _ => values::json().new_tree(runner).unwrap().current(),
    };
    let is_possible = !value.to_string().contains("\\u0000")
        && (place.attribute.multi_valued || !value.is_array());
    let container = match &place.extension {
        None => Some(stored),
        Some(urn) => stored.get_mut(urn).and_then(Value::as_object_mut),
    };
    if let Some(container) = container.filter(|_| is_possible) {
        container.insert(place.attribute.name.clone(), value);
    }
}

/// Some of the attributes that an index can have.
fn indexed(resource_type: &ResourceType, runner: &mut TestRunner) -> HashSet<String> {
    let can_be = resource_type.attributes().filter(|it| index::can_be_indexed(resource_type, *it));
    can_be.map(|it| it.path()).filter(|_| below(runner, 2) == 0).collect()
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|it| collect(it, texts)),
        Value::Object(members) => members.values().for_each(|it| collect(it, texts)),
        _ => {}
    }
}

/// Puts texts of the documents into a filter, where it makes sense with them.
fn replace(
    filter: &mut Filter,
    choices: &mut impl Iterator<Item = u32>,
    texts: &[String],
    resource_type: &ResourceType,
) {
    let whole = |it: &Filter| bind_each([(resource_type, it)]).is_ok();
    match filter {
        Filter::And(terms) | Filter::Or(terms) => {
            terms.iter_mut().for_each(|it| replace(it, choices, texts, resource_type));
        }
        Filter::Not(inner) => replace(inner, choices, texts, resource_type),
        Filter::Present(_) => {}
        Filter::Element(path, inner) => {
            let old = inner.clone();
            put(inner, choices, texts);
            if !whole(&Filter::Element(path.clone(), inner.clone())) {
                *inner = old;
            }
        }
        Filter::Compare(..) => {
            let old = filter.clone();
            put(filter, choices, texts);
            if !whole(filter) {
                *filter = old;
            }
        }
    }
}

fn put(filter: &mut Filter, choices: &mut impl Iterator<Item = u32>, texts: &[String]) {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => {
            terms.iter_mut().for_each(|it| put(it, choices, texts));
        }
        Filter::Not(inner) | Filter::Element(_, inner) => put(inner, choices, texts),
        Filter::Compare(_, _, Literal::String(text)) => {
            let Some(choice) = choices.next() else { return };
            let known = &texts[(choice >> 4) as usize % texts.len()];
            let cut = known.char_indices().nth((choice >> 8) as usize % 4).map_or(0, |it| it.0);
            match choice % 8 {
                0..=2 => known.clone_into(text),
                3 => known[..cut].clone_into(text),
                4 => known[cut..].clone_into(text),
                5 => text.push('\0'),
                _ => {}
            }
        }
        Filter::Compare(..) | Filter::Present(_) => {}
    }
}
