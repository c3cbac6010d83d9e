//! What a tenant's administrator sees of indexes, and what he adds to them.

use std::collections::HashMap;

use serde_json::json;
use sqlx::PgConnection;
use tenon_scim::index;
use tenon_scim::path::{self, AttributeRef, PathError, Target};
use tenon_scim::schema::describe::Description;
use tenon_scim::schema::{Indexed, Kind, ResourceType, Returned};
use tenon_scim::{Registry, membership};

use super::Services;
use crate::clock;
use crate::store::added_indexes::{self, AddedIndex};
use crate::store::audit::{self, Act, By};
use crate::store::index_builds::{self, DOCUMENTS, IndexBuild};
use crate::store::plugins::{self, Plugin};
use crate::store::{StoreError, TenantId, tenants};
use crate::tenant::indexes;
use crate::tenant::runtime::{Misfit, RuntimeError, load_registry, registry_of};

/// Indexes that an administrator may add to a tenant: each makes every write of its type dearer.
const MOST: usize = 64;

/// An index of a tenant, and who wants it.
#[derive(Debug)]
pub struct ShownIndex {
    /// How far it is.
    pub build: IndexBuild,
    /// Whether parts of values are searched for.
    pub substrings: bool,
    /// Who wants it; nobody, where it is being dropped.
    pub wanted_by: Vec<WantedBy>,
}

/// Who wants an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedBy {
    /// A schema of the core.
    Core,
    /// A schema of the plugin with this name.
    Plugin(String),
    /// The tenant's administrator.
    Administrator,
}

/// Why an index is not added or removed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The tenant has no such type.
    #[error("the tenant has no resource type \"{name}\"; it has {}", .known.join(", "))]
    NoResourceType {
        /// The name asked for.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The type has no such attribute.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The attribute cannot be indexed.
    #[error("\"{path}\" {reason}")]
    NotIndexable {
        /// The path.
        path: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// There are many already.
    #[error(
        "an administrator can add {MOST} indexes to a tenant, and has; every index makes writes \
         dearer: remove those that are of no use"
    )]
    TooMany,
    /// The administrator has added no such index.
    #[error("no administrator has added an index of \"{path}\" of {resource_type}")]
    NotAdded {
        /// The type.
        resource_type: String,
        /// The path.
        path: String,
    },
    /// A schema declares it.
    #[error(
        "the index of \"{path}\" of {resource_type} is declared by a schema, and stays as long as \
         the schema is in use"
    )]
    Declared {
        /// The type.
        resource_type: String,
        /// The path.
        path: String,
    },
    /// The tenant's plugins do not fit together.
    #[error("the plugins of the tenant do not fit together: {0}")]
    Misfit(#[from] Misfit),
    /// The database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RuntimeError> for IndexError {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Store(error) => Self::Store(error),
            RuntimeError::Misfit(misfit) => Self::Misfit(misfit),
        }
    }
}

impl Services {
    /// The indexes of a tenant, by type and attribute.
    ///
    /// # Errors
    /// The database fails.
    pub async fn indexes(&self, tenant: TenantId) -> Result<Vec<ShownIndex>, IndexError> {
        let mut conn = self.database.read().await?;
        shown(&mut conn, tenant).await
    }

    /// Has an attribute of a type indexed, as its administrator asks; with `true` where it was not
    /// asked for before.
    ///
    /// # Errors
    /// There is no such attribute, or it cannot be indexed.
    pub async fn add_index(
        &self,
        by: By<'_>,
        tenant: TenantId,
        resource_type: &str,
        path: &str,
        substrings: bool,
    ) -> Result<(ShownIndex, bool), IndexError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        let registry = load_registry(&mut transaction, tenant).await?;
        let known = known_type(&registry, resource_type)?;
        let target = indexable(known, path, substrings)?;
        let (resource_type, attr) = (known.name.clone(), target.path());
        let added = added_indexes::list(&mut transaction, tenant).await?;
        let is_same = |it: &AddedIndex| (&it.resource_type, &it.attr) == (&resource_type, &attr);
        let is_new = !added.iter().any(is_same);
        if is_new && added.len() >= MOST {
            return Err(IndexError::TooMany);
        }
        let added = AddedIndex { resource_type, attr, substrings };
        added_indexes::put(&mut transaction, tenant, &added, clock::now()).await?;
        let shown = adjusted(&mut transaction, tenant, &added).await?;
        let shown = shown.ok_or_else(|| not_added(&added.resource_type, &added.attr))?;
        record(&mut transaction, tenant, by, "index.add", &added).await?;
        transaction.commit().await?;
        let AddedIndex { resource_type, attr, .. } = added;
        tracing::info!(%tenant, resource_type, attribute = attr, substrings, "index added");
        Ok((shown, is_new))
    }

    /// Gives up an index that an administrator has added. Where a schema declares it, it stays.
    ///
    /// # Errors
    /// No administrator has added it.
    pub async fn remove_index(
        &self,
        by: By<'_>,
        tenant: TenantId,
        resource_type: &str,
        path: &str,
    ) -> Result<(), IndexError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        tenants::advance_epoch(&mut transaction, tenant).await?;
        // What the administrator wrote may be of a plugin that is not active.
        let attr = match load_registry(&mut transaction, tenant).await?.resource_type(resource_type)
        {
            Some(known) => match path::resolve(known, path) {
                Ok(Target::Attribute(target)) => target.path(),
                _ => path.to_owned(),
            },
            None => path.to_owned(),
        };
        let added = AddedIndex { resource_type: resource_type.to_owned(), attr, substrings: false };
        if !added_indexes::delete(&mut transaction, tenant, resource_type, &added.attr).await? {
            let all = shown(&mut transaction, tenant).await?;
            let is_declared = all.iter().any(|it| is_of(it, &added) && !it.wanted_by.is_empty());
            let AddedIndex { resource_type, attr, .. } = added;
            return Err(if is_declared {
                IndexError::Declared { resource_type, path: attr }
            } else {
                not_added(&resource_type, &attr)
            });
        }
        adjusted(&mut transaction, tenant, &added).await?;
        record(&mut transaction, tenant, by, "index.remove", &added).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, resource_type, attribute = added.attr, "index removed");
        Ok(())
    }
}

async fn record(
    conn: &mut PgConnection,
    tenant: TenantId,
    by: By<'_>,
    action: &str,
    index: &AddedIndex,
) -> Result<(), StoreError> {
    let subject = format!("{} {}", index.resource_type, index.attr);
    let act = Act { action, subject: &subject, at: clock::now() };
    let details = json!({ "substrings": index.substrings });
    audit::insert_with(conn, tenant, by, act, &details).await
}

/// Has the indexes of the tenant follow what is wanted now, and shows one of them.
async fn adjusted(
    conn: &mut PgConnection,
    tenant: TenantId,
    added: &AddedIndex,
) -> Result<Option<ShownIndex>, IndexError> {
    let registry = registry_of(&plugins::list(conn, tenant).await?)?;
    indexes::adjust(conn, tenant, registry).await?;
    Ok(shown(conn, tenant).await?.into_iter().find(|it| is_of(it, added)))
}

fn is_of(shown: &ShownIndex, added: &AddedIndex) -> bool {
    (&shown.build.resource_type, &shown.build.attr) == (&added.resource_type, &added.attr)
}

fn not_added(resource_type: &str, path: &str) -> IndexError {
    IndexError::NotAdded { resource_type: resource_type.to_owned(), path: path.to_owned() }
}

async fn shown(conn: &mut PgConnection, tenant: TenantId) -> Result<Vec<ShownIndex>, IndexError> {
    let builds = index_builds::list(conn, tenant).await?;
    let added = added_indexes::list(conn, tenant).await?;
    let plugins = plugins::list(conn, tenant).await?;
    let declared = declared_by(&plugins)?;
    let builds = builds.into_iter().filter(|build| build.attr != DOCUMENTS);
    Ok(builds
        .map(|build| {
            let key = (build.resource_type.clone(), build.attr.clone());
            let is_added = |it: &&AddedIndex| (&it.resource_type, &it.attr) == (&key.0, &key.1);
            let added = added.iter().find(is_added).filter(|_| build.is_wanted());
            let declared = declared.get(&key);
            let substrings = declared.is_some_and(|it| it.1 == Indexed::Substrings)
                || added.is_some_and(|it| it.substrings);
            let wanted_by = declared.map(|it| it.0.clone());
            let wanted_by = wanted_by.into_iter().chain(added.map(|_| WantedBy::Administrator));
            ShownIndex { wanted_by: wanted_by.collect(), substrings, build }
        })
        .collect())
}

type Declared = HashMap<(String, String), (WantedBy, Indexed)>;

/// What the schemas declare, by type and attribute, without what the administrator has added.
fn declared_by(plugins: &[Plugin]) -> Result<Declared, IndexError> {
    let registry = registry_of(plugins)?;
    let owner = |urn: &str| {
        let describes = |plugin: &&Plugin| {
            plugin.versions.iter().filter(|it| Some(it.digest) == plugin.active).any(|version| {
                Description::parse(&version.described)
                    .is_ok_and(|it| it.schemas.iter().any(|schema| schema.id == urn))
            })
        };
        let plugin = plugins.iter().find(describes);
        plugin.map_or(WantedBy::Core, |plugin| WantedBy::Plugin(plugin.name.clone()))
    };
    let mut declared = Declared::new();
    for resource_type in registry.resource_types() {
        for target in index::declared(resource_type) {
            let urn = target.extension.unwrap_or(&resource_type.schema.id);
            declared.insert(
                (resource_type.name.clone(), target.path()),
                (owner(urn), target.leaf().indexed),
            );
        }
    }
    Ok(declared)
}

fn known_type<'r>(registry: &'r Registry, name: &str) -> Result<&'r ResourceType, IndexError> {
    let known = registry.resource_type(name).map(|it| &**it);
    known.ok_or_else(|| IndexError::NoResourceType {
        name: name.to_owned(),
        known: registry.resource_types().iter().map(|it| it.name.clone()).collect(),
    })
}

/// The attribute at a path, if its values can be indexed in that way.
fn indexable<'a>(
    resource_type: &'a ResourceType,
    path: &str,
    substrings: bool,
) -> Result<AttributeRef<'a>, IndexError> {
    let not_indexable = |reason| Err(IndexError::NotIndexable { path: path.to_owned(), reason });
    let Target::Attribute(target) = path::resolve(resource_type, path)? else {
        return not_indexable("is a whole extension; index one of its attributes");
    };
    let leaf = target.leaf();
    let is_common = target.extension.is_none()
        && !resource_type.schema.attributes.iter().any(|it| target.is_of(it));
    let is_membership =
        membership::of(resource_type).is_some_and(|it| target.is_of(it.attribute()));
    if is_membership {
        not_indexable("is of memberships, which are found without an index of their own")
    } else if index::is_found_by_uniqueness(resource_type, target) {
        not_indexable("is unique, and found by what keeps it unique")
    } else if leaf.returned == Returned::Never {
        not_indexable("is never returned, so nothing can be found by it")
    } else if leaf.kind == Kind::Complex {
        not_indexable("is complex; index one of its sub-attributes")
    } else if is_common {
        not_indexable("is a common attribute; all tenants have the same indexes of these")
    } else if !index::can_be_indexed(resource_type, target) {
        not_indexable("cannot be indexed")
    } else if substrings && leaf.kind != Kind::String {
        not_indexable("is not a string, and so has no parts to search for")
    } else {
        Ok(target)
    }
}
