//! What a credential may do: permissions, the roles that stand for sets of them, and who asks.
//!
//! A permission on resources is for all types, or for one: `scim:read`, `scim:read:User`.

mod grants;
mod permission;
mod principal;

pub use self::grants::{Grants, UnknownPermission};
pub use self::permission::{PROVISIONER, Permission, PermissionSet, ROLES};
pub use self::principal::{Principal, PrincipalKind};
