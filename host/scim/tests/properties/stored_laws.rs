//! Storage: what is read back is what was written, and what is sent as it is shows what it should.

use proptest::prelude::*;
use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::membership;
use tenon_scim::project::Projection;
use tenon_scim::resource::{Kept, Known, without_secrets};
use tenon_scim::stored::{self, Document};

use super::types::Type;
use super::values::typed_resource;

/// A type and a resource of it without memberships, which are stored on their own.
fn without_memberships() -> impl Strategy<Value = (Type, Object)> {
    typed_resource().prop_map(|(of, mut resource)| {
        if let Some(membership) = membership::of(&of) {
            resource.shift_remove(&membership.attribute().name);
        }
        (of, resource)
    })
}

proptest! {
    #[test]
    fn what_is_read_back_is_what_was_written((of, resource) in without_memberships()) {
        let document = Document::of(&of, "2819c223", &resource, Kept::default());
        let known = stored::read(&of, &document.body, document.secrets.as_deref()).unwrap();
        prop_assert_eq!(known, Known { attributes: resource, hidden: Kept::default() });
    }

    #[test]
    fn a_body_of_the_shape_of_its_type_is_what_is_shown((of, resource) in without_memberships()) {
        let document = Document::of(&of, "2819c223", &resource, Kept::default());
        prop_assume!(document.shape == of.shape());
        let mut body: Object = serde_json::from_str(&document.body).unwrap();
        prop_assert_eq!(without_secrets(&of, &body), body.clone());
        let mut shown = resource;
        shown.insert("id".to_owned(), Value::from("2819c223"));
        Projection::default().apply(&of, &mut shown);
        Projection::default().apply(&of, &mut body);
        prop_assert_eq!(body, shown);
    }
}
