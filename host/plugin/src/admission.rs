//! Places for calls: so many in all, so many for one tenant and for one plugin of it, and no further
//! ones while their fuel of this second is used up. Nobody waits for a place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::call::Call;
use crate::error::CallError;
use crate::limits::{Limits, Share};

/// Fuel that may be used at once, in seconds of the rate.
const BURST: Duration = Duration::from_secs(2);

/// Calls on trial of a tenant at a time.
const TRIALS: usize = 4;

/// Accounts past which those without a running call and with all their fuel are dropped.
const KEPT_ACCOUNTS: usize = 10_000;

/// Counts the calls that are running, and the fuel that was used.
#[derive(Debug)]
pub(crate) struct Admission {
    limit: usize,
    books: Mutex<Books>,
}

/// What a tenant's calls may take together, or those of one of its plugins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allotment {
    pub(crate) calls: usize,
    pub(crate) fuel_per_second: u64,
}

/// Who calls, and what each of them may take.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant: Arc<str>,
    pub(crate) of_tenant: Allotment,
    pub(crate) plugin: Arc<str>,
    /// `None`: as much as the tenant.
    pub(crate) of_plugin: Option<Allotment>,
}

/// A place, taken until this value is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    caller: Caller,
    /// What the call is charged for: all that it may use, until it is known what it has used. So a
    /// call that nobody waits for any more is not free.
    fuel: u64,
}

#[derive(Debug, Default)]
struct Books {
    running: usize,
    accounts: HashMap<Key, Account>,
}

/// A tenant, or a plugin of it.
type Key = (Arc<str>, Option<Arc<str>>);

#[derive(Debug)]
struct Account {
    running: usize,
    /// When all the fuel is there again that may be used at once (the generic cell rate algorithm).
    full_at: Instant,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Admission> {
        Arc::new(Admission { limit: limits.concurrent_calls, books: Mutex::default() })
    }

    /// A place for a call that may use so much fuel; or at once why there is none.
    pub(crate) fn enter(
        self: &Arc<Admission>,
        caller: Caller,
        fuel: u64,
        now: Instant,
    ) -> Result<Place, CallError> {
        let mut books = self.books();
        if books.running >= self.limit {
            return Err(CallError::Busy { whose: "the server", running: books.running });
        }
        for (key, whose, allotment) in caller.accounts() {
            if let Some(account) = books.accounts.get(&key) {
                account.allows(whose, allotment, now)?;
            }
        }
        books.running += 1;
        books.drop_idle_accounts(now);
        for (key, ..) in caller.accounts() {
            let account = Account { running: 0, full_at: now };
            books.accounts.entry(key).or_insert(account).running += 1;
        }
        Ok(Place { admission: self.clone(), caller, fuel })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    /// `limits` are those of the call, with its budget.
    pub(crate) fn of(call: &Call, limits: &Limits) -> Caller {
        let of_tenant = Allotment {
            calls: limits.concurrent_calls_per_tenant,
            fuel_per_second: limits.fuel_per_second,
        };
        let share = call.budget.share;
        let of_plugin = (share != Share::default()).then(|| Allotment {
            calls: share.concurrent_calls.unwrap_or(of_tenant.calls),
            fuel_per_second: share.fuel_per_second.unwrap_or(of_tenant.fuel_per_second),
        });
        Caller { tenant: call.tenant.clone(), of_tenant, plugin: call.plugin.clone(), of_plugin }
    }

    /// The same for calls on which no request depends: they have accounts of their own.
    pub(crate) fn on_trial(self) -> Caller {
        let tenant = format!("{} on trial", self.tenant).into();
        let calls = self.of_tenant.calls.min(TRIALS);
        Caller { tenant, of_tenant: Allotment { calls, ..self.of_tenant }, ..self }
    }

    fn accounts(&self) -> impl Iterator<Item = (Key, &'static str, Allotment)> {
        let tenant = ((self.tenant.clone(), None), "the tenant", self.of_tenant);
        let plugin = self.of_plugin.map(|allotment| {
            ((self.tenant.clone(), Some(self.plugin.clone())), "the plugin", allotment)
        });
        std::iter::once(tenant).chain(plugin)
    }
}

impl Books {
    fn drop_idle_accounts(&mut self, now: Instant) {
        if self.accounts.len() >= KEPT_ACCOUNTS {
            self.accounts.retain(|_, account| account.running > 0 || account.full_at > now);
        }
    }
}

impl Account {
    fn allows(
        &self,
        whose: &'static str,
        allotment: Allotment,
        now: Instant,
    ) -> Result<(), CallError> {
        if self.running >= allotment.calls {
            return Err(CallError::Busy { whose, running: self.running });
        }
        let until_full = self.full_at.saturating_duration_since(now);
        match until_full.checked_sub(BURST) {
            Some(retry_after) if !retry_after.is_zero() => Err(CallError::FuelRateExceeded {
                whose,
                limit: allotment.fuel_per_second,
                retry_after,
            }),
            _ => Ok(()),
        }
    }

    fn charge(&mut self, fuel: u64, per_second: u64, now: Instant) {
        let nanos = u128::from(fuel).saturating_mul(1_000_000_000) / u128::from(per_second.max(1));
        let refill = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let from = self.full_at.max(now);
        self.full_at = from.checked_add(refill).unwrap_or(from);
    }
}

impl Place {
    /// The call has ended, and has used no more than this.
    pub(crate) fn leave(mut self, fuel: u64) {
        self.fuel = fuel;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut books = self.admission.books();
        books.running = books.running.saturating_sub(1);
        for (key, _, allotment) in self.caller.accounts() {
            if let Some(account) = books.accounts.get_mut(&key) {
                account.running = account.running.saturating_sub(1);
                account.charge(self.fuel, allotment.fuel_per_second, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: Allotment = Allotment { calls: 100, fuel_per_second: 1_000_000 };

    fn admission(concurrent_calls: usize) -> Arc<Admission> {
        Admission::new(&Limits { concurrent_calls, ..Limits::default() })
    }

    fn caller(tenant: &str, of_tenant: Allotment, of_plugin: Option<Allotment>) -> Caller {
        Caller { tenant: tenant.into(), of_tenant, plugin: "plugin".into(), of_plugin }
    }

    #[test]
    fn one_tenant_cannot_hold_all_places() {
        let admission = admission(3);
        let two = Allotment { calls: 2, ..MANY };
        let enter = |tenant: &str| admission.enter(caller(tenant, two, None), 0, Instant::now());

        let first = enter("noisy").unwrap();
        let second = enter("noisy").unwrap();
        let full = enter("noisy").unwrap_err();
        assert!(matches!(full, CallError::Busy { whose: "the tenant", running: 2 }));

        let third = enter("quiet").unwrap();
        let full = enter("quiet").unwrap_err();
        assert!(matches!(full, CallError::Busy { whose: "the server", running: 3 }));

        drop(first);
        enter("noisy").unwrap();
        drop((second, third));
        assert_eq!(admission.books().running, 0);
    }

    #[test]
    fn one_plugin_cannot_hold_all_places_of_its_tenant() {
        let admission = admission(10);
        let one = Some(Allotment { calls: 1, ..MANY });
        let held = admission.enter(caller("acme", MANY, one), 0, Instant::now()).unwrap();
        let full = admission.enter(caller("acme", MANY, one), 0, Instant::now()).unwrap_err();
        assert!(matches!(full, CallError::Busy { whose: "the plugin", running: 1 }));
        let other = Caller { plugin: "other".into(), ..caller("acme", MANY, one) };
        admission.enter(other, 0, Instant::now()).unwrap();
        drop(held);
    }

    #[test]
    fn fuel_that_is_used_up_comes_again_with_time_and_other_tenants_have_theirs() {
        let admission = admission(10);
        let enter = |tenant: &str, at| admission.enter(caller(tenant, MANY, None), 0, at);
        let began = Instant::now();
        enter("acme", began).unwrap().leave(1_900_000);
        // What may be used at once is used, and a little more.
        enter("acme", began).unwrap().leave(3_200_000);
        let refused = enter("acme", began).unwrap_err();
        let CallError::FuelRateExceeded { whose: "the tenant", limit, retry_after } = refused
        else {
            panic!("{refused}")
        };
        assert_eq!(limit, 1_000_000);
        assert!(retry_after >= Duration::from_secs(3), "{retry_after:?}");
        enter("other", began).unwrap();
        enter("acme", Instant::now() + retry_after).unwrap();
    }

    #[test]
    fn calls_on_trial_take_neither_the_fuel_nor_the_places_of_those_of_requests() {
        let admission = admission(10);
        let few = Allotment { calls: 2, ..MANY };
        let began = Instant::now();
        let trial = || admission.enter(caller("acme", few, None).on_trial(), 0, began);
        trial().unwrap().leave(3_000_000);
        assert_eq!(trial().unwrap_err().kind(), "fuel-rate-exceeded");
        let live = || admission.enter(caller("acme", few, None), 0, began);
        let held = (live().unwrap(), live().unwrap());
        assert_eq!(live().unwrap_err().kind(), "busy");
        let many = Allotment { calls: 100, ..MANY };
        let other = || admission.enter(caller("other", many, None).on_trial(), 0, began);
        let trials: Vec<_> = (0..TRIALS).map(|_| other().unwrap()).collect();
        let full = other().unwrap_err();
        assert!(matches!(full, CallError::Busy { whose: "the tenant", running: TRIALS }));
        admission.enter(caller("other", many, None), 0, began).unwrap();
        drop((held, trials));
    }

    #[test]
    fn a_call_that_nobody_waits_for_any_more_costs_all_that_it_might_have_used() {
        let admission = admission(10);
        let now = Instant::now();
        drop(admission.enter(caller("acme", MANY, None), 5_000_000, now).unwrap());
        let refused = admission.enter(caller("acme", MANY, None), 0, now).unwrap_err();
        assert_eq!(refused.kind(), "fuel-rate-exceeded");
    }

    #[test]
    fn accounts_do_not_pile_up() {
        let admission = admission(10);
        for tenant in 0..2 * KEPT_ACCOUNTS {
            drop(admission.enter(caller(&tenant.to_string(), MANY, None), 0, Instant::now()));
        }
        assert!(admission.books().accounts.len() <= KEPT_ACCOUNTS);
    }
}
