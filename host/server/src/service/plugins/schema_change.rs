//! What the activation of a version would do to resources that are stored.

use std::fmt;

use tenon_plugin::Digest;
use tenon_scim::Registry;
use tenon_scim::schema::changes::{Change, changes};

use crate::service::Services;
use crate::store::plugins::{self, Affected, Plugin};
use crate::store::{StoreError, TenantId};
use crate::tenant::runtime::{Misfit, registry_of};

/// A change, and how many resources have to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The change.
    pub change: Change,
    /// How many resources it is about.
    pub resources: i64,
    /// How many were looked at: those of a large tenant are not counted to the end.
    pub looked_at: i64,
}

impl Told {
    /// The attribute or extension, as a path; `None` where it is the whole type.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        match self.change.members.as_slice() {
            [] => None,
            [urn] if urn.contains(':') => Some(urn.clone()),
            [urn, names @ ..] if urn.contains(':') => Some(format!("{urn}:{}", names.join("."))),
            names => Some(names.join(".")),
        }
    }
}

/// `User title: attribute-removed, of 3 resources (its values are kept …)`
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { resource_type, kind, .. } = &self.change;
        let path = self.path().map(|path| format!(" {path}")).unwrap_or_default();
        write!(
            f,
            "{resource_type}{path}: {}, of {} resources ({})",
            kind.name(),
            self.resources,
            kind.effect()
        )
    }
}

/// What changes for stored resources when the tenant's plugins are no longer as they were, with this version
/// of one of them.
///
/// # Errors
/// With it, the plugins do not fit together.
pub(super) fn changes_by(
    before: &[Plugin],
    name: &str,
    digest: Digest,
) -> Result<(Registry, Vec<Change>), Misfit> {
    let after = with_version(before, name, &|_| Some(digest))?;
    // What was stored under a version that is not active any more is there still.
    let last = |plugin: &Plugin| plugin.active.or_else(|| plugin.previous().map(|it| it.digest));
    // Where that does not fit to the other plugins now, its data is hidden in any case.
    let changes = with_version(before, name, &last)
        .map(|before| changes(&before, &after))
        .unwrap_or_default();
    Ok((after, changes))
}

/// The registry of the tenant with another version of one of its plugins.
///
/// # Errors
/// With it, the plugins do not fit together.
pub(super) fn with_version(
    plugins: &[Plugin],
    name: &str,
    version: &dyn Fn(&Plugin) -> Option<Digest>,
) -> Result<Registry, Misfit> {
    let mut all = plugins.to_vec();
    for plugin in all.iter_mut().filter(|plugin| plugin.name == name) {
        plugin.active = version(plugin);
    }
    registry_of(&all)
}

impl Services {
    /// The changes with how many resources each is about.
    pub(super) async fn told(
        &self,
        tenant: TenantId,
        changes: Vec<Change>,
    ) -> Result<Vec<Told>, StoreError> {
        let mut told = Vec::new();
        for change in changes {
            let is_extension = change.members.first().is_some_and(|it| it.contains(':'));
            let depth = if is_extension { 2 } else { 1 };
            let members: Vec<&str> = change.members.iter().map(String::as_str).collect();
            let (members, sub) = match members.split_at_checked(depth) {
                Some((attribute, [sub])) => (attribute.to_vec(), Some(*sub)),
                _ => (members, None),
            };
            let mut conn = self.database.read_at(tenant).await?;
            let Affected { with, looked_at } =
                plugins::affected(&mut conn, tenant, &change.resource_type, &members, sub).await?;
            let is_without = change.kind.is_about_those_without();
            let resources = if is_without { looked_at - with } else { with };
            told.push(Told { change, resources, looked_at });
        }
        Ok(told)
    }
}
