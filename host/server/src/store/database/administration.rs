//! A change of what administrators decide about a tenant: its configuration, credentials and plugins, which
//! are in the database of the servers for all tenants. Its audit record comes with it.

use std::ops::{Deref, DerefMut};

use sqlx::SqlSafeStr;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::{Database, Kind, WriteTransaction};
use crate::store::place::{self, Writes};
use crate::store::{StoreError, TenantId};

/// A transaction to change what is decided about a tenant; dropping it undoes it. It keeps the tenant where
/// it is. Where that is a database of its own, records for the audit log wait here until they are taken there
/// (`audit_waiting`).
#[derive(Debug)]
pub struct Administration {
    database: Database,
    tenant: TenantId,
    transaction: WriteTransaction,
    /// The tenant's own database, where it has one.
    own: Option<Uuid>,
    /// What is changed there as well.
    apart: Option<WriteTransaction>,
}

impl Database {
    /// To change what is decided about a tenant, or what else is in the database of the servers for all.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn begin_at(&self, tenant: TenantId) -> Result<Administration, StoreError> {
        let mut transaction = self.start(self.beginning(Kind::Write).into_sql_str()).await?;
        let own = place::find(&mut transaction, tenant, Writes::Yes).await?;
        let transaction = WriteTransaction { transaction, is_apart: false };
        Ok(Administration { database: self.clone(), tenant, transaction, own, apart: None })
    }
}

impl Administration {
    /// Where the tenant's data is, to change what belongs to the decision, such as quotas.
    ///
    /// # Errors
    /// The database of its own fails.
    pub async fn data(&mut self) -> Result<&mut PgConnection, StoreError> {
        let Some(id) = self.own else { return Ok(&mut self.transaction) };
        let apart = match self.apart.take() {
            Some(apart) => apart,
            None => self.database.begin_in(self.tenant, id).await?,
        };
        Ok(self.apart.insert(apart))
    }

    /// Makes what was changed last. What was changed in a database of the tenant's own comes after the rest:
    /// where that fails then, the same change may be asked for again.
    ///
    /// # Errors
    /// As [`WriteTransaction::commit`].
    pub async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await?;
        match self.apart {
            Some(apart) => apart.commit().await,
            None => Ok(()),
        }
    }
}

impl Deref for Administration {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for Administration {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}
