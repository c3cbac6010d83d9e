//! Moves tenants to other tables while they are in use; any server carries on with what another began.

use serde_json::json;

use super::Services;
use crate::clock;
use crate::store::audit::{self, Act, By};
use crate::store::moves::{self, Move, Stepped};
use crate::store::place::Placement;
use crate::store::schemas::SchemaError;
use crate::store::{StoreError, TenantId};

/// Why a tenant does not move.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// Copies are kept within the tables that tenants share.
    #[error(
        "the tenant has resources of another tenant, or another has some of it: that is for tenants in \
         the shared tables; end the shares first"
    )]
    HasShares,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Services {
    /// Has a tenant moved; `None` where it is moving already.
    ///
    /// # Errors
    /// It shares resources with another; or the database fails.
    pub async fn move_tenant(
        &self,
        by: By<'_>,
        tenant: TenantId,
        target: Placement,
    ) -> Result<Option<Move>, MoveError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        if !moves::begin(&mut transaction, tenant, target).await? {
            return Ok(None);
        }
        if moves::has_shares(&mut transaction, tenant).await? {
            return Err(MoveError::HasShares);
        }
        let act = Act { action: "tenant.move", subject: &tenant.to_string(), at: clock::now() };
        let details = json!({ "placement": { "kind": target.name() } });
        audit::insert_with(&mut transaction, tenant, by, act, &details).await?;
        let begun = moves::get(&mut transaction, tenant).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, target = target.name(), "a tenant begins to move");
        Ok(begun)
    }

    /// How far a tenant's move is; `None` where it is not moving.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tenants_move(&self, tenant: TenantId) -> Result<Option<Move>, StoreError> {
        let mut conn = self.database.read().await?;
        moves::get(&mut conn, tenant).await
    }

    /// Carries on with the tenants that are moving, one step of each; false where there is nothing to be done
    /// here. One that fails holds up no other.
    ///
    /// # Errors
    /// The database fails, or does not permit it.
    pub async fn carry_on_moves(&self) -> Result<bool, SchemaError> {
        let tenants = {
            let mut conn = self.database.read().await?;
            moves::list(&mut conn).await?
        };
        let (mut is_busy, mut failed) = (false, None);
        for tenant in tenants {
            match self.move_a_step(tenant).await {
                Ok(stepped) => is_busy |= stepped != Stepped::Waits,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(is_busy), Err)
    }

    async fn move_a_step(&self, tenant: TenantId) -> Result<Stepped, SchemaError> {
        let mut transaction = self.database.begin().await?;
        let locked = self.database.row_security();
        let stepped = moves::step(&mut transaction, tenant, locked).await?;
        transaction.commit().await?;
        match stepped {
            Stepped::Switched => tracing::info!(%tenant, "a tenant is at its new place"),
            Stepped::Ended => tracing::info!(%tenant, "a tenant has moved"),
            Stepped::Done | Stepped::Waits => {}
        }
        Ok(stepped)
    }
}
