//! The list of tenants, those that are being removed included.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::super::StoreError;
use super::super::page::{InOrder, Part};
use super::super::removal::Progress;
use super::{Row, Tenant};

/// What a tenant is to its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its credentials are let in.
    Active,
    /// They are refused for a while.
    Suspended,
    /// It has been deleted, and something is left of it.
    Deleting,
}

impl State {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Deleting];

    /// As it is told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleting => "deleting",
        }
    }
}

/// Which tenants are asked for: those that everything fits that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The one of this name.
    pub name: Option<String>,
    /// The one of this external key.
    pub external_key: Option<String>,
    /// Those in this state.
    pub state: Option<State>,
    /// Those of the realm of this name.
    pub realm: Option<String>,
}

/// A tenant in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// One that there is.
    Tenant(Box<Tenant>),
    /// One that has been deleted, with what stands for its name.
    Deleted(String, Progress),
}

impl Listed {
    /// What it is listed by.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.name.clone(),
            Self::Deleted(name, _) => name.clone(),
        }
    }
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    row: Row,
    removal_step: Option<String>,
    removed_rows: i64,
    deleted: Option<OffsetDateTime>,
}

impl TryFrom<ListedRow> for Listed {
    type Error = StoreError;

    fn try_from(listed: ListedRow) -> Result<Self, StoreError> {
        let ListedRow { row, removal_step, removed_rows, deleted } = listed;
        match (removal_step, deleted) {
            (Some(removal_step), Some(deleted)) => {
                let progress = Progress { id: row.id, removal_step, removed_rows, deleted };
                Ok(Self::Deleted(row.name, progress))
            }
            _ => Ok(Self::Tenant(Box::new(row.try_into()?))),
        }
    }
}

/// The statement of a page. What it finds tenants by comes first.
macro_rules! page {
    ($found_by:literal) => {
        concat!(
            "SELECT t.id, t.name, t.external_key, t.dialect, t.limits, t.request_log, \
                    t.public_discovery, r.name AS realm, t.placement, t.database_id, \
                    d.shown AS database, t.suspended, t.created, t.modified, \
                    t.removal_step, t.removed_rows, t.deleted \
             FROM tenants t LEFT JOIN realms r ON r.id = t.realm_id \
             LEFT JOIN tenant_databases d ON d.tenant_id = t.id AND d.id = t.database_id \
             WHERE ",
            $found_by,
            " AND t.name > $1 \
               AND ($3::text IS NULL OR t.name = $3) \
               AND ($4::text IS NULL OR t.external_key = $4) \
               AND ($5::text IS NULL OR r.name = $5) \
               AND ($6::text IS NULL OR $6 = CASE WHEN t.removal_step IS NOT NULL THEN 'deleting' \
                                                  WHEN t.suspended IS NOT NULL THEN 'suspended' \
                                                  ELSE 'active' END) \
             ORDER BY t.name LIMIT $2"
        )
    };
}

/// Tenants, by name; those without one among them.
///
/// # Errors
/// The database fails.
pub async fn page(
    conn: &mut PgConnection,
    wanted: &Wanted,
    part: &Part<String>,
) -> Result<InOrder<Listed>, StoreError> {
    let statement = match wanted {
        Wanted { external_key: Some(_), .. } => page!("t.external_key = $4"),
        Wanted { name: Some(_), .. } => page!("t.name = $3"),
        _ => page!("true"),
    };
    let rows: Vec<ListedRow> = sqlx::query_as(statement)
        .bind(part.after.as_deref().unwrap_or_default())
        .bind(part.rows())
        .bind(wanted.name.as_deref())
        .bind(wanted.external_key.as_deref())
        .bind(wanted.realm.as_deref())
        .bind(wanted.state.map(State::name))
        .fetch_all(conn)
        .await?;
    let listed: Vec<Listed> = rows.into_iter().map(Listed::try_from).collect::<Result<_, _>>()?;
    Ok(part.of(listed))
}
