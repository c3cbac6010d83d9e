//! What a request takes of the rates: of its tenant's, and of its own where a JWT claims less.

use std::sync::Arc;

use super::Services;
use crate::tenant::access::{Principal, PrincipalKind};
use crate::tenant::limits::Rate;
use crate::tenant::rate::{Rates, Standing};
use crate::tenant::runtime::TenantRuntime;

/// How a request stands with the tighter of the rates that it has to keep to.
#[derive(Debug, Clone, Copy)]
pub struct Charged {
    /// The name of the rate: `tenant`, or `credential` for one that a JWT claims.
    pub policy: &'static str,
    /// What it is.
    pub rate: Rate,
    /// How the request stands.
    pub standing: Standing,
}

impl Charged {
    fn or_tighter(self, other: Self) -> Self {
        let is_tighter = |it: &Standing| (it.retry_after.is_none(), it.remaining);
        if is_tighter(&other.standing) < is_tighter(&self.standing) { other } else { self }
    }
}

impl Services {
    /// Takes a request out of the buckets that it has to keep to.
    #[must_use]
    pub fn charge(&self, tenant: &TenantRuntime, principal: &Principal) -> Charged {
        let rate = tenant.limits.rate;
        let of_tenant = |rates: &Rates| Charged {
            policy: "tenant",
            rate,
            standing: rates.take(tenant.id, rate),
        };
        if principal.kind == PrincipalKind::Nobody {
            return of_tenant(&self.rates_of_nobody);
        }
        let Some(rate) = principal.claimed.rate(rate) else { return of_tenant(&self.rates) };
        let key = (tenant.id, Arc::clone(&principal.actor));
        let standing = self.claimed_rates.take(key, rate);
        let own = Charged { policy: "credential", rate, standing };
        // One that comes too fast for itself takes nothing of the others'.
        if standing.retry_after.is_some() { own } else { own.or_tighter(of_tenant(&self.rates)) }
    }

    /// Takes further requests that are carried out already.
    pub fn owe(&self, tenant: &TenantRuntime, principal: &Principal, requests: u64) {
        let rate = tenant.limits.rate;
        self.rates.owe(tenant.id, rate, requests);
        if let Some(rate) = principal.claimed.rate(rate) {
            self.claimed_rates.owe((tenant.id, Arc::clone(&principal.actor)), rate, requests);
        }
    }
}
