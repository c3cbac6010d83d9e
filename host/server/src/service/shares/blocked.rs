//! Which copies cannot be written, because others of the child have their unique values.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::store::shares::copies::{Copy, Taken};

/// Why a copy cannot be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blocked {
    /// The path of the attribute whose value is taken.
    pub(super) attr: String,
    /// Who has it; `None` where it is one of the same batch.
    pub(super) holder: Option<Uuid>,
}

/// The copies that cannot be written, because others have their values. Those that are written give up
/// the values that they had; so one that cannot may be in the way of another.
pub(super) fn blocked(copies: &[Copy], taken: &[Taken]) -> HashMap<Uuid, Blocked> {
    let holders: HashMap<(&str, &str, &str), Uuid> =
        taken.iter().map(|it| ((&*it.resource_type, &*it.attr, &*it.val), it.id)).collect();
    let written: HashSet<Uuid> = copies.iter().map(|it| it.original.id).collect();
    let mut blocked: HashMap<Uuid, Blocked> = HashMap::new();
    loop {
        let before = blocked.len();
        let mut claimed = HashSet::new();
        for Copy { original, unique, .. } in copies {
            if blocked.contains_key(&original.id) {
                continue;
            }
            let key = |path, value| (original.resource_type.as_str(), path, value);
            let in_the_way = unique.iter().find_map(|it| {
                let key = key(it.path.as_str(), it.value.as_str());
                let holder = holders.get(&key).copied().filter(|holder| {
                    let stays = !written.contains(holder) || blocked.contains_key(holder);
                    *holder != original.id && stays
                });
                let is_taken = holder.is_some() || claimed.contains(&key);
                is_taken.then(|| Blocked { attr: it.path.clone(), holder })
            });
            match in_the_way {
                Some(found) => {
                    blocked.insert(original.id, found);
                }
                None => claimed.extend(unique.iter().map(|it| key(&*it.path, &*it.value))),
            }
        }
        if blocked.len() == before {
            return blocked;
        }
    }
}
