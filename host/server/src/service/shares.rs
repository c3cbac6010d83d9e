//! What a tenant shares with another: the operator says which resource types, and the child has copies
//! of the parent's resources of these, which only change as the originals do.

mod blocked;
mod copy;
mod follow;

use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection;
use tenon_scim::Registry;
use tenon_scim::membership::members_of;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Services;
use crate::clock;
use crate::store::audit::{self, Act, By};
use crate::store::moves;
use crate::store::page::{InOrder, Part};
use crate::store::shares::conflicts::{self, Conflict};
use crate::store::shares::{self, Share, State};
use crate::store::tenants::Tenant;
use crate::store::{StoreError, TenantId, removal};
use crate::tenant::runtime::{Misfit, RuntimeError, load_registry};

/// Conflicts that are shown of a share.
const CONFLICTS: i64 = 100;
/// How long a request waits for the end of a share.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause while another server is at it.
const TURN: Duration = Duration::from_millis(50);

/// A share, and what of it could not be copied.
#[derive(Debug)]
pub struct ShownShare {
    /// The share.
    pub share: Share,
    /// The first resources of the parent that the child cannot have.
    pub conflicts: Vec<Conflict>,
    /// How many there are.
    pub conflicts_in_all: i64,
}

/// Why nothing is shared.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// A tenant has what it has already.
    #[error("a tenant cannot share with itself")]
    Itself,
    /// The types are to be named.
    #[error("\"resourceTypes\" has to name at least one type, and none twice")]
    Types,
    /// One of the two has no such type.
    #[error(
        "tenant \"{tenant}\" has no resource type \"{resource_type}\"{}; it has {}",
        if *.is_child { ": activate the plugin that defines it there, too" } else { "" },
        .known.join(", ")
    )]
    NoResourceType {
        /// The name of the tenant.
        tenant: String,
        /// Whether it is the one that would have copies.
        is_child: bool,
        /// The name asked for.
        resource_type: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// Copies are kept within the tables that tenants share.
    #[error(
        "tenant \"{tenant}\" has a schema of its own, or moves: only tenants in the shared tables share"
    )]
    OwnTables {
        /// The name of the tenant.
        tenant: String,
    },
    /// What was shared before is being deleted.
    #[error("what was shared before is still being deleted; send the request again later")]
    BeingRemoved,
    /// The plugins of one of the two do not fit together.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<RuntimeError> for ShareError {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Store(error) => Self::Store(error),
            RuntimeError::Misfit(misfit) => Self::Misfit(misfit),
        }
    }
}

impl Services {
    /// Shares resource types of a parent with a child, and no others; all is copied anew where other types
    /// were shared before. The flag tells whether nothing was.
    ///
    /// # Errors
    /// One of the two does not have one of the types, or is gone.
    pub async fn share(
        &self,
        by: By<'_>,
        child: &Tenant,
        parent: &Tenant,
        types: Vec<String>,
    ) -> Result<(ShownShare, bool), ShareError> {
        if child.id == parent.id {
            return Err(ShareError::Itself);
        }
        let (child_id, parent_id, now) = (child.tenant_id(), parent.tenant_id(), clock::now());
        let mut transaction = self.database.begin().await?;
        hold_both(&mut transaction, child_id, parent_id).await?;
        for tenant in [child, parent] {
            if !moves::is_in_shared_tables(&mut transaction, tenant.tenant_id()).await? {
                return Err(ShareError::OwnTables { tenant: tenant.name.clone() });
            }
        }
        let before = shares::lock(&mut transaction, child_id, parent_id).await?;
        if before.as_ref().is_some_and(|it| it.state == State::Removing) {
            return Err(ShareError::BeingRemoved);
        }
        let theirs = load_registry(&mut transaction, parent_id).await?;
        check_types(parent, false, &theirs, &types)?;
        let own = load_registry(&mut transaction, child_id).await?;
        check_types(child, true, &own, &types)?;
        let types = in_order(types, &own)?;
        let is_new = before.is_none();
        let mut share = before.unwrap_or_else(|| new(child_id, parent_id, now));
        if is_new || share.types != types {
            let details = json!({ "parent": parent.id, "from": share.types, "to": types });
            let drops_some = share.types.iter().any(|it| !types.contains(it));
            share.types = types;
            share.start_over(now);
            if drops_some {
                // What is shared no more goes before anything is copied.
                share.state = State::Checking;
            }
            shares::put(&mut transaction, &share).await?;
            let act = Act { action: "share.put", subject: &parent.id.to_string(), at: now };
            audit::insert_with(&mut transaction, child_id, by, act, &details).await?;
        }
        let shown = shown(&mut transaction, share).await?;
        transaction.commit().await?;
        tracing::info!(child = child.name, parent = parent.name, types = ?shown.share.types, "shared");
        Ok((shown, is_new))
    }

    /// Shares no more: the copies are deleted. What is left of them when this returns is told. False
    /// where nothing was shared.
    ///
    /// # Errors
    /// The database fails; what has begun goes on all the same.
    pub async fn unshare(
        &self,
        by: By<'_>,
        child: TenantId,
        parent: TenantId,
    ) -> Result<(bool, Option<ShownShare>), StoreError> {
        let now = clock::now();
        let mut transaction = self.database.begin().await?;
        if !shares::end(&mut transaction, child, parent, now).await? {
            return Ok((false, None));
        }
        let act = Act { action: "share.delete", subject: &parent.to_string(), at: now };
        audit::insert_with(&mut transaction, child, by, act, &json!({ "parent": parent })).await?;
        transaction.commit().await?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.carry_on_share(child, parent, Duration::MAX).await {
                Ok(true) => {}
                Ok(false) if self.shared(child, parent).await?.is_none() => {
                    return Ok((true, None));
                }
                Ok(false) => sleep(TURN).await,
                Err(error) => {
                    tracing::warn!(%child, %error, "the copies are deleted in the background");
                    break;
                }
            }
        }
        Ok((true, self.shared(child, parent).await?))
    }

    /// What a child has of a parent, if anything.
    ///
    /// # Errors
    /// The database fails.
    pub async fn shared(
        &self,
        child: TenantId,
        parent: TenantId,
    ) -> Result<Option<ShownShare>, StoreError> {
        let mut conn = self.database.read().await?;
        match shares::get(&mut conn, child, parent).await? {
            Some(share) => Ok(Some(shown(&mut conn, share).await?)),
            None => Ok(None),
        }
    }

    /// What a child has of others, by the ids of these.
    ///
    /// # Errors
    /// The database fails.
    pub async fn shares(
        &self,
        child: TenantId,
        part: &Part<Uuid>,
    ) -> Result<InOrder<ShownShare>, StoreError> {
        let mut conn = self.database.read().await?;
        let InOrder { items, has_more } =
            part.taken_from(shares::list(&mut conn, child).await?, |it| it.parent.0);
        let mut all = Vec::with_capacity(items.len());
        for share in items {
            all.push(shown(&mut conn, share).await?);
        }
        Ok(InOrder { items: all, has_more })
    }
}

/// Neither of them is removed meanwhile. In one order, so that two who do so wait for each other and
/// not both.
async fn hold_both(
    conn: &mut PgConnection,
    child: TenantId,
    parent: TenantId,
) -> Result<(), StoreError> {
    let mut both = [child, parent];
    both.sort_unstable_by_key(|it| it.0);
    for tenant in both {
        if !removal::hold(conn, tenant).await? {
            return Err(StoreError::Gone(sqlx::Error::RowNotFound));
        }
    }
    Ok(())
}

fn check_types(
    tenant: &Tenant,
    is_child: bool,
    registry: &Registry,
    types: &[String],
) -> Result<(), ShareError> {
    match types.iter().find(|it| registry.resource_type(it).is_none()) {
        None => Ok(()),
        Some(missing) => Err(ShareError::NoResourceType {
            tenant: tenant.name.clone(),
            is_child,
            resource_type: missing.clone(),
            known: registry.resource_types().iter().map(|it| it.name.clone()).collect(),
        }),
    }
}

/// Groups come after those who may be their members.
fn in_order(mut types: Vec<String>, registry: &Registry) -> Result<Vec<String>, ShareError> {
    let count = types.len();
    let has_members =
        |name: &String| registry.resource_type(name).is_some_and(|it| members_of(it).is_some());
    types.sort_unstable_by_key(|name| (has_members(name), name.clone()));
    types.dedup();
    if types.is_empty() || types.len() < count { Err(ShareError::Types) } else { Ok(types) }
}

fn new(child: TenantId, parent: TenantId, now: time::OffsetDateTime) -> Share {
    Share {
        child,
        parent,
        types: Vec::new(),
        state: State::Copying,
        last_type: String::new(),
        last_id: Uuid::nil(),
        seen: Uuid::nil(),
        settled: Uuid::nil(),
        due: now,
        problem: None,
        created: now,
    }
}

async fn shown(conn: &mut PgConnection, share: Share) -> Result<ShownShare, StoreError> {
    let (conflicts, conflicts_in_all) =
        conflicts::list(conn, share.child, share.parent, CONFLICTS).await?;
    Ok(ShownShare { share, conflicts, conflicts_in_all })
}
