//! What a credential may do: permissions, the roles that stand for sets of them, and who asks.
//!
//! A permission on resources is for all types, or for one: `scim:read`, `scim:read:User`.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::limits::ClaimedLimits;

use crate::store::StoreError;
use crate::store::tokens::StoredGrants;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// One thing that a credential may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Permission {
            $($(#[$doc])* $name,)+
        }

        use Permission::{$($name),+};

        impl Permission {
            /// All of them.
            pub const ALL: [Self; [$($text),+].len()] = [$($name),+];

            /// As it is written: `scim:create`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($name => $text,)+
                }
            }
        }
    };
}

permissions! {
    /// To create resources.
    Create = "scim:create",
    /// To see the attributes of resources.
    Read = "scim:read",
    /// To replace and patch resources.
    Update = "scim:update",
    /// To delete resources.
    Delete = "scim:delete",
    /// To list resources.
    List = "scim:list",
    /// To send operations together; each needs its own permission as well.
    Bulk = "scim:bulk",
    /// To ask how a list is made, which tells of the tenant's indexes and sizes.
    Explain = "scim:explain",
    /// To see plugins, their configuration included.
    PluginsRead = "plugins:read",
    /// To upload, configure and delete plugins.
    PluginsWrite = "plugins:write",
    /// To activate and deactivate plugins.
    PluginsActivate = "plugins:activate",
    /// To see how the tenant is configured.
    ConfigRead = "config:read",
    /// To change how the tenant is configured.
    ConfigWrite = "config:write",
    /// To see who has credentials.
    TokensRead = "tokens:read",
    /// To give and take credentials.
    TokensWrite = "tokens:write",
    /// To see who has done what.
    AuditRead = "audit:read",
}

/// The names of roles, and what they stand for. The operator is none of them.
pub const ROLES: [(&str, &[&str]); 5] = [
    (PROVISIONER, &["scim:*"]),
    ("reader", &["scim:read", "scim:list"]),
    ("plugin-developer", &["plugins:*", "config:read", "scim:read", "scim:list", "scim:explain"]),
    ("auditor", &["audit:read", "config:read", "tokens:read"]),
    (
        "tenant-admin",
        &["scim:*", "scim:explain", "plugins:*", "config:*", "tokens:*", "audit:read"],
    ),
];

/// What a credential is that nothing is said of.
pub const PROVISIONER: &str = "provisioner";

impl Permission {
    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// What it brings with it: who changes something sees it.
    const fn implied(self) -> PermissionSet {
        let further = match self {
            PluginsWrite => PluginsRead.bit(),
            ConfigWrite => ConfigRead.bit(),
            TokensWrite => TokensRead.bit(),
            _ => 0,
        };
        PermissionSet(self.bit() | further)
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// What `scim:*` stands for: everything with resources but the look behind the lists.
    const SCIM: Self =
        Self(Create.bit() | Read.bit() | Update.bit() | Delete.bit() | List.bit() | Bulk.bit());

    const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What a name stands for: of a permission, or `scim:*` of those that begin like that.
    fn named(name: &str) -> Option<Self> {
        if name == "scim:*" {
            return Some(Self::SCIM);
        }
        let family = name.strip_suffix('*').filter(|it| it.ends_with(':'));
        let is_meant = |it: &Permission| match family {
            Some(family) => it.name().starts_with(family),
            None => it.name() == name,
        };
        let meant = Permission::ALL.into_iter().filter(is_meant).map(Permission::implied);
        meant.reduce(Self::union)
    }

    /// The shortest names for it.
    fn names(self) -> Vec<&'static str> {
        let (all, rest) = if Self::SCIM.is_subset(self) {
            (Some("scim:*"), self.without(Self::SCIM))
        } else {
            (None, self)
        };
        let rest = Permission::ALL.into_iter().filter(|it| rest.contains(*it));
        all.into_iter().chain(rest.map(Permission::name)).collect()
    }
}

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

/// What sort of credential was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The operator's token.
    Operator,
    /// A token of the tenant, with its id.
    Token(Uuid),
    /// An access token of an OAuth client of the tenant, with the client's id.
    Client(Uuid),
    /// A certificate that the tenant has named, with its id.
    Certificate(Uuid),
    /// A JWT of an issuer of the tenant, with the issuer's id.
    Issuer(Uuid),
    /// None, where none is needed.
    Nobody,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Principal {
    /// What sort of credential was shown.
    pub kind: PrincipalKind,
    /// Who acts, for the record: `operator`, `token:<id>`, `client:<id>`,
    /// `certificate:<id>`, `jwt:<id of the issuer>:<subject>`, `nobody`.
    pub actor: Arc<str>,
    /// What it may do.
    pub grants: Grants,
    /// The resource that it speaks for, if one.
    pub subject: Option<Uuid>,
    /// When its credential ends, if that is said of it. That a JWT or an access token expires is not:
    /// there is a new one for the asking.
    pub ends: Option<OffsetDateTime>,
    /// What it says that it may cost, where that is less than the tenant may.
    pub claimed: ClaimedLimits,
}

impl Principal {
    /// Whether they may give this to somebody until then: it is not more than they have, and not for
    /// longer.
    #[must_use]
    pub fn may_give(&self, grants: &Grants, until: Option<OffsetDateTime>) -> bool {
        let is_in_time = self.ends.is_none_or(|ends| until.is_some_and(|until| until <= ends));
        is_in_time && self.grants.covers(grants)
    }

    /// The operator.
    #[must_use]
    pub fn operator() -> Self {
        let grants = Grants::operator();
        let (kind, actor) = (PrincipalKind::Operator, "operator".into());
        Self { kind, actor, grants, subject: None, ends: None, claimed: ClaimedLimits::default() }
    }

    /// Who shows nothing, and may do nothing.
    #[must_use]
    pub fn nobody() -> Self {
        let (kind, actor) = (PrincipalKind::Nobody, "nobody".into());
        Self {
            kind,
            actor,
            grants: Grants::default(),
            subject: None,
            ends: None,
            claimed: ClaimedLimits::default(),
        }
    }

    /// Who shows a token, which may end.
    #[must_use]
    pub fn token(
        id: Uuid,
        grants: Grants,
        subject: Option<Uuid>,
        ends: Option<OffsetDateTime>,
    ) -> Self {
        let actor = format!("token:{id}").into();
        Self {
            kind: PrincipalKind::Token(id),
            actor,
            grants,
            subject,
            ends,
            claimed: ClaimedLimits::default(),
        }
    }

    /// Who shows a certificate, which may end.
    #[must_use]
    pub fn certificate(
        id: Uuid,
        grants: Grants,
        subject: Option<Uuid>,
        ends: Option<OffsetDateTime>,
    ) -> Self {
        let actor = format!("certificate:{id}").into();
        Self {
            kind: PrincipalKind::Certificate(id),
            actor,
            grants,
            subject,
            ends,
            claimed: ClaimedLimits::default(),
        }
    }

    /// Who shows an access token.
    #[must_use]
    pub fn client(id: Uuid, grants: Grants) -> Self {
        let actor = format!("client:{id}").into();
        Self {
            kind: PrincipalKind::Client(id),
            actor,
            grants,
            subject: None,
            ends: None,
            claimed: ClaimedLimits::default(),
        }
    }

    /// Who shows a JWT of an issuer; the subject as it is shown.
    #[must_use]
    pub fn of_issuer(
        id: Uuid,
        shown_subject: &str,
        grants: Grants,
        subject: Option<Uuid>,
        claimed: ClaimedLimits,
    ) -> Self {
        let actor = format!("jwt:{id}:{shown_subject}").into();
        Self { kind: PrincipalKind::Issuer(id), actor, grants, subject, ends: None, claimed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(permissions: &[&str]) -> Grants {
        let permissions: Vec<String> = permissions.iter().map(|&it| it.to_owned()).collect();
        Grants::parse(&permissions, Vec::new()).unwrap()
    }

    #[test]
    fn names_are_read_back_in_their_shortest_form() {
        for (written, shown) in [
            (&["provisioner"][..], &["scim:*"][..]),
            (&["scim:list", "scim:read", "scim:read:User"], &["scim:read", "scim:list"]),
            (&["scim:*:User", "scim:read:Group"], &["scim:read:Group", "scim:*:User"]),
            (&["plugins:write"], &["plugins:read", "plugins:write"]),
            (&["scim:*", "scim:explain"], &["scim:*", "scim:explain"]),
        ] {
            assert_eq!(grants(written).stored().permissions, shown, "{written:?}");
        }
        for (role, permissions) in ROLES {
            assert_eq!(grants(&[role]), grants(permissions));
            assert_eq!(Grants::of_stored(grants(&[role]).stored()).unwrap(), grants(&[role]));
        }
    }

    #[test]
    fn what_is_no_permission_is_not_read() {
        for name in
            ["", "scim", "scim:", "scim:write", "*", "scim:read:", "plugins:read:User", "operator"]
        {
            let read = Grants::parse(&[name.to_owned()], Vec::new());
            assert_eq!(read, Err(UnknownPermission(name.to_owned())));
        }
    }

    #[test]
    fn a_permission_on_one_type_is_none_on_another() {
        let users = grants(&["scim:read:User", "scim:list"]);
        assert!(users.allow(Read) && users.allow_on(Read, "User"));
        assert!(!users.allow_on(Read, "Group") && !users.allow_on(Read, "user"));
        assert!(users.allow_on(List, "Group") && !users.allow(Create));
    }

    #[test]
    fn what_is_claimed_counts_as_far_as_it_may() {
        let ceiling = grants(&["scim:read", "scim:list:User", "scim:update:Group"]);
        for (claimed, allowed) in [
            (&["scim:*"][..], &["scim:read", "scim:list:User", "scim:update:Group"][..]),
            (&["scim:read:User", "scim:list:User"], &["scim:read:User", "scim:list:User"]),
            (
                &["scim:list:Group", "tenant-admin"],
                &["scim:read", "scim:list:User", "scim:update:Group"],
            ),
            (&["scim:delete", "tokens:write", "scim:list:Group"], &[]),
        ] {
            assert_eq!(grants(claimed).within(&ceiling), grants(allowed), "{claimed:?}");
            assert!(ceiling.covers(&grants(claimed).within(&ceiling)));
        }
        assert!(grants(&["audit:read"]).within(&ceiling).is_empty() && !ceiling.is_empty());
        let hiding = Grants::parse(&["scim:read".to_owned()], vec!["emails".to_owned()]).unwrap();
        assert_eq!(hiding.within(&ceiling).hidden, ["emails"]);
        assert_eq!(ceiling.within(&hiding).hidden, ["emails"]);
        assert_eq!(ceiling.clone().union(&hiding).hidden, ["emails"]);
    }

    #[test]
    fn nobody_covers_what_they_do_not_have() {
        let reader = grants(&["scim:read", "scim:list:User"]);
        assert!(reader.covers(&grants(&["scim:read:Group", "scim:read", "scim:list:User"])));
        for more in [&["scim:list"][..], &["scim:list:Group"], &["scim:*:User"], &["audit:read"]] {
            assert!(!reader.covers(&grants(more)), "{more:?}");
        }
        assert!(ROLES.iter().all(|(role, _)| grants(&["tenant-admin"]).covers(&grants(&[role]))));
        assert!(Grants::operator().covers(&grants(&["tenant-admin"])));
        let hiding = Grants::parse(&["scim:read".to_owned()], vec!["emails".to_owned()]).unwrap();
        assert!(!hiding.covers(&grants(&["scim:read"])) && grants(&["scim:read"]).covers(&hiding));
    }
}
