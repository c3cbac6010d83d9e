//! What a request says of where it belongs, before anybody has looked whose credential it shows.

use std::sync::Arc;

use uuid::Uuid;

use crate::store::TenantId;

/// A tenant as entry points know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantIdentity {
    /// The id.
    pub id: TenantId,
    /// The name, as URLs have it.
    pub name: String,
    /// The set of tenants to which it belongs; `None` is the one of all that belong to no other.
    pub realm: Option<Uuid>,
}

/// What names a tenant in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The name or the id.
    Named(Box<str>),
    /// What the request used is bound to this tenant.
    Id(TenantId),
}

/// The set of tenants that a request may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Realm {
    /// The one to which the host, the prefix or the header is bound; `None` where none is bound to
    /// any.
    Is(Option<Uuid>),
    /// That of the tenant, whichever it is: what the request used is bound to the tenant itself.
    OfTheTenant,
}

/// All that a request says of its tenant. No part of it goes before another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Through which realm the request came.
    pub realm: Realm,
    /// What names the tenant; nothing, where the credential alone does.
    pub named: Vec<Claim>,
    /// The name or the id of the tenant for credentials that name none either, where nothing else
    /// does.
    pub otherwise: Option<Arc<str>>,
}

/// Where a request came in.
#[derive(Debug)]
pub struct EntryPoint {
    /// The tenant's service as the client wrote it, without a slash at the end: locations begin
    /// with it.
    pub base_url: Arc<str>,
    /// Whose service that may be.
    pub claims: Claims,
}

impl Claims {
    /// Those of a path that names a tenant, of whatever realm.
    #[must_use]
    pub fn naming(tenant: &str) -> Self {
        let named = vec![Claim::Named(tenant.into())];
        Self { realm: Realm::OfTheTenant, named, otherwise: None }
    }

    /// The name or the id of the tenant of a credential that names none, as the first claim has it;
    /// `None` where there is no saying which.
    #[must_use]
    pub fn tenant(&self) -> Option<String> {
        match self.named.first() {
            Some(Claim::Named(name)) => Some(name.to_string()),
            Some(Claim::Id(id)) => Some(id.to_string()),
            None => self.otherwise.as_ref().map(ToString::to_string),
        }
    }

    /// Whether the tenant is meant: every claim names it, and it is of the realm through which the
    /// request came.
    #[must_use]
    pub fn admit(&self, tenant: &TenantIdentity) -> bool {
        let is_of_the_realm = match self.realm {
            Realm::Is(realm) => realm == tenant.realm,
            Realm::OfTheTenant => true,
        };
        is_of_the_realm && self.named.iter().all(|claim| claim.names(tenant))
    }

    /// Whether the tenant is meant by a request whose credential names none.
    #[must_use]
    pub fn name(&self, tenant: &TenantIdentity) -> bool {
        let is_named = match (self.named.is_empty(), &self.otherwise) {
            (false, _) => true,
            (true, Some(otherwise)) => is_named(tenant, otherwise),
            (true, None) => false,
        };
        is_named && self.admit(tenant)
    }
}

/// Whether it is the name or the id of the tenant.
fn is_named(tenant: &TenantIdentity, name: &str) -> bool {
    *name == *tenant.name || *name == *tenant.id.to_string()
}

impl Claim {
    fn names(&self, tenant: &TenantIdentity) -> bool {
        match self {
            Self::Named(name) => is_named(tenant, name),
            Self::Id(id) => *id == tenant.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str, realm: Option<Uuid>) -> TenantIdentity {
        TenantIdentity { id: TenantId(Uuid::now_v7()), name: name.to_owned(), realm }
    }

    fn named(name: &str) -> Claim {
        Claim::Named(name.into())
    }

    #[test]
    fn every_claim_has_to_name_the_tenant() {
        let acme = tenant("acme", None);
        let admitted =
            |named| Claims { realm: Realm::Is(None), named, otherwise: None }.admit(&acme);
        assert!(admitted(vec![]));
        assert!(admitted(vec![named("acme"), named(&acme.id.to_string()), Claim::Id(acme.id)]));
        assert!(!admitted(vec![named("globex")]));
        assert!(!admitted(vec![named("acme"), named("globex")]));
        assert!(!admitted(vec![named("acme"), Claim::Id(TenantId(Uuid::now_v7()))]));
        assert!(!admitted(vec![named("ACME")]));
    }

    #[test]
    fn a_credential_that_names_no_tenant_needs_a_claim_or_a_default() {
        let acme = tenant("acme", None);
        let means = |named, otherwise: Option<&str>| {
            let otherwise = otherwise.map(Arc::from);
            Claims { realm: Realm::Is(None), named, otherwise }.name(&acme)
        };
        assert!(means(vec![named("acme")], None) && !means(vec![named("globex")], None));
        assert!(means(vec![], Some("acme")) && means(vec![], Some(&acme.id.to_string())));
        assert!(!means(vec![], None) && !means(vec![], Some("globex")));
        assert!(!means(vec![named("globex")], Some("acme")));
    }

    #[test]
    fn a_claim_counts_for_the_tenants_of_the_realm_alone() {
        let eu = Some(Uuid::now_v7());
        let (common, of_eu) = (tenant("acme", None), tenant("acme", eu));
        let claims = |realm| Claims { realm, named: vec![named("acme")], otherwise: None };
        let admitted = |realm, tenant| claims(realm).admit(tenant);
        assert!(admitted(Realm::Is(None), &common) && !admitted(Realm::Is(None), &of_eu));
        assert!(admitted(Realm::Is(eu), &of_eu) && !admitted(Realm::Is(eu), &common));
        assert!(!admitted(Realm::Is(Some(Uuid::now_v7())), &of_eu));
        assert!(admitted(Realm::OfTheTenant, &of_eu) && admitted(Realm::OfTheTenant, &common));
    }
}
