//! Which way the rows of a tenant take.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Move;
use super::across::Across;
use super::within::{self, Way};
use crate::store::database::WriteTransaction;
use crate::store::place::Placement;
use crate::store::schemas::SchemaError;
use crate::store::{Database, StoreError, TenantId};

/// From where to where.
pub(super) enum Route {
    /// Within the database of the servers.
    Within(Way),
    /// From one database to another.
    Across(Across),
}

impl Route {
    /// The route of a move.
    ///
    /// # Errors
    /// One of the databases fails, or a schema may not be made.
    pub(super) async fn of(
        conn: &mut PgConnection,
        tenant: TenantId,
        moving: &Move,
        database: &Database,
    ) -> Result<Self, SchemaError> {
        let (from, to) = (moving.from_database_id, moving.database_id);
        if from.is_none() && to.is_none() {
            let to_schema = moving.target == Placement::Schema.name();
            let way = Way::to(conn, tenant, to_schema, database.row_security()).await?;
            return Ok(Self::Within(way));
        }
        let home = within::home(conn, tenant, moving, database.row_security()).await?;
        let begin = async |id: Option<Uuid>| -> Result<Option<WriteTransaction>, StoreError> {
            match id {
                Some(id) => Ok(Some(database.own_of(tenant, id).await?.begin().await?)),
                None => Ok(None),
            }
        };
        let (from, to) = (begin(from).await?, begin(to).await?);
        Ok(Self::Across(Across::new(conn, home, from, to).await?))
    }

    /// Makes the rows of a tenant in a table the same as they are where they come from, and tells how many
    /// were copied.
    pub(super) async fn copy(
        self,
        conn: &mut PgConnection,
        tenant: TenantId,
        table: &str,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Within(way) => way.copy(conn, tenant, table).await,
            Self::Across(mut across) => {
                let copied = across.copy(conn, tenant, table).await?;
                across.commit().await?;
                Ok(copied)
            }
        }
    }
}
