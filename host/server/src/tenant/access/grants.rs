//! What a credential may do of which resources, and what is hidden from it.

use std::collections::BTreeMap;

use super::permission::{Permission, PermissionSet, ROLES};
use crate::store::StoreError;
use crate::store::tokens::StoredGrants;

/// What a credential may do, and what it may not see of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// For all types, and for what is of no type.
    everywhere: PermissionSet,
    /// For resources of one type, by its name.
    by_type: BTreeMap<String, PermissionSet>,
    /// Paths of attributes that it may not read.
    hidden: Vec<String>,
}

/// There is no such permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission or role \"{0}\"")]
pub struct UnknownPermission(pub String);

impl Grants {
    /// Reads permissions; names of roles and `scim:*` stand for several.
    ///
    /// # Errors
    /// One of them is not known.
    pub fn parse(permissions: &[String], hidden: Vec<String>) -> Result<Self, UnknownPermission> {
        let mut grants = Self { hidden, ..Self::default() };
        for name in permissions {
            match ROLES.iter().find(|(role, _)| role == name) {
                Some((_, permissions)) => permissions.iter().try_for_each(|it| grants.add(it))?,
                None => grants.add(name)?,
            }
        }
        Ok(grants)
    }

    /// What is stored of a credential.
    ///
    /// # Errors
    /// A newer server has stored a permission that this one does not know.
    pub fn of_stored(stored: StoredGrants) -> Result<Self, StoreError> {
        let StoredGrants { permissions, hidden } = stored;
        Self::parse(&permissions, hidden)
            .map_err(|UnknownPermission(found)| StoreError::Unknown { what: "permission", found })
    }

    /// What is stored, and shown.
    #[must_use]
    pub fn stored(&self) -> StoredGrants {
        let everywhere = self.everywhere.names().into_iter().map(str::to_owned);
        let of_types = self.by_type.iter().flat_map(|(resource_type, set)| {
            let further = set.without(self.everywhere);
            further.names().into_iter().map(move |name| format!("{name}:{resource_type}"))
        });
        StoredGrants {
            permissions: everywhere.chain(of_types).collect(),
            hidden: self.hidden.clone(),
        }
    }

    /// Everything, as the operator may.
    #[must_use]
    pub fn operator() -> Self {
        let everywhere = Permission::ALL.into_iter().map(Permission::implied);
        let everywhere = everywhere.fold(PermissionSet::default(), PermissionSet::union);
        Self { everywhere, ..Self::default() }
    }

    /// Whether it is allowed for all types, or for some.
    #[must_use]
    pub fn allow(&self, permission: Permission) -> bool {
        self.everywhere.contains(permission)
            || self.by_type.values().any(|set| set.contains(permission))
    }

    /// Whether it is allowed for resources of this type.
    #[must_use]
    pub fn allow_on(&self, permission: Permission, resource_type: &str) -> bool {
        self.everywhere.contains(permission)
            || self.by_type.get(resource_type).is_some_and(|set| set.contains(permission))
    }

    /// Whether who has these may give `other` to somebody: it is not more, and hides as much.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let of_type = |name: &str| self.by_type.get(name).copied().unwrap_or_default();
        other.everywhere.is_subset(self.everywhere)
            && other
                .by_type
                .iter()
                .all(|(name, set)| set.is_subset(self.everywhere.union(of_type(name))))
            && self.hidden.iter().all(|path| other.hidden.contains(path))
    }

    /// What either allows, without what either hides.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.everywhere = self.everywhere.union(other.everywhere);
        for (name, set) in &other.by_type {
            let of_type = self.by_type.entry(name.clone()).or_default();
            *of_type = of_type.union(*set);
        }
        self.hide(&other.hidden);
        self
    }

    /// What both allow, without what either hides: of what somebody claims, what they may have.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        let everywhere = self.everywhere.intersection(other.everywhere);
        let mut both = Self { everywhere, hidden: self.hidden.clone(), ..Self::default() };
        for name in self.types().chain(other.types()) {
            let of_type = self.on(name).intersection(other.on(name)).without(everywhere);
            if of_type != PermissionSet::default() {
                both.by_type.insert(name.to_owned(), of_type);
            }
        }
        both.hide(&other.hidden);
        both
    }

    /// Whether nothing at all is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing = PermissionSet::default();
        self.everywhere == nothing && self.by_type.values().all(|set| *set == nothing)
    }

    fn on(&self, resource_type: &str) -> PermissionSet {
        let of_type = self.by_type.get(resource_type).copied().unwrap_or_default();
        self.everywhere.union(of_type)
    }

    fn hide(&mut self, paths: &[String]) {
        for path in paths {
            if !self.hidden.contains(path) {
                self.hidden.push(path.clone());
            }
        }
    }

    /// Paths of attributes that it may not read.
    #[must_use]
    pub fn hidden(&self) -> &[String] {
        &self.hidden
    }

    /// The names of the types for which something is allowed.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.by_type.keys().map(String::as_str)
    }

    fn add(&mut self, name: &str) -> Result<(), UnknownPermission> {
        let unknown = || UnknownPermission(name.to_owned());
        if let Some(set) = PermissionSet::named(name) {
            self.everywhere = self.everywhere.union(set);
            return Ok(());
        }
        let (action, resource_type) = name.rsplit_once(':').ok_or_else(unknown)?;
        let is_of_resources = action.starts_with("scim:") && !resource_type.is_empty();
        let set = PermissionSet::named(action).filter(|_| is_of_resources).ok_or_else(unknown)?;
        let of_type = self.by_type.entry(resource_type.to_owned()).or_default();
        *of_type = of_type.union(set);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
