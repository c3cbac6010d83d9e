//! Builds and drops indexes while the tenant is in use, a batch at a time.
//!
//! Each batch is one short transaction that locks the row of its index and keeps there how far it
//! is: two servers never work on one index at the same time, each goes on where the other stopped,
//! and what is interrupted goes on from its last batch.
//!
//! Why an index is right when it is ready, though nobody waited for it:
//!
//! * It is built when all writers keep it up: what was read before the index was wanted has been
//!   forgotten, by the wait before. So a value that a resource gets from then on has its entry from
//!   the write itself, and any other value is one that the builder finds in the body: none is
//!   missing.
//! * There may be an entry too many. The builder reads a body, another request changes it, and the
//!   builder adds what it read; or a write that began before that was committed does not see the
//!   entry that it is to remove. No lock of the row helps: the statement that waits for it goes on
//!   with what it saw when it began. So all entries are compared with the resources once more, when
//!   no statement is left that began before the last was added. Where one differs, the resource is
//!   locked and looked at again: its next value has its entry only after that.

use std::collections::{BTreeMap, HashSet};

use sqlx::PgConnection;
use tenon_scim::path::{self, AttributeRef, Target};
use tenon_scim::resource::Known;
use tenon_scim::schema::ResourceType;
use tenon_scim::stored::{self, Document};
use tenon_scim::{Object, index};
use uuid::Uuid;

use super::{Error, Services};
use crate::store::attr_index::{self, Indexable, Rewritten};
use crate::store::index_builds::{self, DOCUMENTS, IndexBuild, Last, State};
use crate::store::{StoreError, plugins, tenants};
use crate::tenant::indexes::{self, method};
use crate::tenant::runtime::{load_registry, registry_of};

/// Resources or entries of a batch.
const BATCH: i64 = 500;
/// Tenants that are adjusted to this server's core at a time.
const TENANTS: i64 = 100;

/// How far a batch came; `None` where nothing was left.
type Progress = Option<(Last, usize)>;

impl Services {
    /// Does one batch of what is to be done about indexes; false where there is nothing at present.
    ///
    /// # Errors
    /// The database fails; or the index is not one that this server can build, and is put off.
    pub async fn build_indexes(&self) -> Result<bool, Error> {
        let mut transaction = self.database.begin().await?;
        let Some(build) = index_builds::lease(&mut transaction).await? else { return Ok(false) };
        let mut apart = self.database.data_within(&mut transaction, build.tenant).await?;
        match batch(&mut transaction, apart.as_deref_mut(), &build).await {
            Ok(Some((last, done))) => {
                // A batch whose progress is lost is carried out again, with nothing left to be done.
                if let Some(apart) = apart {
                    apart.commit().await?;
                }
                let done = i64::try_from(done).unwrap_or(i64::MAX);
                index_builds::advance(&mut transaction, &build, &last, done).await?;
                transaction.commit().await?;
            }
            Ok(None) => {
                drop(transaction);
                self.enter_next_state(&build).await?;
            }
            Err(Error::Store(passing @ (StoreError::LostRace(_) | StoreError::Unavailable(_)))) => {
                return Err(passing.into());
            }
            Err(error) => {
                drop(transaction);
                let mut conn = self.database.autocommit().await?;
                let put_off = index_builds::put_off(&mut conn, &build).await;
                conn.finish(put_off).await?;
                return Err(error);
            }
        }
        Ok(true)
    }

    /// The tenant is locked before its index, as those do who change its configuration.
    async fn enter_next_state(&self, build: &IndexBuild) -> Result<(), Error> {
        let mut transaction = self.database.begin_at(build.tenant).await?;
        let next = match build.state {
            State::Building if build.attr != DOCUMENTS => Some(State::Checking),
            State::Dropping => build.is_wanted().then_some(State::Building),
            State::Building | State::Checking | State::Ready => Some(State::Ready),
        };
        let entered = match next {
            None => index_builds::delete(&mut transaction, build).await?,
            Some(next) => {
                if next == State::Ready {
                    tenants::advance_epoch(&mut transaction, build.tenant).await?;
                }
                index_builds::enter(&mut transaction, build, next).await?
            }
        };
        transaction.commit().await?;
        if entered {
            tracing::info!(
                tenant = %build.tenant,
                resource_type = build.resource_type,
                attribute = build.attr,
                state = next.map_or("dropped", State::as_str),
                done = build.done,
                "index"
            );
        }
        Ok(())
    }

    /// Has the indexes of tenants built that were last adjusted to another core than that of this
    /// server, and of those from before there were any.
    ///
    /// # Errors
    /// The database fails.
    pub async fn adjust_indexes_to_core(&self) -> Result<(), StoreError> {
        let fingerprint = indexes::core_fingerprint();
        let mut last = None;
        loop {
            let mut conn = self.database.read().await?;
            let tenants =
                tenants::with_other_core_indexes(&mut conn, &fingerprint, last, TENANTS).await?;
            drop(conn);
            if tenants.is_empty() {
                return Ok(());
            }
            for tenant in tenants {
                last = Some(tenant);
                let mut transaction = self.database.begin_at(tenant).await?;
                tenants::advance_epoch(&mut transaction, tenant).await?;
                let plugins = plugins::list(&mut transaction, tenant).await?;
                // Plugins that do not fit to the new core are told where the tenant is used.
                let Ok(registry) = registry_of(&plugins) else { continue };
                indexes::adjust(&mut transaction, tenant, registry).await?;
                transaction.commit().await?;
                tracing::info!(%tenant, "the indexes of the tenant are adjusted to this server");
            }
        }
    }
}

/// `apart` is where the data is, if not in the database of the servers.
async fn batch(
    home: &mut PgConnection,
    apart: Option<&mut PgConnection>,
    build: &IndexBuild,
) -> Result<Progress, Error> {
    if build.state == State::Dropping {
        return Ok(remove_entries(apart.unwrap_or(home), build).await?);
    }
    let registry = load_registry(home, build.tenant).await?;
    let resource_type = registry.resource_type(&build.resource_type);
    let resource_type = resource_type.ok_or_else(|| not_of_this_server(build))?;
    let conn = apart.unwrap_or(home);
    if build.attr == DOCUMENTS {
        return rewrite_documents(conn, build, resource_type).await;
    }
    let target = match path::resolve(resource_type, &build.attr) {
        Ok(Target::Attribute(target)) if method(target) == build.method => target,
        _ => return Err(not_of_this_server(build)),
    };
    match build.state {
        State::Building => add_entries(conn, build, target).await,
        _ => check_entries(conn, build, target).await,
    }
}

/// A server of another version wanted it, and will build it.
fn not_of_this_server(build: &IndexBuild) -> Error {
    let IndexBuild { resource_type, attr, method, .. } = build;
    Error::Internal(format!(
        "the index of \"{attr}\" of {resource_type} is not one that this server builds ({method})"
    ))
}

async fn add_entries(
    conn: &mut PgConnection,
    build: &IndexBuild,
    target: AttributeRef<'_>,
) -> Result<Progress, Error> {
    let (tenant, resource_type) = (build.tenant, &build.resource_type);
    let resources =
        attr_index::resources_after(conn, tenant, resource_type, build.last.id, BATCH).await?;
    let Some(last) = resources.last() else { return Ok(None) };
    let entries: Vec<Last> = resources.iter().flat_map(|it| entries_of(it, target)).collect();
    let substrings = target.leaf().has_indexed_substrings();
    attr_index::insert(conn, build, &entries, substrings).await?;
    Ok(Some((up_to(last.id), resources.len())))
}

async fn check_entries(
    conn: &mut PgConnection,
    build: &IndexBuild,
    target: AttributeRef<'_>,
) -> Result<Progress, Error> {
    let entries = attr_index::entries_after(conn, build, BATCH).await?;
    let Some(last) = entries.last().cloned() else { return Ok(None) };
    let ids: HashSet<Uuid> = entries.iter().map(|entry| entry.id).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let resources = attr_index::resources(conn, build.tenant, &build.resource_type, &ids).await?;
    let right: HashSet<_> = resources.iter().flat_map(|it| entries_of(it, target)).collect();
    let done = entries.len();
    let mut doubtful: BTreeMap<Uuid, Vec<Last>> = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| !right.contains(entry)) {
        doubtful.entry(entry.id).or_default().push(entry);
    }
    // In the order of their ids: who locks several does not wait in a circle with us.
    for (id, mut entries) in doubtful {
        let (tenant, resource_type) = (build.tenant, &build.resource_type);
        let resource = attr_index::lock_resource(conn, tenant, resource_type, id).await?;
        let right: Vec<Last> = resource.iter().flat_map(|it| entries_of(it, target)).collect();
        entries.retain(|entry| !right.contains(entry));
        attr_index::delete(conn, build, &entries).await?;
    }
    Ok(Some((last, done)))
}

async fn remove_entries(
    conn: &mut PgConnection,
    build: &IndexBuild,
) -> Result<Progress, StoreError> {
    let entries = attr_index::entries_after(conn, build, BATCH).await?;
    let Some(last) = entries.last().cloned() else { return Ok(None) };
    attr_index::delete(conn, build, &entries).await?;
    Ok(Some((last, entries.len())))
}

/// Where a resource is changed meanwhile it has another body, and the document from the write.
async fn rewrite_documents(
    conn: &mut PgConnection,
    build: &IndexBuild,
    resource_type: &ResourceType,
) -> Result<Progress, Error> {
    let (tenant, name) = (build.tenant, &resource_type.name);
    let resources = attr_index::resources_after(conn, tenant, name, build.last.id, BATCH).await?;
    let Some(last) = resources.last() else { return Ok(None) };
    let changed: Vec<Rewritten<'_>> =
        resources.iter().filter_map(|it| rewritten(it, resource_type)).collect();
    if !changed.is_empty() {
        attr_index::set_search(conn, tenant, &changed).await?;
    }
    Ok(Some((up_to(last.id), resources.len())))
}

/// The document of a resource, where it has another. Then its shape tells of this one: that of the
/// type's only where the body is the one that would be written today.
fn rewritten<'r>(resource: &'r Indexable, resource_type: &ResourceType) -> Option<Rewritten<'r>> {
    let Indexable { id, body, search } = resource;
    let Known { attributes, hidden } = stored::read(resource_type, body, None).ok()?;
    let document = Document::of(resource_type, &id.to_string(), &attributes, hidden);
    let shape = if document.body == *body { document.shape } else { resource_type.unshown_shape() };
    let search_now = document.search;
    (search_now != *search).then_some(Rewritten { id: *id, body, search: search_now, shape })
}

fn up_to(id: Uuid) -> Last {
    Last { val: String::new(), id, elem: 0 }
}

fn entries_of(resource: &Indexable, target: AttributeRef<'_>) -> Vec<Last> {
    let Some(attributes) = attributes_of(resource) else { return Vec::new() };
    let entries = index::entries(&[target], &attributes).into_iter();
    entries.map(|it| Last { val: it.val, id: resource.id, elem: it.elem }).collect()
}

/// What cannot be read is found by nobody; it is told where it is asked for.
fn attributes_of(resource: &Indexable) -> Option<Object> {
    serde_json::from_str(&resource.body).ok()
}
