//! Which attributes of a tenant are indexed. Wanted is what the schemas of a type declare
//! ([`index::declared`]), the tenant's administrator having added to them; ready is what filters may
//! use of it.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use tenon_scim::Registry;
use tenon_scim::index;
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::{Indexed, ResourceType};

use crate::store::added_indexes::{self, AddedIndex};
use crate::store::index_builds::{self, DOCUMENTS, IndexBuild, State, Wanted};
use crate::store::{StoreError, TenantId, tenants};

/// The indexes that filters of a tenant may use: paths of attributes, by the name of the type.
#[derive(Debug, Clone, Default)]
pub struct ReadyIndexes(HashMap<String, HashSet<String>>);

impl ReadyIndexes {
    /// Those of a tenant that are built as this server would.
    pub(super) fn of(registry: &Registry, builds: &[IndexBuild]) -> Self {
        let is_ready = |wanted: &Wanted| {
            builds.iter().any(|build| {
                build.state == State::Ready
                    && (&build.resource_type, &build.attr) == (&wanted.resource_type, &wanted.attr)
                    && build.method == wanted.method
            })
        };
        let mut ready = HashMap::<String, HashSet<String>>::new();
        for wanted in wanted(registry).into_iter().filter(is_ready) {
            ready.entry(wanted.resource_type).or_default().insert(wanted.attr);
        }
        Self(ready)
    }

    /// Whether the documents that filters look at are as this registry makes them, of all types.
    #[must_use]
    pub fn has_documents(&self, registry: &Registry) -> bool {
        registry.resource_types().iter().all(|it| self.of_type(it).contains(DOCUMENTS))
    }

    /// The attributes of a type of which every value is in the index.
    #[must_use]
    pub fn of_type(&self, resource_type: &ResourceType) -> &HashSet<String> {
        static NONE: LazyLock<HashSet<String>> = LazyLock::new(HashSet::new);
        self.0.get(&resource_type.name).unwrap_or(&NONE)
    }
}

/// Has the registry declare what the administrator has added. What it does not know at present has
/// no effect.
pub fn declare(registry: &mut Registry, added: &[AddedIndex]) {
    for AddedIndex { resource_type, attr, substrings } in added {
        let indexed = if *substrings { Indexed::Substrings } else { Indexed::Values };
        registry.index(resource_type, attr, indexed);
    }
}

/// Adds the indexes that the core declares, for a tenant that is created in this transaction.
///
/// # Errors
/// The database fails.
pub async fn insert_for_new_tenant(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<(), StoreError> {
    let wanted = wanted(&Registry::core());
    index_builds::insert_ready(conn, tenant, &wanted).await?;
    tenants::set_core_indexes(conn, tenant, &fingerprint(&wanted)).await
}

/// Has the indexes built and dropped that a change of the configuration asks for, in its
/// transaction. `registry` is the core's with that of the tenant's active plugins.
///
/// # Errors
/// The database fails.
pub async fn adjust(
    conn: &mut PgConnection,
    tenant: TenantId,
    mut registry: Registry,
) -> Result<(), StoreError> {
    declare(&mut registry, &added_indexes::list(conn, tenant).await?);
    index_builds::adjust(conn, tenant, &wanted(&registry)).await?;
    tenants::set_core_indexes(conn, tenant, &core_fingerprint()).await
}

/// Stands for the indexes that the core of this server declares.
#[must_use]
pub fn core_fingerprint() -> String {
    fingerprint(&wanted(&Registry::core()))
}

fn fingerprint(wanted: &[Wanted]) -> String {
    let digest =
        wanted.iter().fold(Sha256::new(), |digest, Wanted { resource_type, attr, method }| {
            digest.chain_update(format!("{resource_type}\0{attr}\0{method}\0"))
        });
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The indexes that a tenant with this registry is to have.
fn wanted(registry: &Registry) -> Vec<Wanted> {
    registry.resource_types().iter().flat_map(|it| wanted_of(it)).collect()
}

fn wanted_of(resource_type: &ResourceType) -> impl Iterator<Item = Wanted> {
    let wanted = |attr: String, method: String| Wanted {
        resource_type: resource_type.name.clone(),
        attr,
        method,
    };
    let documents = wanted(DOCUMENTS.to_owned(), resource_type.shape().to_string());
    let attributes = index::declared(resource_type);
    std::iter::once(documents)
        .chain(attributes.map(move |target| wanted(target.path(), method(target))))
}

/// Stands for how the values of an attribute become entries.
#[must_use]
pub fn method(target: AttributeRef<'_>) -> String {
    // Another number where `index::entries` makes other entries.
    const FORM: u8 = 1;
    let leaf = target.leaf();
    let case = if leaf.compares_exactly() { "exact" } else { "folded" };
    let indexed = if leaf.has_indexed_substrings() { "substrings" } else { "values" };
    format!("{FORM} {} {case} {indexed}", leaf.kind.as_str())
}
