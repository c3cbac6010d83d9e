//! Permissions, sets of them, and the roles that stand for sets.

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
    pub(super) const fn implied(self) -> PermissionSet {
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

    pub(super) const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    pub(super) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What a name stands for: of a permission, or `scim:*` of those that begin like that.
    pub(super) fn named(name: &str) -> Option<Self> {
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
    pub(super) fn names(self) -> Vec<&'static str> {
        let (all, rest) = if Self::SCIM.is_subset(self) {
            (Some("scim:*"), self.without(Self::SCIM))
        } else {
            (None, self)
        };
        let rest = Permission::ALL.into_iter().filter(|it| rest.contains(*it));
        all.into_iter().chain(rest.map(Permission::name)).collect()
    }
}
