//! Connections and transactions for what a tenant has, wherever that is: `_for` a request, which knows where
//! (`place`), and `_at` a tenant for work that looks.

use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, Transaction, raw_sql};
use uuid::Uuid;

use super::held::Held;
use super::{Autocommit, Database, Kind, ReadConnection, WriteTransaction};
use crate::store::own_databases;
use crate::store::place::{self, Place, Placement, Writes};
use crate::store::row_security::{self, RowSecurity};
use crate::store::{StoreError, TenantId};

/// How often is looked for a tenant that has gone elsewhere meanwhile.
const LOOKS: usize = 3;

/// A transaction, and whether it is in another database than that of the servers.
struct Begun {
    transaction: Transaction<'static, Postgres>,
    is_apart: bool,
}

impl Database {
    /// To read with what a tenant has, where that is. Under the second lock there is nothing else.
    ///
    /// # Errors
    /// As [`Database::read`]; of a database of its own too.
    pub async fn read_for(&self, place: Place) -> Result<ReadConnection, StoreError> {
        if self.row_security == RowSecurity::Off && place.is_shared() {
            return self.read().await;
        }
        if let Some(Placement::Database(id)) = place.placement {
            let own = self.own.get(self, place.tenant, id).await?;
            return own.read().await.map_err(own_databases::away);
        }
        let begun = self.start_for(place, Kind::Read, Writes::No).await?;
        Ok(ReadConnection(Held::Transaction(begun.transaction)))
    }

    /// To read with, first as the owner, and from [`Database::lock`] on what a tenant has, which is in this
    /// database.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub(in crate::store) async fn read_unlocked(
        &self,
        place: Place,
    ) -> Result<ReadConnection, StoreError> {
        if self.row_security == RowSecurity::Off && place.is_shared() {
            return self.read().await;
        }
        let begun = self.start(self.beginning(Kind::Read).into_sql_str()).await?;
        Ok(ReadConnection(Held::Transaction(begun)))
    }

    /// Has the rest of [`Database::read_unlocked`] look where the tenant's data is, under the second lock
    /// where there is one.
    ///
    /// # Errors
    /// The database fails.
    pub(in crate::store) async fn lock(
        &self,
        connection: &mut ReadConnection,
        place: Place,
    ) -> Result<(), StoreError> {
        let locked = match self.row_security {
            RowSecurity::Off => None,
            RowSecurity::On => Some(row_security::lock(place.tenant)),
        };
        if let Some(lock) = place.entering(Writes::No, self.row_security).or(locked) {
            raw_sql(AssertSqlSafe(lock)).execute(&mut **connection).await?;
        }
        Ok(())
    }

    /// To read with, for work that is no request of the tenant's: what it has is found where it is. What is in
    /// the database of the servers for all tenants, such as plugins, need not be there.
    ///
    /// # Errors
    /// As [`Database::read_for`].
    pub async fn read_at(&self, tenant: TenantId) -> Result<ReadConnection, StoreError> {
        let begun = self.start_at(tenant, Kind::Read, Writes::No, RowSecurity::Off).await?;
        Ok(ReadConnection(Held::Transaction(begun.transaction)))
    }

    /// As [`Database::read_at`]; all statements on it see the database as it is now.
    ///
    /// # Errors
    /// As [`Database::read_for`].
    pub async fn snapshot_at(&self, tenant: TenantId) -> Result<ReadConnection, StoreError> {
        let begun = self.start_at(tenant, Kind::Snapshot, Writes::No, RowSecurity::Off).await?;
        Ok(ReadConnection(Held::Transaction(begun.transaction)))
    }

    /// A transaction to write in what a tenant has, where that is; dropping it undoes it.
    ///
    /// # Errors
    /// As [`Database::read_for`].
    pub async fn begin_for(&self, place: Place) -> Result<WriteTransaction, StoreError> {
        Ok(self.start_for(place, Kind::Write, Writes::Yes).await?.into())
    }

    /// The same for work that is no request of the tenant's: what it has is found where it is. What is in the
    /// database of the servers for all tenants need not be there; see [`Database::begin_at`].
    ///
    /// # Errors
    /// As [`Database::read_for`].
    pub async fn begin_data_at(&self, tenant: TenantId) -> Result<WriteTransaction, StoreError> {
        Ok(self.start_at(tenant, Kind::Write, Writes::Yes, RowSecurity::Off).await?.into())
    }

    /// To write with a single statement in what a tenant has. Under the second lock, and in a schema of its
    /// own, it is a transaction.
    ///
    /// # Errors
    /// As [`Database::read_for`].
    pub async fn autocommit_for(&self, place: Place) -> Result<Autocommit, StoreError> {
        if self.row_security == RowSecurity::Off && place.is_shared() {
            return self.autocommit().await;
        }
        if let Some(Placement::Database(id)) = place.placement {
            let own = self.own.get(self, place.tenant, id).await?;
            return own.autocommit().await.map_err(own_databases::away);
        }
        let begun = self.start_for(place, Kind::Write, Writes::Yes).await?;
        Ok(Autocommit(Held::Transaction(begun.transaction)))
    }

    /// The same for work that is no request of the tenant's; it is a transaction.
    ///
    /// # Errors
    /// As [`Database::read_for`].
    pub async fn autocommit_at(&self, tenant: TenantId) -> Result<Autocommit, StoreError> {
        let begun = self.start_at(tenant, Kind::Write, Writes::Yes, RowSecurity::Off).await?;
        Ok(Autocommit(Held::Transaction(begun.transaction)))
    }

    /// Has a transaction in this database see what a tenant has; where that is in a database of its own, the
    /// answer is a transaction there.
    ///
    /// # Errors
    /// As [`Database::read_for`].
    pub async fn data_within(
        &self,
        transaction: &mut WriteTransaction,
        tenant: TenantId,
    ) -> Result<Option<WriteTransaction>, StoreError> {
        let Some(id) = place::find(transaction, tenant, Writes::No).await? else { return Ok(None) };
        self.begin_in(tenant, id).await.map(Some)
    }

    /// Begins in a database of a tenant's own, where its data has to be and to stay.
    pub(super) async fn begin_in(
        &self,
        tenant: TenantId,
        id: Uuid,
    ) -> Result<WriteTransaction, StoreError> {
        let own = self.own.get(self, tenant, id).await?;
        let mut begun = own.begin().await.map_err(own_databases::away)?;
        if !own_databases::is_here(&mut begun, tenant).await? {
            return Err(own_databases::is_moving());
        }
        Ok(begun)
    }

    async fn start_for(
        &self,
        place: Place,
        kind: Kind,
        writes: Writes,
    ) -> Result<Begun, StoreError> {
        let begin = self.beginning(kind);
        let transaction = match place.placement {
            None => return self.start_at(place.tenant, kind, writes, self.row_security).await,
            Some(Placement::Database(id)) => {
                let own = self.own.get(self, place.tenant, id).await?;
                let begun = own.start(own.beginning(kind).into_sql_str()).await;
                let transaction = begun.map_err(own_databases::away)?;
                return Ok(Begun { transaction, is_apart: true });
            }
            Some(Placement::Shared | Placement::Schema) => {
                match place.entering(writes, self.row_security) {
                    None if self.row_security == RowSecurity::Off => {
                        self.start(begin.into_sql_str()).await?
                    }
                    None => {
                        let begin = row_security::begin_as(place.tenant, begin);
                        self.start(AssertSqlSafe(begin).into_sql_str()).await?
                    }
                    Some(entering) => {
                        // A statement that may fail has a transaction that the driver knows of and undoes.
                        let mut transaction = self.start(begin.into_sql_str()).await?;
                        raw_sql(AssertSqlSafe(entering)).execute(&mut *transaction).await?;
                        transaction
                    }
                }
            }
        };
        Ok(Begun { transaction, is_apart: false })
    }

    /// Begins where the data is at this moment. Who writes keeps it there.
    async fn start_at(
        &self,
        tenant: TenantId,
        kind: Kind,
        writes: Writes,
        locked: RowSecurity,
    ) -> Result<Begun, StoreError> {
        for _ in 0..LOOKS {
            let mut transaction = self.start(self.beginning(kind).into_sql_str()).await?;
            let Some(id) = place::find(&mut transaction, tenant, writes).await? else {
                if locked == RowSecurity::On {
                    let lock = AssertSqlSafe(row_security::lock(tenant));
                    raw_sql(lock).execute(&mut *transaction).await?;
                }
                return Ok(Begun { transaction, is_apart: false });
            };
            transaction.rollback().await?;
            let own = self.own.get(self, tenant, id).await?;
            let begun = own.start(own.beginning(kind).into_sql_str()).await;
            let mut transaction = begun.map_err(own_databases::away)?;
            if writes == Writes::No || own_databases::is_here(&mut transaction, tenant).await? {
                return Ok(Begun { transaction, is_apart: true });
            }
        }
        Err(own_databases::is_moving())
    }
}

impl From<Begun> for WriteTransaction {
    fn from(Begun { transaction, is_apart }: Begun) -> Self {
        Self { transaction, is_apart }
    }
}
