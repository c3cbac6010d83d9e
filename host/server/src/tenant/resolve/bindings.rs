//! What the operator has bound to realms and tenants, as far as requests have asked for it.
//!
//! It holds as long as the configuration epoch does, like credentials, and so does the knowledge that
//! something is not bound.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::super::credentials::AsOf;
use super::Arrival;
use crate::store::StoreError;
use crate::store::entry_points::{self, Bound, Kind};
use crate::store::lanes::Lanes;

/// Hosts and headers that are kept. Past that, all are dropped and asked for again.
const KEPT: usize = 10_000;

/// What has been asked for.
#[derive(Debug, Default)]
pub(super) struct Bindings(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    as_of: Option<AsOf>,
    table: Arc<Table>,
    by_value: HashMap<(Kind, String), Option<Bound>>,
}

/// What each request is held against.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The longest first.
    pub(super) prefixes: Vec<(String, Bound)>,
    /// Whether a host or a header is bound.
    others: bool,
}

/// What is bound of that which a request has used.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) table: Arc<Table>,
    pub(super) host: Option<Bound>,
    /// One for each header of the request.
    pub(super) headers: Vec<Option<Bound>>,
}

impl Bindings {
    /// What is bound of that which the request has used.
    pub(super) async fn find(
        &self,
        arrival: &Arrival<'_>,
        as_of: Option<AsOf>,
        lanes: &Lanes,
    ) -> Result<Found, StoreError> {
        let table = self.table(as_of, lanes).await?;
        if !table.others {
            return Ok(Found { table, host: None, headers: vec![None; arrival.headers.len()] });
        }
        let host = match &arrival.host {
            Some(host) => self.bound(Kind::Host, host.name.clone(), as_of, lanes).await?,
            None => None,
        };
        let mut headers = Vec::new();
        for (name, value) in &arrival.headers {
            let value = format!("{name}: {value}");
            headers.push(self.bound(Kind::Header, value, as_of, lanes).await?);
        }
        Ok(Found { table, host, headers })
    }

    async fn table(&self, as_of: Option<AsOf>, lanes: &Lanes) -> Result<Arc<Table>, StoreError> {
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if as_of.is_some() && known.as_of == as_of {
                return Ok(Arc::clone(&known.table));
            }
        }
        let (mut prefixes, others) = entry_points::prefixes(lanes).await?;
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        let table = Arc::new(Table { prefixes, others });
        if as_of.is_some() {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            *known = Known { as_of, table: Arc::clone(&table), by_value: HashMap::new() };
        }
        Ok(table)
    }

    async fn bound(
        &self,
        kind: Kind,
        value: String,
        as_of: Option<AsOf>,
        lanes: &Lanes,
    ) -> Result<Option<Bound>, StoreError> {
        let key = (kind, value);
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if as_of.is_some()
                && known.as_of == as_of
                && let Some(bound) = known.by_value.get(&key)
            {
                return Ok(*bound);
            }
        }
        let bound = entry_points::bound(lanes, kind, &key.1).await?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if as_of.is_some() && known.as_of == as_of {
            if known.by_value.len() >= KEPT {
                known.by_value.clear();
            }
            known.by_value.insert(key, bound);
        }
        Ok(bound)
    }
}

impl Table {
    #[cfg(test)]
    pub(super) fn of(prefixes: &[(&str, Bound)]) -> Self {
        let prefixes = prefixes.iter().map(|(prefix, bound)| ((*prefix).to_owned(), *bound));
        Self { prefixes: prefixes.collect(), others: true }
    }
}
