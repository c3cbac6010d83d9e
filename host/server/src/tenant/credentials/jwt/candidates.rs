//! The issuers that may have signed a JWT, and the tenants for which their word counts.
//!
//! An issuer of a tenant counts for that one, and where nothing in the request names a tenant only if
//! the operator has marked it: tenants may name the same issuer, and each could take the JWTs of the
//! others. An issuer of the operator counts for the tenants of its realm, or of all; a claim says for
//! which. What else names a tenant in the request has to agree.

use sqlx::PgConnection;
use tenon_scim::Object;
use uuid::Uuid;

use crate::store::issuers::{self, StoredIssuer};
use crate::store::tenants::{self, Identity};
use crate::store::{StoreError, TenantId, operator_issuers};
use crate::tenant::entry::{Claims, TenantIdentity};
use crate::tenant::jwt::issuer::Issuer;

/// An issuer that may have signed a JWT.
pub(super) struct Candidate {
    pub(super) stored: StoredIssuer,
    counts_for: CountsFor,
}

/// For whom an issuer's word counts.
enum CountsFor {
    /// The tenant whose issuer it is.
    Own(TenantId),
    /// The tenant that its claim names, of this realm or, where there is none, of any.
    Claimed(Option<Uuid>),
}

/// Those with this `iss`, the oldest first.
pub(super) async fn of(
    conn: &mut PgConnection,
    iss: &str,
    claims: &Claims,
) -> Result<Vec<Candidate>, StoreError> {
    let mut candidates = Vec::new();
    if let Some(tenant) = named(conn, claims).await? {
        for stored in issuers::list(conn, tenant, Some(iss)).await? {
            candidates.push(Candidate { stored, counts_for: CountsFor::Own(tenant) });
        }
    }
    if claims.named.is_empty() {
        for (tenant, stored) in issuers::anywhere(conn, iss).await? {
            candidates.push(Candidate { stored, counts_for: CountsFor::Own(tenant) });
        }
    }
    for issuer in operator_issuers::signing_as(conn, iss).await? {
        let counts_for = CountsFor::Claimed(issuer.realm_id);
        candidates.push(Candidate { stored: issuer.stored, counts_for });
    }
    candidates.sort_by_key(|it| it.stored.id);
    candidates.dedup_by_key(|it| it.stored.id);
    Ok(candidates)
}

/// The tenant that the request names, or else the default one.
async fn named(conn: &mut PgConnection, claims: &Claims) -> Result<Option<TenantId>, StoreError> {
    let Some(named) = claims.tenant() else { return Ok(None) };
    let tenant = tenants::identity(conn, &named).await?;
    let tenant = tenant.filter(|tenant| claims.admit(&identity(tenant)));
    Ok(tenant.map(|tenant| TenantId(tenant.id)))
}

/// The tenant as entry points know it.
pub(super) fn identity(tenant: &Identity) -> TenantIdentity {
    let Identity { id, name, realm_id, .. } = tenant;
    TenantIdentity { id: TenantId(*id), name: name.clone(), realm: *realm_id }
}

impl Candidate {
    /// Whether its JWTs find their tenant where nothing in the request names one.
    pub(super) const fn names_its_tenant(&self) -> bool {
        match self.counts_for {
            CountsFor::Own(_) => self.stored.anywhere,
            CountsFor::Claimed(_) => true,
        }
    }

    /// The tenant for which the issuer has said this, if its word counts there and the request is for
    /// the same.
    pub(super) async fn tenant(
        &self,
        conn: &mut PgConnection,
        issuer: &Issuer,
        said: &Object,
        claims: &Claims,
    ) -> Result<Option<Identity>, StoreError> {
        let mut tenants = match self.counts_for {
            CountsFor::Own(TenantId(id)) => tenants::identities(conn, &[&id.to_string()]).await?,
            CountsFor::Claimed(realm) => {
                let names: Vec<&str> = issuer.tenants_named(said).collect();
                let mut called = called(tenants::identities(conn, &names).await?, &names);
                called.retain(|it| realm.is_none() || it.realm_id == realm);
                called
            }
        };
        tenants.retain(|it| claims.admit(&identity(it)));
        let tenant = tenants.pop();
        // A JWT for several has to be shown where one of them is named.
        Ok(tenant.filter(|_| tenants.is_empty()))
    }
}

/// Those that are called by one of the names which is no other's: the external key of one tenant may be
/// the name of another.
fn called(tenants: Vec<Identity>, names: &[&str]) -> Vec<Identity> {
    let is_its_own = |name: &&&str| tenants.iter().filter(|it| it.is_called(name)).count() == 1;
    let names: Vec<&str> = names.iter().filter(is_its_own).copied().collect();
    tenants.into_iter().filter(|it| names.iter().any(|name| it.is_called(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str, external_key: Option<&str>) -> Identity {
        Identity {
            id: Uuid::now_v7(),
            name: name.to_owned(),
            external_key: external_key.map(str::to_owned),
            realm_id: None,
            config_epoch: 0,
        }
    }

    #[test]
    fn a_name_of_two_tenants_is_nobodys() {
        let (acme, globex) = (tenant("acme", None), tenant("globex", Some("acme")));
        let names = |named: &[&str]| -> Vec<String> {
            let called = called(vec![acme.clone(), globex.clone()], named);
            called.into_iter().map(|it| it.name).collect()
        };
        assert_eq!(names(&["acme"]), Vec::<String>::new());
        assert_eq!(names(&["acme", "globex"]), ["globex"]);
        assert_eq!(names(&[&acme.id.to_string()]), ["acme"]);
    }
}
