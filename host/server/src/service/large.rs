//! Work on large resources and requests: done where it holds up no other request, and as much of
//! it at a time as one tenant may have.

use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::patch::PatchRequest;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::block_in_place;

use super::Request;

/// Bytes of JSON from which on a resource or a request is large.
pub(super) const LARGE: usize = 64 * 1024;

/// Operations from which on a PATCH is large.
const OPERATIONS: usize = 50;

/// Bytes that any value takes beside its text: quotes, a comma.
const AROUND: usize = 3;

impl Request {
    /// Does work that holds a processor for long where it is `large`.
    pub(super) async fn work<T>(&self, large: bool, work: impl FnOnce() -> T) -> T {
        if large { aside(&self.tenant.large_work, work).await } else { work() }
    }

    /// The place that large work needs, for as long as it takes with what it waits for.
    pub(super) async fn place(&self, large: bool) -> Option<SemaphorePermit<'_>> {
        if large { self.tenant.large_work.acquire().await.ok() } else { None }
    }
}

/// Does work when there is a place for it, in a thread from which other requests have moved away.
async fn aside<T>(places: &Semaphore, work: impl FnOnce() -> T) -> T {
    // The semaphore is never closed, so there is always a place in the end.
    let _place = places.acquire().await.ok();
    block_in_place(work)
}

/// Whether a resource or the body of a request is large.
pub(super) fn is_large(object: &Object) -> bool {
    !members_fit(object, &mut { LARGE })
}

/// Whether a PATCH is large.
pub(super) fn is_large_patch(patch: &PatchRequest) -> bool {
    let left = &mut { LARGE };
    let mut operations = patch.operations.iter();
    patch.operations.len() >= OPERATIONS
        || !operations.all(|it| {
            let path = it.path.as_ref().map_or(0, String::len);
            spend(left, path) && it.value.as_ref().is_none_or(|value| fits(value, left))
        })
}

/// Whether a value takes no more than the bytes that are `left`; looks no further than those.
fn fits(value: &Value, left: &mut usize) -> bool {
    let text = value.as_str().map_or(0, str::len);
    spend(left, text + AROUND)
        && match value {
            Value::Array(values) => values.iter().all(|it| fits(it, left)),
            Value::Object(members) => members_fit(members, left),
            _ => true,
        }
}

fn members_fit(members: &Object, left: &mut usize) -> bool {
    members.iter().all(|(name, value)| spend(left, name.len() + AROUND) && fits(value, left))
}

fn spend(left: &mut usize, bytes: usize) -> bool {
    let rest = left.checked_sub(bytes);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::timeout;

    use super::*;

    fn object(value: Value) -> Object {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_takes_many_bytes_is_large_however_they_are_spread() {
        let member = json!({ "value": "2819c223-7f76-453a-919d-413861904646" });
        for (value, large) in [
            (json!("x".repeat(LARGE)), true),
            (json!("x".repeat(LARGE / 2)), false),
            (json!(vec![member.clone(); 2_000]), true),
            (json!(vec![member; 200]), false),
            (json!(vec![json!({}); LARGE]), true),
            (json!({ "x".repeat(LARGE): 1 }), true),
        ] {
            assert_eq!(is_large(&object(json!({ "a": value }))), large);
            let patch = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{ "op": "add", "path": "a", "value": value }]
            });
            assert_eq!(is_large_patch(&PatchRequest::parse(&object(patch)).unwrap()), large);
        }
    }

    #[test]
    fn a_patch_with_many_operations_or_long_paths_is_large() {
        let is_large = |operations: usize, path: &str| {
            let operation = json!({ "op": "remove", "path": path });
            let patch = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": vec![operation; operations]
            });
            is_large_patch(&PatchRequest::parse(&object(patch)).unwrap())
        };
        assert!(!is_large(1, "a"));
        assert!(is_large(OPERATIONS, "a"));
        assert!(is_large(2, &"a".repeat(LARGE / 2 + 1)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn large_work_waits_for_a_place() {
        let (places, done) = (Semaphore::new(1), AtomicBool::new(false));
        let place = places.acquire().await.unwrap();
        let mut work = Box::pin(aside(&places, || done.store(true, Ordering::Relaxed)));
        timeout(Duration::ZERO, &mut work).await.unwrap_err();
        assert!(!done.load(Ordering::Relaxed));
        drop(place);
        work.await;
        assert!(done.load(Ordering::Relaxed));
        assert_eq!(places.available_permits(), 1);
    }
}
