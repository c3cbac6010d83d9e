//! Ids of the source, and what they are in the tenant.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::store::TenantId;

/// Bytes of a UUID as it is written with hyphens.
const HYPHENATED: usize = 36;

/// The id that a resource of the source has in the tenant: its own if it is a UUID, else one that
/// is made of it, always the same. So references need no table, and a line may be sent again.
///
/// The type is part of what it is made of: there are services that number users and groups alike.
pub(super) fn local(tenant: TenantId, resource_type: &str, id: &str) -> Uuid {
    kept(id).unwrap_or_else(|| made_of(tenant, resource_type, id))
}

/// The nil UUID is kept for nobody: pages of members begin after it.
pub(super) fn kept(id: &str) -> Option<Uuid> {
    let uuid = Uuid::parse_str(id).ok().filter(|_| id.len() == HYPHENATED)?;
    (!uuid.is_nil()).then_some(uuid)
}

/// RFC 9562 §5.8, version 8: the bits are our own.
fn made_of(tenant: TenantId, resource_type: &str, id: &str) -> Uuid {
    let mut hash = Sha256::new_with_prefix(tenant.0);
    for part in [resource_type, id] {
        // With its length: no two pairs are the same text.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(Uuid::from_u128(7));

    #[test]
    fn a_uuid_stays_what_it_is() {
        let id = "2819c223-7f76-453a-919d-413861904646";
        assert_eq!(local(TENANT, "User", id).to_string(), id);
        assert_eq!(local(TENANT, "User", &id.to_uppercase()).to_string(), id);
    }

    #[test]
    fn anything_else_is_always_the_same_uuid_for_a_type_of_a_tenant() {
        let one = local(TENANT, "User", "17");
        assert_eq!(one, local(TENANT, "User", "17"));
        assert_eq!(one.get_version_num(), 8);
        let nil = "00000000-0000-0000-0000-000000000000";
        for (tenant, resource_type, id) in [
            (TenantId(Uuid::from_u128(8)), "User", "17"),
            (TENANT, "Group", "17"),
            (TENANT, "User", "18"),
            (TENANT, "User1", "7"),
            (TENANT, "User", nil),
            (TENANT, "User", "2819c2237f76453a919d413861904646"),
        ] {
            let other = local(tenant, resource_type, id);
            assert_ne!(one, other, "{id}");
            assert_eq!(other.get_version_num(), 8, "{id}");
        }
    }
}
