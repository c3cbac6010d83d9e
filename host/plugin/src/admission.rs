//! Places for calls: so many in all, so many for one tenant. Nobody waits for a place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::CallError;
use crate::limits::Limits;

/// Counts the calls that are running.
#[derive(Debug)]
pub(crate) struct Admission {
    limit: usize,
    running: Mutex<Running>,
}

/// A place, taken until this value is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    tenant: Arc<str>,
}

#[derive(Debug, Default)]
struct Running {
    all: usize,
    /// Tenants without a running call have no entry.
    by_tenant: HashMap<Arc<str>, usize>,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Admission> {
        Arc::new(Admission { limit: limits.concurrent_calls, running: Mutex::default() })
    }

    /// A place for a call of this tenant, which may have so many; or [`CallError::Busy`] at once.
    pub(crate) fn enter(
        self: &Arc<Admission>,
        tenant: &Arc<str>,
        limit_per_tenant: usize,
    ) -> Result<Place, CallError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.all >= self.limit {
            return Err(CallError::Busy { whose: "the server", running: running.all });
        }
        let of_tenant = running.by_tenant.get(tenant).copied().unwrap_or(0);
        if of_tenant >= limit_per_tenant {
            return Err(CallError::Busy { whose: "the tenant", running: of_tenant });
        }
        running.all += 1;
        running.by_tenant.insert(tenant.clone(), of_tenant + 1);
        Ok(Place { admission: self.clone(), tenant: tenant.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.admission.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.all = running.all.saturating_sub(1);
        match running.by_tenant.get_mut(&self.tenant) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                running.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_cannot_hold_all_places_and_leaves_nothing_behind() {
        let limits = Limits { concurrent_calls: 3, ..Limits::default() };
        let admission = Admission::new(&limits);
        let (noisy, quiet): (Arc<str>, Arc<str>) = ("noisy".into(), "quiet".into());

        let first = admission.enter(&noisy, 2).unwrap();
        let second = admission.enter(&noisy, 2).unwrap();
        let full = admission.enter(&noisy, 2).unwrap_err();
        assert!(matches!(full, CallError::Busy { whose: "the tenant", running: 2 }));

        let third = admission.enter(&quiet, 2).unwrap();
        let full = admission.enter(&quiet, 2).unwrap_err();
        assert!(matches!(full, CallError::Busy { whose: "the server", running: 3 }));

        drop(first);
        admission.enter(&noisy, 2).unwrap();
        drop((second, third));
        assert!(admission.running.lock().unwrap().by_tenant.is_empty());
    }
}
